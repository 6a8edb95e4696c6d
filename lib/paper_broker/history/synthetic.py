"""Made-up prices that go on where the recorded ones end, for any minute and without walking to it.

The change since the last recorded close is a sum of octaves of noise. The octave of scale 2^k minutes is drawn by
hashing at each multiple of 2^k and is linear in between; its height grows with the square root of its scale, as a
random walk's would. A day moves the price by one to two per cent; the slowest octave is three months long, so in all
the price stays between about half and twice where it began.

Prices are made in the sessions of the asset, at every minute of the day for a coin; stocks' extended hours have none.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isqrt
from typing import TYPE_CHECKING

from lib.paper_broker.exchange import chance
from lib.paper_broker.exchange.market import quote_tick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.paper_broker.exchange.hours import Hours

MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OCTAVES = 18
HEIGHT = 200
"""Height of the finest octave, in millionths of the price."""
MILLION = 1_000_000
HASH_BITS = 32
HALF = 1 << (HASH_BITS - 1)
AMPLITUDES = tuple(isqrt(HEIGHT * HEIGHT << octave) for octave in range(OCTAVES))
DRAWS_KEPT = 65536
PRICES_KEPT = 65536


class Synthetic:
    """The made-up prices of one symbol."""

    def __init__(self, symbol: str, seed: int, hours: Hours, *, anchor: datetime, close: Decimal) -> None:
        self._symbol = symbol
        self._key = f"{seed}|{symbol}"
        self._hours = hours
        self._anchor = anchor
        self._close = close
        self._draw = lru_cache(maxsize=DRAWS_KEPT)(self._hash)
        self._price = lru_cache(maxsize=PRICES_KEPT)(self._price_at)
        self._start = self._noise(_minute(anchor))

    def minute(self, at: datetime) -> datetime:
        """Return the last minute up to `at` at which a price was made."""
        session = self._hours.at(at)
        if session is not None:
            return max(at.replace(second=0, microsecond=0), self._anchor)
        close = self._hours.last_close(at) or at
        return max(close - MINUTE, self._anchor)

    def price(self, at: datetime) -> Decimal:
        """Return the price at `at`, on a tick and above zero."""
        return self._price(_minute(self.minute(at)))

    def steps(self, after: datetime, until: datetime) -> Iterator[tuple[datetime, Decimal]]:
        """Go through the minutes of the sessions after `after` and up to `until`."""
        at = after.replace(second=0, microsecond=0) + MINUTE
        while at <= until:
            if self._hours.at(at):
                yield at, self._price(_minute(at))
                at += MINUTE
            else:
                at = max(self._hours.next_after(at).open, at + MINUTE)

    def _price_at(self, minute: int) -> Decimal:
        change = self._noise(minute) - self._start
        price = self._close * (MILLION + change) / MILLION
        tick = quote_tick(self._symbol, price)
        return max(price // tick * tick, tick)

    def _noise(self, minute: int) -> int:
        """Return the sum of the octaves, in millionths."""
        return sum(self._octave(octave, minute) for octave in range(OCTAVES)) // HALF

    def _octave(self, octave: int, minute: int) -> int:
        place, between = minute >> octave, minute & ((1 << octave) - 1)
        before = self._draw(octave, place)
        change = (self._draw(octave, place + 1) - before) * between >> octave
        return AMPLITUDES[octave] * (before + change)

    def _hash(self, octave: int, place: int) -> int:
        return chance.below(1 << HASH_BITS, "synthetic", self._key, octave, place) - HALF


def _minute(at: datetime) -> int:
    return (at - EPOCH) // MINUTE
