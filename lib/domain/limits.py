"""Limits with safe defaults: how much, how many, how old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from lib.domain.money import D, NotMoney


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a pass may do at most. Shares of equity are fractions (0.01 is one per cent)."""

    risk_per_trade: Decimal = Decimal("0.01")
    position_share_max: Decimal = Decimal("0.20")
    gross_exposure_max: Decimal = Decimal(1)
    daily_loss_max: Decimal = Decimal("0.05")
    buying_power_reserve: Decimal = Decimal(0)
    order_notional_max: Decimal = Decimal(100_000)
    order_qty_max: Decimal = Decimal(100_000)
    price_max: Decimal = Decimal(1_000_000)
    price_collar: Decimal = Decimal("0.10")
    spread_max: Decimal = Decimal("0.05")
    quote_age_max: timedelta = timedelta(minutes=15)
    open_trades_max: int = 20
    decisions_at_once_max: int = 100
    orders_per_run_max: int = 20
    orders_per_day_max: int = 50
    orders_per_symbol_max: int = 5
    round_trips_max: int = 3
    grid_fee_bps_coin: Decimal = Decimal(25)
    grid_fee_bps_stock: Decimal = Decimal(0)
    symbols_allowed: frozenset[str] = frozenset()  # none named: all are
    symbols_denied: frozenset[str] = frozenset()
    entry_tif: str = "day"  # or "gtc": entries rest until they fill, are cancelled or expire
    symbol_sharing: str = ""  # "oco": further trades in a symbol whose cover is an OCO
    stop_lost: str = "alert"  # or "flatten": what follows on STOP_LOST_MAX stops lost in one session


LIVE_DEFAULTS: Mapping[str, Decimal | int] = {
    "risk_per_trade": Decimal("0.005"),
    "position_share_max": Decimal("0.05"),
    "gross_exposure_max": Decimal("0.1"),
    "daily_loss_max": Decimal("0.01"),
    "order_notional_max": Decimal(1_000),
    "open_trades_max": 5,
    "orders_per_run_max": 5,
    "orders_per_day_max": 5,
}
"""What live trading begins with where it is less than the defaults of Limits; LIMITS sets it to more, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one limit of the setting LIMITS may be, and what it means; `low` and `high` may be reached."""

    low: Decimal
    high: Decimal
    unit: str
    means: str


def _rule(low: str, high: str, unit: str, means: str) -> Rule:
    return Rule(low=Decimal(low), high=Decimal(high), unit=unit, means=means)


MINUTE = timedelta(minutes=1)
EQUITY, DOLLARS, COUNT, MINUTES, BPS = "share of equity", "dollars", "number", "minutes", "basis points"

RULES: Mapping[str, Rule] = {
    "risk_per_trade": _rule("0.0001", "0.1", EQUITY, "what one trade may lose from its entry to its stop"),
    "position_share_max": _rule("0.001", "1", EQUITY, "what may be in one symbol, resting entries included"),
    "gross_exposure_max": _rule("0.01", "4", EQUITY, "what may be in all symbols, resting entries included"),
    "daily_loss_max": _rule("0.001", "1", EQUITY, "what a session may lose, closed trades and fresh marks together"),
    "buying_power_reserve": _rule("0", "1", EQUITY, "buying power that entries leave alone"),
    "order_notional_max": _rule("1", "10000000", DOLLARS, "what one entry may cost"),
    "order_qty_max": _rule("1", "10000000", "shares", "how many one entry may be for; coins go by their cost alone"),
    "price_max": _rule("1", "10000000", DOLLARS, "what a price of a decision may be"),
    "price_collar": _rule("0", "1", "share of the quote", "how far an entry may lie through the quote"),
    "spread_max": _rule("0.0001", "1", "share of the mid", "how far bid and ask may be apart"),
    "quote_age_max": _rule("1", "60", MINUTES, "how old a quote may be, and a mark beyond its 15 minutes"),
    "open_trades_max": _rule("1", "1000", COUNT, "trades with an entry or a position"),
    "decisions_at_once_max": _rule("1", "10000", COUNT, "decisions in one run; of more, none is sent"),
    "orders_per_run_max": _rule("1", "1000", COUNT, "entries in one run"),
    "orders_per_day_max": _rule("1", "10000", COUNT, "entries in one session"),
    "orders_per_symbol_max": _rule("1", "1000", COUNT, "entries in one symbol in one session"),
    "round_trips_max": _rule("1", "1000", COUNT, "trades of one symbol closed in one session"),
    "grid_fee_bps_coin": _rule("0", "100", BPS, "what one side of a grid's coin trade costs, until its fee is posted"),
    "grid_fee_bps_stock": _rule("0", "100", BPS, "the same of a stock"),
}
"""Every limit that the setting LIMITS may set, by the name of its field."""


def read_limits(raw: str) -> tuple[dict[str, Decimal | int | timedelta], tuple[str, ...]]:
    """Read `NAME=VALUE` pairs apart by blanks or commas; return the values, and what is wrong, a sentence each."""
    found: dict[str, Decimal | int | timedelta] = {}
    wrong: list[str] = []
    for pair in raw.replace(",", " ").split():
        name, equals, written = pair.partition("=")
        rule = RULES.get(name)
        if not equals or not written:
            wrong.append(f"{pair!r} is no NAME=VALUE")
        elif rule is None:
            wrong.append(f"{name!r} is no limit; the limits are {', '.join(RULES)}")
        elif name in found:
            wrong.append(f"{name} is there twice")
        else:
            value = _value(rule, written)
            if value is None:
                whole = " whole" if rule.unit in {COUNT, MINUTES} else ""
                wrong.append(f"{name}: {written!r} is no{whole} number from {rule.low} to {rule.high} ({rule.unit})")
            else:
                found[name] = value
    return found, tuple(wrong)


def _value(rule: Rule, written: str) -> Decimal | int | timedelta | None:
    try:
        number = D(written)
    except NotMoney:
        return None
    if not rule.low <= number <= rule.high:
        return None
    if rule.unit not in {COUNT, MINUTES}:
        return number
    if number != int(number):
        return None
    return int(number) if rule.unit == COUNT else int(number) * MINUTE


CONFIRM_MISSING = timedelta(seconds=30)
"""Two 404s at least this far apart confirm that the broker has no such order."""

CONFIRM_ABSENT = timedelta(seconds=60)
"""A position is believed gone after two looks at least this far apart."""

BOOKING_LAG_MAX = timedelta(seconds=60)
"""A position may show up this much later than the fill that opened it (Alpaca: seconds)."""

ACTIVITY_GRACE = timedelta(minutes=15)
"""How long a vanished position waits for the broker's own fill before the last known price is used."""

FILLS_OVERLAP = timedelta(minutes=15)
"""Fills are read again over this much time; they are unique by activity id."""

STOP_LOST_MAX = 3
"""Stops of one trade that may end in one session without our asking before more is done than placing them again."""

GRID_REQUESTS_MAX = 100
"""Requests for orders of grids in one minute: half of what Alpaca allows, the rest is for cover and reads."""
