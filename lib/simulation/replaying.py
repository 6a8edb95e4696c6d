"""Replay: a World over recorded prices, with a table of decisions, and an account of what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from lib import sessions
from lib.config import REPOSITORY
from lib.domain.money import ZERO, text
from lib.domain.records import Decision
from lib.domain.states import TradeStatus
from lib.errors import ConfigError
from lib.intake.csv_file import CsvRow, load_csv, written_at
from lib.invariants.evidence import Evidence
from lib.paper_broker.history.bars import PricesError
from lib.paper_broker.options import Options
from lib.planning.deciding.decisions import is_ticked
from lib.sessions import Session
from lib.simulation.evidence import at_rest, evidence
from lib.simulation.story import Story
from lib.simulation.world import World, world
from lib.views.decisions import DecisionsPage, decisions_page
from lib.views.journal import journal_page
from lib.views.replay import ReplayPage

MARK = "replay.json"
FILES = ("trading.db", "trading.db-wal", "trading.db-shm", "due.json", "due.lock", "report.txt", MARK)
BEFORE_OPEN = timedelta(minutes=30)
AFTER_CLOSE = timedelta(hours=2, minutes=30)


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
    waiting = sorted(((written_at(row) or start, row) for row in table.rows), key=lambda pair: pair[0])
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
    waiting: Sequence[tuple[datetime, CsvRow]],
    span: Sequence[Session],
    progress: Callable[[datetime], None] | None,
) -> None:
    """Write each decision at its time, and let cron run in between."""
    end = span[-1].close + AFTER_CLOSE
    for at, row in waiting:
        if at > end:
            break
        played.run_until(max(at, played.clock.now()), progress=progress)
        columns = {name: value for name, value in row.columns.items() if name != "approve"}
        played.decide(**columns, approve=row.columns.get("approve", True))
    played.run_until(end, progress=progress)


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
    recount, agrees = _recount(seen)
    broken = tuple(str(violation) for violation in at_rest(played))
    incomplete = sum(1 for ran in played.history if ran.exit_code != 0)
    page = ReplayPage(
        title=f"{span} sessions, {story.first} to {story.last}, seed {story.seed}: "
        f"{len(played.history)} passes, {incomplete} of them incomplete",
        journal=journal_page(seen.books.trades),
        decisions=_without_trade(seen),
        unread=unread,
        lines=(
            f"database: {shown(story.database)}   report: {shown(story.directory / 'report.txt')}",
            (
                f"the tools look at it with DATABASE_URL=sqlite:///{shown(story.database)}, "
                "such as: .venv/bin/python -m lib.decide list"
            ),
        ),
        broken=broken,
        recount=recount,
    )
    return Outcome(page=page, holds=agrees and not broken)


def shown(path: Path) -> str:
    """Write a path as a person would type it in the repository."""
    whole = path.resolve()
    return str(whole.relative_to(REPOSITORY)) if whole.is_relative_to(REPOSITORY) else str(whole)


def _without_trade(seen: Evidence) -> DecisionsPage:
    traded = {t.decision_id for t in seen.books.trades}
    left: list[Decision] = [d for d in reversed(seen.books.decisions) if d.id not in traded]
    return decisions_page(left, account="main", ticked=is_ticked, more=False)


def _recount(seen: Evidence) -> tuple[str, bool]:
    """Add up cash and results anew from the broker's fills, by order; nothing of the journal's sums is used."""
    owner = {o.alpaca_order_id: o.trade_id for o in seen.books.orders}
    flow: dict[int | None, Decimal] = {}
    for fill in seen.ledger.fills:
        trade_id = owner.get(fill.order_id)
        signed = fill.qty * fill.price * (1 if fill.side == "sell" else -1)
        flow[trade_id] = flow.get(trade_id, ZERO) + signed
    start, cash = seen.ledger.cash_start or ZERO, seen.ledger.cash or ZERO
    counted_cash = start + sum(flow.values(), ZERO)
    closed = [t for t in seen.books.trades if t.status == TradeStatus.CLOSED]
    counted = sum((flow.get(t.id, ZERO) for t in closed), ZERO)
    journal = sum((t.actual_pnl or ZERO for t in closed), ZERO)
    agrees = counted_cash == cash and counted == journal
    verdict = "agrees" if agrees else "DOES NOT AGREE"
    line = (
        f"recount from the broker's {len(seen.ledger.fills)} fills: cash {text(counted_cash)} / {text(cash)}, "
        f"closed trades {text(counted)} / {text(journal)} in the journal: {verdict}"
    )
    return line, agrees
