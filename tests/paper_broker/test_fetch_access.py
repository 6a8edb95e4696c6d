import pytest
from urllib3 import HTTPResponse

from lib.paper_broker.fetching.download import BarSource, is_safe, reset_wait
from tests.paper_broker.alpaca_pages import KEY, SECRET, STOCKS, URL, bar, page


def test_a_rate_limit_is_waited_for(alpaca, fetch):
    alpaca.get(STOCKS, json={"message": "too many requests."}, status=429)
    alpaca.get(STOCKS, status=502, body="<html>")
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z")]))
    assert fetch(end="2024-01-02")[0] == 0
    assert len(alpaca.calls) == 3


def test_a_limit_that_does_not_end_is_given_up(alpaca, fetch):
    alpaca.get(STOCKS, json={"message": "too many requests."}, status=429)
    code, _, err = fetch()
    assert (code, err.splitlines()[-1]) == (1, f"error: {URL} says 429: too many requests.")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-Ratelimit-Reset": "1704207630", "Date": "Tue, 02 Jan 2024 15:00:00 GMT"}, 30),
        ({"X-Ratelimit-Reset": "1704294000", "Date": "Tue, 02 Jan 2024 15:00:00 GMT"}, 65),
        ({"X-Ratelimit-Reset": "1704207600", "Date": "Tue, 02 Jan 2024 15:00:00 GMT"}, None),
        ({"X-Ratelimit-Reset": "soon", "Date": "Tue, 02 Jan 2024 15:00:00 GMT"}, None),
        ({"X-Ratelimit-Reset": "1704207630"}, None),
    ],
)
def test_the_wait_is_told_by_the_server_in_its_own_time(headers, seconds):
    assert reset_wait(headers) == seconds
    for status, waits in ((429, seconds), (503, None)):
        adapter = BarSource(URL, None, {})._session.get_adapter(URL)
        assert adapter.max_retries.get_retry_after(HTTPResponse(status=status, headers=headers)) == waits


@pytest.mark.parametrize("status", [401, 403])
def test_refused_keys_end_the_run_without_showing_them(alpaca, fetch, tmp_path, status):
    alpaca.get(STOCKS, json={"message": f"forbidden for {KEY} {SECRET}"}, status=status)
    code, out, err = fetch(symbols="AAPL,MSFT")
    assert (code, err.splitlines()[-1]) == (2, f"error: {URL} says {status}: forbidden for … …")
    assert len(alpaca.calls) == 1
    assert [line.split()[0] for line in out.splitlines()] == ["AAPL", "MSFT"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ALPACA_SECRET_KEY": ""}, "ALPACA_API_KEY and ALPACA_SECRET_KEY must be in the environment"),
        ({"ALPACA_API_KEY": "", "ALPACA_SECRET_KEY": ""}, "ALPACA_API_KEY and ALPACA_SECRET_KEY must be"),
        ({"ALPACA_SECRET_KEY": "a\nb"}, "ALPACA_SECRET_KEY does not look like a key"),
        ({"ALPACA_DATA_URL": "http://data.alpaca.markets"}, "ALPACA_DATA_URL must begin with https://"),
    ],
)
def test_keys_that_are_missing_or_would_travel_in_the_clear_are_a_usage_error(fetch, monkeypatch, environment, said):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, out, err = fetch()
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://data.alpaca.markets", True),
        ("http://127.0.0.1:8900", True),
        ("http://localhost:8900", True),
        ("http://[::1]:8900", True),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("ftp://127.0.0.1", False),
        ("data.alpaca.markets", False),
    ],
)
def test_keys_go_over_tls_or_stay_on_this_machine(url, safe):
    assert is_safe(url) is safe


def test_a_redirect_does_not_take_the_keys_along(alpaca, fetch):
    alpaca.get(STOCKS, status=302, headers={"Location": "https://elsewhere.example.com/"})
    code, _, err = fetch(end="2024-01-02")
    assert code == 1
    assert f"{URL} says 302" in err
    assert len(alpaca.calls) == 1
