"""Pages as tables for a terminal, a pipe or a log.

A line is never wider than asked for and nothing is cut off but a cell of more than CELL_CHARS_MAX characters: what
does not fit beside the table stands below it. What strangers wrote is shown with its control characters spelled out.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TextIO

from lib.domain.money import text
from lib.domain.states import TradeStatus
from lib.views.decisions import CheckLine, DecisionRow, DecisionsPage, OutcomesPage, PreviewPage
from lib.views.journal import JournalPage, JournalRow
from lib.views.pages import Page
from lib.views.replay import ReplayPage

if TYPE_CHECKING:
    from rich.console import Console

NOTHING = "–"
WIDE = 110
"""From this width on there is room for words beside the numbers."""

CELL_CHARS_MAX = 40
NOTE_CHARS_MAX = 400
AVERAGE_SHOWN = Decimal("0.0001")
EXACT_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Column:
    """A column: numbers stand to the right; `style` gives a cell its colour, where there is colour."""

    head: str
    right: bool = False
    style: Callable[[str], str] = lambda _: ""


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
            _say(console, page.decision)
            _checks(page.checks, console)
            done = "not written" if page.id is None else f"written as decision {page.id}"
            _say(console, f"{done}{', approved' if page.approved else ''}")
            for line in page.next:
                _say(console, line)
        case OutcomesPage():
            _outcomes(page, console)
        case ReplayPage():
            _replay(page, console)


def _replay(page: ReplayPage, console: Console) -> None:
    _say(console, page.title)
    console.line()
    _journal(page.journal, console)
    if page.decisions.rows:
        console.line()
        _say(console, "decisions that became no trade:")
        _decisions(page.decisions, console)
    console.line()
    for line in (*page.unread, *page.lines, *(f"BROKEN PROMISE {broken}" for broken in page.broken), page.recount):
        _say(console, line)


def _gain_or_loss(cell: str) -> str:
    return "" if cell == NOTHING else "red" if cell.startswith("-") else "green"


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
    Column("P&L", right=True, style=_gain_or_loss),
)


def _journal(page: JournalPage, console: Console) -> None:
    if not page.rows:
        _say(console, "the journal has no trades yet")
        return
    wide = console.width >= WIDE
    rows = [_journal_cells(row, wide=wide) for row in page.rows]
    notes = [(f"{row.id} {row.symbol}", row.note) for row in page.rows]
    _table(console, (*JOURNAL, Column("reason")) if wide else JOURNAL, rows, notes)
    totals = page.totals
    by_status = ", ".join(f"{count} {status}" for status, count in totals.by_status.items())
    _say(console, f"{_count(totals.trades, 'trade')}: {by_status}")
    ended = totals.wins + totals.losses + totals.even
    even = f", {totals.even} even" if totals.even else ""
    result = f"gross P&L {_money(totals.gross_pnl)} from {_count(ended, 'result')}"
    _say(console, f"{result}: {totals.wins} won, {totals.losses} lost{even}")


def _journal_cells(row: JournalRow, *, wide: bool) -> list[str]:
    closed_because = row.reason if row.status == TradeStatus.CLOSED and not wide else None
    partly = row.qty != row.planned_qty
    cells = [
        str(row.id),
        row.symbol,
        row.style,
        closed_because or row.status,
        f"{text(row.qty)}{f'/{text(row.planned_qty)}' if partly else ''}",
        _money(row.planned_entry),
        _money(row.planned_stop),
        _money(row.planned_target),
        _average(row.actual_entry),
        _average(row.exit),
        _money(row.pnl),
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
        _say(console, f"account {page.account} has no decisions")
        return
    rows = [_decision_cells(row) for row in page.rows]
    _table(console, DECISIONS, rows, [(f"{row.id} {row.symbol or NOTHING}", row.note) for row in page.rows])
    if page.more:
        _say(console, "there are older ones: --all shows them")


def _decision_cells(row: DecisionRow) -> list[str]:
    tick = "yes" if row.approved else "no" if row.tick is None else f"no ({row.tick})"
    written = (row.symbol, row.action, row.style, row.entry, row.stop, row.target, row.qty, tick, row.status)
    return [str(row.id), *(value or NOTHING for value in written)]


def _checks(checks: Sequence[CheckLine], console: Console) -> None:
    def colour(cell: str) -> str:
        return {"ok": "green", "refused": "red"}.get(cell, "dim")

    columns = (Column("check"), Column("result", style=colour), Column("what it says"))
    rows = [[line.check, line.result, line.says or NOTHING] for line in checks]
    _table(console, columns, rows, [], chars_max=NOTE_CHARS_MAX)


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
        _table(console, columns, rows, notes, chars_max=NOTE_CHARS_MAX)
    _say(console, ", ".join(f"{count} {outcome}" for outcome, count in page.counts.items()) or "no decision in it")
    for note in page.notes:
        _say(console, note)


def _table(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    notes: Sequence[tuple[str, str | None]],
    *,
    chars_max: int = CELL_CHARS_MAX,
) -> None:
    """Write a table; its notes stand in a last column where there is room, and below it where there is not."""
    from rich.table import Table
    from rich.text import Text

    wide = console.width >= WIDE
    beside = wide and any(note for _, note in notes)
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="bold")
    for column in (*columns, Column("note")) if beside else columns:
        table.add_column(Text(column.head), justify="right" if column.right else "left", overflow="fold")
    for index, row in enumerate(rows):
        shown = [printable(cell, chars_max) for cell in row]
        cells = [Text(cell, style=c.style(cell)) for cell, c in zip(shown, columns, strict=True)]
        if beside:
            cells.append(Text(printable(notes[index][1] or NOTHING, NOTE_CHARS_MAX)))
        table.add_row(*cells)
    console.print(table)
    for whose, note in notes:
        if note and not beside:
            _say(console, f"{whose}: {note}", indent=2)


def _say(console: Console, line: str, *, indent: int = 0) -> None:
    from rich.padding import Padding
    from rich.text import Text

    text = Text(printable(line, NOTE_CHARS_MAX + CELL_CHARS_MAX), overflow="fold")
    console.print(Padding(text, (0, 0, 0, indent), expand=False))


def printable(value: str, chars_max: int) -> str:
    """Return text that cannot move the cursor or change the colours of a terminal, and that has an end."""
    short = value if len(value) <= chars_max else value[: chars_max - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in short)


def _money(value: Decimal | None) -> str:
    """Write a price or a sum with its cents, and with more decimals only where it has them."""
    if value is None:
        return NOTHING
    whole, _, cents = text(value).partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def _average(price: Decimal | None) -> str:
    """Write an average price to four decimals; JSON has it as it is."""
    if price is None or not -EXACT_DECIMALS < price.adjusted() < EXACT_DECIMALS:
        return _money(price)
    return _money(price.quantize(AVERAGE_SHOWN))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
