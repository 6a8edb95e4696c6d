"""Parts of a share and days: what Alpaca takes for one session only, and targets that no order can rest at."""

from dataclasses import replace

import pytest

from lib.domain.money import D
from lib.domain.wanted import Wanted, write_wanted
from lib.planning.protecting.watching import symbols_to_quote
from tests.builders import CLOSE, MINUTE, NOW, OPEN, broker_exit, codes, exit_order, kinds, oco, rows
from tests.order_monitor.protecting import (
    BEFORE,
    IN_THIS_PASS,
    STOPPED,
    TRAILING,
    cancelled,
    coin_stop,
    fraction_stop,
    live_entry,
    look,
    owning,
    refused,
    sent,
    step,
    trailing,
)

HALF = D("0.5")
EVENING = CLOSE + 120 * MINUTE
MORNING = OPEN - 15 * MINUTE
CLOSED_AT_MARKET = write_wanted(Wanted(close_by=13))


@pytest.mark.case("fail-E17")
def test_beside_whole_shares_the_fraction_has_a_stop_for_the_day():
    body = sent(step(owning(*oco(), qty="10.5"), look("10.5", free="0.5")))
    assert (body["type"], body["qty"], body["time_in_force"], body["stop_price"]) == ("stop", "0.5", "day", "145")
    assert "order_class" not in body


@pytest.mark.case("fail-E17")
def test_a_trade_of_less_than_a_share_is_covered_by_a_stop_for_the_day():
    assert sent(step(owning(qty="0.25"), look("0.25")))["time_in_force"] == "day"


def test_a_part_worth_less_than_a_dollar_is_told_as_uncoverable():
    planned = step(owning(*oco(), qty="10.006"), look("10.006", free="0.006"))  # 0.006 x 150 is 90 cents
    assert (planned[0], codes(planned[1]), planned[1][0].cause) == ((), ["UNCOVERED"], "uncoverable")
    assert "0.90 dollars" in planned[1][0].message
    assert sent(step(owning(*oco(), qty="10.007"), look("10.007", free="0.007")))["qty"] == "0.007"  # 1.05


def test_for_the_fractions_stop_the_rest_of_the_entry_is_cancelled_first():
    planned = step(owning(*oco(), qty="10.5", entry=live_entry()), look("10.5", free="0.5"))
    assert cancelled(planned) == ["ns-d12-entry-1"]


@pytest.mark.case("fail-E7")
@pytest.mark.parametrize("now", [EVENING, MORNING])
def test_a_day_stop_that_expired_is_placed_anew_outside_the_session(now):
    ended = fraction_stop(order_status="expired", ended_at=CLOSE)
    body = sent(step(owning(*oco(), ended, qty="10.5"), look("10.5", free="0.5"), now=now))
    assert (body["qty"], body["time_in_force"]) == ("0.5", "day")


@pytest.mark.parametrize(("now", "told"), [(EVENING, []), (MORNING, ["UNCOVERED"]), (NOW, ["UNCOVERED"])])
def test_a_fraction_refused_outside_the_session_is_told_at_the_last_look_before_the_open(now, told):
    said = {"order_status": "rejected", "reject_reason": "OTHER: no", "alpaca_order_id": None, "created_at": now}
    kept = owning(*oco(), fraction_stop(**said), qty="10.5")
    planned = step(kept, look("10.5", free="0.5"), now=now, started=now)
    assert (planned[0], codes(planned[1])) == ((), told)


@pytest.mark.parametrize(
    ("bid", "ask", "reached"),
    [("160", "160.10", True), ("159.99", "160.10", False), ("161", "160", False), ("160", None, False)],
    ids=["at the target", "a cent below", "crossed", "half"],
)
def test_at_a_fresh_quote_of_the_target_the_fractions_stop_is_cancelled(bid, ask, reached):
    shown = look("10.5", free="0", bid=bid, ask=ask)
    if ask is None:
        shown = replace(shown, quotes={"AAPL": replace(shown.quotes["AAPL"], ask=None)})
    planned = step(owning(*oco(), fraction_stop(), qty="10.5"), shown)
    assert cancelled(planned) == (["ns-t7-exit-4"] if reached else [])


@pytest.mark.case("fail-D8")
def test_an_old_quote_sells_nothing():
    old = {"bid": "170", "at": NOW - 15 * MINUTE - MINUTE}
    assert step(owning(*oco(), fraction_stop(), qty="10.5"), look("10.5", free="0", **old)) == ((), ())


def test_once_its_stop_is_gone_the_fraction_goes_at_market_as_a_target():
    gone = fraction_stop(order_status="cancelled", cancel_requested_at=NOW, ended_at=NOW)
    planned = step(owning(*oco(), gone, qty="10.5"), look("10.5", free="0.5", bid="160.50"))
    assert (sent(planned)["type"], sent(planned)["qty"]) == ("market", "0.5")
    assert planned[0][0].intent[0].values["order_type"] == "TAKE_PROFIT"


def test_should_the_price_fall_back_meanwhile_the_fraction_has_its_stop_again():
    gone = fraction_stop(order_status="cancelled", cancel_requested_at=NOW, ended_at=NOW)
    assert sent(step(owning(*oco(), gone, qty="10.5"), look("10.5", free="0.5", bid="159")))["type"] == "stop"


def test_a_sale_at_market_counts_as_cover_and_is_not_taken_for_a_lone_target():
    sold = fraction_stop(order_type="TAKE_PROFIT", kind="market", stop_price=None, created_at=BEFORE)
    assert step(owning(*oco(), sold, qty="10.5"), look("10.5", free="0")) == ((), ())


def test_whole_shares_are_never_sold_by_a_quote():
    assert step(owning(*oco()), look("10", free="0", bid="170")) == ((), ())


def test_the_limit_of_a_close_is_watched_for_a_fraction_in_place_of_the_target():
    asked = write_wanted(Wanted(close_by=13, close_price=D(155)))
    kept = owning(*oco(), fraction_stop(), qty="10.5", wanted=asked)
    assert cancelled(step(kept, look("10.5", free="0", bid="155"))) == ["ns-t7-exit-4"]
    gone = owning(*oco(), fraction_stop(order_status="cancelled", ended_at=NOW), qty="10.5", wanted=asked)
    planned = step(gone, look("10.5", free="0.5", bid="155"))
    assert planned[0][0].intent[0].values["order_type"] == "EXIT"


def test_the_fraction_of_a_trailing_trade_has_its_stop_where_the_trail_has_got():
    planned = step(owning(trailing("152.043"), qty="10.5", **TRAILING), look("10.5", free="0.5"))
    assert (sent(planned)["stop_price"], sent(planned)["time_in_force"]) == ("152.05", "day")


@pytest.mark.case("fail-E7")
def test_cover_refused_for_more_than_a_day_goes_out_for_the_day_in_the_same_pass():
    body = sent(step(owning(*refused("DAY_ONLY")), look(), now=IN_THIS_PASS, started=NOW))
    assert (body["order_class"], body["time_in_force"], body["client_order_id"]) == ("oco", "day", "ns-t7-exit-2")


@pytest.mark.parametrize("style", [STOPPED, TRAILING])
def test_stops_and_trailing_stops_go_out_for_the_day_too(style):
    said = {"order_status": "rejected", "reject_reason": "DAY_ONLY: it says", "created_at": NOW}
    kept = owning(exit_order(**said, alpaca_order_id=None), **style)
    assert sent(step(kept, look(), now=IN_THIS_PASS, started=NOW))["time_in_force"] == "day"


def test_the_next_session_begins_with_what_was_taken_the_last_time():
    parent, leg = oco(order_status="expired", time_in_force="day", ended_at=CLOSE, leg={"order_status": "expired"})
    assert sent(step(owning(parent, leg), look(), now=EVENING))["time_in_force"] == "day"


def test_a_day_stop_of_a_fraction_says_nothing_of_whole_shares():
    parent, leg = oco(order_status="cancelled", ended_at=BEFORE, leg={"order_status": "cancelled"})
    kept = owning(parent, leg, fraction_stop(), qty="10.5")
    assert sent(step(kept, look("10.5", free="10")))["time_in_force"] == "gtc"


def test_after_a_day_only_answer_a_stop_that_is_through_is_still_sold_at_market():
    kept = owning(*refused("DAY_ONLY"), *refused("STOP_THROUGH", first_id=4, client_order_id="ns-t7-exit-2"))
    assert sent(step(kept, look(), now=IN_THIS_PASS, started=NOW))["type"] == "market"


@pytest.mark.case("fail-E15")
def test_a_market_order_refused_in_a_trading_halt_is_left_to_the_next_pass_with_its_cause():
    market = exit_order(
        id=4,
        order_type="EXIT",
        kind="market",
        order_status="rejected",
        reject_reason="SYMBOL_HALTED: halted",
        created_at=NOW,
        client_order_id="ns-t7-exit-2",
        alpaca_order_id=None,
    )
    kept = owning(*refused("STOP_THROUGH"), market)
    planned = step(kept, look(), now=IN_THIS_PASS, started=NOW)
    assert (planned[0], [p.cause for p in planned[1]]) == ((), ["symbol_halted"])
    assert sent(step(kept, look(), now=NOW + 5 * MINUTE))["order_class"] == "oco"


def test_what_a_stop_that_is_through_leaves_goes_at_market_with_its_fraction():
    kept = owning(*refused("STOP_THROUGH"), qty="10.5")
    assert sent(step(kept, look("10.5"), now=IN_THIS_PASS, started=NOW))["qty"] == "10.5"


@pytest.mark.case("fail-A7")
def test_shares_that_a_foreign_order_holds_are_told_with_its_name():
    theirs = broker_exit(id="X1", client_order_id="from-the-app")
    planned = step(owning(**STOPPED), look(free="0", live=(theirs,)))
    assert (planned[0], [p.cause for p in planned[1]]) == ((), ["foreign_order"])
    assert "from-the-app" in planned[1][0].message


def test_shares_of_a_cancel_not_released_yet_are_waited_for():
    assert kinds(step(owning(**STOPPED), look(free="0"))[0]) == ["LookAgain"]


def washed(**changes):
    """Return the row of a plain stop that the broker refused because it would trade with another order."""
    said = {"order_status": "rejected", "reject_reason": "WASH_TRADE: it says", "created_at": NOW}
    return exit_order(**(said | {"alpaca_order_id": None} | changes))


BUYS = {"id": "X1", "side": "buy", "kind": "limit", "limit_price": D(140), "stop_price": None, "submitted_at": BEFORE}
"""A purchase of the user's, resting since before the stop was refused."""


@pytest.mark.case("fail-A7")
@pytest.mark.parametrize(("started", "now"), [(NOW, IN_THIS_PASS), (NOW + 5 * MINUTE,) * 2], ids=["now", "next pass"])
def test_a_foreign_order_that_the_stop_would_trade_with_is_named_and_no_stop_is_sent_meanwhile(started, now):
    theirs = broker_exit(**BUYS, client_order_id="from-the-app")
    planned = step(owning(washed(), **STOPPED), look(live=(theirs,)), now=now, started=started)
    assert (kinds(planned[0]), [p.cause for p in planned[1]]) == (["LookAgain"], ["foreign_order"])
    assert "from-the-app" in planned[1][0].message


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (None, {}),
        ({"submitted_at": IN_THIS_PASS}, {}),
        ({"client_order_id": "ns-d13-entry-1"}, {}),
        ({}, {"kind": "market", "stop_price": None, "order_type": "EXIT"}),
        ({}, {"reject_reason": "NOT_BOOKED: it says"}),
        ({"symbol": "MSFT"}, {}),
        ({"side": "sell"}, {}),
    ],
    ids=["gone", "came since", "ours", "another type", "another refusal", "another symbol", "the same side"],
)
def test_the_stop_is_sent_again_where_no_foreign_order_is_known_to_be_in_its_way(theirs, said):
    live = () if theirs is None else (broker_exit(**(BUYS | {"client_order_id": "from-the-app"} | theirs)),)
    planned = step(owning(washed(**said), **STOPPED), look(live=live), now=NOW + 5 * MINUTE)
    assert sent(planned)["type"] == "stop"


def test_an_order_of_another_trade_that_holds_the_shares_is_not_called_foreign():
    other = broker_exit(id="X1", client_order_id="ns-t8-exit-1")
    planned = step(owning(**STOPPED), look(free="0", live=(other,)))
    assert [p.cause for p in planned[1]] == ["broker_pending_cancel"]


@pytest.mark.parametrize(
    ("name", "acts", "cause"),
    [(None, ["LookAgain"], "broker_pending_cancel"), ("from-the-app", [], "foreign_order")],
    ids=["not released yet", "held by another order"],
)
def test_shares_that_a_close_does_not_get_are_told_with_who_holds_them(name, acts, cause):
    theirs = () if name is None else (broker_exit(id="X1", client_order_id=name),)
    kept = owning(*oco(order_status="cancelled", leg={"order_status": "cancelled"}), wanted=CLOSED_AT_MARKET)
    actions, problems = step(kept, look(free="0", live=theirs))
    assert (kinds(actions), [p.cause for p in problems]) == (acts, [cause])


FROM_THE_APP = broker_exit(id="X1", client_order_id="from-the-app")


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        (owning(*oco()), ()),
        (owning(*oco(), fraction_stop(), qty="10.5"), ("AAPL",)),
        (owning(exit_order(), fraction_stop(), qty="10.5", **STOPPED), ()),  # no target to watch
        (owning(trailing(), **TRAILING), ()),
        (owning(trailing(order_status="cancelled"), exit_order(id=3), **TRAILING), ("AAPL",)),
        (owning(trailing(qty=D(4)), exit_order(id=3, qty=D(6)), **TRAILING), ("AAPL",)),
        (owning(coin_stop(), symbol="BTC/USD"), ("BTC/USD",)),
        (owning(*oco(), side="short"), ("AAPL",)),
    ],
    ids=[
        "plain",
        "fraction with a target",
        "fraction without",
        "trailing",
        "trail lost",
        "part trails",
        "coin",
        "short",
    ],
)
def test_quotes_are_read_for_the_trades_that_go_by_them_alone(kept, asked):
    assert symbols_to_quote(rows(trades=(kept.trade,), orders=kept.orders, fills=kept.fills)) == asked


@pytest.mark.parametrize("shown", [look("10.001", free="0.001"), look("10.001", free="0")], ids=["too little", "held"])
def test_a_part_that_cannot_be_covered_holds_up_no_stop_that_is_to_be_moved(shown):
    moved = write_wanted(Wanted(amended_by=31, stop=D("147"), stop_at=NOW))
    planned = step(owning(*oco(), qty="10.001", wanted=moved), replace(shown, live=(FROM_THE_APP,)))
    assert (kinds(planned[0]), codes(planned[1])) == (["Replace"], ["UNCOVERED"])
    assert planned[0][0].body == {"stop_price": "147"}


@pytest.mark.parametrize(("after_open", "seen"), [(0, ["ns-t7-exit-4"]), (-1, [])], ids=["of the session", "before it"])
def test_a_quote_from_before_the_open_tells_nothing_of_the_session(after_open, seen):
    shown = look("10.5", free="0", bid="161", at=OPEN + after_open * MINUTE)
    planned = step(owning(*oco(), fraction_stop(), qty="10.5"), shown, now=OPEN + MINUTE)
    assert cancelled(planned) == seen
