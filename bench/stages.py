"""What is measured: the gate with nothing due, and a cold pass over ten covered trades with nothing changed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from bench.checkout import SetUpError, checkout, nothing_due, ten_trades
from bench.rows import Row
from bench.timing import Command
from lib.clock import WallClock

IMPORTS = "import alpaca.trading.client, sqlalchemy"
UNCHANGED = "done: 0 requests, 0 bookings, 0 failed"


@contextmanager
def measurements(directory: Path) -> Iterator[tuple[Row, ...]]:
    """Prepare everything under `directory`; what has to run meanwhile runs until the context ends."""
    code, now = checkout(directory / "code"), WallClock().now()
    for name in ("gate", "embedded", "server"):
        (directory / name).mkdir()
    nothing_due(directory / "gate", now)
    for name in ("embedded", "server"):
        ten_trades(directory / name, code / "data", now - timedelta(minutes=1))
    with _served(code, directory / "server" / "paper.db") as url:
        python = Command(name="python -c pass", words=("-c", "pass"), directory=code)
        imports = Command(name=f'python -c "{IMPORTS}"', words=("-c", IMPORTS), directory=code)
        gate = Command(
            name="order_monitor.py --if-due, nothing due",
            words=("order_monitor.py", "--if-due"),
            directory=code,
            environ=_settings(directory / "gate"),
        )
        embedded = {"BROKER": "local", "PAPER_ALWAYS_OPEN": "1"}
        keys = {"ALPACA_API_KEY": "bench", "ALPACA_SECRET_KEY": "bench"}
        served = {"BROKER": "alpaca", "ALPACA_BASE_URL": url, "ALPACA_DATA_URL": url, **keys}
        yield (
            Row(measured=gate, against=python, times=3, plus_s=0.050),
            Row(measured=_pass("embedded broker", code, directory / "embedded", embedded), against=imports, times=0.7),
            Row(measured=_pass("over HTTP", code, directory / "server", served), against=imports, times=0.7),
        )


def _pass(where: str, code: Path, state: Path, broker: dict[str, str]) -> Command:
    return Command(
        name=f"order_monitor.py, ten trades, {where}",
        words=("order_monitor.py",),
        directory=code,
        environ=_settings(state) | broker,
        prints=UNCHANGED,
    )


def _settings(directory: Path) -> dict[str, str]:
    return {"DATABASE_URL": f"sqlite:///{directory / 'trading.db'}", "STATE_DIR": str(directory)}


@contextmanager
def _served(code: Path, state: Path) -> Iterator[str]:
    """Serve a paper broker's file from another process; give the address."""
    words = ["--port", "0", "--state", str(state), "--prices", str(code / "data"), "--clock", "wall", "--always-open"]
    command = [sys.executable, "-u", "-m", "lib.paper_broker", *words]
    with subprocess.Popen(command, cwd=code, stdout=subprocess.PIPE, text=True) as server:
        try:
            found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
            if found is None:
                raise SetUpError("the paper broker's server did not start")
            yield found.group()
        finally:
            server.terminate()
