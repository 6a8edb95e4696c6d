from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN

THURSDAY_OPEN = WEDNESDAY_OPEN + timedelta(days=1)
NIGHT = datetime(2013, 1, 3, 1, 0, tzinfo=UTC)  # 20:00 in New York, when orders for the auctions are taken


def thursday(*prices, first=THURSDAY_OPEN):
    """Prices of Thursday, a minute apart."""
    steps = [(first + timedelta(minutes=place), Decimal(price)) for place, price in enumerate(prices)]
    return ScriptedFeed({"AAPL": [(WEDNESDAY_OPEN, Decimal(150)), *steps]})


@pytest.mark.parametrize("time_in_force", ["ioc", "fok"])
def test_at_once_fills_whole_or_is_canceled(rig, time_in_force):
    now = {"type": "limit", "time_in_force": time_in_force}
    filled = rig.order(rig.buy(limit_price="150.01", **now)["id"])
    assert (filled["status"], filled["filled_qty"]) == ("filled", "10")
    answer = rig.buy(limit_price="150", **now)
    assert answer["status"] == "new"
    canceled = rig.order(answer["id"])
    assert (canceled["status"], canceled["filled_qty"], canceled["canceled_at"]) == (
        "canceled",
        "0",
        "2013-01-02T15:00:00Z",
    )


@pytest.mark.parametrize(("time_in_force", "filled"), [("ioc", "4"), ("fok", "0")])
def test_what_can_fill_in_part_fills_an_ioc_in_part_and_a_fok_not_at_all(open_rig, time_in_force, filled):
    rig = open_rig(fill_plan={"mine": (Decimal(4),)})
    order = rig.order(rig.buy(client_order_id="mine", time_in_force=time_in_force)["id"])
    assert (order["status"], order["filled_qty"]) == ("canceled", filled)


def test_a_fok_is_never_drawn_in_part(open_rig):
    rig = open_rig(partial_fill_rate=Decimal(1))
    assert rig.order(rig.buy(time_in_force="fok")["id"])["filled_qty"] == "0"
    assert rig.order(rig.buy(qty="1", time_in_force="fok")["id"])["status"] == "filled"  # there is no part of one share


@pytest.mark.parametrize("time_in_force", ["ioc", "fok"])
def test_outside_the_session_nothing_fills_at_once(open_rig, time_in_force):
    rig = open_rig(feed=thursday("150"), now=NIGHT)
    order = rig.buy(time_in_force=time_in_force)
    assert order["status"] == "accepted"
    assert rig.order(order["id"])["status"] == "canceled"


def test_an_order_for_the_opening_fills_at_the_first_quote(open_rig):
    rig = open_rig(feed=thursday("152", "140"), now=NIGHT)
    order = rig.buy(time_in_force="opg")
    assert (order["status"], order["expires_at"]) == ("accepted", "2013-01-03T21:00:00Z")
    rig.go_to("2013-01-03T14:30:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_avg_price"], shown["filled_at"]) == (
        "filled",
        "152.01",
        "2013-01-03T14:30:00Z",
    )


def test_what_the_opening_does_not_fill_expires_there(open_rig):
    # An order of 259 shares of which 128 filled has been seen on paper, the rest expired.
    first = THURSDAY_OPEN + timedelta(minutes=2)
    rig = open_rig(feed=thursday("152", "140", first=first), now=NIGHT, fill_plan={"part": (Decimal(128),)})
    part = rig.buy(qty="259", time_in_force="opg", client_order_id="part")
    dear = rig.buy(type="limit", limit_price="151", time_in_force="opg")
    rig.go_to("2013-01-03T14:31:00Z")
    assert rig.order(dear["id"])["status"] == "new"  # the first quote is still to come
    rig.go_to("2013-01-03T20:00:00Z")
    shown = [rig.order(order["id"]) for order in (part, dear)]
    assert [(order["status"], order["filled_qty"], order["expired_at"]) for order in shown] == [
        ("expired", "128", "2013-01-03T14:32:00Z"),
        ("expired", "0", "2013-01-03T14:32:00Z"),
    ]


def test_an_opening_without_any_quote_ends_with_the_session(open_rig):
    rig = open_rig(feed=ScriptedFeed({"AAPL": [(WEDNESDAY_OPEN, Decimal(150))]}), now=NIGHT)
    order = rig.buy(time_in_force="opg")
    rig.go_to("2013-01-03T21:00:00Z")
    assert rig.order(order["id"])["expired_at"] == "2013-01-03T21:00:00Z"


def test_an_order_for_the_close_fills_at_the_last_quote_of_the_session(open_rig):
    feed = thursday("150", "140", "155")
    rig = open_rig(feed=feed, now=THURSDAY_OPEN, fill_plan={"part": (Decimal(4),)})
    whole, part = rig.buy(time_in_force="cls"), rig.buy(time_in_force="cls", client_order_id="part")
    dear = rig.buy(type="limit", limit_price="155", time_in_force="cls")
    assert (whole["status"], whole["expires_at"]) == ("new", "2013-01-03T21:00:00Z")
    rig.go_to("2013-01-03T20:59:59Z")
    assert [rig.order(order["id"])["filled_qty"] for order in (whole, part, dear)] == ["0", "0", "0"]
    rig.go_to("2013-01-03T21:00:00Z")
    shown = [rig.order(order["id"]) for order in (whole, part, dear)]
    assert [(order["status"], order["filled_qty"], order["filled_avg_price"]) for order in shown] == [
        ("filled", "10", "155.01"),
        ("expired", "4", "155.01"),
        ("expired", "0", None),
    ]
    assert {row["transaction_time"] for row in rig.fills()} == {"2013-01-03T21:00:00Z"}


def test_an_order_for_the_close_sent_at_night_is_for_the_next_close(open_rig):
    rig = open_rig(feed=thursday("150"), now=NIGHT)
    order = rig.buy(time_in_force="cls")
    assert (order["status"], order["expires_at"]) == ("accepted", "2013-01-03T21:00:00Z")
    rig.go_to("2013-01-03T21:00:00Z")
    assert rig.order(order["id"])["filled_avg_price"] == "150.01"
