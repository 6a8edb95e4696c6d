"""Cover that is too much, and a trade that has closed more than it had: both legs of an OCO filled in a fast market.

What is owed is closed the other way round, never more than the broker shows as a position of that direction, and only
when every order's fills are booked: a torn look would open what it means to close. The symbol is halted in the same
transaction; a person lets it go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from lib.domain.actions import Action
from lib.domain.bodies import market_exit_body
from lib.domain.facts import Problem, Snapshot
from lib.domain.ids import exit_id
from lib.domain.money import ZERO, text
from lib.domain.records import Control, Order
from lib.domain.states import Role, Side
from lib.planning.books import TradeBook, covering, exits, generation, is_settled, owned_qty
from lib.planning.context import Context
from lib.planning.protecting.exit_orders import submit_exit
from lib.planning.protecting.halts import halt_symbol
from lib.planning.protecting.steps import Step, cancel, tops, wait
from lib.planning.terms import closing_verb, is_long, signed


def plan_emptied(
    book: TradeBook,
    owned: Decimal,
    snapshot: Snapshot,
    context: Context,
    *,
    namespace: str,
    controls: Sequence[Control] = (),
) -> Step:
    """Cancel every exit of a trade without shares; then close what it has too little of."""
    standing = tops(book)
    if owned == 0:
        return _cancel_all(standing, context, "the trade owns no shares"), ()
    problem = Problem(code="OVERSOLD", message=_told(book, owned, snapshot), symbol=book.trade.symbol)
    closing = [o for o in standing if o.side != closing_verb(book.trade)]
    if closing:
        return _wait(book, context, "what was closed too much is on its way back", problem)
    if standing:
        return _cancel_all(standing, context, "the trade owns no shares"), (problem,)
    if not is_settled(book):
        return _wait(book, context, "the broker's ledger lags its orders", problem)
    qty = min(-owned, _opposite(book, snapshot))
    if qty <= 0:
        return (), (problem,)
    return (_close(book, qty, context, namespace, controls),), (problem,)


def end_excess(book: TradeBook, context: Context) -> tuple[Action, ...] | None:
    """Cancel what covers too much, with its targets: what covers the excess and no more, else the newest.

    All that it takes at once: one after the other each would wait for the cancel before it, while the rest could trade
    too much. What this pass has asked for is on its way out, and nothing is chosen in its place. None if no cover is
    too much; without an action there is nothing to do about it now.
    """
    owned = owned_qty(book)
    standing = [o for o in covering(exits(book)) if o.side == closing_verb(book.trade)]
    covered = sum((_rest(o) for o in standing), ZERO)
    if owned < 0 or covered <= owned or not is_settled(book):  # the ledger is ahead: what was sold left the cover too
        return None
    newest_first = [(o, _top(o, book)) for o in reversed(standing)]
    asked = [(o, top) for o, top in newest_first if _asked(top, context)]
    left = [each for each in newest_first if each not in asked]
    excess, chosen = covered - owned - sum((_rest(o) for o, _ in asked), ZERO), asked
    while excess > 0:
        taken = next((each for each in left if _rest(each[0]) == excess), left[0])
        left.remove(taken)
        chosen.append(taken)
        excess -= _rest(taken[0])
    return _cancel_all((top for _, top in chosen), context, f"{text(covered)} shares covered, {text(owned)} owned")


def _rest(order: Order) -> Decimal:
    return order.qty - order.filled_qty


def _top(order: Order, book: TradeBook) -> Order:
    """Return the order that a cancel names to end this one."""
    return next((o for o in tops(book) if o.id == order.parent_id), order)


def _asked(order: Order, context: Context) -> bool:
    return order.cancel_requested_at is not None and order.cancel_requested_at >= context.pass_started_at


def _cancel_all(orders: Iterable[Order], context: Context, why: str) -> tuple[Action, ...]:
    return tuple(action for order in orders for action in cancel(order, context, why)[0])


def _close(book: TradeBook, qty: Decimal, context: Context, namespace: str, controls: Sequence[Control]) -> Action:
    trade = book.trade
    side = Side.SHORT if is_long(trade) else Side.LONG  # of the position that is to be closed
    body = market_exit_body(exit_id(namespace, trade.id, generation(book)), trade.symbol, qty, side=side)
    reason = f"trade {trade.id} closed {text(qty)} shares more than it had"
    halt = halt_symbol(controls, trade, reason, context.now)
    why = f"{reason}: {body['side']} them back"
    return submit_exit(trade, Role.EXIT, body, context.now, why, also=halt)


def _opposite(book: TradeBook, snapshot: Snapshot) -> Decimal:
    """Return what the broker shows of a position against the trade's direction, as far as no order holds it."""
    position = snapshot.positions.get(book.trade.symbol)
    if position is None:
        return ZERO
    return min(-signed(position.qty, book.trade), -signed(position.qty_available, book.trade))


def _told(book: TradeBook, owned: Decimal, snapshot: Snapshot) -> str:
    trade = book.trade
    said = f"trade {trade.id} {trade.symbol}: closed {text(-owned)} shares more than it had"
    position = snapshot.positions.get(trade.symbol)
    if position is not None and signed(position.qty, trade) > 0:
        return f"{said}, out of others that the account holds: nothing can be closed the other way; a person acts"
    return f"{said}; they are closed the other way and {trade.symbol} is halted"


def _wait(book: TradeBook, context: Context, why: str, problem: Problem) -> Step:
    actions, _ = wait(book, context, why)
    return actions, (problem,)
