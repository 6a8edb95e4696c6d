import pytest

from tests.paper_broker.rig import order_body

WASH = "potential wash trade detected. use complex orders"
BY_STOP = "opposite side market/stop order exists"
BY_LIMIT = "opposite side limit order exists. use complex/limit/stop_limit orders"
CROSSED_BY_SELL = "buy order exists, sell limit price should be greater than existing buy limit price"
CROSSED = "sell order exists, buy limit price should be less than existing sell limit price"


def refusal(rig, **body):
    body = rig.refused(403, 40310000, **order_body(qty="1", **body))
    assert body["message"] == WASH
    return body


@pytest.mark.parametrize(
    "buy", [{"type": "market"}, {"type": "limit", "limit_price": "100"}, {"type": "stop", "stop_price": "170"}]
)
def test_a_resting_sell_stop_blocks_every_plain_buy(holder, buy):
    stop = holder.sell(type="stop", stop_price="145", time_in_force="gtc")
    body = refusal(holder, **buy)
    assert (body["existing_order_id"], body["reject_reason"]) == (stop["id"], BY_STOP)


# Of ten shares; the sell rests, the buy is new, or the other way round. AAPL is at 150.00 / 150.01.
CROSSING = [
    ({"type": "stop_limit", "stop_price": "145", "limit_price": "144"}, {"type": "limit", "limit_price": "144"}),
    ({"type": "limit", "limit_price": "160"}, {"type": "stop_limit", "stop_price": "155", "limit_price": "160"}),
]
APART = [
    ({"type": "stop_limit", "stop_price": "145", "limit_price": "144"}, {"type": "limit", "limit_price": "143.99"}),
    ({"type": "limit", "limit_price": "160"}, {"type": "stop_limit", "stop_price": "155", "limit_price": "159.99"}),
]


@pytest.mark.parametrize(("sell", "buy"), CROSSING)
def test_a_stop_limit_counts_by_its_limit(holder, sell, buy):
    resting = holder.sell(**sell)
    assert refusal(holder, **buy)["reject_reason"] == CROSSED
    holder.cancel(resting["id"])
    holder.buy(qty="1", **buy)
    body = refusal(holder, side="sell", **sell)
    assert body["reject_reason"] == CROSSED_BY_SELL
    assert (body["buy_limit_price"], body["sell_limit_price"]) == (buy["limit_price"], sell["limit_price"])


@pytest.mark.parametrize(("sell", "buy"), APART)
def test_a_stop_limit_that_does_not_cross_passes(holder, sell, buy):
    holder.sell(**sell)
    holder.buy(qty="1", **buy)


def test_a_market_order_meets_a_resting_stop_limit_as_it_meets_a_limit(holder):
    holder.sell(type="stop_limit", stop_price="145", limit_price="144")
    assert refusal(holder)["reject_reason"] == BY_LIMIT


def test_a_new_sell_stop_meets_a_resting_buy(holder):
    holder.buy(qty="1", type="limit", limit_price="140")
    assert refusal(holder, side="sell", type="stop", stop_price="130")["reject_reason"] == BY_LIMIT


def test_a_resting_oco_stands_in_the_way_of_a_plain_buy_that_would_match(holder):
    parent = holder.oco()
    assert refusal(holder, type="limit", limit_price="160")["existing_order_id"] == parent["id"]
    assert refusal(holder)["existing_order_id"] == parent["id"]
    holder.buy(qty="1", type="limit", limit_price="149")


def test_whether_it_does_is_a_switch(open_rig):
    rig = open_rig(wash_trade_resting_complex_exempt=True)
    rig.buy()
    rig.oco()
    assert rig.order(rig.buy(qty="1")["id"])["status"] == "filled"
