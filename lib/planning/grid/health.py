"""Whether a grid may go on: other hands in its symbol, splits, quantities that drift, orders that grow old.

What is missing, too much or at another price at the broker is for the difference of wanted and live orders to put
right, at each look. Here stands what no order puts right: then the grid is PAUSED with a reason, nothing is placed,
what rests stays, and a person approves it again. Only before a split nothing may rest (planning.protecting.splits), no
entry while a halt is in force, and nothing that keeps a trade in the symbol from the market.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from lib.domain.actions import Action, LookAgain, RowChange, Write
from lib.domain.bodies import is_coin
from lib.domain.facts import Announcement, BrokerOrder, Problem, Quote, Snapshot
from lib.domain.grids import GridStatus, Strategy
from lib.domain.ids import is_ours
from lib.domain.limits import CONFIRM_ABSENT, CONFIRM_MISSING
from lib.domain.money import text
from lib.domain.records import Order, Rows
from lib.domain.states import PENDING, PENDING_CANCEL, PENDING_REPLACE
from lib.planning.books import is_live
from lib.planning.context import Context
from lib.planning.deciding.sharing import sides_to_leave
from lib.planning.grid.books import GridRows
from lib.planning.grid.changes import pause, strategy_write
from lib.planning.grid.diff import gave_up
from lib.planning.grid.holdings import Holding
from lib.planning.grid.reading import opens, status_of, symbol_of
from lib.planning.protecting.halts import halts, in_force, in_words
from lib.planning.protecting.splits import KINDS as SPLIT_KINDS
from lib.planning.protecting.splits import is_night_before
from lib.planning.protecting.steps import Step, cancel, trades_now
from lib.planning.protecting.watching import usable

RENEWED_BEFORE = timedelta(days=3)
"""So long before the broker ends a GTC order (90 days after it was sent) it is cancelled and placed anew."""

CHECKED_EVERY = timedelta(hours=1)

RATIOS = tuple(Decimal(n) for n in (2, 3, 4, 5, 7, 10, 20))
NEAR = Decimal("0.03")
"""A price that came within this part of such a ratio to the last one, or of its inverse, may be that of a split."""

DRIFT, FOREIGN, SPLIT = "GRID_DRIFT", "GRID_FOREIGN", "GRID_SPLIT"
"""How the reasons begin for which a grid is paused here."""

_Mine = GridRows | Holding


def plan_health(each: GridRows, rows: Rows, snapshot: Snapshot, context: Context) -> Step | None:
    """Plan what order_monitor does before it looks at the orders of a grid; None where the grid goes on."""
    status = status_of(each.strategy)
    if status is GridStatus.PAUSED:
        return _paused(each, rows, snapshot, context)
    if status is GridStatus.STARTING:
        return _made_way(each, rows, context)
    if status is not GridStatus.RUNNING:
        return None
    reason = _split_to_come(each, snapshot, context) or _jump(each.strategy, snapshot, context)
    reason = reason or _foreign_order(each, rows, snapshot)
    if reason is not None:
        return (pause(each.strategy, reason, _price(snapshot.quotes.get(symbol_of(each.strategy)))),), ()
    old = _old_orders(each, context)
    if old:
        return old, ()
    if _is_due(each.strategy, context):
        return (strategy_write(each.strategy, {"checked_at": context.now}, "looked through"),), ()
    return None


def plan_price(each: GridRows, snapshot: Snapshot, context: Context) -> tuple[Write, ...]:
    """Write the last price of a grid (position_monitor); a price that may be that of a split pauses it instead."""
    strategy, quote = each.strategy, snapshot.quotes.get(symbol_of(each.strategy))
    values = _price(usable(quote, symbol_of(strategy), context))
    written = strategy.quote_time is not None and strategy.quote_time >= context.pass_started_at
    if not values or written or values["quote_time"] == strategy.quote_time:
        return ()
    reason = _jump(strategy, snapshot, context) if status_of(strategy) is GridStatus.RUNNING else None
    if reason is not None:
        return (pause(strategy, reason, values),)
    return (strategy_write(strategy, values, "last price"),)


def plan_drift(symbol: str, delta: Decimal, mine: Sequence[Holding], context: Context) -> tuple[list[Action], bool]:
    """Judge a difference between broker and books in a symbol with grids; say too whether it has lasted.

    `delta` is what the broker has more, zero where all is explained. One look marks it, another a minute later pauses.
    """
    actions: list[Action] = []
    lasted = False
    for each in mine:
        since = each.strategy.drift_since
        if delta == 0 and since is not None:
            actions.append(strategy_write(each.strategy, {"drift_since": None}, "books and broker agree again"))
        elif delta != 0 and since is None:
            why = f"{text(abs(delta))} {'more' if delta > 0 else 'fewer'} at the broker, first look"
            actions.append(strategy_write(each.strategy, {"drift_since": context.now}, why))
        elif delta != 0 and since is not None and context.now - since >= CONFIRM_ABSENT:
            lasted = True
            reason = f"{DRIFT}: the broker holds {text(abs(delta))} {symbol} {'more' if delta > 0 else 'fewer'} than "
            actions.extend(paused((each,), f"{reason}its grids, trades and your own come to"))
    return actions, lasted


def paused(mine: Iterable[_Mine], reason: str) -> tuple[Write, ...]:
    """Pause grids that run; of others nothing is written."""
    return tuple(pause(each.strategy, reason) for each in mine if status_of(each.strategy) is GridStatus.RUNNING)


def pause_changes(mine: Iterable[_Mine], reason: str) -> tuple[RowChange, ...]:
    """Return the same as changes, for a transaction with other rows."""
    return tuple(change for write in paused(mine, reason) for change in write.changes)


def told(rows: Rows) -> tuple[Problem, ...]:
    """Say which grids wait for a person; no failure of a pass, and an alert while it lasts."""
    return tuple(
        Problem(
            code="GRID_PAUSED",
            message=f"grid {each.id} {symbol_of(each)} is PAUSED: {each.reason or 'no reason given'}",
            symbol=symbol_of(each),
        )
        for each in rows.grids
        if status_of(each) is GridStatus.PAUSED
    )


def _price(quote: Quote | None) -> dict[str, object]:
    """Return the middle of a quote as the columns of a strategy; nothing of half a quote."""
    if quote is None or not quote.bid or not quote.ask:
        return {}
    return {"last_price": (quote.bid + quote.ask) / 2, "quote_time": quote.at}


def _jump(strategy: Strategy, snapshot: Snapshot, context: Context) -> str | None:
    """Say that the price has jumped as by a split that nobody announced; coins have none."""
    symbol, before = symbol_of(strategy), strategy.last_price
    found = usable(snapshot.quotes.get(symbol), symbol, context)
    if is_coin(symbol) or before is None or before <= 0 or found is None or not found.bid or not found.ask:
        return None
    price = (found.bid + found.ask) / 2
    times = max(price, before) / min(price, before)
    for ratio in RATIOS:
        if abs(times / ratio - 1) <= NEAR:
            split = f"{text(ratio)} for 1" if price < before else f"1 for {text(ratio)}"
            return f"{SPLIT}: the price went from {text(before)} to {text(price)}, as by a split {split}"
    return None


def _split_to_come(each: _Mine, snapshot: Snapshot, context: Context) -> str | None:
    """Say that shares of the grid are split with the coming night, or were since it was approved."""
    strategy = each.strategy
    began = strategy.approved_seen_at or strategy.started_at
    found = [
        one
        for one in snapshot.announcements
        if one.kind in SPLIT_KINDS
        and one.symbol == symbol_of(strategy)
        and (began is None or one.ex_date > began.date())
        and is_night_before(one.ex_date, context)
    ]
    if not found:
        return None
    split = min(found, key=lambda one: one.ex_date)
    return f"{SPLIT}: {_in_words(split)} on {split.ex_date}; its prices are from before"


def _in_words(split: Announcement) -> str:
    if split.old_rate is None or split.new_rate is None:
        return "the shares are split"
    return f"{text(split.old_rate)} of its shares become {text(split.new_rate)}"


def _paused(each: GridRows, rows: Rows, snapshot: Snapshot, context: Context) -> Step | None:
    """Withdraw what rests of a PAUSED grid before a split, or after one; for any other reason it rests on."""
    lost = _lost(each, context)
    if lost is not None:
        return lost
    if (each.strategy.reason or "").startswith(SPLIT):
        return _withdrawn(((o, "withdrawn for a split") for o in each.orders), context)
    split = _split_to_come(each, snapshot, context)
    return _made_way(each, rows, context) if split is None else ((pause(each.strategy, split),), ())


def _made_way(each: GridRows, rows: Rows, context: Context) -> Step | None:
    """Cancel what may not rest beside others, of a grid whose orders are compared with nothing now."""
    if (each.strategy.wanted or "").strip():
        return None  # its end takes everything
    symbols, larger = {o.symbol for o in each.orders}, opens(each.strategy, each.orders)
    control = {symbol: in_force(rows.controls, symbol) for symbol in symbols}
    left = {symbol: sides_to_leave(rows, symbol) for symbol in symbols}
    found = []
    for order in each.orders:
        halted = control[order.symbol]
        if halted is not None and halts(halted) and order.side == larger:
            found.append((order, in_words(halted)))
        elif order.side in left[order.symbol]:
            found.append((order, "a trade in the symbol goes at market against it"))
    return _withdrawn(found, context)


def _withdrawn(found: Iterable[tuple[Order, str]], context: Context) -> Step | None:
    """Cancel what rests of these orders; None where nothing does."""
    standing = [(o, why) for o, why in found if is_live(o) and o.order_status not in {PENDING, PENDING_CANCEL}]
    steps = [cancel(order, context, why) for order, why in standing if order.alpaca_order_id is not None]
    return (tuple(action for step in steps for action in step[0]), ()) if steps else None


def _lost(each: GridRows, context: Context) -> Step | None:
    """Give up the orders that are twice confirmed absent: booking would have those that the broker has."""
    lost = tuple(
        gave_up(order, context.now)
        for order in each.orders
        if order.order_status == PENDING
        and order.missing_at is not None
        and context.now - order.missing_at >= CONFIRM_MISSING
    )
    return (lost, ()) if lost else None


def _foreign_order(each: GridRows, rows: Rows, snapshot: Snapshot) -> str | None:
    """Say that somebody else has an order in the symbol: it may take the grid's shares, or meet its orders."""
    known = {o.alpaca_order_id for o in rows.orders}
    for order in snapshot.live:
        if order.symbol == symbol_of(each.strategy) and not _is_known(order, rows.account.namespace, known):
            return f"{FOREIGN}: the order {order.client_order_id} in {order.symbol} is not ours"
    return None


def _is_known(order: BrokerOrder, namespace: str, known: set[str | None]) -> bool:
    ours = is_ours(order.client_order_id, namespace) or order.id in known or order.replaces in known - {None}
    return ours or any(leg.id in known for leg in order.legs)


def _old_orders(each: GridRows, context: Context) -> tuple[Action, ...]:
    """Cancel orders that the broker is about to end, while others can take their place at once."""
    old = [o for o in each.orders if _is_old(o, context) and trades_now(o.symbol, context)]
    actions = [action for order in old for action in cancel(order, context, "the broker would end it soon")[0]]
    return tuple(action for action in actions if not isinstance(action, LookAgain))


def _is_old(order: Order, context: Context) -> bool:
    if order.time_in_force != "gtc" or order.expires_at is None or order.alpaca_order_id is None:
        return False
    if not is_live(order) or order.order_status in {PENDING, PENDING_CANCEL, PENDING_REPLACE}:
        return False
    return order.expires_at - context.now <= RENEWED_BEFORE


def _is_due(strategy: Strategy, context: Context) -> bool:
    """Say whether the grid is to be looked through again: each hour, and by the first look of a session."""
    last = strategy.checked_at
    if last is None or context.now - last >= CHECKED_EVERY:
        return True
    return context.session is not None and last < context.session.open
