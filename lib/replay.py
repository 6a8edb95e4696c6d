"""Replay recorded prices: `python -m lib.replay` runs the whole system in simulated time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded
from lib.simulation.replay_arguments import parser, story_of


def main(argv: Sequence[str] | None = None) -> int:
    """Replay, print the journal, return the exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.render.as_json import page_json
    from lib.render.progress import progress_bar
    from lib.render.text import page_text
    from lib.simulation.replaying import replay

    story = story_of(options)
    with progress_bar("replay", story.first, story.last) as progress:
        outcome = replay(story, progress)
    report = page_text(outcome.page, width=120)
    (story.directory / "report.txt").write_text(report, encoding="utf-8")
    sys.stdout.write(page_json(outcome.page) if options.json else report)
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
