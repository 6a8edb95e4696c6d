"""A world that raises alerts on request, and phones to tell them to."""

import io
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from lib.alerts import deliver
from lib.domain.facts import Refusal, Rejected
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import at, steps
from lib.store import queries

FEED = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 15, 40), "152"))})
ENOUGH_S = 5
"""For a sender that answers; real seconds, which no passing test waits for."""


class Moody:
    """A broker that refuses stops, or does not answer at all, while it is told to."""

    def __init__(self, broker):
        self._broker = broker
        self.refuses_stops = False
        self.error = None

    def __getattr__(self, name):
        return getattr(self._broker, name)

    def account(self):
        if self.error is not None:
            raise self.error
        return self._broker.account()

    def submit(self, sent):
        if self.refuses_stops and sent["side"] == "sell":
            return Rejected(refusal=Refusal.OTHER, message="not today")
        return self._broker.submit(sent)


class Taken:
    """A store whose account another pass holds, while it is told so."""

    def __init__(self, store):
        self._store = store
        self.taken = False

    def __getattr__(self, name):
        return getattr(self._store, name)

    def hold_account(self, account, *, wait_s):
        return self._store.hold_account(account, wait_s=wait_s) if not self.taken else _NotHeld()


class _NotHeld:
    def __enter__(self):
        return False

    def __exit__(self, *error):
        return None


class Phone:
    """Takes messages, unless it is broken."""

    def __init__(self):
        self.messages = []
        self.broken = False

    def __call__(self, title, body):
        if self.broken:
            raise OSError("https://api.example/token-SECRET cannot be reached")
        self.messages.append((title, body))
        return True


def tell(made, *senders, store=None, deadline_s=ENOUGH_S):
    """Deliver as the runner does after a pass; return what it said on stderr."""
    errors = io.StringIO()
    deliver(store or made.store, ["main"], lambda: senders, made.clock, errors, deadline_s=deadline_s)
    return errors.getvalue()


def monitor(made, *when):
    """Run order_monitor at these times; return the exit codes."""
    codes = []
    for moment in when:
        made.clock.advance_to(moment)
        codes.append(made.run("order_monitor").exit_code)
    return codes


def trail(made):
    """Return what was written of alerts, oldest first: (op, key)."""
    events = [e for e in reversed(queries.events(made.store, "main")) if e.table_name == "alert"]
    return [(e.op, json.loads(e.columns).get("key")) for e in events]


@contextmanager
def open_inbox():
    """Serve what Apprise's json:// posts to; yield its address and the messages that came."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
