import io
import json
import re
import sys
from datetime import UTC, date, datetime

import pytest
import requests

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.fetching.command import missing
from lib.paper_broker.options import Options
from lib.paper_broker.program import open_paper
from tests.paper_broker.alpaca_pages import COINS, HEADER, KEY, SECRET, STOCKS, URL, bar, lines, page, queries


def test_pages_are_followed_and_numbers_written_digit_by_digit(alpaca, fetch, tmp_path):
    alpaca.get(
        STOCKS, body=page([bar("2024-01-02T14:30:00Z", "185.1234567"), bar("2024-01-02T14:31:00Z")], following='"next"')
    )
    alpaca.get(STOCKS, body=page([bar("2024-01-05T20:59:00Z", "1e-05")]))
    code, out, _ = fetch(timeframe="1Min", adjustment="raw", feed="iex")
    assert code == 0
    assert lines(tmp_path, "AAPL-1Min.csv") == [
        "2024-01-02T14:30:00Z,185.1234567,185.1234567,185.1234567,185.1234567,7",
        "2024-01-02T14:31:00Z,10,10,10,10,7",
        "2024-01-05T20:59:00Z,0.00001,0.00001,0.00001,0.00001,7",
    ]
    asked, following = queries(alpaca)
    # From midnight to midnight in New York.
    assert asked == {
        "symbols": "AAPL",
        "timeframe": "1Min",
        "start": "2024-01-02T05:00:00Z",
        "end": "2024-01-06T04:59:59Z",
        "limit": "10000",
        "sort": "asc",
        "adjustment": "raw",
        "feed": "iex",
    }
    assert following == asked | {"page_token": "next"}
    headers = alpaca.calls[0].request.headers
    assert (headers["APCA-API-KEY-ID"], headers["APCA-API-SECRET-KEY"]) == (KEY, SECRET)
    assert "AAPL" in out
    assert "3 bars, 3 new, 0 changed, 2024-01-02T14:30:00Z to 2024-01-05T20:59:00Z" in out


def test_coins_have_their_own_address_their_own_days_and_need_no_keys(alpaca, fetch, tmp_path, monkeypatch):
    for name in ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name)
    alpaca.get(COINS, body=page([bar("2024-01-06T00:00:00Z", "44000.5")], symbol="BTC/USD"))
    code, _, _ = fetch(symbols="BTCUSD", start="2024-01-06", end="2024-01-07", timeframe="1Hour")
    assert code == 0
    assert lines(tmp_path, "BTCUSD-1Hour.csv") == ["2024-01-06T00:00:00Z,44000.5,44000.5,44000.5,44000.5,7"]
    (asked,) = queries(alpaca)
    assert (asked["symbols"], asked["start"], asked["end"]) == (
        "BTC/USD",
        "2024-01-06T00:00:00Z",
        "2024-01-07T23:59:59Z",
    )
    assert "adjustment" not in asked
    assert "APCA-API-KEY-ID" not in alpaca.calls[0].request.headers


def test_a_class_of_shares_keeps_its_dot(alpaca, fetch, tmp_path, feed_of):
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z")], symbol="BRK.B"))
    assert fetch(symbols="brk.b", end="2024-01-02")[0] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["BRK.B-1Day.csv"]
    assert feed_of().symbols() == ("BRK.B",)


def test_run_again_it_asks_for_the_new_days_and_the_newest_once_more(alpaca, fetch, tmp_path):
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z"), bar("2024-01-03T05:00:00Z")]))
    fetch(end="2024-01-03")
    alpaca.replace("GET", STOCKS, body=page([bar("2024-01-03T05:00:00Z", "11"), bar("2024-01-04T05:00:00Z", "12")]))
    code, out, _ = fetch(end="2024-01-04")
    assert code == 0
    assert "3 bars, 1 new, 1 changed" in out
    assert [row[:26] for row in lines(tmp_path, "AAPL-1Day.csv")] == [
        "2024-01-02T05:00:00Z,10,10",
        "2024-01-03T05:00:00Z,11,11",
        "2024-01-04T05:00:00Z,12,12",
    ]
    assert [query["start"] for query in queries(alpaca)] == ["2024-01-02T05:00:00Z", "2024-01-03T05:00:00Z"]


def test_days_before_those_that_are_there_are_put_before_them(alpaca, fetch, tmp_path, feed_of):
    alpaca.get(STOCKS, body=page([bar("2024-01-05T05:00:00Z", "11")]))
    fetch(start="2024-01-05")
    alpaca.replace("GET", STOCKS, body=page([bar("2024-01-04T05:00:00Z")]))
    fetch(start="2024-01-04", end="2024-01-04")
    assert [row[:10] for row in lines(tmp_path, "AAPL-1Day.csv")] == ["2024-01-04", "2024-01-05"]
    assert feed_of().price("AAPL", datetime(2024, 1, 5, 15, tzinfo=UTC)) == 11


def test_a_run_that_brings_nothing_new_leaves_the_file_alone(alpaca, fetch, tmp_path):
    alpaca.get(STOCKS, body=page([bar(f"2024-01-0{day}T05:00:00Z") for day in (2, 3, 4, 5)]))
    fetch()
    before = (tmp_path / "AAPL-1Day.csv").stat()
    assert fetch()[0] == 0
    after = (tmp_path / "AAPL-1Day.csv").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


WEEK = [date(2024, 1, day) for day in (2, 3, 4, 5, 8, 9, 10)]


@pytest.mark.parametrize(
    ("there", "asked", "stretches"),
    [
        ((), (3, 5), [(3, 5)]),
        ((2, 3, 4), (2, 8), [(4, 8)]),  # the newest was perhaps read before it was over
        ((2, 3, 4), (2, 4), [(4, 4)]),
        ((2, 3), (4, 5), [(3, 5)]),  # also when it lies before the days asked for
        ((2, 3), (5, 8), [(5, 8)]),  # but not when nothing joins it
        ((5, 8), (2, 5), [(2, 4)]),
        ((2, 3, 8, 9), (2, 9), [(3, 5), (9, 9)]),
        ((), (6, 7), []),  # a weekend
        ((), (2, 10), [(2, 5), (8, 10)]),  # at most five days at once
    ],
)
def test_what_is_missing_is_asked_for_in_stretches(there, asked, stretches):
    def days(numbers):
        return tuple(date(2024, 1, number) for number in numbers)

    found = missing([*WEEK, date(2024, 1, 11)], set(days(there)), days(asked), 5 if asked == (2, 10) else 100)
    assert found == [days(stretch) for stretch in stretches]


def test_what_was_written_before_a_crash_is_kept_whole_and_the_next_run_goes_on(alpaca, fetch, tmp_path):
    alpaca.get(STOCKS, body=page([bar("2024-01-02T14:30:00Z"), bar("2024-02-01T14:30:00Z")]))
    alpaca.get(STOCKS, body=page([bar("2024-02-02T14:30:00Z")], following='"more"'))
    alpaca.get(STOCKS, body=requests.ConnectionError("reset"))
    code, out, err = fetch(end="2024-02-28", timeframe="1Min")
    assert (code, err.splitlines()[-1]) == (1, f"error: {URL} cannot be reached: ConnectionError")
    assert "2 bars, 2 new, 0 changed" in out
    assert "failed: not brought up to date" in out
    assert [row[:10] for row in lines(tmp_path, "AAPL-1Min.csv")] == ["2024-01-02", "2024-02-01"]
    assert [file.name for file in tmp_path.iterdir()] == ["AAPL-1Min.csv"]


def test_a_write_that_fails_leaves_the_old_file(alpaca, fetch, tmp_path):
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z")]))
    fetch(end="2024-01-02")
    # Where the new file would be put together there is a directory.
    (tmp_path / ".AAPL-1Day.csv.part").mkdir()
    alpaca.replace("GET", STOCKS, body=page([bar("2024-01-03T05:00:00Z")]))
    code, _, err = fetch(end="2024-01-03")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: ")
    assert [row[:10] for row in lines(tmp_path, "AAPL-1Day.csv")] == ["2024-01-02"]


@pytest.mark.parametrize(
    "words",
    [
        {"symbols": ""},
        {"symbols": "../AAPL"},
        {"symbols": "AA PL"},
        {"symbols": "A/B"},
        {"start": "2024-01-06"},
        {"start": "yesterday"},
        {"timeframe": "5Sec"},
        {"feed": "boats"},
    ],
)
def test_wrong_words_are_a_usage_error(fetch, words):
    with pytest.raises(SystemExit) as ended:
        fetch(**words)
    assert ended.value.code == 2


def test_a_symbol_that_is_refused_does_not_keep_the_others(alpaca, fetch, tmp_path):
    alpaca.get(STOCKS, json={"message": "invalid symbol: ZZZZZ"}, status=400)
    alpaca.get(STOCKS, body=page([], symbol="NONE"))
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z")]))
    code, out, err = fetch(symbols="ZZZZZ,NONE,AAPL")
    assert code == 1
    assert f"ZZZZZ: {URL} says 400: invalid symbol: ZZZZZ" in err
    refused, empty, done = out.splitlines()
    assert "invalid symbol" in refused
    assert "no bars: none from 2024-01-02 to 2024-01-05" in empty
    assert "1 bars" in done
    assert [file.name for file in tmp_path.iterdir()] == ["AAPL-1Day.csv"]


def test_a_bar_that_contradicts_itself_is_left_out_and_told(alpaca, fetch, tmp_path):
    wrong = bar("2024-01-03T05:00:00Z").replace('"h": 10', '"h": 9')
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z"), wrong]))
    code, out, err = fetch(end="2024-01-03")
    assert code == 1
    assert "1 left out" in out
    assert "2024-01-03T05:00:00Z" in err
    assert [row[:10] for row in lines(tmp_path, "AAPL-1Day.csv")] == ["2024-01-02"]


@pytest.mark.parametrize("body", ["<html>", "[]", page(["7"]), page(['{"t": "2024-01-02T05:00:00Z", "o": true}'])])
def test_an_answer_that_is_no_page_of_bars_is_a_failure(alpaca, fetch, tmp_path, body):
    alpaca.get(STOCKS, body=body)
    code, _, err = fetch()
    assert code == 1
    assert err
    assert list(tmp_path.iterdir()) == []


def test_pages_that_lead_back_to_themselves_are_not_followed_for_ever(alpaca, fetch):
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z")], following='"again"'))
    code, _, err = fetch(end="2024-01-02")
    assert code == 1
    assert "the same page came twice: again" in err


def test_a_file_that_somebody_else_wrote_is_not_touched(alpaca, fetch, tmp_path):
    (tmp_path / "AAPL-1Day.csv").write_text("date,price\n2024-01-02,1\n")
    code, out, _ = fetch()
    assert code == 1
    assert "expected the header" in out
    assert len(alpaca.calls) == 0
    assert (tmp_path / "AAPL-1Day.csv").read_text() == "date,price\n2024-01-02,1\n"


def test_what_came_of_it_can_be_had_as_json(alpaca, fetch, tmp_path):
    alpaca.get(STOCKS, body=page([bar("2024-01-02T05:00:00Z")]))
    _, out, _ = fetch(end="2024-01-02", json=True)
    assert json.loads(out) == [
        {
            "symbol": "AAPL",
            "timeframe": "1Day",
            "file": str(tmp_path / "AAPL-1Day.csv"),
            "bars": 1,
            "first": "2024-01-02T05:00:00Z",
            "last": "2024-01-02T05:00:00Z",
            "new": 1,
            "changed": 0,
            "left_out": 0,
            "error": None,
        }
    ]


def test_progress_is_a_line_for_each_stretch_where_there_is_no_terminal(alpaca, fetch):
    alpaca.get(STOCKS, body=page([bar("2024-01-02T14:30:00Z")]))
    _, _, err = fetch(end="2024-02-02", timeframe="1Min")
    assert err.splitlines() == ["AAPL: 2024-01-02 to 2024-02-01, 1 bars", "AAPL: 2024-02-02 to 2024-02-02, 1 bars"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_for_each_symbol_on_a_terminal(alpaca, fetch, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    alpaca.get(STOCKS, body=page([bar("2024-01-02T14:30:00Z")]))
    fetch(symbols="AAPL,MSFT", end="2024-02-02", timeframe="1Min")
    last = terminal.getvalue().rsplit("all", 1)[1]
    # From 2 January to 2 February are 32 days.
    assert re.findall(r"\d+/\d+", last) == ["2/2", "32/32", "32/32"]
    assert last.index("AAPL") < last.index("MSFT")


def test_what_was_fetched_from_a_paper_broker_is_traded_on(server, fetch, tmp_path, monkeypatch, feed_of, open_rig):
    """The whole way round: recorded prices, served as Alpaca would, downloaded, and a market of their own again."""
    switch, url = server
    there = tmp_path / "there"
    there.mkdir()
    rows = "2024-01-05T14:30:00Z,180,182,179,181,1000\n2024-01-05T14:31:00Z,181,181,181,181,500\n"
    (there / "AAPL-1Min.csv").write_text(f"{HEADER}\n{rows}")
    (there / "BTCUSD-1Min.csv").write_text(f"{HEADER}\n2024-01-06T03:00:00Z,44000.5,44001,44000,44000.75,0.5\n")
    now = datetime(2024, 1, 6, 4, tzinfo=UTC)
    switch.paper = open_paper(clock=RecordedClock(now), prices=there, options=Options(api_key=KEY, secret_key=SECRET))
    monkeypatch.setenv("ALPACA_DATA_URL", url)
    code, out, err = fetch(symbols="AAPL,BTC/USD", start="2024-01-05", end="2024-01-06", timeframe="1Min")
    assert (code, len(out.splitlines())) == (0, 2), err
    assert lines(tmp_path, "AAPL-1Min.csv") == rows.splitlines()
    rig = open_rig(feed=feed_of(), now=datetime(2024, 1, 5, 14, 31, tzinfo=UTC))
    assert rig.order(rig.buy()["id"])["filled_avg_price"] == "181.01"
    # A Saturday in the small hours.
    rig.go_to("2024-01-06T03:00:59Z")
    coins = rig.buy(symbol="BTC/USD", qty="0.01", time_in_force="gtc")
    assert rig.order(coins["id"])["filled_avg_price"] == "44000.76"
