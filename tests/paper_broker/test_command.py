import os
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from lib.paper_broker.__main__ import _options, _parser, main
from lib.paper_broker.faults import FaultKind
from lib.paper_broker.message import Request
from lib.paper_broker.profiles import PROFILES

ROOT = Path(__file__).parents[2]


def test_help_teaches_the_clock_hand_prices_profiles_switches_and_faults(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for taught in (
        "--state",
        "--prices",
        "--always-open",
        "/paper/clock",
        "/paper/price",
        "alpaca-paper",
        "partial_fill_rate=0.1",
        "rate_limit_per_minute=None",
        "url_override",
        *FaultKind,
    ):
        assert taught in text


@pytest.mark.parametrize(
    "arguments",
    [["--cash", "lots"], ["--cash", "0"], ["--now", "noon"], ["--clock", "sun"], ["--port", "65536"], ["--port", "-1"]],
)
def test_a_wrong_argument_is_a_usage_error(prices, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--prices", str(prices), *arguments])
    assert ended.value.code == 2


def test_missing_prices_are_told_in_one_line(tmp_path, capsys):
    assert main(["--prices", str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert "no CSV files with prices there" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rule", "speed=1"], "speed: no such switch; there are"),
        (["--rule", "partial_fill_rate=0", "--rule", "booking_lag_s=soon"], "booking_lag_s: 'soon' is not a number"),
        (["--faults", "nowhere.json"], "nowhere.json"),
        (["--profile", "hostile", "--faults", "wrong.json"], "wrong.json: entry 1: kind: 'bang' is none of"),
    ],
)
def test_wrong_switches_and_faults_are_told_in_one_line(prices, words, told, capsys, monkeypatch):
    monkeypatch.chdir(prices)
    Path("wrong.json").write_text('[{"route": "* *", "n": 1, "kind": "bang"}]')
    assert main(["--prices", ".", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_rule_overrides_the_profile_and_faults_come_before_its_own(prices):
    file = prices / "faults.json"
    file.write_text('[{"route": "GET /v2/clock", "n": "every", "kind": "http_503"}]')
    words = ["--prices", str(prices), "--profile", "hostile", "--rule", "partial_fill_rate=0.125", "--seed", "3"]
    options = _options(_parser().parse_args([*words, "--faults", str(file)]))
    assert options.partial_fill_rate == Decimal("0.125")
    assert options.booking_lag_s == PROFILES["hostile"].switches["booking_lag_s"]
    assert options.seed == 3
    met = {options.faults.meet(Request("GET", "/v2/clock")).kind for _ in range(100)}
    assert met == {FaultKind.HTTP_503}
    others = {fault and fault.kind for fault in (options.faults.meet(Request("GET", "/v2/orders")) for _ in range(100))}
    assert len(others) > 3


@pytest.mark.slow
def test_it_serves_on_loopback_and_goes_on_where_it_was_killed(prices, tmp_path):
    command = [
        sys.executable,
        "-m",
        "lib.paper_broker",
        "--port",
        "0",
        "--prices",
        str(prices),
        "--state",
        str(tmp_path / "s"),
    ]
    for cash in ("100000", "99899.99"):
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
        try:
            url = re.search(r"http://127\.0\.0\.1:[1-9]\d*", process.stdout.readline()).group()
            with requests.Session() as session:
                session.trust_env = False
                assert session.get(f"{url}/v2/account", timeout=5).json()["cash"] == cash
                assert session.get(f"{url}/v2/clock", timeout=5).json()["timestamp"] == "2013-01-02T09:30:00-05:00"
                order = {"symbol": "AAPL", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
                session.post(f"{url}/v2/orders", json=order, timeout=5).raise_for_status()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            process.stdout.close()
