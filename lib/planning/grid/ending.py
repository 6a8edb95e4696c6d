"""How a grid ends: by a person's word, at a price, or beyond its range; one step a round, by looking.

STOPPING is written before anything is asked of the broker, so that nothing is placed any more, whatever dies on the
way. Then everything is cancelled; once every order has ended and its fills are booked, exactly what the grid holds is
closed at market, unless it is to be kept. What is kept, or is too little for an order, goes to the external bucket.
The broker refuses a market order while an own opposite one may still fill (Alpaca, "User Protection").
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from lib.domain.actions import Action, Insert, LookAgain, Ref, RowChange, Submit
from lib.domain.bodies import is_coin, market_exit_body, readable
from lib.domain.facts import Problem, Quote, Snapshot
from lib.domain.grids import Ending, Grid, GridStatus, OutOfRange, Strategy
from lib.domain.ids import grid_id
from lib.domain.limits import BOOKING_LAG_MAX, CONFIRM_MISSING
from lib.domain.money import CENT, ZERO, step_down, text
from lib.domain.records import Order, Rows
from lib.domain.states import PENDING, PENDING_CANCEL, PENDING_REPLACE, REJECTED, Change, Side
from lib.planning.books import books, broker_qty
from lib.planning.context import Context
from lib.planning.grid.books import (
    GridBook,
    GridRows,
    assumed_coins,
    closing_side,
    is_level,
    live_orders,
    next_attempt,
    part_of,
    was_split,
)
from lib.planning.grid.changes import strategy_write
from lib.planning.grid.diff import crosses, gave_up, order_row, sent_again
from lib.planning.grid.holdings import holdings
from lib.planning.grid.levels import level
from lib.planning.grid.lots import Part
from lib.planning.grid.reading import status_of
from lib.planning.grid.trailing import may_trail, plan_trailing
from lib.planning.outside.owners import external_qty, is_explained, open_books, quantity_change
from lib.planning.protecting.coins import too_little
from lib.planning.protecting.steps import NOTHING, Step, cancel, trades_now
from lib.planning.protecting.watching import usable

REFUSED_MAX = 3
"""So many closing orders refused one after the other are told; each further pass tries once more."""

TOO_LITTLE = "too little for an order"
SPLIT_LEFT = "by its books from before the split of its shares, as is the result"

WORKING = frozenset({GridStatus.STARTING, GridStatus.RUNNING, GridStatus.PAUSED})


def plan_ending(book: GridBook, rows: Rows, snapshot: Snapshot, context: Context) -> Step | None:
    """Plan the next step of a grid that ends or trails; None where it goes on as it is.

    A grid that is STOPPING is this function's alone: nothing else may place or cancel an order of it. `plan_health`
    comes first: by the price after a split, or of a PAUSED grid, nothing is ended.
    """
    status = status_of(book.strategy)
    if status is GridStatus.STOPPING:
        return _stop(book, rows, snapshot, context)
    ending = _asked(book)
    if status is GridStatus.WAITING and ending is not None:
        why = "stopped before it was started"
        values = {"status": GridStatus.STOPPED, "stopped_at": context.now, "reason": why}
        return (strategy_write(book.strategy, values, why),), ()
    if status not in WORKING:
        return None
    if ending is None and status is not GridStatus.PAUSED:
        ending = reached(book.grid, snapshot.quotes.get(book.grid.symbol), context)
    if ending is not None:
        return stopping(book.strategy, *ending), ()
    return plan_trailing(book, snapshot, context, rows.controls) if status is GridStatus.RUNNING else None


def stopping(strategy: Strategy, how: Ending, why: str) -> tuple[Action, ...]:
    """Return the write that begins an end."""
    values = {"status": GridStatus.STOPPING, "wanted": how, "reason": why}
    return (strategy_write(strategy, values, f"stops: {why}"),)


def plan_unreadable(each: GridRows, context: Context) -> Step:
    """Stop a grid that nobody can read any more: its orders end, and what it holds is kept until it can be read."""
    if status_of(each.strategy) is not GridStatus.STOPPING:
        return NOTHING
    return _end_all(live_orders(each), "the grid is to stop", context) or NOTHING


def plan_over(each: GridRows, rows: Rows, snapshot: Snapshot, context: Context) -> Step:
    """Cancel what still lives of a grid that has ended: it wants no order.

    One whose row was deleted is told of as long as its shares explain what the broker has more than the books.
    """
    strategy = each.strategy
    actions, _ = _end_all(live_orders(each), f"grid {strategy.id} has ended and wants no order", context) or NOTHING
    held = sum((f.qty if f.side == "buy" else -f.qty for f in each.fills), ZERO)
    symbol = each.orders[0].symbol if each.orders else ""
    if strategy.version >= 0 or held == 0 or is_coin(symbol):
        return actions, ()
    trades = [book for book in books(rows) if book.trade.symbol == symbol]
    if is_explained(symbol, trades, rows, snapshot, holdings(rows).get(symbol, ())):
        return actions, ()
    message = (
        f"the row of grid {strategy.id} was deleted while it held {text(held)} {symbol}, which are nobody's now: write "
        "it again as its last event has it, or close them by hand"
    )
    return actions, (Problem(code="GRID_UNREADABLE", message=message, symbol=symbol),)


def wanted_ending(strategy: Strategy) -> Ending | None:
    """Return how a stop that was asked for is to leave what is held; a word that nobody knows keeps it."""
    word = (strategy.wanted or "").strip().lower()
    if not word:
        return None
    return Ending(word) if word in set(Ending) else Ending.KEEP


def _asked(book: GridBook) -> tuple[Ending, str] | None:
    asked = wanted_ending(book.strategy)
    if asked is None:
        return None
    what = "keep what is held" if asked is Ending.KEEP else "close what is held"
    return asked, f"a stop was asked for: {what}"


def reached(grid: Grid, seen: Quote | None, context: Context) -> tuple[Ending, str] | None:
    """Say which price ends the grid: by the side of the quote that its inventory would be closed at."""
    quote = usable(seen, grid.symbol, context)
    if quote is None or quote.bid is None or quote.ask is None or not trades_now(grid.symbol, context):
        return None
    name, price = ("bid", quote.bid) if grid.sign > 0 else ("ask", quote.ask)
    now = f"the {name} is {text(price)}"
    if grid.stop is not None and grid.sign * (price - grid.stop) <= 0:
        return Ending.FLATTEN, f"stop price {text(grid.stop)} reached, {now}"
    if grid.take_profit is not None and grid.sign * (price - grid.take_profit) >= 0:
        return Ending.FLATTEN, f"take profit price {text(grid.take_profit)} reached, {now}"
    if grid.out_of_range is OutOfRange.HOLD:
        return None
    lower, upper = level(grid, grid.shift), level(grid, grid.shift + grid.levels - 1)
    above, below = quote.bid > upper, quote.ask < lower
    trails = may_trail(grid)
    if (above and not (trails and grid.sign > 0)) or (below and not (trails and grid.sign < 0)):
        how = Ending.KEEP if grid.out_of_range is OutOfRange.STOP else Ending.FLATTEN
        return how, f"out of the range {text(lower)} to {text(upper)}, {now}"
    return None


def _stop(book: GridBook, rows: Rows, snapshot: Snapshot, context: Context) -> Step:
    """Take the next step of a grid that is STOPPING."""
    split = was_split(book.strategy, book.grid.symbol, rows.changes)  # what is its own nobody knows
    keeps = split or wanted_ending(book.strategy) is not Ending.FLATTEN  # nothing is sold that nobody asked for
    standing = live_orders(book)
    closing = tuple(o for o in standing if not keeps and part_of(o, book.grid) is Part.CLOSE)
    ended = _end_all([o for o in standing if o not in closing], "the grid stops", context)
    if ended is not None:
        return ended
    if closing:
        return _under_way(closing[0], context)
    if not is_level(book):
        return _wait(book, "the broker's ledger lags its orders", context)
    if keeps:
        return _stopped(book, rows, snapshot, context, f"kept, {SPLIT_LEFT}" if split else "kept")
    return _close(book, rows, snapshot, context)


def _end_all(orders: Iterable[Order], why: str, context: Context) -> Step | None:
    """Ask for the end of every order, each once a pass; None once none is left."""
    steps = [_end(order, why, context) for order in orders]
    if not steps:
        return None
    return tuple(action for step in steps for action in step[0]), ()


def _end(order: Order, why: str, context: Context) -> Step:
    """End one order. Of an unknown outcome two 404s give it up: had the broker shown it, booking would have it."""
    if order.order_status == PENDING:
        if order.missing_at is None or context.now - order.missing_at < CONFIRM_MISSING:
            return _look(order, context)
        return (gave_up(order, context.now),), ()
    if order.order_status in {PENDING_CANCEL, PENDING_REPLACE} or order.alpaca_order_id is None:
        return _look(order, context)
    return cancel(order, context, why)


def _look(order: Order, context: Context) -> Step:
    if not trades_now(order.symbol, context):
        return NOTHING  # outside the session nothing settles before the open
    return (LookAgain(why=f"{order.client_order_id} is {order.order_status}", symbol=order.symbol),), ()


def _under_way(order: Order, context: Context) -> Step:
    """Wait for the closing order; one that the broker never had is sent again under its own id."""
    body = readable(order.payload)
    if order.order_status != PENDING or body is None or order.missing_at is None:
        return _look(order, context)
    if context.now - order.missing_at < CONFIRM_MISSING or not trades_now(order.symbol, context):
        return _look(order, context)
    return (sent_again(order, body, context.now, opens=False),), ()


def _wait(book: GridBook, why: str, context: Context) -> Step:
    if not trades_now(book.grid.symbol, context):
        return NOTHING
    return (LookAgain(why=f"grid {book.grid.id}: {why}", symbol=book.grid.symbol),), ()


def _close(book: GridBook, rows: Rows, snapshot: Snapshot, context: Context) -> Step:
    """Close what the grid holds, never more than the broker has free; once a pass."""
    grid, held = book.grid, _held(book, snapshot)
    gone = _closed_outside(book, held, rows, snapshot)
    if gone and not _traded_lately(book, context):
        held -= gone
        if held == 0:
            return _stopped(book, rows, snapshot, context, "closed outside this system")
    if held < grid.qty_min or held == 0 or too_little(grid.symbol, held, _worth(book, snapshot)) is not None:
        return _stopped(book, rows, snapshot, context, TOO_LITTLE)
    told = _refused(book)
    closes = [o for o in book.orders if part_of(o, grid) is Part.CLOSE]
    if not trades_now(grid.symbol, context) or any(o.created_at >= context.pass_started_at for o in closes):
        return (), told
    others = _opposite(book, rows)
    if others:
        return (), (*told, _stuck(book, f"its close waits for {others[0].client_order_id} to end"))
    position = snapshot.positions.get(grid.symbol)
    free = ZERO if position is None else max(grid.sign * position.qty_available, ZERO)
    if free < held:
        if _traded_lately(book, context):
            return _wait(book, "the broker has not booked its last fills yet", context)
        said = f"{text(held)} to close, the broker has {text(free)} free for it"
        told = (*told, _stuck(book, f"{said}; if you sold them, python -m lib.grid stop {grid.id} --keep ends it"))
    qty = step_down(min(held, free), grid.increment)
    if qty < grid.qty_min or qty <= 0:
        return (), told
    return (_submit(book, rows.account.namespace, qty, context),), told


def _held(book: GridBook, snapshot: Snapshot) -> Decimal:
    """Return what there is to close.

    The fee of a coin is assumed until it is posted: if the broker took less, what it holds tells, as long as nobody
    else's coins can be among it.
    """
    grid, held = book.grid, max(book.grid.sign * book.ledger.inventory, ZERO)
    if is_coin(grid.symbol):
        position = snapshot.positions.get(grid.symbol)
        if position is not None and held < position.qty <= held + assumed_coins(book):
            held = position.qty
    return step_down(held, grid.increment)


def _closed_outside(book: GridBook, held: Decimal, rows: Rows, snapshot: Snapshot) -> Decimal:
    """Return what the user has closed of the grid's shares: position_monitor booked it, and the broker lacks it.

    Either alone is no proof: a list may be short, and the user may have put back what is booked as sold. Coins of the
    user are in no book.
    """
    grid, symbol = book.grid, book.grid.symbol
    if is_coin(symbol):
        return ZERO
    position = snapshot.positions.get(symbol)
    others = sum((broker_qty(b) for b in open_books(books(rows)) if b.trade.symbol == symbol), ZERO)
    lacks = held - grid.sign * ((ZERO if position is None else position.qty) - others)
    return max(min(-grid.sign * external_qty(rows, symbol), lacks, held), ZERO)


def _price(book: GridBook, snapshot: Snapshot) -> Decimal:
    """Return what one share or coin is worth, as far as anybody knows; the least level where nobody does."""
    quote = snapshot.quotes.get(book.grid.symbol)
    known = (quote.bid or quote.ask) if quote is not None else None
    return known or book.strategy.last_price or level(book.grid, book.grid.shift)


def _worth(book: GridBook, snapshot: Snapshot) -> Decimal:
    """Return the highest price that is known: what may be worth an order is not given up by an old quote."""
    return max([_price(book, snapshot), *(lot.price for lot in book.ledger.lots)])


def _opposite(book: GridBook, rows: Rows) -> list[Order]:
    """Return orders of trades in the symbol that the closing order could meet."""
    side, symbol = closing_side(book.grid), book.grid.symbol
    return [o for o in rows.orders if o.symbol == symbol and o.strategy_id is None and crosses(o, side, None)]


def _traded_lately(book: GridBook, context: Context) -> bool:
    return any(context.now - fill.transaction_time < BOOKING_LAG_MAX for fill in book.fills)


def _refused(book: GridBook) -> tuple[Problem, ...]:
    """Tell of closing orders that the broker refused one after the other."""
    grid, refused = book.grid, []
    for order in sorted(book.orders, key=lambda o: o.attempt, reverse=True):
        if part_of(order, grid) is Part.CLOSE:
            if order.order_status != REJECTED:
                break
            refused.append(order)
    if len(refused) < REFUSED_MAX:
        return ()
    said = refused[0].reject_reason or "without a reason"
    return (_stuck(book, f"its close was refused {len(refused)} times: {said}"),)


def _stuck(book: GridBook, why: str) -> Problem:
    grid = book.grid
    return Problem(code="GRID_CLOSE", message=f"grid {grid.id} {grid.symbol}: {why}", symbol=grid.symbol)


def _submit(book: GridBook, namespace: str, qty: Decimal, context: Context) -> Submit:
    grid, attempt = book.grid, next_attempt(book)
    name = grid_id(namespace, grid.id, Part.CLOSE, closing_side(grid), attempt)
    body = market_exit_body(name, grid.symbol, qty, side=Side.LONG if grid.sign > 0 else Side.SHORT)
    return Submit(
        intent=(
            Insert(
                table="order_execution",
                values=order_row(grid, body, None, attempt=attempt, now=context.now),
                ref="order",
            ),
        ),
        body=body,
        why=f"grid {grid.id} stops: {body['side']} {text(qty)} {grid.symbol} at market",
        symbol=grid.symbol,
        increases_exposure=False,
        order_refs=(Ref("order"),),
    )


def _stopped(book: GridBook, rows: Rows, snapshot: Snapshot, context: Context, left_because: str) -> Step:
    """Write the end, what came of it, and whose the rest is from now on."""
    strategy, held = book.strategy, book.ledger.inventory
    said = strategy.reason or "stopped"
    result = book.ledger.equity(_price(book, snapshot)) - book.grid.capital
    reason = f"{said}; result {text(result.quantize(CENT))}, fees of {text(book.ledger.fees.quantize(CENT))} taken off"
    changes: list[RowChange] = []
    if book.grid.sign * held > 0 or (held and not is_coin(book.grid.symbol)):  # the fee of coins is assumed
        reason = f"{reason}; {text(held)} {left_because}"
        if not is_coin(book.grid.symbol):  # the user's coins are in no book
            cause = Change.DUST if left_because == TOO_LITTLE else Change.TRANSFER
            evidence = f"{text(held)} of grid {strategy.id}: {left_because}"
            changes.append(quantity_change(rows, book.grid.symbol, held, cause, context.now, evidence=evidence))
    values = {"status": GridStatus.STOPPED, "stopped_at": context.now, "reason": reason}
    return (strategy_write(strategy, values, reason, *changes),), ()
