"""Show how things stand: `python -m lib.status`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded

ABOUT = """Show how things stand: each account with what needs attention, open trades with their cover, decisions
that wait, orders of unknown outcome, and the last pass of each stage.

It reads the database alone, changes nothing and asks no broker: cover is what the rows say as of the last pass of
order_monitor, values are those of the last pass of position_monitor, each with its age."""

CODES = """exit codes: 0 it could read, whatever it found; 1 the database did not answer; 2 settings or schema:
            a person must act; 3 a bug; 130 interrupted"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show the page; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.status",
        description=ABOUT,
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--account", metavar="NAME", help="show this account only (default: all)")
    parser.add_argument("--json", action="store_true", help="print the page as one JSON object; times in UTC")
    options = parser.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.bootstrap import open_database
    from lib.clock import WallClock, new_york
    from lib.config import load_settings
    from lib.render.printing import print_page
    from lib.standing import standing
    from lib.store.queries import accounts
    from lib.views.status import status_page

    settings, now = load_settings(), WallClock().now()
    store = open_database(settings)
    try:
        names = [row.account for row in accounts(store)] if options.account is None else [options.account]
        sent = bool(settings.alert_urls)
        standings = [standing(store, name, settings.state_dir, now, alerts_are_sent=sent) for name in names]
    finally:
        store.close()
    page = status_page(standings, now=now, local=new_york, live=settings.live)
    print_page(page, sys.stdout, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
