"""What every plan of a pass is given besides rows and snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lib.domain.hours import Hours, current
from lib.domain.limits import Limits
from lib.planning.skew import NONE, is_bearable


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The pass: its instant, its start, the sessions around it, the limits."""

    now: datetime
    pass_started_at: datetime
    calendar: tuple[Hours, ...] = ()
    calendar_agreed: bool = True  # broker's calendar and our own table name the same sessions
    clock_skew: timedelta = NONE  # how far our clock is ahead of the broker's, below zero if behind
    limits: Limits = field(default_factory=Limits)
    only_decision: int | None = None

    @property
    def session(self) -> Hours | None:
        """The session that is on, if one is."""
        return current(self.calendar, self.now)

    @property
    def time_is_sure(self) -> bool:
        """Whether calendar and clock are the broker's too: by others no entry is sent."""
        return self.calendar_agreed and is_bearable(self.clock_skew)
