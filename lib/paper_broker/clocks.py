"""The program's own clock: it stands still until it is told to move."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class RecordedClock:
    """Time as recorded prices have it; `POST /paper/clock` moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """Return the present."""
        return self._now

    def move_to(self, now: datetime) -> None:
        """Move forward; back is ignored."""
        self._now = max(self._now, now)
