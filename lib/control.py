"""Halt, reduce, freeze, resume, list what is stopped, pin an account: `python -m lib.control`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lib.intake.control_arguments import parser
from lib.runner import guarded


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return its exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.bootstrap import open_database
    from lib.clock import WallClock
    from lib.config import load_settings
    from lib.intake import control_desk as desk
    from lib.render.printing import print_page

    settings = load_settings()
    store = open_database(settings)
    try:
        now, kind = WallClock().now(), settings.environment
        at = desk.Desk(store=store, state_dir=settings.state_dir, now=now, environment=kind)
        match options.verb:
            case "list":
                page = desk.listing(at, options.account)
            case "pin":
                page = desk.pin(at, options.account, options.number, lambda warning: _sure(options, warning))
            case "resume":
                page = desk.resume(at, options.account, options.symbol, options.reason)
            case verb:
                page = desk.stop(at, verb, options.account, options.symbol, reason=options.reason, sure=options.yes)
    finally:
        store.close()
    print_page(page, sys.stdout, as_json=options.json)
    return 0


def _sure(options: argparse.Namespace, warning: str) -> bool:
    number: str = options.number
    if options.yes:
        return True
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"warning: {warning}.\ntype {number} again to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == number


if __name__ == "__main__":
    sys.exit(main())
