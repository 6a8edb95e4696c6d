"""What each verb of `python -m lib.grid` does: one change at most, then a page.

preview   what a grid would do; writes nothing
add       write a strategy, or say what is wrong with it
approve   tick one that holds; a PAUSED one goes on by it
stop      ask for the end of one, or take back one that has not started
listing   every strategy in a line; status: the numbers of some
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from lib.broker.port import Broker
from lib.clock import new_york
from lib.domain.actions import Insert, Update
from lib.domain.grids import OVER, Ending, GridStatus, Strategy
from lib.domain.limits import Limits
from lib.domain.money import ZERO, text
from lib.errors import ConfigError, StaleRow, StoreUnavailable
from lib.intake.desk import Answer
from lib.intake.grid_preview import Columns, Seen, as_strategy, canonical, preview, what_is_wrong
from lib.intake.grid_standing import Looked, as_rows, standing
from lib.planning.deciding.decisions import Refused, is_ticked
from lib.planning.deciding.exposure import is_open_trade
from lib.planning.deciding.sharing import neighbours
from lib.planning.grid.books import GridBook, book_of, may_have_traded
from lib.planning.grid.reading import is_edited, parse_grid, status_of, strategy_digest, symbol_of
from lib.render.grid_picture import picture
from lib.store import queries
from lib.store.sql import SqlStore
from lib.views.grid import GridPreviewPage, GridsPage, GridStatusPage, grid_lines
from lib.views.pages import Page

ATTEMPTS = 3
RUNS_READ = 20
TABLE = "grid_strategy"
TAKEN_BACK = "taken back before it was started"

STARTS = "order_executor starts it at its next run in the session"
RESUMES = "order_monitor resumes it at its next look, with the numbers it has now"
ENDS = "order_monitor cancels its orders from its next look on; python -m lib.grid status {id} shows how far it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where grids come in: one account of one store, at one instant."""

    store: SqlStore
    account: str
    now: datetime
    limits: Limits = field(default_factory=Limits)

    @property
    def run_id(self) -> str:
        """Who wrote, for the audit trail."""
        return f"grid-{self.now:%Y%m%dT%H%M%S.%f}"


def show(desk: Desk, columns: Columns, price: Decimal | None, broker: Callable[[], Broker]) -> Answer:
    """Preview a strategy from a price that is given, else from the broker's quote; nothing is written."""
    strategy = as_strategy(desk.account, columns)
    page = preview(strategy, _seen(desk, strategy, price, broker), desk.limits, desk.now)
    return Answer(page=page, errors=page.refused, exit_code=2 if page.refused else 0)


def save_picture(page: Page, path: Path) -> None:
    """Draw a preview into a file of the kind its name ends in. Raises ConfigError where a person must act."""
    if not isinstance(page, GridPreviewPage) or not page.levels:
        raise ConfigError(f"there are no levels to draw; {path} was not written")
    try:
        path.write_bytes(picture(page, path.suffix.lower().removeprefix(".")))
    except ImportError:
        install = ".venv/bin/python -m pip install matplotlib"
        raise ConfigError(f"a picture in a file needs matplotlib, which is not installed: {install}") from None
    except OSError as error:
        raise ConfigError(f"the picture could not be written: {error}") from error


def add(desk: Desk, columns: Columns, price: Decimal | None, *, approve: bool) -> Answer:
    """Write one strategy that holds; write nothing and name everything wrong with one that does not."""
    strategy = as_strategy(desk.account, columns)
    page = preview(strategy, _seen(desk, strategy, price, None), desk.limits, desk.now)
    if page.refused:
        return Answer(page=page, errors=page.refused, exit_code=2)
    grid, _ = what_is_wrong(strategy, None, desk.limits)
    assert grid is not None, "what cannot be read is refused above"
    values = {**canonical(grid, columns), "account": desk.account, "approve": approve}
    new = desk.store.write([Insert(table=TABLE, values=values, ref="new")], run_id=desk.run_id, at=desk.now)["new"]
    what_next = STARTS if approve else f"next: .venv/bin/python -m lib.grid approve {new}{_named_account(desk)}"
    return Answer(page=replace(page, id=new, approved=approve, next=(what_next,)))


def approve(desk: Desk, strategy_id: int) -> Answer:
    """Tick a strategy that holds: one that waits is started, one that is PAUSED goes on."""
    strategy = _found(desk, strategy_id)
    status = status_of(strategy)
    refused = _not_now(strategy, status) or _no_more(desk, strategy)
    if refused is not None:
        why = f"grid {strategy_id} is not approved: {refused}"
        return Answer(page=_page(desk, [strategy], ()), errors=(why,), exit_code=2)
    what_next = RESUMES if status is GridStatus.PAUSED else STARTS if status is GridStatus.WAITING else "it works"
    if is_ticked(strategy.approve):
        return Answer(page=_page(desk, [strategy], (f"grid {strategy_id} is approved already",), (what_next,)))
    values: dict[str, object] = {"approve": True}
    if status is not GridStatus.PAUSED:  # of a PAUSED one order_monitor takes the numbers as it resumes it
        values |= {"approved_digest": strategy_digest(strategy), "approved_seen_at": desk.now}
    try:
        _write(desk, strategy, values)
    except StaleRow:
        raise StoreUnavailable("a pass changed it just now; nothing was approved: try again") from None
    now = _found(desk, strategy_id)
    return Answer(page=_page(desk, [now], (f"grid {strategy_id} is approved",), (what_next,)))


def stop(desk: Desk, strategy_id: int, ending: Ending) -> Answer:
    """Ask for the end of a grid; one that has not started is taken back. A pass in between is read and judged anew."""
    for _ in range(ATTEMPTS):
        strategy = _found(desk, strategy_id)
        status, rows = status_of(strategy), as_rows(queries.grid_rows(desk.store, strategy_id))
        if status in OVER:
            return Answer(page=_page(desk, [strategy], (f"grid {strategy_id} has ended already",)))
        values: dict[str, object] = {"wanted": ending.value}
        how = "closed at market" if ending is Ending.FLATTEN else "kept"
        said, notes = f"grid {strategy_id} is to stop, what it holds is {how}", [ENDS.format(id=strategy_id)]
        if status is GridStatus.WAITING and not may_have_traded(rows.orders):
            values = {"status": GridStatus.STOPPED, "stopped_at": desk.now, "reason": TAKEN_BACK, "approve": False}
            said, notes = f"grid {strategy_id} is taken back", []
        elif ending is Ending.KEEP:
            notes = [*_kept(book_of(rows, desk.limits)), *notes]
        try:
            if any(getattr(strategy, name) != value for name, value in values.items()):
                _write(desk, strategy, values)
        except StaleRow:
            continue
        return Answer(page=_page(desk, [_found(desk, strategy_id)], (said,), notes))
    raise StoreUnavailable("passes keep changing this grid; nothing was changed: try again")


def listing(desk: Desk) -> Answer:
    """Show every strategy in a line."""
    return Answer(page=_page(desk, queries.grids(desk.store, desk.account), ()))


def status(desk: Desk, strategy_id: int | None) -> Answer:
    """Show how one grid stands, or each that has begun and not ended."""
    going = [
        s for s in queries.grids(desk.store, desk.account) if s.started_at is not None and status_of(s) not in OVER
    ]
    shown = going if strategy_id is None else [_found(desk, strategy_id)]
    runs = queries.runs(desk.store, desk.account, stage="order_monitor", limit=RUNS_READ)
    look = max((run.finished_at for run in runs if run.outcome != "skipped"), default=None)
    looked = Looked(now=desk.now, local=new_york, limits=desk.limits, last_look=look)
    grids = tuple(
        standing(
            as_rows(queries.grid_rows(desk.store, each.id)),
            queries.round_trips(desk.store, desk.account, each.id),
            looked,
        )
        for each in shown
    )
    return Answer(page=GridStatusPage(at=new_york(desk.now), account=desk.account, grids=grids))


def _seen(desk: Desk, strategy: Strategy, price: Decimal | None, broker: Callable[[], Broker] | None) -> Seen:
    """Read what is known of the symbol: the price given, else the broker's quote; and who has the symbol."""
    symbol = symbol_of(strategy)
    rows = desk.store.rows(desk.account)
    others = neighbours(filter(is_open_trade, rows.trades), rows.grids).get(symbol, ())
    if price is not None or broker is None or isinstance(parse_grid(strategy, None, desk.limits), Refused):
        return Seen(price=price, others=others)
    at = broker()
    asset, quote = at.asset(symbol), at.quotes([symbol]).get(symbol)
    if asset is None:
        raise ConfigError(f"the broker knows no {symbol}")
    if quote is None or not quote.bid or not quote.ask:
        raise ConfigError(f"the broker has no quote of both sides for {symbol}; give --price")
    return Seen(quote=quote, asset=asset, asked=True, others=others)


def _found(desk: Desk, strategy_id: int) -> Strategy:
    strategy = queries.grid(desk.store, strategy_id)
    if strategy is None or strategy.account != desk.account:
        raise ConfigError(f"account {desk.account} has no grid {strategy_id}; nothing was changed")
    return strategy


def _not_now(strategy: Strategy, status: GridStatus) -> str | None:
    """Say why no approval helps this strategy."""
    if status in OVER:
        return f"it is {status}; write a new one"
    if status is GridStatus.STOPPING or (strategy.wanted or "").strip():
        return "its stop was asked for; write a new one once it has ended"
    if strategy.version < 0:
        return "its column version holds no number; put a 1 there"
    if status in {GridStatus.STARTING, GridStatus.RUNNING} and is_edited(strategy):
        return "it was changed while it runs: order_monitor pauses it at its next look; approve it then, or put it back"
    return None


def _no_more(desk: Desk, strategy: Strategy) -> str | None:
    """Say what is wrong with its columns. One that has run is judged by its range as approved, wherever it trailed."""
    if strategy.started_at is not None and not is_edited(strategy):
        grid = parse_grid(strategy, None, desk.limits)
        return str(grid) if isinstance(grid, Refused) else None
    _, wrong = what_is_wrong(strategy, None, desk.limits)
    return "; ".join(wrong) or None


def _kept(book: GridBook | Refused) -> Iterable[str]:
    """Tell whose the shares are that a stopped grid leaves."""
    if isinstance(book, GridBook) and book.ledger.inventory != ZERO:
        held = text(book.ledger.inventory)
        yield f"as of the rows it holds {held} {book.grid.symbol}: yours from then on, in no trade, and with no stop"


def _write(desk: Desk, strategy: Strategy, values: dict[str, object]) -> None:
    change = Update(table=TABLE, id=strategy.id, version=strategy.version, values=values)
    desk.store.write([change], run_id=desk.run_id, at=desk.now)


def _named_account(desk: Desk) -> str:
    return "" if desk.account == "main" else f" --account {desk.account}"


def _page(desk: Desk, strategies: Iterable[Strategy], done: Iterable[str], notes: Iterable[str] = ()) -> GridsPage:
    listed = tuple(strategies)
    orders = desk.store.rows(desk.account).orders
    sums = queries.trip_sums(desk.store, desk.account)
    results = {
        grid: (sum(each.count for each in by.values()), sum((each.net for each in by.values()), ZERO))
        for grid, by in sums.items()
    }
    rows = grid_lines(listed, orders, results, ticked=is_ticked)
    return GridsPage(account=desk.account, done=tuple(done), rows=rows, notes=tuple(notes))
