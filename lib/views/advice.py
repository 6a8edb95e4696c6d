"""What to do about each problem: the words of docs/operations.md, where a person reads more."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "UNCOVERED": "if the next pass says it again, look at the account in the broker's app",
    "OUTCOME_UNKNOWN": ("nothing: it is looked up, and sent again under the same id only if the broker has none"),
    "AMEND_REFUSED": "a level that the market has passed cannot be had: amend it, or close the trade",
    "CLOSE_REFUSED": "if the next pass says it again, read the broker's words in the message",
    "OVERSOLD": (
        "nothing: it is closed the other way; then find out why, and python -m lib.control resume for the symbol. "
        "Where the message says that a person acts, buy the excess back in the broker's app"
    ),
    "STOP_LOST": "find out who or what cancels them: the app, another program, the broker",
    "POSITION_ABSENT": (
        "nothing: position_monitor looks twice, then closes the trade at the price of the broker's fill"
    ),
    "UNEXPLAINED": (
        "find out what moved the shares; a vanished position is closed at its last known price after 15 minutes"
    ),
    "ANNOUNCEMENTS_UNREAD": (
        "look the symbols up by hand if it stays; "
        "before a split, cancel the cover in the broker's app ten minutes before the close"
    ),
    "BROKEN_ROWS": (
        "entries are halted, protection goes on: python -m lib.doctor says what to do about each; "
        "then python -m lib.control resume"
    ),
    "DISAGREES": (
        "nothing at first; if a second pass sees it the symbol is halted: compare it in the broker's app, "
        "then python -m lib.control resume"
    ),
    "UNRESOLVED": (
        "nothing at first: they find their owner once it is settled; "
        "if it stays, compare that order in the broker's app"
    ),
    "FOREIGN_ORDER_UNDER_OUR_ID": (
        "the symbol is halted in control; the database was probably restored without a new namespace"
    ),
    "IMPOSSIBLE_TRANSITION": "compare the order in the broker's app with order_execution",
    "UNKNOWN_STATUS": "it counts as live; report it",
    "ORDER_LOST": "is this the same account?",
    "ENTRY_ROW_GONE": "a row was deleted by hand: put it back from event",
    "WANTED_UNREADABLE": "the column wanted was changed by hand: put it back from event",
    "CLOSED_WITH_SHARES": "a status was changed by hand: put it back from event",
    "UNKNOWN_ORDER": (
        "it was made after this database was copied, or its row was deleted; "
        "what it holds is looked after by nobody: settle it in the broker's app"
    ),
    "FILLS_MISSING": "run the backfill again in a minute; if it stays, ask the broker",
    "FILL_DIFFERS": "a row was written or changed by hand: delete it, then run the backfill again",
    "GRID_CLOSE": (
        "if it stays, read the broker's words in the message; "
        "python -m lib.grid stop ID --keep ends the grid without the close"
    ),
    "GRID_PAUSED": "its reason says why: settle that, then approve the grid again, or stop it",
    "GRID_UNCOVERED": "position_monitor compares the quantities, and pauses the grid if they differ for a minute",
    "GRID_UNREADABLE": "put its columns right in grid_strategy; the message names them",
    "CLOCK": "set this host's clock right, and keep it so: systemctl status systemd-timesyncd, or chronyc tracking",
    "ACCOUNT_STALE": (
        "read why its passes fail: keys, broker, or accounts before it that take all the time; "
        "stops at the broker stay where they are"
    ),
    "INCOMPLETE": "the next pass tries again; if it stays, read docs/operations.md and the log in var/log",
    "REDUCING": "mend the reason it gives, then python -m lib.control resume",
    "HALTED": "mend the reason it gives, then python -m lib.control resume; a file HALT has to be removed",
    "FROZEN": "mend the reason it gives, then python -m lib.control resume; until then no stop is placed",
    "MISSED": "is cron running, and this crontab installed? read the stage's log in var/log, or run the stage by hand",
    "UNDELIVERED": "look for lines that begin with alerts: in var/log/cron.log, and try the addresses in ALERT_URLS",
    "SKIPPED": "one pass holds the account for long: look for a stage that hangs",
}
"""By code. One that is not here gets the advice of INCOMPLETE."""
