"""What a grid wants against what rests: by side, level and cell as quantities; cancels first, then what is lacking."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.domain.facts import BrokerPosition
from lib.domain.limits import CONFIRM_MISSING, Limits
from lib.domain.money import D
from lib.domain.records import Control
from lib.planning.books import is_live
from lib.planning.grid.books import grid_books
from lib.planning.grid.diff import crosses, difference
from tests.builders import NOW, OPEN, context, order
from tests.grids.builders import (
    START,
    filled,
    grid_fill,
    grid_order,
    held,
    rows,
    snapshot,
    strategy,
    unsent,
)

FIRST = filled(1, "10")
BOUGHT = grid_fill(1, FIRST, price="100")
B80, B90 = grid_order(2, cell=0, price="80"), grid_order(3, cell=1, price="90")
S110, S120 = grid_order(4, cell=2, side="sell", price="110"), grid_order(5, cell=3, side="sell", price="120")
AT_REST = (B80, B90, S110, S120)


def look(*orders, grid=None, fills=(), others=(), broker="10", free="10", controls=(), now=NOW, asked=None):
    """Compare a grid that has bought ten shares at 100 with these orders."""
    mine = grid or strategy()
    given = rows(mine, orders=(FIRST, *orders, *others), fills=(BOUGHT, *fills), controls=controls)
    (book,) = grid_books(given, Limits())
    own = [o for o in given.orders if o.symbol == "AAPL" and is_live(o)]
    seen = snapshot(positions=held(broker, free=free), by_client_id=asked or {})
    return difference(book, own, given, seen, context(now=now))


def placed(submits):
    """Return (side, quantity, price, cell's part of the name) of orders to be placed."""
    bodies = [s.body for s in submits]
    return [(b["side"], b["qty"], b["limit_price"], b["client_order_id"].split("-")[2]) for b in bodies]


def is_nothing(found):
    return not any((found.writes, found.cancels, found.exits, found.entries, found.waits, found.problems))


def test_at_rest_nothing_is_asked_for():
    assert is_nothing(look(*AT_REST, free="0"))


def test_a_grid_without_orders_places_exits_then_entries_each_nearest_to_the_price_first():
    found = look()
    assert placed(found.exits) == [("sell", "5", "110", "c2"), ("sell", "5", "120", "c3")]
    assert placed(found.entries) == [("buy", "5", "90", "c1"), ("buy", "5", "80", "c0")]
    assert [s.increases_exposure for s in (*found.exits, *found.entries)] == [False, False, True, True]


def test_names_count_on_over_all_orders_of_the_grid_and_each_says_what_it_may_do():
    found = look(S110, free="5")
    names = [s.body["client_order_id"] for s in (*found.exits, *found.entries)]
    assert names == ["ns-g3-c3-sell-5", "ns-g3-c1-buy-6", "ns-g3-c0-buy-7"]
    assert [s.body["position_intent"] for s in found.entries] == ["buy_to_open"] * 2
    assert [(s.body["position_intent"], s.body["time_in_force"]) for s in found.exits] == [("sell_to_close", "gtc")]


def test_a_reverse_grid_is_the_mirror():
    sold = filled(1, "10", side="sell")
    given = rows(strategy(kind="REVERSE"), orders=(sold,), fills=(grid_fill(1, sold, price="100"),))
    (book,) = grid_books(given)
    found = difference(book, (), given, snapshot(positions=held("-10")), context())
    assert placed(found.exits) == [("buy", "5", "90", "c1"), ("buy", "5", "80", "c0")]
    assert placed(found.entries) == [("sell", "5", "110", "c2"), ("sell", "5", "120", "c3")]
    assert {s.body["position_intent"] for s in found.exits} == {"buy_to_close"}
    assert {s.body["position_intent"] for s in found.entries} == {"sell_to_open"}


def test_what_is_lacking_of_a_quantity_is_topped_up():
    # The page of tables, P3: two sells at 110 and two buys at 90 filled between two looks, three calls put it right.
    first = (replace(B90, filled_qty=D(2)), replace(S110, filled_qty=D(3)))
    fills = (grid_fill(3, B90, price="90", qty="2", minute=3), grid_fill(4, S110, price="110", qty="3", minute=2))
    found = look(B80, *first, S120, fills=fills, broker="9", free="2")
    assert found.cancels == ()
    assert placed(found.exits) == [("sell", "2", "110", "c2")]
    assert placed(found.entries) == [("buy", "1", "100", "c2"), ("buy", "2", "90", "c1")]


def test_what_rests_at_another_price_or_is_wanted_no_more_is_cancelled_and_its_place_waits():
    moved, stray = replace(B90, limit_price=D("90.5")), grid_order(6, cell=1, side="sell", price="100")
    found = look(B80, moved, S110, S120, stray, free="0")
    assert [c.order.id for c in found.cancels] == [6, 3]
    assert found.entries == ()  # at 90 once the order at 90.50 has ended


def test_of_two_orders_in_one_place_the_one_that_is_too_much_goes():
    twice = grid_order(6, cell=1, price="90", qty="3")
    found = look(B80, B90, twice, S110, S120, free="0")
    assert [c.order.id for c in found.cancels] == [6]


@pytest.mark.parametrize("status", ["pending_cancel", "pending_replace"])
def test_what_is_on_its_way_is_left_alone_and_waited_for(status):
    found = look(B80, replace(B90, order_status=status), S110, S120, free="0")
    assert (found.cancels, found.entries) == ((), ())
    assert len(found.waits) == 1


def test_an_entry_waits_while_what_is_being_cancelled_may_still_fill_in_its_place():
    # Four cells of five hold seventeen: the two that cell 1 lacked still rest, and moved down they lie in cell 0.
    late = replace(B90, filled_qty=D(3), order_status="pending_cancel")
    fills = (
        grid_fill(2, B80, price="80", qty="4", minute=2),
        grid_fill(3, B90, price="90", qty="3", minute=3),
    )
    found = look(filled(2, "4", cell=0), late, S110, S120, fills=fills, broker="17", free="7")
    assert placed(found.entries) == []
    over = replace(late, order_status="cancelled")
    found = look(filled(2, "4", cell=0), over, S110, S120, fills=fills, broker="17", free="7")
    assert placed(found.entries) == [("buy", "3", "80", "c0")]


def test_what_is_lacking_beside_an_odd_rest_is_topped_up_in_whole_steps():
    # Of the order at 80 a step and a half is left: three and a half are lacking there, three are placed.
    odd = grid_fill(2, B80, price="80", qty="3.5", minute=2)
    found = look(replace(B80, filled_qty=D("3.5")), S110, S120, fills=(odd,), broker="13.5", free="3.5")
    assert placed(found.entries) == [("buy", "1", "90", "c1"), ("buy", "3", "80", "c0")]


def test_a_cancel_is_asked_for_once_a_pass():
    stray = grid_order(6, cell=1, side="sell", price="100", cancel_requested_at=NOW)
    found = look(*AT_REST, stray, free="0")
    assert (found.cancels, len(found.waits)) == ((), 1)


@pytest.mark.case("fail-E7")
def test_no_more_is_sold_than_the_broker_has_free():
    found = look(B80, B90, broker="10", free="7")
    assert placed(found.exits) == [("sell", "5", "110", "c2"), ("sell", "2", "120", "c3")]


def test_no_more_is_sold_than_the_grid_holds_though_the_broker_has_more_free():
    stale = grid_order(6, cell=0, side="sell", price="90")  # being cancelled, and still good for five
    stale = replace(stale, order_status="pending_cancel")
    found = look(B80, B90, stale, broker="100", free="100")
    assert placed(found.exits) == [("sell", "5", "110", "c2")]


def test_shares_that_the_broker_has_not_booked_yet_are_waited_for_and_then_told():
    soon = BOUGHT.transaction_time + timedelta(seconds=10)
    assert [w.why for w in look(B80, B90, free="0", now=soon).waits] == [
        "grid 3: the broker has not booked its last fills yet"
    ]
    (problem,) = look(B80, B90, free="0").problems
    assert (problem.code, "10 cannot be placed" in problem.message) == ("GRID_UNCOVERED", True)


def test_a_new_order_crosses_no_own_one_that_is_live_be_it_of_a_trade():
    target = order(id=9, client_order_id="ns-t7-exit-1", order_type="EXIT", side="sell", limit_price=D("85"))
    found = look(S110, S120, others=(target,), free="0")
    assert placed(found.entries) == [("buy", "5", "80", "c0")]
    assert found.notes == ("grid 3: buy 5 at 90 waits for ns-t7-exit-1, which it would meet",)


LIMIT = {"kind": "limit", "limit_price": D(100)}


@pytest.mark.parametrize(
    ("own", "side", "price", "meets"),
    [
        ({"side": "sell", **LIMIT}, "buy", "100", True),
        ({"side": "sell", **LIMIT}, "buy", "99.99", False),
        ({"side": "buy", **LIMIT}, "sell", "100", True),
        ({"side": "buy", **LIMIT}, "sell", "100.01", False),
        ({"side": "buy", **LIMIT}, "buy", "100", False),
        ({"side": "sell", **LIMIT}, "buy", None, True),
        ({"side": "sell", "kind": "market", "limit_price": None}, "buy", "1", True),
        ({"side": "sell", "kind": "stop", "limit_price": None, "stop_price": D(95)}, "buy", "90", True),
        ({"side": "sell", "kind": "stop", "limit_price": None, "parent_id": 1}, "buy", "90", False),
        ({"side": "sell", "kind": "stop", "limit_price": None, "order_status": "held"}, "buy", "90", False),
        ({"side": "sell", "kind": "trailing_stop", "limit_price": None}, "buy", "90", False),
        ({"side": "sell", "order_status": "pending_cancel", **LIMIT}, "buy", "100", True),
        ({"side": "sell", "order_status": "cancelled", **LIMIT}, "buy", "100", False),
    ],
)
def test_what_the_broker_lets_rest_side_by_side(own, side, price, meets):
    assert crosses(order(**own), side, None if price is None else D(price)) is meets


def test_what_was_refused_in_this_pass_is_not_tried_again_in_it():
    refused = grid_order(6, cell=1, price="90", order_status="rejected", reject_reason="OTHER: no", created_at=NOW)
    assert placed(look(B80, S110, S120, refused, free="0").entries) == []
    earlier = replace(refused, created_at=START)
    assert placed(look(B80, S110, S120, earlier, free="0").entries) == [("buy", "5", "90", "c1")]


def refusals(count, reason="BUYING_POWER: not enough"):
    return [
        grid_order(6 + n, cell=1, price="90", order_status="rejected", reject_reason=reason, created_at=START)
        for n in range(count)
    ]


def test_three_refusals_in_a_row_pause_the_grid_in_the_broker_s_words():
    found = look(B80, S110, S120, *refusals(3), free="0")
    (change,) = found.writes[0].changes
    assert (change.values["status"], change.values["approve"]) == ("PAUSED", False)
    assert "BUYING_POWER: not enough" in change.values["reason"]
    assert found.entries == ()
    assert look(B80, S110, S120, *refusals(2), free="0").writes == ()


def test_refusals_from_before_the_last_approval_are_forgotten():
    again = replace(strategy(), approved_seen_at=START + timedelta(minutes=1))
    assert look(B80, S110, S120, *refusals(3), grid=again, free="0").writes == ()


def test_a_wash_trade_beside_a_trade_pauses_at_once_and_alone_does_not():
    refused = refusals(1, "WASH_TRADE: potential wash trade detected")
    trades_own = order(id=9, client_order_id="ns-t7-exit-1", side="sell", limit_price=D("160"))
    assert look(B80, S110, S120, *refused, others=(trades_own,), free="0").writes != ()
    assert look(B80, S110, S120, *refused, free="0").writes == ()


def control(state):
    return Control(id=1, account="main", version=1, scope="symbol:main:AAPL", state=state, reason="a person")


@pytest.mark.parametrize(("state", "cancelled"), [("REDUCING", []), ("HALTED", [2])])
def test_a_stop_of_the_symbol_ends_entries_and_leaves_exits(state, cancelled):
    found = look(B80, S110, free="5", controls=(control(state),))
    assert placed(found.exits) == [("sell", "5", "120", "c3")]
    assert found.entries == ()
    assert [c.order.id for c in found.cancels] == cancelled


def test_parts_of_a_share_are_ordered_for_the_day_and_in_a_session_alone():
    half = filled(1, "1")
    given = rows(strategy(quantity_per_grid="0.5"), orders=(half,), fills=(grid_fill(1, half, price="100"),))
    (book,) = grid_books(given)
    seen = snapshot(positions=held("1"))
    found = difference(book, (), given, seen, context())
    assert {s.body["time_in_force"] for s in (*found.exits, *found.entries)} == {"day"}
    assert len((*found.exits, *found.entries)) == 4
    assert is_nothing(difference(book, (), given, seen, context(now=OPEN - timedelta(hours=2))))


def test_whole_shares_may_be_ordered_at_any_hour():
    assert len(look(now=OPEN - timedelta(hours=2)).entries) == 2


ABSENT = {"cell": 1, "price": "90", "missing_at": NOW - CONFIRM_MISSING}
NOT_THERE = {"ns-g3-c1-buy-6": None}


def test_an_order_of_unknown_outcome_is_sent_again_under_its_own_id_once_twice_absent():
    found = look(B80, S110, S120, unsent(6, **ABSENT), free="0", asked=NOT_THERE)
    (again,) = found.entries
    assert (again.body["client_order_id"], again.order.id) == ("ns-g3-c1-buy-6", 6)


@pytest.mark.parametrize(
    ("missing_at", "asked"),
    [(None, NOT_THERE), (NOW - CONFIRM_MISSING + timedelta(seconds=1), NOT_THERE), (NOW - CONFIRM_MISSING, {})],
    ids=["one look", "two looks too close", "not looked up"],
)
def test_before_that_nothing_takes_its_place(missing_at, asked):
    order = unsent(6, **(ABSENT | {"missing_at": missing_at}))
    found = look(B80, S110, S120, order, free="0", asked=asked)
    assert (found.entries, found.writes, found.cancels) == ((), (), ())


def test_one_that_is_wanted_no_more_is_given_up():
    elsewhere = unsent(6, **(ABSENT | {"price": "91"}))
    found = look(B80, S110, S120, elsewhere, free="0", asked=NOT_THERE)
    (change,) = found.writes[0].changes
    assert change.values == {"order_status": "unsent", "ended_at": NOW}
    assert found.entries == ()


def test_no_entry_goes_out_by_a_clock_that_nobody_shares():
    given = rows(strategy(), orders=(FIRST,), fills=(BOUGHT,))
    (book,) = grid_books(given)
    seen = snapshot(positions={"AAPL": BrokerPosition(symbol="AAPL", qty=D(10), qty_available=D(10))})
    found = difference(book, (), given, seen, context(calendar_agreed=False))
    assert (len(found.exits), found.entries) == (2, ())
