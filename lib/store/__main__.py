"""Make the database that the stages work on: `python -m lib.store init`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from lib.clock import WallClock
from lib.config import load_settings
from lib.runner import guarded
from lib.store.init import DEFAULT_ACCOUNT, initialise


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(argv)
    return guarded(lambda: _init(options))


def _init(options: argparse.Namespace) -> int:
    settings = load_settings()
    url = options.database or settings.database_url
    made = initialise(url, settings.state_dir, options.account, now=WallClock().now())
    print(json.dumps(asdict(made)) if options.json else made.line())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.store", description="The database of the stages.")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser(
        "init",
        help="make the database, or bring it to the schema of this code",
        description="Create the database, its tables and the row of one account, whichever is missing. "
        "Running it again changes nothing; after an update of the code it migrates the tables. The stages work every "
        "account that has a row: at Alpaca each with keys of its own (ALPACA_API_KEY__NAME and "
        "ALPACA_SECRET_KEY__NAME), else each with a paper account of its own.",
    )
    init.add_argument(
        "--database", metavar="URL", help="instead of DATABASE_URL; a relative path begins in this folder"
    )
    init.add_argument("--account", metavar="NAME", default=DEFAULT_ACCOUNT, help="the account to add (%(default)s)")
    init.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
