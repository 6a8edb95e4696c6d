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
from lib.domain.alerts import AlertChange, AlertRows
from lib.domain.records import Account, Control, Rows, StageRun, Trade


class Store(Protocol):
    """Where decisions, trades, orders and fills live."""

    def check_schema(self) -> None:
        """Raise ConfigError unless the database has exactly the schema version of this code."""

    def hold_account(self, account: str, *, wait_s: float) -> AbstractContextManager[bool]:
        """Hold the account for one pass; yields False if another pass kept it for `wait_s` seconds."""

    def account(self, account: str) -> Account:
        """Return the row of `account`; ConfigError if the database has none of that name."""

    def pinned_to(self, account_number: str) -> tuple[str, ...]:
        """Return the accounts that belong to a broker account; more than one is a mistake that a pass refuses."""

    def last_clean(self, account: str, stage: str) -> datetime | None:
        """Return when the newest clean pass of a stage over an account began; None if there never was one."""

    def rows(self, account: str) -> Rows:
        """Read what a pass needs, in one consistent read transaction."""

    def trades_since(self, account: str, since: datetime) -> tuple[Trade, ...]:
        """Read the trades made or ended at or after `since`, closed ones too, in the order of their ids."""

    def history(
        self, account: str, *, since: datetime, broker_order_ids: Collection[str], decision_ids: Collection[int] = ()
    ) -> Rows:
        """Read all rows of each trade, ended ones too, that is open, has one of these orders or a row made since then.

        Of decisions those of these ids are read, with the account's older namespaces; coverage and runs are left out.
        """

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

    def alerts(self, account: str) -> AlertRows:
        """Read what is on record of the account's alerts; nothing for an account that is not there."""

    def record_run(self, run: StageRun, changes: Sequence[AlertChange] = ()) -> None:
        """Append one `stage_run` row (`run.id` is ignored) and what the pass says of alerts, in one transaction."""

    def record_alerts(self, account: str, changes: Sequence[AlertChange], *, run_id: str, at: datetime) -> None:
        """Append what was said of alerts outside a pass."""

    def close(self) -> None:
        """Let go of the database."""
