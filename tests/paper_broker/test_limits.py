"""How often a client may ask."""

import pytest
import requests

QUOTES = "/v2/stocks/quotes/latest?symbols=AAPL"


def statuses(rig, *paths):
    return [rig.request("GET", path).status_code for path in paths]


def test_beyond_the_limit_requests_are_refused_without_effect_until_the_next_minute(open_rig):
    rig = open_rig(rate_limit_per_minute=2)
    rig.get("/v2/clock")
    assert rig.request("GET", "/v2/clock").headers["X-Ratelimit-Remaining"] == "0"
    response = rig.request("POST", "/v2/orders", json={"symbol": "AAPL"})
    assert response.status_code == 429
    assert response.json() == {"code": 42910000, "message": "rate limit exceeded."}
    assert response.headers["X-Ratelimit-Limit"] == "2"
    assert response.headers["X-Ratelimit-Remaining"] == "0"
    rig.advance(59)  # from 10:00:00, so the minute is not over
    assert statuses(rig, "/v2/clock") == [429]
    rig.advance(1)
    assert rig.request("GET", "/v2/clock").headers["X-Ratelimit-Remaining"] == "1"


def test_the_headers_say_when_the_next_minute_begins(open_rig):
    rig = open_rig(rate_limit_per_minute=2)
    rig.advance(30)
    assert rig.request("GET", "/v2/clock").headers["X-Ratelimit-Reset"] == "1357138860"  # 2013-01-02T15:01:00Z


def test_market_data_has_a_limit_of_its_own(open_rig):
    rig = open_rig(rate_limit_per_minute=1, data_rate_limit_per_minute=2)
    assert statuses(rig, "/v2/clock", "/v2/clock", QUOTES, QUOTES, QUOTES) == [200, 429, 200, 200, 429]
    assert rig.request("GET", QUOTES).headers["X-Ratelimit-Limit"] == "2"


def test_without_a_limit_nothing_is_refused_and_the_headers_tell_alpacas(rig):
    assert statuses(rig, *["/v2/clock"] * 250) == [200] * 250
    headers = rig.request("GET", "/v2/clock").headers
    assert (headers["X-Ratelimit-Limit"], headers["X-Ratelimit-Remaining"]) == ("200", "199")


def test_whoever_shows_wrong_keys_does_not_use_up_the_limit(open_rig):
    rig = open_rig(rate_limit_per_minute=1, api_key="k", secret_key="s")
    wrong = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "wrong"}
    right = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
    sent = [rig.request("GET", "/v2/clock", headers=headers).status_code for headers in (wrong, wrong, right, right)]
    assert sent == [401, 401, 200, 429]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_brokers_own_endpoints_are_never_limited(open_rig, method):
    rig = open_rig(rate_limit_per_minute=1)
    rig.get("/v2/clock")
    path, body = {"GET": ("/paper", None), "POST": ("/paper/clock", {"advance_s": 0})}[method]
    assert [rig.request(method, path, json=body).status_code for _ in range(3)] == [requests.codes.ok] * 3
