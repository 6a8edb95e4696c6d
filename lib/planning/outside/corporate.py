"""Corporate actions and transfers: what moved shares without anybody trading them.

Nothing is booked from an announcement or a ledger's row alone: there must be a difference between the books and the
broker's position, and the rows of one kind must add up to it. So a row that is read twice, or late, or that is about
something else, moves nothing; and what the broker shows rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from lib.domain.actions import Insert, RowChange, Update, Write
from lib.domain.facts import Activity, Announcement, FillActivity, Problem, Snapshot
from lib.domain.money import AVERAGE_PLACES, ZERO, text
from lib.domain.records import Rows
from lib.domain.states import PENDING, Change
from lib.planning.books import TradeBook, books, by_symbol, is_settled
from lib.planning.context import Context
from lib.planning.grid.health import pause_changes
from lib.planning.grid.holdings import holdings
from lib.planning.outside.owners import NINE_PLACES, Ledger, ledger_of, moved_by, open_books, quantity_change
from lib.planning.protecting.splits import KINDS as SPLIT_KINDS
from lib.planning.protecting.splits import (
    SAME,
    has_prices_of,
    is_morning_of,
    is_night_before,
    split_prices,
    split_to_come,
)

SPLITS = frozenset({"SPLIT", "DIV"})  # a dividend that is paid in shares
RENAMES = frozenset({"NC"})
REMOVALS = frozenset({"MA", "REORG"})
TRANSFERS = frozenset({"ACATS", "FOPT", "JNLS"})
SHARE_KINDS = SPLITS | RENAMES | REMOVALS | TRANSFERS
"""Alpaca's activity types that can change how many shares are held."""
MIDNIGHT = time(5)
"""In New York, as UTC has it in winter; in summer nothing trades in the hour between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corporate:
    """The rows to write, the trades and symbols they are about, and what a person should know."""

    writes: tuple[Write, ...] = ()
    problems: tuple[Problem, ...] = ()
    moved: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One symbol: who has what by the books, what the broker holds, and what it tells of the difference."""

    symbol: str
    mine: tuple[TradeBook, ...]
    rows: Rows
    snapshot: Snapshot
    context: Context
    ledger: Ledger
    news: tuple[Activity, ...]
    elsewhere: tuple[FillActivity, ...] = ()  # fills of other hands that are not dealt out yet

    @property
    def expected(self) -> Decimal:
        return self.ledger.total

    @property
    def actual(self) -> Decimal:
        """What the broker holds, but for what was traded elsewhere: that is dealt out for itself."""
        held = self.snapshot.positions.get(self.symbol)
        return (held.qty if held is not None else ZERO) - sum(map(moved_by, self.elsewhere), ZERO)

    @property
    def waits(self) -> bool:
        """Say whether something was traded elsewhere before it began: that is dealt out first, in shares of then."""
        days = [a.date for a in self.news]
        days += [one.ex_date for one in self.snapshot.announcements if one.symbol == self.symbol]
        if not days:
            return False
        begins = datetime.combine(min(days), MIDNIGHT, UTC)
        return any(fill.transaction_time < begins for fill in self.elsewhere)

    def rows_of(self, kinds: Iterable[str]) -> list[Activity]:
        """Return the news of these kinds if they are the whole difference, what was taken away first."""
        found = sorted((a for a in self.news if a.kind in kinds and a.qty), key=lambda a: (a.qty or ZERO, a.id))
        total = sum((a.qty or ZERO for a in found), ZERO)
        return found if total != 0 and total == self.actual - self.expected else []

    def announced(self, kinds: Iterable[str]) -> Announcement | None:
        """Return the newest announcement of these kinds whose day has come, or comes with the night."""
        today = [
            one
            for one in self.snapshot.announcements
            if one.symbol == self.symbol and one.kind in kinds and is_night_before(one.ex_date, self.context)
        ]
        return max(today, key=lambda one: one.ex_date, default=None)

    def change(
        self, delta: Decimal, cause: Change, owner: int | None, activity: Activity | None, evidence: str, **more: object
    ) -> RowChange:
        return quantity_change(
            self.rows,
            str(more.get("symbol", self.symbol)),
            delta,
            cause,
            self.context.now,
            trade_id=owner,
            price=more.get("price"),  # type: ignore[arg-type]
            activity_id=None if activity is None else activity.id,
            evidence=evidence,
        )


def plan_corporate_actions(rows: Rows, snapshot: Snapshot, context: Context) -> Corporate:
    """Book what the broker did to shares, and give trades the prices of their splits."""
    if not snapshot.activities and not snapshot.announcements:
        return Corporate(problems=_unread(rows, snapshot))
    all_books, grids_of = books(rows), holdings(rows)
    trades_of = by_symbol(all_books)
    writes: list[Write] = []
    moved: set[int] = set()
    owned = {b.trade.symbol for b in open_books(all_books)} | {c.symbol for c in rows.changes} | grids_of.keys()
    for symbol in sorted(owned):
        mine, grids = trades_of.get(symbol, ()), grids_of.get(symbol, ())
        if "/" in symbol or any(not is_settled(b) or _is_unknown(b) for b in mine) or any(g.blocked for g in grids):
            continue  # an own order may be the explanation: that is booking's work
        case = _Case(
            symbol=symbol,
            mine=mine,
            rows=rows,
            snapshot=snapshot,
            context=context,
            ledger=ledger_of(symbol, mine, rows, grids),
            news=_news(symbol, rows, snapshot),
            elsewhere=_elsewhere(symbol, rows, snapshot),
        )
        changes, why = ([], "") if case.waits else _explained(case)
        changes += _prices(case, split=_owners(changes) if why == "split" else frozenset())
        if changes:
            changes += pause_changes(grids, f"GRID_SPLIT: {symbol}: {why or 'split'}, outside its own orders")
            writes.append(Write(changes=tuple(changes), why=f"{symbol}: {why or 'prices of the split'}", symbol=symbol))
            moved |= {b.trade.id for b in mine}
    return Corporate(writes=tuple(writes), problems=_unread(rows, snapshot), moved=frozenset(moved))


def _unread(rows: Rows, snapshot: Snapshot) -> tuple[Problem, ...]:
    """Say that corporate actions could not be read: while shares are held, a split may be among them."""
    if snapshot.announcements_read is not False or not (rows.positions or holdings(rows)):
        return ()
    message = "the broker's announcements of corporate actions could not be read: a split of held shares may be missed"
    return (Problem(code="ANNOUNCEMENTS_UNREAD", message=message),)


def _is_unknown(book: TradeBook) -> bool:
    return any(o.order_status == PENDING for o in book.orders)


def _news(symbol: str, rows: Rows, snapshot: Snapshot) -> tuple[Activity, ...]:
    """Return the ledger's rows about a symbol that are not booked: by their id, or as the split that was announced."""
    booked = {c.activity_id for c in rows.changes}
    unnamed = [
        c.at.date() for c in rows.changes if c.symbol == symbol and c.cause == Change.SPLIT and not c.activity_id
    ]
    return tuple(
        a
        for a in snapshot.activities
        if a.symbol == symbol
        and a.kind in SHARE_KINDS
        and a.id not in booked
        and not (a.kind == "DIV" and a.net_amount)  # a dividend in money names the shares it was paid on
        and not (a.kind in SPLITS and not a.net_amount and any(abs(a.date - day) <= SAME for day in unnamed))
    )


def _elsewhere(symbol: str, rows: Rows, snapshot: Snapshot) -> tuple[FillActivity, ...]:
    """Return the fills of a symbol that no row has: the position shows them, the books do not."""
    booked = {f.activity_id for f in rows.fills} | {c.activity_id for c in rows.changes}
    return tuple(f for f in snapshot.fills if f.symbol == symbol and f.id not in booked)


def _owners(changes: Iterable[RowChange]) -> frozenset[object]:
    return frozenset(c.values.get("trade_id") for c in changes if isinstance(c, Insert))


def _explained(case: _Case) -> tuple[list[RowChange], str]:
    """Return the rows that explain the whole difference, and what it was; none if there is none, or no explanation."""
    if case.actual == case.expected:
        return [], ""
    for explain, why in EXPLANATIONS.items():
        changes = explain(case)
        if changes:
            return changes, why
    return [], ""


def _split(case: _Case) -> list[RowChange]:
    """Deal out a split by what each owner had; rows with money are fractions that were paid out."""
    found = case.rows_of(SPLITS)
    if not found:
        return _split_before_the_ledger(case)
    if _rates(case, found)[1] == 0:
        return []  # half of a split: the shares that it gives are still to come
    ledger = _ledger_of_split(case, found)
    return [
        case.change(part, Change.SPLIT, owner, a, a.description or f"{a.kind} of {a.date}", price=_paid(a))
        for a in found
        for owner, part in ledger.share(a.qty or ZERO)
    ]


def _ledger_of_split(case: _Case, found: Iterable[Activity]) -> Ledger:
    """Return whose shares were split: trades that began later are not among those that were taken away for it."""
    gone, _ = _rates(case, found)
    trades = dict(sorted(case.ledger.trades.items()))
    rest = case.ledger.external + case.ledger.grids
    while trades and sum(trades.values(), rest) != gone:
        trades.popitem()
    return replace(case.ledger, trades=trades) if trades or rest == gone else case.ledger


def _rates(case: _Case, found: Iterable[Activity]) -> tuple[Decimal, Decimal]:
    """Return how many shares became how many by a split's rows, what was paid out left in; signed as the broker does.

    A dividend in shares takes none away: it was paid on all of them.
    """
    sizes = [a.qty or ZERO for a in found if not a.net_amount]
    gone = -sum((qty for qty in sizes if qty * case.expected < 0), ZERO) or case.expected
    return gone, gone + sum(sizes, ZERO)


def _split_before_the_ledger(case: _Case) -> list[RowChange]:
    """Book a split that the position shows, to the last digit, and the ledger does not yet.

    It is booked once, and never in the session before it: what doubles a position then is a purchase.
    """
    split = case.announced(SPLIT_KINDS)
    if split is None or split.old_rate is None or split.new_rate is None:
        return []
    if case.context.session is not None and not is_morning_of(split.ex_date, case.context):
        return []
    booked = (c.at.date() for c in case.rows.changes if c.symbol == case.symbol and c.cause == Change.SPLIT)
    if any(abs(day - split.ex_date) <= SAME for day in booked):
        return []
    after = (case.expected * split.new_rate / split.old_rate).quantize(NINE_PLACES, rounding=ROUND_DOWN)
    if after != case.actual:
        return []
    evidence = f"announced: {text(split.new_rate)} for {text(split.old_rate)} on {split.ex_date}"
    parts = case.ledger.share(case.actual - case.expected)
    return [case.change(part, Change.SPLIT, owner, None, evidence) for owner, part in parts]


def _paid(activity: Activity) -> Decimal | None:
    if not activity.net_amount or not activity.qty:
        return None
    return abs(activity.net_amount / activity.qty).quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN)


def _rename(case: _Case) -> list[RowChange]:
    """Move every share to the new name, which the ledger's other row or the announcement tells."""
    found = case.rows_of(RENAMES)
    if len(found) != 1 or case.actual != 0:
        return []
    gone = found[0]
    came = next((a for a in case.snapshot.activities if _is_other_half(a, gone)), None)
    announced = case.announced({"name_change"})
    new = came.symbol if came is not None else announced.new_symbol if announced is not None else None
    if new is None or new not in case.snapshot.positions:
        return []
    evidence = gone.description or f"{case.symbol} is called {new} now"
    changes: list[RowChange] = []
    for owner, has in case.ledger.owners():
        if has:
            changes.append(case.change(-has, Change.RENAME, owner, gone, evidence))
            changes.append(case.change(has, Change.RENAME, owner, came, evidence, symbol=new))
    for book in open_books(case.mine):
        note = f"{case.symbol} is called {new} since {gone.date}"
        values = {"symbol": new, "note": note if book.trade.note is None else f"{book.trade.note}; {note}"}
        changes.append(_update("trade_journal", book.trade.id, book.trade.version, values))
        if book.position is not None:
            changes.append(_update("position_tracking", book.position.id, book.position.version, {"symbol": new}))
    return changes


def _is_other_half(activity: Activity, gone: Activity) -> bool:
    same = (activity.kind, activity.date) == (gone.kind, gone.date) and activity.symbol != gone.symbol
    return same and activity.qty is not None and gone.qty is not None and activity.qty == -gone.qty


def _removal(case: _Case) -> list[RowChange]:
    """End what was bought out for cash, or was removed as worthless; each share at what was paid for it."""
    found = case.rows_of(REMOVALS)
    if not found:
        return []
    price = _price_of_removal(case, found)
    if price is None:
        return []
    evidence = found[0].description or f"{found[0].kind} of {found[0].date}"
    return [
        case.change(part, Change.TRANSFER, owner, a, f"{evidence}: {text(price)} a share", price=price)
        for a in found
        for owner, part in case.ledger.share(a.qty or ZERO)
    ]


def _price_of_removal(case: _Case, found: list[Activity]) -> Decimal | None:
    """Return what was paid for a share; None until it is known, for a price that is booked is not booked again."""
    qty = abs(sum((a.qty or ZERO for a in found), ZERO))
    cash = sum((a.net_amount or ZERO for a in case.news if a.kind in REMOVALS), ZERO)
    if cash != 0:
        return abs(cash / qty).quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN).normalize() + ZERO
    merger = case.announced({"cash_merger"})
    if merger is not None:
        return merger.rate
    worthless = case.announced({"worthless_removal"}) is not None
    return ZERO if worthless or any("worthless" in (a.description or "").lower() for a in found) else None


def _transfer(case: _Case) -> list[RowChange]:
    """Book shares that were moved into or out of the account; out of trades at the last known price."""
    prices = {b.trade.id: b.position.current_price for b in case.mine if b.position is not None}
    return [
        case.change(
            part,
            Change.TRANSFER,
            owner,
            a,
            a.description or f"{a.kind} of {a.date}",
            price=a.price or (prices.get(owner) if owner is not None else None),
        )
        for a in case.rows_of(TRANSFERS)
        for owner, part in case.ledger.deal(a.qty or ZERO)
    ]


EXPLANATIONS: Mapping[Callable[[_Case], list[RowChange]], str] = {
    _split: "split",
    _rename: "new name",
    _removal: "removed",
    _transfer: "transferred",
}
"""What can explain a difference, the first that does."""


def _prices(case: _Case, *, split: frozenset[object]) -> list[RowChange]:
    """Adjust the levels of each trade for its split: with the shares, or when the session with new prices is near.

    `split` are the trades whose shares are split now.
    """
    rows_of_it = case.rows_of(SPLITS)
    old, new = _rates(case, rows_of_it) if rows_of_it else (case.expected, case.actual)
    changes: list[RowChange] = []
    for book in open_books(case.mine):
        announced, now = split_to_come(book.trade, case.snapshot), book.trade.id in split
        due = announced is not None and (
            is_morning_of(announced.ex_date, case.context) or (now and is_night_before(announced.ex_date, case.context))
        )
        if announced is not None and due and announced.old_rate and announced.new_rate:
            changes.append(split_prices(book, announced.old_rate, announced.new_rate, announced.ex_date))
        elif announced is None and now and old != new and not has_prices_of(book.trade, on := _day(case)):
            changes.append(split_prices(book, old, new, on))
    return changes


def _day(case: _Case) -> date:
    return max((a.date for a in case.news if a.kind in SPLITS), default=case.context.now.date())


def _update(table: str, row_id: int, version: int, values: Mapping[str, object]) -> Update:
    return Update(table=table, id=row_id, version=version, values=values)
