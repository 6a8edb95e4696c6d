"""Splits: cover is withdrawn before the night and placed anew, by the announced ratio, before the next open.

Alpaca does not adjust the orders of a group at a split (alpaca-py issue 469: a stop fired at the open), and cancels
asked for outside hours hang until the open, so nothing may rest when the last session before the ex-date ends. Which
trades are without cover for this is stored (`wanted.split_due`), so that a look which reads no announcements knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from lib.domain.actions import Update, Write
from lib.domain.facts import Announcement, Snapshot
from lib.domain.money import AVERAGE_PLACES, ONE, ZERO, notional, storable, text, tick_down, tick_up
from lib.domain.records import Order, Trade
from lib.domain.states import PENDING, PENDING_CANCEL, PENDING_REPLACE, Change, Role
from lib.domain.wanted import write_wanted
from lib.planning.books import TradeBook, entries, exits, fills_of, live, owned_qty
from lib.planning.context import Context
from lib.planning.protecting.dying import reached_level, trails
from lib.planning.protecting.steps import Step, cancel, tops, uncovered, wait
from lib.planning.terms import closes_at_market, entry_of, is_long, is_readable, sign, stop_of, target_of, wanted

KINDS = frozenset({"forward_split", "reverse_split", "stock_dividend"})
WITHDRAWN = timedelta(minutes=10)
"""From so long before the last close on, cover is withdrawn: the last two looks of the session."""
ANEW = timedelta(hours=1)
"""From so long before the open of the ex-date on, cover goes by the new prices, whatever the broker has booked."""
SAME = timedelta(days=5)
"""Announcements and ledger may date one split differently by some days; two splits are further apart."""
LEAST_PRICE = Decimal("0.0001")
CAUSE = "corporate_action"


def split_to_come(trade: Trade, snapshot: Snapshot) -> Announcement | None:
    """Return the next split that the trade was there before and whose prices it does not have yet."""
    found = (
        one
        for one in snapshot.announcements
        if one.kind in KINDS
        and one.symbol == trade.symbol
        and (trade.entry_time or trade.created_at).date() < one.ex_date
        and not has_prices_of(trade, one.ex_date)
    )
    return min(found, key=lambda one: one.ex_date, default=None)


def has_prices_of(trade: Trade, on: date) -> bool:
    """Say whether the trade's levels were adjusted for the split of that day."""
    known = wanted(trade).split_on
    return known is not None and date.fromisoformat(known) >= on - SAME


def is_night_before(on: date, context: Context) -> bool:
    """Say whether shares that are split on that day may by now be split at any moment, or have been."""
    closes = max((hours.close for hours in context.calendar if hours.open.date() < on), default=None)
    return (closes is not None and context.now >= closes - WITHDRAWN) or is_morning_of(on, context)


def is_morning_of(on: date, context: Context) -> bool:
    """Say whether the session of the ex-date is about to begin, or later: prices are the new ones."""
    opens = min((hours.open for hours in context.calendar if hours.open.date() >= on), default=None)
    return opens is not None and context.now >= opens - ANEW


def plan_split(book: TradeBook, snapshot: Snapshot, context: Context) -> Step | None:
    """Plan the next step of a trade whose shares are about to be split; None where none are."""
    trade, kept = book.trade, wanted(book.trade)
    if not is_readable(trade):
        return None  # to write into the column would be to forget what it held
    due = kept.split_due
    if snapshot.announcements_read:
        split = split_to_come(trade, snapshot)
        due = split.ex_date.isoformat() if split is not None and is_night_before(split.ex_date, context) else None
    if due != kept.split_due:
        values = {"wanted": write_wanted(replace(kept, split_due=due))}
        change = Update(table="trade_journal", id=trade.id, version=trade.version, values=values)
        why = f"trade {trade.id} {trade.symbol}: " + (f"split on {due}" if due else "no split is announced any more")
        return (Write(changes=(change,), why=why, symbol=trade.symbol),), ()
    if due is None:
        return _outlived(book, context)
    if closes_at_market(trade) and context.session is not None:
        return None
    return _withdraw(book, context, f"withdrawn for the split of {due}")


def _outlived(book: TradeBook, context: Context) -> Step | None:
    """Cancel what rests at prices from before a split whose prices the trade has: the looks before it were missed."""
    old = [o for o in tops(book) if o.order_status != PENDING and _is_older(o, book.trade)]
    said = f"its price is from before the split of {wanted(book.trade).split_on}"
    return _end(old[0], book, context, said) if old else None


def _is_older(order: Order, trade: Trade) -> bool:
    split_on = wanted(trade).split_on
    return split_on is not None and order.created_at.date().isoformat() < split_on


def is_stale(order: Order, book: TradeBook, context: Context) -> bool:
    """Say whether a split forbids to send an exit again: its price is an old one, or nothing may rest now.

    Sent at night it could not be taken back before the open, at which it would sell everything.
    """
    if closes_at_market(book.trade) and context.session is not None:
        return False
    return wanted(book.trade).split_due is not None or _is_older(order, book.trade)


def _end(order: Order, book: TradeBook, context: Context, why: str) -> Step:
    if order.order_status in {PENDING_CANCEL, PENDING_REPLACE}:
        return wait(book, context, f"{order.client_order_id} is {order.order_status}", cause=CAUSE)
    return cancel(order, context, why)


def _withdraw(book: TradeBook, context: Context, why: str) -> Step | None:
    """Cancel what would rest overnight: every exit, and entries that outlive the day."""
    if any(o.order_status == PENDING and o.parent_id is None for o in exits(book)):
        return None  # its outcome is found out first, as on any other day
    for order in _resting(book):
        return _end(order, book, context, why)
    owned = owned_qty(book)
    if context.session is None or owned <= 0:
        return (), ()  # nothing can be sold at night, and before the next open there is cover again
    return (), (uncovered(book, owned, why, cause=CAUSE),)


def _resting(book: TradeBook) -> Iterator[Order]:
    yield from (o for o in live(entries(book)) if o.time_in_force == "gtc" and o.order_status != PENDING)
    yield from tops(book)


def split_prices(book: TradeBook, old: Decimal, new: Decimal, on: date) -> Update:
    """Return the trade's levels after `old` shares have become `new`; a trail's is where it had got.

    Fractions of a tick go away from the market, stop and target alike: a trade must not end by rounding. It costs less
    than a tick a share, and is what the broker does to the orders that it adjusts itself.
    """
    trade, kept = book.trade, wanted(book.trade)
    reached = reached_level(book) if trails(book) else None
    before = stop_of(trade) if reached is None else reached
    lower, upper = (tick_down, tick_up) if is_long(trade) else (tick_up, tick_down)
    stop, target = max(lower(before * old / new), LEAST_PRICE), target_of(trade)
    after = replace(
        kept,
        stop=stop,
        target=None if target is None else upper(target * old / new),
        entry=max(lower(entry_of(trade) * old / new), LEAST_PRICE),
        close_price=None if kept.close_price is None else upper(kept.close_price * old / new),
        split_on=on.isoformat(),
        split_due=None,
    )
    said = f"split {text(new)} for {text(old)} on {on}: stop {text(stop)}"
    said += "" if after.target is None else f", target {text(after.target)}"
    values = {"wanted": write_wanted(after), "note": said if trade.note is None else f"{trade.note}; {said}"}
    return Update(table="trade_journal", id=trade.id, version=trade.version, values=values)


def entry_price_now(book: TradeBook) -> Decimal | None:
    """Return what the trade paid for one share as shares are counted now; None while it has no fill."""
    bought = [(f.qty, f.price) for f in fills_of(book, Role.ENTRY)]
    qty = sum((qty for qty, _ in bought), ZERO)
    if qty == 0:
        return None
    average = notional(bought) / (qty * shares_for_one(book))
    return average.quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN).normalize() + ZERO


def cost_basis(book: TradeBook, qty: Decimal, price: Decimal) -> Decimal:
    """Return what was paid for `qty` of the trade's shares at `price` each; a split leaves it as it was."""
    shares = shares_for_one(book)
    if shares == ONE:
        return storable(price * qty)
    bought = [(f.qty, f.price) for f in fills_of(book, Role.ENTRY)]
    cost = notional(bought) * qty / (sum((each for each, _ in bought), ZERO) * shares)
    return cost.quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN).normalize() + ZERO


def shares_for_one(book: TradeBook) -> Decimal:
    """Return how many shares one that was bought has become by splits since."""
    shares = ONE
    for at in sorted({c.at for c in book.changes if c.cause == Change.SPLIT}):
        before = _owned_before(book, at)
        became = sign(book.trade) * sum((c.delta for c in book.changes if _is_of(c.cause, c.at, at)), ZERO)
        if before > 0 and before + became > 0:
            shares *= (before + became) / before
    return shares


def _is_of(cause: str, at: datetime, when: datetime) -> bool:
    return cause == Change.SPLIT and at == when


def _owned_before(book: TradeBook, at: datetime) -> Decimal:
    opened = {o.id for o in entries(book)}
    fills = sum((f.qty if f.order_id in opened else -f.qty for f in book.fills if f.transaction_time < at), ZERO)
    return fills + sign(book.trade) * sum((c.delta for c in book.changes if c.at < at), ZERO)
