"""AMEND, carried out by looking: the entry order of the wanted generation, and exits at the wanted levels.

An entry that is to be another is cancelled first. What it filled until its terminal word is protected, and only then
the next generation goes out for the rest: at most one is live or of unknown outcome. Exits are moved by replacing, the
stop first, one order of a trade a pass, so that its chain has settled before the next. Only orders are moved that were
sent before the AMEND which named their level: what the user edits in the broker's app afterwards stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from lib.domain.actions import Action, Insert, Ref, Replace, Submit, Update, Write
from lib.domain.bodies import entry_body
from lib.domain.facts import Problem
from lib.domain.hours import in_entry_window
from lib.domain.ids import entry_generation, entry_id
from lib.domain.money import text
from lib.domain.records import Control, Order
from lib.domain.states import HELD, NEW, PARTIALLY_FILLED, Role, TradeStatus
from lib.domain.wanted import Wanted, write_wanted
from lib.planning.books import TradeBook, bought_qty, covered_qty, entries, exits, is_settled, live, owned_qty
from lib.planning.context import Context
from lib.planning.deciding.resting import GTC, entry_row, entry_tif
from lib.planning.protecting.cancelling import end_entry
from lib.planning.protecting.halts import in_force
from lib.planning.terms import entry_of, is_readable, rests_at_target, stop_of, target_of, total_of, wanted

PATIENCE = timedelta(minutes=10)
"""An order that is in no state to be replaced now mostly is by the next pass, or the one after it."""

REPLACEABLE = frozenset({NEW, PARTIALLY_FILLED, HELD})
"""Any other status is refused (Alpaca, "Placing Orders"): the next pass finds the order further on."""


def generation_of(order: Order, orders: Sequence[Order]) -> int:
    """Return which generation an entry order belongs to; one edited in the app is of that of the order it replaced."""
    seen: set[int] = set()
    while order.replaces is not None and order.id not in seen:
        seen.add(order.id)
        order = next((o for o in orders if o.id == order.replaces), order)
    return entry_generation(order.client_order_id) or 1


def newest_generation(book: TradeBook) -> int:
    """Return the generation of the newest entry order there is."""
    return max((generation_of(o, book.orders) for o in entries(book)), default=1)


def is_wanted(order: Order, book: TradeBook) -> bool:
    """Say whether an entry order is still the one that the trade wants."""
    want = wanted(book.trade)
    return want.cancel_by is None and want.close_by is None and generation_of(order, book.orders) == want.generation


def awaits_generation(book: TradeBook, now: datetime) -> bool:
    """Say whether another entry order may still go out for this trade: without one, it has not ended yet."""
    want = wanted(book.trade)
    due = want.generation > newest_generation(book) and want.send_by is not None and now <= want.send_by
    return due and want.cancel_by is None and want.close_by is None


def plan_entry(book: TradeBook, controls: Sequence[Control], context: Context, namespace: str) -> tuple[Action, ...]:
    """Plan the next step that brings a trade's entry to what later decisions want of it."""
    trade = book.trade
    if trade.status not in {TradeStatus.ORDERED, TradeStatus.POSITION} or not is_readable(trade):
        return ()
    want, standing = wanted(trade), live(entries(book))
    unwanted = [o for o in standing if not is_wanted(o, book)]
    if unwanted:
        return tuple(step for order in unwanted for step in end_entry(order, book, _why(want), context))
    if standing or not awaits_generation(book, context.now) or not is_settled(book):
        return ()
    left = total_of(trade) - bought_qty(book)
    exempt = rests_at_target(trade) or trade.trail_percent is not None  # from the broker's wash-trade rule
    if left <= 0 or _has_sold(book) or (bought_qty(book) > 0 and not exempt):
        return (_ended_partly(book, want),)
    if owned_qty(book) > covered_qty(book.orders) or not _may_send(trade.symbol, controls, context):
        return ()
    return (_next_generation(book, want, left, context, namespace),)


def _why(want: Wanted) -> str:
    if want.close_by is not None:
        return f"decision {want.close_by} closes the trade"
    if want.cancel_by is not None:
        return f"decision {want.cancel_by} cancels it"
    return f"decision {want.amended_by} amends it"


def _has_sold(book: TradeBook) -> bool:
    return any(o.filled_qty > 0 for o in exits(book)) or bool(book.changes)


def _may_send(symbol: str, controls: Sequence[Control], context: Context) -> bool:
    in_time = context.time_is_sure and in_entry_window(context.session, context.now)
    return in_time and in_force(controls, symbol) is None


def _ended_partly(book: TradeBook, want: Wanted) -> Write:
    """Leave an entry at what it had filled before it could be amended."""
    trade, bought = book.trade, bought_qty(book)
    said = (
        f"AMEND_PARTLY: {text(bought)} of {text(total_of(trade))} had filled before decision {want.amended_by} "
        "could amend the entry; the trade keeps them"
    )
    settled = replace(want, generation=newest_generation(book), total=bought, partly_by=want.amended_by)
    values = {"wanted": write_wanted(settled), "note": said}
    change = Update(table="trade_journal", id=trade.id, version=trade.version, values=values)
    return Write(changes=(change,), why=f"trade {trade.id}: {said}", symbol=trade.symbol)


def _next_generation(book: TradeBook, want: Wanted, qty: Decimal, context: Context, namespace: str) -> Submit:
    trade, limit = book.trade, entry_of(book.trade)
    client_order_id = entry_id(namespace, trade.decision_id, want.generation)
    before = entries(book)[-1]
    tif = entry_tif(trade.symbol, qty, before.time_in_force)
    body = entry_body(client_order_id, trade.symbol, qty, limit, side=trade.side, time_in_force=tif)
    said = f"{body['side']} {text(qty)} {trade.symbol} at {text(limit)} or better"
    row = entry_row(trade.account, trade.id, body, context)
    row["expires_at"] = _ends_at(want, before, tif)
    noted = {"note": f"decision {want.amended_by} amended the entry: {said}"}
    return Submit(
        intent=(
            Insert(table="order_execution", values=row, ref="order"),
            Update(table="trade_journal", id=trade.id, version=trade.version, values=noted),
        ),
        body=body,
        why=f"decision {want.amended_by} amends the entry: {said}",
        symbol=trade.symbol,
        increases_exposure=True,
        order_refs=(Ref("order"),),
    )


def _ends_at(want: Wanted, before: Order, tif: str) -> datetime | None:
    """Return when the next generation ends: an entry that was to rest longer than its window still is."""
    if tif != GTC or before.expires_at is None or want.send_by is None:
        return want.send_by
    return max(want.send_by, before.expires_at)


def misplaced(book: TradeBook) -> tuple[tuple[Order, str, Decimal], ...]:
    """Return the live exits that do not stand at the level an AMEND named since they were sent: stops come first."""
    want, found = wanted(book.trade), []
    if want.stop_at is not None:
        stops = [o for o in live(exits(book)) if o.kind in {"stop", "stop_limit"} and o.created_at < want.stop_at]
        found += [(o, "stop_price", stop_of(book.trade)) for o in stops]
    target = target_of(book.trade)
    if want.target_at is not None and target is not None:
        limits = [o for o in live(exits(book)) if o.kind == "limit" and o.order_type == Role.TAKE_PROFIT]
        found += [(o, "limit_price", target) for o in limits if o.created_at < want.target_at]
    return tuple((order, name, level) for order, name, level in found if getattr(order, name) != level)


def move_exits(book: TradeBook, context: Context) -> tuple[Replace, ...]:
    """Replace the next exit that stands elsewhere than wanted, one of a trade a pass.

    An order that cannot be replaced now (accepted outside the session, or refused a moment ago) keeps its shares
    guarded where it stands; the next pass tries again.
    """
    asked = [o.replace_requested_at for o in book.orders if o.replace_requested_at is not None]
    if any(at >= context.pass_started_at for at in asked):
        return ()
    for order, name, level in misplaced(book):
        if order.order_status not in REPLACEABLE or order.alpaca_order_id is None:
            continue
        what = "stop" if name == "stop_price" else "target"
        want = wanted(book.trade)
        by = want.amended_by if want.close_by is None else want.close_by
        why = f"decision {by} moves the {what} to {text(level)}"
        return (Replace(order=order, body=_moved(order, name, level), why=why, symbol=order.symbol),)
    return ()


def unmoved(book: TradeBook, context: Context) -> tuple[Problem, ...]:
    """Tell of an exit that the broker does not move, once it was asked more than once: it guards where it stands."""
    want, trade = wanted(book.trade), book.trade
    since = {"stop_price": want.stop_at, "limit_price": want.target_at}
    found: list[Problem] = []
    for order, name, level in misplaced(book):
        asked, begun = order.replace_requested_at, since[name]
        if asked is None or asked < context.pass_started_at or begun is None or context.now - begun < PATIENCE:
            continue
        message = (
            f"trade {trade.id} {trade.symbol}: {order.client_order_id} is wanted at {text(level)} and stands at "
            f"{text(getattr(order, name))}: the broker does not move it; each pass asks again"
        )
        found.append(Problem(code="AMEND_REFUSED", message=message, symbol=trade.symbol))
    return tuple(found)


def _moved(order: Order, name: str, level: Decimal) -> dict[str, object]:
    """Return what changes; the limit of a stop-limit keeps its distance in proportion."""
    body: dict[str, object] = {name: text(level)}
    if order.kind == "stop_limit" and order.limit_price is not None and order.stop_price:
        body["limit_price"] = text(round(order.limit_price * level / order.stop_price, 9))
    return body
