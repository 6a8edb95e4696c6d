"""Replay recorded prices: `python -m lib.replay` runs the whole system in simulated time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded
from lib.simulation.replay_arguments import parser, story_of

REPORT_CHARS = 120


def main(argv: Sequence[str] | None = None) -> int:
    """Replay, print the journal, return the exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.render.printing import print_page
    from lib.render.progress import progress_bar
    from lib.render.text import page_text
    from lib.simulation.replaying import replay

    story = story_of(options)
    with progress_bar("replay", story.first, story.last) as progress:
        outcome = replay(story, progress)
    (story.directory / "report.txt").write_text(page_text(outcome.page, width=REPORT_CHARS), encoding="utf-8")
    width = None if sys.stdout.isatty() else REPORT_CHARS
    print_page(outcome.page, sys.stdout, as_json=options.json, width=width)
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
