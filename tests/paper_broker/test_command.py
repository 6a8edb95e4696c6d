import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from lib.paper_broker.__main__ import main

ROOT = Path(__file__).parents[2]
DAILY = "timestamp,open,high,low,close,volume\n2013-01-02,100,104,98,101,1\n2013-01-03,102,103,99,100,1\n"


@pytest.fixture
def prices(tmp_path):
    directory = tmp_path / "prices"
    directory.mkdir()
    (directory / "AAA.csv").write_text(DAILY)
    return directory


def test_help_teaches_the_clock_hand_prices_and_faults(capsys):
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
        "timeout_after",
        "url_override",
    ):
        assert taught in text


@pytest.mark.parametrize("arguments", [["--cash", "lots"], ["--cash", "0"], ["--now", "noon"], ["--clock", "sun"]])
def test_a_wrong_argument_is_a_usage_error(prices, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--prices", str(prices), *arguments])
    assert ended.value.code == 2


def test_missing_prices_are_told_in_one_line(tmp_path, capsys):
    assert main(["--prices", str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert "no CSV files with prices there" in error
    assert len(error.splitlines()) == 1


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
                order = {"symbol": "AAA", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
                session.post(f"{url}/v2/orders", json=order, timeout=5).raise_for_status()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            process.stdout.close()
