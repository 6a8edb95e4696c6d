"""Live trading as scripts are started: a server on this machine stands for the live host, in New York's session."""

import pytest
import requests

from tests.scripts.desk import EXECUTOR, MONITOR, STAGES, VALUER
from tests.tools.other_time import IN_SESSION, starting_at

pytestmark = pytest.mark.slow  # each starts real processes


@pytest.fixture
def live(bare, tmp_path):
    """A desk of live settings whose broker a server is; its database is made, its account is pinned by nobody."""
    bare.environ |= starting_at(IN_SESSION, tmp_path / "clock")
    bare.make_database()
    with bare.server() as settings:
        bare.environ |= settings | {"ALPACA_PAPER": "false", "PAPER_ALWAYS_OPEN": ""}
        yield bare


def test_a_live_account_is_pinned_by_hand_then_trades_and_the_way_back_is_refused_on_its_database(live):
    said = live.refused(2, EXECUTOR)
    assert said == ["these settings are for live trading, with real money: add --live; nothing was sent"]
    (said,) = live.refused(2, MONITOR, "--live")
    assert "account main is live and not pinned" in said
    assert live.sql("SELECT account_number, environment FROM account") == [(None, None)]
    url = live.environ["ALPACA_BASE_URL"]
    headers = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
    number = requests.get(f"{url}/v2/account", headers=headers, timeout=5).json()["account_number"]
    assert "LIVE" in live.done("-m", "lib.control", "pin", number)
    assert live.sql("SELECT account_number, environment FROM account") == [(number, "live")]

    levels = ("--entry", "150.02", "--stop", "145", "--target", "160", "--approve", "--symbol")
    for symbol in ("AAPL", "IBM"):
        quote = {"symbol": symbol, "bid": "150", "ask": "150.02"}
        requests.post(f"{url}/paper/price", json=quote, timeout=5).raise_for_status()
    live.done("-m", "lib.decide", "add", "--qty", "6", *levels, "AAPL")
    live.done("-m", "lib.decide", "add", "--qty", "7", *levels, "IBM")
    assert "would send buy 6 AAPL" in live.done(EXECUTOR, "--dry-run")  # what sends nothing needs no flag
    out = live.done(EXECUTOR, "--live")
    assert out.startswith(f"order_executor: broker alpaca LIVE account {number}\n")
    assert "send buy 6 AAPL limit 150.02 day" in out
    ((refused,),) = live.sql("SELECT execution_note FROM analysis_decision WHERE symbol = 'IBM'")
    assert refused == "NOTIONAL: the order costs 1050.14, the limit is 1000"
    assert "oco 160 / 145 gtc" in live.done(MONITOR, "--live")
    live.done(VALUER, "--live")
    assert live.done("-m", "lib.status").startswith("LIVE TRADING")

    for back in ({"ALPACA_PAPER": "true"}, {"BROKER": "local", "ALPACA_PAPER": ""}):
        (said,) = live.refused(2, MONITOR, **back)
        assert said.startswith("this database is for live trading (account main is pinned so)")


@pytest.mark.parametrize("stage", STAGES)
def test_the_flag_live_is_refused_on_paper(desk, stage):
    (said,) = desk.refused(2, stage, "--live")
    assert said.startswith("--live was given and these settings are for paper trading")
    desk.nothing_was_sent()


def test_live_trading_in_the_default_places_is_refused_in_a_line_each(desk):
    settings = {"BROKER": "alpaca", "ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s", "ALPACA_PAPER": "false"}
    said = desk.refused(2, EXECUTOR, "--live", **settings, DATABASE_URL="", STATE_DIR="")
    assert [line.partition(",")[0] for line in said] == [
        "DATABASE_URL: live trading wants its own DATABASE_URL and STATE_DIR",
        "STATE_DIR: live trading wants its own DATABASE_URL and STATE_DIR",
    ]
