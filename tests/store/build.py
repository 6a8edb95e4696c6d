"""Stores to test, and rows for them in which every field has a value, so that nothing is empty by luck."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lib.domain.actions import Insert, Ref
from lib.domain.records import StageRun
from lib.store import queries
from lib.store.sqlite import open_store

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
NAMESPACE = "k3f9aa"


def insert_account(name="main", namespace=NAMESPACE):
    return Insert(table="account", values={"account": name, "namespace": namespace})


def insert_decision(account="main", *, ref="decision", **values):
    row = {
        "account": account,
        "symbol": "AAPL",
        "action": "NEW_TRADE",
        "planned_entry": "150",
        "planned_sl": "145",
        "planned_tp": "160",
        "trade_style": "SWING",
    }
    return Insert(table="analysis_decision", values={**row, **values}, ref=ref)


def insert_trade(decision_id, account="main", *, ref="trade", **values):
    row = {
        "account": account,
        "decision_id": decision_id,
        "symbol": "AAPL",
        "side": "long",
        "trade_style": "SWING",
        "status": "ORDERED",
        "planned_entry": Decimal(150),
        "planned_sl": Decimal(145),
        "planned_tp": Decimal(160),
        "planned_qty": Decimal(10),
        "created_at": NOW,
    }
    return Insert(table="trade_journal", values={**row, **values}, ref=ref)


def insert_order(trade_id, client_order_id, account="main", *, ref="order", **values):
    row = {
        "account": account,
        "trade_id": trade_id,
        "client_order_id": client_order_id,
        "order_type": "ENTRY",
        "kind": "limit",
        "side": "buy",
        "symbol": "AAPL",
        "qty": Decimal(10),
        "time_in_force": "day",
        "order_status": "new",
        "created_at": NOW,
        "limit_price": Decimal(150),
    }
    return Insert(table="order_execution", values={**row, **values}, ref=ref)


def insert_fill(trade_id, order_id, activity_id, account="main", **values):
    row = {
        "account": account,
        "activity_id": activity_id,
        "order_id": order_id,
        "trade_id": trade_id,
        "symbol": "AAPL",
        "side": "buy",
        "qty": Decimal(10),
        "price": Decimal("150.25"),
        "transaction_time": NOW,
    }
    return Insert(table="fill", values={**row, **values})


def insert_position(trade_id, account="main", *, ref="position", **values):
    row = {
        "account": account,
        "trade_id": trade_id,
        "symbol": "AAPL",
        "qty": Decimal(10),
        "avg_entry_price": Decimal("150.25"),
        "cost_basis": Decimal("1502.5"),
        "covered_qty": Decimal(0),
    }
    return Insert(table="position_tracking", values={**row, **values}, ref=ref)


def insert_change(account="main", **values):
    row = {"account": account, "symbol": "AAPL", "delta": Decimal(-3), "cause": "FOREIGN_FILL", "at": NOW}
    return Insert(table="quantity_change", values={**row, **values})


def insert_strategy(account="main", *, ref="grid", **values):
    row = {
        "account": account,
        "symbol": "SPY",
        "kind": "SPOT",
        "lower_price": "95",
        "upper_price": "105",
        "levels": "11",
        "quantity_per_grid": "10",
        "status": "RUNNING",
    }
    return Insert(table="grid_strategy", values={**row, **values}, ref=ref)


def insert_grid_order(strategy_id, client_order_id, account="main", *, ref="order", **values):
    row = {"order_type": "GRID", "symbol": "SPY", "time_in_force": "gtc", "strategy_id": strategy_id, "cell": 4}
    return insert_order(None, client_order_id, account, ref=ref, **{**row, **values})


def insert_trip(strategy_id, entry_fill="f-1", exit_fill="f-2", account="main", **values):
    row = {
        "account": account,
        "strategy_id": strategy_id,
        "symbol": "SPY",
        "cell": 4,
        "entry_fill": entry_fill,
        "exit_fill": exit_fill,
        "qty": Decimal(10),
        "entry_price": Decimal(99),
        "exit_price": Decimal(100),
        "gross": Decimal(10),
        "fees": Decimal("0.5"),
        "net": Decimal("9.5"),
        "pnl_bps": Decimal("95.95"),
        "opened_at": NOW,
        "closed_at": NOW + timedelta(minutes=9),
        "hold_s": 540,
        "policy": "matched",
    }
    return Insert(table="round_trip", values={**row, **values})


def write_grid(store, name, *statuses, account="main", status="RUNNING", **order):
    """Write one strategy with an order of each status; return the strategy's id."""
    orders = [
        insert_grid_order(Ref("grid"), f"{name}-c4-buy-{n}", account, order_status=word, **order)
        for n, word in enumerate(statuses)
    ]
    return write(store, insert_strategy(account, status=status), *orders)["grid"]


def insert_control(scope, state="HALTED", account="main", ref="control"):
    return Insert(table="control", values={"account": account, "scope": scope, "state": state}, ref=ref)


def run_of(stage, minute=0, account="main", **values):
    row = {
        "id": 0,
        "account": account,
        "stage": stage,
        "run_id": f"{stage}-{minute}",
        "started_at": NOW + timedelta(minutes=minute),
        "finished_at": NOW + timedelta(minutes=minute, seconds=7),
        "outcome": "done",
        "complete": False,
    }
    return StageRun(**{**row, **values})


def write(store, *changes):
    return store.write(changes, run_id="run-1", at=NOW)


def write_trade(store, decision_id, *statuses, status="ORDERED", account="main", **order):
    """Write one trade with an order of each status; return the trade's id."""
    trade = insert_trade(decision_id, account, status=status)
    orders = [
        insert_order(Ref("trade"), f"ns-d{decision_id}-{account}-{number}", account, order_status=word, **order)
        for number, word in enumerate(statuses)
    ]
    return write(store, trade, *orders)["trade"]


def events(store, table, row_id):
    return [(event.op, json.loads(event.columns)) for event in queries.events_of(store, table, row_id)]


class SqliteFile:
    """A store on a file, and another program's connection to the same file."""

    def __init__(self, folder):
        self.path = folder / "trading.db"
        self.store = open_store(f"sqlite:///{self.path}", folder / "state", durable=False, create=True)
        write(self.store, insert_account())

    def foreign(self, sql, parameters=()):
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql, parameters)


class SqliteMemory:
    """A store in memory; another program cannot reach it, so raw SQL goes through its own connection."""

    def __init__(self, folder):
        self.store = open_store("sqlite://", folder / "state", durable=False, create=True)
        write(self.store, insert_account())

    def foreign(self, sql, parameters=()):
        with self.store.writing() as connection:
            connection.exec_driver_sql(sql, tuple(parameters))


DATABASES = (pytest.param(SqliteFile, marks=pytest.mark.slow), SqliteMemory)
"""Every kind of store that passes `tests/contracts/test_store*.py`."""
