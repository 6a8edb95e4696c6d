"""Bars in a CSV file, read when they are needed: the file stays text, its days are found by their timestamps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import D, NotMoney, tick_size

if TYPE_CHECKING:
    from pathlib import Path

    from lib.sessions import Session

HEADER = "timestamp,open,high,low,close"
DAY = timedelta(days=1)


class PricesError(ValueError):
    """A price file that cannot be used; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, its prices on ticks."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Bars:
    """The bars of one file, by day."""

    def __init__(self, file: Path, length: timedelta, days: dict[date, list[tuple[int, datetime, str]]]) -> None:
        self.length = length
        self._file = file
        self._days = days

    def days(self) -> list[date]:
        """Return the days that have bars, by UTC date, which in a regular session is New York's too."""
        return list(self._days)

    def of(self, day: date) -> list[Bar]:
        """Return the bars of a day, in order."""
        return [self._bar(*row) for row in self._days[day]]

    def trade_in(self, session: Session) -> bool:
        """Say whether a bar of the session's day is at least partly in the session."""
        if self.length >= DAY:
            return True
        rows = self._days[session.date]
        return any(at < session.close and at + self.length > session.open for _, at, _ in rows)

    def _bar(self, line: int, at: datetime, rest: str) -> Bar:
        try:
            opened, high, low, closed = (D(value.strip()) for value in rest.split(",")[:4])
        except (NotMoney, ValueError) as error:
            raise self._wrong(line, str(error)) from None
        if not 0 < low <= min(opened, closed) <= max(opened, closed) <= high:
            raise self._wrong(line, "open and close must lie between low and high, all above zero")
        return Bar(at, _on_tick(opened), _on_tick(high), _on_tick(low), _on_tick(closed))

    def _wrong(self, line: int, message: str) -> PricesError:
        return PricesError(f"{self._file}:{line}: {message}")


def read_bars(file: Path) -> Bars:
    """Read a file's timestamps; its prices are read day by day."""
    header, *lines = file.read_text(encoding="utf-8-sig").splitlines() or [""]
    if not header.replace(" ", "").lower().startswith(HEADER):
        message = f"{file}:1: expected a header that begins with {HEADER}"
        raise PricesError(message)
    days: dict[date, list[tuple[int, datetime, str]]] = {}
    length, before = DAY, None
    for line, text in enumerate(lines, start=2):
        stamp, _, rest = text.partition(",")
        if not stamp:
            continue
        at = _instant(file, line, stamp)
        if before is not None and at <= before:
            message = f"{file}:{line}: timestamps must rise"
            raise PricesError(message)
        length = min(length, at - before) if before else length
        days.setdefault(at.date(), []).append((line, at, rest))
        before = at
    return Bars(file, length, days)


def _instant(file: Path, line: int, stamp: str) -> datetime:
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        message = f"{file}:{line}: {stamp!r} is no timestamp"
        raise PricesError(message) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _on_tick(price: Decimal) -> Decimal:
    # Adjusted prices have more decimals than trade.
    tick = tick_size(price)
    return max((price / tick).to_integral_value() * tick, tick)
