"""What may be switched about the exchange's behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Switches of the exchange; the defaults are what Alpaca's paper account does, with a cash account's margin."""

    seed: int = 1
    cash: Decimal = Decimal(100_000)
    partial_fill_rate: Decimal = Decimal("0.1")
    """Share of eligible fills that are partial, of random size; Alpaca's paper does one in ten."""
    fill_plan: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)
    """Sizes of the first executions of one order, by its client_order_id; 0 lets one evaluation pass without a fill.

    The stop leg of an OCO, whose own id the broker makes, goes by `<client_order_id of its parent>:stop`.
    """
    booking_lag_s: Decimal = Decimal(0)
    """For so long after a fill, positions do not show it and an OCO does not see it."""
    cancel_latency_s: Decimal = Decimal(0)
    """For so long after a cancel is taken in the session, the order is `pending_cancel` and may still fill."""
    wash_trade_resting_complex_exempt: bool = False
    """Whether a resting OCO or trailing stop lets a later plain opposite order pass; not documented, so strict."""
