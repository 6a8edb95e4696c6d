"""Protective and closing orders: which one covers a part, the rows of its intent, the action that sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Insert, Ref, RowChange, Submit
from lib.domain.bodies import (
    Body,
    freeze,
    is_coin,
    oco_body,
    stop_body,
    stop_limit_body,
    trailing_body,
)
from lib.domain.facts import Quote
from lib.domain.ids import stop_leg_id
from lib.domain.money import D, tick_down, tick_up
from lib.domain.records import Trade
from lib.domain.states import PENDING, Role
from lib.planning.books import TradeBook
from lib.planning.context import Context
from lib.planning.protecting.coins import stop_limit
from lib.planning.protecting.dying import reached_level, trail_or_level, trails
from lib.planning.protecting.watching import is_fraction
from lib.planning.terms import is_long, rests_at_target, stop_of, target_of

PRICES = ("limit_price", "stop_price", "trail_percent")


def protective(
    book: TradeBook, client_order_id: str, qty: Decimal, quotes: Mapping[str, Quote], context: Context, *, day: bool
) -> tuple[Role, Body]:
    """Choose the order that covers a part of a trade.

    A SWING has an OCO, others a stop or, with a trail, a trailing stop. A part of a share takes none of them but a
    plain stop for the day, a coin only a stop with a limit. `day`: the broker takes nothing for longer.
    """
    trade, stop = book.trade, stop_of(book.trade)
    side, time_in_force, target = trade.side, "day" if day else "gtc", target_of(trade)
    if is_coin(trade.symbol):
        return Role.STOP_LOSS, stop_limit_body(client_order_id, trade.symbol, qty, stop, stop_limit(stop), side=side)
    if is_fraction(qty):
        level = _level_of_a_fraction(book)
        return Role.STOP_LOSS, stop_body(client_order_id, trade.symbol, qty, level, side=side, time_in_force="day")
    if rests_at_target(trade) and target is not None:
        oco = oco_body(
            client_order_id, trade.symbol, qty, target=target, stop=stop, side=side, time_in_force=time_in_force
        )
        return Role.TAKE_PROFIT, oco
    if trails(book) and trade.trail_percent is not None:
        reached = trail_or_level(book, quotes, context)
        if reached is None:
            trail = trailing_body(
                client_order_id, trade.symbol, qty, trade.trail_percent, side=side, time_in_force=time_in_force
            )
            return Role.STOP_LOSS, trail
        stop = reached
    return Role.STOP_LOSS, stop_body(client_order_id, trade.symbol, qty, stop, side=side, time_in_force=time_in_force)


def _level_of_a_fraction(book: TradeBook) -> Decimal:
    """Return the stop of a part of a share: where the whole shares of a trailing trade had got, it follows by day."""
    level = reached_level(book) if trails(book) else None
    if level is None:
        return stop_of(book.trade)
    return tick_up(level) if is_long(book.trade) else tick_down(level)


def is_exempt(body: Body) -> bool:
    """Say whether an order may rest beside an own opposite one: OCO and trailing stops may (Alpaca, "User Protection").

    A plain stop, and anything at market, may not.
    """
    return body.get("order_class") == "oco" or body["type"] == "trailing_stop"


def submit_exit(
    trade: Trade, role: Role, body: Body, now: datetime, why: str, *, also: Sequence[RowChange] = ()
) -> Submit:
    """Return the action that stores and sends one exit; an OCO is two rows. `also` is stored with the intent."""
    rows: list[RowChange] = [Insert(table="order_execution", values=_row(trade, role, body, now), ref="order")]
    refs = [Ref("order")]
    if body.get("order_class") == "oco":
        rows.append(Insert(table="order_execution", values=_leg_row(trade, body, now), ref="stop"))
        refs.append(Ref("stop"))
    return Submit(
        intent=(*rows, *also), body=body, why=why, symbol=trade.symbol, increases_exposure=False, order_refs=tuple(refs)
    )


def _row(trade: Trade, role: Role, body: Body, now: datetime) -> dict[str, object]:
    """Return the order row of an exit; for an OCO that of its parent, the target."""
    kind = str(body["type"])
    levels = {name: price for name in PRICES if (price := _price(body, name)) is not None}
    return {
        "account": trade.account,
        "trade_id": trade.id,
        "client_order_id": body["client_order_id"],
        "order_type": role,
        "kind": kind,
        "side": body["side"],
        "symbol": trade.symbol,
        "qty": Decimal(str(body["qty"])),
        "time_in_force": body["time_in_force"],
        "order_status": PENDING,
        "payload": freeze(body),
        "created_at": now,
        "submitted_at": now,
        **levels,
    }


def _price(body: Body, name: str) -> Decimal | None:
    """Return a price of a body; that of an OCO's parent stands in its `take_profit`."""
    group = body.get("take_profit")
    value = group.get(name) if isinstance(group, Mapping) else body.get(name)
    return None if value is None else D(str(value))


def _leg_row(trade: Trade, body: Body, now: datetime) -> dict[str, object]:
    stop = body["stop_loss"]
    assert isinstance(stop, Mapping)
    row = _row(trade, Role.STOP_LOSS, {**body, "type": "stop", "take_profit": None, **stop}, now)
    return row | {
        "client_order_id": stop_leg_id(str(body["client_order_id"])),
        "parent_id": Ref("order"),
        "payload": None,
    }
