"""Assets: lists, lookups, and facts said by hand."""

from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN, order_body

PRICES = {name: [(WEDNESDAY_OPEN, Decimal(150))] for name in ("AAPL", "MSFT", "BTC/USD")}


@pytest.fixture
def market(open_rig):
    """A paper broker with two stocks and a coin."""
    return open_rig(feed=ScriptedFeed(PRICES))


def symbols(rig, **params):
    return [asset["symbol"] for asset in rig.get("/v2/assets", **params)]


def say(rig, **body):
    response = rig.request("POST", "/paper/asset", json=body)
    return response.status_code, response.json()


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["AAPL", "MSFT"]),  # stocks, unless told
        ({"asset_class": "crypto"}, ["BTC/USD"]),
        ({"asset_class": "us_option"}, []),
        ({"status": "active"}, ["AAPL"]),
        ({"status": "inactive"}, ["MSFT"]),
        ({"exchange": "NYSE"}, ["MSFT"]),
        ({"exchange": "NASDAQ"}, ["AAPL"]),
        ({"attributes": "ipo,has_options"}, ["AAPL"]),
        ({"attributes": "ipo"}, []),
    ],
)
def test_a_list_shows_what_its_filters_let_through(market, params, expected):
    say(market, symbol="AAPL", attributes=["has_options", "fractional_eh_enabled"])
    say(market, symbol="MSFT", status="inactive", exchange="NYSE")
    assert symbols(market, **params) == expected


@pytest.mark.parametrize("name", ["BTC/USD", "BTC%2FUSD", "BTCUSD"])
def test_a_coin_is_found_by_every_form_of_its_name(market, name):
    coin = market.get(f"/v2/assets/{name}")
    assert (coin["symbol"], coin["class"], coin["exchange"]) == ("BTC/USD", "crypto", "CRYPTO")
    assert market.get(f"/v2/assets/{coin['id']}") == coin


def test_a_coin_tells_its_increments_and_no_borrow_status(market):
    coin = market.get("/v2/assets/BTCUSD")
    assert (coin["min_trade_increment"], coin["price_increment"]) == ("0.000000001", "0.000000001")
    assert (coin["marginable"], coin["shortable"], coin["fractionable"]) == (False, False, True)
    assert "borrow_status" not in coin


@pytest.mark.parametrize("name", ["NOPE", "NO/PE", "00000000-0000-0000-0000-000000000000"])
def test_an_asset_without_prices_is_not_found(market, name):
    response = market.request("GET", f"/v2/assets/{name}")
    assert (response.status_code, response.json()["code"]) == (404, 40410000)


def test_facts_said_by_hand_show_add_up_and_can_be_taken_back(market):
    before = market.get("/v2/assets/AAPL")
    assert say(market, symbol="AAPL", borrow_status="hard_to_borrow", margin_requirement_long=45) == (
        200,
        {"symbol": "AAPL", "by_hand": {"borrow_status": "hard_to_borrow", "margin_requirement_long": "45"}},
    )
    say(market, symbol="AAPL", fractionable=False)
    asset = market.get("/v2/assets/AAPL")
    changed = {
        "borrow_status": "hard_to_borrow",
        "easy_to_borrow": False,
        "fractionable": False,
        "margin_requirement_long": "45",
        "maintenance_margin_requirement": 45,
    }
    assert asset == before | changed
    assert say(market, symbol="AAPL", clear=True) == (200, {"symbol": "AAPL", "by_hand": {}})
    assert market.get("/v2/assets/AAPL") == before


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ({}, "say at least one of name, exchange, status, "),
        ({"colour": "red"}, "unknown fact: colour; there are name, exchange, status, "),
        ({"tradable": "no"}, "tradable must be true or false"),
        ({"status": "delisted"}, "status must be active or inactive"),
        ({"borrow_status": "easy"}, "borrow_status must be easy_to_borrow or hard_to_borrow"),
        ({"margin_requirement_long": 101}, "margin_requirement_long must be a number from 0 to 100"),
        ({"margin_requirement_short": "NaN"}, "margin_requirement_short must be a number from 0 to 100"),
        ({"min_order_size": 0}, "min_order_size must be a number above 0"),
        ({"attributes": ["shiny"]}, "attributes must be a list of fractional_eh_enabled, "),
        ({"attributes": [1]}, "attributes must be a list of fractional_eh_enabled, "),
        ({"name": ""}, "name must be a text"),
    ],
)
def test_what_is_no_fact_is_refused_in_a_sentence_and_changes_nothing(market, fact, message):
    status, body = say(market, symbol="AAPL", **fact)
    assert (status, body["code"]) == (422, 40010001)
    assert body["message"].startswith(message)
    assert say(market, symbol="AAPL", clear=True)[1]["by_hand"] == {}


def test_nothing_is_said_of_an_asset_that_is_not_there(market):
    status, body = say(market, symbol="NOPE", tradable=False)
    assert (status, body["message"]) == (422, 'asset "NOPE" not found')


@pytest.mark.parametrize(
    ("fact", "order", "status", "message"),
    [
        ({"status": "inactive"}, {}, 422, "asset AAPL is not active"),
        ({"tradable": False}, {}, 422, 'asset "AAPL" is not tradable'),
        ({"fractionable": False}, {"qty": "1.5"}, 403, 'asset "AAPL" is not fractionable'),
    ],
)
def test_what_an_asset_does_not_allow_is_refused(market, fact, order, status, message):
    say(market, symbol="AAPL", **fact)
    response = market.request("POST", "/v2/orders", json=order_body(**order))
    assert (response.status_code, response.json()["message"]) == (status, message)


def test_a_halt_holds_up_fills_until_it_is_lifted(market):
    say(market, symbol="AAPL", halted=True)
    order = market.buy(type="limit", limit_price="151")
    market.advance(60)
    assert market.order(order["id"])["status"] == "new"
    say(market, symbol="AAPL", halted=False)
    assert market.order(order["id"])["status"] == "filled"
