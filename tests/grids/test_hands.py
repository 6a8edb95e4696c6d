"""Grids whose rows a person changed, deleted or put back while they ran: no word in a cell makes one trade wrongly."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.domain.actions import Cancel, Insert, Submit
from lib.domain.grids import GridStatus
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.planning.deciding.decisions import Refused
from lib.planning.grid.booking import book_grids
from lib.planning.grid.books import book_of, grid_rows
from lib.planning.grid.plan import plan_grids
from lib.planning.grid.reading import status_of
from lib.planning.grid.starting import awaits_start
from tests.builders import NOW, context, values_of
from tests.grids.builders import (
    at_broker,
    executed,
    filled,
    grid_fill,
    grid_order,
    held,
    rows,
    snapshot,
    strategy,
    waiting,
)

FIRST = filled(1, "10")
BOUGHT = grid_fill(1, FIRST, price="100")
B90 = grid_order(3, cell=1, price="90")
SOLD = filled(4, cell=2, side="sell", price="110")
YESTERDAY = NOW - timedelta(days=1)
SALE = grid_fill(2, SOLD, price="110", minute=2)


def plan(given, **seen):
    return plan_grids(given, snapshot(**({"positions": held("10")} | seen)), context())


def paused(planned):
    """Return the reason of the one write, which takes the tick away."""
    (write,) = planned.actions
    (change,) = write.changes
    assert (change.values["status"], change.values["approve"]) == (GridStatus.PAUSED, False)
    return change.values["reason"]


@pytest.mark.parametrize(
    ("status", "begun", "stands"),
    [
        ("RUNNING", False, "WAITING"),
        ("STARTING", False, "WAITING"),
        ("PAUSED", False, "WAITING"),
        ("WAITING", True, "PAUSED"),
        ("STOPPED", False, "STOPPED"),
        ("REJECTED", True, "REJECTED"),
    ],
)
def test_a_status_that_cannot_be_true_starts_nothing_and_starts_nothing_twice(status, begun, stands):
    changes = {} if begun else {"started_at": None}
    assert status_of(strategy(status=status, **changes)) == stands


def test_a_row_put_back_to_its_beginning_that_has_orders_is_not_started_again():
    assert awaits_start(rows(waiting()))
    assert not awaits_start(rows(waiting(), orders=(FIRST,), fills=(BOUGHT,)))


def test_a_grid_whose_tick_is_taken_away_is_paused():
    given = rows(strategy(approve=False), orders=(FIRST, B90), fills=(BOUGHT,))
    assert paused(plan(given)).startswith("EDITED_AFTER_APPROVAL: its tick was taken away")


def test_a_range_that_a_hand_moved_is_an_edit():
    given = rows(replace(strategy(trailing="yes"), shift=5), orders=(FIRST, B90), fills=(BOUGHT,))
    assert paused(plan(given)).startswith("EDITED_AFTER_APPROVAL")


def test_a_grid_keeps_the_symbol_it_has_traded_even_if_it_is_approved_with_another():
    other = strategy(symbol="MSFT")
    given = rows(other, orders=(FIRST, B90), fills=(BOUGHT,))
    assert paused(plan(given)).startswith("GRID_UNREADABLE: GRID_SYMBOL: it has orders in AAPL, not in MSFT")
    again = rows(replace(other, status="PAUSED"), orders=(FIRST, B90), fills=(BOUGHT,))
    assert plan(again).actions == ()
    assert isinstance(book_of(grid_rows(given)[0]), Refused)


@pytest.mark.parametrize("status", ["RUNNING", "PAUSED"])
def test_a_long_grid_called_reverse_and_approved_so_sells_nothing_short(status):
    turned = strategy(kind="REVERSE", capital="5000", status=status)
    given = rows(turned, orders=(FIRST,), fills=(BOUGHT,))
    assert paused(plan(given)) == "GRID_DRIFT: by its fills it closed 10 more than it held"


def test_round_trips_are_paired_by_the_numbers_that_were_approved_and_each_exit_once():
    edited = replace(strategy(), quantity_per_grid="3")
    given = rows(edited, orders=(FIRST, SOLD), fills=(BOUGHT, SALE))
    assert book_grids(given, snapshot(), NOW, Limits()).writes == ()
    put_back = book_grids(replace(given, grids=(strategy(),)), snapshot(), NOW, Limits())
    (trip,) = put_back.writes[0].changes
    assert (trip.table, trip.values["exit_fill"], trip.values["qty"]) == ("round_trip", "F2", D(5))
    told = replace(given, grids=(strategy(quantity_per_grid="3"),), round_trips=frozenset({("F0", "F2")}))
    assert book_grids(told, snapshot(), NOW, Limits()).writes == ()


def test_orders_of_a_grid_whose_row_was_deleted_are_booked_and_cancelled():
    given = rows(orders=(FIRST, B90), fills=(BOUGHT,))
    (cancel,) = plan(given, live=(at_broker(B90),)).actions
    assert isinstance(cancel, Cancel)
    assert cancel.order is B90
    partly = replace(B90, order_status="partially_filled", filled_qty=D(2), filled_avg_price=D(90))
    part = grid_fill(2, B90, price="90", qty="2")
    booked = plan(given, live=(at_broker(partly),), fills=(executed(part, "B3"),)).actions
    assert values_of(booked, "order_execution")["filled_qty"] == 2
    assert values_of(booked, "fill")["qty"] == 2


def test_what_fills_after_a_grid_has_stopped_is_the_users_booked_once():
    late = replace(B90, order_status="cancelled", ended_at=NOW)
    given = rows(strategy(status="STOPPED", stopped_at=NOW, wanted="keep"), orders=(FIRST, late), fills=(BOUGHT,))
    done = at_broker(late, status="filled", filled_qty=D(5), filled_avg_price=D(90), filled_at=NOW)
    booking = book_grids(given, snapshot(by_id={"B3": done}), NOW, Limits())
    (change,) = [c for w in booking.writes for c in w.changes if isinstance(c, Insert)]
    assert (change.table, change.values["trade_id"], change.values["delta"]) == ("quantity_change", None, D(5))
    assert change.values["cause"] == "TRANSFER"
    known = replace(late, order_status="filled", filled_qty=D(5), filled_avg_price=D(90), filled_at=NOW)
    again = book_grids(replace(given, orders=(FIRST, known)), snapshot(by_id={"B3": done}), NOW, Limits())
    assert not [c for w in again.writes for c in w.changes if c.table == "quantity_change"]


def test_a_grid_that_has_sold_more_than_it_held_sells_none_of_the_users_shares_as_it_stops():
    twice = filled(2, "15", cell=2, side="sell", price="110")
    sale = grid_fill(2, twice, price="110", qty="15", minute=2)
    ending = strategy(status="STOPPING", wanted="flatten", reason="a stop was asked for")
    given = rows(ending, orders=(FIRST, twice), fills=(BOUGHT, sale), round_trips=frozenset({("F1", "F2")}))
    planned = plan(given, positions=held("20"))
    assert not [a for a in planned.actions if isinstance(a, Submit)]
    assert values_of(planned.actions, "grid_strategy")["status"] == GridStatus.STOPPED
    assert values_of(planned.actions, "quantity_change")["delta"] == -5


def test_a_first_order_that_never_left_is_given_up_in_the_next_session():
    lost = grid_order(
        1,
        qty="10",
        order_status="pending",
        alpaca_order_id=None,
        created_at=YESTERDAY,
        missing_at=NOW - timedelta(minutes=5),
    )
    given = rows(strategy(status="STARTING", started_at=YESTERDAY), orders=(lost,))
    planned = plan(given, by_client_id={"ns-g3-start-buy-1": None})
    assert values_of(planned.actions, "order_execution") == {"order_status": "unsent", "ended_at": NOW}
