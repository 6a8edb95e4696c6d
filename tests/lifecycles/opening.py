"""Trades opened past the pre-trade checks: what these tests ask is how a position is protected, whoever let it in."""

from datetime import timedelta
from decimal import Decimal

from lib.apply import apply
from lib.domain.actions import Insert, Ref, Submit
from lib.domain.bodies import entry_body, freeze, is_coin
from lib.domain.ids import entry_id
from lib.simulation.lifecycles import at, steps
from lib.store import queries

AT_ENTRY = at(16, 14, 46)
AAPL = {"symbol": "AAPL", "entry": "150", "stop": "145", "target": "160", "qty": "10"}
SHORT_AAPL = AAPL | {"side": "short", "stop": "155", "target": "140"}
BITCOIN = {"symbol": "BTC/USD", "entry": "60000", "stop": "55000", "target": "70000", "qty": "0.5"}


def prices(first, *pairs, symbol="AAPL"):
    """Write down one symbol's prices, from before the entry on."""
    return {symbol: steps((at(16, 14, 40), first), *pairs)}


def open_trade(made, *, symbol, entry, stop, qty, target=None, side="long", style="SWING", trail=None):
    """Store a trade and send its entry, as order_executor does for an approved decision."""
    now, number = made.clock.now(), 1 + len(queries.journal(made.store, "main"))
    coin = is_coin(symbol)
    name = entry_id("sim", number)
    body = entry_body(name, symbol, Decimal(qty), Decimal(entry), side=side, time_in_force="gtc" if coin else "day")
    trade = {
        "account": "main",
        "decision_id": number,
        "symbol": symbol,
        "side": side,
        "trade_style": style,
        "status": "ORDERED",
        "planned_entry": Decimal(entry),
        "planned_sl": Decimal(stop),
        "planned_tp": target and Decimal(target),
        "trail_percent": trail and Decimal(trail),
        "planned_qty": Decimal(qty),
        "created_at": now,
    }
    order = {
        "account": "main",
        "trade_id": Ref("trade"),
        "client_order_id": name,
        "order_type": "ENTRY",
        "kind": "limit",
        "side": body["side"],
        "symbol": symbol,
        "qty": Decimal(qty),
        "time_in_force": body["time_in_force"],
        "order_status": "pending",
        "limit_price": Decimal(entry),
        "payload": freeze(body),
        "created_at": now,
        "submitted_at": now,
        "expires_at": now + timedelta(hours=5),
    }
    send = Submit(
        intent=(
            Insert(table="trade_journal", values=trade, ref="trade"),
            Insert(table="order_execution", values=order, ref="order"),
        ),
        body=body,
        why="a test opens it",
        symbol=symbol,
        increases_exposure=True,
        order_refs=(Ref("order"),),
    )
    (applied,) = apply(
        (send,), made.tools, account="main", run_id="test", planned_at=now, deadline=now + timedelta(minutes=1)
    )
    assert applied.outcome == "accepted", applied.detail


def at_entry(made, **terms):
    """Go to the entry window and open a trade."""
    made.clock.advance_to(AT_ENTRY)
    open_trade(made, **terms)


def look_at(made, *times):
    """Let order_monitor look at these instants, and nothing else run."""
    for time in times:
        made.clock.advance_to(time)
        made.run("order_monitor")


def trade_of(made):
    """Return the one trade."""
    (trade,) = queries.journal(made.store, "main")
    return trade


def exits_of(made):
    """Return the trade's exits as rows, legs included."""
    return [o for o in queries.orders_of(made.store, trade_of(made).id) if o.order_type != "ENTRY"]


def covered(made):
    """Return what each open position has and what of it is covered."""
    return [(p.qty, p.covered_qty) for p in made.store.rows("main").positions]


def said(made, stage="order_monitor"):
    """Name the problems of the stage's newest pass."""
    newest = [ran for ran in made.history if ran.stage == stage][-1]
    return [] if newest.result is None else [problem.code for problem in newest.result.problems]
