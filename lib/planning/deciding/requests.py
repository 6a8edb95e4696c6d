"""CANCEL, AMEND and CLOSE: find the trade, check what is asked of it, write what is now wanted.

Nothing is sent from here: order_monitor compares what is live with what is wanted. The decision and its trade change in
one transaction, each by its version. A trade remembers every decision that asked something of it, so that none is
carried out twice, whatever becomes of the decision's row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from lib.domain.actions import Update, Write
from lib.domain.bodies import is_coin
from lib.domain.facts import Quote
from lib.domain.hours import in_entry_window
from lib.domain.money import text
from lib.domain.records import Decision, Rows
from lib.domain.states import PENDING, REJECTED, UNSENT, Action, DecisionStatus, TradeStatus
from lib.domain.wanted import Wanted, write_wanted
from lib.planning.books import TradeBook, books, bought_qty, entries, live, owned_qty
from lib.planning.context import Context
from lib.planning.deciding.amending import awaits_generation, is_wanted, misplaced, newest_generation
from lib.planning.deciding.answers import TICKED_AGAIN, edited, is_open, note, refusal, too_late, withdrawal
from lib.planning.deciding.checks import refuse
from lib.planning.deciding.decisions import NewTrade, Refused, Request, is_request, is_ticked, read_decision
from lib.planning.deciding.exposure import World
from lib.planning.deciding.number_checks import price_bounds, refuse_numbers, refuse_price
from lib.planning.protecting.watching import closing_price
from lib.planning.terms import entry_of, is_better, is_readable, is_worse, stop_of, target_of, total_of, wanted

ENDED = frozenset({TradeStatus.CLOSED, TradeStatus.CANCELLED})
CLAIMED = frozenset({DecisionStatus.ORDERED, DecisionStatus.DONE})

Asked = tuple[Wanted, str]
"""What a trade wants once a request is granted, and what that is in words."""


def answer_requests(
    rows: Rows, quotes: Mapping[str, Quote], world: World | None, context: Context
) -> tuple[tuple[Write, ...], World | None]:
    """Answer every CANCEL, AMEND and CLOSE, oldest first, and tell of those that have been carried out.

    The world grows by what is granted: the entries that are checked after it must find room beside it.
    """
    asked = [d for d in sorted(rows.decisions, key=lambda d: d.id) if is_request(d) and d.version >= 0]
    if not asked:
        return (), world
    shelf = books(rows)
    owners = {claimed: book for book in shelf for claimed in wanted(book.trade).claimed}
    told = all(is_readable(book.trade) for book in shelf)
    writes: list[Write] = []
    for decision in asked:
        if decision.execution_status in CLAIMED and decision.id not in owners and not told:
            continue  # its trade may be one that has forgotten it
        if decision.id in owners or decision.execution_status in CLAIMED:
            written = _follow(decision, owners.get(decision.id), context)
        elif is_open(decision, rows) and context.only_decision in {None, decision.id}:
            written = _withdraw(decision, rows, context)
            if written is None:
                written, world = _answer(decision, shelf, quotes, world, context)
        else:
            continue
        writes += [written] if written is not None else []
    return tuple(writes), world


def symbols_to_amend(rows: Rows, context: Context) -> frozenset[str]:
    """Name the symbols whose market an open AMEND is checked against: the pass reads no other."""
    shelf: Sequence[TradeBook] = ()
    found: set[str] = set()
    for decision in rows.decisions:
        if is_request(decision) and is_open(decision, rows) and context.only_decision in {None, decision.id}:
            shelf = shelf or books(rows)
            request = read_decision(decision)
            book = _target(request, shelf) if isinstance(request, Request) else None
            if isinstance(request, Request) and isinstance(book, TradeBook) and request.action is Action.AMEND:
                found.add(book.trade.symbol)
    return frozenset(found)


def _withdraw(decision: Decision, rows: Rows, context: Context) -> Write | None:
    request = read_decision(decision)
    if not isinstance(request, Request) or edited(decision) is not None or too_late(decision, request, context):
        return None
    return withdrawal(decision, request, rows, context)


def _answer(
    decision: Decision,
    shelf: Sequence[TradeBook],
    quotes: Mapping[str, Quote],
    world: World | None,
    context: Context,
) -> tuple[Write | None, World | None]:
    refused = edited(decision)
    request = read_decision(decision)
    if refused is None and isinstance(request, Refused):
        refused = request
    book: TradeBook | Refused | None = None
    if refused is None and isinstance(request, Request):
        book = _target(request, shelf)
        refused = book if isinstance(book, Refused) else too_late(decision, request, context)
    if refused is not None or not isinstance(request, Request) or not isinstance(book, TradeBook):
        return (None if refused is None else refusal(decision, refused, context)), world
    verdict = _judge(request, book, quotes, world, context)
    if isinstance(verdict, Refused):
        return refusal(decision, verdict, context), world
    if verdict is None:
        return None, world
    claimed = replace(book, trade=replace(book.trade, wanted=write_wanted(verdict[0])))
    return _claim(decision, book, verdict, context), None if world is None else world.asked(book, claimed)


def _judge(
    request: Request, book: TradeBook, quotes: Mapping[str, Quote], world: World | None, context: Context
) -> Asked | Refused | None:
    """Say what a request makes of its trade; None where what it has to be checked against was not read."""
    if not is_readable(book.trade):
        reason = f"what is wanted of trade {book.trade.id} already cannot be read: put it back from event"
        return Refused(code="WANTED", reason=reason, final=False)
    if request.action is Action.CANCEL:
        return _cancel(request, book, context)
    if context.session is None and not is_coin(book.trade.symbol):
        return Refused(code="SESSION", reason="the market is closed; it is taken once it opens", final=False)
    if request.action is Action.CLOSE:
        return _close(request, book, context)
    return _amend(request, book, quotes, world, context)


def _target(request: Request, shelf: Sequence[TradeBook]) -> TradeBook | Refused:
    """Find the trade that a request means; what is not exactly one is refused by name."""
    if request.target_decision_id is not None:
        found = [b for b in shelf if b.trade.decision_id == request.target_decision_id]
        if not found:
            reason = f"decision {request.target_decision_id} has no trade that could still change"
            return Refused(code="TARGET", reason=reason)
        trade = found[0].trade
        if request.symbol is not None and request.symbol != trade.symbol:
            reason = f"decision {trade.decision_id} is trade {trade.id} in {trade.symbol}, not in {request.symbol}"
            return Refused(code="TARGET", reason=reason)
        return found[0]
    found = [b for b in shelf if b.trade.symbol == request.symbol and b.trade.status not in ENDED]
    if len(found) == 1:
        return found[0]
    if not found:
        return Refused(code="TARGET", reason=f"no trade in {request.symbol} is live")
    named = ", ".join(f"trade {b.trade.id} (decision {b.trade.decision_id})" for b in found)
    return Refused(code="TARGET", reason=f"{named} are live in {request.symbol}: name one by target_decision_id")


def _cancel(request: Request, book: TradeBook, context: Context) -> Asked | Refused:
    trade, want = book.trade, wanted(book.trade)
    if want.cancel_by is not None or want.close_by is not None:
        return _asked_already(want)
    if not _entry_may_fill(book, context):
        state = "a position: CLOSE ends it" if trade.status == TradeStatus.POSITION else f"{trade.status}"
        reason = f"trade {trade.id} has no entry that could still fill; it is {state}"
        return Refused(code="CANCEL_TOO_LATE", reason=reason)
    return replace(want, cancel_by=request.id), f"cancels the entry of trade {trade.id}"


def _close(request: Request, book: TradeBook, context: Context) -> Asked | Refused:
    trade, want, price = book.trade, wanted(book.trade), request.close_price
    if trade.status in ENDED:
        return Refused(code="TARGET", reason=f"trade {trade.id} is {trade.status}: there is nothing to close")
    if want.close_by is not None and (want.close_price is None or want.close_price == price):
        return _asked_already(want)
    closing = replace(want, close_by=request.id, close_price=price)
    if price is None:
        return closing, f"closes trade {trade.id} at market"
    refused = refuse_price("close_price", price, trade.symbol, context.limits)
    if refused is not None:
        return refused
    if is_worse(price, stop_of(trade), trade):
        reason = f"close_price {text(price)} is at or beyond the stop {text(stop_of(trade))}; without it: at market"
        return Refused(code="LEVELS", reason=reason)
    at_limit = replace(closing, target=price, target_at=context.now)
    return at_limit, f"closes trade {trade.id} at {text(price)} or better"


def _amend(
    request: Request, book: TradeBook, quotes: Mapping[str, Quote], world: World | None, context: Context
) -> Asked | Refused | None:
    trade, want = book.trade, wanted(book.trade)
    if trade.status in ENDED:
        return Refused(code="AMEND_TOO_LATE", reason=f"trade {trade.id} is {trade.status}")
    if request.style not in {None, trade.trade_style.upper()}:
        reason = f"trade {trade.id} is {trade.trade_style}; its style cannot be amended"
        return Refused(code="STYLE", reason=reason)
    if want.close_by is not None:
        return _asked_already(want)
    if trade.trail_percent is not None and request.stop is not None:
        reason = f"the stop of trade {trade.id} trails by {text(trade.trail_percent)} %; its level cannot be amended"
        return Refused(code="TRAIL", reason=reason)
    amended = _proposed(request, book)
    another_entry = (amended.entry, amended.qty) != (entry_of(trade), total_of(trade))
    if another_entry:
        refused = _refuse_entry(amended, book, context)
    elif _entry_may_fill(book, context):
        refused = refuse_numbers(amended, context.limits)
    else:
        refused = price_bounds(amended, context.limits) or _refuse_levels(amended, book)
    if refused is None and another_entry:
        if world is None:
            return None
        refused = refuse(amended, _left(amended, book), world.without(book))
    elif refused is None and owned_qty(book) > 0:
        refused = _through(request, book, quotes, context)
    return refused or _amended(request, book, another_entry=another_entry, context=context)


def _left(amended: NewTrade, book: TradeBook) -> Decimal:
    """Return how many shares of an amended total are still to be had."""
    return (amended.qty or Decimal(0)) - bought_qty(book)


def _proposed(request: Request, book: TradeBook) -> NewTrade:
    """Return the trade as it would be, for the checks that a new one goes through."""
    trade = book.trade
    return NewTrade(
        id=trade.decision_id,
        symbol=trade.symbol,
        side=trade.side,
        style=trade.trade_style,
        entry=request.entry or entry_of(trade),
        stop=request.stop or stop_of(trade),
        target=request.target or target_of(trade),
        qty=request.qty or total_of(trade),
        trail_percent=trade.trail_percent,
        expires_at=None,
    )


def _refuse_entry(amended: NewTrade, book: TradeBook, context: Context) -> Refused | None:
    """Refuse another entry where none can go out: the present one has ended, is being cancelled, or it is no time."""
    trade, want, bought = book.trade, wanted(book.trade), bought_qty(book)
    if want.cancel_by is not None:
        return _asked_already(want)
    if not _entry_may_fill(book, context):
        reason = f"the entry of trade {trade.id} has ended; only its stop and target can be amended"
        return Refused(code="AMEND_TOO_LATE", reason=reason)
    if _left(amended, book) <= 0:
        reason = (
            f"{text(bought)} of trade {trade.id} have filled already; {text(amended.qty or bought)} is no new total"
        )
        return Refused(code="AMEND_TOO_LATE", reason=reason)
    refused = refuse_numbers(amended, context.limits)
    if refused is None and not in_entry_window(context.session, context.now):
        reason = "entries are sent from 15 minutes after the open to 30 minutes before the close"
        return Refused(code="WINDOW", reason=reason, final=False)
    return refused


def _refuse_levels(amended: NewTrade, book: TradeBook) -> Refused | None:
    """Refuse a stop beyond the target: of a position the stop may lie beyond the entry, where it locks a profit in."""
    if amended.target is None or not is_better(amended.stop, amended.target, book.trade):
        return None
    reason = f"the stop {text(amended.stop)} is at or beyond the target {text(amended.target)}"
    return Refused(code="LEVELS", reason=reason)


def _through(request: Request, book: TradeBook, quotes: Mapping[str, Quote], context: Context) -> Refused | None:
    """Refuse for now a level that the market is at or beyond already: it would close the trade at once."""
    trade = book.trade
    price = closing_price(quotes.get(trade.symbol), trade, context)
    if price is None:
        return Refused(code="QUOTE", reason=f"no usable quote for {trade.symbol}", final=False)
    if request.stop is not None and is_worse(price, request.stop, trade):
        reason = f"the market at {text(price)} is at or through the new stop {text(request.stop)}; CLOSE ends the trade"
        return Refused(code="STOP_THROUGH", reason=reason, final=False)
    if request.target is not None and is_better(price, request.target, trade):
        reason = f"the market at {text(price)} has reached the new target {text(request.target)}; CLOSE ends the trade"
        return Refused(code="TARGET_THROUGH", reason=reason, final=False)
    return None


def _amended(request: Request, book: TradeBook, *, another_entry: bool, context: Context) -> Asked:
    trade, want, said = book.trade, wanted(book.trade), []
    new = replace(want, amended_by=request.id, amended_at=context.now)
    if another_entry:
        entry, total = request.entry or entry_of(trade), request.qty or total_of(trade)
        session = context.session
        new = replace(
            new,
            entry=entry,
            total=total,
            generation=newest_generation(book) + 1,
            send_by=None if session is None else session.entry_close,
        )
        said.append(f"{text(total)} in all at {text(entry)} or better")
    if request.stop is not None:
        new = replace(new, stop=request.stop, stop_at=context.now)
        said.append(f"stop {text(request.stop)}")
    if request.target is not None:
        new = replace(new, target=request.target, target_at=context.now)
        said.append(f"target {text(request.target)}")
    return new, f"amends trade {trade.id}: {', '.join(said) or 'as it is'}"


def _entry_may_fill(book: TradeBook, context: Context) -> bool:
    return book.trade.status not in ENDED and (bool(live(entries(book))) or awaits_generation(book, context.now))


def _asked_already(want: Wanted) -> Refused:
    by, does = (
        (want.close_by, "closes the trade") if want.close_by is not None else (want.cancel_by, "cancels its entry")
    )
    return Refused(code="ALREADY_ASKED", reason=f"decision {by} {does} already")


def _claim(decision: Decision, book: TradeBook, asked: Asked, context: Context) -> Write:
    """Claim a request: its tick and what its trade now wants are one transaction."""
    trade, (want, said) = book.trade, asked
    want = replace(want, claimed=(*want.claimed, decision.id))
    told = {
        "executed": True,
        "executed_at": context.now,
        "execution_status": DecisionStatus.ORDERED,
        "execution_note": said,
    }
    changes = (
        Update(table="analysis_decision", id=decision.id, version=decision.version, values=told),
        Update(table="trade_journal", id=trade.id, version=trade.version, values={"wanted": write_wanted(want)}),
    )
    why = f"decision {decision.id} {said}"
    return Write(changes=changes, why=why, symbol=trade.symbol, answers_decision=True)


def _follow(decision: Decision, book: TradeBook | None, context: Context) -> Write | None:
    """Tick a claimed request again that was un-ticked, and say of one when what it asked for has happened."""
    values: dict[str, object] = {}
    if not is_ticked(decision.executed):
        values |= {"executed": True, "execution_note": TICKED_AGAIN}
    if decision.execution_status not in CLAIMED:
        values["execution_status"] = DecisionStatus.ORDERED
    elif decision.execution_status == DecisionStatus.ORDERED:
        outcome = _outcome(decision, book, context)
        if outcome is not None:
            values |= {"execution_status": DecisionStatus.DONE, "execution_note": outcome}
    return note(decision, values, f"decision {decision.id}: follow its trade") if values else None


def _outcome(decision: Decision, book: TradeBook | None, context: Context) -> str | None:
    """Say how a claimed request came out; None while it is under way."""
    if book is None:
        return "the trade it named has ended"
    trade, want = book.trade, wanted(book.trade)
    if trade.status in ENDED:
        return f"trade {trade.id} is {trade.status}: {trade.exit_reason or trade.note}"
    if want.cancel_by == decision.id:
        if live(entries(book)):
            return None
        return f"the entry of trade {trade.id} has ended; {text(bought_qty(book))} had filled and stay a position"
    if want.close_by == decision.id:
        return None
    if want.amended_by == decision.id:
        return _amend_outcome(book, context)
    later = max(want.claimed)
    return f"decision {later} took its place" if later != decision.id else f"trade {trade.id} no longer wants it"


def _amend_outcome(book: TradeBook, context: Context) -> str | None:
    trade, want = book.trade, wanted(book.trade)
    standing = live(entries(book))
    under_way = any(o.order_status == PENDING or not is_wanted(o, book) for o in standing)
    if under_way or awaits_generation(book, context.now) or misplaced(book):
        return None
    if want.partly_by == want.amended_by:
        return trade.note or "AMEND_PARTLY: the trade keeps what had filled before"
    if want.generation > newest_generation(book):
        return f"the entry window closed before the rest could be ordered; trade {trade.id} keeps what had filled"
    target = target_of(trade)
    levels = f"stop {text(stop_of(trade))}" + ("" if target is None else f", target {text(target)}")
    newest = entries(book)[-1] if entries(book) else None
    if standing:
        return f"trade {trade.id} is as amended: {levels}; {text(total_of(trade))} in all at {text(entry_of(trade))}"
    if newest is not None and newest.order_status in {REJECTED, UNSENT}:
        how = "never sent" if newest.order_status == UNSENT else f"rejected ({newest.reject_reason})"
        return f"the new entry was {how}; trade {trade.id} keeps what had filled: {levels}"
    return f"trade {trade.id} is as amended: {levels}"
