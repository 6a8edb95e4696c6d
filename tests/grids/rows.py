"""Rows of grids for tests of the rules, every field with a default that makes a clean case.

The standing example: AAPL, five levels from 80 to 120, five shares a cell, started at 100: cells 2 and 3 are held, and
B80 B90 S110 S120 rest.
"""

from dataclasses import replace
from datetime import timedelta

from lib.domain.grids import Strategy
from lib.domain.money import D
from lib.planning.grid.books import GridBook, GridRows, book_of
from lib.planning.grid.reading import strategy_digest
from tests.builders import NOW, OPEN, broker_order, fill, order, quote

STARTED = OPEN + timedelta(minutes=16)


def strategy(**changes):
    values = {
        "id": 3,
        "account": "main",
        "version": 4,
        "symbol": "AAPL",
        "kind": "SPOT",
        "lower_price": "80",
        "upper_price": "120",
        "levels": "5",
        "spacing": "ARITHMETIC",
        "quantity_per_grid": "5",
        "capital": "2000",
        "approve": True,
        "approved_seen_at": OPEN,
        "status": "RUNNING",
        "start_price": D("100"),
        "started_at": STARTED,
        "checked_at": NOW,
        "last_price": D("100"),
        "quote_time": NOW - timedelta(minutes=5),
    }
    row = Strategy(**(values | changes))
    return row if "approved_digest" in changes else replace(row, approved_digest=strategy_digest(row))


def grid_order(number, side, price, cell, **changes):
    """Return the row of an order that rests for one cell."""
    part = "close" if cell is None else f"c{cell}"
    values = {
        "id": number,
        "trade_id": None,
        "strategy_id": 3,
        "cell": cell,
        "attempt": number,
        "client_order_id": f"ns-g3-{part}-{side}-{number}",
        "order_type": "GRID",
        "side": side,
        "qty": D("5"),
        "time_in_force": "gtc",
        "limit_price": None if price is None else D(price),
        "alpaca_order_id": f"G{number}",
        "created_at": STARTED + timedelta(minutes=1),
        "payload": None,
        "expires_at": STARTED + timedelta(days=90),
    }
    return order(**(values | changes))


def initial(qty="10", **changes):
    """Return the first order, filled at 100."""
    values = {
        "client_order_id": "ns-g3-start-buy-1",
        "kind": "market",
        "qty": D(qty),
        "filled_qty": D(qty),
        "order_status": "filled",
        "created_at": STARTED,
        "ended_at": STARTED,
        "time_in_force": "day",
    }
    return grid_order(1, changes.pop("side", "buy"), None, None, **(values | changes))


def grid_fill(number, order_id, side, qty, price, **changes):
    values = {
        "id": number,
        "activity_id": f"F{number}",
        "order_id": order_id,
        "trade_id": None,
        "side": side,
        "qty": D(qty),
        "price": D(price),
        "transaction_time": STARTED,
    }
    return fill(**(values | changes))


RESTING = (
    grid_order(2, "buy", "80", 0),
    grid_order(3, "buy", "90", 1),
    grid_order(4, "sell", "110", 2),
    grid_order(5, "sell", "120", 3),
)
BOUGHT = grid_fill(1, 1, "buy", "10", "100")


def gone(orders, status="cancelled"):
    """Return orders as they are once they have ended without another fill."""
    return tuple(replace(o, order_status=status, ended_at=NOW) for o in orders)


def sheet(*orders, fills=(BOUGHT,), first=True, **changes):
    """Return the rows of the strategy; its first order and its fill are among them."""
    mine = (initial(), *orders) if first else orders
    return GridRows(strategy=strategy(**changes), orders=mine, fills=tuple(fills))


def folded(each, **limits):
    """Return the book of a strategy's rows, which must be readable."""
    found = book_of(each, **limits)
    assert isinstance(found, GridBook), found
    return found


def shown(row, **changes):
    """Return an order of a grid as the broker shows it."""
    names = ("client_order_id", "symbol", "side", "kind", "qty", "filled_qty", "limit_price", "time_in_force")
    values = {name: getattr(row, name) for name in names} | {"id": row.alpaca_order_id, "status": row.order_status}
    return broker_order(**(values | {"expires_at": row.expires_at} | changes))


def priced(price, spread="0.02", **changes):
    """Return a quote around a price."""
    half = D(spread) / 2
    return {"AAPL": quote(bid=str(D(price) - half), ask=str(D(price) + half), **changes)}
