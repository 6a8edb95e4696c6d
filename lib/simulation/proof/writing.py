"""Progress while a proof runs, and its page once it is over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from lib.simulation.proof.campaign import Campaign, Wanted
from lib.simulation.proof.page import proof_page
from lib.simulation.proof.tasks import Result
from lib.views.proof import ProofPage

SAID_EVERY_S = 60
REPORT_CHARS = 120


@contextmanager
def counting_bar(
    wanted: Wanted, out: TextIO, seconds: Callable[[], float] = monotonic
) -> Iterator[Callable[[Result], None]]:
    """Yield a function to be told of each result: a bar on a terminal, a line a minute in a log."""
    began = said = seconds()
    schedules = broken = 0
    if not out.isatty():

        def log(result: Result) -> None:
            nonlocal said, schedules, broken
            schedules, broken = schedules + result.schedules, broken + len(result.broken)
            if seconds() - said >= SAID_EVERY_S:
                said = seconds()
                out.write(f"{(said - began) / 60:.0f} min: {schedules:,} schedules, {broken} broken\n")

        yield log
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("prove"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
    total = wanted.until if wanted.until is not None else wanted.runs
    with Progress(*columns, console=Console(file=out), transient=True) as progress:
        task = progress.add_task("prove", total=total, said="")

        def tell(result: Result) -> None:
            nonlocal schedules, broken
            schedules, broken = schedules + result.schedules, broken + len(result.broken)
            done = seconds() - began if wanted.until is not None else schedules
            progress.update(task, completed=done, said=f"{schedules:,} schedules, {broken} broken")

        yield tell


def written(campaign: Campaign, wanted: Wanted) -> ProofPage:
    """Write the page beside the results, as text and, where matplotlib is there, as HTML; return it."""
    from lib.render.proof import proof_html
    from lib.render.text import page_text

    stem = campaign.file.with_suffix("")
    text, web = stem.with_suffix(".txt"), stem.with_suffix(".html")
    limits = {"--minutes": wanted.minutes, "--runs": wanted.runs}
    words = " ".join(f"{flag} {limit:g}" for flag, limit in limits.items() if limit is not None)
    command = f"python -m lib.prove {words} --seed {wanted.seed}".replace("  ", " ")
    page = proof_page(campaign, command=command, files=(str(campaign.file), str(text), str(web)))
    text.write_text(page_text(page, width=REPORT_CHARS), encoding="utf-8")
    try:
        web.write_text(proof_html(page), encoding="utf-8")
    except ImportError:
        sys.stderr.write("no HTML page: matplotlib is not installed; `make prove` installs it\n")
    return page
