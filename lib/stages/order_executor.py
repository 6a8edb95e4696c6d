"""order_executor: approved decisions into entry orders."""

from __future__ import annotations

from dataclasses import replace

from lib.domain.actions import Plan
from lib.domain.records import Rows
from lib.gather import order_executor_snapshot
from lib.planning.context import Context
from lib.planning.deciding.entries import plan_order_executor
from lib.tools import Tools


def look(rows: Rows, tools: Tools, context: Context) -> Plan:
    """Read what entries need, and plan."""
    snapshot = order_executor_snapshot(tools.broker, rows, context)
    if snapshot.account is not None and context.session is not None:
        rows = replace(rows, today=tools.store.trades_since(rows.account.account, context.session.open))
    return replace(plan_order_executor(rows, snapshot, context), seen=snapshot)
