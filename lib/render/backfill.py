"""What a backfill changed, row by row, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from lib.domain.money import text
from lib.domain.results import BackfillResult, Difference
from lib.render.result import result_json

KINDS: Mapping[str, str] = {
    "analysis_decision": "decision",
    "order_execution": "order",
    "fill": "fill",
    "trade_journal": "journal",
    "position_tracking": "position",
    "control": "control",
}
COLUMNS: Mapping[str, str] = {
    "order_status": "status",
    "filled_qty": "filled",
    "filled_avg_price": "average price",
    "alpaca_order_id": "id at the broker",
    "actual_pnl": "P&L",
    "net_pnl": "P&L after fees",
    "actual_qty": "quantity bought",
    "actual_entry": "entry price",
    "exit_evidence": "exit fills",
    "stop_loss_order_id": "row of its stop",
    "take_profit_order_id": "row of its target",
}
"""Columns whose names say too little; the others are words already."""


def backfill_text(report: BackfillResult, *, verbose: bool) -> str:
    """Write what changed by trade, old → new, then totals and what a person should know."""
    result = report.result
    lines = [f"backfill since {report.since:%Y-%m-%d %H:%M} UTC: {result.where}"]
    trade: tuple[int | None, str] | None = None
    for each in report.differences:
        if (each.trade_id, each.symbol) != trade:
            trade = each.trade_id, each.symbol
            lines.append(f"  {f'trade {each.trade_id} {each.symbol}' if each.trade_id is not None else each.row}")
        lines.append(f"    {_words(each)}")
    if not report.differences and result.outcome != "skipped":
        lines.append("  nothing to change")
    rows = len({(each.table, each.row, each.trade_id) for each in report.differences})
    change = "would change" if report.dry_run else "changed"
    lines.append(
        f"  {result.outcome}: {_count(report.orders_read, 'order')} and {_count(report.fills_read, 'fill')} read, "
        f"{_count(rows, 'row')} {change}"
    )
    lines += [f"  problem: {problem.message}" for problem in result.problems]
    if report.others:
        lines.append(f"  note: {_count(len(report.others), 'order')} of other hands, left alone")
    if verbose:
        lines += [f"    {o.client_order_id}: {o.side} {o.symbol}, {o.status}" for o in report.others]
    lines += [f"  note: {note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def backfill_json(report: BackfillResult) -> str:
    """Write the same as one JSON object: that of a pass, and what was read and changed."""
    told = json.loads(result_json(report.result)) | {
        "dry_run": report.dry_run,
        "since": report.since.isoformat(),
        "orders_read": report.orders_read,
        "fills_read": report.fills_read,
        "changes": list(map(_as_json, report.differences)),
        "others": [
            {"client_order_id": o.client_order_id, "symbol": o.symbol, "side": o.side, "status": o.status}
            for o in report.others
        ],
    }
    return json.dumps(told) + "\n"


def _words(each: Difference) -> str:
    name = f"{KINDS[each.table]} {each.row}" if each.table in {"order_execution", "fill"} else KINDS[each.table]
    if not each.column:
        return f"{name}: new, {each.new}" if each.old is None else f"{name}: taken out, {each.old}"
    column = COLUMNS.get(each.column, each.column.replace("_", " "))
    return f"{name}: {column} {_value(each.old)} → {_value(each.new)}"


def _value(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return text(value)
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else str(value)


def _as_json(each: Difference) -> dict[str, object]:
    old, new = (value.isoformat() if isinstance(value, datetime) else value for value in (each.old, each.new))
    return {
        "trade": each.trade_id,
        "symbol": each.symbol,
        "table": each.table,
        "row": each.row,
        "column": each.column,
        "old": text(old) if isinstance(old, Decimal) else old,
        "new": text(new) if isinstance(new, Decimal) else new,
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
