"""Reconciliation: the broker nets by symbol, we do not.

Shares of open trades, of grids and of the external bucket add up to the broker's quantity. What happened elsewhere is
taken from the broker's own fills of orders that are not ours (planning.outside.owners deals them out), or from the rows
of its ledger that move shares (planning.outside.corporate). A difference that neither explains waits out a grace
period; several at once close nothing; in a symbol with a grid it pauses that first (planning.grid.health).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from lib.domain.actions import Action, Insert, LookAgain, RowChange, Update, Write
from lib.domain.bodies import is_coin
from lib.domain.facts import FillActivity, Problem, Snapshot
from lib.domain.limits import ACTIVITY_GRACE, BOOKING_LAG_MAX, CONFIRM_ABSENT
from lib.domain.money import ZERO, text
from lib.domain.records import Position, QuantityChange, Rows
from lib.domain.states import PENDING, Change, ControlState
from lib.planning.books import TradeBook, books, broker_qty, by_symbol, entries, exits, is_settled, live
from lib.planning.context import Context
from lib.planning.grid.health import FOREIGN, pause_changes, plan_drift
from lib.planning.grid.holdings import Holding, holdings
from lib.planning.outside.owners import ledger_of, moved_by, open_books, quantity_change
from lib.planning.protecting.coins import is_fee
from lib.planning.protecting.halts import is_halted

Step = tuple[list[Action], list[Problem]]
COIN = "crypto"
_Thing = TypeVar("_Thing", FillActivity, QuantityChange)


def plan_reconciliation(
    rows: Rows, snapshot: Snapshot, context: Context, foreign: Iterable[FillActivity], *, first_look: bool
) -> Step:
    """Explain every difference between our books and the broker's positions, or wait for its explanation.

    `foreign` are fills whose orders were read by id and are not ours, nor replace ours.
    """
    dealt_out = {c.activity_id for c in rows.changes}
    fills = [f for f in foreign if f.id not in dealt_out]
    trades_of, fills_of, changes_of = by_symbol(books(rows)), _grouped(fills), _grouped(rows.changes)
    grids_of = holdings(rows)
    actions: list[Action] = []
    problems: list[Problem] = []
    vanished: list[tuple[Write, Problem]] = []
    for symbol in _symbols(rows, snapshot, fills, grids_of):
        mine, here, grids = list(trades_of.get(symbol, ())), fills_of.get(symbol, []), grids_of.get(symbol, ())
        its_rows = replace(rows, changes=tuple(changes_of.get(symbol, ())))
        blocked = _blocked(mine) or next((each.blocked for each in grids if each.blocked), None)
        if blocked is not None:  # an own order may explain the difference: that is booking's work
            if here or (first_look and _actual(symbol, snapshot) != _expected(symbol, mine, its_rows, grids)):
                problems.append(_unresolved(symbol, blocked))
            continue
        if here:
            actions.append(_deal_out(symbol, here, mine, its_rows, grids))
            continue
        if grids:
            delta = _actual(symbol, snapshot) - _expected(symbol, mine, its_rows, grids)
            judged, lasts = _drift(
                symbol, delta, mine, grids, fresh=_is_fresh(symbol, snapshot, context), context=context
            )
            actions.extend(judged)
            if not lasts:
                continue
            if not open_books(mine):
                problems.append(_unexplained(symbol, delta))
                continue
        step, wrong, gone = _difference(symbol, mine, its_rows, snapshot, context, first_look=first_look, grids=grids)
        actions.extend(step)
        problems.extend(wrong)
        vanished.extend(gone)
    return _close_vanished(vanished, rows, context, actions, problems)


def _grouped(things: Iterable[_Thing]) -> Mapping[str, list[_Thing]]:
    found: dict[str, list[_Thing]] = {}
    for thing in things:
        found.setdefault(thing.symbol, []).append(thing)
    return found


def _symbols(
    rows: Rows, snapshot: Snapshot, fills: Iterable[FillActivity], grids_of: Mapping[str, object]
) -> list[str]:
    """Name every symbol to explain; the user's coins are not.

    A coin has other names in fills (`BTC/USD`) and in positions (`BTCUSD`), and its fee is taken from what was bought.
    """
    changed = {c.symbol for c in rows.changes if c.trade_id is not None or not is_coin(c.symbol)}
    held = {symbol for symbol, position in snapshot.positions.items() if position.asset_class != COIN}
    named = {t.symbol for t in rows.trades} | changed | grids_of.keys() | held
    return sorted(named | {f.symbol for f in fills if "/" not in f.symbol})


def _blocked(mine: list[TradeBook]) -> str | None:
    """Say why no verdict on a symbol is possible now; None if one is."""
    unknown = [o.client_order_id for b in mine for o in b.orders if o.order_status == PENDING]
    if unknown:
        return f"the outcome of {unknown[0]} is not known"
    return None if all(is_settled(b) for b in mine) else "the broker's ledger lags its orders"


def _unresolved(symbol: str, why: str) -> Problem:
    """Keep the pass from being clean, so that the next one reads the same fills again."""
    return Problem(code="UNRESOLVED", message=f"{symbol}: shares wait for an owner: {why}", symbol=symbol)


def _expected(symbol: str, mine: list[TradeBook], rows: Rows, grids: Sequence[Holding]) -> Decimal:
    return ledger_of(symbol, mine, rows, grids).total


def _actual(symbol: str, snapshot: Snapshot) -> Decimal:
    held = snapshot.positions.get(symbol)
    return held.qty if held is not None else ZERO


def _deal_out(
    symbol: str, fills: list[FillActivity], mine: list[TradeBook], rows: Rows, grids: Sequence[Holding]
) -> Write:
    """Deal out what was traded elsewhere; a grid in the symbol is paused: its next orders may meet that hand again.

    Where no trade has a part of a coin it is its user's, which is in no book: that it was seen is written, no quantity.
    """
    ledger = ledger_of(symbol, mine, rows)
    in_no_book = is_coin(symbol) and not open_books(mine)
    changes: list[RowChange] = []
    for fill in sorted(fills, key=lambda f: f.id):
        parts = ledger.deal(moved_by(fill))
        changes.extend(
            quantity_change(
                rows,
                symbol,
                ZERO if in_no_book else part,
                Change.FOREIGN_FILL,
                fill.transaction_time,
                trade_id=owner,
                price=fill.price,
                activity_id=fill.id,
                evidence=f"order {fill.order_id} is not ours",
            )
            for owner, part in parts
        )
    changes += pause_changes(grids, f"{FOREIGN}: {symbol} was traded outside this system")
    return Write(changes=tuple(changes), why=f"{symbol}: traded outside this system", symbol=symbol)


def _drift(
    symbol: str, delta: Decimal, mine: list[TradeBook], grids: Sequence[Holding], *, fresh: bool, context: Context
) -> tuple[list[Action], bool]:
    """Judge a symbol with grids; what the fee of coins explains, or a trade of this minute may, is no difference.

    Coins beyond what a grid holds are its user's.
    """
    fee = sum((each.fee_max for each in grids), ZERO)
    if delta == 0 or ZERO < -delta <= fee or (delta > 0 and is_coin(symbol)):
        clear, _ = plan_drift(symbol, ZERO, grids, context)
        return [*clear, *_clear(mine)], False
    return ([], False) if fresh else plan_drift(symbol, delta, grids, context)


def _unexplained(symbol: str, delta: Decimal) -> Problem:
    words = f"{text(abs(delta))} shares {'more' if delta > 0 else 'fewer'} than its grids and your own come to"
    return Problem(code="UNEXPLAINED", message=f"{symbol}: the broker holds {words}", symbol=symbol)


def _difference(
    symbol: str,
    mine: list[TradeBook],
    rows: Rows,
    snapshot: Snapshot,
    context: Context,
    *,
    first_look: bool,
    grids: Sequence[Holding],
) -> tuple[list[Action], list[Problem], list[tuple[Write, Problem]]]:
    delta = _actual(symbol, snapshot) - _expected(symbol, mine, rows, grids)
    if delta == 0 or is_fee(symbol, -delta, mine):
        return _clear(mine), [], []
    holders = [b for b in open_books(mine) if b.position is not None and broker_qty(b) * delta < 0]
    if delta > 0 and not holders:
        steps, problems = _surplus(symbol, delta, mine, rows, snapshot=snapshot, context=context, first_look=first_look)
        return steps, problems, []
    if _is_fresh(symbol, snapshot, context):
        return [], [], []  # not booked yet is not missing
    if first_look and not open_books(mine):
        return [_opening(symbol, delta, rows, context)], [], []  # sold short by the user
    if not holders and any(live(entries(b)) for b in mine):  # a short entry that fills meanwhile
        steps, problems = _surplus(symbol, delta, mine, rows, snapshot=snapshot, context=context, first_look=False)
        return steps, problems, []
    return _deficit(symbol, delta, mine, holders, rows, snapshot=snapshot, context=context)


def _is_fresh(symbol: str, snapshot: Snapshot, context: Context) -> bool:
    """Say whether the symbol traded so lately that the broker's position need not show it yet."""
    return any(f.symbol == symbol and context.now - f.transaction_time < BOOKING_LAG_MAX for f in snapshot.fills)


def _clear(mine: list[TradeBook]) -> list[Action]:
    return [
        _mark(b.position, None, f"{b.trade.symbol}: the broker holds it again")
        for b in mine
        if b.position is not None and b.position.missing_since is not None
    ]


def _mark(position: Position, since: datetime | None, why: str) -> Write:
    change = Update(
        table="position_tracking", id=position.id, version=position.version, values={"missing_since": since}
    )
    return Write(changes=(change,), why=why, symbol=position.symbol)


def _surplus(
    symbol: str,
    qty: Decimal,
    mine: list[TradeBook],
    rows: Rows,
    *,
    snapshot: Snapshot,
    context: Context,
    first_look: bool,
) -> Step:
    """Judge shares that the books do not know: at the first look they are the user's.

    While trading is on, wait: a sale may not be booked yet, and as positions are read after orders an own entry may
    have filled in between.
    """
    if _is_fresh(symbol, snapshot, context) or any(live(entries(b)) for b in mine):
        waiting = _unresolved(symbol, f"{text(qty)} more than the books explain, while orders fill")
        return [LookAgain(why=waiting.message, symbol=symbol)], [waiting]
    if not first_look:
        message = f"{symbol}: the broker holds {text(qty)} shares more than the books explain"
        return [], [Problem(code="UNEXPLAINED", message=message, symbol=symbol)]
    return [_opening(symbol, qty, rows, context)], []


def _opening(symbol: str, qty: Decimal, rows: Rows, context: Context) -> Write:
    opening = quantity_change(
        rows, symbol, qty, Change.OPENING, context.now, evidence="held when this system first looked"
    )
    return Write(changes=(opening,), why=f"{symbol}: {text(qty)} shares are not ours", symbol=symbol)


def _deficit(
    symbol: str,
    delta: Decimal,
    mine: list[TradeBook],
    holders: list[TradeBook],
    rows: Rows,
    *,
    snapshot: Snapshot,
    context: Context,
) -> tuple[list[Action], list[Problem], list[tuple[Write, Problem]]]:
    """Judge missing shares, of longs or of shorts: two looks, a targeted read and the grace period come first."""
    qty = text(abs(delta))
    problem = Problem(
        code="UNEXPLAINED",
        message=f"{symbol}: the broker holds {qty} shares fewer than the books, without a fill that says why",
        symbol=symbol,
    )
    if not holders:
        return [], [problem], []
    unmarked = [b.position for b in holders if b.position is not None and b.position.missing_since is None]
    if unmarked:
        why = f"{symbol}: {qty} shares are missing at the broker, first look"
        return [_mark(position, context.now, why) for position in unmarked], [], []
    since = max((b.position.missing_since for b in holders if b.position and b.position.missing_since), default=None)
    if since is None or context.now - since < CONFIRM_ABSENT or symbol not in snapshot.position_reads:
        return [], [], []
    read = snapshot.position_reads[symbol]
    if (read.qty if read is not None else ZERO) != _actual(symbol, snapshot):
        return [], [], []  # the two reads disagree: believe neither
    if any(live(exits(b)) for b in holders):
        return [], [problem], []  # a live exit may yet be the explanation
    if context.now - since < ACTIVITY_GRACE:
        return [], [problem], []
    prices = {b.trade.id: b.position.current_price for b in holders if b.position is not None}
    changes = tuple(
        quantity_change(
            rows,
            symbol,
            part,
            Change.UNEXPLAINED,
            context.now,
            trade_id=owner,
            price=prices.get(owner) if owner is not None else None,
            evidence="no fill found at the broker; last known price",
        )
        for owner, part in ledger_of(symbol, mine, rows).deal(delta)
    )
    return [], [], [(Write(changes=changes, why=f"{symbol}: gone without a fill", symbol=symbol), problem)]


def _close_vanished(
    vanished: list[tuple[Write, Problem]],
    rows: Rows,
    context: Context,
    actions: list[Action],
    problems: list[Problem],
) -> Step:
    """Close one vanished position at its last known price; for two or more close none and halt.

    Many at once mean a wrong account, a reset or a broken answer, not many quiet sales.
    """
    if len(vanished) <= 1:
        return [*actions, *(write for write, _ in vanished)], problems
    problems.extend(problem for _, problem in vanished)
    scope = f"account:{rows.account.account}"
    known = next((c for c in rows.controls if c.scope == scope), None)
    if is_halted(known):
        return actions, problems
    values = {
        "state": ControlState.HALTED,
        "reason": f"{len(vanished)} positions vanished at once without a fill",
        "since": context.now,
    }
    change: RowChange = (
        Insert(table="control", values={"account": rows.account.account, "scope": scope, **values})
        if known is None
        else Update(table="control", id=known.id, version=known.version, values=values)
    )
    return [*actions, Write(changes=(change,), why="several positions vanished: halt")], problems
