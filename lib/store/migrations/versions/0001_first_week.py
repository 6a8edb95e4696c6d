"""The tables of one trading week, end to end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _create_decisions()
    _create_trades()
    _create_orders()
    _create_positions()
    _create_books()


def _table(name: str, *columns: sa.schema.SchemaItem) -> None:
    # SQLite gives the id of a deleted newest row away again unless told not to.
    op.create_table(name, sa.Column("id", sa.Integer, primary_key=True), *columns, sqlite_autoincrement=True)


def _text(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, server_default=default)


def _whole(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=null, server_default=default)


def _flag(name: str, *, null: bool = False, default: sa.False_ | None = None) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=null, server_default=default)


def _create_decisions() -> None:
    _table(
        "analysis_decision",
        _text("account", default="main"),
        _whole("version", default="1"),
        _text("symbol", null=True),
        _text("action", null=True),
        _text("planned_entry", null=True),
        _text("planned_sl", null=True),
        _text("planned_tp", null=True),
        _text("trade_style", null=True),
        _text("side", null=True),
        _text("qty", null=True),
        _text("trail_percent", null=True),
        _text("target_decision_id", null=True),
        _text("close_price", null=True),
        _text("expires_at", null=True),
        _flag("Approve", null=True),
        _flag("executed", null=True),
        _text("approved_digest", null=True),
        _text("approved_seen_at", null=True),
        _text("executed_at", null=True),
        _text("execution_status", null=True),
        _text("execution_note", null=True),
    )
    op.create_index(
        "ix_analysis_decision_open", "analysis_decision", ["account", "executed", "execution_status", "Approve"]
    )


def _create_trades() -> None:
    _table(
        "trade_journal",
        _text("account"),
        _whole("version"),
        _whole("decision_id"),
        _text("symbol"),
        _text("side"),
        _text("trade_style"),
        _text("status"),
        _text("planned_entry"),
        _text("planned_sl"),
        _text("planned_tp", null=True),
        _text("trail_percent", null=True),
        _text("planned_qty"),
        _text("created_at"),
        _text("actual_entry", null=True),
        _text("actual_qty", null=True),
        _text("entry_time", null=True),
        _text("exit_price", null=True),
        _text("exit_qty", null=True),
        _text("exit_time", null=True),
        _text("exit_reason", null=True),
        _text("exit_evidence", null=True),
        _text("actual_pnl", null=True),
        _text("fees", null=True),
        _flag("fees_final", null=True),
        _text("net_pnl", null=True),
        _text("wanted", null=True),
        _text("note", null=True),
        _text("review_note", null=True),
        _text("tags", null=True),
        _text("rating", null=True),
        sa.UniqueConstraint("account", "decision_id", name="uq_trade_journal_decision"),
    )
    op.create_index("ix_trade_journal_status", "trade_journal", ["account", "status"])


def _create_orders() -> None:
    _table(
        "order_execution",
        _text("account"),
        _whole("version"),
        _whole("trade_id"),
        _text("client_order_id"),
        _text("order_type"),
        _text("kind"),
        _text("side"),
        _text("symbol"),
        _text("qty"),
        _text("time_in_force"),
        _text("order_status"),
        _text("created_at"),
        _whole("parent_id", null=True),
        _text("payload", null=True),
        _text("limit_price", null=True),
        _text("stop_price", null=True),
        _text("trail_percent", null=True),
        _text("alpaca_order_id", null=True),
        _text("filled_qty", default="0"),
        _text("filled_avg_price", null=True),
        _text("filled_at", null=True),
        _text("reject_reason", null=True),
        _whole("replaces", null=True),
        _text("expires_at", null=True),
        _whole("strategy_id", null=True),
        _whole("cell", null=True),
        _whole("attempt", default="1"),
        _text("submitted_at", null=True),
        _text("acknowledged_at", null=True),
        _text("cancel_requested_at", null=True),
        _text("missing_at", null=True),
        _text("ended_at", null=True),
        sa.UniqueConstraint("client_order_id", name="uq_order_execution_client_order_id"),
    )
    op.create_index("ix_order_execution_status", "order_execution", ["account", "order_status", "created_at"])
    op.create_index("ix_order_execution_trade", "order_execution", ["trade_id"])
    op.create_index("ix_order_execution_broker_id", "order_execution", ["account", "alpaca_order_id"])
    _table(
        "fill",
        _text("account"),
        _text("activity_id"),
        _whole("order_id"),
        _whole("trade_id"),
        _text("symbol"),
        _text("side"),
        _text("qty"),
        _text("price"),
        _text("transaction_time"),
        _text("fee", null=True),
        _text("commission_asset", null=True),
        _flag("is_maker", null=True),
        sa.UniqueConstraint("account", "activity_id", name="uq_fill_activity"),
    )
    op.create_index("ix_fill_trade", "fill", ["trade_id"])


def _create_positions() -> None:
    _table(
        "position_tracking",
        _text("account"),
        _whole("version"),
        _whole("trade_id"),
        _text("symbol"),
        _text("qty"),
        _text("avg_entry_price"),
        _text("cost_basis"),
        _text("covered_qty"),
        _text("current_price", null=True),
        _text("market_value", null=True),
        _text("unrealized_pnl", null=True),
        _text("last_updated", null=True),
        _text("quote_time", null=True),
        _flag("stale", default=sa.false()),
        _whole("stop_loss_order_id", null=True),
        _whole("take_profit_order_id", null=True),
        _text("missing_since", null=True),
        sa.UniqueConstraint("trade_id", name="uq_position_tracking_trade"),
    )
    _table(
        "quantity_change",
        _text("account"),
        _text("symbol"),
        _text("delta"),
        _text("cause"),
        _text("at"),
        _whole("trade_id", null=True),
        _text("price", null=True),
        _text("activity_id", null=True),
        _text("evidence", null=True),
    )
    op.create_index("ix_quantity_change_trade", "quantity_change", ["trade_id"])
    op.create_index(
        "uq_quantity_change_activity",
        "quantity_change",
        ["account", "activity_id", sa.text("coalesce(trade_id, 0)")],
        unique=True,
    )


def _create_books() -> None:
    _table(
        "control",
        _text("account"),
        _whole("version"),
        _text("scope"),
        _text("state"),
        _text("reason", null=True),
        _text("since", null=True),
        sa.UniqueConstraint("account", "scope", name="uq_control_scope"),
    )
    _table(
        "account",
        _text("account"),
        _whole("version"),
        _text("namespace"),
        _text("broker", null=True),
        _text("environment", null=True),
        _text("account_number", null=True),
        sa.UniqueConstraint("account", name="uq_account_account"),
    )
    _table(
        "stage_run",
        _text("account"),
        _text("stage"),
        _text("run_id"),
        _text("started_at"),
        _text("finished_at"),
        _text("outcome"),
        _flag("complete"),
        _whole("rounds", default="0"),
        _whole("actions", default="0"),
        _whole("failed", default="0"),
        _text("note", null=True),
    )
    op.create_index("ix_stage_run_complete", "stage_run", ["account", "stage", "complete", "id"])
    op.create_index("ix_stage_run_outcome", "stage_run", ["account", "stage", "outcome", "id"])
    _table(
        "event",
        _text("account"),
        _text("at"),
        _text("run_id"),
        _text("table_name"),
        _whole("row_id"),
        _text("op"),
        _text("columns"),
    )
    op.create_index("ix_event_row", "event", ["table_name", "row_id"])
