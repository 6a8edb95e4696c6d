"""What may be said of an asset by hand: which facts there are, and what each may be."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import D, NotMoney, text
from lib.paper_broker.exchange.refusal import malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ATTRIBUTES = frozenset({
    "ptp_no_exception", "ptp_with_exception", "ipo", "has_options", "options_late_close", "fractional_eh_enabled",
    "overnight_tradable", "overnight_halted",
})  # fmt: skip
"""The marks that Alpaca gives assets (its specification, `GET /v2/assets`)."""


def read_facts(body: Mapping[str, object]) -> dict[str, object]:
    """Read facts of an asset, or refuse the first that is none; numbers become text, as they are kept."""
    if not body:
        raise malformed(f"say at least one of {', '.join(FACTS)}, or clear")
    facts: dict[str, object] = {}
    for name, value in body.items():
        if name not in FACTS:
            raise malformed(f"unknown fact: {name}; there are {', '.join(FACTS)}")
        wanted, read = FACTS[name]
        fact = read(value)
        if fact is None:
            raise malformed(f"{name} must be {wanted}")
        facts[name] = fact
    return facts


def _truth(value: object) -> object:
    return value if isinstance(value, bool) else None


def _name(value: object) -> object:
    return value if isinstance(value, str) and value.isprintable() and value.strip() else None


def _one_of(*words: str) -> tuple[str, Callable[[object], object]]:
    return " or ".join(words), lambda value: value if isinstance(value, str) and value in words else None


def _number(value: object) -> Decimal | None:
    try:
        return D(value) if isinstance(value, str | int | Decimal) else None
    except NotMoney:
        return None


def _percentage(value: object) -> object:
    number = _number(value)
    return text(number) if number is not None and 0 <= number <= 100 else None


def _step(value: object) -> object:
    number = _number(value)
    return text(number) if number is not None and number > 0 else None


def _marks(value: object) -> object:
    return sorted(value) if isinstance(value, list) and all(mark in ATTRIBUTES for mark in value) else None


YES_NO = ("true or false", _truth)
PERCENTAGE = ("a number from 0 to 100", _percentage)
STEP = ("a number above 0", _step)
FACTS: dict[str, tuple[str, Callable[[object], object]]] = {
    "name": ("a text", _name),
    "exchange": ("a text", _name),
    "status": _one_of("active", "inactive"),
    "tradable": YES_NO,
    "marginable": YES_NO,
    "shortable": YES_NO,
    "borrow_status": _one_of("easy_to_borrow", "hard_to_borrow"),
    "fractionable": YES_NO,
    "halted": YES_NO,
    "margin_requirement_long": PERCENTAGE,
    "margin_requirement_short": PERCENTAGE,
    "attributes": (f"a list of {', '.join(sorted(ATTRIBUTES))}", _marks),
    "min_order_size": STEP,
    "min_trade_increment": STEP,
    "price_increment": STEP,
}
