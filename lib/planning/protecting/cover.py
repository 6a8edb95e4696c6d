"""Protection: every owned share has a live stop, and nothing else that could sell it.

Computed each round from live orders, never from events. One step per trade and round: a cancel, or one new
order, or a look again; the answer is a row of the next round.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from lib.domain.actions import Cancel, Submit, Write
from lib.domain.bodies import Body, is_coin, limit_exit_body, market_exit_body, readable
from lib.domain.facts import BrokerOrder, Problem, Refusal, Snapshot
from lib.domain.ids import exit_id
from lib.domain.limits import BOOKING_LAG_MAX
from lib.domain.money import ZERO, text, whole_down
from lib.domain.records import Control, Order
from lib.domain.states import (
    PENDING,
    PENDING_CANCEL,
    PENDING_REPLACE,
    REJECTED,
    UNSENT,
    Role,
    TradeStatus,
)
from lib.planning.books import TradeBook, covered_qty, entries, exits, generation, live, owned_qty
from lib.planning.context import Context
from lib.planning.deciding.amending import move_exits, unmoved
from lib.planning.protecting.closing import close_refused, plan_close
from lib.planning.protecting.coins import owned_now, stepped, too_little
from lib.planning.protecting.delisted import refused_as_untradable
from lib.planning.protecting.dying import caught_up, old_cover
from lib.planning.protecting.escalation import at_market, is_through, jumped
from lib.planning.protecting.excess import end_excess, plan_emptied
from lib.planning.protecting.exit_orders import is_exempt, protective, submit_exit
from lib.planning.protecting.lost import is_past_limit, lost_problem
from lib.planning.protecting.splits import is_stale, plan_split
from lib.planning.protecting.steps import (
    NOTHING,
    Step,
    cancel,
    held_back,
    is_due_later,
    not_ours,
    tops,
    uncovered,
    update,
    wait,
)
from lib.planning.protecting.watching import has_reached, is_fraction, stop_in_the_way
from lib.planning.terms import closes_at_market, closing_verb, entry_of, signed, target_of, wanted

LOOK_AGAIN = frozenset({Refusal.NOT_BOOKED, Refusal.SHARES_RESERVED, Refusal.WASH_TRADE})
"""Refusals that mean "look again": the next round sees whether the reason is gone."""

ANSWERED = LOOK_AGAIN | {Refusal.STOP_THROUGH, Refusal.TARGET_THROUGH, Refusal.DAY_ONLY}
"""Refusals to which there is an answer in the same pass; after any other only the next pass, or a person, can help."""

IMPOSED = {Refusal.SYMBOL_HALTED: "symbol_halted"}
"""Causes of uncovered shares that a refusal tells."""


def plan_cover(
    book: TradeBook, snapshot: Snapshot, context: Context, namespace: str, controls: Sequence[Control] = ()
) -> Step:
    """Plan the next step that brings a trade's live orders to what it wants."""
    if book.trade.status not in {TradeStatus.POSITION, TradeStatus.ORDERED}:
        return _wants_nothing(book, context)
    split = plan_split(book, snapshot, context)
    if split is not None:
        return split
    if book.trade.status == TradeStatus.ORDERED:
        return NOTHING
    unresolved = [o for o in exits(book) if o.order_status == PENDING and o.parent_id is None]
    if unresolved:
        return _resolve(unresolved[0], book, context)
    unsettled = [o for o in live(exits(book)) if o.order_status in {PENDING, PENDING_CANCEL, PENDING_REPLACE}]
    if unsettled:
        more = end_excess(book, context) if all(o.order_status == PENDING_CANCEL for o in unsettled) else None
        if any(isinstance(action, Cancel) for action in more or ()):
            return more or (), ()
        why = f"{unsettled[0].client_order_id} is {unsettled[0].order_status}"
        return wait(book, context, why, cause="broker_pending_cancel")
    owned = owned_now(book, snapshot)
    if owned <= 0:
        return plan_emptied(book, owned, snapshot, context, namespace=namespace, controls=controls)
    closing = plan_close(book, snapshot, context, namespace)
    actions, problems = _cover(book, owned, snapshot, context, namespace) if closing is None else closing
    return actions, (*problems, *lost_problem(book, context), *close_refused(book, context))


def _cover(book: TradeBook, owned: Decimal, snapshot: Snapshot, context: Context, namespace: str) -> Step:
    """Take away what covers too much or no longer well, then cover what is uncovered."""
    excess = end_excess(book, context)
    if excess is not None:
        return excess, ()
    outdated = (
        _old_target_without_stop(book, context)
        or stop_in_the_way(book, snapshot.quotes, context)
        or jumped(book, snapshot.quotes, context)
        or old_cover(book, context)
        or caught_up(book, snapshot.quotes, context)
    )
    if outdated is not None:
        order, why = outdated
        return cancel(order, context, why)
    bare = owned - covered_qty(book.orders)
    actions, problems = NOTHING if bare <= 0 else _grow(book, bare, snapshot, context, namespace)
    if actions:
        return actions, problems
    return move_exits(book, context), (*problems, *unmoved(book, context))  # what cannot be covered holds up no move


def _wants_nothing(book: TradeBook, context: Context) -> Step:
    """Cancel what is live for a trade that has ended: it wants no order.

    Should it own shares all the same (someone wrote its status), their cover stays: booking says so.
    """
    ended = owned_qty(book) <= 0
    unwanted = (*live(entries(book)), *(tops(book) if ended else ()))
    standing = [o for o in unwanted if o.order_status not in {PENDING, PENDING_CANCEL}]
    if not standing:
        return NOTHING
    return cancel(standing[0], context, f"trade {book.trade.id} is {book.trade.status} and wants no order")


def _resolve(order: Order, book: TradeBook, context: Context) -> Step:
    """Send an exit of unknown outcome again under its own id, if it is absent and still wanted.

    Gather looked it up: had the broker shown it, booking would have adopted it. A 404 first marks the row.
    """
    if order.missing_at is None:
        return wait(book, context, f"{order.client_order_id}: outcome unknown", cause="broker_down")
    legs = tuple(o for o in book.orders if o.parent_id == order.id)
    owned = owned_qty(book)
    free = owned - covered_qty(book.orders) if order.side == closing_verb(book.trade) else ZERO - owned
    body = readable(order.payload)
    if order.qty > free or body is None or is_stale(order, book, context) or _went_by_the_price(order, book, context):
        changes = tuple(update(o, {"order_status": UNSENT, "ended_at": context.now}) for o in (order, *legs))
        return (Write(changes=changes, why=f"{order.client_order_id} is no longer wanted", symbol=order.symbol),), ()
    again = Submit(
        intent=(update(order, {"submitted_at": context.now, "missing_at": None}),),
        body=body,
        why="the broker has no such order: send it again under the same id",
        symbol=order.symbol,
        increases_exposure=False,
        order=order,
        legs=legs,
    )
    return (again,), _unanswered(order, owned, book, context)


def _went_by_the_price(order: Order, book: TradeBook, context: Context) -> bool:
    """Say whether an exit was meant for the price of an earlier pass: at market, or at a target that was through.

    What buys an excess back is owed at any price, and so is what a decision closes at market.
    """
    asked = order.side != closing_verb(book.trade) or closes_at_market(book.trade)
    if asked or (order.submitted_at or order.created_at) >= context.pass_started_at:
        return False
    alone = all(o.parent_id != order.id for o in book.orders)
    return alone and (order.kind == "market" or order.order_type == Role.TAKE_PROFIT)


def _unanswered(order: Order, owned: Decimal, book: TradeBook, context: Context) -> tuple[Problem, ...]:
    """Tell of an exit that was sent in this pass and not answered; who sent it earlier may have died before."""
    bare = owned - covered_qty(book.orders)
    if bare <= 0 or order.submitted_at is None or order.submitted_at < context.pass_started_at:
        return ()
    return (uncovered(book, bare, f"the broker has not answered {order.client_order_id}", cause="broker_down"),)


def _old_target_without_stop(book: TradeBook, context: Context) -> tuple[Order, str] | None:
    """Find a lone target of an earlier pass: it was sent because the target was already through."""
    for order in _lone_targets(book):
        if order.created_at < context.pass_started_at:
            return order, "the target was not reached at once: back to a stop"
    return None


def _lone_targets(book: TradeBook) -> list[Order]:
    parents = {o.parent_id for o in book.orders}
    targets = [o for o in live(exits(book)) if o.order_type == Role.TAKE_PROFIT and o.kind != "market"]
    return [o for o in targets if o.id not in parents]


def _grow(book: TradeBook, qty: Decimal, snapshot: Snapshot, context: Context, namespace: str) -> Step:
    """Cover what is owned and uncovered, as far as the broker lets the shares go."""
    trade = book.trade
    position = snapshot.positions.get(trade.symbol)
    if position is None or signed(position.qty, trade) <= 0:
        return _no_position(book, qty, context)
    if _lone_targets(book):
        return wait(book, context, "selling at the target, which was already through")
    untradable = refused_as_untradable(book, context)
    if untradable is not None:
        said = f"the broker does not trade it: {untradable}"
        return (), (uncovered(book, qty, said, cause="corporate_action"),)
    refused = _refused_now(book, context)
    if refused and refused[-1] not in ANSWERED:
        said = f"the broker refused the stop: {_last_refusal(book)}"
        return (), _told(book, qty, said, context, cause=IMPOSED.get(refused[-1]))
    free = min(qty, signed(position.qty_available, trade))
    if free <= 0:
        return held_back(book, qty, snapshot, context, namespace)
    part = stepped(free) if is_coin(trade.symbol) or free < 1 else whole_down(free)
    little = too_little(trade.symbol, part, entry_of(trade))
    if little is not None:
        return (), (uncovered(book, qty, little, cause="uncoverable"),)
    sent = _exit_order(book, refused, snapshot, context, namespace=namespace, part=part, free=free)
    blocker = _blocking_entry(book, refused, sent.body)
    if blocker is not None:
        actions, problems = cancel(blocker, context, "its remainder would be a wash trade against the stop")
        cause = "broker_pending_cancel" if blocker.order_status == PENDING_CANCEL else None
        return actions, (*problems, uncovered(book, qty, f"waits for {blocker.client_order_id} to end", cause=cause))
    foreign = _in_the_way(book, snapshot, sent.body, namespace)
    if foreign is not None:
        why = f"the order {foreign.client_order_id}, which is not ours, would trade with the {sent.body['type']} order"
        return wait(book, context, why, cause="foreign_order")
    rest = qty - Decimal(str(sent.body["qty"]))
    return (sent,), () if rest <= 0 else (uncovered(book, rest, "no more could be covered at once"),)


def _no_position(book: TradeBook, qty: Decimal, context: Context) -> Step:
    newest = max((f.transaction_time for f in book.fills), default=book.trade.created_at)
    if context.now - newest < BOOKING_LAG_MAX:
        return wait(book, context, "the broker has not booked the position yet")
    return (), (
        Problem(
            code="POSITION_ABSENT",
            message=f"trade {book.trade.id} {book.trade.symbol}: the books say {text(qty)} shares, "
            "the broker shows no position; position_monitor reconciles",
            symbol=book.trade.symbol,
        ),
    )


def _in_the_way(book: TradeBook, snapshot: Snapshot, body: Body, namespace: str) -> BrokerOrder | None:
    """Find the order for which the broker refused the trade's newest exit, of the same type, as a wash trade.

    Another type may be taken beside it, and what came since may not be in the way: then the broker is asked.
    """
    newest = [o for o in exits(book) if o.parent_id is None][-1:]
    foreign = not_ours(book, snapshot, namespace, closes=False)
    if foreign is None or not newest or newest[0].order_status != REJECTED or newest[0].kind != body["type"]:
        return None
    came_since = foreign.submitted_at is not None and foreign.submitted_at > newest[0].created_at
    return None if came_since or _refusal(newest[0]) is not Refusal.WASH_TRADE else foreign


def _told(
    book: TradeBook, qty: Decimal, why: str, context: Context, *, cause: str | None = None
) -> tuple[Problem, ...]:
    """Say what is uncovered; not yet where the broker takes cover for one session alone and none is on."""
    only_by_day = is_fraction(qty) or _had_day_cover(book, context)
    if only_by_day and not is_coin(book.trade.symbol) and is_due_later(context):
        return ()
    return (uncovered(book, qty, why, cause=cause),)


def _refused_now(book: TradeBook, context: Context) -> list[Refusal]:
    """Return why the trade's exits were refused in this pass, since the last one that was taken."""
    found: list[Refusal] = []
    for order in exits(book):
        if order.parent_id is not None or order.created_at < context.pass_started_at:
            continue
        if order.order_type == Role.EXIT and closes_at_market(book.trade):
            continue  # that was the CLOSE: the shares are covered again as if it had not been tried
        found = [*found, _refusal(order)] if order.order_status == REJECTED else []
    return found


def _refusal(order: Order) -> Refusal:
    code = (order.reject_reason or "").partition(":")[0]
    return Refusal(code) if code in Refusal.__members__ else Refusal.OTHER


def _last_refusal(book: TradeBook) -> str:
    return [o.reject_reason or "" for o in exits(book) if o.parent_id is None][-1]


def _had_day_cover(book: TradeBook, context: Context) -> bool:
    """Say whether the broker takes the trade's cover for a day only: it said so now, or took the last one so."""
    if Refusal.DAY_ONLY in _refused_now(book, context):
        return True
    parents = {o.parent_id for o in exits(book)}
    whole = [
        o
        for o in exits(book)
        if o.alpaca_order_id is not None
        and o.parent_id is None
        and not is_fraction(o.qty)
        and (o.id in parents or o.order_type == Role.STOP_LOSS)
    ]
    return bool(whole) and whole[-1].time_in_force == "day"


def _blocking_entry(book: TradeBook, refused: Sequence[Refusal], body: Body) -> Order | None:
    """Return the live rest of the entry, when the order to be sent may not rest beside it."""
    rest = live(entries(book))
    may_not = {Refusal.WASH_TRADE, Refusal.STOP_THROUGH, Refusal.TARGET_THROUGH}
    if not rest or (is_exempt(body) and not may_not.intersection(refused)):
        return None
    return rest[-1]


def _exit_order(
    book: TradeBook,
    refused: Sequence[Refusal],
    snapshot: Snapshot,
    context: Context,
    *,
    namespace: str,
    part: Decimal,
    free: Decimal,
) -> Submit:
    """Choose the exit that market and refusals ask for: for the `part` that one stop can protect, or all that is free.

    A market order takes shares and fractions together, a stop does not.
    """
    trade = book.trade
    name, target = exit_id(namespace, trade.id, generation(book)), target_of(trade)
    if Refusal.STOP_THROUGH in refused or is_through(trade, snapshot.quotes, context):
        body = at_market(book, name, stepped(free), snapshot.quotes, context)
        why = f"the stop is already through: {body['side']} at {body['type']}"
        return submit_exit(trade, Role.EXIT, body, context.now, why)
    if refused and refused[-1] is Refusal.TARGET_THROUGH and target is not None:
        body = limit_exit_body(name, trade.symbol, part, target, side=trade.side)
        why = f"the target is already through: {body['side']} at it or better"
        return submit_exit(trade, Role.TAKE_PROFIT, body, context.now, why)
    if is_past_limit(book, context) and context.limits.stop_lost == "flatten":
        body = at_market(book, name, stepped(free), snapshot.quotes, context)
        why = f"its stops do not stay: {body['side']} at {body['type']}"
        return submit_exit(trade, Role.EXIT, body, context.now, why)
    if (is_coin(trade.symbol) or is_fraction(part)) and has_reached(trade, snapshot.quotes, context):
        body = market_exit_body(name, trade.symbol, part, side=trade.side)
        role = Role.TAKE_PROFIT if wanted(trade).close_by is None else Role.EXIT
        return submit_exit(trade, role, body, context.now, f"the level watched for it is reached: {body['side']}")
    day = _had_day_cover(book, context)
    role, body = protective(book, name, part, snapshot.quotes, context, day=day)
    return submit_exit(trade, role, body, context.now, f"{text(part)} shares of trade {trade.id} have no stop")
