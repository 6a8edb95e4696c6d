from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lib import sessions
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.prices import RecordedFeed, ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN

DATA = Path(__file__).parents[2] / "data"
# 2013-01-02, a Wednesday: New York is five hours behind UTC, the session goes from 14:30 to 21:00.
TUESDAY_NIGHT = "2013-01-02T05:00:00Z"


def steps(*written):
    return [(datetime.fromisoformat(at).replace(tzinfo=UTC), Decimal(price)) for at, price in written]


TWO_DAYS = steps(
    ("2013-01-02T14:30:00", "100"),
    ("2013-01-02T14:30:30", "103.50"),
    ("2013-01-02T14:32:00", "99"),
    ("2013-01-02T15:00:00", "101"),
    ("2013-01-03T14:30:00", "104"),
    ("2013-01-03T14:31:00", "105"),
)


def quiet(at, price):
    return {"t": at, "o": price, "h": price, "l": price, "c": price, "v": 100, "n": 1, "vw": price}


@pytest.fixture
def stocks(open_rig):
    """Two days of AAPL, seen in the first minute of the second; MSFT at 30 since the first."""
    feed = ScriptedFeed({"AAPL": TWO_DAYS, "MSFT": steps(("2013-01-02T14:30:00", "30"))})
    return open_rig(feed=feed, now=datetime(2013, 1, 3, 14, 31, 20, tzinfo=UTC))


def bars(rig, timeframe, symbol="AAPL", **params):
    answer = rig.get("/v2/stocks/bars", symbols=symbol, timeframe=timeframe, **params)
    return answer["bars"].get(symbol, [])


def times(shown):
    return [one["t"] for one in shown]


def refused(rig, path, **params):
    response = rig.request("GET", path, params=params)
    assert list(response.json()) == ["message"]
    return response.status_code, response.json()["message"]


def test_a_quote_is_the_price_and_a_tick_above_it(stocks):
    shown = stocks.get("/v2/stocks/quotes/latest", symbols="AAPL,NOPE")
    quote = {"t": "2013-01-03T14:31:00Z", "bx": "V", "bp": 105, "bs": 100, "ax": "V", "ap": 105.01, "as": 100}
    assert shown == {"quotes": {"AAPL": quote | {"c": ["R"], "z": "C"}}}


def test_a_side_where_nobody_is_has_price_and_size_zero_and_no_exchange(stocks):
    stocks.price("0", "105.01")
    quote = stocks.get("/v2/stocks/AAPL/quotes/latest")["quote"]
    assert (quote["bp"], quote["bs"], quote["bx"], quote["ap"], quote["ax"]) == (0, 0, " ", 105.01, "V")


def test_the_latest_trade_is_the_last_price_and_the_latest_bar_its_minute_so_far(stocks):
    trade = stocks.get("/v2/stocks/AAPL/trades/latest")
    assert trade["symbol"] == "AAPL"
    assert (trade["trade"]["p"], trade["trade"]["t"], trade["trade"]["c"]) == (105, "2013-01-03T14:31:00Z", ["@"])
    assert stocks.get("/v2/stocks/AAPL/bars/latest")["bar"] == quiet("2013-01-03T14:31:00Z", 105)
    # MSFT has not traded since yesterday's open.
    latest = stocks.get("/v2/stocks/bars/latest", symbols="MSFT,AAPL")["bars"]
    assert {symbol: bar["t"] for symbol, bar in latest.items()} == {
        "AAPL": "2013-01-03T14:31:00Z",
        "MSFT": "2013-01-02T14:30:00Z",
    }


def test_a_quote_set_by_hand_is_the_latest_trade_too_and_leaves_the_past_alone(stocks):
    stocks.price("90")
    assert stocks.get("/v2/stocks/trades/latest", symbols="AAPL")["trades"]["AAPL"]["p"] == 90
    assert bars(stocks, "1Day")[0]["c"] == 105


def test_a_snapshot_has_the_latest_of_everything_and_the_day_before(stocks):
    shown = stocks.get("/v2/stocks/snapshots", symbols="AAPL,NOPE")
    assert list(shown) == ["AAPL"]
    assert shown["AAPL"]["latestQuote"]["bp"] == shown["AAPL"]["latestTrade"]["p"] == 105
    assert shown["AAPL"]["minuteBar"] == quiet("2013-01-03T14:31:00Z", 105)
    today = {"t": "2013-01-03T05:00:00Z", "o": 104, "h": 105, "l": 104, "c": 105, "v": 200, "n": 2, "vw": 104.5}
    assert shown["AAPL"]["dailyBar"] == today
    # 100 + 103.5 + 99 + 101, of equal size, are 100.875 each.
    day_before = {"t": TUESDAY_NIGHT, "o": 100, "h": 103.5, "l": 99, "c": 101, "v": 400, "n": 4, "vw": 100.875}
    assert shown["AAPL"]["prevDailyBar"] == day_before
    assert stocks.get("/v2/stocks/AAPL/snapshot") == {"symbol": "AAPL", **shown["AAPL"]}


def test_a_snapshot_leaves_out_what_there_is_not_yet(open_rig):
    rig = open_rig(feed=ScriptedFeed({"AAPL": steps(("2013-01-02T14:30:00", "100"))}), now=WEDNESDAY_OPEN)
    assert "prevDailyBar" not in rig.get("/v2/stocks/AAPL/snapshot")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("snapshot", "no snapshot found for NOPE"),
        ("quotes/latest", "no quote found for NOPE"),
        ("trades/latest", "no trade found for NOPE"),
        ("bars/latest", "no bar found for NOPE"),
    ],
)
def test_the_latest_of_one_unknown_symbol_is_not_found(stocks, path, told):
    assert refused(stocks, f"/v2/stocks/NOPE/{path}") == (404, told)


def test_the_past_of_an_unknown_symbol_is_empty(stocks):
    assert stocks.get("/v2/stocks/bars", symbols="NOPE", timeframe="1Day") == {"bars": {}, "next_page_token": None}
    assert stocks.get("/v2/stocks/NOPE/trades") == {"symbol": "NOPE", "trades": [], "next_page_token": None}


def test_minutes_without_a_trade_have_no_bar(stocks):
    shown = bars(stocks, "1Min", start="2013-01-02", end="2013-01-02")
    assert times(shown) == [f"2013-01-02T{minute}:00Z" for minute in ("14:30", "14:32", "15:00")]
    assert shown[0] == {
        "t": "2013-01-02T14:30:00Z",
        "o": 100,
        "h": 103.5,
        "l": 100,
        "c": 103.5,
        "v": 200,
        "n": 2,
        "vw": 101.75,
    }


@pytest.mark.parametrize(
    ("timeframe", "expected"),
    [
        ("2T", ["2013-01-02T14:30:00Z", "2013-01-02T14:32:00Z", "2013-01-02T15:00:00Z", "2013-01-03T14:30:00Z"]),
        ("59Min", ["2013-01-02T13:51:00Z", "2013-01-02T14:50:00Z", "2013-01-03T13:51:00Z"]),
        ("1Hour", ["2013-01-02T14:00:00Z", "2013-01-02T15:00:00Z", "2013-01-03T14:00:00Z"]),
        ("23H", ["2013-01-02T05:00:00Z", "2013-01-03T05:00:00Z"]),
        ("1D", ["2013-01-02T05:00:00Z", "2013-01-03T05:00:00Z"]),
        ("1Week", ["2012-12-31T05:00:00Z"]),
        ("12M", ["2013-01-01T05:00:00Z"]),
    ],
)
def test_bars_begin_in_new_york(stocks, timeframe, expected):
    assert times(bars(stocks, timeframe, start="2012-12-31")) == expected


@pytest.mark.parametrize(
    ("timeframe", "expected"),
    [("1Month", "2012-09-01"), ("2M", "2012-09-01"), ("4M", "2012-09-01"), ("6M", "2012-07-01")],
)
def test_months_are_counted_from_january_and_begin_at_midnight_in_summer_time(open_rig, timeframe, expected):
    feed = ScriptedFeed({"AAPL": steps(("2012-10-01T14:00:00", "10"), ("2012-09-04T14:00:00", "9"))})
    rig = open_rig(feed=feed)
    first = bars(rig, timeframe, start="2012-01-01")[0]
    assert (first["t"], first["o"]) == (f"{expected}T04:00:00Z", 9)


def test_a_bar_of_days_is_made_of_its_days(stocks):
    (week,) = bars(stocks, "1Week", start="2012-12-31")
    assert week == {
        "t": "2012-12-31T05:00:00Z",
        "o": 100,
        "h": 105,
        "l": 99,
        "c": 105,
        "v": 600,
        "n": 6,
        "vw": 102.083333,
    }


def test_nothing_is_told_of_the_future(stocks):
    later = {"start": "2013-01-03", "end": "2014-01-01"}
    assert times(bars(stocks, "1Min", **later)) == ["2013-01-03T14:30:00Z", "2013-01-03T14:31:00Z"]
    assert bars(stocks, "1Min", start="2013-01-04", end="2013-01-05") == []


def test_a_bar_that_is_not_over_shows_what_it_has_so_far(open_rig):
    rig = open_rig(feed=ScriptedFeed({"AAPL": TWO_DAYS}), now=datetime(2013, 1, 2, 14, 30, 29, tzinfo=UTC))
    assert bars(rig, "1Day") == [quiet(TUESDAY_NIGHT, 100)]
    rig.advance(1)
    assert bars(rig, "1Day")[0]["h"] == 103.5


def test_start_and_end_are_included_and_a_date_is_a_whole_day_in_new_york(stocks):
    exact = {"start": "2013-01-02T14:32:00Z", "end": "2013-01-02T10:00:00-05:00"}
    assert times(bars(stocks, "1Min", **exact)) == ["2013-01-02T14:32:00Z", "2013-01-02T15:00:00Z"]
    assert len(stocks.get("/v2/stocks/AAPL/trades", **exact)["trades"]) == 2
    assert times(bars(stocks, "1Day", start="2013-01-02", end="2013-01-02")) == [TUESDAY_NIGHT]


def test_without_a_start_the_past_begins_with_the_day(stocks):
    assert times(bars(stocks, "1Min")) == ["2013-01-03T14:30:00Z", "2013-01-03T14:31:00Z"]


def test_quotes_and_trades_of_the_past_are_the_prices_one_by_one(stocks):
    asked = {"symbols": "AAPL", "start": "2013-01-02", "end": "2013-01-02T14:30:30Z"}
    quotes = stocks.get("/v2/stocks/quotes", **asked)["quotes"]["AAPL"]
    assert [(quote["t"], quote["bp"], quote["ap"]) for quote in quotes] == [
        ("2013-01-02T14:30:00Z", 100, 100.01),
        ("2013-01-02T14:30:30Z", 103.5, 103.51),
    ]
    trades = stocks.get("/v2/stocks/trades", **asked)["trades"]["AAPL"]
    assert [(trade["t"], trade["p"], trade["s"]) for trade in trades] == [
        ("2013-01-02T14:30:00Z", 100, 100),
        ("2013-01-02T14:30:30Z", 103.5, 100),
    ]
    assert len({trade["i"] for trade in trades}) == 2


def test_a_limit_counts_over_all_symbols_which_come_one_after_the_other(stocks):
    asked = {"symbols": "MSFT,AAPL", "timeframe": "1Min", "start": "2013-01-02", "limit": 4}
    first = stocks.get("/v2/stocks/bars", **asked)
    assert {symbol: len(shown) for symbol, shown in first["bars"].items()} == {"AAPL": 4}
    second = stocks.get("/v2/stocks/bars", **asked, page_token=first["next_page_token"])
    assert {symbol: times(shown) for symbol, shown in second["bars"].items()} == {
        "AAPL": ["2013-01-03T14:31:00Z"],
        "MSFT": ["2013-01-02T14:30:00Z"],
    }
    assert second["next_page_token"] is None


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("kind", ["trades", "quotes", "bars"])
def test_pages_put_together_are_the_whole(open_rig, kind, sort):
    twice = steps(
        ("2013-01-02T14:30:30", "103.50"), ("2013-01-02T14:30:30", "103.60"), ("2013-01-02T14:30:30", "103.70")
    )
    rig = open_rig(feed=ScriptedFeed({"AAPL": TWO_DAYS + twice}), now=datetime(2013, 1, 4, tzinfo=UTC))
    asked = {"start": "2013-01-01", "timeframe": "1Min", "sort": sort}
    whole = rig.get(f"/v2/stocks/AAPL/{kind}", **asked)[kind]
    assert times(whole) == sorted(times(whole), reverse=sort == "desc")
    pages, token = [], None
    while token is not None or not pages:
        page = rig.get(f"/v2/stocks/AAPL/{kind}", **asked, limit=1, **({"page_token": token} if token else {}))
        pages += page[kind]
        token = page["next_page_token"]
    assert pages == whole


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"symbols": ""}, "Invalid format for parameter symbols: query parameter 'symbols' is required"),
        ({"symbols": "AAPL,BRK-B"}, "invalid symbol: BRK-B"),
        ({"symbols": "BTC/USD"}, "invalid symbol: BTC/USD"),
        ({"timeframe": "30Sec"}, "invalid timeframe: 30Sec"),
        ({"timeframe": "60Min"}, "invalid timeframe: 60Min"),
        ({"timeframe": "24Hour"}, "invalid timeframe: 24Hour"),
        ({"timeframe": "5Month"}, "invalid timeframe: 5Month"),
        ({"feed": "delayed_sip"}, "invalid feed: delayed_sip"),
        ({"adjustment": "bogus"}, "invalid adjustment: bogus"),
        ({"currency": "EUR"}, "invalid currency: EUR"),
        ({"limit": "10001"}, "invalid limit: 10001"),
        ({"limit": "0"}, "invalid limit: 0"),
        ({"sort": "up"}, "invalid sort: up"),
        ({"page_token": "bogus"}, "invalid page_token"),
        ({"start": "2013-01-03", "end": "2013-01-02"}, "end should not be before start"),
        ({"start": "soon"}, "Invalid format for parameter start: error parsing 'soon' as RFC3339 or 2006-01-02 time"),
        (
            {"end": "2013-01-02T10:00:00"},
            "Invalid format for parameter end: error parsing '2013-01-02T10:00:00' as RFC3339 or 2006-01-02 time",
        ),
    ],
)
def test_a_wrong_parameter_is_refused_with_a_message_alone(stocks, params, told):
    assert refused(stocks, "/v2/stocks/bars", **({"symbols": "AAPL", "timeframe": "1Day"} | params)) == (400, told)


def test_a_token_is_of_one_of_the_symbols(stocks):
    token = stocks.get("/v2/stocks/AAPL/trades", limit=1)["next_page_token"]
    assert refused(stocks, "/v2/stocks/MSFT/trades", page_token=token) == (400, "invalid page_token")


@pytest.mark.parametrize(
    ("feed", "expected"),
    [("sip", 105), ("iex", 105), ("delayed_sip", 101), ("otc", None), ("boats", None), ("overnight", None)],
)
def test_a_feed_is_a_venue_and_only_one_has_trades(stocks, feed, expected):
    # A quarter of an hour ago the session had not begun, and yesterday's last price stood.
    shown = stocks.get("/v2/stocks/trades/latest", symbols="AAPL", feed=feed)["trades"]
    assert [trade["p"] for trade in shown.values()] == ([expected] if expected else [])


def test_an_unknown_feed_is_refused(stocks):
    assert refused(stocks, "/v2/stocks/quotes/latest", symbols="AAPL", feed="moon") == (400, "invalid feed: moon")


NO_SIP = (403, "subscription does not permit querying recent SIP data")


@pytest.fixture
def free(open_rig):
    """Without a subscription, a quarter of an hour and 30 seconds into the second day."""
    now = datetime(2013, 1, 3, 14, 45, 30, tzinfo=UTC)
    return open_rig(feed=ScriptedFeed({"AAPL": TWO_DAYS}), sip_subscription=False, now=now)


def test_without_a_subscription_the_latest_is_of_iex_and_the_sip_is_refused(free):
    assert refused(free, "/v2/stocks/trades/latest", symbols="AAPL", feed="sip") == NO_SIP
    assert free.get("/v2/stocks/trades/latest", symbols="AAPL")["trades"]["AAPL"]["p"] == 105


def test_without_a_subscription_a_span_must_end_fifteen_minutes_ago(free):
    start = "2013-01-02"
    assert len(bars(free, "1Min", start=start, end="2013-01-03T14:30:30Z")) == 4
    asked = {"symbols": "AAPL", "timeframe": "1Min", "start": start, "end": "2013-01-03T14:30:31Z"}
    assert refused(free, "/v2/stocks/bars", **asked) == NO_SIP
    assert len(free.get("/v2/stocks/bars", **asked | {"feed": "iex"})["bars"]["AAPL"]) == 4


def test_without_a_subscription_and_an_end_the_last_fifteen_minutes_are_left_out(free):
    assert times(bars(free, "1Min")) == ["2013-01-03T14:30:00Z"]
    assert times(bars(free, "1Min", feed="iex")) == ["2013-01-03T14:30:00Z", "2013-01-03T14:31:00Z"]


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_daily_bars_are_the_recorded_ones(open_rig, symbol):
    hours = Hours(sessions.load(), always_open=False)
    rig = open_rig(
        feed=RecordedFeed.of_directory(DATA, hours, 1, synthetic=False), now=datetime(2013, 3, 2, tzinfo=UTC)
    )
    recorded = [line.split(",") for line in (DATA / f"{symbol}.csv").read_text().splitlines()[1:]]
    shown = bars(rig, "1Day", symbol, start="2012-01-01", adjustment="raw")
    assert [(bar["t"][:10], *(Decimal(str(bar[name])) for name in "ohlcv")) for bar in shown] == [
        (row[0][:10], *map(Decimal, row[1:6])) for row in recorded
    ]


def test_codes_of_exchanges_and_conditions_are_told(stocks):
    quote = stocks.get("/v2/stocks/AAPL/quotes/latest")["quote"]
    assert stocks.get("/v2/stocks/meta/exchanges")[quote["bx"]] == "IEX"
    assert stocks.get("/v2/stocks/meta/conditions/quote", tape=quote["z"])[quote["c"][0]] == "Regular, Two Sided Open"
    assert refused(stocks, "/v2/stocks/meta/conditions/trade", tape="Z") == (400, "invalid tape: Z")
    assert refused(stocks, "/v2/stocks/meta/conditions/bars", tape="A") == (400, "invalid ticktype: bars")


def test_a_made_up_trade_says_so(open_rig, feed_of):
    feed = feed_of(AAA="2018-11-26,102,103,99,100,1\n", synthetic=True)
    rig = open_rig(feed=feed, now=datetime(2018, 11, 27, 15, 0, tzinfo=UTC))
    trades = rig.get("/v2/stocks/AAA/trades", start="2018-11-26", limit=391)["trades"]
    assert (trades[-2]["c"], trades[-1]["c"]) == (["@"], ["synthetic"])


class Counted(ScriptedFeed):
    """Another feed, and how often it was walked."""

    def __init__(self, feed):
        super().__init__({symbol: [] for symbol in feed.symbols()})
        self.walks, self.price, self.quote_time = 0, feed.price, feed.quote_time
        self._walk = feed.steps

    def steps(self, symbol, after, until):
        self.walks += 1
        return self._walk(symbol, after, until)


def test_a_day_that_is_over_is_walked_once(open_rig):
    hours = Hours(sessions.load(), always_open=False)
    feed = Counted(RecordedFeed.of_directory(DATA, hours, 1, synthetic=False))
    rig = open_rig(feed=feed, now=datetime(2013, 3, 4, tzinfo=UTC))
    first = bars(rig, "1Day", start="2012-01-01")
    walks = feed.walks
    assert bars(rig, "1Day", start="2012-01-01") == first
    assert (len(first), feed.walks) == (122, walks)
