"""Where prices come from: recorded bars, a seeded path inside each bar, and made-up prices after the last one.

A directory of CSV files, `timestamp,open,high,low,close,volume` in UTC; what a file's name has before its first "-" is
the symbol. A file's bars are as long as the smallest gap between its timestamps; where two files cover one day, the
finer one is used. Only what happens in a regular session trades.

Everything is a pure function of (seed, symbol, instant), so that any process asks in any order and gets one answer:

- A daily bar becomes a bridge, one price a minute of its session, from the open through the high and the low, at
  seeded minutes in seeded order, to the close.
- An hour or minute bar becomes four prices, evenly spaced over the part of it that is in the session: open, low and
  high in seeded order, close.
- After the last recorded session, if asked for, prices are synthetic (`synthetic.py`).

`assets.json` in the directory may say what is special about a symbol: `{"XYZ": {"tradable": false}}`.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from lib.paper_broker.bars import Bars, PricesError, read_bars
from lib.paper_broker.bridge import path_inside_bars, path_of_day
from lib.paper_broker.exchange.market import Feed, LabelledFeed
from lib.paper_broker.synthetic import Synthetic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from lib.paper_broker.exchange.hours import Hours
    from lib.sessions import Session

__all__ = ["Feed", "LabelledFeed", "PricesError", "RecordedFeed", "ScriptedFeed"]

ONE = Decimal(1)
MINUTE = timedelta(minutes=1)
DAY_LENGTH = timedelta(days=1)
PATHS_KEPT = 4096

Steps = tuple[tuple["datetime", ...], tuple[Decimal, ...]]


class ScriptedFeed:
    """Prices written out one by one, for tests: each holds until the next."""

    def __init__(self, prices: Mapping[str, Iterable[tuple[datetime, Decimal]]]) -> None:
        self._prices = {symbol: tuple(sorted(steps)) for symbol, steps in prices.items()}

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol it has prices of."""
        return tuple(sorted(self._prices))

    def price(self, symbol: str, at: datetime) -> Decimal | None:
        """Return the last price at `at`, None before the first."""
        place = self._after(symbol, at)
        return self._prices[symbol][place - 1][1] if place else None

    def quote_time(self, symbol: str, at: datetime) -> datetime | None:
        """Return when the price that holds at `at` was made."""
        place = self._after(symbol, at)
        return self._prices[symbol][place - 1][0] if place else None

    def steps(self, symbol: str, after: datetime, until: datetime) -> Iterable[tuple[datetime, Decimal]]:
        """Go through the prices after `after` and up to `until`."""
        return self._prices[symbol][self._after(symbol, after) : self._after(symbol, until)]

    def _after(self, symbol: str, at: datetime) -> int:
        return bisect_right(self._prices.get(symbol, ()), at, key=lambda step: step[0])


class RecordedFeed:
    """Recorded bars, and what follows from them."""

    def __init__(self, files: Sequence[Path], hours: Hours, seed: int, *, synthetic: bool) -> None:
        self._hours = hours
        self._seed = seed
        self._synthetic = synthetic
        self._files: dict[str, list[Path]] = {}
        for file in files:
            self._files.setdefault(file.stem.split("-", 1)[0], []).append(file)
        self._recorded: dict[str, _Recorded] = {}
        self._made_up: dict[str, Synthetic] = {}
        self._flags: dict[str, dict[str, object]] = {}
        self._path = lru_cache(maxsize=PATHS_KEPT)(self._find_path)

    @classmethod
    def of_directory(cls, directory: Path, hours: Hours, seed: int, *, synthetic: bool) -> RecordedFeed:
        """Read a directory of CSV files; each is opened when its symbol is first asked for."""
        files = sorted(directory.glob("*.csv"))
        if not files:
            message = f"{directory}: no CSV files with prices there"
            raise PricesError(message)
        feed = cls(files, hours, seed, synthetic=synthetic)
        special = directory / "assets.json"
        if special.exists():
            feed._flags = json.loads(special.read_text(encoding="utf-8"))
        return feed

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol it has prices of."""
        return tuple(sorted(self._files))

    def flags(self, symbol: str) -> Mapping[str, object]:
        """Return what differs about the asset from a plain tradable stock."""
        return self._flags.get(symbol, {})

    def is_synthetic(self, symbol: str, at: datetime) -> bool:
        """Say whether the price at `at` was made up."""
        return self._synthetic and symbol in self._files and at >= self._of(symbol).end

    def first_open(self) -> datetime | None:
        """Return the first opening of which every symbol has a price."""
        recorded = map(self._of, self._files)
        sessions = (next(filter(None, map(of.session, of.days)), None) for of in recorded)
        return max((session.open for session in sessions if session), default=None)

    def price(self, symbol: str, at: datetime) -> Decimal | None:
        """Return the last price at `at`, None before the first."""
        if symbol not in self._files:
            return None
        if self.is_synthetic(symbol, at):
            return self._synthetic_of(symbol).price(at)
        found = self._last_path(symbol, at)
        return found[0][1][found[1]] if found else None

    def quote_time(self, symbol: str, at: datetime) -> datetime | None:
        """Return when the quote that holds at `at` was made.

        While a session is on, a quote that stands is made anew each whole minute: bars that are an hour long, or a
        minute without a trade, do not make it old.
        """
        if symbol not in self._files:
            return None
        if self.is_synthetic(symbol, at):
            return self._synthetic_of(symbol).minute(at)
        found = self._last_path(symbol, at)
        if not found:
            return None
        made = found[0][0][found[1]]
        session = self._hours.at(at)
        if session and session.open <= made:
            return max(made, at.replace(second=0, microsecond=0))
        return made

    def steps(self, symbol: str, after: datetime, until: datetime) -> Iterator[tuple[datetime, Decimal]]:
        """Go through the prices after `after` and up to `until`, in order."""
        if symbol not in self._files:
            return
        recorded = self._of(symbol)
        for place in range(max(recorded.place(after), 0), recorded.place(until) + 1):
            instants, prices = self._path(symbol, place)
            first, last = bisect_right(instants, after), bisect_right(instants, until)
            yield from zip(instants[first:last], prices[first:last], strict=True)
        if self._synthetic and until >= recorded.end:
            yield from self._synthetic_of(symbol).steps(max(after, recorded.end - MINUTE), until)

    def _last_path(self, symbol: str, at: datetime) -> tuple[Steps, int] | None:
        place = self._of(symbol).place(at)
        while place >= 0:
            path = self._path(symbol, place)
            step = bisect_right(path[0], at) - 1
            if step >= 0:
                return path, step
            place -= 1
        return None

    def _find_path(self, symbol: str, place: int) -> Steps:
        """Return the instants and prices of one day, none when the exchange rested."""
        recorded = self._of(symbol)
        day = recorded.days[place]
        session = recorded.session(day)
        if session is None:
            return (), ()
        bars = recorded.bars[day]
        found = bars.of(day)
        key = (self._seed, symbol, session.date.isoformat())
        if bars.length >= DAY_LENGTH:
            return path_of_day(found[0], session, key)
        return path_inside_bars(found, bars.length, session, key)

    def _of(self, symbol: str) -> _Recorded:
        recorded = self._recorded.get(symbol)
        if recorded is None:
            recorded = self._recorded[symbol] = _Recorded(self._files[symbol], self._hours)
        return recorded

    def _synthetic_of(self, symbol: str) -> Synthetic:
        synthetic = self._made_up.get(symbol)
        if synthetic is None:
            end = self._of(symbol).end
            found = self._last_path(symbol, end)
            close = found[0][1][found[1]] if found else ONE
            synthetic = Synthetic(symbol, self._seed, self._hours, anchor=end, close=close)
            self._made_up[symbol] = synthetic
        return synthetic


class _Recorded:
    """The days of one symbol, and which file has the bars of each."""

    def __init__(self, files: Sequence[Path], hours: Hours) -> None:
        self._hours = hours
        self.bars: dict[date, Bars] = {}
        # The finest file last, so that it wins the days that two cover.
        for bars in sorted((read_bars(file) for file in files), key=lambda bars: bars.length, reverse=True):
            self.bars.update(dict.fromkeys(bars.days(), bars))
        self.days = sorted(self.bars)
        last = next(filter(None, map(self.session, reversed(self.days))), None)
        if last is None:
            raise PricesError(f"{files[0]}: no bars in a regular session")
        self.end = last.close

    def session(self, day: date) -> Session | None:
        """Return the session of a day if the day's bars are at least partly in it."""
        # Asked day by day: most processes need a few days of thousands.
        session = self._hours.sessions.on(day)
        return session if session and self.bars[day].trade_in(session) else None

    def place(self, at: datetime) -> int:
        """Return the place of the last day up to `at`, whose session may be still to come; -1 before the first."""
        return bisect_right(self.days, at.date()) - 1
