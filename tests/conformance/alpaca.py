"""What the table may do on Alpaca: its paper host alone, an account with nothing in it, and no more than it made.

Every order carries a client_order_id that begins with this run's mark; clean-up cancels those and no others. Requests
are spaced so that the account's 200 a minute are not used up. Alpaca's lists lag its reads by id, so a read that is not
yet as expected is asked again for a while.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from tests.conformance.running import new_session, send
from tests.conformance.table import Step

HOST = "https://paper-api.alpaca.markets"
PREFIX = "conformance-"
PAUSE_S = 0.35
MINUTE_S = 60
TOO_MANY = 429
ATTEMPTS = 12


class Refused(Exception):
    """The table may not be run there; the message is for the user and holds no key."""


class Alpaca:
    """An Alpaca paper account as the target of rows."""

    def __init__(self, key, secret, *, pause, url=HOST, session=None):
        if url != HOST:
            raise Refused(f"{url} is not {HOST}: the table runs on Alpaca's paper host alone")
        self.mark = f"{PREFIX}{uuid4().hex[:12]}"
        self._pause = pause
        self._session = session or new_session()
        self._session.headers.update({"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret})
        self._count = 0

    def send(self, step):
        marked = self._marked(step)
        for pause in (PAUSE_S, MINUTE_S, MINUTE_S):
            self._pause(pause)
            reply = send(self._session, HOST, marked)
            if reply.status != TOO_MANY:
                break
        return reply

    def try_again(self, step, attempt):
        return step.method == "GET" and attempt < ATTEMPTS

    def check_empty(self):
        """Raise Refused unless the keys are taken and the account has neither a position nor an open order."""
        if self.positions():
            raise Refused("the account has a position: the table runs on an account with nothing in it")
        if self._listed("/v2/orders", nested="true"):
            raise Refused("the account has an open order: the table runs on an account with nothing in it")

    def positions(self):
        """Return the symbols that the account holds."""
        return sorted(position["symbol"] for position in self._listed("/v2/positions"))

    def is_open(self):
        """Say whether the market is open."""
        shown = self.send(Step(method="GET", path="/v2/clock")).json()
        return isinstance(shown, dict) and shown.get("is_open") is True

    def clean_up(self):
        """Cancel the orders of this run that are open; return the client_order_ids of those that stay all the same."""
        for _ in range(ATTEMPTS):
            left = self._own_open()
            if not left:
                return []
            for order in left:
                self.send(Step(method="DELETE", path=f"/v2/orders/{order['id']}"))
        return sorted(order["client_order_id"] for order in left)

    def _own_open(self):
        listed = self._listed("/v2/orders", status="open", limit=500, nested="true")
        return [order for order in listed if order["client_order_id"].startswith(self.mark)]

    def _listed(self, path, **query):
        reply = self.send(Step(method="GET", path=path, query=query))
        if reply.status != 200 or not isinstance(reply.json(), list):
            raise Refused(f"GET {path} was answered with {reply.status}: are these the keys of a paper account?")
        return reply.json()

    def _marked(self, step):
        if not step.sends_an_order or not isinstance(step.body, dict) or "client_order_id" in step.body:
            return step
        self._count += 1
        return replace(step, body=step.body | {"client_order_id": f"{self.mark}-{self._count}"})
