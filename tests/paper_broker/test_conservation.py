"""Whatever is sent in whatever order, shares and cash are conserved and nothing is sold twice."""

import json
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from tests.paper_broker.rig import WEDNESDAY_OPEN, oco_body, order_body

MINUTES = 3 * 24 * 60


def opened(seed):
    dice, price, steps = Random(seed), 15000, []
    for minute in range(MINUTES):
        price += dice.randint(-30, 30)
        steps.append((WEDNESDAY_OPEN + timedelta(minutes=minute), Decimal(price) / 100))
    options = Options(
        seed=seed,
        partial_fill_rate=Decimal("0.4"),
        cancel_latency_s=Decimal(seed % 3 * 45),
        booking_lag_s=Decimal(seed % 2 * 100),
        wash_trade_resting_complex_exempt=seed % 5 == 0,
    )
    clock = RecordedClock(WEDNESDAY_OPEN)
    return open_paper(clock=clock, prices=ScriptedFeed({"AAPL": steps}), options=options)


def send(paper, method, path, query="", **body):
    response = paper.respond(Request(method, path, query, body=json.dumps(body).encode()))
    assert response.status < 500
    return json.loads(response.body) if response.body else None


def random_order(dice, price):
    def away(low, high):
        return str(price + Decimal(dice.randint(low, high)) / 100)

    common = {"qty": str(dice.randint(1, 30)), "time_in_force": dice.choice(["day", "gtc"])}
    return dice.choice(
        [
            order_body(**common),
            order_body(type="limit", limit_price=away(-200, 50), **common),
            order_body(side="sell", **common),
            order_body(side="sell", type="limit", limit_price=away(-50, 200), **common),
            order_body(side="sell", type="stop", stop_price=away(-200, -1), **common),
            order_body(side="sell", type="trailing_stop", trail_price="0.5", **common),
            oco_body(target=away(1, 200), stop=away(-200, -1), **common),
        ]
    )


def check(paper):
    fills = []
    while page := send(paper, "GET", "/v2/account/activities/FILL", f"page_token={fills[-1]['id']}" if fills else ""):
        fills += page
    cash, held = Decimal(100_000), Decimal(0)
    for row in fills:
        signed = Decimal(row["qty"]) if row["side"] == "buy" else -Decimal(row["qty"])
        held += signed
        cash -= signed * Decimal(row["price"])
    assert Decimal(send(paper, "GET", "/v2/account")["cash"]) == cash
    assert held >= 0
    orders = send(paper, "GET", "/v2/orders", "status=all&limit=500&nested=true")
    flat = [member for order in orders for member in (order, *(order["legs"] or ()))]
    assert sum(Decimal(order["filled_qty"]) for order in flat) == sum(Decimal(row["qty"]) for row in fills)
    for order in flat:
        assert Decimal(order["filled_qty"]) <= Decimal(order["qty"])
        assert (
            (order["status"] == "filled") == (order["filled_qty"] == order["qty"]) == (order["filled_at"] is not None)
        )
    live = [order for order in orders if order["status"] in ("new", "partially_filled", "accepted", "pending_cancel")]
    selling = sum(Decimal(order["qty"]) - Decimal(order["filled_qty"]) for order in live if order["side"] == "sell")
    assert selling <= held
    for parent in (order for order in live if order["legs"]):
        (leg,) = parent["legs"]
        left = [Decimal(order["qty"]) - Decimal(order["filled_qty"]) for order in (parent, leg)]
        assert left[0] == left[1]


@pytest.mark.parametrize("seed", range(12))
def test_shares_and_cash_are_conserved(seed):
    dice, paper = Random(seed), opened(seed)
    for turn in range(120):
        quotes = send(paper, "GET", "/v2/stocks/quotes/latest", "symbols=AAPL")["quotes"]
        send(paper, "POST", "/v2/orders", **random_order(dice, Decimal(str(quotes["AAPL"]["bp"]))))
        if dice.random() < 0.5:
            for order in send(paper, "GET", "/v2/orders", "status=open")[: dice.randint(0, 2)]:
                send(paper, "DELETE", f"/v2/orders/{order['id']}")
        if dice.random() < 0.03:
            send(paper, "DELETE", "/v2/orders")
        send(paper, "POST", "/paper/clock", advance_s=dice.choice([0, 20, 60, 600, 7200]))
        if turn % 10 == 9:
            check(paper)
