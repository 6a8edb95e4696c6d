"""What a life of trades is: prices, decisions, what people do, hours; as data.

Prices hold for a quarter of an hour and more between their steps, so that a pass made up for a few minutes
later meets the same market and must reach the same end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lib.domain.limits import Limits
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed

Steps = tuple[tuple[datetime, Decimal], ...]

A_FEW_LOOKS = timedelta(minutes=16)
"""As `watched`: four ticks of order_monitor and two of position_monitor, so that what went wrong is repaired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody outside the stages does at a moment: `verb` is a method of `World`, the rest its arguments."""

    at: datetime
    verb: str
    columns: Mapping[str, object] = field(default_factory=dict)
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """One story: where it starts and ends, what the market does, what was decided at the start, what people do later.

    `watched` is how long after each price step, act and opening every tick of cron is played; in the hours
    between, in which nothing can happen, none is. None plays all of them.
    """

    name: str
    start: datetime
    end: datetime
    prices: Mapping[str, Steps]
    decisions: tuple[Mapping[str, str], ...]
    acts: tuple[Act, ...] = ()
    beside: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    """Decisions of other accounts by their names; each is at a broker of its own with the same market and manners."""
    options: Options = field(default_factory=lambda: Options(partial_fill_rate=Decimal(0)))
    watched: timedelta | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def feed(self) -> ScriptedFeed:
        """The market of this story."""
        return ScriptedFeed(self.prices)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Name an instant of January 2024, in UTC; New York trades from 14:30 to 21:00."""
    return datetime(2024, 1, day, hour, minute, tzinfo=UTC)


def steps(*pairs: tuple[datetime, str]) -> Steps:
    """Write down a path: each price holds until the next."""
    return tuple((instant, Decimal(price)) for instant, price in pairs)
