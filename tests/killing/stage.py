"""One of the real scripts in this process: at a simulated time, and killed before or after the effect one asks for.

An effect is a request to the broker, a read like a write, a commit that changes the database, or the gate's file put
in its place. What the script runs is the code of production, but for the clock and for the steps counted below it.
"""

import json
import os
import re
import runpy
import signal
import sqlite3
import sys
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import requests.adapters

from lib.clock import WallClock

ROOT = Path(__file__).parents[2]
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
CHANGES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)
AUDIT = "event"
NEVER = -1


class Effects:
    """Counts effects into a file, a line each; kills this process once so many are done."""

    def __init__(self, file, kill_after):
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._kill_after = kill_after
        self._done = 0
        self._die_here()

    def do(self, name, effect):
        """Do an effect, whole; what it raises is no effect's end."""
        found = effect()
        self._done += 1
        os.write(self._file, f"{name}\n".encode())
        self._die_here()
        return found

    def _die_here(self):
        if self._done == self._kill_after:
            os.kill(os.getpid(), signal.SIGKILL)


def run_script(*, script, words, environ, now, url, effects, kill_after=NEVER, pages_left=None):
    """Run a script of this repository as its own main program; return its exit code.

    `now` is the time at its start, `url` the paper broker whose clock goes along when the script waits. With
    `pages_left` the database may grow by so many pages and then finds no room, as on a disk that is full.
    """
    os.environ.clear()
    os.environ.update(environ)
    set_clock(datetime.fromisoformat(now), url)
    count_effects(Effects(effects, kill_after), pages_left)
    sys.argv = [script, *words]
    try:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    except SystemExit as end:
        return end.code
    return 0


def set_clock(start, url):
    """Let the wall clock show the simulated time, and a wait take no time but move both clocks."""
    waited = timedelta(0)

    def sleep(_, seconds):
        nonlocal waited
        waited += timedelta(seconds=float(seconds))
        move_clock(url, advance_s=float(seconds))

    WallClock.now = lambda _: start + waited
    WallClock.sleep = sleep


def move_clock(url, **to):
    """Move the clock of the paper broker at `url`; return what it shows then."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("POST", "/paper/clock", json.dumps(to), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
    finally:
        connection.close()
    assert answer.status == 200, body
    return datetime.fromisoformat(body["now"])


def count_effects(effects, pages_left):
    """Count from now on each request, each commit that changes something and each file that is put in place."""
    send, connect, put = requests.adapters.HTTPAdapter.send, sqlite3.connect, os.replace

    def counted_send(adapter, request, *args, **kwargs):
        def whole():
            response = send(adapter, request, *args, **kwargs)
            response.content  # noqa: B018 - an answer is there when all of it is
            return response

        return effects.do(request_name(request), whole)

    class Counted(sqlite3.Connection):
        """Knows which tables its transaction changes."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self._tables = []
            self.set_trace_callback(self._trace)
            if pages_left is not None:
                (pages,) = self.execute("PRAGMA page_count").fetchone()
                self.execute(f"PRAGMA max_page_count = {pages + pages_left}")

        def _trace(self, statement):
            found = CHANGES.match(statement)
            if found and found[1] not in {*self._tables, AUDIT}:
                self._tables.append(found[1])

        def commit(self):
            if not self._tables:
                return super().commit()
            tables, self._tables = self._tables, []
            return effects.do(f"commit {', '.join(tables)}", super().commit)

        def rollback(self):
            self._tables = []
            return super().rollback()

    requests.adapters.HTTPAdapter.send = counted_send
    sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Counted, **kwargs)
    os.replace = lambda new, old: effects.do(f"replace {Path(old).name}", lambda: put(new, old))


def request_name(request):
    """Name a request in a way that is the same in each run: an order by our id, the broker's own ids left out."""
    path, _, query = request.path_url.partition("?")
    name = f"{request.method} {ID.sub('ID', path)}"
    if request.method == "POST":
        return f"{name} {json.loads(request.body)['client_order_id']}"
    status = re.search(r"\bstatus=(\w+)", query)
    return f"{name} {status[0]}" if status else name


if __name__ == "__main__":  # by itself, as a fresh interpreter: the same, with the imports of production
    sys.exit(run_script(**json.loads(sys.argv[1])))
