"""Pages as tables for a terminal, a pipe or a log.

A line is never wider than asked for and nothing is cut off but a cell of more than CELL_CHARS_MAX characters: what
does not fit beside the table stands below it. What strangers wrote is shown with its control characters spelled out.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from lib.domain.money import text
from lib.domain.states import TradeStatus
from lib.render.checkup import write_checkup
from lib.render.control import write_control
from lib.render.explain import write_story
from lib.render.grid import write_grids, write_preview, write_standings
from lib.render.leaving import write_leaving
from lib.render.proof import write_proof
from lib.render.status import write_status
from lib.render.table import (
    NOTE_CHARS_MAX,
    NOTHING,
    WIDE,
    Column,
    average,
    count,
    gain_or_loss,
    money,
    say,
    write_table,
)
from lib.views.checkup import CheckupPage
from lib.views.control import ControlPage
from lib.views.decisions import CheckLine, DecisionRow, DecisionsPage, OutcomesPage, PreviewPage
from lib.views.explain import ExplainPage
from lib.views.grid import GridPreviewPage, GridsPage, GridStatusPage
from lib.views.journal import JournalPage, JournalRow
from lib.views.leaving import LeavingPage
from lib.views.pages import Page
from lib.views.proof import ProofPage
from lib.views.replay import ReplayPage
from lib.views.status import StatusPage

if TYPE_CHECKING:
    from rich.console import Console


def render_page(page: Page, stream: TextIO, *, width: int | None = None) -> None:
    """Write a page; colour and width are the terminal's, or none and COLUMNS or 80 where there is no terminal."""
    from rich.console import Console

    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal that knows no dash gets a question mark, not an error
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        _write(page, console)
    else:
        stream.write(page_text(page, width=console.width))


def page_text(page: Page, *, width: int = 80) -> str:
    """Return a page as plain text."""
    from rich.console import Console

    plain = io.StringIO()
    _write(page, Console(file=plain, width=width, highlight=False, markup=False, emoji=False, force_terminal=False))
    return "\n".join(line.rstrip() for line in plain.getvalue().splitlines()) + "\n"


def _write(page: Page, console: Console) -> None:
    match page:
        case JournalPage():
            _journal(page, console)
        case DecisionsPage():
            _decisions(page, console)
        case PreviewPage():
            say(console, page.decision)
            _checks(page.checks, console)
            done = "not written" if page.id is None else f"written as decision {page.id}"
            say(console, f"{done}{', approved' if page.approved else ''}")
            for line in page.next:
                say(console, line)
        case OutcomesPage():
            _outcomes(page, console)
        case ReplayPage():
            _replay(page, console)
        case ControlPage():
            write_control(page, console)
        case StatusPage():
            write_status(page, console)
        case ExplainPage():
            write_story(page, console)
        case CheckupPage():
            write_checkup(page, console)
        case LeavingPage():
            write_leaving(page, console)
        case ProofPage():
            write_proof(page, console)
        case GridPreviewPage():
            write_preview(page, console)
        case GridsPage():
            write_grids(page, console)
        case GridStatusPage():
            write_standings(page, console)


def _replay(page: ReplayPage, console: Console) -> None:
    say(console, page.title)
    console.line()
    _journal(page.journal, console)
    if page.decisions.rows:
        console.line()
        say(console, "decisions that became no trade:")
        _decisions(page.decisions, console)
    if page.grids is not None:
        console.line()
        if page.synthetic:
            made_up = ", ".join(page.synthetic)
            say(console, f"grids; the prices of {made_up} are synthetic: the seed made them up, nobody paid them")
        write_standings(page.grids, console)
    console.line()
    for line in (*page.unread, *page.lines, *(f"BROKEN PROMISE {broken}" for broken in page.broken), page.recount):
        say(console, line)


JOURNAL = (
    Column("id", right=True),
    Column("symbol"),
    Column("style"),
    Column("status"),
    Column("qty", right=True),
    Column("entry", right=True),
    Column("stop", right=True),
    Column("target", right=True),
    Column("bought", right=True),
    Column("sold", right=True),
    Column("P&L", right=True, style=gain_or_loss),
)


def _journal(page: JournalPage, console: Console) -> None:
    if not page.rows:
        say(console, "the journal has no trades yet")
        return
    wide = console.width >= WIDE
    rows = [_journal_cells(row, wide=wide) for row in page.rows]
    notes = [(f"{row.id} {row.symbol}", row.note) for row in page.rows]
    write_table(console, (*JOURNAL, Column("reason")) if wide else JOURNAL, rows, notes)
    totals = page.totals
    by_status = ", ".join(f"{count} {status}" for status, count in totals.by_status.items())
    say(console, f"{count(totals.trades, 'trade')}: {by_status}")
    ended = totals.wins + totals.losses + totals.even
    even = f", {totals.even} even" if totals.even else ""
    result = f"gross P&L {money(totals.gross_pnl)} from {count(ended, 'result')}"
    say(console, f"{result}: {totals.wins} won, {totals.losses} lost{even}")
    if totals.slippage is not None:
        say(console, f"slippage in it {average(totals.slippage)}, a cost where positive")


def _journal_cells(row: JournalRow, *, wide: bool) -> list[str]:
    closed_because = row.reason if row.status == TradeStatus.CLOSED and not wide else None
    partly = row.qty != row.planned_qty
    cells = [
        str(row.id),
        row.symbol,
        row.style,
        closed_because or row.status,
        f"{text(row.qty)}{f'/{text(row.planned_qty)}' if partly else ''}",
        money(row.planned_entry),
        money(row.planned_stop),
        money(row.planned_target),
        average(row.actual_entry),
        average(row.exit),
        money(row.pnl),
    ]
    return [*cells, row.reason or NOTHING] if wide else cells


DECISIONS = (
    Column("id", right=True),
    Column("symbol"),
    Column("action"),
    Column("style"),
    Column("entry", right=True),
    Column("stop", right=True),
    Column("target", right=True),
    Column("qty", right=True),
    Column("approved"),
    Column("status"),
)


def _decisions(page: DecisionsPage, console: Console) -> None:
    if not page.rows:
        say(console, f"account {page.account} has no decisions")
        return
    rows = [_decision_cells(row) for row in page.rows]
    write_table(console, DECISIONS, rows, [(f"{row.id} {row.symbol or NOTHING}", row.note) for row in page.rows])
    if page.more:
        say(console, "there are older ones: --all shows them")


def _decision_cells(row: DecisionRow) -> list[str]:
    tick = "yes" if row.approved else "no" if row.tick is None else f"no ({row.tick})"
    written = (row.symbol, row.action, row.style, row.entry, row.stop, row.target, row.qty, tick, row.status)
    return [str(row.id), *(value or NOTHING for value in written)]


def _checks(checks: Sequence[CheckLine], console: Console) -> None:
    def colour(cell: str) -> str:
        return {"ok": "green", "refused": "red"}.get(cell, "dim")

    columns = (Column("check"), Column("result", style=colour), Column("what it says"))
    rows = [[line.check, line.result, line.says or NOTHING] for line in checks]
    write_table(console, columns, rows, [], chars_max=NOTE_CHARS_MAX)


def _outcomes(page: OutcomesPage, console: Console) -> None:
    if page.checks:
        _checks(page.checks, console)
    from_file = any(each.line is not None for each in page.outcomes)
    columns = (Column("line" if from_file else "id", right=True), Column("decision"), Column("outcome"))
    notes = []
    rows = []
    for each in page.outcomes:
        number = str(each.line if from_file else each.id)
        rows.append([number, each.decision, each.outcome])
        notes.append((f"line {number}" if from_file else number, each.says))
    if rows:
        write_table(console, columns, rows, notes, chars_max=NOTE_CHARS_MAX)
    say(console, ", ".join(f"{count} {outcome}" for outcome, count in page.counts.items()) or "no decision in it")
    for note in page.notes:
        say(console, note)
