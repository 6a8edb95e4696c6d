"""The judge of a simulation: what is broken after each step, why shares were uncovered, how soon all was well again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lib.invariants.catalogue import AFTER_CLEAN_ORDER_MONITOR, ALWAYS, AT_REST, check, lost_rows
from lib.invariants.evidence import Books, Evidence, Violation
from lib.simulation.evidence import audited_evidence, evidence, truth
from lib.simulation.world import Ran, World
from lib.store import queries

CAUSES = frozenset(
    {"broker_pending_cancel", "symbol_halted", "foreign_order", "corporate_action", "uncoverable", "broker_down"}
)
"""The closed list of why a share may stay uncovered past one clean pass (design, section 9)."""

REST = {name: judge for name, judge in AT_REST.items() if name not in AFTER_CLEAN_ORDER_MONITOR}
"""What has to come to rest after a fault; cover is judged after each clean pass, since the broker may impose a wait."""

FIRST_LOOK = "until the next look"
SPANS = (60, 300, 600, 1800, 3600, 6 * 3600, 86400, 10**9)
"""Seconds; an interval without cover is counted by the least of these that it does not exceed."""

PASSES_MAX = 3
"""So many clean passes of order_monitor after the last fault, at most, and everything has come to rest."""


@dataclass(slots=True)
class Judge:
    """Looks after each pass, and remembers what was broken and when.

    A clean pass is one that no fault struck. What is uncovered after one has a cause of the closed list, or is broken.
    """

    violations: list[Violation] = field(default_factory=list)
    uncovered: Counter[str] = field(default_factory=Counter)
    since_fault: int | None = None
    """Clean passes of order_monitor since the last fault; None while all is well."""
    convergence: int = 0
    clocks_apart: timedelta = timedelta(0)
    _left: tuple[Violation, ...] | None = None
    _before: Books | None = None
    _seen: Evidence | None = None

    def look(self, world: World, ran: Ran, *, troubled: bool) -> None:
        """Judge the world after one pass; `troubled` says that a fault struck it."""
        seen = self._evidence(world)
        found = list(check(ALWAYS, seen))
        if self._before is not None:
            found += lost_rows(self._before, seen.books)
        if ran.stage == "order_monitor" and not troubled:
            found += [v for v in self._covered(world, seen) if not _too_fresh(v, world, seen)]
        self._note_rest(ran, seen, found, troubled=troubled)
        self._before, self._seen = seen.books, seen
        when = f"after {ran.stage} at {ran.at:%m-%d %H:%M}"
        self.violations += [Violation(id=v.id, message=f"{when}: {v.message}") for v in found]

    def _covered(self, world: World, seen: Evidence) -> list[Violation]:
        found = check(AFTER_CLEAN_ORDER_MONITOR, seen)
        if not found:
            return []
        causes = {c.cause for c in world.store.rows(world.account).coverage if c.covered_qty != c.owned_qty}
        if causes and causes <= CAUSES:
            self.uncovered.update(str(cause) for cause in causes)
            return []
        return list(found)

    def _note_rest(self, ran: Ran, seen: Evidence, found: list[Violation], *, troubled: bool) -> None:
        if troubled:
            self.since_fault, self._left = 0, None
        elif self.since_fault is not None and ran.stage == "order_monitor":
            self.since_fault += 1
            # What the broker does meanwhile is always a little ahead of the rows; what the fault left behind stays.
            now = check(REST, seen)
            left = self._left = now if self._left is None else tuple(v for v in self._left if v in now)
            if not left:
                self.convergence, self.since_fault = max(self.convergence, self.since_fault), None
            elif self.since_fault > PASSES_MAX:
                found += [
                    Violation(id="L4", message=f"{self.since_fault} clean passes after the last fault: {v}")
                    for v in left
                ]
                self.since_fault = None

    def evidence(self, world: World) -> Evidence:
        """Return what was seen after the last step, or look now."""
        seen = self._seen
        return seen if seen is not None and seen.now == world.clock.now() else self._evidence(world)

    def _evidence(self, world: World) -> Evidence:
        seen = truth(world, evidence)
        return replace(seen, clocks_apart=self.clocks_apart) if self.clocks_apart else seen

    def at_rest(self, world: World) -> tuple[Violation, ...]:
        """Judge a world that has come to rest."""
        seen = truth(world, audited_evidence)
        return check(AT_REST, replace(seen, clocks_apart=self.clocks_apart))

    def save(self) -> object:
        """Put it aside."""
        kept = (list(self.violations), Counter(self.uncovered), self.since_fault, self.convergence, self.clocks_apart)
        return (*kept, self._left, self._before)

    def begin_again(self, saved: object) -> None:
        """Take it up where it was put aside."""
        assert isinstance(saved, tuple)
        violations, uncovered, self.since_fault, self.convergence, self.clocks_apart, self._left, self._before = saved
        self.violations, self.uncovered, self._seen = list(violations), Counter(uncovered), None


def _too_fresh(violation: Violation, world: World, seen: Evidence) -> bool:
    """Say whether an order of the symbol ended, or filled, so lately that the broker's lists did not show it yet."""
    lag = timedelta(seconds=float(world.paper.options.list_lag_s))
    symbol = violation.message.partition(":")[0]
    orders = [o for parent in seen.ledger.orders for o in (parent, *parent.legs) if o.symbol == symbol]
    times = (t for o in orders for t in (o.ended_at, o.filled_at) if t is not None)
    return any(seen.now - lag < t for t in times)


def spans(world: World, since: datetime) -> Iterator[str]:
    """Name each interval since then in which shares were uncovered, by its cause and the step of SPANS it falls into.

    Without a cause it is the time from a fill to the look that followed it.
    """
    for cause, seconds in queries.uncovered_spans(world.store, world.account, since=since):
        yield f"{cause or FIRST_LOOK}|{next(most for most in SPANS if seconds <= most)}"
