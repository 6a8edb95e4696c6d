"""The database that the stages work on: `python -m lib.store init | backup | restore | prune`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

from lib.clock import WallClock
from lib.config import Settings, load_settings
from lib.runner import guarded
from lib.store.arguments import parser
from lib.store.backups import BackedUp, backup
from lib.store.init import initialise
from lib.store.pruning import Pruned, prune
from lib.store.restoring import restore


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    settings = load_settings()
    if options.database:
        settings = replace(settings, database_url=options.database)
    url, state_dir, now = settings.database_url, settings.state_dir, WallClock().now()
    if options.command == "restore":
        return _restore(options, settings)
    if options.command == "init":
        made = initialise(url, state_dir, options.account, now=now)
        print(json.dumps(asdict(made)) if options.json else made.line())
        return 0
    done: BackedUp | Pruned
    if options.command == "backup":
        done = backup(url, state_dir, now=now, to=options.to, keep=options.keep)
    else:
        done = prune(url, state_dir, now=now, days=options.days, keep=options.keep, dry_run=options.dry_run)
    print(json.dumps(asdict(done)) if options.json else done.text(), end="\n" if options.json else "")
    return 0


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    """Restore, then take back what was done since; what cannot be taken back now it says how to do later."""
    from lib.render.backfill import backfill_json, backfill_text
    from lib.taking_back import TakenBack, take_back

    done = restore(options.file, settings.database_url, settings.state_dir, now=WallClock().now())
    if not options.json:
        print(done.text(), end="", flush=True)
    turns: list[TakenBack] = []
    for turn in take_back(settings, done.accounts, done.since):
        turns.append(turn)
        if not options.json:
            told = turn.still_to_do if turn.report is None else backfill_text(turn.report, verbose=False)
            print(told, end="", flush=True)
    if options.json:
        backfills = {
            turn.account: {"error": turn.still_to_do} if turn.report is None else json.loads(backfill_json(turn.report))
            for turn in turns
        }
        print(json.dumps(asdict(done) | {"since": str(done.since), "backfills": backfills}))
    return max((turn.exit_code for turn in turns), default=0)


if __name__ == "__main__":
    sys.exit(main())
