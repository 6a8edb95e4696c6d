"""Session hours as a plan needs them: what is open, and when entries may be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ENTRY_DELAY = timedelta(minutes=15)
ENTRY_CUTOFF = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One regular session, in UTC."""

    open: datetime
    close: datetime

    @property
    def entry_open(self) -> datetime:
        """When the first entries of the session may be sent: the open's noise is left to others."""
        return self.open + ENTRY_DELAY

    @property
    def entry_close(self) -> datetime:
        """When the last entries of the session may be sent."""
        return self.close - ENTRY_CUTOFF


def current(calendar: Sequence[Hours], now: datetime) -> Hours | None:
    """Return the session that is on, if one is."""
    return next((hours for hours in calendar if hours.open <= now < hours.close), None)


def first_window_close(calendar: Sequence[Hours], after: datetime) -> datetime | None:
    """Return when the first entry window that begins at or after `after` closes.

    A decision approved inside a window may be sent in that one, but its own is the next: the claim of the one
    that is on may be over.
    """
    return next((hours.entry_close for hours in calendar if hours.entry_open >= after), None)


def in_entry_window(hours: Hours | None, now: datetime) -> bool:
    """Say whether entries may be sent at `now`."""
    return hours is not None and hours.entry_open <= now <= hours.entry_close
