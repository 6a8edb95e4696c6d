"""What every test may rely on: no setting of the shell reaches it, and no connection leaves the machine."""

import gc
import os

import pytest
from hypothesis import settings

from tests.tools import loopback

SETTINGS = ("ALERT_URLS", "HEARTBEAT_URL", "BROKER", "DATABASE_URL", "STATE_DIR")
PREFIXES = ("ALPACA_", "PAPER_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")  # one on loopback would carry a request out

for name in list(os.environ):
    if name in SETTINGS or name.startswith(PREFIXES) or name.lower() in PROXIES:
        del os.environ[name]

loopback.install()

# No test fails for being slow on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter):
    """Print what tests have to say in numbers: `record_property("said", …)` reaches here from any worker."""
    said = [
        words
        for report in terminalreporter.stats.get("passed", [])
        for name, words in getattr(report, "user_properties", [])
        if name == "said"
    ]
    for words in sorted(said):
        terminalreporter.write_line(words)


@pytest.fixture(autouse=True)
def no_connection_off_loopback():
    """Fail a test that tried to leave the machine even where the code under test caught the refusal."""
    loopback.refused.clear()
    yield
    assert not loopback.refused, f"tried to connect to {', '.join(loopback.refused)}"


gc.disable()  # until all tests are there: they live to the end, and the collector would look through them over and over


def pytest_collection_finish():
    """Let the collector begin, with what the tests make."""
    gc.freeze()
    gc.enable()
