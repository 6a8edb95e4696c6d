"""Levels, what a cell earns, and which cells a grid starts with."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from lib.domain.grids import GridKind, Spacing, Straddle
from lib.planning.grid.levels import (
    break_even_ratio,
    cells_held_at_start,
    collapsed,
    level,
    levels,
    profit_per_cell,
)
from tests.grids import catalogue, tables

D = Decimal
SHAPE = re.compile(r"(arith|geo) ([\d.]+)\.\.([\d.]+) n=(\d+)(?: tick ([\d.]+))?")
SPACINGS = {"arith": Spacing.ARITHMETIC, "geo": Spacing.GEOMETRIC}


def shaped(words, **changes):
    """Read `geo 80..120 n=5 tick .01`. The tables' ticks are given, so the symbol is one that has its own."""
    spacing, lower, upper, number, tick = SHAPE.match(words).groups()
    return replace(
        catalogue.S1.grid,
        symbol="BTC/USD",
        spacing=SPACINGS[spacing],
        lower=D(lower),
        upper=D(upper),
        levels=int(number),
        tick=D(tick or "0.01"),
        **changes,
    )


def grid(**changes):
    return replace(catalogue.S1.grid, **changes)


@pytest.mark.parametrize("row", tables.raw("L0"), ids=lambda row: row["case"])
def test_levels_are_those_of_the_table(row):
    made = shaped(row["case"])
    if "collapse" in row["levels"]:
        assert collapsed(made)
    else:
        assert levels(made) == tuple(D(price) for price in row["levels"].split())
        assert not collapsed(made)


@pytest.mark.parametrize("row", tables.raw("L1"), ids=lambda row: f"{row['capital']} at {row['price']}")
def test_the_cells_held_at_the_start_come_to_the_share_of_capital_that_the_table_tells(row):
    """A level at each whole dollar: the share of cells held is the share of capital."""
    many = grid(levels=41)
    for kind, column in ((GridKind.SPOT, "spot_initial_buy_$"), (GridKind.REVERSE, "reverse_initial_short_$")):
        held = cells_held_at_start(replace(many, kind=kind), D(row["price"]))
        assert D(row["capital"]) * len(held) / 40 == D(row[column])
    assert (min(max(D(row["price"]), D(80)), D(120)) - 80) / 40 == D(row["pos_in_range"])


@pytest.mark.parametrize("row", tables.raw("L2"), ids=lambda row: row["fee_bps"])
def test_the_break_even_ratio_is_that_of_the_table(row):
    ratio = break_even_ratio(D(row["fee_bps"]))
    assert round(ratio, 8) == D(row["ratio"])
    assert round((ratio - 1) * 100, 6) == D(row["min_step_%"])


@pytest.mark.parametrize("row", tables.raw("L3"), ids=lambda row: f"{row['grid']} {row['fee_per_side']}")
def test_the_profit_of_a_cell_is_that_of_the_table(row):
    worst, best = profit_per_cell(shaped(row["grid"], fee_bps=D(row["fee_per_side"]) * 10_000))
    assert (round(worst, 6), round(best, 6)) == (D(row["min_profit/grid_%"]), D(row["max_profit/grid_%"]))
    assert (worst <= 0) is row["verdict"].startswith("REJECT")


def test_levels_of_a_stock_keep_the_tick_of_their_own_price():
    """Below a dollar a stock has four decimals, from there on two: 0.9875, 0.995 and 1.0025 between the ends."""
    made = grid(lower=D("0.98"), upper=D("1.01"))
    assert levels(made) == (D("0.98"), D("0.9875"), D("0.995"), D("1.00"), D("1.01"))


def test_a_price_half_way_between_two_ticks_goes_to_the_even_one():
    """10.005 and 10.015 lie half way: 10.00 is even and so is 10.02."""
    made = grid(lower=D("10.00"), upper=D("10.02"), levels=5)
    assert levels(made) == (D("10.00"), D("10.00"), D("10.01"), D("10.02"), D("10.02"))
    assert collapsed(made)


def test_levels_run_on_beyond_the_range_when_the_grid_trails():
    assert levels(grid(shift=1)) == (90, 100, 110, 120, 130)
    assert levels(grid(shift=-2)) == (60, 70, 80, 90, 100)
    geometric = grid(lower=D(100), upper=D(400), levels=3, spacing=Spacing.GEOMETRIC)
    assert [level(geometric, number) for number in (-1, 0, 1, 2, 3)] == [50, 100, 200, 400, 800]


@pytest.mark.parametrize(
    ("kind", "straddle", "price", "held"),
    [
        (GridKind.SPOT, Straddle.FLAT, "104", [3]),
        (GridKind.SPOT, Straddle.HELD, "104", [2, 3]),
        (GridKind.SPOT, Straddle.NEAREST, "104", [2, 3]),
        (GridKind.SPOT, Straddle.NEAREST, "105", [3]),  # half way: flat
        (GridKind.SPOT, Straddle.NEAREST, "107", [3]),
        (GridKind.SPOT, Straddle.HELD, "100", [2, 3]),  # on a level nothing straddles
        (GridKind.SPOT, Straddle.HELD, "119.99", [3]),
        (GridKind.SPOT, Straddle.HELD, "80", [0, 1, 2, 3]),
        (GridKind.SPOT, Straddle.FLAT, "75", [0, 1, 2, 3]),
        (GridKind.SPOT, Straddle.HELD, "120", []),
        (GridKind.SPOT, Straddle.HELD, "130", []),
        (GridKind.REVERSE, Straddle.FLAT, "104", [0, 1]),
        (GridKind.REVERSE, Straddle.HELD, "104", [0, 1, 2]),
        (GridKind.REVERSE, Straddle.NEAREST, "104", [0, 1]),
        (GridKind.REVERSE, Straddle.NEAREST, "105", [0, 1]),
        (GridKind.REVERSE, Straddle.NEAREST, "107", [0, 1, 2]),
        (GridKind.REVERSE, Straddle.HELD, "100", [0, 1]),
        (GridKind.REVERSE, Straddle.HELD, "120", [0, 1, 2, 3]),
        (GridKind.REVERSE, Straddle.FLAT, "130", [0, 1, 2, 3]),
        (GridKind.REVERSE, Straddle.HELD, "80", []),
        (GridKind.REVERSE, Straddle.HELD, "75", []),
    ],
)
def test_a_grid_starts_with_the_cells_on_the_far_side_of_the_price(kind, straddle, price, held):
    assert list(cells_held_at_start(grid(kind=kind, straddle=straddle), D(price))) == held
