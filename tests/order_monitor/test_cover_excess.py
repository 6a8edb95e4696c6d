"""Cover that is too much is cancelled; both legs of an OCO filled: the excess goes back, the symbol is halted."""

from dataclasses import replace

import pytest

from lib.domain.bodies import freeze, market_exit_body
from lib.domain.money import D
from lib.domain.wanted import Wanted, write_wanted
from lib.planning.booking.results import result
from lib.planning.books import owned_qty
from tests.builders import (
    CLOSE,
    MINUTE,
    NOW,
    change,
    codes,
    control,
    exit_order,
    fill,
    kinds,
    oco,
    tables_of,
    values_of,
)
from tests.order_monitor.protecting import BEFORE, cancelled, look, owning, sent, step

OUTSIDE = CLOSE + 120 * MINUTE
FIVE_GONE = (change(delta=D("-5")),)

pytestmark = pytest.mark.case("fail-E5")


def doubled(*more, booked=2, **terms):
    """Return a trade of ten whose target and stop sold ten each, and as many of their fills as are booked."""
    ended = {"order_status": "filled", "filled_qty": D(10)}
    kept = owning(*oco(**ended, leg=ended), *more, **terms)
    sales = [fill(id=n, activity_id=f"F{n}", order_id=n, side="sell", price=D(p)) for n, p in ((2, 160), (3, 145))]
    return replace(kept, fills=(*kept.fills, *sales[:booked]))


def test_the_excess_is_bought_back_at_market():
    planned = step(doubled(), look("-10"))
    body = sent(planned)
    assert (body["side"], body["position_intent"], body["type"], body["qty"]) == ("buy", "buy_to_close", "market", "10")
    assert codes(planned[1]) == ["OVERSOLD"]


def test_the_symbol_is_halted_in_the_same_transaction():
    planned = step(doubled(), look("-10"))
    assert tables_of(planned[0]) == ["Insert order_execution", "Insert control"]
    halt = values_of(planned[0], "control")
    assert (halt["scope"], halt["state"]) == ("symbol:main:AAPL", "HALTED")
    known = control(scope="symbol:main:AAPL", state="ACTIVE")
    assert tables_of(step(doubled(), look("-10"), controls=(known,))[0])[1] == "Update control"
    assert len(tables_of(step(doubled(), look("-10"), controls=(replace(known, state="HALTED"),))[0])) == 1


@pytest.mark.parametrize(("shown", "free", "qty"), [("-4", "-4", "4"), ("-10", "-3", "3"), ("-25", "-25", "10")])
def test_no_more_goes_back_than_the_broker_shows_and_the_trade_took(shown, free, qty):
    assert sent(step(doubled(), look(shown, free=free)))["qty"] == qty


@pytest.mark.parametrize("shown", ["10", "0.5"])
def test_out_of_other_shares_nothing_can_go_back_and_a_person_is_told(shown):
    planned = step(doubled(), look(shown))
    assert (planned[0], codes(planned[1])) == ((), ["OVERSOLD"])
    assert "a person acts" in planned[1][0].message


def test_a_position_that_is_not_there_is_no_short_to_buy_back():
    planned = step(doubled(), replace(look(), positions={}))
    assert (planned[0], codes(planned[1])) == ((), ["OVERSOLD"])


def test_while_a_fill_is_not_booked_nothing_goes_back():
    planned = step(doubled(booked=1), look("-10"))
    assert (kinds(planned[0]), codes(planned[1])) == (["LookAgain"], ["OVERSOLD"])


def test_exits_that_are_still_live_are_cancelled_first():
    another = exit_order(id=9, client_order_id="ns-t7-exit-2")
    planned = step(doubled(another), look("-10"))
    assert (cancelled(planned), sent(planned)) == (["ns-t7-exit-2"], None)


def back(**changes):
    values = {"id": 9, "order_type": "EXIT", "kind": "market", "side": "buy", "stop_price": None}
    return exit_order(**(values | {"client_order_id": "ns-t7-exit-2"} | changes))


def test_an_order_that_is_on_its_way_back_is_waited_for():
    planned = step(doubled(back()), look("-10"))
    assert (kinds(planned[0]), codes(planned[1])) == (["LookAgain"], ["OVERSOLD"])


def lost_on_its_way_back(qty):
    """Return the row of a buy of `qty` whose answer was lost, and which the broker was asked for in vain."""
    body = market_exit_body("ns-t7-exit-2", "AAPL", D(qty), side="short")
    unknown = {"order_status": "pending", "alpaca_order_id": None, "missing_at": NOW}
    return back(qty=D(qty), payload=freeze(body), **unknown), body


def test_an_order_on_its_way_back_that_never_arrived_is_sent_again_under_its_id():
    lost, body = lost_on_its_way_back("10")
    assert sent(step(doubled(lost), look("-10"))) == body


def test_one_for_more_than_is_owed_by_now_is_not():
    lost, _ = lost_on_its_way_back("11")
    planned = step(doubled(lost), look("-10"))
    assert (sent(planned), values_of(planned[0], "order_execution")["order_status"]) == (None, "unsent")


def test_what_went_back_counts_against_what_was_closed():
    kept = doubled(back(order_status="filled", filled_qty=D(10)))
    kept = replace(kept, fills=(*kept.fills, fill(id=9, activity_id="F9", order_id=9, side="buy", price=D(146))))
    assert owned_qty(kept) == 0
    came_to = result(kept)
    # 10 bought at 150, sold at 160 and at 145, 10 bought back at 146: 1600 + 1450 - 1460 - 1500
    assert came_to["actual_pnl"] == D(90)
    assert came_to["exit_reason"] == "STOPPED_OUT"
    assert came_to["exit_evidence"] == "F2, F3, F9"


def test_nothing_happens_to_a_trade_that_is_just_empty():
    ended = {"order_status": "filled", "filled_qty": D(10)}
    parent, leg = oco(**ended, leg={"order_status": "cancelled"})
    assert step(owning(parent, leg), look("-3"), now=NOW) == ((), ())


def pairs(*qtys):
    """Return the rows of OCOs of such sizes, 1, 2, 3."""
    rows = []
    for n, qty in enumerate(qtys, 1):
        names = {"client_order_id": str(n), "alpaca_order_id": f"T{n}"}
        rows += oco(first_id=2 * n, qty=D(qty), leg={"alpaca_order_id": f"S{n}"}, **names)
    return rows


def too_much(*exits, sold):
    """Plan the cover of ten shares of which so many were sold elsewhere."""
    return step(owning(*exits, extra=(change(delta=-D(sold)),)), look(free="0"))


def test_cover_beyond_what_is_owned_is_cancelled_newest_first_and_as_a_pair():
    assert cancelled(too_much(*pairs("4", "6"), sold="5")) == ["2"]


def test_cover_of_exactly_what_is_too_much_is_the_one_that_goes():
    assert cancelled(too_much(*pairs("4", "6"), sold="4")) == ["1"]


@pytest.mark.parametrize("sold", ["9", "10"])
def test_cover_that_is_too_much_by_several_orders_is_cancelled_at_once(sold):
    assert sorted(cancelled(too_much(*pairs("4", "6"), sold=sold))) == ["1", "2"]


def test_while_a_cancel_is_waited_for_what_has_become_too_much_beside_it_is_cancelled_too():
    first, leg, *others = pairs("4", "3", "3")
    ending = (replace(first, order_status="pending_cancel", cancel_requested_at=BEFORE), leg)
    assert cancelled(too_much(*ending, *others, sold="6")) == ["3"]
    waits = too_much(*ending, *others, sold="4")
    assert (kinds(waits[0]), cancelled(waits)) == (["LookAgain"], [])


def test_of_several_that_are_too_much_the_one_that_takes_the_rest_exactly_is_the_last_to_go():
    """Ten less five of 3, 5 and 4: the newest, then exactly three; the five stay covered throughout."""
    assert cancelled(too_much(*pairs("3", "5", "4"), sold="5")) == ["3", "1"]


def test_what_this_pass_has_asked_for_is_on_its_way_out_and_nothing_goes_in_its_place():
    oldest, oldest_leg, older, older_leg, newest, newest_leg = pairs("3", "5", "4")
    older = replace(older, cancel_requested_at=NOW)
    newest = replace(newest, order_status="pending_cancel", cancel_requested_at=NOW)
    planned = too_much(oldest, oldest_leg, older, older_leg, newest, newest_leg, sold="5")
    assert (cancelled(planned), set(kinds(planned[0]))) == ([], {"LookAgain"})


def test_while_the_broker_takes_no_cancel_nothing_else_is_done_to_cover_that_is_too_much():
    moved = {"wanted": write_wanted(Wanted(amended_by=31, amended_at=NOW, claimed=(31,), stop=D("147"), stop_at=NOW))}
    older, leg, newer, newer_leg = pairs("4", "6")
    kept = owning(older, leg, replace(newer, cancel_requested_at=OUTSIDE), newer_leg, extra=FIVE_GONE, **moved)
    assert step(kept, look(free="0"), now=OUTSIDE)[0] == ()


def test_what_buys_an_excess_back_is_no_cover_that_is_too_much():
    late = replace(exit_order(id=9, client_order_id="late"), order_status="pending_cancel")
    planned = step(doubled(back(qty=D("10"), order_status="new"), late), look("-10"))
    assert cancelled(planned) == []


def test_cover_exactly_as_large_as_what_is_owned_is_left_alone():
    assert too_much(*pairs("4"), sold="6") == ((), ())
