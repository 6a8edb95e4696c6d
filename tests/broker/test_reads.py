"""Settings and reads against Alpaca's recorded answers: what is asked, how often, and what an answer is taken for."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import requests
import responses
from responses.matchers import header_matcher, query_param_matcher

from lib.broker.wire import ReadRetry
from lib.errors import BrokerUnavailable, ConfigError, KeysRefused
from tests.broker.recorded import (
    API_KEY,
    CLIENT_ID,
    FILLS,
    HTML_502,
    NOT_FOUND,
    ONE_ORDER,
    ORDER_ID,
    ORDERS,
    QUOTES,
    SECRET_KEY,
    TRADING,
    account_row,
    asset_row,
    broker,
    fill_row,
    order_row,
    position_row,
    quote_row,
    session_row,
)

ACCOUNT = f"{TRADING}/v2/account"
BY_CLIENT_ID = f"{ORDERS}:by_client_order_id"


@pytest.fixture
def web():
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def retrying(pauses):
    return broker(read_retry=ReadRetry(sleep=pauses.append, uniform=lambda low, high: (low + high) / 2))


# What is sent


def test_keys_go_in_the_headers_of_both_hosts(web):
    keys = header_matcher({"APCA-API-KEY-ID": API_KEY, "APCA-API-SECRET-KEY": SECRET_KEY})
    web.get(ACCOUNT, json=account_row(), match=[keys])
    web.get(QUOTES, json={"quotes": {}}, match=[keys])
    broker().account()
    broker().quotes(["AAPL"])


def test_trailing_slashes_of_the_urls_do_no_harm(web):
    web.get(ACCOUNT, json=account_row())
    broker(trading_url=f"{TRADING}//").account()


@pytest.mark.parametrize("which", ["trading_url", "data_url"])
@pytest.mark.parametrize("url", [f"{TRADING}/v2", f"{TRADING}/v2/", "paper-api.alpaca.markets", "https://", ""])
def test_a_url_that_cannot_be_right_is_a_setting_to_mend(which, url):
    with pytest.raises(ConfigError, match=which.removesuffix("_url")):
        broker(**{which: url})


@pytest.mark.parametrize("which", ["api_key", "secret_key"])
@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_one_is_a_setting_to_mend_and_is_not_shown(which, key):
    with pytest.raises(ConfigError) as caught:
        broker(**{which: key})
    assert not key or key not in str(caught.value)


def test_it_says_where_it_is():
    assert broker(where="Alpaca paper").where == "Alpaca paper"


# Reads


def test_money_and_standing_of_the_account(web):
    web.get(ACCOUNT, json=account_row(account_blocked=True))
    account = broker().account()
    assert (account.account_number, account.blocked) == ("PA3ABCDEFGH1", True)


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 429, "json": {"code": 42910000, "message": "too many requests."}},
        {"status": 502, "body": HTML_502},
        {"status": 504, "body": ""},
        {"status": 500, "json": {"message": "internal server error occurred"}},
        {"status": 200, "body": "<html>maintenance</html>"},
        {"status": 200, "body": ""},
        {"status": 200, "body": '{"account_number": "PA'},
        {"status": 302, "body": ""},
        {"body": requests.ConnectionError("reset")},
        {"body": requests.ReadTimeout("slow")},
    ],
)
def test_a_read_is_tried_again_after_what_may_pass(web, trouble):
    pauses = []
    web.get(ACCOUNT, **trouble)
    web.get(ACCOUNT, **trouble)
    web.get(ACCOUNT, json=account_row())
    assert retrying(pauses).account().account_number == "PA3ABCDEFGH1"
    assert pauses == [0.5, 1.0]


def test_a_read_is_given_up_after_two_retries_with_one_line(web):
    web.get(ACCOUNT, status=502, body=HTML_502)
    with pytest.raises(BrokerUnavailable) as caught:
        retrying([]).account()
    assert len(web.calls) == 3
    assert str(caught.value) == "GET /v2/account: 502 (no JSON error from Alpaca)"


def test_a_read_without_retries_is_sent_once(web):
    web.get(ACCOUNT, status=503, body="")
    with pytest.raises(BrokerUnavailable):
        broker().account()
    assert len(web.calls) == 1


def test_a_definite_no_to_a_read_is_not_asked_again(web):
    web.get(ORDERS, status=422, json={"code": 40010001, "message": "invalid limit"})
    with pytest.raises(BrokerUnavailable, match="GET /v2/orders: 422 40010001 invalid limit"):
        retrying([]).live_orders()
    assert len(web.calls) == 1


@pytest.mark.case("fail-N3")
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 401, "json": {"message": "unauthorized."}},
        {"status": 401, "body": "<html>401 Authorization Required</html>"},
        {"status": 403, "json": {"message": "forbidden."}},
    ],
)
def test_refused_keys_are_said_at_once_and_never_shown(web, answer):
    web.get(ACCOUNT, **answer)
    with pytest.raises(KeysRefused) as caught:
        retrying([]).account()
    assert len(web.calls) == 1
    assert API_KEY not in str(caught.value)
    assert SECRET_KEY not in str(caught.value)


def test_a_proxys_403_says_nothing_about_the_keys(web):
    web.get(ACCOUNT, status=403, body="<html>Request blocked</html>")
    with pytest.raises(BrokerUnavailable):
        broker().account()


@pytest.mark.parametrize("read", [lambda b: b.order(ORDER_ID), lambda b: b.order_by_client_id(CLIENT_ID)])
def test_an_order_the_broker_does_not_know_is_none(web, read):
    web.get(ONE_ORDER, status=404, json=NOT_FOUND)
    web.get(BY_CLIENT_ID, status=404, json=NOT_FOUND)
    web.assert_all_requests_are_fired = False
    assert read(broker()) is None


def test_a_position_and_an_asset_the_broker_does_not_know_are_none(web):
    web.get(f"{TRADING}/v2/positions/AAPL", status=404, json={"code": 40410000, "message": "position does not exist"})
    web.get(f"{TRADING}/v2/assets/XXXX", status=404, json={"code": 40410000, "message": "asset not found for XXXX"})
    assert broker().position("AAPL") is None
    assert broker().asset("XXXX") is None


@pytest.mark.parametrize(
    "answer",
    [
        {"body": "<html>404 Not Found</html>"},
        {"json": {"code": 40410000, "message": "endpoint not found"}},
        {"json": {"detail": "Not Found"}},
    ],
)
def test_a_404_that_is_not_the_brokers_own_word_is_no_absence(web, answer):
    web.get(ONE_ORDER, status=404, **answer)
    with pytest.raises(BrokerUnavailable, match="404"):
        broker().order(ORDER_ID)


def test_an_order_is_read_with_its_legs(web):
    row = order_row(order_class="oco", legs=[order_row(id="stop", status="held")])
    web.get(ONE_ORDER, json=row, match=[query_param_matcher({"nested": "true"})])
    assert [leg.status for leg in broker().order(ORDER_ID).legs] == ["held"]


def test_a_look_up_by_client_id_reads_the_legs_that_its_answer_left_out(web):
    web.get(BY_CLIENT_ID, json=order_row(order_class="oco"))
    web.get(ONE_ORDER, json=order_row(order_class="oco", legs=[order_row(id="stop", status="held")]))
    assert [leg.id for leg in broker().order_by_client_id(CLIENT_ID).legs] == ["stop"]


def test_an_answer_about_another_order_is_not_taken(web):
    web.get(ONE_ORDER, json=order_row(id="another"))
    web.get(BY_CLIENT_ID, json=order_row(client_order_id="another"))
    for read in (lambda: broker().order(ORDER_ID), lambda: broker().order_by_client_id(CLIENT_ID)):
        with pytest.raises(BrokerUnavailable, match="another"):
            read()


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_empty_name_never_becomes_a_request_about_all_orders(name):
    for call in (lambda: broker().order(name), lambda: broker().cancel(name), lambda: broker().position(name)):
        with pytest.raises(ValueError, match="names no order"):
            call()


def test_text_that_is_no_symbol_is_not_asked_for(web):
    web.get(QUOTES, json={"quotes": {}}, match=[query_param_matcher({"symbols": "AAPL,BRK.B"})])
    broker().quotes(["AAPL", "A,B", "", "../account", "BRK.B", "AAPL"])
    assert broker().asset("../account") is None


def test_quotes_are_asked_for_two_hundred_symbols_at_a_time(web):
    symbols = [f"S{n}" for n in range(401)]
    web.get(QUOTES, json={"quotes": {symbol: quote_row() for symbol in symbols}})
    assert list(broker().quotes(symbols)) == symbols
    assert [len(call.request.params["symbols"].split(",")) for call in web.calls] == [200, 200, 1]


def test_no_symbols_need_no_request(web):
    assert broker().quotes([]) == {}
    assert len(web.calls) == 0


def test_sessions_are_those_asked_for_in_order(web):
    rows = [session_row(date=day) for day in ("2026-10-05", "2026-10-02", "2026-10-06", "2026-10-01")]
    asked = query_param_matcher({"start": "2026-10-02", "end": "2026-10-05"})
    web.get(f"{TRADING}/v2/calendar", json=rows, match=[asked])
    sessions = broker().sessions(date(2026, 10, 2), date(2026, 10, 5))
    assert [session.date.day for session in sessions] == [2, 5]


def test_positions_by_symbol(web):
    web.get(f"{TRADING}/v2/positions", json=[position_row(), position_row(symbol="MSFT", side="short", qty="-1")])
    assert {symbol: position.qty for symbol, position in broker().positions().items()} == {"AAPL": 5, "MSFT": -1}


def test_an_asset(web):
    web.get(f"{TRADING}/v2/assets/BRK.B", json=asset_row(symbol="BRK.B"))
    assert broker().asset("BRK.B").tradable


# Pages


def rows(first, last, **changes):
    return [order_row(id=f"o{n}", client_order_id=f"c{n}", **changes) for n in range(first, last)]


def test_live_orders_are_read_page_after_page_by_cursor(web):
    asked = {"status": "open", "nested": "true", "direction": "asc", "limit": "500"}
    web.get(ORDERS, json=rows(0, 500), match=[query_param_matcher(asked)])
    web.get(ORDERS, json=rows(500, 503), match=[query_param_matcher(asked | {"after_order_id": "o499"})])
    assert [order.id for order in broker().live_orders()] == [f"o{n}" for n in range(503)]


def test_a_page_that_is_full_when_its_legs_are_counted_is_not_the_last(web):
    # Alpaca does not say whether `limit` counts legs; 250 orders with a leg each may be 500 rows.
    paired = [row | {"legs": [order_row(id=f"leg-{row['id']}")]} for row in rows(0, 250, order_class="oco")]
    web.get(ORDERS, json=paired)
    web.get(ORDERS, json=[], match=[query_param_matcher({"after_order_id": "o249"}, strict_match=False)])
    assert len(broker().live_orders()) == 250


def test_an_order_that_two_pages_show_is_there_once(web):
    web.get(ORDERS, json=rows(0, 500))
    web.get(ORDERS, json=[*rows(498, 499, status="partially_filled"), *rows(500, 501)])
    orders = broker().live_orders()
    assert [order.id for order in orders] == [f"o{n}" for n in range(501)]
    assert orders[498].status == "partially_filled"


def test_a_leg_that_is_listed_beside_its_order_is_there_once(web):
    stop = order_row(id="stop", status="new")
    web.get(ORDERS, json=[order_row(order_class="oco", legs=[stop]), stop])
    assert [order.id for order in broker().live_orders()] == [ORDER_ID]


@pytest.mark.parametrize("second", [rows(0, 500), rows(499, 500), rows(499, 501)])
def test_a_page_that_repeats_its_cursor_is_an_error_and_not_the_end(web, second):
    web.get(ORDERS, json=rows(0, 500))
    web.get(ORDERS, json=second)
    with pytest.raises(BrokerUnavailable, match="repeats"):
        broker().live_orders()


def test_pages_that_go_round_in_a_circle_are_an_error(web):
    web.get(ORDERS, json=rows(0, 500))
    web.get(ORDERS, json=rows(500, 1000))
    web.get(ORDERS, json=rows(0, 500))
    with pytest.raises(BrokerUnavailable, match="repeats"):
        broker().live_orders()
    assert len(web.calls) == 3


def test_one_unreadable_order_makes_the_list_unreadable(web):
    web.get(ORDERS, json=[order_row(), order_row(id=None)])
    with pytest.raises(BrokerUnavailable, match="`id`"):
        broker().live_orders()


def test_fills_are_read_page_after_page_oldest_first(web):
    start = datetime(2026, 10, 2, 13, 30, tzinfo=UTC)
    times = [(start + timedelta(seconds=n)).isoformat() for n in range(102)]
    activities = [fill_row(id=f"f{n}", transaction_time=at) for n, at in enumerate(times)]
    asked = {"after": "2026-10-02T13:29:59Z", "direction": "asc", "page_size": "100"}
    web.get(FILLS, json=activities[:100], match=[query_param_matcher(asked)])
    web.get(FILLS, json=activities[100:], match=[query_param_matcher(asked | {"page_token": "f99"})])
    since = (start - timedelta(seconds=0.5)).astimezone(timezone(timedelta(hours=9)))
    assert [fill.id for fill in broker().fills(since)] == [f"f{n}" for n in range(102)]


def test_fills_come_oldest_first_whatever_order_the_broker_lists_them_in(web):
    web.get(FILLS, json=[fill_row(id=f"f{n}", transaction_time=f"2026-10-02T13:3{n}:00Z") for n in (2, 0, 1)])
    assert [fill.id for fill in broker().fills(datetime(2026, 10, 2, tzinfo=UTC))] == ["f0", "f1", "f2"]


def test_fills_since_a_time_without_a_zone_are_a_mistake():
    with pytest.raises(ValueError, match="no time zone"):
        broker().fills(datetime(2026, 10, 2, 13, 30))  # noqa: DTZ001 - the mistake itself
