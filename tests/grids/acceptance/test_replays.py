"""Recorded minutes played through a grid: as many fills as the reference page has, and as much made of them.

The path inside a bar is O-H-L-C, or O-L-H-C where the bar rose; a level that is touched fills at its price, and one
look comes after every 1, 5 or 15 bars. The range is 2 % or 5 % to either side of the first open. The page rounds levels
that lie half way between two ticks up; here they go to the even one, so its range is set higher by next to nothing. Of
coins too it takes the fee in money.
"""

import csv
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.grids.acceptance.driver import LOOKS_APART, SECOND, played, structure
from tests.grids.catalogue import Scenario
from tests.grids.exchange import Exchange

D = Decimal
DATA = Path(__file__).parents[4] / "shared" / "data"
NEW_YORK = ZoneInfo("America/New_York")
ROUNDED_UP = D("0.0000001")
CENT = D("0.01")
COINS = {"qty": "0.1", "fee_bps": "25", "increment": "0.1", "qty_min": "0.1"}

REPLAYS = {
    "SPY": ("SPY-1Min-2013-10-07_08.csv", "2013-10-07", "2013-10-08", "0.02", {"qty": "5"}),
    "AAPL": ("AAPL-1Min-2014-06-05_09.csv", "2014-06-05", "2014-06-05", "0.02", {"qty": "2"}),
    "BTC": ("BTCUSD-1Min-2018-04-05.csv", None, None, "0.05", COINS),
}
EXPECTED = {
    ("SPY", 1): (36, 12, "32.30", "0"),
    ("SPY", 5): (36, 12, "32.90", "0"),
    ("SPY", 15): (36, 12, "38.15", "0"),
    ("AAPL", 1): (28, 12, "30.98", "0"),
    ("AAPL", 5): (28, 12, "30.98", "0"),
    ("AAPL", 15): (24, 10, "31.50", "0"),
    ("BTC", 1): (80, 36, "0.80", "152.15"),
    ("BTC", 5): (80, 36, "0.80", "152.15"),
    ("BTC", 15): (74, 33, "7.55", "142.01"),
}
"""Section 6.3 of the page: fills, arbitrages, matched, fees."""


def bars(symbol):
    """Return each minute's path of four prices; of stocks those of the regular session."""
    name, first, last, _, _ = REPLAYS[symbol]
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not there")
    found = []
    with (DATA / name).open(newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["timestamp"]).astimezone(NEW_YORK)
            if first and not (first <= f"{at:%Y-%m-%d}" <= last and time(9, 30) <= at.time() < time(16)):
                continue
            o, h, low, c = (D(row[column]) for column in ("open", "high", "low", "close"))
            found.append((o, low, h, c) if c >= o else (o, h, low, c))
    return found


def scenario(symbol, start, *, step=ROUNDED_UP, **changes):
    share, named = D(REPLAYS[symbol][3]), REPLAYS[symbol][4]
    lower, upper = (str(start * (1 + sign * share) + step) for sign in (-1, 1))
    found = Scenario(name=symbol, lower=lower, upper=upper, levels=21, capital="1000000", start=str(start), **named)
    return replace(found, symbol=symbol, **changes)


@pytest.mark.slow
@pytest.mark.parametrize(("symbol", "every"), EXPECTED)
def test_recorded_minutes_fill_as_often_and_earn_as_much_as_on_the_page(symbol, every):
    paths = bars(symbol)
    exchange = Exchange(scenario(symbol, paths[0][0]).grid, paths[0][0])
    exchange.start()
    for number, path in enumerate(paths, 1):
        for price in path:
            exchange.move(price)
        if number % every == 0:
            exchange.look()
    book = exchange.ledger
    fills, arbitrages, matched, fees = EXPECTED[symbol, every]
    assert (len(exchange.fills), book.arbitrages) == (fills, arbitrages)
    assert (book.matched.quantize(CENT), book.fees.quantize(CENT)) == (D(matched), D(fees))


@pytest.mark.parametrize(
    ("symbol", "every"),
    [
        pytest.param("SPY", 15, marks=pytest.mark.slow),
        pytest.param("SPY", 5, marks=pytest.mark.prove),
        pytest.param("AAPL", 5, marks=pytest.mark.prove),
        pytest.param("AAPL", 15, marks=pytest.mark.prove),
    ],
)
def test_stages_and_broker_come_to_the_same_of_recorded_minutes_as_the_rules_alone(symbol, every, tmp_path):
    """With the range on whole cents, as a strategy's must be; one pass looks as often as it takes."""
    paths = bars(symbol)
    start = paths[0][0]
    told = scenario(symbol, start, step=D(0))
    told = replace(told, lower=str(D(told.lower).quantize(CENT)), upper=str(D(told.upper).quantize(CENT)))
    exchange = Exchange(told.grid, start)
    exchange.start()
    with played(tmp_path, told, begin=datetime(2013, 10, 7, 14, 0, tzinfo=UTC)) as play:
        play.start()
        for number, path in enumerate(paths, 1):
            for price in path:
                exchange.move(price)
                for stop in play.way(price):
                    play.world.clock.sleep(SECOND.total_seconds())
                    play.quote(stop)
            if number % every == 0:
                exchange.settle()
                play.look()
                play.world.clock.sleep(LOOKS_APART.total_seconds())
        book, alone = play.book, exchange.ledger
        assert structure(play) == []
        assert len(book.fills) - 1 == len(exchange.fills)  # the first order is none of the grid's levels
        assert (book.ledger.arbitrages, book.ledger.matched) == (alone.arbitrages, alone.matched)
        assert (book.ledger.cash, book.ledger.held) == (alone.cash, alone.held)
        assert (play.cash, play.position) == (alone.cash, alone.inventory)
