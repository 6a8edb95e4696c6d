"""Limits with safe defaults: how much, how many, how old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a pass may do at most. Shares of equity are fractions (0.01 is one per cent)."""

    risk_per_trade: Decimal = Decimal("0.01")
    position_share_max: Decimal = Decimal("0.20")
    order_notional_max: Decimal = Decimal(100_000)
    order_qty_max: Decimal = Decimal(100_000)
    price_max: Decimal = Decimal(1_000_000)
    price_collar: Decimal = Decimal("0.10")  # a buy limit at most this far above the ask
    open_trades_max: int = 20
    orders_per_run_max: int = 20
    quote_age_max: timedelta = timedelta(minutes=15)


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
