"""A paper broker in a test's hands, and the orders it sends."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

from lib.paper_broker.transport import PaperAdapter
from tests.specs.validation import offences

WEDNESDAY_OPEN = datetime(2013, 1, 2, 14, 30, tzinfo=UTC)
TWO_FOR_ONE = {"type": "forward_split", "old_rate": "1", "new_rate": "2"}
ONE_FOR_TWENTY = {"type": "reverse_split", "old_rate": "20", "new_rate": "1"}


class Rig:
    """A paper broker, its clock, and a plain HTTP session that talks to it.

    Unless trouble was asked for, every answer is held against Alpaca's documents.
    """

    def __init__(self, paper, clock, session, url, *, checked=True):
        self.paper, self.clock, self.session, self.url, self.checked = paper, clock, session, url, checked

    def request(self, method, path, **kwargs):
        kwargs.setdefault("timeout", 5)
        response = self.session.request(method, self.url + path, **kwargs)
        if self.checked:
            wrong = offences(method, urlsplit(path).path, response.status_code, response.content)
            assert not wrong, "\n".join(wrong)
        return response

    def get(self, path, **params):
        response = self.request("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path, **body):
        response = self.request("POST", path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, status, code, **body):
        """Send an order that must be refused with this status and code; return the body."""
        response = self.request("POST", "/v2/orders", json=body)
        assert (response.status_code, response.json().get("code")) == (status, code), response.text
        return response.json()

    def cancel(self, order_id):
        response = self.request("DELETE", f"/v2/orders/{order_id}")
        return response.status_code, response.json() if response.content else None

    def price(self, bid, ask=None, symbol="AAPL"):
        """Set a quote by hand; the ask is one cent above the bid unless told."""
        ask = ask or str(Decimal(bid) + Decimal("0.01"))
        return self.post("/paper/price", symbol=symbol, bid=bid, ask=ask)

    def go_to(self, iso):
        return self.post("/paper/clock", now=iso)

    def advance(self, seconds):
        return self.post("/paper/clock", advance_s=seconds)

    def order(self, order_id, **params):
        return self.get(f"/v2/orders/{order_id}", **params)

    def buy(self, qty="10", **body):
        return self.post("/v2/orders", **order_body(side="buy", qty=qty, **body))

    def sell(self, qty="10", **body):
        return self.post("/v2/orders", **order_body(side="sell", qty=qty, **body))

    def oco(self, qty="10", target="160", stop="145", **body):
        return self.post("/v2/orders", **oco_body(qty=qty, target=target, stop=stop, **body))

    def announce(self, **action):
        """Announce a corporate action, of AAPL on the second day unless told otherwise."""
        return self.post("/paper/corporate-action", **{"symbol": "AAPL", "ex_date": "2013-01-03"} | action)

    def position(self, symbol="AAPL"):
        return self.get(f"/v2/positions/{symbol}")

    def fills(self, **params):
        return self.get("/v2/account/activities/FILL", **params)

    def counted(self):
        """Return the cash and the shares that the fills make of the first 100,000 dollars."""
        cash, held = Decimal(100_000), Decimal(0)
        for row in self.fills():
            qty = Decimal(row["qty"]) * (1 if row["side"] == "buy" else -1)
            cash, held = cash - qty * Decimal(row["price"]), held + qty
        return cash, held


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def connected(client, rig):
    """Let one of Alpaca's own clients, unpatched, talk to a rig's paper broker."""
    client._session.trust_env = False
    if rig.url.endswith(".invalid"):
        client._session.mount(rig.url, PaperAdapter(rig.paper))
    return client


def order_body(**body):
    return {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"} | body


def oco_body(qty="10", target="160", stop="145", **body):
    legs = {"take_profit": {"limit_price": target}, "stop_loss": {"stop_price": stop}}
    return order_body(side="sell", qty=qty, type="limit", order_class="oco", time_in_force="gtc") | legs | body
