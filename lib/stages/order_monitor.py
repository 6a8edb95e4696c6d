"""order_monitor: fills into positions, positions into covered positions, exits into results."""

from __future__ import annotations

from dataclasses import replace

from lib.domain.actions import Plan
from lib.domain.records import Rows
from lib.gather import order_monitor_snapshot
from lib.planning.context import Context
from lib.planning.monitors import plan_order_monitor
from lib.tools import Tools


def look(rows: Rows, tools: Tools, context: Context) -> Plan:
    """Read orders, fills and positions, and plan."""
    snapshot = order_monitor_snapshot(tools.broker, rows, context)
    return replace(plan_order_monitor(rows, snapshot, context), seen=snapshot)
