"""Replay: a World over recorded prices, with a table of decisions and some grids, and an account of what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from operator import itemgetter
from pathlib import Path

from lib import sessions
from lib.clock import from_new_york
from lib.config import REPOSITORY
from lib.domain.money import CENT, ZERO, text
from lib.domain.records import Decision, Order
from lib.domain.states import TradeStatus
from lib.errors import ConfigError
from lib.intake.csv_file import CsvRow, load_csv, written_at
from lib.invariants.evidence import Evidence
from lib.paper_broker.history.bars import PricesError
from lib.paper_broker.options import Options
from lib.planning.booking.fees import FEE_KINDS
from lib.planning.deciding.decisions import is_ticked
from lib.sessions import Session
from lib.simulation.evidence import at_rest, evidence
from lib.simulation.replayed_grids import Doing, doings, standings
from lib.simulation.story import Story
from lib.simulation.world import World, world
from lib.views.decisions import DecisionsPage, decisions_page
from lib.views.grid import GridStatusPage
from lib.views.journal import journal_page
from lib.views.replay import ReplayPage

MARK = "replay.json"
FILES = ("trading.db", "trading.db-wal", "trading.db-shm", "due.json", "due.lock", "report.txt", MARK)
BEFORE_OPEN = timedelta(minutes=30)
EVENING = time(20, 30)
"""New York's time at which a replay ends: the last pass is over, and the broker has posted the fees of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: the page to print, and whether all of it holds."""

    page: ReplayPage
    holds: bool


def replay(story: Story, progress: Callable[[datetime], None] | None = None) -> Outcome:
    """Play the story from the first session's morning to the last one's evening.

    Raises ConfigError for a table, prices or days that cannot be used, and for a directory that holds a
    database which no replay made.
    """
    span = sessions.load().between(story.first, story.last)
    if not span:
        raise ConfigError(f"the exchange has no session from {story.first} to {story.last}")
    table = load_csv(story.decisions)
    _clear(story.directory)
    start = span[0].open - BEFORE_OPEN
    decided: list[tuple[datetime, Doing]] = [(written_at(row) or start, partial(_decide, row)) for row in table.rows]
    waiting = sorted((*decided, *doings(story.grids, span)), key=itemgetter(0))
    options = Options(seed=story.seed)
    url = f"sqlite:///{story.database.resolve()}"
    try:
        with world(story.directory, start, story.prices, options=options, database=url) as played:
            _play(played, waiting, span, progress)
            return _outcome(played, story, len(span), tuple(f"line {p.line}: {p.reason}" for p in table.problems))
    except PricesError as error:
        raise ConfigError(str(error)) from None


def _play(
    played: World,
    waiting: Sequence[tuple[datetime, Doing]],
    span: Sequence[Session],
    progress: Callable[[datetime], None] | None,
) -> None:
    """Do each thing at its time, and let cron run in between."""
    end = from_new_york(span[-1].date, EVENING)
    for at, do in waiting:
        if at > end:
            break
        played.run_until(max(at, played.clock.now()), progress=progress)
        do(played)
    played.run_until(end, progress=progress)


def _decide(row: CsvRow, played: World) -> None:
    columns = {name: value for name, value in row.columns.items() if name != "approve"}
    played.decide(**columns, approve=row.columns.get("approve", True))


def _clear(directory: Path) -> None:
    """Make room for a new run: only what an earlier replay left is removed, never another database."""
    if (directory / "trading.db").exists() and not (directory / MARK).exists():
        raise ConfigError(f"{directory} holds a trading.db that no replay made; name another directory with --out")
    for name in FILES:
        (directory / name).unlink(missing_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARK).write_text(json.dumps({"made_by": "python -m lib.replay"}) + "\n", encoding="utf-8")


def _outcome(played: World, story: Story, span: int, unread: tuple[str, ...]) -> Outcome:
    seen = evidence(played)
    of_grids, recount, agrees = _recount(seen, _fees(played))
    broken = tuple(str(violation) for violation in at_rest(played))
    incomplete = sum(1 for ran in played.history if ran.exit_code != 0)
    grids = standings(played)
    symbols = [each.symbol for each in grids.grids] if grids is not None else []
    page = ReplayPage(
        title=f"{span} sessions, {story.first} to {story.last}, seed {story.seed}: "
        f"{len(played.history)} passes, {incomplete} of them incomplete",
        journal=journal_page(seen.books.trades),
        decisions=_without_trade(seen),
        unread=unread,
        lines=(*_hints(story, grids), *of_grids),
        broken=broken,
        recount=recount,
        grids=grids,
        synthetic=tuple(symbol for symbol in symbols if played.paper.is_synthetic(symbol)),
    )
    return Outcome(page=page, holds=agrees and not broken)


def _hints(story: Story, grids: GridStatusPage | None) -> tuple[str, ...]:
    """Say where things lie, and how to look at them."""
    tools = ["lib.decide list", *(f"lib.grid status {each.id}" for each in (grids.grids if grids is not None else ()))]
    return (
        f"database: {shown(story.database)}   report: {shown(story.directory / 'report.txt')}",
        (
            f"the tools look at it with DATABASE_URL=sqlite:///{shown(story.database)}, "
            f"such as: {'; '.join(f'.venv/bin/python -m {each}' for each in tools)}"
        ),
    )


def shown(path: Path) -> str:
    """Write a path as a person would type it in the repository."""
    whole = path.resolve()
    return str(whole.relative_to(REPOSITORY)) if whole.is_relative_to(REPOSITORY) else str(whole)


def _without_trade(seen: Evidence) -> DecisionsPage:
    traded = {t.decision_id for t in seen.books.trades}
    left: list[Decision] = [d for d in reversed(seen.books.decisions) if d.id not in traded]
    return decisions_page(left, account="main", ticked=is_ticked, more=False)


def _fees(played: World) -> Decimal:
    """Sum the fees in dollars that the broker has posted; those in coins are no cash."""
    posted = played.tools.broker.activities(FEE_KINDS, played.began)
    return -sum((each.net_amount or ZERO for each in posted if not each.qty), ZERO)


def _recount(seen: Evidence, fees: Decimal) -> tuple[tuple[str, ...], str, bool]:
    """Add up cash and results anew from the broker's fills, by order; nothing of the journal's sums is used.

    Returns what is to be told of grids, the line that stands last, and whether all of it agrees.
    """
    start, cash = seen.ledger.cash_start or ZERO, seen.ledger.cash or ZERO
    closed = {t.id: t.actual_pnl or ZERO for t in seen.books.trades if t.status == TradeStatus.CLOSED}
    counted_cash = start + _flow(seen, {f.order_id for f in seen.ledger.fills}) - fees
    counted = _flow(seen, _sent(seen, lambda order: order.trade_id in closed))
    journal = sum(closed.values(), ZERO)
    of_grids = {o.id for o in seen.books.orders if o.strategy_id is not None}
    moved = _flow(seen, _sent(seen, lambda order: order.strategy_id is not None))
    booked = sum((_signed(f.side, f.qty, f.price) for f in seen.books.fills if f.order_id in of_grids), ZERO)
    agrees = counted_cash == cash and counted == journal and moved == booked
    grids = (
        f"the fills of grids moved {text(moved)} / {text(booked)} in their books; the broker took fees of {text(fees)}"
    )
    line = (
        f"recount from the broker's {len(seen.ledger.fills)} fills: cash {_cents(counted_cash)} / {_cents(cash)}, "
        f"closed trades {text(counted)} / {text(journal)} in the journal: {'agrees' if agrees else 'DOES NOT AGREE'}"
    )
    return (grids,) if of_grids else (), line, agrees


def _sent(seen: Evidence, which: Callable[[Order], bool]) -> set[str]:
    """Return the broker's ids of the orders that are meant."""
    return {order.alpaca_order_id for order in seen.books.orders if order.alpaca_order_id is not None and which(order)}


def _flow(seen: Evidence, order_ids: Collection[str]) -> Decimal:
    """Sum the money that the broker's fills of these orders brought in, less what they cost."""
    return sum((_signed(f.side, f.qty, f.price) for f in seen.ledger.fills if f.order_id in order_ids), ZERO)


def _signed(side: str, qty: Decimal, price: Decimal) -> Decimal:
    return qty * price * (1 if side == "sell" else -1)


def _cents(cash: Decimal) -> str:
    """Write cash to the cent; it is compared exactly."""
    return text(cash.quantize(CENT))
