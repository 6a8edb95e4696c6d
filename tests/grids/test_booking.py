"""What the broker shows of a grid becomes rows: statuses, fills, round trips, and what a start comes to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.domain.actions import Insert, Update
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.planning.grid.booking import book_grids, lost_since, strategy_named
from lib.planning.grid.books import grid_books
from tests.builders import NOW, trade
from tests.grids.builders import (
    START,
    at_broker,
    executed,
    filled,
    grid_fill,
    grid_order,
    held,
    rows,
    snapshot,
    strategy,
    unsent,
    waiting,
)

STARTING = {"status": "STARTING"}
FIRST = filled(1, "10")
BOUGHT = grid_fill(1, FIRST, price="100")


def book(given, **seen):
    return book_grids(given, snapshot(**seen), NOW, Limits())


def values(booking, table, kind=Update):
    """Return the values of all changes of a table."""
    changes = [c for write in booking.writes for c in write.changes]
    return [dict(c.values) for c in changes if isinstance(c, kind) and c.table == table]


def test_nothing_is_written_where_rows_and_broker_agree():
    resting = grid_order(2, cell=2, side="sell", price="110")
    given = rows(strategy(), orders=(FIRST, resting), fills=(BOUGHT,))
    assert book(given, live=(at_broker(resting),)).writes == ()


def test_a_fill_is_booked_with_its_order_in_one_transaction_and_belongs_to_no_trade():
    entry = grid_order(2, cell=1, price="90")
    done = replace(entry, order_status="filled", filled_qty=D(5), filled_avg_price=D(90), filled_at=START)
    fill = grid_fill(2, entry, price="90")
    booking = book(
        rows(strategy(), orders=(FIRST, entry), fills=(BOUGHT,)),
        by_id={"B2": at_broker(done)},
        fills=(executed(fill, "B2"),),
    )
    assert len(booking.writes) == 1
    assert booking.moved == {3}
    assert values(booking, "order_execution")[0]["order_status"] == "filled"
    (inserted,) = values(booking, "fill", Insert)
    assert (inserted["trade_id"], inserted["order_id"], inserted["activity_id"]) == (None, 2, "F2")


def test_a_fill_that_is_booked_is_booked_no_second_time():
    given = rows(strategy(), orders=(FIRST,), fills=(BOUGHT,))
    assert book(given, fills=(executed(BOUGHT, "B1"), executed(BOUGHT, "B1"))).writes == ()


def test_a_round_trip_is_written_once_with_what_it_made():
    entry = filled(2, cell=1, price="90")
    left = filled(3, cell=1, side="sell", price="100")
    fills = (BOUGHT, grid_fill(2, entry, price="90", minute=2), grid_fill(3, left, price="100", minute=32))
    given = rows(strategy(), orders=(FIRST, entry, left), fills=fills)
    (trip,) = values(book(given), "round_trip", Insert)
    assert (trip["entry_fill"], trip["exit_fill"], trip["cell"], trip["policy"]) == ("F2", "F3", 1, "matched")
    assert (trip["qty"], trip["gross"], trip["fees"], trip["net"]) == (5, 50, 0, 50)
    assert (trip["hold_s"], trip["pnl_bps"]) == (1800, D("1111.111111111"))  # 50 of 450
    assert book(replace(given, round_trips=frozenset({("F2", "F3")}))).writes == ()


def test_no_round_trip_is_written_while_the_broker_s_ledger_lags():
    # The exit's fill is there, that of an earlier entry is not: which lot was closed is not known yet.
    entry, left = filled(2, cell=1, price="90"), filled(3, cell=2, side="sell", price="110")
    fills = (BOUGHT, grid_fill(3, left, price="110", minute=3))
    assert book(rows(strategy(), orders=(FIRST, entry, left), fills=fills)).writes == ()


def test_a_start_is_over_once_its_order_is_and_its_fills_are_booked():
    given = rows(strategy(**STARTING), orders=(FIRST,), fills=(BOUGHT,))
    (change,) = values(book(given), "grid_strategy")
    assert change == {"status": "RUNNING", "reason": None}


@pytest.mark.parametrize(
    "order",
    [grid_order(1, qty="10"), unsent(1, qty="10", missing_at=START), filled(1, "10")],
    ids=["live", "unknown", "not booked yet"],
)
def test_until_then_it_goes_on(order):
    assert values(book(rows(strategy(**STARTING), orders=(order,))), "grid_strategy") == []


def test_a_grid_with_nothing_to_buy_runs_at_once():
    assert values(book(rows(strategy(**STARTING))), "grid_strategy") == [{"status": "RUNNING", "reason": None}]


def test_a_part_of_the_first_order_is_enough_to_run():
    part = grid_order(1, qty="10", order_status="cancelled", filled_qty=D(4), ended_at=START)
    given = rows(strategy(**STARTING), orders=(part,), fills=(grid_fill(1, part, price="100", qty="4"),))
    assert values(book(given), "grid_strategy") == [{"status": "RUNNING", "reason": None}]


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (
            {"order_status": "rejected", "reject_reason": "OTHER: no"},
            "BROKER: the broker refused the first order: OTHER: no",
        ),
        ({"order_status": "cancelled"}, "BROKER: the first order was cancelled without a fill"),
        ({"order_status": "unsent"}, "UNSENT: the first order never reached the broker"),
    ],
    ids=["rejected", "cancelled", "unsent"],
)
def test_a_first_order_without_a_fill_ends_the_strategy_in_the_broker_s_words(ended, words):
    given = rows(strategy(**STARTING), orders=(grid_order(1, qty="10", **ended),))
    assert values(book(given), "grid_strategy") == [{"status": "REJECTED", "reason": words}]


def test_a_first_order_that_met_the_rate_limit_is_tried_again():
    throttled = grid_order(1, qty="10", order_status="rejected", reject_reason="RATE_LIMIT: too many requests")
    words = "BROKER: the broker refused the first order: RATE_LIMIT: too many requests"
    again = {"status": "WAITING", "reason": words, "start_price": None, "started_at": None}
    assert values(book(rows(strategy(**STARTING), orders=(throttled,))), "grid_strategy") == [again]
    earlier = replace(throttled, created_at=START - timedelta(minutes=5))
    assert values(book(rows(strategy(**STARTING), orders=(earlier,))), "grid_strategy") == [
        {"status": "RUNNING", "reason": None}  # this time there was nothing to buy
    ]
    twice = replace(throttled, submitted_at=START + timedelta(minutes=1))  # its first copy may yet arrive
    assert values(book(rows(strategy(**STARTING), orders=(twice,))), "grid_strategy") == [
        {"status": "REJECTED", "reason": words}
    ]


@pytest.mark.case("fail-D4")
def test_a_first_order_that_filled_after_all_brings_its_grid_back():
    given = rows(strategy(status="REJECTED"), orders=(FIRST,), fills=(BOUGHT,))
    (change,) = values(book(given), "grid_strategy")
    assert change["status"] == "RUNNING"


@pytest.mark.parametrize(("status", "becomes"), [("POSITION", "PAUSED"), ("CLOSED", "RUNNING")])
def test_where_a_trade_has_the_symbol_by_now_a_person_decides_how_it_goes_on(status, becomes):
    given = rows(strategy(status="REJECTED"), orders=(FIRST,), fills=(BOUGHT,), trades=(trade(status=status),))
    (change,) = values(book(given), "grid_strategy")
    assert change["status"] == becomes
    assert ("AAPL belongs to trade 7" in change["reason"]) == (becomes == "PAUSED")


def test_an_order_of_unknown_outcome_that_the_broker_does_not_show_is_marked():
    order = unsent(2, cell=1, price="90")
    booking = book(rows(strategy(), orders=(FIRST, order), fills=(BOUGHT,)), by_client_id={order.client_order_id: None})
    assert values(booking, "order_execution") == [{"missing_at": NOW}]


def test_an_order_under_our_id_that_is_not_ours_is_not_adopted_and_halts_the_symbol():
    order = unsent(2, cell=1, price="90")
    found = at_broker(order, status="new", limit_price=D(91))
    booking = book(rows(strategy(), orders=(FIRST, order), fills=(BOUGHT,)), live=(found,))
    assert [p.code for p in booking.problems] == ["FOREIGN_ORDER_UNDER_OUR_ID"]
    assert values(booking, "order_execution") == []
    (halted,) = values(booking, "control", Insert)
    assert (halted["scope"], halted["state"]) == ("symbol:main:AAPL", "HALTED")


def test_an_order_without_a_row_gets_it_back_from_its_name():
    lost = grid_order(7, cell=1, side="sell", price="100", filled_qty=D(2), order_status="partially_filled")
    booking = book(rows(strategy(), orders=(FIRST,), fills=(BOUGHT,)), live=(at_broker(lost),))
    (row,) = values(booking, "order_execution", Insert)
    assert (row["strategy_id"], row["cell"], row["attempt"], row["order_type"]) == (3, 1, 7, "GRID")
    assert (row["alpaca_order_id"], row["order_status"], row["filled_qty"]) == ("B7", "partially_filled", 2)
    assert row["trade_id"] is None
    assert booking.moved == {3}


@pytest.mark.parametrize("name", ["other-g3-c1-sell-7", "ns-g4-c1-sell-7", "ns-d3-entry-1", "ns-g3-c1-7"])
def test_what_is_named_otherwise_is_left_alone(name):
    other = at_broker(grid_order(7, cell=1, side="sell", price="100"), client_order_id=name)
    assert book(rows(strategy(), orders=(FIRST,), fills=(BOUGHT,)), live=(other,)).writes == ()


def test_names_tell_of_cells_below_the_first_too():
    assert strategy_named("ns-g12-c-3-buy-4", "ns") == 12  # a reverse grid that trailed down
    assert strategy_named("ns-g12-close-sell-4", "ns") == 12
    assert strategy_named("ns-g12-c-3-buy-4", "old") is None


def test_the_broker_is_asked_for_everything_where_a_grid_that_runs_has_no_order_at_all():
    assert lost_since(rows(strategy(), strategy(id=4, status="STARTING", started_at=START + timedelta(1)))) == START
    assert lost_since(rows(strategy(), orders=(FIRST,))) is None
    assert lost_since(rows(waiting(), strategy(status="STOPPED"))) is None


def test_an_order_that_was_edited_in_the_app_goes_on_in_a_row_of_its_own_and_pauses_the_grid():
    entry = grid_order(2, cell=1, price="90")
    replaced = at_broker(entry, status="replaced", replaced_by="B9")
    heir = at_broker(entry, id="B9", client_order_id="app", limit_price=D(91), replaces="B2")
    booking = book(
        rows(strategy(), orders=(FIRST, entry), fills=(BOUGHT,)), by_id={"B2": replaced, "B9": heir}, positions=held(10)
    )
    (row,) = values(booking, "order_execution", Insert)
    assert (row["strategy_id"], row["cell"], row["limit_price"], row["replaces"]) == (3, 1, 91, 2)
    (paused,) = values(booking, "grid_strategy")
    assert (paused["status"], paused["approve"]) == ("PAUSED", False)
    assert "ns-g3-c1-buy-2 was changed outside this system" in paused["reason"]


def test_a_strategy_that_cannot_be_read_any_more_has_its_orders_and_fills_booked_all_the_same():
    given = rows(strategy(levels="many"), orders=(replace(FIRST, filled_qty=D(0), order_status="new"),))
    booking = book(given, by_id={"B1": at_broker(FIRST)}, fills=(executed(BOUGHT, "B1"),))
    assert len(values(booking, "fill", Insert)) == 1
    assert grid_books(given) == ()


def test_grids_are_booked_apart_so_that_one_whose_rows_moved_holds_up_no_other():
    other = replace(grid_order(8, cell=1, price="90"), strategy_id=4, client_order_id="ns-g4-c1-buy-8")
    first = grid_order(2, cell=1, price="90")
    booking = book(
        rows(strategy(), strategy(id=4), orders=(first, other)),
        by_id={o.alpaca_order_id: at_broker(o, status="cancelled") for o in (first, other)},
    )
    assert len(booking.writes) == 2
    assert booking.moved == {3, 4}
