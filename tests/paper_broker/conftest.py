"""One paper broker over both transports: every test that asks for `open_rig` runs in-process and over HTTP."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import requests

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.server import serving
from lib.paper_broker.transport import PaperAdapter
from tests.paper_broker.rig import WEDNESDAY_OPEN, Rig

IN_PROCESS = "http://paper.invalid"


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


@pytest.fixture(params=["in-process", "http"])
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
        return Rig(paper, clock, session, url)

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
