"""python -m lib.paper_broker fetch-bars: download bars from Alpaca into price files.

One file a symbol and timeframe. A run asks for the trading days that the file lacks, and once more for the last day
before a gap, since that may have been read before it was over. What it has got of a stretch of days is written at once
and as a whole, so that a run that was broken off can be started again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.assets import canonical
from lib.paper_broker.exchange.hours import NEW_YORK
from lib.paper_broker.fetching.download import DATA_URL, BarSource, KeysRefused, NotServed, Unreachable, is_safe
from lib.paper_broker.fetching.price_file import PriceFile, stamp
from lib.paper_broker.fetching.progress import progress_of
from lib.paper_broker.history.bars import PricesError, symbol_of
from lib.sessions import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from lib.paper_broker.fetching.progress import Progress
    from lib.paper_broker.history.bars import Bar

    Span = tuple[date, date]

EXIT_PARTLY = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
DAYS_AT_ONCE = {"1Min": 31, "1Hour": 366, "1Day": 3660}
AROUND = timedelta(days=10)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SYMBOL = re.compile(r"[A-Z0-9]+(\.[A-Z]+)?(/[A-Z]+)?")
KEY = re.compile(r"[!-~]+")
KEY_NAMES = ("ALPACA_API_KEY", "ALPACA_SECRET_KEY")

DESCRIPTION = """\
Download bars from Alpaca, with your own keys, into the files that the paper broker takes its prices from.

The keys are read from the environment, ALPACA_API_KEY and ALPACA_SECRET_KEY; coins need none. This command reads no
.env file; to use one:  set -a; . ./.env; set +a
ALPACA_DATA_URL stands in for https://data.alpaca.markets."""

EPILOG = """\
Each symbol has one file, DIR/AAPL-1Min.csv or DIR/BTCUSD-1Min.csv. Run again, it asks for the days that are missing and
for the newest one once more; a bar that Alpaca has changed meanwhile replaces the old one and is counted as changed.
Days are New York's for stocks, and UTC's for coins. Keep prices of one --adjustment and one --feed in a directory:
the paper broker wants them raw, as they were paid.

Exit code: 0 done, 1 not reached or fetched in part, 2 wrong usage, or keys that are missing or refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one symbol: what its file holds now, and what this run has done."""

    symbol: str
    timeframe: str
    file: str
    bars: int = 0
    first: str | None = None
    last: str | None = None
    new: int = 0
    changed: int = 0
    left_out: int = 0
    error: str | None = None

    def line(self) -> str:
        """Return it in one line."""
        if not self.bars:
            return f"{self.symbol:8} {self.timeframe:5} no bars: {self.error or 'none came'}"
        counts = f"{self.bars} bars, {self.new} new, {self.changed} changed"
        counts += f", {self.left_out} left out" if self.left_out else ""
        trouble = f"  failed: {self.error}" if self.error else ""
        return f"{self.symbol:8} {self.timeframe:5} {counts}, {self.first} to {self.last}  {self.file}{trouble}"


def fetch_bars(arguments: Sequence[str]) -> int:
    """Read the command line, download, tell what came of it."""
    parser = _parser()
    wanted = parser.parse_args(arguments)
    if wanted.start > wanted.end:
        parser.error("--start must not be after --end")
    try:
        source = _source(wanted)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USAGE
    fetches, code = [_Fetch(source, symbol, wanted) for symbol in wanted.symbols], 0
    try:
        with closing(source), progress_of(len(fetches)) as progress:
            for fetch in fetches:
                fetch.run(progress)
    except (KeysRefused, Unreachable, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        code = EXIT_USAGE if isinstance(error, KeysRefused) else EXIT_PARTLY
    except KeyboardInterrupt:  # how a person stops it; what was written stays
        code = EXIT_INTERRUPTED
    outcomes = [fetch.outcome() for fetch in fetches]
    if wanted.json:
        sys.stdout.write(json.dumps([asdict(outcome) for outcome in outcomes], indent=2) + "\n")
    else:
        sys.stdout.writelines(outcome.line() + "\n" for outcome in outcomes)
    return code or (EXIT_PARTLY if any(outcome.error or outcome.left_out for outcome in outcomes) else 0)


class _Fetch:
    """One symbol on its way into its file."""

    def __init__(self, source: BarSource, symbol: str, wanted: argparse.Namespace) -> None:
        self._source = source
        self._wanted = wanted
        self._coin = "/" in symbol
        self._zone = UTC if self._coin else NEW_YORK
        self._path = wanted.prices / _file(symbol, wanted.timeframe)
        untouched = "not brought up to date"
        self._outcome = Outcome(symbol=symbol, timeframe=wanted.timeframe, file=str(self._path), error=untouched)

    def run(self, progress: Progress) -> None:
        """Bring the file up to date."""
        symbol, first, last = self._outcome.symbol, self._wanted.start, self._wanted.end
        try:
            file = PriceFile(self._path)
            days = _trading_days(first - AROUND, last + AROUND, coin=self._coin)
            stretches = missing(days, file.days(self._zone), (first, last), DAYS_AT_ONCE[self._wanted.timeframe])
            progress.begin(symbol, sum((until - since).days + 1 for since, until in stretches))
            for since, until in stretches:
                bars = self._take(file, since, until, progress)
                progress.advance(symbol, since, until, bars)
        except (NotServed, PricesError) as error:
            progress.say(f"{symbol}: {error}")
            self._outcome = replace(self._outcome, error=str(error))
        else:
            self._outcome = replace(self._outcome, error=None if len(file) else f"none from {first} to {last}")

    def outcome(self) -> Outcome:
        """Tell what the file holds and what was done, whether or not its turn came."""
        try:
            file = PriceFile(self._path)
        except PricesError as wrong:
            return replace(self._outcome, error=str(wrong))
        first, last = map(stamp, file.ends() or ()) if len(file) else (None, None)
        return replace(self._outcome, bars=len(file), first=first, last=last)

    def _take(self, file: PriceFile, since: date, until: date, progress: Progress) -> int:
        """Fetch the days from `since` to `until`, both included, and write them down."""
        begin = datetime.combine(since, time(), self._zone)
        end = datetime.combine(until + DAY, time(), self._zone) - SECOND
        bars = list(self._source.bars(self._outcome.symbol, self._wanted.timeframe, begin, end))
        sound = list(filter(_is_sound, bars))
        for bar in bars:
            if not _is_sound(bar):
                progress.say(f"{self._outcome.symbol}: left out a bar that contradicts itself, {stamp(bar.at)}")
        new, changed = file.take(sound)
        if new or changed:
            file.save()
        held = self._outcome
        self._outcome = replace(
            held,
            new=held.new + new,
            changed=held.changed + changed,
            left_out=held.left_out + len(bars) - len(sound),
        )
        return len(bars)


def _file(symbol: str, timeframe: str) -> Path:
    return Path(f"{symbol.replace('/', '')}-{timeframe}.csv")


def missing(days: Sequence[date], there: AbstractSet[date], asked: Span, at_once: int) -> list[Span]:
    """Return the days to ask for, in stretches of at most so many days.

    `days` are the trading days from well before those asked for to well after them. A day that is there is read again
    when the day after it is not, if either is asked for.
    """
    first, last = asked
    wanted = set()
    for day, following in pairwise(days):
        if day not in there:
            if first <= day <= last:
                wanted.add(day)
        elif following not in there and first <= following and day <= last:
            wanted.add(day)
    stretches: list[Span] = []
    following_of = dict(pairwise(days))
    for day in sorted(wanted):
        begin, end = stretches[-1] if stretches else (day, day)
        if stretches and following_of[end] == day and (day - begin).days < at_once:
            stretches[-1] = (begin, day)
        else:
            stretches.append((day, day))
    return stretches


def _trading_days(first: date, last: date, *, coin: bool) -> list[date]:
    if coin:
        return [first + number * DAY for number in range((last - first).days + 1)]
    return [session.date for session in load().between(first, last)]


def _is_sound(bar: Bar) -> bool:
    return 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high and bar.volume >= 0


def _source(wanted: argparse.Namespace) -> BarSource:
    """Return where bars come from; raises ValueError with a sentence for the user."""
    url = os.environ.get("ALPACA_DATA_URL") or DATA_URL
    if not is_safe(url):
        raise ValueError("ALPACA_DATA_URL must begin with https://; http:// is for addresses of this machine")
    keys = [os.environ.get(name, "").strip() for name in KEY_NAMES]
    wrong = [name for name, key in zip(KEY_NAMES, keys, strict=True) if key and not KEY.fullmatch(key)]
    if wrong:
        raise ValueError(f"{wrong[0]} does not look like a key")
    if any(keys) != all(keys) or (not any(keys) and any("/" not in symbol for symbol in wanted.symbols)):
        raise ValueError("ALPACA_API_KEY and ALPACA_SECRET_KEY must be in the environment")
    query = {"adjustment": wanted.adjustment} | ({"feed": wanted.feed} if wanted.feed else {})
    return BarSource(url, (keys[0], keys[1]) if all(keys) else None, query)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.paper_broker fetch-bars",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = "comma-separated, such as AAPL,MSFT,BTC/USD"
    parser.add_argument("--symbols", type=_symbols, required=True, metavar="LIST", help=names)
    parser.add_argument(
        "--timeframe", choices=tuple(DAYS_AT_ONCE), default="1Day", help="length of a bar (default: 1Day)"
    )
    parser.add_argument("--start", type=_day, required=True, metavar="DATE", help="first day, like 2024-01-02")
    parser.add_argument("--end", type=_day, required=True, metavar="DATE", help="last day, included")
    parser.add_argument("--prices", type=Path, required=True, metavar="DIR", help="directory of the price files")
    adjusted = "raw, split, dividend, spin-off, all, or several with commas (default: raw); stocks only"
    parser.add_argument("--adjustment", default="raw", metavar="KIND", help=adjusted)
    feed = "sip (all exchanges, Alpaca's default) or iex; a free plan has no sip prices of the last 15 minutes"
    parser.add_argument("--feed", choices=("sip", "iex"), help=feed)
    parser.add_argument("--json", action="store_true", help="tell what came of it as JSON")
    return parser


def _symbols(text: str) -> list[str]:
    names = [canonical(name.strip().upper()) for name in text.split(",") if name.strip()]
    wrong = [name for name in names if not SYMBOL.fullmatch(name) or symbol_of(_file(name, "1Day")) != name]
    if wrong or not names:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is no symbol" if wrong else "no symbols")
    return list(dict.fromkeys(names))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it like 2024-01-02") from None
