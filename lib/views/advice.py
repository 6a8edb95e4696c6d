"""What to do about each problem: the words of docs/operations.md, where a person reads more."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "UNCOVERED": "if the next pass says it again, look at the account in the broker's app",
    "OUTCOME_UNKNOWN": ("nothing: it is looked up, and sent again under the same id only if the broker has none"),
    "OVERSOLD": "buy the excess back in the broker's app",
    "POSITION_ABSENT": (
        "nothing: position_monitor looks twice, then closes the trade at the price of the broker's fill"
    ),
    "UNEXPLAINED": (
        "find out what moved the shares; a vanished position is closed at its last known price after 15 minutes"
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
    "CLOSED_WITH_SHARES": "a status was changed by hand: put it back from event",
    "INCOMPLETE": "the next pass tries again; if it stays, read docs/operations.md and the log in var/log",
    "REDUCING": "mend the reason it gives, then python -m lib.control resume",
    "HALTED": "mend the reason it gives, then python -m lib.control resume; a file HALT has to be removed",
    "FROZEN": "mend the reason it gives, then python -m lib.control resume; until then no stop is placed",
    "MISSED": "is cron running, and this crontab installed? read the stage's log in var/log, or run the stage by hand",
    "SKIPPED": "one pass holds the account for long: look for a stage that hangs",
}
"""By code. One that is not here gets the advice of INCOMPLETE."""
