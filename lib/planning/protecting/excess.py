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
from lib.planning.books import TradeBook, covered_qty, covering, exits, generation, is_settled, owned_qty
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


def end_excess(book: TradeBook, context: Context) -> tuple[Action, ...]:
    """Cancel what covers too much, with its targets: what covers the excess and no more, else the newest.

    All that it takes at once: one after the other each would wait for the cancel before it, while the rest could trade
    too much.
    """
    covered, owned = covered_qty(book.orders), owned_qty(book)
    excess = covered - owned
    if excess <= 0 or not is_settled(book):  # the ledger is ahead: what was sold left the cover too
        return ()
    newest_first = covering(exits(book))[::-1]
    chosen = []
    for order in [o for o in newest_first if o.qty - o.filled_qty == excess][:1] or newest_first:
        if excess > 0:
            chosen.append(next((o for o in tops(book) if o.id == order.parent_id), order))
            excess -= order.qty - order.filled_qty
    return _cancel_all(chosen, context, f"{text(covered)} shares covered, {text(owned)} owned")


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
