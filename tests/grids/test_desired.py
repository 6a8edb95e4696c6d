"""What a grid wants to rest, and which level has no order."""

from dataclasses import replace
from decimal import Decimal

from lib.domain.grids import GridKind
from lib.planning.grid.desired import desired, hole
from lib.planning.grid.ledger import ledger
from tests.grids import catalogue
from tests.grids.test_ledger import fills

D = Decimal
GRID = catalogue.S1.grid
REVERSE = replace(GRID, kind=GridKind.REVERSE)
COINS = replace(catalogue.ROWS["C1"].grid, increment=D("0.0001"))


def wanted(grid, *told, **changes):
    book = ledger(grid, fills(*told, **changes))
    return [f"{want.side} {want.qty}@{want.price} c{want.cell} l{want.level}" for want in desired(grid, book)]


def test_a_spot_grid_enters_at_the_lower_level_and_exits_at_the_upper_one():
    assert wanted(GRID, "initial - 10 100") == [
        "buy 5@80 c0 l0",
        "buy 5@90 c1 l1",
        "sell 5@110 c2 l3",
        "sell 5@120 c3 l4",
    ]


def test_a_reverse_grid_is_its_mirror():
    assert wanted(REVERSE, "initial - 10 100") == [
        "buy 5@80 c0 l0",
        "buy 5@90 c1 l1",
        "sell 5@110 c2 l3",
        "sell 5@120 c3 l4",
    ]
    assert wanted(REVERSE, "initial - 10 100", "exit 1 5 90")[1:3] == ["sell 5@100 c1 l2", "sell 5@110 c2 l3"]


def test_a_cell_held_in_part_wants_both_its_orders_and_no_level_is_free():
    told = ("initial - 10 100", "entry 1 2 90")
    assert wanted(GRID, *told)[1:3] == ["buy 3@90 c1 l1", "sell 2@100 c1 l2"]
    assert hole(GRID, ledger(GRID, fills(*told))) is None


def test_the_level_without_an_order_lies_between_what_is_held_and_what_is_not():
    assert hole(GRID, ledger(GRID, fills("initial - 10 100"))) == 2
    assert hole(GRID, ledger(GRID, [])) == 4
    assert hole(REVERSE, ledger(REVERSE, [])) == 0
    assert hole(replace(GRID, shift=3), ledger(replace(GRID, shift=3), [])) == 7


def test_exits_of_coins_are_floored_to_what_may_be_traded_and_the_rest_is_not_bought_again():
    """0.01 less 0.000025 is 0.009975: 0.0099 may be sold."""
    told = fills("entry 3 0.01 66000", fee_base=D("0.000025"))
    book = ledger(COINS, told)
    assert [(want.cell, want.qty) for want in desired(COINS, book) if want.side == "sell"] == [(3, D("0.0099"))]
    assert [want.cell for want in desired(COINS, book) if want.side == "buy"] == [0, 1, 2]


def test_what_is_below_the_least_order_waits():
    few = fills("entry 3 0.0001 66000", fee_base=D("0.00000025"))
    assert [want.side for want in desired(COINS, ledger(COINS, few))] == ["buy"] * 4
    worth = replace(COINS, notional_min=D(10))
    some = ledger(worth, fills("entry 3 0.00015 66000"))  # 0.0001 at 68000 is 6.80
    assert [want.side for want in desired(worth, some)] == ["buy"] * 4
    enough = ledger(worth, fills("entry 3 0.0002 66000"))
    assert [want.qty for want in desired(worth, enough) if want.side == "sell"] == [D("0.0002")]


def test_what_is_left_of_an_order_that_filled_in_part_rests_on_however_little_it_is():
    worth = replace(COINS, notional_min=D(10))
    book = ledger(worth, fills("entry 3 0.0099 66000"))  # to buy are 0.0001 more, for 6.60
    entries = [(want.cell, want.qty) for want in desired(worth, book) if want.side == "buy"]
    assert entries == [(0, D("0.01")), (1, D("0.01")), (2, D("0.01"))]
    assert [(want.cell, want.qty) for want in desired(worth, book, {(3, "buy")}) if want.side == "buy"] == [
        *entries,
        (3, D("0.0001")),
    ]
    whole = ledger(worth, fills("entry 3 0.01 66000"))
    assert [want.cell for want in desired(worth, whole, {(3, "buy")}) if want.side == "buy"] == [0, 1, 2]
