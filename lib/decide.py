"""Write, approve, list and import trading decisions: `python -m lib.decide`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.intake.arguments import columns_of, parser
from lib.runner import guarded


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return its exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.bootstrap import open_database
    from lib.clock import WallClock
    from lib.config import load_settings
    from lib.errors import ConfigError
    from lib.intake import csv_file, desk
    from lib.render.printing import print_page

    settings = load_settings()
    store = open_database(settings)
    try:
        store.account(options.account)  # a name that no stage works would keep its decisions for ever
        at = desk.Desk(
            store=store,
            account=options.account,
            now=WallClock().now(),
            limits=settings.limits,
            always_open=settings.always_open and settings.broker == "local",
        )
        match options.verb:
            case "add" | "cancel" | "amend" | "close":
                answer = desk.add(at, columns_of(options), approve=options.approve)
            case "approve":
                answer = desk.approve(at, options.ids)
            case "list":
                answer = desk.listing(at, limit=None if options.all else options.limit)
            case _:
                answer = desk.bring_in(at, csv_file.load_csv(options.file), approve=options.approve)
    finally:
        store.close()
    print_page(answer.page, sys.stdout, as_json=options.json)
    if answer.errors:
        raise ConfigError("\n".join(answer.errors))
    return answer.exit_code


if __name__ == "__main__":
    sys.exit(main())
