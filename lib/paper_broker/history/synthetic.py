"""Made-up prices that go on where the recorded ones end, for any minute and without walking to it.

The change since the last recorded close is a sum of octaves of noise. The octave of scale 2^k minutes is drawn by
hashing at each multiple of 2^k and is linear in between; its height grows with the square root of its scale, as a
random walk's would. A day moves the price by one to two per cent; the slowest octave is three months long, so in all
the price stays between about half and twice where it began.

Prices are made in the sessions of the asset, at every minute of the day for a coin; stocks' extended hours have none.
They are made by the hour or so, since neighbours share most of their noise.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from math import isqrt
from struct import pack, unpack
from typing import TYPE_CHECKING

from lib.paper_broker.exchange import chance
from lib.paper_broker.exchange.hours import CalendarEnded
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
MIDDLE = sum(AMPLITUDES) * HALF
BLOCK = 64
"""Minutes whose prices are made together; a power of two, as the scales of the octaves are.

Their noise is computed side by side in one whole number, of which each has a lane: one by one takes much longer.
"""
LANE_BYTES = 8
LANE = 8 * LANE_BYTES
ONES = {length: sum(1 << LANE * lane for lane in range(length)) for length in (1 << bits for bits in range(7))}
RAMPS = {length: sum(lane << LANE * lane for lane in range(length)) for length in ONES}
LANES = (1 << LANE * BLOCK) - 1
FLOORS = [ONES[BLOCK] * ((1 << LANE - octave) - 1) for octave in range(OCTAVES)]
DRAWS_KEPT = 1024
BLOCKS_KEPT = 1024


class Synthetic:
    """The made-up prices of one symbol."""

    def __init__(self, symbol: str, seed: int, hours: Hours, *, anchor: datetime, close: Decimal) -> None:
        self._symbol = symbol
        self._key = f"{seed}|{symbol}"
        self._hours = hours
        self._anchor = anchor
        self._millionth = close / MILLION
        self._draws = lru_cache(maxsize=DRAWS_KEPT)(self._hash)
        self._prices = lru_cache(maxsize=BLOCKS_KEPT)(self._block)
        start = _minute(anchor)
        self._start = self._noise(start // BLOCK)[start % BLOCK]

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
            session = self._hours.at(at)
            if session:
                last = min(_minute(session.close) - 1, _minute(until))
                for price in self._prices_between(_minute(at), last):
                    yield at, price
                    at += MINUTE
            else:
                try:
                    at = max(self._hours.next_after(at).open, at + MINUTE)
                except CalendarEnded:
                    return

    def _price(self, minute: int) -> Decimal:
        return self._prices(minute // BLOCK)[minute % BLOCK]

    def _prices_between(self, first: int, last: int) -> Iterator[Decimal]:
        for block in range(first // BLOCK, last // BLOCK + 1):
            prices = self._prices(block)
            yield from prices[max(first - block * BLOCK, 0) : last - block * BLOCK + 1]

    def _block(self, block: int) -> list[Decimal]:
        """Return the prices of the minutes of a block."""
        return [self._priced(noise - self._start) for noise in self._noise(block)]

    def _priced(self, change: int) -> Decimal:
        price = self._millionth * (MILLION + change)
        tick = quote_tick(self._symbol, price)
        return max(price.quantize(tick, ROUND_DOWN), tick)

    def _noise(self, block: int) -> list[int]:
        """Return the sums of the octaves at the minutes of a block, in millionths."""
        first = block * BLOCK
        total = sum(self._octave(octave, first) for octave in range(OCTAVES))
        lanes = unpack(f"<{BLOCK}Q", total.to_bytes(BLOCK * LANE_BYTES, "little"))
        return [(lane - MIDDLE) // HALF for lane in lanes]

    def _octave(self, octave: int, first: int) -> int:
        """Return what an octave adds at the minutes of a block, each in its lane, above zero still."""
        scale = 1 << octave
        length, begin = min(scale, BLOCK), first % scale
        draws = self._draws(octave, first // scale, BLOCK // length + 1)
        before, after = draws & LANES, draws >> LANE * length
        start = before * (scale - begin) + after * begin
        return AMPLITUDES[octave] * (start * ONES[length] + (after - before) * RAMPS[length] >> octave & FLOORS[octave])

    def _hash(self, octave: int, first: int, count: int) -> int:
        """Return an octave's numbers from the `first` one on, each as many lanes after the other as it is long."""
        draws = chance.below_each(1 << HASH_BITS, range(first, first + count), "synthetic", self._key, octave)
        gap = LANE_BYTES * (min(1 << octave, BLOCK) - 1)
        return int.from_bytes(pack("<" + f"Q{gap}x" * count, *draws), "little")


def _minute(at: datetime) -> int:
    return (at - EPOCH) // MINUTE
