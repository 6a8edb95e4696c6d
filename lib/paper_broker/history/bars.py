"""Bars in a CSV file, read when they are needed: the file stays text, its days are found by their timestamps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from lib.domain.money import ZERO, D, NotMoney, tick_size
from lib.paper_broker.exchange.assets import COIN_STEP, canonical

if TYPE_CHECKING:
    from pathlib import Path

    from lib.sessions import Session

HEADER = "timestamp,open,high,low,close"
DAY = timedelta(days=1)
SHORT_DAY = timedelta(hours=23)  # where days begin at midnight of a city, one a year is
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
NAMED_LENGTH = re.compile(r"([1-9]\d?)(Min|Hour|Day)")
UNITS = {"Min": timedelta(minutes=1), "Hour": timedelta(hours=1), "Day": DAY}


class PricesError(ValueError):
    """A price file that cannot be used; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, its prices on ticks; volume in shares or coins, zero when the file does not tell."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO


Row = tuple[int, datetime, str]


class Bars:
    """The bars of one file, by day."""

    def __init__(self, file: Path, columns: list[str], length: timedelta, days: dict[date, list[Row]]) -> None:
        self.length = length
        self._file = file
        self._columns = columns
        self._days = days
        # A coin's file is known by its name, and its prices may be as fine as Alpaca takes them.
        self._on_step = _on_coin_step if "/" in symbol_of(file) else _on_tick

    def days(self) -> list[date]:
        """Return the days that have bars, by UTC date, which in a regular session is New York's too."""
        return list(self._days)

    def end(self) -> datetime:
        """Return when the last bar ends."""
        return next(reversed(self._days.values()))[-1][1] + self.length

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
        cells = rest.split(",")
        try:
            opened, high, low, closed = (D(value.strip()) for value in cells[:4])
            volume = self._volume(cells)
        except (NotMoney, ValueError) as error:
            raise self._wrong(line, str(error)) from None
        if not 0 < low <= min(opened, closed) <= max(opened, closed) <= high:
            raise self._wrong(line, "open and close must lie between low and high, all above zero")
        if volume < 0:
            raise self._wrong(line, "a volume below zero")
        step = self._on_step
        return Bar(at, step(opened), step(high), step(low), step(closed), volume)

    def _volume(self, cells: list[str]) -> Decimal:
        told = self._columns[5:6] == ["volume"] and len(cells) >= 5
        return D(cells[4].strip()) if told and cells[4].strip() else ZERO

    def _wrong(self, line: int, message: str) -> PricesError:
        return PricesError(f"{self._file}:{line}: {message}")


def symbol_of(file: Path) -> str:
    """Return the symbol whose prices a file has: AAPL of AAPL-1Min-2014.csv, BTC/USD of BTCUSD.csv."""
    return canonical(file.stem.split("-", 1)[0])


def read_bars(file: Path, lines_max: int | None = None) -> Bars:
    """Read a file's timestamps, or those of its first lines; its prices are read day by day."""
    with file.open(encoding="utf-8-sig") as text:
        columns = text.readline().replace(" ", "").strip().lower().split(",")
        lines = list(islice(text, lines_max))
    if columns[:5] != HEADER.split(","):
        raise PricesError(f"{file}:1: expected a header that begins with {HEADER}")
    days: dict[date, list[Row]] = {}
    gap, before, rows = DAY, LONG_AGO, list[Row]()
    for line, row in enumerate(lines, start=2):
        stamp, _, rest = row.partition(",")
        if not stamp.strip():
            continue
        at = _instant(file, line, stamp)
        if at <= before:
            raise PricesError(f"{file}:{line}: timestamps must rise")
        gap = min(gap, at - before)
        if not rows or at.date() != before.date():
            rows = days.setdefault(at.date(), [])
        rows.append((line, at, rest))
        before = at
    return Bars(file, columns, _length(file, DAY if gap >= SHORT_DAY else gap), days)


def _length(file: Path, gap: timedelta) -> timedelta:
    """Return how long a file's bars are: as its name says, else as the smallest gap between two of them."""
    named = NAMED_LENGTH.fullmatch("".join(file.stem.split("-", 2)[1:2]))
    length = int(named[1]) * UNITS[named[2]] if named else gap
    if length > gap:
        raise PricesError(f"{file}: the bars are closer together than its name says")
    return length


def _instant(file: Path, line: int, stamp: str) -> datetime:
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        message = f"{file}:{line}: {stamp!r} is no timestamp"
        raise PricesError(message) from None
    if at.tzinfo is UTC:
        return at
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _on_tick(price: Decimal) -> Decimal:
    # Adjusted prices have more decimals than trade.
    tick = tick_size(price)
    return max((price / tick).to_integral_value() * tick, tick)


def _on_coin_step(price: Decimal) -> Decimal:
    return max(price if price % COIN_STEP == 0 else price.quantize(COIN_STEP), COIN_STEP)
