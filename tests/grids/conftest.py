import pytest

from tests.tools.worlds import make_world  # noqa: F401 - a fixture is there for being imported


@pytest.fixture
def over_http():
    """Play in this process: tests/simulation plays the basics over a socket too."""
    return False
