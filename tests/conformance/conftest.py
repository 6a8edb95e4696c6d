"""The rows' paper brokers, over both transports."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.paper_broker.transport import PaperAdapter
from tests.conformance.paper import Paper, open_for
from tests.conformance.running import new_session
from tests.paper_broker.conftest import IN_PROCESS, server
from tests.tools.sampling import leave_to_make_test

__all__ = ["server"]  # one server for the whole session, as the paper broker's own tests have it


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    leave_to_make_test(items, Path(__file__).parent, but=("test_matching.py",))


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
