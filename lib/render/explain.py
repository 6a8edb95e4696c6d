"""A trade's story as text: one line after the other on New York's clock, the day above its lines."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.render.table import NOTE_CHARS_MAX, NOTHING, WIDE, money, printable, say
from lib.views.explain import ExplainPage, Recount, StoryLine

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def write_story(page: ExplainPage, console: Console) -> None:
    """Write the trade, its lines and the recount."""
    reason = f", {page.exit_reason}" if page.exit_reason else ""
    say(console, f"trade {page.trade}: {page.symbol} {page.style} {page.side}, {page.status}{reason}")
    target = f", target {money(page.planned_target)}" if page.planned_target is not None else ""
    levels = f"{money(page.planned_entry)}, stop {money(page.planned_stop)}{target}"
    say(console, f"account {page.account}, decision {page.decision}: {text(page.planned_qty)} at {levels}")
    console.line()
    _lines(page.lines, console)
    console.line()
    say(console, _recount(page.recount))


def _lines(lines: tuple[StoryLine, ...], console: Console) -> None:
    """Write the table; the reason has a column of its own where there is room, and stands below what happened else."""
    from rich.table import Table
    from rich.text import Text

    wide = console.width >= WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="bold")
    heads = ("New York", "what happened", "why", "source") if wide else ("New York", "what happened, and why", "source")
    for head in heads:
        table.add_column(Text(head), overflow="fold", ratio=None if head == "New York" else 2)
    day: date | None = None
    for line in lines:
        if line.at is not None and line.at.date() != day:
            day = line.at.date()
            table.add_row(Text(f"{day:%Y-%m-%d}", style="bold"), *(Text("") for _ in heads[1:]))
        time = NOTHING if line.at is None else f"{line.at:%H:%M:%S}"
        what, why = printable(line.what, NOTE_CHARS_MAX), printable(line.why or "", NOTE_CHARS_MAX)
        told = [Text(what), Text(why, style="dim")] if wide else [_below(what, why)]
        table.add_row(Text(time), *told, Text(printable(_source(line), NOTE_CHARS_MAX), style="dim"))
    console.print(table)


def _below(what: str, why: str) -> Text:
    from rich.text import Text

    both = Text(what)
    return both.append(f"\n({why})", style="dim") if why else both


def _source(line: StoryLine) -> str:
    """Name the rows, and the stage or person; the whole run is in the JSON."""
    return line.source if line.by is None else f"{line.source}, by {line.by.rpartition('-')[0] or line.by}"


def _recount(recount: Recount) -> str:
    """Say what the fills above add up to."""
    bought = f"bought {text(recount.bought)} for {money(recount.paid)}"
    flows = f"{bought}, sold {text(recount.sold)} for {money(recount.received)}"
    if recount.pnl is None:
        return f"by the fills above: {flows}"
    journal = money(recount.journal_pnl)
    verdict = "as in the journal" if recount.agrees else f"the journal says {journal}: THEY DO NOT AGREE"
    return f"by the fills above: {flows}: P&L {money(recount.pnl)}, {verdict}"
