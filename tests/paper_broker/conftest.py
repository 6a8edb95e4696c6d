"""One paper broker over both transports: every test that asks for `open_rig` runs in-process and over HTTP."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import requests
import responses

from lib import sessions as calendar
from lib.paper_broker.__main__ import main
from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.options import Options
from lib.paper_broker.prices import RecordedFeed, ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.server import serving
from lib.paper_broker.transport import PaperAdapter
from tests.paper_broker.alpaca_pages import HEADER, KEY, SECRET
from tests.paper_broker.rig import WEDNESDAY_OPEN, Rig
from tests.tools.sampling import leave_to_make_test

IN_PROCESS = "http://paper.invalid"
QUICK = (
    "test_orders.py",
    "test_fills.py",
    "test_oco.py",
    "test_brackets.py",
    "test_replace.py",
    "test_reservations.py",
    "test_wash_trades.py",
    "test_time_in_force.py",
    "test_corporate_actions.py",
    "test_faults.py",
)
"""What the stages lean on most."""


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    leave_to_make_test(items, Path(__file__).parent, but=QUICK)


class _Switch:
    """Lets one server serve one paper broker after another: starting a server for each test would take longer."""

    paper = None

    def respond(self, request):
        return self.paper.respond(request)


@pytest.fixture(scope="session")
def server():
    switch = _Switch()
    with serving(switch, stall_s=2) as url:
        yield switch, url


@pytest.fixture(params=["in-process", pytest.param("http", marks=pytest.mark.slow)])
def open_rig(request):
    """Return a function that opens a paper broker with options; no partial fills unless asked for."""
    sessions = []

    def opened(*, feed=None, now=WEDNESDAY_OPEN + timedelta(minutes=30), **options):
        options = {"partial_fill_rate": Decimal(0)} | options
        clock = RecordedClock(now)
        feed = feed or ScriptedFeed({"AAPL": [(WEDNESDAY_OPEN, Decimal(150))], "MSFT": [(WEDNESDAY_OPEN, Decimal(30))]})
        paper = open_paper(clock=clock, prices=feed, options=Options(**options))
        session = requests.Session()
        session.trust_env = False
        sessions.append(session)
        if request.param == "http":
            switch, url = request.getfixturevalue("server")
            switch.paper = paper
        else:
            url = IN_PROCESS
            session.mount(url, PaperAdapter(paper))
        return Rig(paper, clock, session, url, checked=not options.get("faults"))

    yield opened
    for session in sessions:
        session.close()


@pytest.fixture
def rig(open_rig):
    """A paper broker at 10:00 in New York on 2013-01-02, AAPL at 150.00 / 150.01."""
    return open_rig()


@pytest.fixture
def holder(rig):
    """The same with ten shares of AAPL, bought at 150.01."""
    rig.buy()
    return rig


@pytest.fixture
def prices(tmp_path):
    """A directory with two daily bars of AAPL."""
    directory = tmp_path / "prices"
    directory.mkdir()
    rows = "2013-01-02,100,104,98,101,1\n2013-01-03,102,103,99,100,1\n"
    (directory / "AAPL.csv").write_text(f"{HEADER}\n{rows}")
    return directory


@pytest.fixture
def feed_of(tmp_path):
    """Return a function that writes price files and opens a feed on them; `_` in a name stands for `-`."""

    def opened(seed=1, synthetic=False, always_open=False, **files):
        for name, rows in files.items():
            (tmp_path / f"{name.replace('_', '-')}.csv").write_text(f"{HEADER}\n{rows}")
        hours = Hours(calendar.load(), always_open=always_open)
        return RecordedFeed.of_directory(tmp_path, hours, seed, synthetic=synthetic)

    return opened


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("ALPACA_API_KEY", KEY)
    monkeypatch.setenv("ALPACA_SECRET_KEY", SECRET)
    monkeypatch.delenv("ALPACA_DATA_URL", raising=False)


@pytest.fixture
def alpaca():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


@pytest.fixture
def fetch(keys, tmp_path, capsys):
    """Return a function that runs fetch-bars; it gives the exit code and what was written to both streams."""

    def run(symbols="AAPL", start="2024-01-02", end="2024-01-05", **options):
        words = ["fetch-bars", "--symbols", symbols, "--start", start, "--end", end, "--prices", str(tmp_path)]
        for name, value in options.items():
            words += [f"--{name}"] if value is True else [f"--{name}", value]
        code = main(words)
        out, err = capsys.readouterr()
        assert KEY not in out + err
        assert SECRET not in out + err
        return code, out, err

    return run
