"""What happens inside a bar: seeded paths that never leave [low, high], touch both, start at open and end at close."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from hashlib import shake_256
from itertools import pairwise
from math import isqrt
from typing import TYPE_CHECKING

from lib.domain.money import tick_down, tick_size
from lib.paper_broker.exchange import chance

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lib.paper_broker.history.bars import Bar
    from lib.sessions import Session

MINUTE = timedelta(minutes=1)
STEPS_IN_BAR = 4
NOISE_MAX = 2**15
MINUTES_MIN = 4

Steps = tuple[tuple["datetime", ...], tuple["Decimal", ...]]
Part = tuple["Bar", "datetime", "datetime"]
"""A bar, and from when to when it trades."""


def path_of_day(bar: Bar, session: Session, key: tuple[object, ...], tick: Decimal | None = None) -> Steps:
    """Return one price a minute of the session: open, high and low at seeded minutes, close at the last.

    Prices lie on `tick`, or else on a stock's ticks.
    """
    count = (session.close - session.open) // MINUTE
    instants = tuple(session.open + minute * MINUTE for minute in range(count))
    if count < MINUTES_MIN:
        return instants, (bar.open, *(bar.close for _ in instants[1:]))
    step = tick or tick_size(bar.low)
    low, high = int(bar.low / step), int(bar.high / step)
    ticks = _bridge(_waypoints(bar, step, count, key), low, high, key)
    # Below a dollar a stock's ticks are finer: a price at or above it is brought back to whole cents.
    prices = (ticks_ * step for ticks_ in ticks)
    return instants, tuple(prices if tick or bar.low >= 1 else map(tick_down, prices))


def path_inside_bars(parts: Iterable[Part], key: tuple[object, ...]) -> Steps:
    """Return four prices a bar, evenly spaced over the part of it that trades."""
    instants: list[datetime] = []
    prices: list[Decimal] = []
    for bar, start, end in parts:
        low_first = chance.below(2, "bar", *key, bar.at.isoformat())
        between = (bar.low, bar.high) if low_first else (bar.high, bar.low)
        instants.extend(start + (end - start) * step / STEPS_IN_BAR for step in range(STEPS_IN_BAR))
        prices.extend((bar.open, *between, bar.close))
    return tuple(instants), tuple(prices)


def _waypoints(bar: Bar, tick: Decimal, count: int, key: tuple[object, ...]) -> list[tuple[int, int]]:
    """Return the minutes at which the price is known, in ticks."""
    first = 1 + chance.below(count - 2, "extreme", *key)
    second = 1 + chance.below(count - 3, "other extreme", *key)
    second += second >= first
    first, second = sorted((first, second))
    low_first = chance.below(2, "order", *key)
    earlier, later = (bar.low, bar.high) if low_first else (bar.high, bar.low)
    known = ((0, bar.open), (first, earlier), (second, later), (count - 1, bar.close))
    return [(minute, int(price / tick)) for minute, price in known]


def _bridge(waypoints: list[tuple[int, int]], low: int, high: int, key: tuple[object, ...]) -> list[int]:
    """Walk at random from each waypoint to the next, kept between low and high."""
    count = waypoints[-1][0] + 1
    noise = _noise(count, key)
    # A free walk of this pace covers about the bar's range in a day.
    pace, scale = high - low, NOISE_MAX * isqrt(count)
    path = [waypoints[0][1]]
    for (start, begin), (stop, end) in pairwise(waypoints):
        length = stop - start
        walk = [0]
        for minute in range(start, stop):
            walk.append(walk[-1] + noise[minute] * pace)
        for done in range(1, length):
            straight = begin * length + (end - begin) * done
            astray = walk[done] * length - walk[length] * done
            path.append(min(max((straight * scale + astray) // (scale * length), low), high))
        path.append(end)
    return path


def _noise(count: int, key: tuple[object, ...]) -> list[int]:
    """Return `count` numbers from -2^15 up to 2^15."""
    raw = shake_256("|".join(map(str, ("bridge", *key))).encode()).digest(2 * count)
    return [int.from_bytes(raw[2 * place : 2 * place + 2], "big") - NOISE_MAX for place in range(count)]
