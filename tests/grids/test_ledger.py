"""The fold of a grid's fills: which lot an exit closes, where lots lie, what sums come to. Worked out by hand."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from lib.domain.grids import GridKind
from lib.planning.grid.desired import desired
from lib.planning.grid.ledger import ledger
from lib.planning.grid.lots import Execution, Part
from tests.grids import catalogue
from tests.grids.exchange import OPENED

D = Decimal
GRID = catalogue.S1.grid  # cells 80-90, 90-100, 100-110, 110-120; five shares each; 2000 dollars
REVERSE = replace(GRID, kind=GridKind.REVERSE)
PARTS = {"initial": Part.INITIAL, "entry": Part.ENTRY, "exit": Part.EXIT, "close": Part.CLOSE}


def fills(*told, **changes):
    """Read `entry 1 5 90` (part, cell or -, quantity, price), a second apart."""
    found = []
    for number, words in enumerate(told):
        part, cell, qty, price = words.split()
        found.append(
            Execution(
                activity_id=f"a{number}",
                at=OPENED + timedelta(seconds=number),
                part=PARTS[part],
                cell=None if cell == "-" else int(cell),
                qty=D(qty),
                price=D(price),
            )
        )
    return [replace(each, **changes) for each in found]


def held(book):
    return list(map(int, book.held.values()))


def adds_up(book, price="97"):
    return book.equity(D(price)) - book.capital == book.matched + book.initial + book.unrealised(D(price))


def test_an_empty_grid_has_its_capital_and_nothing_else():
    book = ledger(GRID, [])
    assert (book.cash, book.inventory, book.lots, book.trips, held(book)) == (2000, 0, (), (), [0, 0, 0, 0])
    assert book.equity(D(90)) == 2000


def test_the_initial_lot_lies_in_the_cells_at_the_far_end():
    assert held(ledger(GRID, fills("initial - 10 100"))) == [0, 0, 5, 5]
    assert held(ledger(REVERSE, fills("initial - 10 100"))) == [5, 5, 0, 0]
    assert held(ledger(GRID, fills("initial - 7 100"))) == [0, 0, 2, 5]  # filled in part


def test_an_exit_closes_the_oldest_lot_of_its_own_cell():
    """Three of cell 2 are sold, two bought at 90 take their place there; four more are two of each."""
    book = ledger(GRID, fills("initial - 10 100", "exit 2 3 110", "entry 1 2 90", "exit 2 4 110"))
    assert [(trip.initial, trip.qty, trip.net) for trip in book.trips] == [(True, 3, 30), (True, 2, 20), (False, 2, 40)]
    assert (book.matched, book.initial, book.arbitrages, book.relabelled) == (40, 50, D("0.4"), 2)


def test_lots_bought_below_a_cell_that_was_sold_move_up_and_the_interval_counts_it():
    """As with M1 looked at once: 90 and 80 were bought, then the lot of cell 2 sold. Both move up a cell of 10."""
    book = ledger(GRID, fills("initial - 10 100", "entry 1 5 90", "entry 0 5 80", "exit 2 5 110"))
    assert held(book) == [0, 5, 5, 5]
    assert (book.relabelled, book.interval_gross, book.initial) == (10, 50 + 100, 50)


def test_an_exit_of_a_cell_where_nothing_lies_closes_what_is_nearest():
    """The far cell's exit came first, so the lot of cell 2 moved there; the exit of cell 2 closes it all the same."""
    book = ledger(GRID, fills("initial - 10 100", "exit 3 5 120", "exit 2 5 110"))
    assert (book.inventory, book.cash, book.initial, book.interval_gross, book.excess) == (0, 2150, 150, 100, 0)


@pytest.mark.parametrize("order", [*permutations(range(4))], ids=str)
def test_fills_of_one_moment_are_booked_the_same_in_any_order(order):
    """The gap of S4: matched 47 twice on five shares each, 25 twice on the initial ones; nothing moves."""
    start = fills("initial - 10 100", "entry 1 5 78", "entry 0 5 78")
    gap = [
        replace(each, at=OPENED + timedelta(hours=1), activity_id=f"z{order[number]}")
        for number, each in enumerate(fills("exit 0 5 125", "exit 1 5 125", "exit 2 5 125", "exit 3 5 125"))
    ]
    book = ledger(GRID, [*start, *(gap[number] for number in order)])
    assert (book.matched, book.initial, book.interval_gross, book.relabelled) == (470, 250, 200, 0)
    assert [trip.cell for trip in book.trips] == [0, 1, 2, 3]


def test_entries_of_one_moment_are_booked_from_the_nearest_cell_on():
    """A gap down through two entries: told the wrong way round, each lot still lies in its own cell."""
    far, near = (replace(each, at=OPENED + timedelta(hours=1)) for each in fills("entry 0 5 78", "entry 1 5 78"))
    book = ledger(GRID, [*fills("initial - 10 100"), replace(far, activity_id="x0"), replace(near, activity_id="x1")])
    assert [lot.cell for lot in book.lots] == [None, 1, 0]
    assert (book.relabelled, book.interval_gross) == (0, 0)


def test_fills_told_twice_or_in_another_order_change_nothing():
    told = fills("initial - 10 100", "entry 1 2 90", "entry 1 3 90", "exit 1 5 100", "exit 2 5 110")
    assert ledger(GRID, [*reversed(told), *told]) == ledger(GRID, told)


def test_a_part_closed_at_the_market_is_what_was_bought_last():
    book = ledger(GRID, fills("initial - 10 100", "entry 1 5 90", "entry 0 5 80", "close - 7 75"))
    assert held(book) == [0, 3, 5, 5]
    assert [(trip.entry, trip.net, trip.policy) for trip in book.trips] == [("a1", -30, "close"), ("a2", -25, "close")]
    assert (book.matched, book.interval_gross, adds_up(book)) == (-55, 0, True)


def test_what_is_bought_beyond_the_last_cell_is_covered_there():
    book = ledger(GRID, fills("initial - 10 100", "entry 1 5 90", "entry 0 5 80", "entry 0 5 80"))
    assert held(book) == [10, 5, 5, 5]
    assert ("sell", 0, 10) in [(want.side, want.cell, want.qty) for want in desired(GRID, book)]
    assert sum(want.qty for want in desired(GRID, book)) == 25


def test_what_is_sold_beyond_what_was_held_is_told_and_the_sums_still_hold():
    book = ledger(GRID, fills("initial - 5 100", "exit 3 8 120", fee_quote=D("0.08")))
    assert (book.excess, book.inventory, held(book)) == (3, -3, [0, 0, 0, 0])
    assert book.initial == D("99.87")  # five at 20, less the fee of the entry and five eighths of the exit's
    assert adds_up(book)


def test_the_fee_of_an_exit_is_shared_by_quantity_and_nothing_of_it_is_lost():
    told = fills("initial - 5 100", "entry 3 1 110", "exit 2 3 120")
    book = ledger(
        replace(GRID, qty=D(5)), [*told[:2], replace(told[2], part=Part.CLOSE, cell=None, fee_quote=D("0.01"))]
    )
    assert [trip.fees for trip in book.trips] == [D("0.006666667"), D("0.003333333")]
    assert adds_up(book)


def test_parts_of_a_lot_of_coins_add_up_to_what_was_paid_for_it():
    """0.03 bought at 62000.11, 0.000075 taken as a fee; sold in three parts that do not divide it."""
    coins = replace(catalogue.ROWS["C1"].grid, qty=D("0.03"))
    told = fills("entry 3 0.03 62000.11", "exit 3 0.01 64000", "exit 3 0.0099 64000", "exit 3 0.010025 64000")
    told[0] = replace(told[0], fee_base=D("0.000075"))
    book = ledger(coins, told)
    assert [trip.qty for trip in book.trips] == [D("0.01"), D("0.0099"), D("0.010025")]
    assert book.trips[0].entry_qty == D("0.010025062656641604010025")  # 0.01 of 0.029925, far finer than a coin's step
    assert sum(trip.entry_qty for trip in book.trips) == D("0.03")
    assert sum(trip.net for trip in book.trips) == D("0.029925") * 64000 - D("0.03") * D("62000.11")
    assert (book.lots, book.arbitrages, adds_up(book, "63000")) == ((), 1, True)


def test_sales_of_parts_of_a_lot_of_coins_take_nothing_from_the_cells_beside():
    """Two cells bought as one, 0.0025 of it taken; what is sold of the lower one does not divide it."""
    told = fills("initial - 0.02 64000", "exit 2 0.000775 66000", "exit 2 0.001812 66000", "exit 2 0.001812 66000")
    told[0] = replace(told[0], fee_base=D("0.00005"))
    book = ledger(catalogue.ROWS["C1"].grid, told)
    assert (book.net[2], book.net[3]) == (D("0.005576"), D("0.009975"))


def test_a_round_trip_tells_its_gross_fees_net_and_basis_points():
    """C1, t2: 0.01 bought for 620, a quarter per cent of it never came; 0.009975 sold for 638.40 less 1.596."""
    told = fills("initial - 0.02 64000", "entry 1 0.01 62000", "exit 1 0.009975 64000")
    told[0] = replace(told[0], fee_base=D("0.00005"))
    told[1] = replace(told[1], fee_base=D("0.000025"))
    told[2] = replace(told[2], fee_quote=D("1.596"))
    (trip,) = ledger(catalogue.ROWS["C1"].grid, told).trips
    assert (trip.entry, trip.exit, trip.cell, trip.policy) == ("a1", "a2", 1, "matched")
    assert (trip.gross, trip.fees, trip.net) == (D("19.95"), D("3.146"), D("16.804"))
    assert trip.pnl_bps == D("271.032258065")  # 16.804 of 620
    assert trip.closed_at - trip.opened_at == timedelta(seconds=1)


def test_a_reverse_grid_that_trailed_down_knows_its_new_cells():
    """All covered at 80, then a cell 70-80 was added below; it is sold short first when the price comes back."""
    moved = replace(REVERSE, shift=-1)
    done = fills("initial - 10 100", "exit 1 5 90", "exit 0 5 80", "entry -1 5 80", "entry 0 5 90", "exit 0 5 80")
    book = ledger(moved, done)
    assert book.held == {-1: 5, 0: 0, 1: 0, 2: 0}
    assert (book.matched, book.initial, book.relabelled, book.inventory) == (50, 150, 0, -5)
