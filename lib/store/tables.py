"""The tables. Columns are named as the fields of `domain.records`; the spec's own names among them never change.

No foreign keys: the editors that people use on these tables cannot write such columns. Unique constraints
wherever they make a duplicate impossible. Ids are never used twice, even when the newest row is deleted: a client
order id is made from one, and the broker burns those for ever.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, MetaData, String, Table, Text, UniqueConstraint, false, func, text

from lib.store.column_types import (
    ExactDecimal,
    Flag,
    RawCount,
    RawDecimal,
    RawText,
    RawTime,
    RawVersion,
    Tick,
    UtcDateTime,
    Whole,
    Words,
)

SCHEMA_VERSION = "0004"
"""The newest migration; a database at any other is refused."""

# One instance a type, not one a column: what SQLAlchemy works out for a type, it works out once.
_DECIMAL = ExactDecimal()
_FLAG = Flag()
_RAW = RawText()
_RAW_COUNT = RawCount()
_RAW_DECIMAL = RawDecimal()
_RAW_TIME = RawTime()
_RAW_VERSION = RawVersion()
_TICK = Tick()
_UTC = UtcDateTime()
_WHOLE = Whole()
_WORDS = Words()

metadata = MetaData()
schema_metadata = MetaData()
"""Alembic's own table, kept apart so that no migration touches it."""

schema_version = Table("alembic_version", schema_metadata, Column("version_num", String(32), primary_key=True))


def _table(name: str, *columns: Column[Any] | UniqueConstraint | Index, versioned: bool = True) -> Table:
    head: list[Column[Any]] = [Column("id", _WHOLE, primary_key=True), Column("account", _WORDS, nullable=False)]
    if versioned:
        head.append(Column("version", _WHOLE, nullable=False))
    return Table(name, metadata, *head, *columns, sqlite_autoincrement=True)


def _words(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, _WORDS, nullable=null)


def _number(name: str, *, null: bool = False, default: str | None = None) -> Column[Any]:
    return Column(name, _DECIMAL, nullable=null, server_default=default)


def _time(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, _UTC, nullable=null)


def _whole(name: str, *, null: bool = False, default: str | None = None) -> Column[Any]:
    return Column(name, _WHOLE, nullable=null, server_default=default)


decision = Table(
    "analysis_decision",
    metadata,
    Column("id", _WHOLE, primary_key=True),
    Column("account", _RAW, nullable=False, server_default="main"),
    Column("version", _RAW_VERSION, nullable=False, server_default="1"),
    Column("symbol", _RAW),
    Column("action", _RAW),
    Column("planned_entry", _RAW),
    Column("planned_sl", _RAW),
    Column("planned_tp", _RAW),
    Column("trade_style", _RAW),
    Column("side", _RAW),
    Column("qty", _RAW),
    Column("trail_percent", _RAW),
    Column("target_decision_id", _RAW),
    Column("close_price", _RAW),
    Column("expires_at", _RAW),
    Column("Approve", _TICK, key="approve"),
    Column("executed", _TICK),
    Column("approved_digest", _RAW),
    Column("approved_seen_at", _RAW_TIME),
    Column("executed_at", _RAW_TIME),
    Column("execution_status", _RAW),
    Column("execution_note", _RAW),
    # Unexecuted rows are few and found by `executed`; the other two columns spare a look at the row itself.
    Index("ix_analysis_decision_open", "account", "executed", "execution_status", "approve"),
    sqlite_autoincrement=True,
)

journal = _table(
    "trade_journal",
    _whole("decision_id"),
    _words("symbol"),
    _words("side"),
    _words("trade_style"),
    _words("status"),
    _number("planned_entry"),
    _number("planned_sl"),
    _number("planned_tp", null=True),
    _number("trail_percent", null=True),
    _number("planned_qty"),
    _time("created_at"),
    _number("actual_entry", null=True),
    _number("actual_qty", null=True),
    _time("entry_time", null=True),
    _number("exit_price", null=True),
    _number("exit_qty", null=True),
    _time("exit_time", null=True),
    _words("exit_reason", null=True),
    _words("exit_evidence", null=True),
    _number("actual_pnl", null=True),
    _number("fees", null=True),
    Column("fees_final", _FLAG),
    _number("net_pnl", null=True),
    _words("wanted", null=True),
    _words("note", null=True),
    Column("review_note", Text),
    Column("tags", Text),
    Column("rating", Text),
    _time("decided_at", null=True),
    _time("entry_submitted_at", null=True),
    _time("entry_acknowledged_at", null=True),
    _time("entry_filled_at", null=True),
    _time("protected_at", null=True),
    _number("arrival_bid", null=True),
    _number("arrival_ask", null=True),
    _time("arrival_quote_time", null=True),
    _number("entry_slippage", null=True),
    _number("entry_slippage_bps", null=True),
    _number("exit_reference", null=True),
    _number("exit_slippage", null=True),
    _number("exit_slippage_bps", null=True),
    _number("slippage", null=True),
    UniqueConstraint("account", "decision_id", name="uq_trade_journal_decision"),
    Index("ix_trade_journal_status", "account", "status"),
    Index("ix_trade_journal_created", "account", "created_at"),
    Index("ix_trade_journal_exit", "account", "exit_time"),
)

order = _table(
    "order_execution",
    _whole("trade_id", null=True),  # of a trade, or below of a strategy
    _words("client_order_id"),
    _words("order_type"),
    _words("kind"),
    _words("side"),
    _words("symbol"),
    _number("qty"),
    _words("time_in_force"),
    _words("order_status"),
    _time("created_at"),
    _whole("parent_id", null=True),
    _words("payload", null=True),
    _number("limit_price", null=True),
    _number("stop_price", null=True),
    _number("trail_percent", null=True),
    _words("alpaca_order_id", null=True),
    _number("filled_qty", default="0"),
    _number("filled_avg_price", null=True),
    _time("filled_at", null=True),
    _words("reject_reason", null=True),
    _whole("replaces", null=True),
    _time("expires_at", null=True),
    _whole("strategy_id", null=True),
    _whole("cell", null=True),
    _whole("attempt", default="1"),
    _time("submitted_at", null=True),
    _time("acknowledged_at", null=True),
    _time("cancel_requested_at", null=True),
    _time("missing_at", null=True),
    _time("ended_at", null=True),
    _time("replace_requested_at", null=True),
    UniqueConstraint("client_order_id", name="uq_order_execution_client_order_id"),
    Index("ix_order_execution_status", "account", "order_status", "created_at"),
    Index("ix_order_execution_trade", "trade_id"),
    Index("ix_order_execution_strategy", "strategy_id"),
    Index("ix_order_execution_broker_id", "account", "alpaca_order_id"),
)

fill = _table(
    "fill",
    _words("activity_id"),
    _whole("order_id"),
    _whole("trade_id", null=True),
    _words("symbol"),
    _words("side"),
    _number("qty"),
    _number("price"),
    _time("transaction_time"),
    _number("fee", null=True),
    _words("commission_asset", null=True),
    Column("is_maker", _FLAG),
    Column("version", _WHOLE, nullable=False, server_default="1"),  # its fee comes later
    UniqueConstraint("account", "activity_id", name="uq_fill_activity"),
    Index("ix_fill_trade", "trade_id"),
    Index("ix_fill_order", "order_id"),
    versioned=False,
)

position = _table(
    "position_tracking",
    _whole("trade_id"),
    _words("symbol"),
    _number("qty"),
    _number("avg_entry_price"),
    _number("cost_basis"),
    _number("covered_qty"),
    _number("current_price", null=True),
    _number("market_value", null=True),
    _number("unrealized_pnl", null=True),
    _time("last_updated", null=True),
    _time("quote_time", null=True),
    Column("stale", _FLAG, nullable=False, server_default=false()),
    _whole("stop_loss_order_id", null=True),
    _whole("take_profit_order_id", null=True),
    _time("missing_since", null=True),
    UniqueConstraint("trade_id", name="uq_position_tracking_trade"),
)

quantity_change = _table(
    "quantity_change",
    _words("symbol"),
    _number("delta"),
    _words("cause"),
    _time("at"),
    _whole("trade_id", null=True),
    _number("price", null=True),
    _words("activity_id", null=True),
    _words("evidence", null=True),
    Index("ix_quantity_change_trade", "trade_id"),
    versioned=False,
)
# One activity can be shared out over several owners, once each. SQL holds two NULLs for different, so the external
# bucket (no trade) counts as 0, which no trade has; rows without an activity stay free.
Index(
    "uq_quantity_change_activity",
    quantity_change.c.account,
    quantity_change.c.activity_id,
    func.coalesce(quantity_change.c.trade_id, 0),
    unique=True,
)

coverage = _table(
    "protection_coverage",
    _whole("trade_id"),
    _words("symbol"),
    _time("from_time"),
    _time("to_time", null=True),
    _number("owned_qty"),
    _number("covered_qty"),
    _whole("seconds_uncovered", null=True),
    _time("cover_dies_at", null=True),
    _words("cause", null=True),
    Index("ix_protection_coverage_trade", "trade_id", "to_time"),
)

grid_strategy = Table(
    "grid_strategy",
    metadata,
    Column("id", _WHOLE, primary_key=True),
    Column("account", _RAW, nullable=False, server_default="main"),
    Column("version", _RAW_VERSION, nullable=False, server_default="1"),
    Column("symbol", _RAW),
    Column("kind", _RAW),
    Column("lower_price", _RAW),
    Column("upper_price", _RAW),
    Column("levels", _RAW),
    Column("spacing", _RAW),
    Column("quantity_per_grid", _RAW),
    Column("capital", _RAW),
    Column("straddle", _RAW),
    Column("stop_price", _RAW),
    Column("take_profit_price", _RAW),
    Column("out_of_range", _RAW),
    Column("trailing", _RAW),
    Column("trailing_limit", _RAW),
    Column("Approve", _TICK, key="approve"),
    Column("approved_digest", _RAW),
    Column("approved_seen_at", _RAW_TIME),
    Column("status", _RAW),
    Column("reason", _RAW),
    Column("start_price", _RAW_DECIMAL),
    Column("started_at", _RAW_TIME),
    Column("stopped_at", _RAW_TIME),
    Column("shift", _RAW_COUNT, server_default="0"),
    Column("wanted", _RAW),
    Column("drift_since", _RAW_TIME),
    Column("checked_at", _RAW_TIME),
    Column("last_price", _RAW_DECIMAL),
    Column("quote_time", _RAW_TIME),
    Index("ix_grid_strategy_status", "account", "status"),
    sqlite_autoincrement=True,
)

round_trip = _table(
    "round_trip",
    _whole("strategy_id"),
    _words("symbol"),
    _whole("cell", null=True),
    _words("entry_fill"),
    _words("exit_fill"),
    _number("qty"),
    _number("entry_price"),
    _number("exit_price"),
    _number("gross"),
    _number("fees"),
    _number("net"),
    _number("pnl_bps"),
    _time("opened_at"),
    _time("closed_at"),
    _whole("hold_s"),
    _words("policy"),
    Column("version", _WHOLE, nullable=False, server_default="1"),  # its fees are final later
    UniqueConstraint("account", "entry_fill", "exit_fill", "cell", name="uq_round_trip"),
    # SQL holds two NULLs for different.
    Index("uq_round_trip_whole", "account", "entry_fill", "exit_fill", unique=True, sqlite_where=text("cell IS NULL")),
    Index("ix_round_trip_strategy", "strategy_id"),
    versioned=False,
)

control = _table(
    "control",
    _words("scope"),
    _words("state"),
    _words("reason", null=True),
    _time("since", null=True),
    UniqueConstraint("account", "scope", name="uq_control_scope"),
)

account = _table(
    "account",
    _words("namespace"),
    _words("broker", null=True),
    _words("environment", null=True),
    _words("account_number", null=True),
    UniqueConstraint("account", name="uq_account_account"),
)

stage_run = _table(
    "stage_run",
    _words("stage"),
    _words("run_id"),
    _time("started_at"),
    _time("finished_at"),
    _words("outcome"),
    Column("complete", _FLAG, nullable=False),
    _whole("rounds", default="0"),
    _whole("actions", default="0"),
    _whole("failed", default="0"),
    _words("note", null=True),
    Index("ix_stage_run_outcome", "account", "stage", "outcome", "id"),
    Index("ix_stage_run_complete", "account", "stage", "complete", "id"),
    versioned=False,
)

event = _table(
    "event",
    _time("at"),
    _words("run_id"),
    _words("table_name"),
    _whole("row_id"),
    _words("op"),
    _words("columns"),
    Index("ix_event_row", "table_name", "row_id"),
    versioned=False,
)

POSITION_VALUES = frozenset(("current_price", "market_value", "unrealized_pnl", "last_updated", "quote_time", "stale"))
"""Columns of `position_tracking` that change with every quote and leave no event."""

GRID_VALUES = frozenset(("last_price", "quote_time", "checked_at"))
"""Columns of `grid_strategy` that change with every look and leave no event."""

HUMAN_COLUMNS = frozenset({"review_note", "tags", "rating"})
"""Columns of `trade_journal` that belong to a person; the system never writes them."""

UNAUDITED = {
    journal.name: HUMAN_COLUMNS,
    position.name: POSITION_VALUES,
    grid_strategy.name: GRID_VALUES,
}
"""By table: the columns that are never in an event."""

WITHOUT_EVENTS = frozenset({event.name, stage_run.name})
