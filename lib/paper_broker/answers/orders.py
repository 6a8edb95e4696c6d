"""What Alpaca's answers look like: orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.paper_broker.answers.values import Json, instant, number, rounded
from lib.paper_broker.exchange.assets import asset_id
from lib.paper_broker.exchange.records import OrderClass, Status

if TYPE_CHECKING:
    from lib.paper_broker.exchange.records import Order


def order(shown: Order, legs: list[Order] | None = None) -> Json:
    """Show an order, with its legs if the request asks for them and it has any."""
    average = rounded(shown.filled_notional / shown.filled_qty) if shown.filled_qty else None
    return {
        "id": shown.id,
        "client_order_id": shown.client_order_id,
        "created_at": instant(shown.created_at),
        "updated_at": instant(shown.updated_at),
        "submitted_at": instant(shown.created_at),
        "filled_at": instant(shown.filled_at),
        "expired_at": instant(shown.expired_at),
        "expires_at": instant(shown.expires_at),
        "canceled_at": instant(shown.canceled_at),
        "failed_at": instant(shown.failed_at),
        "replaced_at": instant(shown.replaced_at),
        # Until the venue has answered, nothing has replaced it (no source for whether Alpaca tells earlier).
        "replaced_by": shown.replaced_by if shown.status is Status.REPLACED else None,
        "replaces": shown.replaces,
        "asset_id": asset_id(shown.symbol),
        "symbol": shown.symbol,
        "asset_class": shown.asset_class,
        "notional": number(shown.notional),
        "qty": text(shown.qty) if shown.notional is None else None,
        "filled_qty": text(shown.filled_qty),
        "filled_avg_price": average,
        "order_class": "" if shown.order_class is OrderClass.SIMPLE else shown.order_class,
        "order_type": shown.kind,
        "type": shown.kind,
        "side": shown.side,
        "position_intent": shown.position_intent,
        "time_in_force": shown.time_in_force,
        "limit_price": number(shown.limit_price),
        "stop_price": number(shown.stop_price),
        "status": shown.status,
        "extended_hours": shown.extended_hours,
        "legs": [order(leg) for leg in legs] if legs else None,
        "trail_percent": number(shown.trail_percent),
        "trail_price": number(shown.trail_price),
        "hwm": number(shown.hwm),
        "ratio_qty": None,
        "subtag": None,
        "source": None,
    }
