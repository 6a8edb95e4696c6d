"""The rows' paper brokers, over both transports."""

from __future__ import annotations

import pytest

from lib.paper_broker.transport import PaperAdapter
from tests.conformance.paper import Paper, open_for
from tests.conformance.running import new_session
from tests.paper_broker.conftest import IN_PROCESS, server

__all__ = ["server"]  # one server for the whole session, as the paper broker's own tests have it


@pytest.fixture(scope="module", params=["in-process", pytest.param("http", marks=pytest.mark.slow)])
def open_target(request):
    """Return a function that opens a paper broker for a row, as a target."""
    session = new_session()

    def opened(row):
        broker = open_for(row)
        if request.param == "http":
            switch, url = request.getfixturevalue("server")
            switch.paper = broker
            return Paper(session, url)
        session.mount(IN_PROCESS, PaperAdapter(broker))
        return Paper(session, IN_PROCESS)

    yield opened
    session.close()
