"""Say whether all is well, for monitors: `python -m lib.health`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded

ABOUT = """Say whether all is well, one line a thing: passes that were missed or left something undone, an account
that is held for long, what is halted or frozen, alerts that could not be delivered, room on the disk, the age of
backups. It reads rows and files alone, changes nothing and asks no broker, so a monitor may ask every minute."""

CODES = """exit codes, as monitors read them: 0 all is well; 1 a warning: the next pass repairs it; 2 critical: a
            person must act; 3 a bug; 130 interrupted

  python -m lib.health || echo "trading-monitor needs a look" | mail -s health you@example.com"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show what was found; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.health",
        description=ABOUT,
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--account", metavar="NAME", help="look at this account only (default: all)")
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object; times in UTC")
    options = parser.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.checkup.looks import health
    from lib.clock import WallClock
    from lib.render.printing import print_page
    from lib.views.checkup import checkup_page

    clock = WallClock()
    page = checkup_page(health(clock, options.account), at=clock.now())
    print_page(page, sys.stdout, as_json=options.json)
    return page.exit_code


if __name__ == "__main__":
    sys.exit(main())
