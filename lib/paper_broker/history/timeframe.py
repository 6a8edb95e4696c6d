"""How long a bar is, and when bars begin: minutes and hours since midnight, days, weeks from Monday, calendar months.

Midnight is New York's for stocks and UTC's for coins. That days, weeks and months begin so can be seen in Alpaca's
answers; for bars of several minutes or hours there is no source but those of one hour, which begin on the hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

DAY = timedelta(days=1)


class Unit(StrEnum):
    """What a bar's length is counted in."""

    MINUTE = "Min"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


LENGTHS = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}
COUNTS: dict[Unit, frozenset[int]] = {
    Unit.MINUTE: frozenset(range(1, 60)),
    Unit.HOUR: frozenset(range(1, 24)),
    Unit.DAY: frozenset({1}),
    Unit.WEEK: frozenset({1}),
    Unit.MONTH: frozenset({1, 2, 3, 4, 6, 12}),
}
SHORT = {"T": Unit.MINUTE, "H": Unit.HOUR, "D": Unit.DAY, "W": Unit.WEEK, "M": Unit.MONTH}
SPELLED = r"([1-9][0-9]?)(Min|Hour|Day|Week|Month|T|H|D|W|M)"


@dataclass(frozen=True, slots=True)
class Timeframe:
    """The length of a bar."""

    count: int
    unit: Unit

    @property
    def length(self) -> timedelta | None:
        """Return how long a bar within a day is; None of bars that are made of whole days."""
        length = LENGTHS.get(self.unit)
        return length * self.count if length else None

    def first_day(self, day: date) -> date:
        """Return the first day of the bar that `day` belongs to."""
        if self.unit is Unit.WEEK:
            return day - timedelta(days=day.weekday())
        if self.unit is Unit.MONTH:
            return date(day.year, (day.month - 1) // self.count * self.count + 1, 1)
        return day

    def next_first_day(self, first: date) -> date:
        """Return the first day of the bar after the one that begins on `first`."""
        if self.unit is Unit.WEEK:
            return first + 7 * DAY
        if self.unit is Unit.MONTH:
            months = first.year * 12 + first.month - 1 + self.count
            return date(months // 12, months % 12 + 1, 1)
        return first + DAY


MINUTE_BARS = Timeframe(1, Unit.MINUTE)
DAY_BARS = Timeframe(1, Unit.DAY)


def read_timeframe(text: str) -> Timeframe | None:
    """Read `5Min`, `1H`, `3Month`; None of what is no timeframe of Alpaca's."""
    found = re.fullmatch(SPELLED, text)
    if found is None:
        return None
    count, name = int(found[1]), found[2]
    unit = SHORT.get(name) or Unit(name)
    return Timeframe(count, unit) if count in COUNTS[unit] else None
