"""Start real scripts at another time than it is: whoever asks the wall clock is told one that is so much ahead."""

from datetime import UTC, datetime

ON_SUNDAY = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
IN_SESSION = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
"""The Monday after, 10:30 in New York: entries go out."""

SITECUSTOMIZE = """
import os, sys
from datetime import timedelta

sys.path.insert(0, os.getcwd())
try:
    from lib.clock import WallClock
except ImportError:  # a process of another program
    pass
else:
    real, ahead = WallClock.now, timedelta(seconds=float(os.environ["CLOCK_AHEAD_S"]))
    WallClock.now = lambda self: real(self) + ahead
sys.path.pop(0)
"""


def starting_at(now, folder):
    """Return variables for the environment of scripts that are started at the top of a checkout: it is `now` there."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE, encoding="utf-8")
    return {"PYTHONPATH": str(folder), "CLOCK_AHEAD_S": str((now - datetime.now(UTC)).total_seconds())}
