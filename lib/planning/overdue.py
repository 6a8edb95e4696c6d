"""An account that nobody looks after: order_monitor has not come to a clean end for longer than it may."""

from __future__ import annotations

from datetime import datetime

from lib.domain.facts import Problem


def overdue(account: str, *, last_clean: datetime, missed: datetime | None) -> tuple[Problem, ...]:
    """Return what a pass of any stage has to tell. `missed` is the tick at which a clean pass should have begun."""
    if missed is None:
        return ()
    message = (
        f"account {account}: order_monitor has not ended clean since {last_clean:%Y-%m-%d %H:%M} UTC, "
        f"and was due at {missed:%Y-%m-%d %H:%M} UTC"
    )
    return (Problem(code="ACCOUNT_STALE", message=message),)
