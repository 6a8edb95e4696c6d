"""Where prices come from: recorded bars, a seeded path inside each bar, and made-up prices after the last one.

A directory of CSV files, `timestamp,open,high,low,close,volume` in UTC; what a file's name has before its first "-" is
the symbol, `BTCUSD` standing for the pair BTC/USD. A file's bars are as long as the next word of its name says
(`1Min`, `1Hour`, `1Day`), else as the smallest gap between its timestamps; where two files cover one day, the finer
one is used. Prices are taken as they were paid: a split is a jump, and what it does to orders and positions is the
exchange's business.

Everything is a pure function of (seed, symbol, instant), so that any process asks in any order and gets one answer:

- A daily bar becomes a bridge, one price a minute of its session, from the open through the high and the low, at
  seeded minutes in seeded order, to the close. A coin's takes the 24 hours that begin at its timestamp.
- An hour or minute bar becomes four prices, evenly spaced over the part of it that trades: open, low and high in
  seeded order, close. A bar that is partly in the regular session belongs to that alone; a bar of a stock outside it
  gives prices of the extended hours.
- After the last recorded session, if asked for, prices are synthetic (`synthetic.py`).

`assets.json` in the directory may say what is special about a symbol: `{"XYZ": {"tradable": false}}`. A symbol with
`{"DOGE/USD": {"synthetic_from": "0.08"}}` needs no file: all its prices are synthetic, and begin there.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from lib.domain.money import ONE, ZERO, D
from lib.paper_broker.exchange.assets import COIN_STEP, canonical
from lib.paper_broker.exchange.hours import INSTANT, Hours
from lib.paper_broker.exchange.market import Feed
from lib.paper_broker.history.bars import PricesError, symbol_of
from lib.paper_broker.history.recorded import Recorded, first_open, volume_until
from lib.paper_broker.history.synthetic import EPOCH, Synthetic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lib.paper_broker.history.bridge import Part, Steps

__all__ = ["Feed", "PricesError", "RecordedFeed", "ScriptedFeed"]

MINUTE = timedelta(minutes=1)
PATHS_KEPT = 4096


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

    def volume(self, symbol: str, start: datetime, end: datetime) -> Decimal:
        """Tell of no volume: prices alone are written out."""
        del symbol, start, end
        return ZERO

    def is_synthetic(self, symbol: str, at: datetime) -> bool:  # noqa: ARG002 - every feed is asked
        """Say that no price was made up: all were written down."""
        return False

    def flags(self, symbol: str) -> Mapping[str, object]:  # noqa: ARG002 - every feed is asked
        """Say that every asset is a plain one."""
        return {}

    def _after(self, symbol: str, at: datetime) -> int:
        return bisect_right(self._prices.get(symbol, ()), at, key=lambda step: step[0])


class RecordedFeed:
    """Recorded bars, and what follows from them."""

    def __init__(self, files: Sequence[Path], hours: Hours, seed: int, *, synthetic: bool) -> None:
        self._hours = hours
        # Bars were recorded in real sessions, however long one trades on them.
        self._real_hours = Hours(hours.sessions, always_open=False)
        self._seed = seed
        self._synthetic = synthetic
        self._files: dict[str, list[Path]] = {}
        for file in files:
            self._files.setdefault(symbol_of(file), []).append(file)
        self._recorded: dict[str, Recorded] = {}
        self._made_up: dict[str, Synthetic] = {}
        self._flags: dict[str, dict[str, object]] = {}
        self._made_up_from: dict[str, Decimal] = {}
        self._path = lru_cache(maxsize=PATHS_KEPT)(lambda symbol, place: self._of(symbol).path(symbol, place, seed))

    @classmethod
    def of_directory(cls, directory: Path, hours: Hours, seed: int, *, synthetic: bool) -> RecordedFeed:
        """Read a directory of CSV files; each is opened when its symbol is first asked for."""
        feed = cls(sorted(directory.glob("*.csv")), hours, seed, synthetic=synthetic)
        special = directory / "assets.json"
        if special.exists():
            feed._take_flags(special)
        if not feed.symbols():
            raise PricesError(f"{directory}: no CSV files with prices there")
        return feed

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol it has prices of, as orders name it."""
        return tuple(sorted({*self._files, *self._made_up_from}))

    def flags(self, symbol: str) -> Mapping[str, object]:
        """Return what differs about the asset from a plain tradable stock."""
        return self._flags.get(symbol, {})

    def is_synthetic(self, symbol: str, at: datetime) -> bool:
        """Say whether the price at `at` was made up."""
        if symbol not in self._files:
            return symbol in self._made_up_from
        return self._synthetic and at >= self._of(symbol).end

    def first_open(self) -> datetime | None:
        """Return the first opening of which every symbol has a price."""
        opens = (first_open(files, self._real_hours.of(symbol)) for symbol, files in self._files.items())
        return max(filter(None, opens), default=None)

    def price(self, symbol: str, at: datetime) -> Decimal | None:
        """Return the last price at `at`, None before the first."""
        if self.is_synthetic(symbol, at):
            return self._synthetic_of(symbol).price(at)
        found = self._last_path(symbol, at)
        return found[0][1][found[1]] if found else None

    def quote_time(self, symbol: str, at: datetime) -> datetime | None:
        """Return when the quote that holds at `at` was made.

        While a session is on, a quote that stands is made anew each whole minute: bars that are an hour long, or a
        minute without a trade, do not make it old.
        """
        if self.is_synthetic(symbol, at):
            return self._synthetic_of(symbol).minute(at)
        found = self._last_path(symbol, at)
        if not found:
            return None
        made = found[0][0][found[1]]
        since = self._hours.of(symbol).quotes_from(at, extended=True)
        if since and since <= made:
            return max(made, at.replace(second=0, microsecond=0))
        return made

    def steps(self, symbol: str, after: datetime, until: datetime) -> Iterator[tuple[datetime, Decimal]]:
        """Go through the prices after `after` and up to `until`, in order, those of extended hours among them."""
        end = EPOCH
        if symbol in self._files:
            recorded = self._of(symbol)
            end = recorded.end
            last = min(until, end - INSTANT) if self._synthetic else until
            for place in range(recorded.first_place(after), recorded.place(last) + 1):
                instants, prices = self._path(symbol, place)
                begin, stop = bisect_right(instants, after), bisect_right(instants, last)
                yield from zip(instants[begin:stop], prices[begin:stop], strict=True)
        if self.is_synthetic(symbol, until):
            yield from self._synthetic_of(symbol).steps(max(after, end - MINUTE), until)

    def volume(self, symbol: str, start: datetime, end: datetime) -> Decimal:
        """Return how many shares or coins traded from `start` to before `end`, as recorded; zero where made up.

        A bar's volume is spread evenly over the part of it that trades, so that minutes add up to their day.
        """
        if symbol not in self._files:
            return ZERO
        recorded = self._of(symbol)
        step = COIN_STEP if "/" in symbol else ONE
        places = range(recorded.first_place(start), recorded.place(end) + 1)
        days = map(recorded.parts, places)
        parts = (part for day in days for part in _overlapping(day, start, end))
        return sum((volume_until(part, end, step) - volume_until(part, start, step) for part in parts), ZERO)

    def _take_flags(self, file: Path) -> None:
        try:
            told = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
            self._flags = {canonical(symbol): dict(facts) for symbol, facts in told.items()}
            self._made_up_from = {
                symbol: D(str(facts["synthetic_from"]))
                for symbol, facts in self._flags.items()
                if "synthetic_from" in facts
            }
        except (ValueError, TypeError, AttributeError) as error:
            raise PricesError(f"{file}: {error}") from None
        wrong = [symbol for symbol, start in self._made_up_from.items() if start <= 0]
        if wrong:
            raise PricesError(f"{file}: synthetic_from of {wrong[0]} must be above 0")

    def _last_path(self, symbol: str, at: datetime) -> tuple[Steps, int] | None:
        if symbol not in self._files:
            return None
        place = self._of(symbol).place(at)
        while place >= 0:
            path = self._path(symbol, place)
            step = bisect_right(path[0], at) - 1
            if step >= 0:
                return path, step
            place -= 1
        return None

    def _of(self, symbol: str) -> Recorded:
        recorded = self._recorded.get(symbol)
        if recorded is None:
            recorded = self._recorded[symbol] = Recorded(self._files[symbol], self._real_hours.of(symbol))
        return recorded

    def _synthetic_of(self, symbol: str) -> Synthetic:
        synthetic = self._made_up.get(symbol)
        if synthetic is None:
            anchor, close = EPOCH, self._made_up_from.get(symbol, ONE)
            if symbol in self._files:
                anchor = self._of(symbol).end
                found = self._last_path(symbol, anchor - INSTANT)
                close = found[0][1][found[1]] if found else ONE
            synthetic = Synthetic(symbol, self._seed, self._hours.of(symbol), anchor=anchor, close=close)
            self._made_up[symbol] = synthetic
        return synthetic


def _overlapping(parts: Sequence[Part], start: datetime, end: datetime) -> Sequence[Part]:
    first = bisect_right(parts, start, key=lambda part: part[2])
    return parts[first : bisect_left(parts, end, key=lambda part: part[1])]
