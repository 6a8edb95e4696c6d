"""What a person reads of a grid, for S1 at its last row."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from lib.planning.grid.ledger import ledger
from lib.planning.grid.numbers import numbers
from tests.grids import catalogue
from tests.grids.exchange import OPENED
from tests.grids.test_ledger import fills

D = Decimal
GRID = catalogue.S1.grid
TOLD = fills(
    "initial - 10 100",
    "entry 1 5 90",
    "entry 0 5 80",
    "exit 0 5 90",
    "exit 1 5 100",
    "exit 2 5 110",
    "exit 3 5 120",
    "entry 3 5 110",
    "entry 2 5 100",
)
BOOK = ledger(GRID, TOLD)


def read(**changes):
    given = {"price": D(100), "started_at": OPENED, "now": OPENED + timedelta(days=2)}
    return numbers(GRID, BOOK, **{**given, **changes})


def test_the_total_is_the_sum_of_its_three_parts_and_the_change_of_equity():
    told = read()
    assert (told.matched, told.initial, told.unrealised, told.fees) == (100, 150, -50, 0)
    assert told.total == 200
    assert told.equity == 2200
    assert (told.cash, told.inventory, told.arbitrages) == (1200, 10, 2)


def test_yearly_rates_are_told_once_the_grid_has_run_for_a_day():
    """100 and 200 of 2000 in two days: 5 and 10 per cent, times 182.5."""
    assert (read().grid_apr, read().total_apr) == (D("912.5"), 1825)
    young = read(now=OPENED + timedelta(hours=23, minutes=59))
    assert (young.grid_apr, young.total_apr) == (None, None)
    assert read(started_at=None).grid_apr is None
    assert read(now=OPENED + timedelta(days=1)).grid_apr == 1825


def test_arbitrages_of_the_last_day_are_those_closed_in_it():
    """The exits of the two round trips were three and four seconds after the start."""
    assert read().arbitrages_24h == 0
    assert read(now=OPENED + timedelta(days=1, seconds=3, milliseconds=500)).arbitrages_24h == 1
    assert read(now=OPENED + timedelta(days=1)).arbitrages_24h == 2


def test_orders_the_hole_the_range_and_the_drift_are_told():
    told = read(open_sides=["buy", "buy", "sell"], position=D(9))
    assert (told.open_buys, told.open_sells, told.hole, told.drift) == (2, 1, 2, -1)
    assert [read(price=D(price)).in_range for price in ("79.99", "80", "120", "120.01")] == [False, True, True, False]
    assert (round(told.profit_min, 6), told.profit_max) == (D("9.090909"), D("12.5"))


def test_without_a_price_what_needs_one_is_not_told():
    told = read(price=None)
    assert (told.unrealised, told.total, told.equity, told.total_apr, told.in_range, told.drift) == (None,) * 6
    assert (told.matched, told.grid_apr) == (100, D("912.5"))


def test_the_identity_is_exact_with_fees_that_do_not_divide():
    book = ledger(GRID, [replace(each, fee_quote=D("0.01") * number) for number, each in enumerate(TOLD, 1)])
    told = numbers(GRID, book, price=D("101.37"), started_at=OPENED, now=OPENED)
    assert told.total == told.equity - GRID.capital
    assert told.fees == D("0.45")
