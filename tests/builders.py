"""Rows and facts for tests of the rules: plain functions, every field with a default that makes a clean case.

The standing example: buy 10 AAPL at 150, stop 145, target 160, on Friday 2026-11-20, 15:00 UTC, half an hour on.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lib.domain import bodies, records
from lib.domain.actions import Insert, Update
from lib.domain.facts import AccountFacts, Asset, BrokerOrder, BrokerPosition, FillActivity, Quote, Snapshot
from lib.domain.hours import Hours
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.domain.records import Account, Control, Decision, Fill, Order, Position, QuantityChange, Rows, StageRun, Trade
from lib.planning.books import TradeBook
from lib.planning.context import Context
from lib.planning.deciding.decisions import NewTrade, digest

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
MONDAY = timedelta(days=3)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
CALENDAR = (Hours(open=OPEN, close=CLOSE), Hours(open=OPEN + MONDAY, close=CLOSE + MONDAY))
ENTRY_ID = "ns-d12-entry-1"
EXIT_ID = "ns-t7-exit-1"


def context(**changes):
    now = changes.get("now", NOW)
    values = {"now": now, "pass_started_at": now, "calendar": CALENDAR, "limits": Limits()}
    return Context(**(values | changes))


def decision(*, stamped=True, **changes):
    values = {
        "id": 12,
        "account": "main",
        "version": 3,
        "symbol": "AAPL",
        "action": "NEW_TRADE",
        "planned_entry": "150",
        "planned_sl": "145",
        "planned_tp": "160",
        "trade_style": "SWING",
        "side": "long",
        "qty": "10",
        "trail_percent": None,
        "approve": True,
    }
    row = Decision(**(values | changes))
    if stamped and "approved_digest" not in changes:
        seen = changes.get("approved_seen_at", OPEN - timedelta(hours=1))
        row = replace(row, approved_digest=digest(row), approved_seen_at=seen)
    return row


def new_trade(**changes):
    values = {
        "id": 12,
        "symbol": "AAPL",
        "style": "SWING",
        "entry": D("150"),
        "stop": D("145"),
        "target": D("160"),
        "qty": D("10"),
        "trail_percent": None,
        "expires_at": None,
    }
    return NewTrade(**(values | changes))


def trade(**changes):
    values = {
        "id": 7,
        "account": "main",
        "version": 1,
        "decision_id": 12,
        "symbol": "AAPL",
        "side": "long",
        "trade_style": "SWING",
        "status": "ORDERED",
        "planned_entry": D("150"),
        "planned_sl": D("145"),
        "planned_tp": D("160"),
        "trail_percent": None,
        "planned_qty": D("10"),
        "created_at": OPEN + 16 * MINUTE,
    }
    return Trade(**(values | changes))


def order(**changes):
    """Return the entry order's row, live at the broker unless told otherwise."""
    qty = changes.get("qty", D("10"))
    values = {
        "id": 1,
        "account": "main",
        "version": 1,
        "trade_id": 7,
        "client_order_id": ENTRY_ID,
        "order_type": "ENTRY",
        "kind": "limit",
        "side": "buy",
        "symbol": "AAPL",
        "qty": qty,
        "time_in_force": "day",
        "order_status": "new",
        "created_at": OPEN + 16 * MINUTE,
        "submitted_at": OPEN + 16 * MINUTE,
        "acknowledged_at": OPEN + 16 * MINUTE,
        "limit_price": D("150"),
        "alpaca_order_id": "B1",
        "payload": bodies.freeze(bodies.entry_body(ENTRY_ID, "AAPL", qty, D("150"))),
        "expires_at": CLOSE - 30 * MINUTE,
    }
    return Order(**(values | changes))


def pending(**changes):
    """Return the entry order's row as its intent left it: whether the broker has it is not known."""
    return order(**({"order_status": "pending", "alpaca_order_id": None, "acknowledged_at": None} | changes))


def exit_order(**changes):
    """Return the row of a plain stop over all ten shares."""
    qty = changes.get("qty", D("10"))
    values = {
        "id": 2,
        "client_order_id": EXIT_ID,
        "order_type": "STOP_LOSS",
        "kind": "stop",
        "side": "sell",
        "time_in_force": "gtc",
        "limit_price": None,
        "stop_price": D("145"),
        "alpaca_order_id": "B2",
        "payload": bodies.freeze(bodies.stop_body(EXIT_ID, "AAPL", qty, D("145"))),
        "created_at": OPEN + 20 * MINUTE,
        "expires_at": None,
    }
    return order(**(values | changes))


def oco(*, leg=None, first_id=2, **changes):
    """Return the two rows of an OCO: the target and, beside it, the stop."""
    qty = changes.get("qty", D("10"))
    body = bodies.oco_body(EXIT_ID, "AAPL", qty, target=D("160"), stop=D("145"))
    target = {"order_type": "TAKE_PROFIT", "kind": "limit", "limit_price": D("160"), "stop_price": None}
    parent = exit_order(**(target | {"id": first_id, "payload": bodies.freeze(body)} | changes))
    beside = {
        "id": first_id + 1,
        "parent_id": first_id,
        "qty": qty,
        "client_order_id": f"{parent.client_order_id}-stop",
        "alpaca_order_id": "B3",
        "order_status": "held",
        "payload": None,
    }
    return parent, exit_order(**(beside | (leg or {})))


def fill(**changes):
    """Return the row of a booked fill: the entry's ten shares at 150."""
    values = {
        "id": 1,
        "account": "main",
        "activity_id": "F1",
        "order_id": 1,
        "trade_id": 7,
        "symbol": "AAPL",
        "side": "buy",
        "qty": D("10"),
        "price": D("150"),
        "transaction_time": OPEN + 18 * MINUTE,
    }
    return Fill(**(values | changes))


def activity(**changes):
    """Return a FILL of the broker's ledger: the entry's ten shares at 150."""
    values = {
        "id": "F1",
        "order_id": "B1",
        "symbol": "AAPL",
        "side": "buy",
        "qty": D("10"),
        "price": D("150"),
        "transaction_time": OPEN + 18 * MINUTE,
    }
    return FillActivity(**(values | changes))


def position(**changes):
    values = {
        "id": 5,
        "account": "main",
        "version": 1,
        "trade_id": 7,
        "symbol": "AAPL",
        "qty": D("10"),
        "avg_entry_price": D("150"),
        "cost_basis": D("1500"),
        "covered_qty": D("0"),
        "current_price": D("150"),
        "market_value": D("1500"),
        "unrealized_pnl": D("0"),
    }
    return Position(**(values | changes))


def change(**changes):
    values = {
        "id": 1,
        "account": "main",
        "symbol": "AAPL",
        "delta": D("-10"),
        "cause": "FOREIGN_FILL",
        "at": OPEN + 25 * MINUTE,
        "trade_id": 7,
        "price": D("151"),
        "activity_id": "F9",
    }
    return QuantityChange(**(values | changes))


def control(**changes):
    values = {"id": 1, "account": "main", "version": 1, "scope": "account:main", "state": "HALTED", "reason": "a test"}
    return Control(**(values | changes))


def stage_run(**changes):
    values = {
        "id": 1,
        "account": "main",
        "stage": "order_executor",
        "run_id": "r",
        "started_at": OPEN + 16 * MINUTE,
        "finished_at": OPEN + 17 * MINUTE,
        "outcome": "done",
        "complete": True,
    }
    return StageRun(**(values | changes))


def rows(**changes):
    """Return what a pass reads. Decisions of the trades given count as traded."""
    ours = Account(id=1, account="main", version=1, namespace="ns", account_number="PA1")
    traded = frozenset(t.decision_id for t in changes.get("trades", ()))
    return Rows(**({"account": ours, "traded_decision_ids": traded} | changes))


def book(*orders, trade, fills=(), changes=(), position=None):
    return TradeBook(trade=trade, orders=orders, fills=tuple(fills), changes=tuple(changes), position=position)


def bought(**changes):
    """Return a trade that owns its ten shares and has been covered, with the entry order and fill that say so."""
    when = fill().transaction_time
    entry = order(order_status="filled", filled_qty=D("10"), ended_at=OPEN + 18 * MINUTE)
    owned = {"status": "POSITION", "actual_qty": D("10"), "actual_entry": D("150"), "entry_time": when}
    owned |= {
        "entry_submitted_at": entry.submitted_at,
        "entry_acknowledged_at": entry.acknowledged_at,
        "entry_filled_at": when,
        "protected_at": OPEN + 20 * MINUTE,
    }
    return trade(**(owned | changes)), entry, fill()


def broker_order(**changes):
    """Return the entry order as the broker shows it."""
    values = {
        "id": "B1",
        "client_order_id": ENTRY_ID,
        "symbol": "AAPL",
        "side": "buy",
        "kind": "limit",
        "order_class": "simple",
        "status": "new",
        "time_in_force": "day",
        "qty": D("10"),
        "limit_price": D("150"),
        "expires_at": CLOSE - 30 * MINUTE,
    }
    return BrokerOrder(**(values | changes))


def broker_exit(**changes):
    """Return the plain stop as the broker shows it."""
    values = {
        "id": "B2",
        "client_order_id": EXIT_ID,
        "side": "sell",
        "kind": "stop",
        "time_in_force": "gtc",
        "limit_price": None,
        "stop_price": D("145"),
        "expires_at": None,
    }
    return broker_order(**(values | changes))


def broker_oco(*, leg=None, **changes):
    """Return an OCO as the broker shows it: the target, the stop nested under it with an id of the broker's."""
    stop = broker_exit(**({"id": "B3", "client_order_id": "f00d", "status": "held"} | (leg or {})))
    target = {"kind": "limit", "order_class": "oco", "limit_price": D("160"), "stop_price": None, "legs": (stop,)}
    return broker_exit(**(target | changes))


def held(qty="10", **changes):
    """Return the broker's position; all of it free to sell."""
    values = {"symbol": "AAPL", "qty": D(qty), "qty_available": D(qty)}
    return BrokerPosition(**(values | changes))


def quote(bid="150.00", ask="150.10", **changes):
    values = {"symbol": "AAPL", "bid": bid and D(bid), "ask": ask and D(ask), "at": NOW}
    return Quote(**(values | changes))


def asset(**changes):
    return Asset(**({"symbol": "AAPL", "tradable": True} | changes))


def account(equity="100000", buying_power="100000", **changes):
    values = {"account_number": "PA1", "equity": D(equity), "cash": D(equity), "buying_power": D(buying_power)}
    return AccountFacts(**(values | changes))


def snapshot(*positions, **changes):
    """Return a look at the broker; positions given one by one are put under their symbols."""
    shown = {p.symbol: p for p in positions}
    return Snapshot(**({"at": changes.pop("now", NOW), "positions": shown} | changes))


def market(*symbols, **changes):
    """Return a look at a broker where each symbol trades at 150 and the account has money."""
    named = symbols or ("AAPL",)
    values = {
        "account": account(),
        "assets": {s: asset(symbol=s) for s in named},
        "quotes": {s: quote(symbol=s) for s in named},
    }
    return snapshot(**(values | changes))


def values_of(actions, table):
    """Merge the values that a plan writes into one table."""
    merged = {}
    for action in actions:
        for row_change in getattr(action, "changes", None) or getattr(action, "intent", ()):
            if row_change.table == table:
                merged |= getattr(row_change, "values", {})
    return merged


def tables_of(actions):
    """Name the tables that a plan writes to, with the kind of each change."""
    changes = [c for a in actions for c in (getattr(a, "changes", None) or getattr(a, "intent", ()))]
    return [f"{type(c).__name__} {c.table}" for c in changes]


def kinds(actions):
    return [type(action).__name__ for action in actions]


def codes(problems):
    return [problem.code for problem in problems]


RECORDS = {
    "analysis_decision": ("decisions", Decision),
    "trade_journal": ("trades", Trade),
    "order_execution": ("orders", Order),
    "fill": ("fills", Fill),
    "position_tracking": ("positions", Position),
    "quantity_change": ("changes", QuantityChange),
    "protection_coverage": ("coverage", records.Coverage),
    "control": ("controls", Control),
}


def written(kept, writes):
    """Return the rows as they stand after the writes, versions counted up, as a store would have it."""
    for row_change in (c for write in writes for c in write.changes):
        name, record = RECORDS[row_change.table]
        now = list(getattr(kept, name))
        if isinstance(row_change, Insert):
            versioned = {"version": 1} if "version" in record.__dataclass_fields__ else {}
            now.append(record(id=1 + max((r.id for r in now), default=0), **versioned, **row_change.values))
        else:
            at = next(n for n, r in enumerate(now) if (r.id, r.version) == (row_change.id, row_change.version))
            old = now.pop(at)
            if isinstance(row_change, Update):
                now.insert(at, replace(old, version=old.version + 1, **row_change.values))
        kept = replace(kept, **{name: tuple(now)})
    return kept
