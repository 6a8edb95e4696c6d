"""What a trade cost: prices, slippage and times in its journal row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (
    "decided_at",
    "entry_submitted_at",
    "entry_acknowledged_at",
    "entry_filled_at",
    "protected_at",
    "arrival_bid",
    "arrival_ask",
    "arrival_quote_time",
    "entry_slippage",
    "entry_slippage_bps",
    "exit_reference",
    "exit_slippage",
    "exit_slippage_bps",
    "slippage",
)


def upgrade() -> None:
    """Add the columns; rows that are there keep them empty until a pass books them again."""
    for name in COLUMNS:
        op.add_column("trade_journal", sa.Column(name, sa.Text))
