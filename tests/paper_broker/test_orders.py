import json
from uuid import UUID

import pytest

from tests.paper_broker.rig import order_body

ORDER_FIELDS = [
    "id",
    "client_order_id",
    "created_at",
    "updated_at",
    "submitted_at",
    "filled_at",
    "expired_at",
    "expires_at",
    "canceled_at",
    "failed_at",
    "replaced_at",
    "replaced_by",
    "replaces",
    "asset_id",
    "symbol",
    "asset_class",
    "notional",
    "qty",
    "filled_qty",
    "filled_avg_price",
    "order_class",
    "order_type",
    "type",
    "side",
    "position_intent",
    "time_in_force",
    "limit_price",
    "stop_price",
    "status",
    "extended_hours",
    "legs",
    "trail_percent",
    "trail_price",
    "hwm",
    "ratio_qty",
    "subtag",
    "source",
]


def limit(**body):
    return order_body(**{"type": "limit", "limit_price": "140"} | body)


def test_a_new_order_has_every_field_that_alpaca_sends_numbers_as_strings(rig):
    order = rig.post("/v2/orders", **limit(qty=2.0, limit_price=140.5, client_order_id="mine"))
    assert sorted(order) == sorted(ORDER_FIELDS)
    shown = {
        "client_order_id": "mine",
        "created_at": "2013-01-02T15:00:00Z",
        "submitted_at": "2013-01-02T15:00:00Z",
        "expires_at": "2013-01-02T21:00:00Z",
        "filled_at": None,
        "symbol": "AAPL",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "2",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "position_intent": "buy_to_open",
        "limit_price": "140.5",
        "stop_price": None,
        "status": "new",
        "extended_hours": False,
        "legs": None,
    }
    assert {name: order[name] for name in shown} == shown
    assert UUID(order["id"]) != UUID(order["asset_id"])


def test_the_answer_to_a_submit_shows_the_order_before_the_market_has_seen_it(rig):
    order = rig.buy()
    assert (order["status"], order["filled_qty"]) == ("new", "0")
    assert rig.order(order["id"])["status"] == "filled"


def test_a_client_order_id_is_made_when_none_is_sent(rig):
    order = rig.post("/v2/orders", **limit())
    assert UUID(order["client_order_id"]) != UUID(order["id"])
    found = rig.get("/v2/orders:by_client_order_id", client_order_id=order["client_order_id"])
    assert found["id"] == order["id"]


def test_an_order_is_found_by_neither_id_when_it_does_not_exist(rig):
    for path, params in (
        ("/v2/orders/c0ffee00-0000-4000-8000-000000000000", {}),
        ("/v2/orders:by_client_order_id", {"client_order_id": "never sent"}),
    ):
        response = rig.request("GET", path, params=params)
        assert (response.status_code, response.json()["code"]) == (404, 40410000)


def test_a_live_orders_client_order_id_is_taken_with_42210000(rig):
    rig.post("/v2/orders", **limit(client_order_id="twice"))
    body = rig.refused(422, 42210000, **limit(client_order_id="twice"))
    assert body["message"] == "client_order_id must be unique"


def test_a_dead_orders_client_order_id_is_burnt_with_40010001(rig):
    order = rig.post("/v2/orders", **limit(client_order_id="once"))
    assert rig.cancel(order["id"]) == (204, None)
    rig.go_to("2013-01-30T15:00:00Z")
    body = rig.refused(422, 40010001, **limit(client_order_id="once"))
    assert body["message"] == "client_order_id must be unique"


def test_a_refused_order_does_not_burn_its_client_order_id(rig):
    rig.refused(403, 40310000, **limit(qty="100000", client_order_id="again"))
    assert rig.post("/v2/orders", **limit(client_order_id="again"))["client_order_id"] == "again"


MALFORMED = {
    "no quantity": ({"qty": None}, "qty or notional is required"),
    "both quantities": ({"notional": "100"}, "only one of qty or notional is accepted"),
    "nothing of it": ({"qty": "0"}, "qty must be > 0"),
    "less than nothing": ({"qty": "-1"}, "qty must be > 0"),
    "a limit order without a limit": ({"limit_price": None}, "limit orders require a limit price"),
    "a market order with a limit": ({"type": "market"}, "market orders require no stop or limit price"),
    "an oco without a target": ({"order_class": "oco", "side": "sell"}, "oco orders require take_profit.limit_price"),
    "a limit below nothing": ({"limit_price": "-1"}, "limit price must be > 0"),
    "a limit order with a stop": ({"stop_price": "150"}, "limit orders must not have stop_price"),
    "a stop without a stop": ({"type": "stop", "limit_price": None}, "stop orders require a stop price"),
    "a stop limit without a stop": ({"type": "stop_limit"}, "stop limit orders require both stop and limit price"),
    "a stop limit without a limit": (
        {"type": "stop_limit", "limit_price": None, "stop_price": "160"},
        "stop limit orders require both stop and limit price",
    ),
    "less than nothing of money": ({"qty": None, "notional": "0"}, "notional must be > 0"),
    "less than a dollar": ({"qty": None, "notional": "0.99"}, "notional must be >= 1.00"),
    "a trailing stop without a trail": (
        {"type": "trailing_stop", "limit_price": None},
        "trailing stop orders must specify one of trail_price or trail_percent",
    ),
    "a trailing stop with two trails": (
        {"type": "trailing_stop", "limit_price": None, "trail_price": "1", "trail_percent": "1"},
        "trailing stop orders must specify one of trail_price or trail_percent",
    ),
    "too tight a trail": (
        {"type": "trailing_stop", "limit_price": None, "trail_percent": "0.09"},
        "trail_percent must be greater than or equal to 0.1",
    ),
    "too long an id": ({"client_order_id": "x" * 129}, "client_order_id must be no more than 128 characters"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_order_is_refused_with_40010001(rig, case):
    change, message = MALFORMED[case]
    assert rig.refused(422, 40010001, **limit(**change))["message"] == message


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_order_id_is_a_uuid(rig, method):
    response = rig.request(method, "/v2/orders/no-uuid", json={"qty": "1"} if method == "PATCH" else None)
    assert (response.status_code, response.json()) == (422, {"code": 40010001, "message": "order_id is missing"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "iceberg"}, "invalid order type"),
        ({"type": None}, "invalid order type"),
        ({"side": "hold"}, "invalid side"),
        ({"time_in_force": "gtd"}, "invalid time_in_force"),
        ({"order_class": "ladder"}, "invalid order_class"),
        ({"position_intent": "buy_to_hold"}, "invalid position_intent"),
        ({"symbol": None}, "symbol is required"),
    ],
)
def test_a_word_that_alpaca_does_not_know_is_refused_with_40010001(rig, change, message):
    assert rig.refused(422, 40010001, **limit(**change))["message"] == message


@pytest.mark.parametrize(
    "change",
    [
        {"qty": "NaN"},
        {"qty": "1e400"},
        {"qty": True},
        {"qty": []},
        {"qty": None, "notional": "much"},
        {"limit_price": "\u0661"},
        {"client_order_id": "\ud800"},
        {"client_order_id": 7},
        {"extended_hours": "true"},
        {"symbol": 7},
        {"take_profit": "160", "order_class": "oco"},
    ],
)
def test_a_field_that_does_not_decode_is_refused_with_40010000(rig, change):
    assert rig.refused(400, 40010000, **limit(**change))["message"] == "request body format is invalid"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff\xfe", b'{"qty": Infinity}', b'{"qty": 1e99999999999999999999}']
)
def test_a_body_that_is_no_json_object_is_refused_with_400(rig, body):
    response = rig.request("POST", "/v2/orders", data=body)
    assert (response.status_code, response.json()["code"]) == (400, 40010000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbol": "NOPE"}, 'asset "NOPE" not found'),
        (
            {"limit_price": "290.123"},
            "invalid limit_price 290.123. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        (
            {"limit_price": "0.12345"},
            "invalid limit_price 0.12345. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        (
            {"side": "sell", "position_intent": "sell_to_close"},
            "position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
        ),
        (
            {"position_intent": "buy_to_close"},
            "position intent mismatch, inferred: buy_to_open, specified: buy_to_close",
        ),
    ],
)
def test_what_the_market_forbids_is_refused_with_42210000(rig, change, message):
    assert rig.refused(422, 42210000, **limit(**change))["message"] == message


def test_four_decimals_are_a_tick_below_a_dollar(rig):
    assert rig.post("/v2/orders", **limit(limit_price="0.1234"))["limit_price"] == "0.1234"


def test_a_float_with_noise_is_refused_as_sub_penny(rig):
    rig.refused(422, 42210000, **limit(limit_price=0.1 + 0.2))


def test_a_sell_stop_that_is_already_breached_is_refused_not_triggered(holder):
    body = holder.refused(
        422, 42210000, symbol="AAPL", qty="10", side="sell", type="stop", time_in_force="gtc", stop_price="150"
    )
    assert body == {
        "code": 42210000,
        "message": "stop price must be less than current price",
        "market_price": "150",
        "stop_price": "150",
    }


def test_unknown_paths_and_methods_are_answered_in_json(rig):
    response = rig.request("GET", "/v2/nothing/here")
    assert (response.status_code, response.json()["code"]) == (404, 40410000)
    response = rig.request("PUT", "/v2/orders/c0ffee00-0000-4000-8000-000000000000", json={})
    assert response.status_code == 405
    assert "message" in response.json()


def test_every_answer_carries_a_request_id_and_the_rate_limit(rig):
    first, second = (rig.request("GET", "/v2/clock").headers for _ in range(2))
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert first["X-Ratelimit-Limit"] == "200"
    assert int(first["X-Ratelimit-Remaining"]) < 200
    assert int(first["X-Ratelimit-Reset"]) == 1357138860  # 2013-01-02T15:01:00Z


def test_keys_are_checked_when_they_are_configured(open_rig):
    rig = open_rig(api_key="k", secret_key="s")
    response = rig.request("GET", "/v2/account", headers={"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "wrong"})
    assert (response.status_code, response.json()) == (401, {"message": "unauthorized."})
    assert rig.request("GET", "/v2/account").status_code == 401
    right = {"apca-api-key-id": "k", "apca-api-secret-key": "s"}
    assert rig.request("GET", "/v2/account", headers=right).status_code == 200


def test_a_path_of_garbage_is_answered_with_4xx(rig):
    for path in (
        "/",
        "//",
        "/v2/orders/%ff%00",
        "/v2/positions/%2F",
        "/v2/orders?limit=" + "9" * 5000,
        "/v2/orders?" + "a=1&" * 300,
    ):
        assert 400 <= rig.request("GET", path).status_code < 500
    for params in ({"limit": "501"}, {"limit": "0"}, {"status": "half"}, {"after": "yesterday"}, {"nested": "perhaps"}):
        assert rig.request("GET", "/v2/orders", params=params).status_code == 422
    body = json.dumps({"now": "9999-12-31T00:00:00Z"})
    assert rig.request("POST", "/paper/clock", data=body).status_code == 422
