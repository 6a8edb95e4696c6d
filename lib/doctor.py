"""Examine the set-up and the rows: `python -m lib.doctor`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lib.checkup.command import checkup

ABOUT = """Examine everything that has to be right for the stages to work: the interpreter, who may read .env and
write the database, the settings, whether the database is whole and of this schema; of each account the keys, the
account number, paper or live, this host's clock against the broker's, the age of quotes, the last passes, what is
stopped, whether every invariant of docs/proof.md holds (rows of 30 days, their events, the broker's orders and fills
of 7); then what starts the stages, the disk, backups. Each line is ok, or says what to do.

It changes no row and sends no order. At the broker it reads the account, two quotes, positions, live orders, and a
week of orders and fills in pages of 500 and 100: about eight requests an account."""

CODES = """exit codes: 0 all is well; 1 something is incomplete, and a pass repairs it; 2 a person must act;
            3 a bug; 130 interrupted

  python -m lib.doctor                   after the set-up, after an upgrade, and whenever something is odd
  python -m lib.doctor --account swing   this account alone"""


def main(argv: Sequence[str] | None = None) -> int:
    """Show what was found; return the exit code."""
    return checkup("doctor", ABOUT, CODES, argv)


if __name__ == "__main__":
    sys.exit(main())
