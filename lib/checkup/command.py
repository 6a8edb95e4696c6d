"""The command line that `doctor` and `health` share: an account, --json, a page of findings, an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded


def checkup(name: str, about: str, codes: str, argv: Sequence[str] | None) -> int:
    """Show what the list `name` of looks.py finds; return the exit code of the worst."""
    parser = argparse.ArgumentParser(
        prog=f"python -m lib.{name}",
        description=about,
        epilog=codes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--account", metavar="NAME", help="look at this account only (default: all)")
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object; times in UTC")
    options = parser.parse_args(argv)
    return guarded(lambda: _run(name, options))


def _run(name: str, options: argparse.Namespace) -> int:
    from lib.checkup.looks import LISTS
    from lib.clock import WallClock
    from lib.render.printing import print_page
    from lib.views.checkup import checkup_page

    clock = WallClock()
    page = checkup_page(LISTS[name](clock, options.account), at=clock.now())
    print_page(page, sys.stdout, as_json=options.json)
    return page.exit_code
