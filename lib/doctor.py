"""Examine the set-up and the rows: `python -m lib.doctor`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded

ABOUT = """Examine everything that has to be right for the stages to work: the interpreter, who may read .env and
write the database, the settings, the schema; of each account the keys, the account number, paper or live, this
host's clock against the broker's, the age of quotes, the last passes, what is stopped, whether the rows hold what
must always be true; then cron's lines, the disk, backups. Each line is ok, or says what to do.

It changes no row and sends no order. At the broker it reads the account and two quotes."""

CODES = """exit codes: 0 all is well; 1 something is incomplete, and a pass repairs it; 2 a person must act;
            3 a bug; 130 interrupted

  python -m lib.doctor                   after the set-up, after an upgrade, and whenever something is odd
  python -m lib.doctor --account swing   this account alone"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show what was found; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.doctor",
        description=ABOUT,
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--account", metavar="NAME", help="examine this account only (default: all)")
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object; times in UTC")
    options = parser.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.checkup.looks import doctor
    from lib.clock import WallClock
    from lib.render.printing import print_page
    from lib.views.checkup import checkup_page

    clock = WallClock()
    page = checkup_page(doctor(clock, options.account), at=clock.now())
    print_page(page, sys.stdout, as_json=options.json)
    return page.exit_code


if __name__ == "__main__":
    sys.exit(main())
