"""What later decisions want of an entry and of its cover, one look at a time."""

from dataclasses import replace

import pytest

from lib.domain.actions import Cancel, Replace, Submit, Write
from lib.domain.money import D
from lib.domain.wanted import Wanted, read_wanted, write_wanted
from lib.planning.booking.booking import book as booked
from lib.planning.deciding.amending import awaits_generation, generation_of, misplaced, move_exits, plan_entry, unmoved
from tests.builders import (
    CLOSE,
    EXIT_ID,
    MINUTE,
    NOW,
    OPEN,
    SECOND,
    book,
    bought,
    codes,
    context,
    control,
    exit_order,
    fill,
    oco,
    order,
    pending,
    rows,
    snapshot,
    trade,
    values_of,
)

WINDOW = CLOSE - 30 * MINUTE
AMENDED = Wanted(
    amended_by=31, amended_at=NOW - MINUTE, claimed=(31,), generation=2, entry=D("149"), total=D("20"), send_by=WINDOW
)


def wants(want, **changes):
    return trade(wanted=write_wanted(want), **changes)


def steps(kept, *, controls=(), **moment):
    return plan_entry(kept, controls, context(**moment), "ns")


def ended(**changes):
    return order(**({"order_status": "cancelled", "ended_at": NOW} | changes))


def test_the_column_keeps_every_wish_to_the_digit_and_the_second():
    full = replace(
        AMENDED, stop=D("146.10"), stop_at=NOW, target=D("158"), target_at=NOW, partly_by=31, claimed=(31, 40)
    )
    assert read_wanted(write_wanted(full)) == full


def test_an_entry_that_is_to_be_another_is_cancelled_with_the_reason():
    (step,) = steps(book(order(), trade=wants(AMENDED)))
    assert isinstance(step, Cancel)
    assert values_of((step,), "trade_journal")["note"] == "cancel asked because decision 31 amends it"


@pytest.mark.case("fail-C1")
def test_the_next_one_goes_out_after_the_terminal_word_for_what_is_left():
    (step,) = steps(book(ended(), trade=wants(AMENDED)))
    assert isinstance(step, Submit)
    assert step.increases_exposure
    assert (step.body["client_order_id"], step.body["qty"], step.body["limit_price"]) == ("ns-d12-entry-2", "20", "149")
    assert values_of((step,), "order_execution")["expires_at"] == WINDOW


@pytest.mark.case("fail-C1")
@pytest.mark.parametrize("status", ["pending_cancel", "new", "partially_filled"])
def test_while_the_old_one_lives_no_other_goes_out(status):
    kept = book(order(order_status=status, cancel_requested_at=NOW), trade=wants(AMENDED))
    assert not any(isinstance(step, Submit) for step in steps(kept))


def test_what_filled_is_covered_before_the_rest_is_ordered():
    filled = ended(filled_qty=D("4"))
    kept = book(filled, trade=wants(AMENDED, status="POSITION"), fills=(fill(qty=D("4")),))
    assert steps(kept) == ()
    guarded = replace(kept, orders=(filled, *oco(qty=D("4"))))
    (step,) = steps(guarded)
    assert (step.body["client_order_id"], step.body["qty"]) == ("ns-d12-entry-2", "16")


def test_beside_a_plain_stop_the_rest_is_given_up_and_said():
    kept = book(
        ended(filled_qty=D("4")),
        trade=wants(AMENDED, status="POSITION", trade_style="TREND", planned_tp=None),
        fills=(fill(qty=D("4")),),
    )
    (step,) = steps(kept)
    assert isinstance(step, Write)
    written = values_of((step,), "trade_journal")
    settled = read_wanted(written["wanted"])
    assert (settled.generation, settled.total, settled.partly_by) == (1, D("4"), 31)
    assert written["note"].startswith("AMEND_PARTLY: 4 of 20 had filled before decision 31")


@pytest.mark.parametrize(
    ("moment", "controls"),
    [
        ({"now": WINDOW + SECOND}, ()),
        ({"now": OPEN + MINUTE}, ()),
        ({"calendar_agreed": False}, ()),
        ({}, (control(state="REDUCING"),)),
        ({}, (control(state="HALTED"),)),
    ],
    ids=["after the window", "before it", "calendars differ", "reducing", "halted"],
)
def test_no_other_entry_goes_out_when_none_would(moment, controls):
    assert steps(book(ended(), trade=wants(AMENDED)), controls=controls, **moment) == ()


def test_a_trade_waits_for_its_next_entry_until_the_window_closes_and_then_ends():
    kept = rows(trades=(wants(AMENDED),), orders=(ended(),))
    assert booked(kept, snapshot(), NOW).writes == ()
    (write,) = booked(kept, snapshot(), WINDOW + SECOND).writes
    assert values_of((write,), "trade_journal")["status"] == "CANCELLED"


def test_a_trade_that_was_stopped_out_meanwhile_orders_no_rest():
    owned, entry, filled = bought(wanted=write_wanted(AMENDED))
    sold = exit_order(order_status="filled", filled_qty=D("10"))
    kept = book(entry, sold, trade=owned, fills=(filled, fill(id=2, activity_id="F2", order_id=2, side="sell")))
    (step,) = steps(kept)
    assert read_wanted(values_of((step,), "trade_journal")["wanted"]).generation == 1


@pytest.mark.parametrize(
    ("missing_for", "given_up"),
    [(None, False), (29 * SECOND, False), (30 * SECOND, True)],
    ids=["none", "29 s", "30 s"],
)
def test_an_entry_of_unknown_outcome_that_is_cancelled_is_given_up_once_confirmed_absent(missing_for, given_up):
    absent = pending(missing_at=None if missing_for is None else NOW - missing_for)
    found = steps(book(absent, trade=wants(Wanted(cancel_by=31, claimed=(31,)))))
    assert [values_of((step,), "order_execution")["order_status"] for step in found] == (["unsent"] if given_up else [])


def test_an_older_entry_that_arrives_late_is_cancelled():
    late, wanted = order(), order(id=2, client_order_id="ns-d12-entry-2", alpaca_order_id="B9")
    (step,) = steps(book(late, wanted, trade=wants(AMENDED)))
    assert isinstance(step, Cancel)
    assert step.order == late


def test_an_entry_edited_in_the_app_is_of_the_generation_it_replaced():
    first = order(order_status="replaced")
    heir = order(id=2, client_order_id="made-by-the-broker", replaces=1, alpaca_order_id="B2")
    assert generation_of(heir, (first, heir)) == 1
    assert steps(book(first, heir, trade=wants(Wanted(stop=D("146"), stop_at=NOW)))) == ()


def test_a_cancelled_trade_awaits_no_other_entry():
    assert not awaits_generation(book(ended(), trade=wants(replace(AMENDED, cancel_by=40))), NOW)


MOVED = Wanted(amended_by=31, stop=D("147"), stop_at=NOW, target=D("158"), target_at=NOW)


def covered(want, *exits):
    owned, entry, filled = bought(wanted=write_wanted(want))
    return book(entry, *exits, trade=owned, fills=(filled,))


def test_the_stop_is_replaced_on_its_leg_before_the_target_on_its_parent():
    target, stop = oco()
    (step,) = move_exits(covered(MOVED, target, stop), context())
    assert isinstance(step, Replace)
    assert (step.order, step.body) == (stop, {"stop_price": "147"})
    (step,) = move_exits(covered(MOVED, target, replace(stop, stop_price=D("147"))), context())
    assert (step.order, step.body) == (target, {"limit_price": "158"})


@pytest.mark.case("fail-C5")
@pytest.mark.parametrize("status", ["accepted", "pending_new", "pending_replace", "pending_cancel"])
def test_an_order_that_cannot_be_replaced_now_waits_for_the_next_pass(status):
    kept = covered(MOVED, *oco(leg={"order_status": status}, order_status=status))
    assert move_exits(kept, context()) == ()
    assert misplaced(kept) != ()


@pytest.mark.case("fail-C5")
def test_a_replacement_is_asked_once_a_pass():
    target, stop = oco(leg={"replace_requested_at": NOW})
    assert move_exits(covered(MOVED, target, stop), context()) == ()
    later = context(now=NOW + 5 * MINUTE)
    assert [step.order for step in move_exits(covered(MOVED, target, stop), later)] == [stop]


@pytest.mark.case("fail-C5")
@pytest.mark.parametrize(("since", "told"), [(9 * MINUTE, []), (10 * MINUTE, ["AMEND_REFUSED"])])
def test_an_order_that_the_broker_does_not_move_is_told_after_ten_minutes(since, told):
    want = replace(MOVED, stop_at=NOW - since, target=None, target_at=None)
    sent = {"created_at": OPEN, "order_status": "held"}
    refused = covered(want, *oco(leg={"replace_requested_at": NOW} | sent))
    assert [problem.code for problem in unmoved(refused, context())] == told
    not_asked = covered(want, *oco(leg=sent))
    assert unmoved(not_asked, context()) == ()


def test_what_was_sent_or_edited_after_the_amend_stays():
    mine = exit_order(created_at=NOW + SECOND, stop_price=D("144"), client_order_id=EXIT_ID)
    assert misplaced(covered(MOVED, mine)) == ()


def test_an_amend_of_the_target_alone_leaves_a_stop_that_the_user_moved():
    kept = covered(replace(MOVED, stop=None, stop_at=None), *oco(leg={"stop_price": D("143")}))
    assert [name for _, name, _ in misplaced(kept)] == ["limit_price"]


def test_the_limit_of_a_coin_s_stop_keeps_its_distance():
    stop = exit_order(kind="stop_limit", stop_price=D("100"), limit_price=D("98"))
    (step,) = move_exits(covered(replace(MOVED, stop=D("110")), stop), context())
    assert step.body == {"stop_price": "110", "limit_price": "107.8"}


@pytest.mark.case("fail-H13")
def test_an_entry_is_left_alone_where_nobody_can_read_what_its_trade_wants():
    torn = book(order(client_order_id="ns-d12-entry-2"), trade=trade(wanted="{oops"))
    assert steps(torn) == ()
    kept = rows(trades=(torn.trade,), orders=torn.orders)
    assert "WANTED_UNREADABLE" in codes(booked(kept, snapshot(), NOW).problems)
