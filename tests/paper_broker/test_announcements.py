"""Announcements of corporate actions: what may be announced, and who is told of it when."""

from datetime import date

import pytest
from alpaca.data.enums import CorporateActionsType
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.requests import CorporateActionsRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import CorporateActionType
from alpaca.trading.requests import GetCorporateAnnouncementsRequest

from lib.paper_broker.history.announcements import load
from lib.paper_broker.prices import PricesError
from tests.paper_broker.rig import ONE_FOR_TWENTY, TWO_FOR_ONE, connected

SPAN = {"start": "2013-01-01", "end": "2013-02-01"}


@pytest.mark.parametrize(
    "action",
    [
        {"type": "spin_off"},
        {"type": "forward_split", "old_rate": "1"},
        {"type": "forward_split", "old_rate": "2", "new_rate": "1"},
        {"type": "reverse_split", "old_rate": "1", "new_rate": "1"},
        {"type": "cash_dividend", "rate": "0"},
        {"type": "cash_dividend", "rate": "1e30"},
        {"type": "cash_dividend", "rate": 0.5, "new_symbol": "X"},
        {"type": "name_change"},
        {"type": "name_change", "new_symbol": "AAPL"},
        {"type": "worthless_removal", "symbol": "BTC/USD"},
        {"type": "worthless_removal", "symbol": "NONE"},
        {"type": "worthless_removal", "ex_date": "2013-01-02"},  # has begun
        {"type": "worthless_removal", "ex_date": "tomorrow"},
        {"type": "worthless_removal", "announced_at": "soon"},
    ],
)
def test_what_is_no_action_to_come_is_refused(rig, action):
    body = {"symbol": "AAPL", "ex_date": "2013-01-03"} | action
    assert rig.request("POST", "/paper/corporate-action", json=body).status_code == 422


def test_the_same_action_is_announced_once(rig):
    rig.announce(**TWO_FOR_ONE)
    body = {"symbol": "AAPL", "ex_date": "2013-01-03"} | TWO_FOR_ONE
    assert rig.request("POST", "/paper/corporate-action", json=body).status_code == 422


def test_market_data_tells_of_actions_by_type_page_by_page(rig):
    rig.announce(**TWO_FOR_ONE, cusip="037833100")
    rig.announce(type="cash_dividend", rate="0.5", ex_date="2013-01-04", payable_date="2013-01-10")
    rig.announce(**ONE_FOR_TWENTY, symbol="MSFT", ex_date="2013-01-07")
    first = rig.get("/v1/corporate-actions", **SPAN, limit="2")
    assert first["corporate_actions"].keys() == {"forward_splits", "cash_dividends"}
    rest = rig.get("/v1/corporate-actions", **SPAN, limit="2", page_token=first["next_page_token"])
    assert (rest["corporate_actions"].keys(), rest["next_page_token"]) == ({"reverse_splits"}, None)
    (split,) = first["corporate_actions"]["forward_splits"]
    assert split.pop("id")
    dates = {"ex_date": "2013-01-03", "process_date": "2013-01-03"}
    assert split == {"symbol": "AAPL", "cusip": "037833100", "old_rate": 1, "new_rate": 2} | dates
    assert rig.get("/v1/corporate-actions")["corporate_actions"] == {}  # none of today


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"symbols": "MSFT"}, {"reverse_splits"}),
        ({"types": "name_change,spin_off"}, set()),
        ({"types": "forward_split"}, {"forward_splits"}),
        ({"cusips": "037833100"}, {"forward_splits"}),
        ({"end": "2013-01-03"}, {"forward_splits"}),
    ],
)
def test_market_data_lets_through_what_is_asked_for(rig, asked, shown):
    rig.announce(**TWO_FOR_ONE, cusip="037833100")
    rig.announce(**ONE_FOR_TWENTY, symbol="MSFT", ex_date="2013-01-07")
    assert rig.get("/v1/corporate-actions", **SPAN | asked)["corporate_actions"].keys() == shown


def test_an_action_is_not_told_of_before_it_is_announced(rig):
    rig.announce(**TWO_FOR_ONE, ex_date="2013-01-08", announced_at="2013-01-04T12:00:00Z")
    assert rig.get("/v1/corporate-actions", **SPAN)["corporate_actions"] == {}
    rig.go_to("2013-01-04T12:00:00Z")
    assert rig.get("/v1/corporate-actions", **SPAN)["corporate_actions"].keys() == {"forward_splits"}


@pytest.mark.parametrize(
    "params", [{"types": "bonus"}, {"limit": "1001"}, {"start": "x"}, {"sort": "up"}, {"ids": "a", "types": "spin_off"}]
)
def test_market_data_refuses_without_a_code(rig, params):
    response = rig.request("GET", "/v1/corporate-actions", params=params)
    assert (response.status_code, list(response.json())) == (400, ["message"])


def test_the_older_list_needs_types_and_a_span_of_ninety_days(rig):
    path, span = "/v2/corporate_actions/announcements", {"since": "2013-01-01", "until": "2013-02-01"}
    for params in (span, span | {"ca_types": "bonus"}, {"ca_types": "split"}):
        assert rig.request("GET", path, params=params).status_code == 422
    long = {"ca_types": "split", "since": "2013-01-01", "until": "2013-04-02"}
    assert rig.request("GET", path, params=long).status_code == 422
    assert rig.request("GET", f"{path}/none").status_code == 404


def test_alpacas_data_client_reads_every_kind(rig):
    rig.announce(**TWO_FOR_ONE)
    rig.announce(**ONE_FOR_TWENTY, ex_date="2013-01-04")
    rig.announce(type="cash_dividend", rate="0.5", ex_date="2013-01-05")
    rig.announce(type="stock_dividend", rate="0.05", ex_date="2013-01-06")
    rig.announce(type="name_change", new_symbol="APPL", ex_date="2013-01-07")
    rig.announce(type="cash_merger", rate="30", symbol="MSFT", ex_date="2013-01-08")
    rig.announce(type="worthless_removal", symbol="MSFT", ex_date="2013-01-09")
    client = connected(CorporateActionsClient("key", "secret", url_override=rig.url), rig)
    wanted = CorporateActionsRequest(start=date(2013, 1, 1), end=date(2013, 2, 1))
    found = client.get_corporate_actions(wanted).data
    assert sorted(kind for kind, actions in found.items() if actions) == [
        "cash_dividends",
        "cash_mergers",
        "forward_splits",
        "name_changes",
        "reverse_splits",
        "stock_dividends",
        "worthless_removals",
    ]
    assert found["forward_splits"][0].new_rate == 2.0
    only = CorporateActionsRequest(start=date(2013, 1, 1), end=date(2013, 2, 1), types=[CorporateActionsType.SPIN_OFF])
    assert client.get_corporate_actions(only).data == {}
    client._session.close()


@pytest.mark.filterwarnings("ignore:get_corporate_announcements is deprecated")
def test_alpacas_trading_client_reads_announcements(rig):
    rig.announce(**TWO_FOR_ONE, cusip="037833100")
    rig.announce(type="cash_dividend", rate="0.5", ex_date="2013-01-05")
    rig.announce(type="name_change", new_symbol="APPL", ex_date="2013-01-07")
    client = connected(TradingClient("key", "secret", paper=True, url_override=rig.url), rig)
    every = GetCorporateAnnouncementsRequest(
        ca_types=list(CorporateActionType), since=date(2013, 1, 1), until=date(2013, 2, 1)
    )
    split, dividend = client.get_corporate_announcements(every)
    assert (split.ca_sub_type.value, split.old_rate, split.new_rate, split.cash) == ("stock_split", 1.0, 2.0, 0.0)
    assert (dividend.ca_type.value, dividend.cash) == ("dividend", 0.5)
    assert client.get_corporate_announcement_by_id(split.id).initiating_original_cusip == "037833100"
    client._session.close()


def test_a_file_that_says_nothing_sensible_is_refused_by_name(tmp_path):
    file = tmp_path / "corporate_actions.json"
    assert load(tmp_path) == ()
    for text in ("{", "{}", '[{"type": "forward_split"}]', '[{"type": "worthless_removal", "symbol": "A"}]'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(PricesError, match=r"corporate_actions\.json"):
            load(tmp_path)
