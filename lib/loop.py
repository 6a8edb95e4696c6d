"""Run the crontab without cron: `python -m lib.loop`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from schedule import Scheduler

from lib.bootstrap import open_database
from lib.clock import WallClock
from lib.config import REPOSITORY, check_live_flag, load_settings
from lib.crontab import read_crontab
from lib.errors import ConfigError
from lib.intake.loop_arguments import parser
from lib.jobs import HOLD, Jobs, Stop
from lib.logs import Log, log_file
from lib.runner import guarded


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; return the exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    settings, clock, stop = load_settings(), WallClock(), Stop()
    check_live_flag(settings, live=options.live, sends=True)
    store = open_database(settings)
    hold = store.hold_account(HOLD, wait_s=0)
    store.close()
    log = log_file(settings.state_dir, "loop")
    flags = ["--live"] * options.live + ["--json"] * options.json
    with hold as alone:
        if not alone:
            raise ConfigError(f"another lib.loop starts the stages already (STATE_DIR {settings.state_dir})")
        jobs = Jobs(read_crontab(REPOSITORY / "crontab"), REPOSITORY, clock, Log(sys.stderr, log), flags=flags)
        jobs.start_all()
        minutes = Scheduler()
        while not stop.times:
            plan(minutes, jobs)
            minutes.run_pending()
            jobs.look()
            clock.sleep(0.5)
        return jobs.finish(stop)


def plan(minutes: Scheduler, jobs: Jobs) -> None:
    """Plan a tick for the next full minute, at first and when the host's clock went back, as by an hour in autumn."""
    if minutes.idle_seconds is None or minutes.idle_seconds > 60:
        minutes.clear()
        minutes.every().minute.at(":00").do(jobs.tick)


if __name__ == "__main__":
    sys.exit(main())
