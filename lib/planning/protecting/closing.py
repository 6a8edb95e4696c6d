"""CLOSE, carried out by looking: the cover ends, its shares are released, one market order goes out.

The rest of the entry is cancelled first. Between the cancel of the cover and the market order nothing else is planned,
unless the broker refused that order: then the shares are covered again, and the next pass tries anew. Outside the
session the cover stays, and the close waits for the open. A limit never rests alone: the target of an OCO is moved to
it (`wanted.target`), a plain or trailing stop becomes an OCO of the limit and the level the stop had reached; parts
that take no OCO are watched (planning.protecting.watching).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from lib.domain.actions import Action, Cancel, Update
from lib.domain.bodies import is_coin, market_exit_body
from lib.domain.facts import Problem, Snapshot
from lib.domain.ids import exit_id
from lib.domain.money import ZERO, text, tick_down, tick_up
from lib.domain.records import Order
from lib.domain.states import REJECTED, Role
from lib.domain.wanted import write_wanted
from lib.planning.books import TradeBook, entries, exits, generation, live
from lib.planning.context import Context
from lib.planning.protecting.coins import owned_now
from lib.planning.protecting.exit_orders import submit_exit
from lib.planning.protecting.steps import NOTHING, Step, cancel, held_back, tops, trades_now
from lib.planning.protecting.watching import is_fraction
from lib.planning.terms import closes_at_market, is_long, is_worse, signed, wanted


def plan_close(book: TradeBook, snapshot: Snapshot, context: Context, namespace: str) -> Step | None:
    """Plan the next step of a CLOSE; None where cover goes on as usual."""
    trade, want = book.trade, wanted(book.trade)
    if want.close_by is None or live(entries(book)) or not trades_now(trade.symbol, context):
        return None
    if want.close_price is not None:
        return _stop_into_oco(book, context)
    if any(o.order_type == Role.EXIT for o in live(exits(book))):
        return NOTHING
    refused = _refused_in_this_pass(book, context)
    if refused is not None:
        return None
    why = f"decision {want.close_by} closes the trade"
    standing = tops(book)
    if standing:
        steps = [cancel(order, context, why) for order in standing]
        actions: tuple[Action, ...] = tuple(action for step in steps for action in step[0])
        return actions, ()
    position = snapshot.positions.get(trade.symbol)
    if position is None or signed(position.qty, trade) <= 0:
        return None  # not booked yet, or gone: cover tells which
    qty = min(owned_now(book, snapshot), signed(position.qty_available, trade))
    if qty <= 0:
        return held_back(book, owned_now(book, snapshot), snapshot, context, namespace)
    body = market_exit_body(exit_id(namespace, trade.id, generation(book)), trade.symbol, qty, side=trade.side)
    said = f"{why}: {body['side']} {text(qty)} at market"
    return (submit_exit(trade, Role.EXIT, body, context.now, said),), ()


def close_refused(book: TradeBook, context: Context) -> tuple[Problem, ...]:
    """Tell of a CLOSE whose order the broker refused in this pass: the shares are covered again."""
    refused = _refused_in_this_pass(book, context)
    if refused is None:
        return ()
    trade = book.trade
    message = (
        f"trade {trade.id} {trade.symbol}: the order of decision {wanted(trade).close_by} was refused "
        f"({refused.reject_reason}); its shares are covered again, the next pass tries anew"
    )
    return (Problem(code="CLOSE_REFUSED", message=message, symbol=trade.symbol),)


def _refused_in_this_pass(book: TradeBook, context: Context) -> Order | None:
    """Return the newest market order of a CLOSE, if the broker refused it since the pass began."""
    if not closes_at_market(book.trade):
        return None
    sent = [o for o in exits(book) if o.order_type == Role.EXIT and o.created_at >= context.pass_started_at]
    return sent[-1] if sent and sent[-1].order_status == REJECTED else None


def _stop_into_oco(book: TradeBook, context: Context) -> Step | None:
    """End a stop that stands alone, so that cover puts an OCO in its place; what it had reached is the OCO's stop."""
    trade, want = book.trade, wanted(book.trade)
    parents = {o.parent_id for o in book.orders}
    alone = [
        o
        for o in tops(book)
        if o.order_type == Role.STOP_LOSS and o.parent_id is None and o.id not in parents and not is_coin(o.symbol)
    ]
    alone = [o for o in alone if not is_fraction(o.qty)]
    if not alone:
        return None
    why = f"decision {want.close_by} closes at {text(want.close_price or ZERO)}: an OCO takes the place of the stop"
    actions, problems = cancel(alone[0], context, why)
    level = _reached(alone[0], book)
    if level is None or level == want.stop or not isinstance(actions[0] if actions else None, Cancel):
        return actions, problems
    kept = replace(want, stop=level)
    change = Update(table="trade_journal", id=trade.id, version=trade.version, values={"wanted": write_wanted(kept)})
    asked = actions[0]
    assert isinstance(asked, Cancel)
    return (replace(asked, intent=(*asked.intent, change)),), problems


def _reached(stop: Order, book: TradeBook) -> Decimal | None:
    """Return the level of a stop for the OCO in its place; None where the limit is no better than it.

    Then the market is beyond the limit already and the OCO fills at once; the broker takes none whose stop lies there.
    """
    limit, trade = wanted(book.trade).close_price, book.trade
    if stop.stop_price is None:
        return None
    level = tick_up(stop.stop_price) if is_long(trade) else tick_down(stop.stop_price)
    return None if limit is not None and is_worse(limit, level, trade) else level
