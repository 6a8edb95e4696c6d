"""Tell the whole story of a trade: `python -m lib.explain TRADE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.runner import guarded

ABOUT = """Tell the whole story of a trade on one clock: decision, orders, fills, cover, bookings, what passes said of
it, its end; each line with the rows it comes from and the reason that was written down. The last line adds the result
up anew from the fills shown.

It reads the database alone, changes nothing and asks no broker. Times are New York's; with --json they are UTC. A
reason that only the log has stands there beside the run's name: grep it in var/log."""

CODES = """exit codes: 0 told; 1 the database did not answer; 2 no such trade, settings or schema: a person must act;
            3 a bug; 130 interrupted"""


def main(argv: Sequence[str] | None = None) -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lib.explain",
        description=ABOUT,
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trade", metavar="TRADE", help="the trade's id in the journal, as lib.status shows it")
    parser.add_argument("--json", action="store_true", help="print the page as one JSON object; times in UTC")
    options = parser.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.bootstrap import open_database
    from lib.clock import new_york
    from lib.config import load_settings
    from lib.render.printing import print_page
    from lib.store.queries import story_named
    from lib.views.explain import explain_page

    store = open_database(load_settings())
    try:
        page = explain_page(story_named(store, options.trade), local=new_york)
    finally:
        store.close()
    print_page(page, sys.stdout, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
