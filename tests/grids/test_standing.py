"""What a person reads of a grid that works. The rows are those of table S1 at t5, recomputed by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from lib.domain.grids import RoundTrip
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.intake.grid_standing import Looked, standing
from lib.planning.grid.books import GridRows
from lib.render.text import page_text
from lib.views.grid import GridStatusPage, going_on, grid_lines, trip_lines
from tests.builders import NOW
from tests.grids.builders import START, filled, grid_fill, grid_order, rows, strategy, waiting

DONE = (
    filled(1, "10"),
    filled(2, cell=1, price="90"),
    filled(3, cell=0, price="80"),
    filled(4, cell=0, side="sell", price="90"),
    filled(5, cell=1, side="sell", price="100"),
    filled(6, cell=2, side="sell", price="110"),
)
PRICES = ("100", "90", "80", "90", "100", "110")
FILLS = tuple(grid_fill(n, order, price=p, minute=n) for n, (order, p) in enumerate(zip(DONE, PRICES, strict=True), 1))
RESTING = (
    grid_order(7, cell=0, price="80"),
    grid_order(8, cell=1, price="90"),
    grid_order(9, cell=2, price="100"),
    grid_order(10, cell=3, side="sell", price="120"),
)


def trip(number, **changes):
    values = {
        "id": number,
        "account": "main",
        "strategy_id": 3,
        "symbol": "AAPL",
        "cell": number,
        "entry_fill": f"F{number}",
        "exit_fill": f"X{number}",
        "qty": D("5"),
        "entry_price": D("80"),
        "exit_price": D("90"),
        "gross": D("50"),
        "fees": D("0"),
        "net": D("50"),
        "pnl_bps": D("1250"),
        "opened_at": START,
        "closed_at": START + timedelta(minutes=number),
        "hold_s": 60,
        "policy": "matched",
    }
    return RoundTrip(**(values | changes))


def look(now=NOW, **changes):
    return Looked(now=now, local=lambda at: at, limits=Limits(), **changes)


def at_t5(now=NOW, trips=(), **changes):
    row = strategy(**({"last_price": D("110"), "quote_time": NOW} | changes))
    return standing(GridRows(strategy=row, orders=(*DONE, *RESTING), fills=FILLS), trips, look(now))


def test_the_total_is_exactly_what_equity_changed_by():
    found = at_t5().profit
    assert (found.matched, found.initial, found.unrealised) == (D("100"), D("50"), D("50"))
    assert (found.total, found.equity, found.cash, found.inventory) == (D("200"), D("2200"), D("1650"), D("5"))
    assert found.total == found.equity - D("2000") == found.matched + found.initial + found.unrealised
    assert (found.arbitrages, found.arbitrages_24h, found.fees) == (D("2"), D("2"), D("0"))


def test_what_rests_and_what_is_held_stand_at_their_levels():
    found = at_t5()
    assert [(r.level, r.buy, r.sell, r.cell, r.held) for r in found.rungs] == [
        (0, D("5"), None, 0, D("0")),
        (1, D("5"), None, 1, D("0")),
        (2, D("5"), None, 2, D("0")),
        (3, None, None, 3, D("5")),
        (4, None, D("5"), None, None),
    ]
    assert (found.health.open_buys, found.health.open_sells, found.health.hole) == (3, 1, 3)
    assert found.health.in_range is True
    assert at_t5(last_price=D("121")).health.in_range is False


def test_yearly_rates_are_hidden_for_a_day_and_end_with_the_grid():
    assert (at_t5().profit.grid_apr, at_t5().profit.total_apr) == (None, None)
    year = START + timedelta(days=365)
    found = at_t5(year).profit
    assert (found.grid_apr, found.total_apr) == (D("5"), D("10"))  # 100 and 200 of 2000
    over = at_t5(year, status="STOPPED", stopped_at=START + timedelta(days=73)).profit
    assert (over.grid_apr, over.total_apr) == (D("25"), D("50"))


def test_without_a_price_what_needs_one_is_not_known():
    found = at_t5(last_price=None, quote_time=None)
    assert (found.profit.unrealised, found.profit.total, found.profit.equity) == (None, None, None)
    assert (found.profit.matched, found.health.in_range) == (D("100"), None)


def test_refusals_drift_and_the_last_look_are_told():
    refused = grid_order(11, cell=2, price="100", order_status="rejected")
    row = strategy(drift_since=NOW - timedelta(minutes=5))
    each = GridRows(strategy=row, orders=(*DONE, *RESTING, refused), fills=FILLS)
    found = standing(each, (), look(last_look=NOW)).health
    assert (found.refused_orders, found.drift_since, found.last_look) == (1, NOW - timedelta(minutes=5), NOW)
    assert found.last_fill == START + timedelta(minutes=6)


def test_a_grid_that_has_not_started_has_no_numbers():
    found = standing(GridRows(strategy=waiting()), (), look())
    assert (found.profit, found.health, found.status) == (None, None, "WAITING")
    assert [rung.held for rung in found.rungs] == [D("0")] * 4 + [None]


def test_of_a_row_that_cannot_be_read_stands_what_is_in_it():
    found = standing(GridRows(strategy=strategy(levels="many")), (), look())
    assert (found.strategy, found.rungs, found.profit) == ("SPOT / AAPL / many / 80 / 120 / 5", (), None)
    assert found.unreadable == "GRID_NUMBERS: levels 'many' is not a plain, finite number"


def test_the_newest_round_trips_come_first():
    lines = trip_lines([trip(n) for n in (1, 3, 2)], lambda at: at.astimezone(UTC), shown=2)
    assert [line.cell for line in lines] == [3, 2]


def test_the_list_has_each_strategy_as_written_with_what_came_of_it():
    (newer, older) = grid_lines(
        [strategy(reason="why"), waiting(id=4, lower_price=None)],
        RESTING,
        {3: (2, D("100"))},
        ticked=lambda t: t is True,
    )
    assert (newer.id, newer.lower, newer.status, newer.orders, newer.trips) == (4, None, "WAITING", 0, 0)
    assert (older.id, older.lower, older.status, older.orders) == (3, "80", "RUNNING", 4)
    assert (older.trips, older.net, older.reason, older.approved) == (2, D("100"), "why", True)


def test_grids_that_have_begun_and_not_ended_are_named_in_the_status_of_all():
    stopped = strategy(id=5, status="STOPPED")
    assert [line.id for line in going_on(rows(strategy(), waiting(id=4), stopped))] == [3]


@pytest.mark.parametrize(("price", "above"), [("110", 3), ("111", 4), ("79", None)])
def test_the_ladder_of_a_grid_has_the_price_in_its_place(price, above):
    page = GridStatusPage(
        at=datetime(2026, 11, 20, 10, tzinfo=UTC), account="main", grids=(at_t5(last_price=D(price)),)
    )
    lines = [" ".join(line.split()) for line in page_text(page, width=100).splitlines()]
    mark = lines.index(f"{price}.00 ◄ price")
    assert lines[mark - 1].startswith("0 80.00 buy 5" if above is None else f"{above + 1 if above < 4 else 4} 120.00")
    assert "3 110.00 – 3 5 ██████████" in lines


@pytest.mark.parametrize(
    ("resting", "says"), [(RESTING, "3 buys, 1 sell; level 3 is the one without"), ((), "0 buys, 0 sells")]
)
def test_a_level_without_an_order_is_named_where_there_are_orders(resting, says):
    one = standing(GridRows(strategy=strategy(), orders=(*DONE, *resting), fills=FILLS), (), look())
    page = GridStatusPage(at=datetime(2026, 11, 20, 10, tzinfo=UTC), account="main", grids=(one,))
    lines = [" ".join(line.split()) for line in page_text(page, width=100).splitlines()]
    assert f"orders {says}" in lines
