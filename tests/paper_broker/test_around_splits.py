"""What is worth what, and what orders are checked against, between a split and the first price after it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import ONE_FOR_TWENTY, TWO_FOR_ONE, WEDNESDAY_OPEN, order_body

THURSDAY = "2013-01-03T05:00:00Z"  # midnight in New York
BEFORE_THE_OPEN = "2013-01-03T14:15:00Z"
THURSDAY_OPEN = "2013-01-03T14:31:00Z"


def equity(rig):
    return rig.get("/v2/account")["equity"]


def test_cover_for_the_shares_of_a_reverse_split_is_taken_before_the_open(open_rig):
    rig = open_rig()
    rig.buy(qty="40")
    rig.announce(**ONE_FOR_TWENTY)
    rig.go_to(BEFORE_THE_OPEN)
    # The last price is 150, of shares that are 3,000 now.
    stop = order_body(side="sell", qty="2", type="stop", time_in_force="gtc")
    body = rig.refused(422, 42210000, **stop, stop_price="3000")
    assert (body["message"], body["market_price"]) == ("stop price must be less than current price", "3000")
    assert rig.post("/v2/orders", **stop, stop_price="2900")["status"] == "accepted"


def test_buying_power_after_a_split_is_asked_for_at_the_new_price(open_rig):
    rig = open_rig()
    rig.announce(**TWO_FOR_ONE)
    rig.go_to(BEFORE_THE_OPEN)
    # 200,000 buys 2,666 at 75, 1,333 at 150.
    assert rig.buy(qty="2600")["status"] == "accepted"


@pytest.mark.parametrize("stops", [(THURSDAY_OPEN,), (THURSDAY, BEFORE_THE_OPEN, THURSDAY_OPEN)])
def test_a_quote_by_hand_is_divided_for_orders_too_however_time_is_moved(holder, stops):
    parent = holder.oco(target="160", stop="145")
    holder.price("150")
    holder.announce(**TWO_FOR_ONE)
    for at in stops:
        holder.go_to(at)
    stop = holder.order(parent["legs"][0]["id"])
    assert (stop["status"], stop["filled_avg_price"]) == ("filled", "75")


def test_a_split_and_a_new_name_on_one_day_leave_the_equity(holder):
    holder.announce(**TWO_FOR_ONE)
    holder.announce(type="name_change", new_symbol="APPL")
    holder.go_to("2013-01-02T22:00:00Z")
    before = equity(holder)
    holder.go_to(THURSDAY)
    assert equity(holder) == before == "99999.9"
    held = holder.position("APPL")
    assert (held["qty"], held["current_price"], held["market_value"]) == ("20", "75", "1500")


def test_two_splits_without_a_price_between_them_are_both_counted(holder):
    holder.announce(**TWO_FOR_ONE)
    holder.announce(type="stock_dividend", rate="0.25")
    holder.announce(type="forward_split", old_rate="2", new_rate="3", ex_date="2013-01-04")
    holder.go_to("2013-01-04T05:00:00Z")
    assert holder.position()["qty"] == "37.5"  # 10 x 2 x 1.25 x 1.5
    assert equity(holder) == "99999.9"


def test_shares_bought_since_the_close_are_counted_as_they_are_now(holder):
    holder.go_to("2013-01-02T22:00:00Z")
    holder.price("160", "160")
    holder.buy(type="limit", limit_price="170", extended_hours=True)
    holder.advance(60)
    holder.announce(**TWO_FOR_ONE)
    before = holder.position()
    assert before["qty"] == "20"
    # Ten were worth 1,500 at the close, ten cost 155.005 on average; all are worth 3,200.
    assert before["unrealized_intraday_pl"] == "149.95"
    holder.go_to(THURSDAY)
    after = holder.position()
    assert (after["qty"], after["unrealized_intraday_pl"]) == ("40", "149.95")


def test_a_position_too_small_for_a_reverse_split_is_gone(open_rig):
    rig = open_rig()
    rig.buy(qty="1.000000001")
    rig.sell(qty="1")
    rig.announce(**ONE_FOR_TWENTY)
    rig.go_to(THURSDAY)
    assert rig.get("/v2/positions") == []
    removed, added = rig.get("/v2/account/activities/SPLIT", direction="asc")
    assert (removed["qty"], added["qty"]) == ("-0.000000001", "0")


def test_a_dividend_is_earned_by_fills_that_are_not_booked_yet(open_rig):
    rig = open_rig(dividends=True, booking_lag_s=Decimal(86_400))
    rig.buy()
    rig.announce(type="cash_dividend", rate="1")
    rig.go_to(THURSDAY)
    assert [row["net_amount"] for row in rig.get("/v2/account/activities/DIV")] == ["10"]


@pytest.mark.parametrize("own", [False, True], ids=["the old prices", "prices of its own"])
def test_a_new_name_is_worth_what_the_old_one_was_until_it_trades(open_rig, own):
    close = WEDNESDAY_OPEN + timedelta(hours=6)
    opens = (WEDNESDAY_OPEN + timedelta(days=1), Decimal(84))
    old = [(WEDNESDAY_OPEN, Decimal(150)), (close, Decimal(160))]
    rig = open_rig(feed=ScriptedFeed({"AAPL": old, "APPL": [opens]} if own else {"AAPL": [*old, opens]}))
    rig.buy()
    rig.announce(**TWO_FOR_ONE)
    rig.announce(type="name_change", new_symbol="APPL")
    rig.go_to(THURSDAY)
    assert (equity(rig), rig.position("APPL")["current_price"]) == ("100099.9", "80")
    rig.go_to(THURSDAY_OPEN)
    held = rig.position("APPL")
    assert (held["current_price"], held["lastday_price"], held["change_today"]) == ("84", "80", "0.05")
    assert (equity(rig), held["unrealized_intraday_pl"]) == ("100179.9", "80")
