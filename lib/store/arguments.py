"""What may be said to `python -m lib.store`."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.store.backups import KEEP
from lib.store.init import DEFAULT_ACCOUNT
from lib.store.pruning import DAYS

INIT = """Create the database, its tables and the row of one account, whichever is missing. Running it again changes
nothing; after an update of the code it migrates the tables. The stages work every account that has a row: at Alpaca
each with keys of its own (ALPACA_API_KEY__NAME and ALPACA_SECRET_KEY__NAME), else each with a paper account of its
own."""

BACKUP = """Copy the database while stages run. The copy is of one moment, checked before it gets its name, and readable
for its owner alone. Copying the file itself can miss what its -wal file holds. Exit codes: 0 made, 1 the database is
busy, 2 it is missing or damaged, or the file cannot be written."""

RESTORE = """Put a backup in the place of the database, which is kept aside. Each account gets a new namespace for its
orders, and no pass works it until a backfill from the day of the backup has taken back what was done since; the command
ends with that backfill. Decisions that were carried out after the backup are not carried out again. What is lost (a
decision that was written after the backup) is named, and no entry goes out until `python -m lib.control resume`. Exit
codes: 0 restored, 1 a pass holds an account and nothing was changed, or the backfill left something (it says what),
2 the backup is damaged, not ours or of newer code, or the broker needs a person."""

PRUNE = """Remove what is old and nobody needs: rows of passes (`stage_run`), logs that were put away, backups beyond
the newest. Decisions, journal, orders, fills and events are never removed. Prints how large each table is and what
it takes a year."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    made = argparse.ArgumentParser(prog="python -m lib.store", description="The database of the stages.")
    commands = made.add_subparsers(dest="command", required=True)
    init = commands.add_parser(
        "init", help="make the database, or bring it to the schema of this code", description=INIT
    )
    init.add_argument("--account", metavar="NAME", default=DEFAULT_ACCOUNT, help="the account to add (%(default)s)")
    backup = commands.add_parser("backup", help="copy the database while stages run", description=BACKUP)
    backup.add_argument(
        "--to", type=Path, metavar="FILE", help="instead of STATE_DIR/backups/trading-YYYYMMDDTHHMMSSZ.db"
    )
    backup.add_argument(
        "--keep", type=_count, metavar="N", help="then remove all but the newest N of that folder (default: none)"
    )
    restore = commands.add_parser("restore", help="put a backup in the database's place", description=RESTORE)
    restore.add_argument("file", type=Path, metavar="FILE", help="a backup; the newest are in STATE_DIR/backups")
    prune = commands.add_parser("prune", help="remove what is old; print sizes", description=PRUNE)
    prune.add_argument(
        "--days", type=int, default=DAYS, metavar="N", help="how long passes and logs are kept (%(default)s)"
    )
    prune.add_argument("--keep", type=_count, default=KEEP, metavar="N", help="how many backups are kept (%(default)s)")
    prune.add_argument("--dry-run", action="store_true", help="print what would be removed; change nothing")
    for verb in (init, backup, restore, prune):
        verb.add_argument(
            "--database", metavar="URL", help="instead of DATABASE_URL; a relative path begins in this folder"
        )
        verb.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def _count(raw: str) -> int:
    number = int(raw)  # argparse makes a sentence of a ValueError
    if number < 1:
        message = f"{raw} is too few: at least one backup is kept"
        raise argparse.ArgumentTypeError(message)
    return number
