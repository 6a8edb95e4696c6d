"""The table: what was measured, what it is compared with, and whether the limit holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.timing import Command

NEVER_LOADED = frozenset({"pandas", "numpy"})
HEADS = f"{'measured':<48} {'median':>7} {'against':>11} {'ratio':>7}   limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured, and its limit: so many times what it is compared with, plus some seconds."""

    measured: Command
    against: Command
    times: float
    plus_s: float = 0

    @property
    def limit_s(self) -> float:
        """The limit, in seconds."""
        return self.times * self.against.median_s + self.plus_s

    @property
    def holds(self) -> bool:
        """Whether the limit holds."""
        return self.measured.median_s <= self.limit_s

    def line(self) -> str:
        """Write it as a line of the table."""
        took, other = self.measured.median_s, self.against.median_s
        limit = f"{self.times:g} x" + (f" + {self.plus_s * 1000:.0f} ms" if self.plus_s else "")
        return (
            f"{self.measured.name:<48} {_ms(took)} {_ms(other):>11} {took / other:>7.2f}"
            f"   {limit:<11} = {_ms(self.limit_s)}   {'holds' if self.holds else 'BROKEN'}"
        )


def report(rows: Sequence[Row], loaded: Mapping[str, frozenset[str]]) -> bool:
    """Print the table and what each command loads; say whether all of it is as it should be."""
    print(HEADS)
    for row in rows:
        print(row.line())
    unwanted = {name: sorted(modules & NEVER_LOADED) for name, modules in loaded.items()}
    for name, modules in loaded.items():
        found = f"{', '.join(unwanted[name])} LOADED" if unwanted[name] else "no pandas, no numpy"
        print(f"{name:<48} {len(modules):>7} modules, {found}")
    return all(row.holds for row in rows) and not any(unwanted.values())


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:>4.0f} ms"
