"""Request bodies: what Alpaca is sent, frozen with the intent, compared with what is found."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain import bodies
from lib.domain.money import D
from tests.builders import ENTRY_ID, EXIT_ID, broker_exit, broker_oco, broker_order

ENTRY = bodies.entry_body(ENTRY_ID, "AAPL", D("10"), D("150.00"))
OCO = bodies.oco_body(EXIT_ID, "AAPL", D("10"), target=D("160"), stop=D("145"))
STOP = bodies.stop_body(EXIT_ID, "AAPL", D("10"), D("145"))
TRAILING = bodies.trailing_body(EXIT_ID, "AAPL", D("10"), D("2.5"))
EXITS = (
    OCO,
    STOP,
    TRAILING,
    bodies.limit_exit_body(EXIT_ID, "AAPL", D("10"), D("160")),
    bodies.market_exit_body(EXIT_ID, "AAPL", D("10")),
)


def test_an_entry_buys_at_a_limit_for_today_and_opens():
    assert ENTRY == {
        "client_order_id": "ns-d12-entry-1",
        "symbol": "AAPL",
        "qty": "10",
        "side": "buy",
        "type": "limit",
        "limit_price": "150",
        "time_in_force": "day",
        "position_intent": "buy_to_open",
    }


@pytest.mark.case("fail-E4", "fail-A12")
def test_an_oco_sells_at_the_target_or_the_stop_and_lives_until_cancelled():
    assert OCO["order_class"] == "oco"
    assert (OCO["take_profit"], OCO["stop_loss"]) == ({"limit_price": "160"}, {"stop_price": "145"})
    assert (OCO["type"], OCO["time_in_force"]) == ("limit", "gtc")


@pytest.mark.parametrize("body", EXITS)
def test_no_exit_can_open_a_position(body):
    assert (body["side"], body["position_intent"]) == ("sell", "sell_to_close")


@pytest.mark.parametrize("body", EXITS)
def test_only_text_and_groups_of_text_go_over_the_wire(body):
    flat = [v for value in body.values() for v in (value.values() if isinstance(value, dict) else (value,))]
    assert all(type(value) is str for value in flat)


@pytest.mark.parametrize("body", [ENTRY, *EXITS])
def test_thawing_gives_back_what_was_frozen(body):
    assert bodies.thaw(bodies.freeze(body)) == body == bodies.readable(bodies.freeze(body))


@given(st.none() | st.text() | st.integers().map(str))
def test_a_body_that_a_hand_has_changed_beyond_reading_is_none_and_no_error(payload):
    assert bodies.readable(payload) is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (ENTRY, broker_order()),
        (ENTRY, broker_order(qty=D("10.000"), limit_price=D("150.00"), status="filled", filled_qty=D("10"))),
        (OCO, broker_oco()),
        (OCO, broker_oco(legs=())),
        (STOP, broker_exit()),
        (TRAILING, broker_exit(kind="trailing_stop", stop_price=D("146"), trail_percent=D("2.5"))),
    ],
)
def test_what_we_froze_is_recognised(body, found):
    assert bodies.differences(body, found) == ()


@pytest.mark.parametrize(
    ("body", "found", "name"),
    [
        (ENTRY, broker_order(symbol="MSFT"), "symbol"),
        (ENTRY, broker_order(side="sell"), "side"),
        (ENTRY, broker_order(qty=D("100")), "qty"),
        (ENTRY, broker_order(qty=None), "qty"),
        (ENTRY, broker_order(limit_price=D("150.01")), "limit_price"),
        (ENTRY, broker_order(time_in_force="gtc"), "time_in_force"),
        (ENTRY, broker_order(kind="market"), "kind"),
        (OCO, broker_oco(limit_price=D("161")), "limit_price"),
        (OCO, broker_oco(order_class="simple"), "order_class"),
        (OCO, broker_oco(leg={"stop_price": D("140")}), "stop_loss"),
        (STOP, broker_exit(stop_price=D("144")), "stop_price"),
        (TRAILING, replace(broker_exit(kind="trailing_stop"), trail_percent=D("3")), "trail_percent"),
    ],
)
def test_the_field_that_differs_is_named(body, found, name):
    assert bodies.differences(body, found) == (name,)
