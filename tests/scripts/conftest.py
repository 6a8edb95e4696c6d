import socket

import pytest

from tests.scripts.desk import Desk


@pytest.fixture
def bare(tmp_path):
    """A desk without a database; no key of a test may be printed or stored by it."""
    made = Desk(tmp_path)
    yield made
    assert made.keys_shown() == []


@pytest.fixture
def desk(bare):
    bare.make_database()
    return bare


@pytest.fixture
def unused_port():
    """A port of this machine that nobody listens on: taken, and not listening, until the test ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
