"""The mark that a restore leaves on an account: a control row that says since when its rows know nothing.

No pass works an account that carries it. Between a restore and its backfill a decision that was carried out looks
as if it were not, and a sale of ours as if it were somebody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lib.domain.records import Control
from lib.domain.states import ControlState

WORD = "RESTORED"
EXPECTED_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is restored begins to be old on `since`, in New York; `before` and `reason` were in force until then."""

    since: date
    before: str = ControlState.ACTIVE
    reason: str | None = None

    def text(self) -> str:
        """Write it as the reason of its control row."""
        return f"{WORD} {self.since} {self.before}: {self.reason or self._todo}"

    @property
    def _todo(self) -> str:
        return f"python order_monitor.py --backfill --since {self.since}"

    def advice(self, account: str) -> str:
        """Say what a person has to do."""
        return (
            f"account {account} was restored from a backup of {self.since} and does not know yet what happened since; "
            f"nothing was sent: run `.venv/bin/python order_monitor.py --backfill --since {self.since} "
            f"--account {account}`"
        )


def mark_in(control: Control) -> Mark | None:
    """Read the mark of a control row; None if it carries none."""
    head, _, reason = (control.reason or "").partition(":")
    words = head.split()
    if control.state != ControlState.FROZEN or len(words) != EXPECTED_WORDS or words[0] != WORD:
        return None
    try:
        since = date.fromisoformat(words[1])
    except ValueError:
        return None
    mark = Mark(since=since, before=words[2], reason=reason.strip())
    return mark if mark.text() != Mark(since=since, before=words[2]).text() else Mark(since=since, before=words[2])


def marked(controls: Sequence[Control], account: str) -> tuple[Control, Mark] | None:
    """Return the row that marks an account as restored, and what it says; None if there is none."""
    for control in controls:
        mark = mark_in(control) if control.scope == f"account:{account}" else None
        if mark is not None:
            return control, mark
    return None
