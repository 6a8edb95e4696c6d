"""Rules of which sources differ or say nothing: each is a switch, and both readings hold."""

from datetime import UTC, datetime

import pytest

from tests.paper_broker.rig import oco_body, order_body

NIGHT = datetime(2013, 1, 3, 1, 0, tzinfo=UTC)
EVENING = datetime(2013, 1, 2, 22, 0, tzinfo=UTC)  # 17:00 in New York


def answer(rig, **body):
    response = rig.request("POST", "/v2/orders", json=order_body(**body))
    return response.status_code, response.json().get("message")


@pytest.mark.parametrize(
    ("day_only", "expected"), [(False, (200, None)), (True, (422, "extended hours order must be DAY limit orders"))]
)
def test_whether_orders_for_extended_hours_may_be_gtc(open_rig, day_only, expected):
    rig = open_rig(now=EVENING, extended_hours_day_only=day_only)
    order = {"type": "limit", "limit_price": "100", "extended_hours": True}
    assert answer(rig, **order, time_in_force="gtc") == expected
    assert answer(rig, **order, time_in_force="day") == (200, None)


@pytest.mark.parametrize("time_in_force", ["ioc", "fok"])
def test_whether_ioc_and_fok_are_refused_outside_the_session(open_rig, time_in_force):
    refused = (422, f"{time_in_force} orders must be submitted during market hours")
    for strict, expected in ((False, (200, None)), (True, refused)):
        rig = open_rig(now=NIGHT, at_once_refused_outside_session=strict)
        assert answer(rig, time_in_force=time_in_force) == expected
    rig.go_to("2013-01-03T15:00:00Z")
    assert answer(rig, time_in_force=time_in_force) == (200, None)


BRACKET = {
    "order_class": "bracket",
    "qty": "1",
    "take_profit": {"limit_price": "170"},
    "stop_loss": {"stop_price": "130"},
}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("first", [{}, {"type": "limit", "limit_price": "100"}], ids=["held", "ordered"])
def test_whether_a_bracket_may_enter_beside_a_position_or_an_order(open_rig, first, beside):
    rig = open_rig(group_entry_beside_position=beside)
    assert answer(rig, **first) == (200, None)
    expected = (200, None) if beside else (422, "bracket orders must be entry orders")
    assert answer(rig, **BRACKET) == expected


def test_without_the_exemption_a_new_trailing_stop_meets_every_buy_and_a_new_oco_those_at_its_target(open_rig):
    rig = open_rig(wash_trade_new_complex_exempt=False)
    rig.buy()
    rig.price("145", ask="0")  # nobody offers, so a buy may rest above the market
    resting = rig.buy(qty="1", type="limit", limit_price="155")
    trailing = order_body(side="sell", qty="5", type="trailing_stop", trail_percent="5")
    assert rig.refused(403, 40310000, **trailing)["existing_order_id"] == resting["id"]
    crossing = rig.refused(403, 40310000, **oco_body(qty="5", target="155", stop="130"))
    assert (crossing["buy_limit_price"], crossing["sell_limit_price"]) == ("155", "155")
    rig.oco(qty="5", target="155.01", stop="130")


@pytest.mark.parametrize(("signed", "sign"), [(True, "-"), (False, "")])
def test_whether_the_values_of_a_short_are_below_zero(open_rig, signed, sign):
    rig = open_rig(short_values_signed=signed)
    rig.sell(qty="10")  # at the bid of 150.00; what is owed is worth the ask
    held = rig.position()
    assert held["side"] == "short"
    assert (held["qty"], held["qty_available"], held["cost_basis"]) == (f"{sign}10", f"{sign}10", f"{sign}1500")
    assert held["market_value"].startswith(sign + "1500")
    assert held["avg_entry_price"] == "150"
