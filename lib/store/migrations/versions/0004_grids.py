"""Grid strategies, their round trips, and their orders beside those of trades."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lib.store.sqlite import written_anew

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OWNED = ("order_execution", "fill")
"""Tables whose rows belonged to trades alone until now."""

VIEW = """
CREATE VIEW grid_orders AS
SELECT
    id,
    account AS user_id,
    strategy_id,
    alpaca_order_id,
    symbol,
    side,
    qty AS quantity,
    limit_price,
    cell + CASE side WHEN 'sell' THEN 1 ELSE 0 END AS grid_level,
    CASE
        WHEN order_status IN
            ('partially_filled', 'filled', 'cancelled', 'expired', 'rejected', 'replaced', 'unsent') THEN order_status
        ELSE 'pending'
    END AS status,
    filled_at,
    created_at
FROM order_execution
WHERE strategy_id IS NOT NULL
"""


def upgrade() -> None:
    """Add two tables, what finds the rows of a strategy, and the view by which people watch its orders."""
    for name in OWNED:
        with (
            written_anew(op.get_bind(), name),
            op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_autoincrement": True}) as batch,
        ):
            batch.alter_column("trade_id", existing_type=sa.Integer, nullable=True)
    op.create_index("ix_order_execution_strategy", "order_execution", ["strategy_id"])
    op.create_index("ix_fill_order", "fill", ["order_id"])
    _create_strategies()
    _create_round_trips()
    op.execute(VIEW)


def _text(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, server_default=default)


def _create_strategies() -> None:
    raw = ("symbol", "kind", "lower_price", "upper_price", "levels", "spacing", "quantity_per_grid", "capital")
    choices = ("straddle", "stop_price", "take_profit_price", "out_of_range", "trailing", "trailing_limit")
    ours = ("approved_digest", "approved_seen_at", "status", "reason", "start_price", "started_at", "stopped_at")
    looks = ("wanted", "drift_since", "checked_at", "last_price", "quote_time")
    op.create_table(
        "grid_strategy",
        sa.Column("id", sa.Integer, primary_key=True),
        _text("account", default="main"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        *(_text(name, null=True) for name in (*raw, *choices)),
        sa.Column("Approve", sa.Boolean),
        *(_text(name, null=True) for name in ours),
        sa.Column("shift", sa.Integer, server_default="0"),
        *(_text(name, null=True) for name in looks),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_grid_strategy_status", "grid_strategy", ["account", "status"])


def _create_round_trips() -> None:
    numbers = ("qty", "entry_price", "exit_price", "gross", "fees", "net", "pnl_bps")
    op.create_table(
        "round_trip",
        sa.Column("id", sa.Integer, primary_key=True),
        _text("account"),
        sa.Column("strategy_id", sa.Integer, nullable=False),
        _text("symbol"),
        sa.Column("cell", sa.Integer),
        _text("entry_fill"),
        _text("exit_fill"),
        *(_text(name) for name in numbers),
        _text("opened_at"),
        _text("closed_at"),
        sa.Column("hold_s", sa.Integer, nullable=False),
        _text("policy"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.UniqueConstraint("account", "entry_fill", "exit_fill", "cell", name="uq_round_trip"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_round_trip_whole",
        "round_trip",
        ["account", "entry_fill", "exit_fill"],
        unique=True,
        sqlite_where=sa.text("cell IS NULL"),
    )
    op.create_index("ix_round_trip_strategy", "round_trip", ["strategy_id"])
