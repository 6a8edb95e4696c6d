"""Plan, write, approve, follow and stop grids: `python -m lib.grid`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from lib.intake.grid_arguments import columns_of, parser
from lib.runner import guarded


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return its exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from lib.bootstrap import open_database, open_tools
    from lib.clock import WallClock
    from lib.config import load_settings
    from lib.errors import ConfigError
    from lib.intake import grid_desk as desk
    from lib.render.printing import print_page

    settings, clock = load_settings(), WallClock()
    store = open_database(settings)
    try:
        store.account(options.account)  # a name that no stage works would keep its grids for ever
        at = desk.Desk(store=store, account=options.account, now=clock.now(), limits=settings.limits)
        match options.verb:
            case "preview":
                reach = partial(open_tools, settings, store, options.account, clock, look=True)
                answer = desk.show(at, columns_of(options), options.price, lambda: reach().broker)
            case "add":
                answer = desk.add(at, columns_of(options), options.price, approve=options.approve)
            case "approve":
                answer = desk.approve(at, options.id)
            case "stop":
                answer = desk.stop(at, options.id, options.ending)
            case "status":
                answer = desk.status(at, options.id)
            case _:
                answer = desk.listing(at)
    finally:
        store.close()
    print_page(answer.page, sys.stdout, as_json=options.json)
    if getattr(options, "picture", None) is not None:
        desk.save_picture(answer.page, options.picture)
    if answer.errors:
        raise ConfigError("\n".join(answer.errors))
    return answer.exit_code


if __name__ == "__main__":
    sys.exit(main())
