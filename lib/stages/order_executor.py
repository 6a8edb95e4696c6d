"""order_executor: approved decisions into entry orders."""

from __future__ import annotations

from lib.domain.actions import Plan
from lib.domain.records import Rows
from lib.gather import order_executor_snapshot
from lib.planning.context import Context
from lib.planning.entries import plan_order_executor
from lib.tools import Tools


def look(rows: Rows, tools: Tools, context: Context) -> Plan:
    """Read what entries need, and plan."""
    return plan_order_executor(rows, order_executor_snapshot(tools.broker, rows, context), context)
