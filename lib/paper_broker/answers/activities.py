"""What Alpaca's answers look like: executions and other activities of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.paper_broker.answers.values import Json, instant, number
from lib.paper_broker.exchange.records import NonTrade

if TYPE_CHECKING:
    from lib.paper_broker.exchange.records import Activity


def activity(shown: Activity | NonTrade) -> Json:
    """Show an activity of either kind."""
    return _other(shown) if isinstance(shown, NonTrade) else _execution(shown)


def _execution(shown: Activity) -> Json:
    return {
        "id": shown.id,
        "activity_type": "FILL",
        "transaction_time": instant(shown.at),
        "type": "partial_fill" if shown.leaves_qty else "fill",
        "price": text(shown.price),
        "qty": text(shown.qty),
        "side": shown.side,
        "symbol": shown.symbol,
        "leaves_qty": text(shown.leaves_qty),
        "order_id": shown.order_id,
        "cum_qty": text(shown.cum_qty),
        "order_status": "partially_filled" if shown.leaves_qty else "filled",
    }


def _other(shown: NonTrade) -> Json:
    """Show what is no execution; fields that do not belong to its kind are absent, as they are at Alpaca."""
    shape = {
        "id": shown.id,
        "activity_type": shown.kind,
        "activity_sub_type": shown.sub_kind,
        "date": shown.day.isoformat(),
        "created_at": instant(shown.at),
        "net_amount": text(shown.net_amount),
        "description": shown.description or "",
        "symbol": shown.symbol,
        "qty": number(shown.qty),
        "price": number(shown.price),
        "per_share_amount": number(shown.per_share_amount),
        "group_id": shown.group_id,
        "status": "executed",
        "currency": "USD",
    }
    return {name: value for name, value in shape.items() if value is not None}
