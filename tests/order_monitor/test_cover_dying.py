"""Cover that dies by its date, or by somebody's hand."""

from datetime import timedelta

import pytest

from lib.domain.limits import Limits
from lib.domain.money import D
from tests.builders import CLOSE, MINUTE, NOW, OPEN, codes, exit_order, oco
from tests.order_monitor.protecting import (
    SHORT,
    TRAILING,
    cancelled,
    fraction_stop,
    live_entry,
    look,
    owning,
    sent,
    step,
    trailing,
)

DAY = timedelta(days=1)
FLATTEN = {"limits": Limits(stop_lost="flatten")}


def resting_since(days, **changes):
    return oco(created_at=NOW - days * DAY, **changes)


@pytest.mark.case("fail-K5")
@pytest.mark.parametrize(("days", "named"), [(84, []), (85, ["ns-t7-exit-1"]), (89, ["ns-t7-exit-1"])])
def test_cover_is_renewed_from_the_85th_day_on(days, named):
    assert cancelled(step(owning(*resting_since(days)), look(free="0"))) == named


@pytest.mark.case("fail-K5")
@pytest.mark.parametrize(("left", "named"), [(5 * DAY, ["ns-t7-exit-1"]), (5 * DAY + MINUTE, [])])
def test_the_brokers_own_date_goes_before_ours(left, named):
    assert cancelled(step(owning(*resting_since(30, expires_at=NOW + left)), look(free="0"))) == named


def test_cover_is_renewed_in_session_only():
    assert step(owning(*resting_since(86)), look(free="0"), now=CLOSE + MINUTE) == ((), ())


def test_cover_of_today_is_never_renewed_whatever_date_the_broker_gives_it():
    assert step(owning(*oco(expires_at=NOW + DAY)), look(free="0")) == ((), ())


def test_a_day_order_is_not_renewed():
    assert step(owning(*resting_since(2, time_in_force="day", expires_at=CLOSE)), look(free="0")) == ((), ())


def test_a_trailing_stop_that_was_lost_starts_anew_where_the_market_allows_it():
    gone = trailing("150", order_status="cancelled", ended_at=NOW)
    body = sent(step(owning(gone, **TRAILING), look(bid="158")))  # 5 % below 158 is 150.10
    assert (body["type"], body["trail_percent"]) == ("trailing_stop", "5")


@pytest.mark.parametrize(
    "quote", [{"bid": "157"}, {}, {"bid": "170", "at": NOW - 20 * MINUTE}], ids=["low", "no", "old"]
)
def test_else_a_plain_stop_holds_the_level_that_it_had_reached(quote):
    gone = trailing("150.003", order_status="cancelled", ended_at=NOW)
    body = sent(step(owning(gone, **TRAILING), look(**quote)))  # 5 % below 157 is 149.15
    assert (body["type"], body["stop_price"]) == ("stop", "150.01")


def test_of_several_trailing_stops_the_best_level_counts():
    gone = [trailing(level, id=n, order_status="cancelled") for n, level in ((2, "148"), (3, "151"), (4, "150"))]
    assert sent(step(owning(*gone, **TRAILING), look(bid="152")))["stop_price"] == "151"


def test_the_level_of_a_short_is_rounded_down():
    gone = trailing("150.007", side="buy", order_status="cancelled")
    body = sent(step(owning(gone, **(SHORT | TRAILING)), look("-10", bid="148", ask="148")))
    assert (body["side"], body["stop_price"]) == ("buy", "150")  # 5 % above 148 is 155.40: looser


def test_a_level_that_stands_plain_is_no_exempt_order_beside_the_entry():
    gone = trailing("150", order_status="cancelled")
    planned = step(owning(gone, entry=live_entry(), **TRAILING), look(bid="152"))
    assert cancelled(planned) == ["ns-d12-entry-1"]


@pytest.mark.case("fail-E3")
def test_shares_that_come_while_the_first_ones_trail_begin_a_trail_of_their_own():
    trails = trailing("152", qty=D(4))
    planned = step(owning(trails, entry=live_entry(), **TRAILING), look(free="6"))
    assert (cancelled(planned), sent(planned)["type"], sent(planned)["qty"]) == ([], "trailing_stop", "6")
    ended = step(owning(trails, **TRAILING), look(free="6"))  # the entry is over: nothing can stand in its way
    assert (sent(ended)["type"], sent(ended)["stop_price"]) == ("stop", "152")


@pytest.mark.parametrize(("bid", "named"), [("158.10", ["ns-t7-exit-2"]), ("158", []), ("140", [])])
def test_the_trail_takes_its_place_again_once_it_is_tighter(bid, named):
    gone = trailing("150", order_status="cancelled")  # 150.15 is 0.1 % beyond 150: 5 % below 158.06
    plain = exit_order(id=3, stop_price=D(150), client_order_id="ns-t7-exit-2", alpaca_order_id="B9")
    assert cancelled(step(owning(gone, plain, **TRAILING), look(free="0", bid=bid))) == named


def lost(n, **changes):
    """Return the rows of the n-th OCO, cancelled in the app."""
    ended = {"order_status": "cancelled", "ended_at": NOW - (9 - n) * MINUTE}
    names = {"first_id": 10 * n, "client_order_id": f"ns-t7-exit-{n}", "alpaca_order_id": f"T{n}"}
    return oco(**(ended | names | changes), leg=ended | {"alpaca_order_id": f"S{n}"})


THREE = (*lost(1), *lost(2), *lost(3))


@pytest.mark.case("fail-E8")
def test_two_stops_cancelled_in_the_app_are_placed_again_without_a_word():
    planned = step(owning(*lost(1), *lost(2)), look())
    assert (sent(planned)["order_class"], codes(planned[1])) == ("oco", [])


@pytest.mark.case("fail-E8", "fail-E7")
def test_the_third_one_is_placed_again_and_told_in_each_pass():
    planned = step(owning(*THREE), look())
    assert (sent(planned)["order_class"], codes(planned[1])) == ("oco", ["STOP_LOST"])
    standing = oco(first_id=40, client_order_id="ns-t7-exit-4", alpaca_order_id="T4", leg={"alpaca_order_id": "S4"})
    assert codes(step(owning(*THREE, *standing), look(free="0"))[1]) == ["STOP_LOST"]


@pytest.mark.case("fail-E7")
def test_by_setting_the_trade_is_closed_at_market_instead():
    planned = step(owning(*THREE), look(), **FLATTEN)
    assert (sent(planned)["type"], sent(planned)["qty"]) == ("market", "10")
    assert sent(step(owning(*lost(1), *lost(2)), look(), **FLATTEN))["order_class"] == "oco"


def test_the_rest_of_the_entry_is_cancelled_before_that():
    assert cancelled(step(owning(*THREE, entry=live_entry()), look(), **FLATTEN)) == ["ns-d12-entry-1"]


@pytest.mark.parametrize(
    "third",
    [
        lost(3, cancel_requested_at=NOW - 7 * MINUTE),
        lost(3, ended_at=OPEN - MINUTE),
        lost(3, order_status="filled", filled_qty=D(10)),
        lost(3, order_status="expired", time_in_force="day", expires_at=CLOSE),
        lost(3, created_at=NOW - 90 * DAY, expires_at=NOW + MINUTE),
        lost(3, order_status="rejected", alpaca_order_id=None),
        lost(3, order_status="replaced"),
    ],
    ids=["asked for", "before the open", "filled", "by its day", "by its date", "refused", "edited"],
)
def test_what_ends_by_our_asking_its_date_or_a_fill_is_not_counted(third):
    assert "STOP_LOST" not in codes(step(owning(*lost(1), *lost(2), *third), look())[1])


def test_a_day_stop_cancelled_before_its_time_is_counted():
    third = fraction_stop(order_status="cancelled", ended_at=NOW, expires_at=CLOSE)
    assert codes(step(owning(*lost(1), *lost(2), third), look())[1]) == ["STOP_LOST"]


def test_the_count_begins_anew_with_the_next_session():
    monday = OPEN + 3 * DAY + MINUTE
    assert codes(step(owning(*THREE), look(), now=monday)[1]) == []


def test_a_leg_that_lives_on_under_an_ended_parent_can_be_cancelled():
    parent, leg = oco(order_status="cancelled", leg={"order_status": "new", "qty": D(12)})
    assert cancelled(step(owning(parent, leg), look(free="0"))) == ["ns-t7-exit-1-stop"]


def test_of_cover_that_is_too_much_the_part_that_fits_goes():
    assert cancelled(step(owning(fraction_stop(), *oco(first_id=10)), look(free="0"))) == ["ns-t7-exit-4"]
