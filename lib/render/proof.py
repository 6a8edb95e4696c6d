"""The page of a proof: tables for a terminal, and one HTML file with plots."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lib.render.table import Column, say, write_table
from lib.views.proof import Counted, ProofPage, Span

if TYPE_CHECKING:
    from rich.console import Console

BROKEN_SHOWN = 20
POINTS_SHOWN = 40
LENGTHS = {60: "1 min", 300: "5 min", 600: "10 min", 1800: "30 min", 3600: "1 h", 21600: "6 h", 86400: "1 day"}
LONGER = "longer"


def write_proof(page: ProofPage, console: Console) -> None:
    """Write the tables."""
    verdict = "nothing was broken" if page.holds else f"{len(page.broken)} schedules broke something"
    say(console, f"commit {page.commit}, seed {page.seed}: {verdict}", style="green" if page.holds else "red")
    say(
        console,
        f"{page.wall_minutes} minutes on {page.cores} cores, {page.per_second} schedules in a second of one core",
    )
    console.print()
    heads = ("played", "schedules", "no difference", "joined another", "passes", "rows", "broken", "core seconds")
    write_table(console, [Column(head, right=n > 0) for n, head in enumerate(heads)], lines_of(page), [])
    for title, rows in counts_of(page):
        if rows:
            console.print()
            write_table(console, [Column(title), Column("count", right=True)], rows, [])
    for each in page.broken[:BROKEN_SHOWN]:
        say(console, f"--again {each.schedule}", style="red")
        for said in each.said:
            say(console, said, indent=4)
    if len(page.broken) > BROKEN_SHOWN:
        say(console, f"and {len(page.broken) - BROKEN_SHOWN} more: they are in {page.files[0]}")
    console.print()
    say(console, f"again, with the same counts: {page.command}")
    for file in page.files:
        say(console, file)


def lines_of(page: ProofPage) -> list[tuple[str, ...]]:
    """Return the table of what was played."""
    return [
        (
            line.what,
            *(f"{n:,}" for n in (line.schedules, line.same, line.joined, line.passes, line.rows, line.broken)),
            f"{line.seconds:,}",
        )
        for line in page.lines
    ]


def counts_of(page: ProofPage) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the other tables: a heading, and how often each thing was met."""
    spans = [(f"{s.cause}, up to {LENGTHS.get(s.seconds_max, LONGER)}", f"{s.count:,}") for s in page.spans]
    return [
        ("clean passes that a schedule needed after its last fault", _pairs(page.convergence)),
        ("cause for which a clean pass left shares uncovered", _pairs(page.uncovered)),
        ("intervals in which shares were uncovered", spans),
        ("profile of the broker", _pairs(page.profiles)),
        ("fault, by call or by kind", _pairs(page.points[:POINTS_SHOWN])),
        ("reason for which a row was refused", _pairs(page.reasons)),
    ]


def _pairs(rows: Iterable[Counted]) -> list[tuple[str, str]]:
    return [(row.name, f"{row.count:,}") for row in rows]


# The HTML page


def proof_html(page: ProofPage) -> str:
    """Return one HTML page with plots, which needs no other file. Raises ImportError without matplotlib."""
    said = "nothing was broken" if page.holds else f"{len(page.broken)} schedules broke something"
    heads = ("played", "schedules", "no difference", "joined another", "passes", "rows", "broken", "core seconds")
    parts = [
        f"<h1>Proof of commit {html.escape(page.commit)}, seed {page.seed}: {said}</h1>",
        f"<p>{page.wall_minutes} minutes on {page.cores} cores, {page.per_second} schedules in a second of one core.",
        f"The same counts again: <code>{html.escape(page.command)}</code></p>",
        _table(heads, lines_of(page)),
        _plot(lambda axes: _convergence(axes, page.convergence)),
        _plot(lambda axes: _lengths(axes, page.spans)),
        *(f"<h2>{html.escape(title)}</h2>{_table(('', 'count'), rows)}" for title, rows in counts_of(page) if rows),
        *(
            f"<p><code>--again {html.escape(b.schedule)}</code><br>{html.escape(' '.join(b.said))}</p>"
            for b in page.broken
        ),
    ]
    return f"{_HEAD}{''.join(parts)}</html>\n"


_HEAD = """<!doctype html><html lang=en><meta charset=utf-8><title>Proof</title><style>
body{font:15px sans-serif;margin:2em;max-width:60em}
td,th{padding:.2em .8em;text-align:right}
td:first-child{text-align:left}
</style>"""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _plot(draw: Callable[[Any], None]) -> str:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    draw(figure.add_subplot())
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _convergence(axes: Any, rows: Sequence[Counted]) -> None:
    axes.bar([row.name for row in rows], [row.count for row in rows])
    axes.set_yscale("log")
    axes.set(title="Clean passes until all was well", xlabel="passes after the last fault", ylabel="schedules")


def _lengths(axes: Any, spans: Sequence[Span]) -> None:
    names = [*LENGTHS.values(), LONGER]
    for cause in sorted({span.cause for span in spans}):
        counts = dict.fromkeys(names, 0)
        for span in spans:
            if span.cause == cause:
                counts[LENGTHS.get(span.seconds_max, LONGER)] += span.count
        axes.plot(names, list(counts.values()), marker="o", label=cause)
    axes.set_yscale("symlog")
    axes.set(title="How long shares were uncovered", xlabel="up to", ylabel="intervals")
    if spans:
        axes.legend()
