"""One user's machine in a directory: settings, a database, the embedded paper broker's file, and the real scripts."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from lib.bootstrap import simulated_store
from lib.config import SETTINGS
from lib.paper_broker.message import Request, write_json
from lib.paper_broker.options import Options
from lib.paper_broker.program import open_paper
from lib.store import queries
from lib.store.sqlite import open_store

ROOT = Path(__file__).parents[2]
EXECUTOR, MONITOR, VALUER = "order_executor.py", "order_monitor.py", "position_monitor.py"
STAGES = (EXECUTOR, MONITOR, VALUER)
SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
KEY, SECRET = "PKCANARYKEY0000000001", "canarysecret0000000000000000000000000002"
SCRIPT_S_MAX = 90
WINDOW = (time(0, 16), time(23, 25))
"""When a paper broker that never closes takes entries, in UTC, less what a test needs to get there."""


class Desk:
    """A state directory and the settings that lead to it; nothing of the shell's own settings gets through."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "state"
        self.database = folder / "trading.db"
        self.environ = dict.fromkeys(SETTINGS, "") | {  # set, so that no .env of the checkout fills them in
            "PATH": os.environ.get("PATH", ""),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "STATE_DIR": str(self.state),
            "BROKER": "local",
            "PAPER_ALWAYS_OPEN": "1",
        }
        self.said = []

    @property
    def url(self):
        return f"sqlite:///{self.database}"

    def make_database(self):
        """Make it as `init` does, in a fraction of the time, and with a namespace that is always the same."""
        self.state.mkdir(exist_ok=True)
        simulated_store(self.url, self.state, datetime.now(UTC)).close()

    def start(self, *words, **environ):
        """Start a script, or a module after `-m`; do not wait."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A suite that was itself begun in the background ignores SIGINT, and so would all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run here
        )

    def end(self, process):
        """Wait for what `start` began; return exit code, standard output, standard error."""
        with process:
            try:
                out, err = process.communicate(timeout=SCRIPT_S_MAX)
            finally:
                process.kill()
        self.said.append(out + err)
        return process.returncode, out, err

    def run(self, *words, **environ):
        return self.end(self.start(*words, **environ))

    def done(self, *words, **environ):
        """Run what must end well; return what it printed."""
        code, out, err = self.run(*words, **environ)
        assert code == 0, out + err
        return out

    def refused(self, code, *words, **environ):
        """Run what must end with `code` and no result; return its message's lines."""
        found, out, err = self.run(*words, **environ)
        assert (found, out) == (code, ""), out + err
        assert "Traceback" not in err
        return [line.removeprefix("error: ") for line in err.splitlines()]

    def decide(self, symbol="AAPL", entry="150.02", stop="145", target="160", qty="10", **columns):
        """Write an approved decision; return its id."""
        row = {"account": "main", "action": "NEW_TRADE", "trade_style": "SWING", "approve": False, "symbol": symbol}
        row |= {"planned_entry": entry, "planned_sl": stop, "planned_tp": target, "qty": qty} | columns
        store, now = open_store(self.url, self.state), datetime.now(UTC)
        try:
            number = queries.add_decision(store, row, run_id="person", at=now)
            queries.approve(store, "main", [number], run_id="person", at=now)
        finally:
            store.close()
        return number

    def sql(self, statement, *values):
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def tables(self, *without):
        """Return every row of every table but `without`."""
        names = {name for (name,) in self.sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
        names -= {"sqlite_sequence", *without}
        return {name: self.sql(f'SELECT * FROM "{name}"') for name in sorted(names)}  # noqa: S608

    def paper(self, method, path, **body):
        """Ask the embedded paper broker, as one more process that shares its file; give back the JSON."""
        options = Options(always_open=True, synthetic=True)
        paper = open_paper(
            clock=lambda: datetime.now(UTC), prices=ROOT / "data", state=self.state / "paper.db", options=options
        )
        path, _, query = path.partition("?")
        head, payload = ({"Content-Type": "application/json"}, write_json(body).encode()) if body else ({}, b"")
        try:
            answer = paper.respond(Request(method, path, query=query, headers=head, body=payload))
        finally:
            paper.close()
        assert answer.status < 300, answer.body
        return json.loads(answer.body)

    @contextmanager
    def holding(self, name="main"):
        """Hold the account, as a pass does that is still running, or what else is held by name."""
        store = open_store(self.url, self.state)
        with closing(store), store.hold_account(name, wait_s=0) as held:
            assert held
            yield

    def price(self, symbol, bid, ask):
        """Set a quote by hand; it holds until another is set."""
        self.paper("POST", "/paper/price", symbol=symbol, bid=bid, ask=ask)

    def orders(self):
        """Return every order that the embedded paper broker ever had, legs under their parents."""
        return self.paper("GET", "/v2/orders?status=all&nested=true&limit=500&direction=asc")

    def nothing_was_sent(self):
        assert not (self.state / "paper.db").exists() or self.orders() == []
        assert (
            not self.database.exists()
            or b"order_execution" not in self.database.read_bytes()
            or (self.sql("SELECT count(*) FROM order_execution") == [(0,)])
        )

    @contextmanager
    def server(self, *flags):
        """Serve this desk's paper broker over HTTP; give the settings that lead there."""
        words = ["--port", "0", "--prices", "data", "--clock", "wall", "--always-open", *flags]
        process = self.start("-u", "-m", "lib.paper_broker", "--state", str(self.state / "paper.db"), *words)
        try:
            url = re.search(r"http://\S+", process.stdout.readline()).group()
            keys = {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET}
            yield {"BROKER": "alpaca", "ALPACA_BASE_URL": url, "PAPER_ALWAYS_OPEN": "", **keys}
        finally:
            process.send_signal(signal.SIGTERM)
            self.end(process)

    def keys_shown(self):
        """Name what holds one of the keys: something printed, or a file under the desk's folder."""
        canaries = (KEY, SECRET)
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        shown = [str(path) for path in files if any(c.encode() in path.read_bytes() for c in canaries)]
        return shown + [text for text in self.said if any(c in text for c in canaries)]


def in_window():
    """Skip a test that has to claim a decision when no entry may be sent, for three quarters of an hour a day."""
    if not WINDOW[0] <= datetime.now(UTC).time() <= WINDOW[1]:
        pytest.skip("around midnight UTC the paper broker that never closes changes its session: no entries are sent")
