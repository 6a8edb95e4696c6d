"""Cover: every owned share has a live stop, and nothing else that could sell it."""

from dataclasses import replace

import pytest

from lib.domain.actions import Cancel, LookAgain, Ref, Submit
from lib.domain.bodies import freeze, market_exit_body, thaw
from lib.domain.money import D
from lib.planning.protecting.cover import plan_cover
from tests.builders import (
    CLOSE,
    EXIT_ID,
    MINUTE,
    NOW,
    SECOND,
    activity,
    book,
    bought,
    change,
    codes,
    context,
    exit_order,
    fill,
    held,
    kinds,
    oco,
    order,
    snapshot,
    trade,
    values_of,
)

HELD_BACK = held(qty_available=D("0"))
OUTSIDE = CLOSE + 120 * MINUTE
DAY = {"trade_style": "DAY", "planned_tp": None}
BEFORE = NOW - MINUTE
IN_THIS_PASS = NOW + SECOND


def cover(*exits, owned=None, shown=None, now=NOW, started=None, extra=(), **style):
    """Plan the cover of a trade that bought ten shares, or the part of them that `owned` names."""
    journal, entry, first = bought(**style)
    if owned is not None:
        entry = order(order_status="partially_filled", filled_qty=D(owned))
        first = fill(qty=D(owned))
    kept = book(entry, *exits, trade=journal, fills=(first,), changes=extra)
    look = snapshot(*(held(),) if shown is None else shown and (shown,))
    return plan_cover(kept, look, context(now=now, pass_started_at=started or now), "ns")


def body_of(step):
    submits = [a for a in step[0] if isinstance(a, Submit)]
    return submits[0].body if submits else None


def refused(code, **changes):
    """Return the rows of an OCO that the broker refused in this pass."""
    said = {"order_status": "rejected", "reject_reason": f"{code}: it says", "created_at": NOW, "alpaca_order_id": None}
    parent, leg = oco(**(said | changes))
    return parent, replace(leg, order_status="rejected", alpaca_order_id=None)


@pytest.mark.parametrize("status", ["ORDERED"])
def test_a_trade_that_owns_nothing_yet_needs_no_cover(status):
    assert plan_cover(book(order(), trade=trade(status=status)), snapshot(), context(), "ns") == ((), ())


def test_a_swing_is_covered_by_an_oco_of_target_and_stop():
    body = body_of(cover())
    assert (body["order_class"], body["qty"]) == ("oco", "10")
    assert (body["take_profit"]["limit_price"], body["stop_loss"]["stop_price"]) == ("160", "145")


def test_an_oco_is_two_rows_in_one_intent_the_stop_beside_its_target():
    submit = cover()[0][0]
    target, stop = (c.values for c in submit.intent)
    assert submit.order_refs == (Ref("order"), Ref("stop"))
    assert (target["order_type"], target["limit_price"], target["order_status"]) == ("TAKE_PROFIT", D("160"), "pending")
    assert (stop["order_type"], stop["stop_price"], stop["parent_id"]) == ("STOP_LOSS", D("145"), Ref("order"))
    assert (target["client_order_id"], stop["client_order_id"]) == (EXIT_ID, f"{EXIT_ID}-stop")
    assert (thaw(target["payload"]), stop["payload"]) == (submit.body, None)
    assert not submit.increases_exposure


@pytest.mark.parametrize("style", [DAY, {"trade_style": "DAY"}, {"trade_style": "POSITION"}])
def test_any_other_style_is_covered_by_a_stop(style):
    step = cover(**style)
    assert (body_of(step)["type"], body_of(step)["stop_price"]) == ("stop", "145")
    assert values_of(step[0], "order_execution")["order_type"] == "STOP_LOSS"


def test_a_trail_makes_it_a_trailing_stop():
    body = body_of(cover(trail_percent=D("2.5"), **DAY))
    assert (body["type"], body["trail_percent"], body.get("stop_price")) == ("trailing_stop", "2.5", None)


def test_what_is_covered_needs_nothing():
    assert cover(*oco(), shown=HELD_BACK) == ((), ())
    assert cover(exit_order(), shown=HELD_BACK, **DAY) == ((), ())


@pytest.mark.parametrize("status", ["held", "new", "accepted", "pending_new", "partially_filled", "a new word"])
def test_a_leg_covers_while_it_is_live_even_under_a_name_nobody_knows(status):
    assert cover(*oco(leg={"order_status": status}), shown=HELD_BACK) == ((), ())


@pytest.mark.case("fail-E7")
@pytest.mark.parametrize("status", ["cancelled", "expired", "rejected", "replaced", "filled"])
def test_cover_that_died_is_placed_anew_under_the_next_id(status):
    parent, leg = oco(order_status=status, leg={"order_status": status}, created_at=BEFORE)
    assert body_of(cover(parent, leg))["client_order_id"] == "ns-t7-exit-2"


def test_cover_grows_by_what_is_uncovered_and_leaves_good_cover_alone():
    step = cover(*oco(qty=D("4")), owned="7", shown=held("7", qty_available=D("3")))
    assert (kinds(step[0]), body_of(step)["qty"], body_of(step)["client_order_id"]) == (["Submit"], "3", "ns-t7-exit-2")


@pytest.mark.case("fail-A7")
def test_no_more_is_sold_than_the_broker_lets_go_and_the_rest_is_told():
    step = cover(shown=held(qty_available=D("6")))
    assert body_of(step)["qty"] == "6"
    assert [p.uncovered_qty for p in step[1]] == [D("4")]


@pytest.mark.parametrize("shown", [held("9.5"), held("20")], ids=["all there is", "the user holds more of it"])
def test_whole_shares_are_covered_first_and_the_fraction_is_told_until_the_next_round(shown):
    step = cover(shown=shown, extra=(change(delta=D("-0.5")),))
    assert (body_of(step)["order_class"], body_of(step)["qty"]) == ("oco", "9")
    assert [p.uncovered_qty for p in step[1]] == [D("0.5")]
    assert kinds(step[0]) == ["Submit"]


def test_while_part_of_the_entry_can_fill_an_oco_goes_out_all_the_same():
    assert body_of(cover(owned="4", shown=held("4")))["order_class"] == "oco"
    assert body_of(cover(owned="4", shown=held("4"), trail_percent=D("2"), **DAY))["type"] == "trailing_stop"


@pytest.mark.case("fail-E1", "fail-E16")
def test_for_a_plain_stop_the_rest_of_the_entry_is_cancelled_first():
    step = cover(owned="4", shown=held("4"), **DAY)
    assert [(type(a), a.order.client_order_id) for a in step[0]] == [(Cancel, "ns-d12-entry-1")]
    assert codes(step[1]) == ["UNCOVERED"]


def test_a_cancel_is_asked_for_once_a_pass_and_then_waited_for():
    journal, _, _ = bought(**DAY)
    asked = order(order_status="partially_filled", filled_qty=D("4"), cancel_requested_at=NOW)
    kept = book(asked, trade=journal, fills=(fill(qty=D("4")),))
    look = snapshot(held("4"))
    assert kinds(plan_cover(kept, look, context(), "ns")[0]) == ["LookAgain"]
    assert kinds(plan_cover(kept, look, context(now=NOW + 5 * MINUTE), "ns")[0]) == ["Cancel"]


@pytest.mark.parametrize(("status", "cause"), [("partially_filled", None), ("pending_cancel", "broker_pending_cancel")])
def test_that_the_broker_has_not_ended_the_rest_of_the_entry_is_the_cause_once_it_says_so(status, cause):
    journal, _, _ = bought(**DAY)
    asked = order(order_status=status, filled_qty=D("4"), cancel_requested_at=NOW)
    kept = book(asked, trade=journal, fills=(fill(qty=D("4")),))
    _, problems = plan_cover(kept, snapshot(held("4")), context(), "ns")
    assert [(p.code, p.cause) for p in problems] == [("UNCOVERED", cause)]


@pytest.mark.case("fail-E4")
@pytest.mark.parametrize("status", ["pending_cancel", "pending_replace"])
@pytest.mark.parametrize("where", ["parent", "leg"])
def test_while_an_exit_is_unsettled_no_other_is_planned(status, where):
    changes = {"order_status": status} if where == "parent" else {"leg": {"order_status": status}}
    step = cover(*oco(**changes), shown=held())
    assert kinds(step[0]) == ["LookAgain"]


@pytest.mark.case("fail-A12")
def test_an_oco_whose_stop_the_broker_does_not_show_covers_nothing_and_is_told():
    step = cover(*oco(leg={"order_status": "pending", "alpaca_order_id": None}), shown=HELD_BACK)
    assert (kinds(step[0]), [p.uncovered_qty for p in step[1]]) == (["LookAgain"], [D("10")])


def test_an_unsettled_exit_covers_nothing_and_is_told():
    step = cover(exit_order(order_status="pending_cancel"), shown=HELD_BACK, **DAY)
    assert [p.uncovered_qty for p in step[1]] == [D("10")]


def test_the_stop_of_an_oco_that_is_being_cancelled_covers_nothing_either():
    step = cover(*oco(order_status="pending_cancel"), shown=HELD_BACK)
    assert [(p.uncovered_qty, p.cause) for p in step[1]] == [(D("10"), "broker_pending_cancel")]
    step = cover(*oco(order_status="pending_cancel", leg={"order_status": "new"}), shown=HELD_BACK)
    assert (kinds(step[0]), step[1]) == (["LookAgain"], ())  # it went off: it is what ends the target


def test_outside_the_session_nobody_waits_for_a_cancel():
    step = cover(exit_order(order_status="pending_cancel"), shown=HELD_BACK, now=OUTSIDE, **DAY)
    assert (step[0], codes(step[1])) == ((), ["UNCOVERED"])


def test_cover_that_sold_a_part_is_left_alone_until_its_order_says_so_too():
    journal, entry, first = bought()
    sold = fill(id=2, activity_id="F2", order_id=3, side="sell", qty=D("4"))
    ahead = book(entry, *oco(), trade=journal, fills=(first, sold))
    assert plan_cover(ahead, snapshot(HELD_BACK), context(), "ns") == ((), ())


def test_a_trade_that_owns_nothing_any_more_has_its_exits_cancelled():
    step = cover(*oco(), extra=(change(),))
    assert [(type(a), a.order.id) for a in step[0]] == [(Cancel, 2)]
    assert step[1] == ()


def test_of_a_trade_that_sold_too_much_live_exits_are_cancelled_before_anything_else():
    step = cover(*oco(), extra=(change(delta=D("-12")),), shown=held("-2"))
    assert (kinds(step[0]), codes(step[1])) == (["Cancel"], ["OVERSOLD"])


@pytest.mark.case("fail-A9")
def test_a_stop_refused_as_through_is_a_market_exit():
    step = cover(*refused("STOP_THROUGH"), now=IN_THIS_PASS, started=NOW)
    assert (body_of(step)["type"], body_of(step)["qty"]) == ("market", "10")
    assert body_of(step)["position_intent"] == "sell_to_close"
    assert values_of(step[0], "order_execution")["order_type"] == "EXIT"


def test_the_market_exit_waits_for_the_rest_of_the_entry_to_end():
    step = cover(*refused("STOP_THROUGH", qty=D("4")), owned="4", shown=held("4"), now=IN_THIS_PASS, started=NOW)
    assert (kinds(step[0]), codes(step[1])) == (["Cancel"], ["UNCOVERED"])


@pytest.mark.parametrize("status", ["new", "accepted", "a new word"])
def test_a_live_market_exit_counts_as_cover(status):
    market = exit_order(order_type="EXIT", kind="market", stop_price=None, order_status=status)
    assert cover(*refused("STOP_THROUGH"), replace(market, id=4), shown=HELD_BACK, now=OUTSIDE) == ((), ())


def test_a_target_refused_as_through_is_a_limit_at_the_target_for_the_day():
    step = cover(*refused("TARGET_THROUGH"), now=IN_THIS_PASS, started=NOW)
    body = body_of(step)
    assert (body["type"], body["limit_price"], body["time_in_force"]) == ("limit", "160", "day")
    assert values_of(step[0], "order_execution")["order_type"] == "TAKE_PROFIT"


def lone_target(**changes):
    values = {"order_type": "TAKE_PROFIT", "kind": "limit", "stop_price": None, "time_in_force": "day"}
    return exit_order(**(values | changes))


def test_a_target_of_this_pass_is_given_the_pass_and_told_as_uncovered():
    step = cover(lone_target(created_at=NOW), shown=HELD_BACK, now=IN_THIS_PASS, started=NOW)
    assert (kinds(step[0]), codes(step[1])) == (["LookAgain"], ["UNCOVERED"])


def test_a_target_of_an_earlier_pass_goes_back_to_a_stop():
    step = cover(lone_target(created_at=BEFORE), shown=HELD_BACK)
    assert [(type(a), a.order.id) for a in step[0]] == [(Cancel, 2)]
    after = cover(lone_target(created_at=BEFORE, order_status="cancelled", filled_qty=D("0")))
    assert body_of(after)["order_class"] == "oco"


@pytest.mark.parametrize("code", ["NOT_BOOKED", "SHARES_RESERVED"])
def test_not_booked_yet_is_tried_again_while_the_position_exists(code):
    step = cover(*refused(code), now=IN_THIS_PASS, started=NOW)
    assert (body_of(step)["order_class"], body_of(step)["client_order_id"]) == ("oco", "ns-t7-exit-2")


def test_a_position_not_booked_is_waited_for_a_minute_and_never_sold_short():
    fresh = fill().transaction_time
    waiting = cover(shown=(), now=fresh + MINUTE - SECOND)
    assert (kinds(waiting[0]), codes(waiting[1])) == (["LookAgain"], ["UNCOVERED"])
    gone = cover(shown=(), now=fresh + MINUTE)
    assert (gone[0], codes(gone[1])) == ((), ["POSITION_ABSENT"])


@pytest.mark.case("fail-E12")
def test_a_short_position_is_no_position_to_sell():
    step = cover(shown=held("-10"))
    assert (step[0], codes(step[1])) == ((), ["POSITION_ABSENT"])


def test_shares_that_other_orders_hold_are_waited_for():
    step = cover(shown=HELD_BACK)
    assert (kinds(step[0]), codes(step[1])) == (["LookAgain"], ["UNCOVERED"])


@pytest.mark.parametrize("code", ["OTHER", "RATE_LIMIT", "BUYING_POWER", "a word of tomorrow"])
def test_any_other_refusal_ends_the_attempts_of_this_pass_and_is_told(code):
    step = cover(*refused(code), now=IN_THIS_PASS, started=NOW)
    assert (step[0], codes(step[1])) == ((), ["UNCOVERED"])
    assert "it says" in step[1][0].message


def test_the_next_pass_tries_again_whatever_the_refusal_was():
    step = cover(*refused("OTHER"), now=NOW + 5 * MINUTE)
    assert body_of(step)["order_class"] == "oco"


def unknown(**changes):
    parent, leg = oco(**({"order_status": "pending", "alpaca_order_id": None} | changes))
    return parent, replace(leg, order_status="pending", alpaca_order_id=None)


def test_an_exit_of_unknown_outcome_is_waited_for_until_the_broker_says_404():
    step = cover(*unknown())
    assert (kinds(step[0]), codes(step[1])) == (["LookAgain"], ["UNCOVERED"])


@pytest.mark.case("fail-E6")
@pytest.mark.case("fail-E6")
@pytest.mark.parametrize("now", [NOW, OUTSIDE])
def test_then_it_is_sent_again_under_the_same_id_at_any_hour(now):
    parent, leg = unknown(missing_at=BEFORE, version=3)
    again = cover(parent, leg, now=now)[0][0]
    assert again.body == thaw(parent.payload)
    assert (again.order, again.legs, again.order_refs) == (parent, (leg,), ())
    assert [(c.id, c.version, dict(c.values)) for c in again.intent] == [
        (2, 3, {"submitted_at": now, "missing_at": None})
    ]


@pytest.mark.case("fail-E6")
@pytest.mark.parametrize(("sent", "told"), [(NOW, ["broker_down"]), (BEFORE, [])], ids=["in this pass", "earlier"])
def test_that_the_broker_did_not_answer_in_this_pass_is_told_as_the_cause(sent, told):
    """Who sent it earlier may have died before: nothing says yet that the broker is down."""
    problems = cover(*unknown(missing_at=NOW, submitted_at=sent), now=IN_THIS_PASS, started=NOW)[1]
    assert [(p.code, p.cause, p.uncovered_qty) for p in problems] == [("UNCOVERED", cause, 10) for cause in told]


@pytest.mark.parametrize(
    ("extra", "resent"),
    [((), True), ((change(delta=D("-1")),), False), ((change(delta=D("-10")),), False)],
    ids=["wanted", "one share fewer", "nothing left"],
)
def test_it_is_sent_again_only_while_the_trade_wants_all_of_it(extra, resent):
    step = cover(*unknown(missing_at=BEFORE), extra=extra)
    assert (body_of(step) is not None) is resent
    if not resent:
        assert values_of(step[0], "order_execution") == {"order_status": "unsent", "ended_at": NOW}
        assert [c.id for c in step[0][0].changes] == [2, 3]


@pytest.mark.parametrize("payload", [None, "{", "[]"])
def test_a_body_that_cannot_be_read_is_given_up_and_not_sent(payload):
    step = cover(*unknown(missing_at=BEFORE, payload=payload))
    assert values_of(step[0], "order_execution")["order_status"] == "unsent"


def test_a_market_exit_of_unknown_outcome_is_sent_again_too():
    body = market_exit_body(EXIT_ID, "AAPL", D("10"))
    sold = exit_order(
        order_type="EXIT", kind="market", order_status="pending", alpaca_order_id=None, payload=freeze(body)
    )
    lost = replace(sold, missing_at=BEFORE, submitted_at=NOW)
    assert body_of(cover(lost)) == body
    # Five minutes later the price may be another: a stop is tried first, as for any uncovered share.
    later = NOW + 5 * MINUTE
    step = cover(lost, now=later, started=later)
    assert values_of(step[0], "order_execution")["order_status"] == "unsent"


@pytest.mark.parametrize("status", ["CANCELLED", "CLOSED"])
@pytest.mark.parametrize("live", ["new", "held", "partially_filled", "a new word"])
def test_an_ended_trade_wants_no_order(status, live):
    ended = book(order(order_status=live), trade=trade(status=status))
    step = plan_cover(ended, snapshot(), context(), "ns")
    assert [(type(a), a.order.id) for a in step[0]] == [(Cancel, 1)]


@pytest.mark.parametrize("status", ["pending", "pending_cancel", "cancelled", "unsent", "filled"])
def test_what_ends_or_is_ending_is_not_cancelled_again(status):
    ended = book(order(order_status=status), trade=trade(status="CANCELLED"))
    assert plan_cover(ended, snapshot(), context(), "ns") == ((), ())


def test_a_trade_called_closed_by_hand_keeps_the_cover_of_the_shares_it_owns():
    owned, entry, first = bought(status="CLOSED")
    kept = book(entry, *oco(), trade=owned, fills=(first,))
    assert plan_cover(kept, snapshot(HELD_BACK), context(), "ns") == ((), ())


def test_looking_again_names_what_is_waited_for():
    step = cover(*unknown())
    assert isinstance(step[0][0], LookAgain)
    assert EXIT_ID in step[0][0].why
    assert activity().symbol == step[0][0].symbol
