"""What `make uninstall` does: list what is open at the broker, cancel none of it, print what takes the program away."""

from __future__ import annotations

import shlex
import sys

from deploy.filling import cron_command, fill, systemd_removal
from lib.bootstrap import open_database, open_tools
from lib.clock import WallClock
from lib.config import REPOSITORY, load_settings
from lib.leaving import leaving
from lib.render.printing import print_page
from lib.runner import guarded

KEPT = """
Nothing was cancelled, sold or removed. What rests at the broker stays there until you cancel it in the broker's app;
stops and targets go on guarding your shares, but once the stages are stopped nobody books a fill, replaces a stop that
expires, or places one for shares bought later. To be out of a trade first: .venv/bin/python -m lib.decide close.

1. Stop the stages. Cron, your other lines stay:

     {cron}

   or systemd:

     {systemd}

2. Remove .venv, caches and the demo:

     make -C {home} clean

3. Still there, for you to keep or delete: the database {database},
   {state} (logs, locks, the built-in broker's state), and .env with your keys.
   All that is in this directory goes with:

     rm -r {home}
"""


def main() -> int:
    """Print the page and the commands; return the exit code: 1 if positions and orders of an account are not known."""
    listed = guarded(_list)
    return max(listed, guarded(_tell))


def _list() -> int:
    settings, clock = load_settings(), WallClock()
    store = open_database(settings)
    try:
        page = leaving(store, lambda account: open_tools(settings, store, account, clock, look=True))
    finally:
        store.close()
    print_page(page, sys.stdout, as_json=False)
    return int(any(account.unread is not None for account in page.accounts))


def _tell() -> int:
    settings = load_settings()
    _, units = fill(REPOSITORY, settings)
    sys.stdout.write(
        KEPT.format(
            home=shlex.quote(str(REPOSITORY)),
            cron=cron_command(REPOSITORY, drop=True),
            systemd=systemd_removal(units),
            database=settings.database_url,
            state=settings.state_dir,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
