"""Say whether all is well, for monitors: `python -m lib.health`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lib.checkup.command import checkup

ABOUT = """Say whether all is well, one line a thing: passes that were missed or left something undone, an account
that is held for long, what is halted or frozen, alerts that could not be delivered, room on the disk, the age of
backups. It reads rows and files alone, changes nothing and asks no broker, so a monitor may ask every minute."""

CODES = """exit codes, as monitors read them: 0 all is well; 1 a warning: the next pass repairs it; 2 critical: a
            person must act; 3 a bug; 130 interrupted

  python -m lib.health || echo "trading-monitor needs a look" | mail -s health you@example.com"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show what was found; return the exit code."""
    return checkup("health", ABOUT, CODES, argv)


if __name__ == "__main__":
    sys.exit(main())
