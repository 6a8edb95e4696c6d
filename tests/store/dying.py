"""A restore that is killed: before and after each call of these names, one process a point.

    python tests/store/dying.py PLACE BACKUP ISO-TIME CALL...

copies the folder PLACE to PLACE.1, PLACE.2, …, and in the n-th restores BACKUP (a name in its `backups`) until the
n-th such moment, at which the process kills itself. The last copy is the one that was left to finish.
"""

import os
import shutil
import signal
import sys
from datetime import datetime
from itertools import count
from pathlib import Path

from lib.store import restoring


def killed_at(n, place, name, now, calls):
    """Restore in a process of its own; return whether it was killed."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    moments = count(1)

    def watch(_frame, event, called):
        if event in {"c_call", "c_return"} and called.__name__ in calls and next(moments) == n:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.setprofile(watch)
        restoring.restore(place / "backups" / name, f"sqlite:///{place}/trading.db", place, now=now, wait_s=0)
        sys.setprofile(None)
    finally:
        os._exit(0)


def main(seed, name, now, calls):
    """Kill at one moment after the other until there is none left."""
    for n in count(1):
        place = Path(f"{seed}.{n}")
        shutil.copytree(seed, place)
        if not killed_at(n, place, name, now, calls):
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3]), sys.argv[4:])
