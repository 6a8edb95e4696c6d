"""Prove the promise on this machine: `python -m lib.prove`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded
from lib.simulation.proof.arguments import parser, wanted


def main(argv: Sequence[str] | None = None) -> int:
    """Play, print the page, return the exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _again(options.again) if options.again else _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.render.printing import print_page
    from lib.simulation.proof.campaign import run
    from lib.simulation.proof.writing import counting_bar, written

    asked = wanted(options)
    with counting_bar(asked, sys.stderr) as tell:
        campaign = run(asked, tell)
    page = written(campaign, asked)
    print_page(page, sys.stdout, as_json=options.json)
    return 0 if page.holds else 1


def _again(words: Sequence[str]) -> int:
    from lib.errors import ConfigError
    from lib.simulation.proof.tasks import played_again

    name, *faults = words
    try:
        broken = played_again(name, faults)
    except (ValueError, KeyError) as error:
        raise ConfigError(str(error)) from None
    sys.stdout.write("".join(f"{line}\n" for line in broken) or "nothing was broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
