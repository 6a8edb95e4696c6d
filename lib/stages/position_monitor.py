"""position_monitor: quotes into values, the broker's positions into reconciled books."""

from __future__ import annotations

from dataclasses import replace

from lib.domain.actions import Plan
from lib.domain.records import Rows
from lib.gather import position_monitor_snapshot, recent_rows
from lib.planning.context import Context
from lib.planning.monitors import plan_position_monitor
from lib.tools import Tools


def look(rows: Rows, tools: Tools, context: Context) -> Plan:
    """Read orders, fills, positions and quotes, and plan."""
    snapshot, foreign = position_monitor_snapshot(tools.broker, tools.store, rows, context)
    plan = plan_position_monitor(rows, snapshot, context, foreign, recent_rows(tools.store, rows, snapshot))
    return replace(plan, seen=snapshot)
