"""Protection: every owned share has a live stop, and nothing else that could sell it.

Computed each round from live orders, never from events. One step per trade and round: a cancel, or one new
order, or a look again; the answer is a row of the next round.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Action, Cancel, Insert, LookAgain, Ref, RowChange, Submit, Update, Write
from lib.domain.bodies import (
    Body,
    freeze,
    market_exit_body,
    oco_body,
    readable,
    stop_body,
    target_body,
    trailing_body,
)
from lib.domain.facts import Problem, Refusal, Snapshot
from lib.domain.ids import exit_id, stop_leg_id
from lib.domain.limits import BOOKING_LAG_MAX
from lib.domain.money import text, whole_down
from lib.domain.records import Order, Trade
from lib.domain.states import (
    PENDING,
    PENDING_CANCEL,
    PENDING_REPLACE,
    REJECTED,
    UNSENT,
    Role,
    TradeStatus,
)
from lib.planning.books import TradeBook, covered_qty, entries, exits, generation, is_settled, live, owned_qty
from lib.planning.context import Context

Step = tuple[tuple[Action, ...], tuple[Problem, ...]]
NOTHING: Step = ((), ())
RETRY_AT_ONCE = frozenset({Refusal.NOT_BOOKED, Refusal.SHARES_RESERVED, Refusal.WASH_TRADE})
"""Refusals that mean "look again": the next round sees whether the reason is gone."""


def plan_cover(book: TradeBook, snapshot: Snapshot, context: Context, namespace: str) -> Step:
    """Plan the next step that brings a trade's live orders to what it wants."""
    if book.trade.status not in {TradeStatus.POSITION, TradeStatus.ORDERED}:
        return _wants_nothing(book, context)
    if book.trade.status == TradeStatus.ORDERED:
        return NOTHING
    unresolved = [o for o in exits(book) if o.order_status == PENDING and o.parent_id is None]
    if unresolved:
        return _resolve(unresolved[0], book, context)
    unsettled = [o for o in live(exits(book)) if o.order_status in {PENDING, PENDING_CANCEL, PENDING_REPLACE}]
    if unsettled:
        return _wait(book, context, f"{unsettled[0].client_order_id} is {unsettled[0].order_status}")
    owned, covered = owned_qty(book), covered_qty(book.orders)
    if owned <= 0:
        return _owns_nothing(book, owned, context)
    if covered > owned and is_settled(book):  # else the ledger is ahead: what was sold left the cover too
        return _cancel(_newest_cover(book), context, f"{text(covered)} shares covered, {text(owned)} owned")
    chase = _old_target_without_stop(book, context)
    if chase is not None:
        return _cancel(chase, context, "the target was not reached at once: back to a stop")
    if covered >= owned:
        return NOTHING
    return _grow(book, owned - covered, snapshot, context, namespace)


def _owns_nothing(book: TradeBook, owned: Decimal, context: Context) -> Step:
    """Cancel every exit of a trade without shares, and tell of one that sold more than it had."""
    standing = [o for o in live(exits(book)) if o.parent_id is None] or live(exits(book))
    actions, problems = _cancel(standing[-1], context, "the trade owns no shares") if standing else NOTHING
    if owned == 0:
        return actions, problems
    message = (
        f"trade {book.trade.id} {book.trade.symbol}: sold {text(-owned)} shares more than it bought; a person acts"
    )
    return actions, (*problems, Problem(code="OVERSOLD", message=message, symbol=book.trade.symbol))


def _wants_nothing(book: TradeBook, context: Context) -> Step:
    """Cancel what is live for a trade that has ended: it wants no order.

    Should it own shares all the same (someone wrote its status), their cover stays: booking says so.
    """
    unwanted = entries(book) if owned_qty(book) > 0 else book.orders
    standing = [o for o in live(unwanted) if o.order_status not in {PENDING, PENDING_CANCEL} and o.parent_id is None]
    if not standing:
        return NOTHING
    return _cancel(standing[0], context, f"trade {book.trade.id} is {book.trade.status} and wants no order")


def _resolve(order: Order, book: TradeBook, context: Context) -> Step:
    """Send an exit of unknown outcome again under its own id, if it is absent and still wanted.

    Gather looked it up: had the broker shown it, booking would have adopted it. A 404 first marks the row.
    """
    if order.missing_at is None:
        return _wait(book, context, f"{order.client_order_id}: outcome unknown")
    legs = tuple(o for o in book.orders if o.parent_id == order.id)
    wanted = owned_qty(book) - covered_qty(book.orders)
    body = readable(order.payload)
    if order.qty > wanted or body is None:
        changes = tuple(_update(o, {"order_status": UNSENT, "ended_at": context.now}) for o in (order, *legs))
        return (Write(changes=changes, why=f"{order.client_order_id} is no longer wanted", symbol=order.symbol),), ()
    again = Submit(
        intent=(_update(order, {"submitted_at": context.now, "missing_at": None}),),
        body=body,
        why="the broker has no such order: send it again under the same id",
        symbol=order.symbol,
        increases_exposure=False,
        order=order,
        legs=legs,
    )
    return (again,), ()


def _wait(book: TradeBook, context: Context, why: str) -> Step:
    """Look again in the next round, and say what is uncovered should the broker stay silent."""
    uncovered = owned_qty(book) - covered_qty(book.orders)
    problems = () if uncovered <= 0 else (_uncovered(book, uncovered, why),)
    if context.session is None:
        return (), problems  # outside the session nothing settles before the open
    return (LookAgain(why=why, symbol=book.trade.symbol),), problems


def _uncovered(book: TradeBook, qty: Decimal, why: str) -> Problem:
    return Problem(
        code="UNCOVERED",
        message=f"trade {book.trade.id} {book.trade.symbol}: {text(qty)} shares without a stop: {why}",
        symbol=book.trade.symbol,
        uncovered_qty=qty,
    )


def _cancel(order: Order, context: Context, why: str) -> Step:
    asked = order.cancel_requested_at
    if asked is not None and asked >= context.pass_started_at:
        if context.session is None:
            return NOTHING
        return (LookAgain(why=f"{order.client_order_id}: cancel requested", symbol=order.symbol),), ()
    return (Cancel(order=order, why=why, symbol=order.symbol),), ()


def _newest_cover(book: TradeBook) -> Order:
    newest = [o for o in live(exits(book)) if o.order_type in {Role.STOP_LOSS, Role.EXIT}][-1]
    return next((o for o in book.orders if o.id == newest.parent_id), newest)


def _old_target_without_stop(book: TradeBook, context: Context) -> Order | None:
    """Find a lone target of an earlier pass: it was sent because the target was already through."""
    parents = {o.parent_id for o in book.orders}
    for order in live(exits(book)):
        lone = order.order_type == Role.TAKE_PROFIT and order.id not in parents
        if lone and order.created_at < context.pass_started_at:
            return order
    return None


def _grow(book: TradeBook, uncovered: Decimal, snapshot: Snapshot, context: Context, namespace: str) -> Step:
    """Cover what is owned and uncovered, as far as the broker lets the shares go."""
    trade = book.trade
    refused = _refused_now(book, context)
    position = snapshot.positions.get(trade.symbol)
    if position is None or position.qty <= 0:
        return _no_position(book, uncovered, context)
    if _lone_target(book):
        return _wait(book, context, "selling at the target, which was already through")
    if uncovered < 1:
        return (), (_uncovered(book, uncovered, "less than one share; only whole shares are covered"),)
    qty = whole_down(min(uncovered, position.qty_available))
    if qty <= 0:
        return _wait(book, context, "the broker holds the shares for other orders")
    blocker = _blocking_entry(book, refused)
    if blocker is not None:
        actions, problems = _cancel(blocker, context, "its remainder would be a wash trade against the stop")
        return actions, (*problems, _uncovered(book, uncovered, f"waits for {blocker.client_order_id} to end"))
    sent = _exit_order(book, refused, qty, context.now, namespace)
    if sent is None:
        return (), (_uncovered(book, uncovered, f"the broker refused the stop: {_last_refusal(book)}"),)
    rest = uncovered - qty
    return (sent,), () if rest <= 0 else (_uncovered(book, rest, "no more shares could be covered at once"),)


def _no_position(book: TradeBook, uncovered: Decimal, context: Context) -> Step:
    newest = max((f.transaction_time for f in book.fills), default=book.trade.created_at)
    if context.now - newest < BOOKING_LAG_MAX:
        return _wait(book, context, "the broker has not booked the position yet")
    return (), (
        Problem(
            code="POSITION_ABSENT",
            message=f"trade {book.trade.id} {book.trade.symbol}: the books say {text(uncovered)} shares, "
            "the broker shows no position; position_monitor reconciles",
            symbol=book.trade.symbol,
        ),
    )


def _lone_target(book: TradeBook) -> bool:
    parents = {o.parent_id for o in book.orders}
    return any(o.order_type == Role.TAKE_PROFIT and o.id not in parents for o in live(exits(book)))


def _refused_now(book: TradeBook, context: Context) -> Refusal | None:
    """Return why the trade's newest exit was refused, if that was in this pass."""
    tops = [o for o in exits(book) if o.parent_id is None]
    if not tops or tops[-1].order_status != REJECTED or tops[-1].created_at < context.pass_started_at:
        return None
    code = (tops[-1].reject_reason or "").partition(":")[0]
    return Refusal(code) if code in Refusal.__members__ else Refusal.OTHER


def _last_refusal(book: TradeBook) -> str:
    return [o.reject_reason or "" for o in exits(book) if o.parent_id is None][-1]


def _blocking_entry(book: TradeBook, refused: Refusal | None) -> Order | None:
    """Return the live rest of the entry when the cover to be sent is not exempt from the wash-trade rule.

    OCO and trailing stops are exempt (Alpaca, "User Protection"); a plain stop, and anything at market, is not.
    """
    rest = live(entries(book))
    exempt = (book.trade.planned_tp is not None and book.trade.trade_style == "SWING") or book.trade.trail_percent
    if not rest or (exempt and refused not in {Refusal.WASH_TRADE, Refusal.STOP_THROUGH, Refusal.TARGET_THROUGH}):
        return None
    return rest[-1]


def _exit_order(book: TradeBook, refused: Refusal | None, qty: Decimal, now: datetime, namespace: str) -> Submit | None:
    """Choose the exit that the last refusal asks for; None when only a person or the next pass can help."""
    trade = book.trade
    client_order_id = exit_id(namespace, trade.id, generation(book))
    if refused is Refusal.STOP_THROUGH:
        body = market_exit_body(client_order_id, trade.symbol, qty)
        return _submit(trade, Role.EXIT, body, now, "the stop is already through: sell at market")
    if refused is Refusal.TARGET_THROUGH and trade.planned_tp is not None:
        body = target_body(client_order_id, trade.symbol, qty, trade.planned_tp)
        return _submit(trade, Role.TAKE_PROFIT, body, now, "the target is already through: sell at it or better")
    if refused is not None and refused not in RETRY_AT_ONCE:
        return None
    why = f"{text(qty)} shares of trade {trade.id} have no stop"
    if trade.trade_style == "SWING" and trade.planned_tp is not None:
        body = oco_body(client_order_id, trade.symbol, qty, target=trade.planned_tp, stop=trade.planned_sl)
        return _submit(trade, Role.TAKE_PROFIT, body, now, why)
    if trade.trail_percent is not None:
        return _submit(
            trade, Role.STOP_LOSS, trailing_body(client_order_id, trade.symbol, qty, trade.trail_percent), now, why
        )
    return _submit(trade, Role.STOP_LOSS, stop_body(client_order_id, trade.symbol, qty, trade.planned_sl), now, why)


def _submit(trade: Trade, role: Role, body: Body, now: datetime, why: str) -> Submit:
    rows: list[RowChange] = [Insert(table="order_execution", values=_row(trade, role, body, now), ref="order")]
    refs = [Ref("order")]
    if body.get("order_class") == "oco":
        rows.append(Insert(table="order_execution", values=_leg_row(trade, body, now), ref="stop"))
        refs.append(Ref("stop"))
    return Submit(
        intent=tuple(rows), body=body, why=why, symbol=trade.symbol, increases_exposure=False, order_refs=tuple(refs)
    )


def _row(trade: Trade, role: Role, body: Body, now: datetime) -> dict[str, object]:
    """Return the order row of an exit; for an OCO that of its parent, the target."""
    oco = body.get("order_class") == "oco"
    kind = str(body["type"])
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
        "limit_price": trade.planned_tp if oco or kind == "limit" else None,
        "stop_price": trade.planned_sl if kind == "stop" else None,
        "trail_percent": trade.trail_percent if kind == "trailing_stop" else None,
        "created_at": now,
        "submitted_at": now,
    }


def _leg_row(trade: Trade, body: Body, now: datetime) -> dict[str, object]:
    row = _row(trade, Role.STOP_LOSS, {**body, "type": "stop", "order_class": "simple"}, now)
    return row | {
        "client_order_id": stop_leg_id(str(body["client_order_id"])),
        "parent_id": Ref("order"),
        "payload": None,
    }


def _update(order: Order, values: dict[str, object]) -> Update:
    return Update(table="order_execution", id=order.id, version=order.version, values=values)
