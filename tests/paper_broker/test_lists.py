from decimal import Decimal

import pytest


@pytest.fixture
def five(rig):
    """Five buys a second apart, the third canceled."""
    orders = []
    for place in range(5):
        orders.append(rig.buy(qty=str(place + 1), type="limit", limit_price="100"))
        rig.advance(1)
    rig.cancel(orders[2]["id"])
    return [order["id"] for order in orders]


def listed(rig, **params):
    return [order["id"] for order in rig.get("/v2/orders", **params)]


def test_open_closed_and_all_newest_first(rig, five):
    assert listed(rig) == [five[place] for place in (4, 3, 1, 0)]
    assert listed(rig, status="closed") == [five[2]]
    assert listed(rig, status="all") == five[::-1]
    assert listed(rig, status="all", direction="asc") == five


def test_after_and_until_are_exclusive(rig, five):
    times = {"after": "2013-01-02T15:00:00Z", "until": "2013-01-02T15:00:03+00:00"}
    assert listed(rig, status="all", direction="asc", **times) == five[1:3]


def test_cursors_are_exclusive_and_stand_alone(rig, five):
    assert listed(rig, status="all", direction="asc", after_order_id=five[1]) == five[2:]
    assert listed(rig, status="all", before_order_id=five[1]) == five[:1]
    for other in ({"before_order_id": five[0]}, {"after": "2013-01-02T15:00:00Z"}):
        response = rig.request("GET", "/v2/orders", params={"after_order_id": five[1]} | other)
        assert response.status_code == 422


def test_pages_by_cursor_show_each_order_once(rig, five):
    seen, cursor = [], {}
    while page := listed(rig, status="all", direction="asc", limit="2", nested="true", **cursor):
        seen += page
        cursor = {"after_order_id": page[-1]}
    assert seen == five


def test_symbols_and_sides_are_filtered(rig, five):
    other = rig.buy(symbol="MSFT", type="limit", limit_price="10")["id"]
    assert listed(rig, symbols="MSFT,IBM") == [other]
    assert listed(rig, side="sell") == []
    assert len(listed(rig, side="buy")) == 5


def test_fifty_orders_are_a_page_unless_told_and_five_hundred_the_most(open_rig):
    rig = open_rig(cash=Decimal(10_000_000))
    for _ in range(51):
        rig.buy(qty="1", type="limit", limit_price="1")
    assert len(listed(rig)) == 50
    assert len(listed(rig, limit="500")) == 51
    assert rig.request("GET", "/v2/orders", params={"limit": "501"}).status_code == 422


def test_a_cancel_of_everything_answers_for_each_order(rig, five):
    response = rig.request("DELETE", "/v2/orders")
    assert response.status_code == 207
    assert response.json() == [{"id": five[place], "status": 200} for place in (0, 1, 3, 4)]
    assert listed(rig) == []


def test_a_cancel_of_everything_takes_a_group_once_and_says_yes_for_each_member(open_rig):
    rig = open_rig(cancel_latency_s=Decimal(2))
    rig.buy()
    parent = rig.oco(stop_loss={"stop_price": "145", "limit_price": "144"})
    rig.price("140")  # the stop elects, and its limit is left behind
    members = [parent["id"], parent["legs"][0]["id"]]
    response = rig.request("DELETE", "/v2/orders")
    assert response.json() == [{"id": order_id, "status": 200} for order_id in members]
    assert [rig.order(order_id)["status"] for order_id in members] == ["pending_cancel", "pending_cancel"]


@pytest.fixture
def fills(rig):
    """Three fills a second apart; their ids, oldest first."""
    for _ in range(3):
        rig.buy(qty="1")
        rig.advance(1)
    return [row["id"] for row in rig.fills(direction="asc")]


def activity_ids(rig, **params):
    return [row["id"] for row in rig.fills(**params)]


def test_activities_rise_in_id_and_come_newest_first(rig, fills):
    assert fills == sorted(fills)
    assert activity_ids(rig) == fills[::-1]
    assert [row["id"] for row in rig.get("/v2/account/activities")] == fills[::-1]
    assert [row["id"] for row in rig.get("/v2/account/activities", activity_types="FILL,DIV")] == fills[::-1]
    assert rig.get("/v2/account/activities/DIV") == []


def test_activities_page_by_the_last_id_seen(rig, fills):
    assert activity_ids(rig, page_size="2") == [fills[2], fills[1]]
    assert activity_ids(rig, page_size="2", page_token=fills[1]) == [fills[0]]
    assert activity_ids(rig, direction="asc", page_token=fills[0]) == fills[1:]
    assert rig.request("GET", "/v2/account/activities/FILL", params={"page_size": "101"}).status_code == 422


def test_activities_are_bounded_by_time_and_day(rig, fills):
    assert activity_ids(rig, after="2013-01-02T15:00:00Z", until="2013-01-02T15:00:02Z") == [fills[1]]
    assert activity_ids(rig, date="2013-01-02") == fills[::-1]
    assert activity_ids(rig, date="2013-01-03") == []


def test_a_fill_row_has_every_field_of_alpacas(rig):
    order = rig.buy(qty="2")
    (row,) = rig.fills()
    identity = row.pop("id")
    assert identity.startswith("20130102100000000::")
    assert row == {
        "activity_type": "FILL",
        "transaction_time": "2013-01-02T15:00:00Z",
        "type": "fill",
        "price": "150.01",
        "qty": "2",
        "side": "buy",
        "symbol": "AAPL",
        "leaves_qty": "0",
        "order_id": order["id"],
        "cum_qty": "2",
        "order_status": "filled",
    }
