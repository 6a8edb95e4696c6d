"""The store as the stages see it: a few typed reads, one way to write, one lock.

Any method raises StoreUnavailable when the database does not answer, ConfigError when a person must act.
All datetimes are aware UTC; all quantities and prices are exact Decimals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from lib.domain.actions import RowChange
from lib.domain.records import Account, Control, Rows, StageRun


class Store(Protocol):
    """Where decisions, trades, orders and fills live."""

    def check_schema(self) -> None:
        """Raise ConfigError unless the database has exactly the schema version of this code."""

    def hold_account(self, account: str, *, wait_s: float) -> AbstractContextManager[bool]:
        """Hold the account for one pass; yields False if another pass kept it for `wait_s` seconds."""

    def account(self, account: str) -> Account:
        """Return the row of `account`; ConfigError if the database has none of that name."""

    def rows(self, account: str) -> Rows:
        """Read what a pass needs, in one consistent read transaction."""

    def known(
        self, account: str, *, broker_order_ids: Collection[str], activity_ids: Collection[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return which of these broker orders are ours and which activities are booked, of trades long closed too."""

    def controls(self, account: str) -> tuple[Control, ...]:
        """Read the control rows alone, fresh: asked again before each order that adds exposure."""

    def write(self, changes: Sequence[RowChange], *, run_id: str, at: datetime) -> Mapping[str, int]:
        """Apply all changes and their events in one transaction, or none.

        Returns the new ids by the names of their Refs. Raises StaleRow when an Update or Delete names a
        version that is gone, or an Insert meets a unique constraint (someone was here before).
        """

    def record_run(self, run: StageRun) -> None:
        """Append one `stage_run` row (`run.id` is ignored)."""

    def close(self) -> None:
        """Let go of the database."""
