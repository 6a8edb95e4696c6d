"""What `make install` does once .venv is there: .env, database, logs, and the command that installs the rest."""

from __future__ import annotations

import os
import sys

from deploy.filling import cron_command, fill, make_env, systemd_command, tag
from lib.bootstrap import open_database
from lib.clock import WallClock
from lib.config import REPOSITORY, SETTINGS, load_settings
from lib.runner import guarded
from lib.store.init import initialise

NEXT = """
These lines start the stages; they are in {home}/var/crontab:

{lines}
Once .env says what you want, this one command puts them into your crontab. Your other lines stay, and running it again
changes nothing:

  {cron}

With systemd instead of cron (never both), from the units in {home}/var/systemd:

  {systemd}

Without either, in a container or on macOS: .venv/bin/python -m lib.loop
The logs are rotated by {home}/var/logrotate.conf, once root has copied it to
/etc/logrotate.d/trading-monitor-{tag}.
"""


def main() -> int:
    """Make what is missing, fill in this directory, print what is next; return the exit code."""
    return guarded(_run)


def _run() -> int:
    say = sys.stdout.write
    say(make_env(REPOSITORY) + "\n")
    settings = load_settings()
    say(initialise(settings.database_url, settings.state_dir, now=WallClock().now()).line() + "\n")
    open_database(settings).close()  # refuses what is of the other kind of trading, before a line of cron is shown
    lines, units = fill(REPOSITORY, settings)
    cron, systemd = cron_command(REPOSITORY), systemd_command(REPOSITORY, units)
    say(NEXT.format(home=REPOSITORY, tag=tag(REPOSITORY), lines=lines, cron=cron, systemd=systemd))
    if settings.live:
        say("\nThese lines trade with real money: ALPACA_PAPER is false.\n")
    unseen = [name for name in SETTINGS if os.environ.get(name)]
    if unseen:
        say(f"\nOnly this shell sets {', '.join(unseen)}, and cron does not see it: write it into .env.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
