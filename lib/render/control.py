"""What is stopped, as a table: the scope, what it means, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.render.table import NOTE_CHARS_MAX, NOTHING, Column, say, write_table
from lib.views.control import ControlPage

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = (Column("scope"), Column("state"), Column("since"), Column("what it means"))


def write_control(page: ControlPage, console: Console) -> None:
    """Write what was done, what is in force, and the accounts it is about."""
    for line in page.done:
        say(console, line)
    if page.done:
        console.line()
    if page.stopped:
        rows = [
            [row.scope, row.state, f"{row.since:%Y-%m-%d %H:%M} UTC" if row.since else NOTHING, row.meaning]
            for row in page.stopped
        ]
        reasons = [(row.scope, row.reason) for row in page.stopped]
        write_table(console, COLUMNS, rows, reasons, chars_max=NOTE_CHARS_MAX)
    else:
        say(console, "nothing is stopped")
    for account in page.accounts:
        kind = "LIVE" if account.environment == "live" else account.broker or account.environment
        where = " ".join(word for word in (kind, account.account_number) if word)
        by = "python -m lib.control pin NUMBER does it" if page.live else "the first pass does it"
        pinned = f"is pinned to {where}" if account.account_number else f"is not pinned yet: {by}"
        say(console, f"account {account.account} {pinned}")
    for note in page.notes:
        say(console, note)
