"""The ledger of cover, and when a replacement of an order was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table, two columns, and what finds the trades of a session."""
    op.add_column("order_execution", sa.Column("replace_requested_at", sa.Text))
    op.add_column("fill", sa.Column("version", sa.Integer, nullable=False, server_default="1"))  # its fee comes later
    op.create_table(
        "protection_coverage",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("trade_id", sa.Integer, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("from_time", sa.Text, nullable=False),
        sa.Column("to_time", sa.Text),
        sa.Column("owned_qty", sa.Text, nullable=False),
        sa.Column("covered_qty", sa.Text, nullable=False),
        sa.Column("seconds_uncovered", sa.Integer),
        sa.Column("cover_dies_at", sa.Text),
        sa.Column("cause", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trade_journal_created", "trade_journal", ["account", "created_at"])
    op.create_index("ix_trade_journal_exit", "trade_journal", ["account", "exit_time"])
    op.create_index("ix_protection_coverage_trade", "protection_coverage", ["trade_id", "to_time"])
