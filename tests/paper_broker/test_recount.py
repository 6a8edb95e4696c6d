"""Cash and positions are what the activities add up to, whatever was traded and whatever befell the shares."""

import json
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from tests.paper_broker.rig import WEDNESDAY_OPEN

CASH = Decimal(100_000)
STOCKS, COINS = ("AAPL", "MSFT", "XYZ"), ("BTC/USD", "ETH/USD")
MOVES = 40
SPLITS = ({"old_rate": 2, "new_rate": 3}, {"old_rate": 1, "new_rate": 4}, {"old_rate": 20, "new_rate": 1})
MOVES_SHARES = {"SPLIT", "NC", "MA", "REORG"}


class Life:
    """One account that is dealt orders and corporate actions by a seed."""

    def __init__(self, seed):
        self.dice = Random(seed)
        self.clock = RecordedClock(WEDNESDAY_OPEN + timedelta(minutes=10))
        choose = self.dice.choice
        lags = {f"{name}_s": choose([Decimal(0), Decimal(50)]) for name in ("release_lag", "cancel_latency")}
        options = Options(
            seed=seed,
            cash=CASH,
            partial_fill_rate=Decimal("0.5"),
            booking_lag_s=choose([Decimal(0), Decimal(90), Decimal(40_000)]),
            dividends=True,
            regulatory_fees=True,
            oco_both_legs_may_fill=choose([False, True]),
            splits_touch_orders=choose([False, True]),
            multiplier=choose([Decimal(1), Decimal(2), Decimal(4)]),
            **lags,
        )
        self.paper = open_paper(clock=self.clock, prices=self.feed(), options=options)
        self.symbols = [*STOCKS, *COINS]

    def feed(self):
        steps = {}
        for symbol in (*STOCKS, *COINS):
            first = cents = self.dice.randint(2_000, 20_000)
            steps[symbol] = []
            for place in range(10 * 24 * 6):
                cents = max(first // 2, cents + self.dice.randint(-first // 200, first // 200))
                steps[symbol].append((WEDNESDAY_OPEN + place * timedelta(minutes=10), Decimal(cents) / 100))
        return ScriptedFeed(steps)

    def send(self, method, path, query="", **body):
        request = Request(method, path, query, body=json.dumps(body).encode() if body else b"")
        response = self.paper.respond(request)
        assert response.status < 500, response.body
        return json.loads(response.body) if response.body else None

    def move(self):
        choose = self.dice.choice
        choose([self.order, self.order, self.order, self.order, self.act, self.end, self.quote])()
        self.send("POST", "/paper/clock", advance_s=choose([0, 30, 600, 3600, 20_000, 70_000]))

    def order(self):
        symbol, choose = self.dice.choice(self.symbols), self.dice.choice
        coin = "/" in symbol
        qty = Decimal(self.dice.randint(10**8, 10**10)) / 10**9 if coin else choose([1, 7, 20, Decimal("2.345")])
        body = {"symbol": symbol, "side": choose(["buy", "sell"]), "qty": str(qty), "type": "market"}
        body["time_in_force"] = "gtc" if coin or qty == 7 else "day"
        if choose([True, False]):
            body |= {"type": "limit", "limit_price": str(Decimal(self.dice.randint(2_000, 20_000)) / 100)}
        elif not coin and qty == 20:
            legs = {"take_profit": {"limit_price": "250"}, "stop_loss": {"stop_price": "20"}}
            body |= {"type": "limit", "order_class": "oco", "side": "sell", "time_in_force": "gtc"} | legs
        elif self.dice.random() < 0.2:
            del body["qty"]
            body["notional"] = str(self.dice.randint(10, 5_000))
        self.send("POST", "/v2/orders", **body)

    def act(self):
        kind = self.dice.choice(["split", "split", "name", "dividend", "merger", "stock", "removal"])
        day = self.clock().date() + timedelta(days=self.dice.randint(0, 2))
        symbol = self.dice.choice([name for name in self.symbols if "/" not in name])
        split = self.dice.choice(SPLITS)
        new = f"NEW{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[len(self.symbols)]}"
        wanted = {
            "split": {"type": "forward_split" if split["new_rate"] > 1 else "reverse_split"} | split,
            "name": {"type": "name_change", "new_symbol": new},
            "dividend": {"type": "cash_dividend", "rate": "0.257", "payable_date": str(day + timedelta(days=1))},
            "merger": {"type": "cash_merger", "rate": "33.3333"},
            "stock": {"type": "stock_dividend", "rate": "0.05"},
            "removal": {"type": "worthless_removal"},
        }[kind]
        taken = self.send("POST", "/paper/corporate-action", symbol=symbol, ex_date=str(day), **wanted)
        if kind == "name" and "id" in taken:
            self.symbols.append(new)

    def end(self):
        held = self.send("GET", "/v2/positions")
        if held and self.dice.random() < 0.5:
            self.send("DELETE", f"/v2/positions/{self.dice.choice(held)['symbol']}", "percentage=33.3")
        else:
            self.send("DELETE", "/v2/orders")

    def quote(self):
        bid = str(Decimal(self.dice.randint(2_000, 20_000)) / 100)
        self.send("POST", "/paper/price", symbol=self.dice.choice(self.symbols), bid=bid, ask=bid)

    def activities(self):
        rows, token = [], ""
        while page := self.send("GET", "/v2/account/activities", f"direction=asc&page_size=7{token}"):
            rows += page
            token = f"&page_token={page[-1]['id']}"
        return rows


def recount(rows):
    """Return the cash and the positions that rows add up to; they name a coin's pair with a slash or without."""
    cash, held = CASH, defaultdict(Decimal)
    for row in rows:
        kind, symbol, qty = row["activity_type"], row.get("symbol", "").replace("/", ""), Decimal(row.get("qty", 0))
        if kind == "FILL":
            qty = qty if row["side"] == "buy" else -qty
            cash -= qty * Decimal(row["price"])
            held[symbol] += qty
            continue
        cash += Decimal(row["net_amount"])
        if kind in MOVES_SHARES or kind == "CFEE" or row["activity_sub_type"] == "SDIV":
            held[symbol] += qty
    return cash, {symbol: qty for symbol, qty in held.items() if qty}


def live(seed):
    """Live through some moves and then long enough for everything to be booked, paid and told; return the rows."""
    life = Life(seed)
    for _ in range(MOVES):
        life.move()
    life.send("DELETE", "/v2/orders")
    life.send("POST", "/paper/clock", advance_s=3 * 86_400)
    rows, account, positions = life.activities(), life.send("GET", "/v2/account"), life.send("GET", "/v2/positions")
    cash, held = recount(rows)
    assert Decimal(account["cash"]) == cash.quantize(Decimal("0.000000001"))
    assert {position["symbol"]: Decimal(position["qty"]) for position in positions} == held
    assert life.send("GET", "/v2/orders") == []
    assert all(position["qty_available"] == position["qty"] for position in positions)  # nothing is left set aside
    worth = sum(Decimal(position["market_value"]) for position in positions)
    # Each of the values is rounded to nine decimals.
    assert abs(Decimal(account["equity"]) - Decimal(account["cash"]) - worth) < Decimal("0.0000001")
    return rows


@pytest.mark.parametrize("seed", [4, 8, 9])
def test_cash_and_positions_are_what_the_activities_add_up_to(seed):
    live(seed)


@pytest.mark.prove
def test_cash_and_positions_are_what_the_activities_add_up_to_however_long_one_looks():
    kinds = {row["activity_type"] for seed in range(100) for row in live(seed)}
    assert kinds == {"FILL", "FEE", "CFEE", "DIV", *MOVES_SHARES}
