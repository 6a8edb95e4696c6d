"""Rows of one grid for tests of the rules: the spot grid of five levels from 80 to 120, five shares a cell."""

from dataclasses import replace
from datetime import timedelta

from lib.domain import bodies
from lib.domain.facts import BrokerOrder, BrokerPosition, FillActivity, Snapshot
from lib.domain.grids import Strategy
from lib.domain.money import D
from lib.domain.records import Account, Fill, Order, Rows
from lib.planning.grid.reading import strategy_digest
from tests.builders import NOW, OPEN

START = OPEN + timedelta(minutes=1)


def strategy(*, stamped=True, **changes):
    """Return a strategy that runs, approved as it is, unless told otherwise."""
    values = {
        "id": 3,
        "account": "main",
        "version": 1,
        "symbol": "AAPL",
        "kind": "SPOT",
        "lower_price": "80",
        "upper_price": "120",
        "levels": "5",
        "spacing": None,
        "quantity_per_grid": "5",
        "capital": "2000",
        "approve": True,
        "status": "RUNNING",
        "started_at": START,
        "start_price": D("100"),
        "checked_at": NOW,
    }
    row = Strategy(**(values | changes))
    if stamped and "approved_digest" not in changes:
        row = replace(row, approved_digest=strategy_digest(row), approved_seen_at=OPEN)
    return row


def waiting(**changes):
    """Return one that is approved and has not started."""
    return strategy(**({"status": None, "started_at": None, "start_price": None, "checked_at": None} | changes))


def grid_order(number, *, cell=None, side="buy", price=None, qty="5", **changes):
    """Return the row of an order of the grid, live at the broker as B<number>; without a cell the first one."""
    part = "start" if cell is None else f"c{cell}"
    name = f"ns-g3-{part}-{side}-{number}"
    values = {
        "id": number,
        "account": "main",
        "version": 1,
        "trade_id": None,
        "strategy_id": 3,
        "cell": cell,
        "attempt": number,
        "client_order_id": name,
        "order_type": "GRID",
        "kind": "market" if price is None else "limit",
        "side": side,
        "symbol": "AAPL",
        "qty": D(qty),
        "time_in_force": "day" if price is None else "gtc",
        "order_status": "new",
        "created_at": START,
        "submitted_at": START,
        "acknowledged_at": START,
        "limit_price": None if price is None else D(price),
        "alpaca_order_id": f"B{number}",
        "payload": bodies.freeze(_body(name, side, qty, price)),
    }
    return Order(**(values | changes))


def _body(name, side, qty, price):
    """Freeze what a spot grid sends: buys open, sells close."""
    if price is None:
        return bodies.market_entry_body(name, "AAPL", D(qty))
    make = bodies.entry_body if side == "buy" else bodies.limit_exit_body
    return make(name, "AAPL", D(qty), D(price), time_in_force="gtc")


def unsent(number, **changes):
    """Return the row of an order whose outcome is not known."""
    return grid_order(
        number, **({"order_status": "pending", "alpaca_order_id": None, "acknowledged_at": None} | changes)
    )


def filled(number, qty="5", **changes):
    """Return the row of an order that filled."""
    ended = {"order_status": "filled", "filled_qty": D(qty), "qty": qty, "ended_at": START, "filled_at": START}
    return grid_order(number, **(ended | changes))


def grid_fill(number, order, *, price, qty=None, minute=1):
    """Return the booked fill of an order of the grid."""
    return Fill(
        id=number,
        account="main",
        activity_id=f"F{number}",
        order_id=order.id,
        trade_id=None,
        symbol=order.symbol,
        side=order.side,
        qty=order.qty if qty is None else D(qty),
        price=D(price),
        transaction_time=START + timedelta(minutes=minute),
    )


def at_broker(order, **changes):
    """Return how the broker shows the order of a row."""
    values = {
        "id": order.alpaca_order_id or f"B{order.id}",
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "kind": order.kind,
        "order_class": "simple",
        "status": order.order_status,
        "time_in_force": order.time_in_force,
        "qty": order.qty,
        "filled_qty": order.filled_qty,
        "filled_avg_price": order.filled_avg_price,
        "filled_at": order.filled_at,
        "limit_price": order.limit_price,
        "submitted_at": START,
    }
    return BrokerOrder(**(values | changes))


def executed(fill, broker_order_id):
    """Return the activity of a fill."""
    return FillActivity(
        id=fill.activity_id,
        order_id=broker_order_id,
        symbol=fill.symbol,
        side=fill.side,
        qty=fill.qty,
        price=fill.price,
        transaction_time=fill.transaction_time,
    )


def held(qty, *, free=None, symbol="AAPL"):
    """Return the broker's position, all of it free unless told."""
    return {symbol: BrokerPosition(symbol=symbol, qty=D(qty), qty_available=D(qty if free is None else free))}


def rows(*grids, **changes):
    """Return the rows of an account with these strategies."""
    account = Account(id=1, account="main", version=1, namespace="ns", account_number="PA1")
    return Rows(account=account, grids=grids, **changes)


def snapshot(**changes):
    return Snapshot(**({"at": NOW} | changes))
