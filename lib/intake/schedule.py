"""When order_executor takes what was approved, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lib import sessions
from lib.clock import show
from lib.domain.hours import Hours
from lib.domain.records import StageRun


def hours_around(now: datetime, *, always_open: bool) -> tuple[Hours, ...]:
    """Return the session that is on or the last one, and those that follow: by our table, the broker is not asked."""
    if always_open:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days = [midnight + timedelta(days=n) for n in range(2)]
        return tuple(Hours(open=day, close=day + timedelta(days=1)) for day in days)
    return tuple(Hours(open=s.open, close=s.close) for s in sessions.load().window(now, 2))


def next_claim(now: datetime, calendar: Sequence[Hours], runs: Sequence[StageRun], ids: Sequence[int]) -> str:
    """Say when decisions approved now become orders, and what to do when today's claim has been made."""
    window = next((hours for hours in calendar if hours.entry_close > now), None)
    which = str(ids[0]) if len(ids) == 1 else "ID"
    if window is None:
        return "order_executor takes approved decisions 15 minutes after the next open"
    if now < window.entry_open:
        return f"order_executor takes approved decisions at {show(window.entry_open)}"
    if any(run.complete and run.started_at >= window.entry_open for run in runs):
        return (
            "order_executor has taken this session's decisions already; to send one before "
            f"{show(window.entry_close)}: python order_executor.py --decision {which}"
        )
    return f"order_executor takes approved decisions at its next run, until {show(window.entry_close)}"
