"""How well the broker behaves: named sets of switches, and single ones read from text.

A profile says only what differs from the defaults. Those answer at once and show everything at once, so that on a clock
that stands still nothing is missing; they fill as Alpaca's paper account does.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lib.domain.money import D, NotMoney
from lib.paper_broker.faults import LAST, Fault, FaultKind
from lib.paper_broker.options import Options, OptionsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Profile:
    """Switches by name, and faults."""

    switches: Mapping[str, Any]
    faults: tuple[Fault, ...] = ()


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "ideal": Profile({"partial_fill_rate": Decimal(0)}),
        "alpaca-paper": Profile(
            {
                # Docs, "Paper Trading": one eligible fill in ten is partial.
                "partial_fill_rate": Decimal("0.1"),
                # Alpaca's staff, forum 18156: lists show a fill 150 to 250 ms later, an order by its id 25 ms.
                "list_lag_s": Decimal("0.2"),
                # Forum 9053: an order on paper takes 107 ms to 731 ms; this is the least of it.
                "ack_latency_s": Decimal("0.1"),
                # A user's measurement on paper: a cancel is confirmed after 15 ms, its shares are free after 78 ms.
                "cancel_latency_s": Decimal("0.015"),
                "release_lag_s": Decimal("0.063"),
                # No source; taken to be as long as a cancel.
                "replace_latency_s": Decimal("0.015"),
                # Users: positions lag fills. How long has no source; taken to be as long as shares stay set aside.
                "booking_lag_s": Decimal("0.08"),
                # FEE rows of a third party's paper account of September 2026, REG, TAF and CAT, against the docs.
                "regulatory_fees": True,
                # Docs: 200 requests a minute and account; market data on the free plan likewise, counted by itself.
                "rate_limit_per_minute": 200,
                "data_rate_limit_per_minute": 200,
            }
        ),
        # No source: worse than anybody has told, so that what lives through it lives through Alpaca.
        "hostile": Profile(
            {
                "partial_fill_rate": Decimal("0.5"),
                "list_lag_s": Decimal(3),
                "ack_latency_s": Decimal(2),
                "cancel_latency_s": Decimal(4),
                "release_lag_s": Decimal(3),
                "replace_latency_s": Decimal(4),
                "booking_lag_s": Decimal(5),
                "oco_stop_follows_target": False,
                "oco_target_ends_replaced": True,
                "oco_both_legs_may_fill": True,
                "rate_limit_per_minute": 60,
                "data_rate_limit_per_minute": 60,
            },
            tuple(Fault("* *", 1, kind, to=LAST, rate=Decimal("0.02")) for kind in FaultKind),
        ),
    }
)


def read_switch(text: str) -> tuple[str, object]:
    """Read one switch written as name=value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise OptionsError(f"{text!r} is no switch; write it like partial_fill_rate=0")
    kinds = {item.name: str(item.type) for item in fields(Options)}
    if name in _OTHERWISE or kinds.get(name) not in _READERS:
        raise OptionsError(f"{name}: no such switch; there are {', '.join(dict(switches()))}")
    try:
        return name, _READERS[kinds[name]](name, value)
    except ValueError as error:
        raise OptionsError(f"{name}: {error}") from None


def switches() -> list[tuple[str, object]]:
    """Return all switches that `read_switch` knows, with their defaults."""
    found = ((item.name, str(item.type), item.default) for item in fields(Options))
    return [(name, default) for name, kind, default in found if kind in _READERS and name not in _OTHERWISE]


def _truth(_: str, value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise ValueError(f"true or false, not {value!r}")
    return value.lower() == "true"


def _number(name: str, value: str) -> Decimal:
    try:
        number = D(value)
    except NotMoney as error:
        raise ValueError(str(error)) from None
    if number < 0 or (name.endswith("_rate") and number > 1):
        raise ValueError(f"{value} is not from 0 to 1" if name.endswith("_rate") else f"{value} is below 0")
    return number


def _whole(_: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 10**9):
        raise ValueError(f"a whole number from 1, not {value!r}")
    return int(value)


def _whole_or_none(name: str, value: str) -> int | None:
    return None if value.lower() == "none" else _whole(name, value)


_READERS: Mapping[str, Callable[[str, str], object]] = {
    "bool": _truth,
    "Decimal": _number,
    "int": _whole,
    "int | None": _whole_or_none,
}
_OTHERWISE = frozenset({"seed", "cash", "always_open", "synthetic"})
"""What the command line has words of its own for."""
