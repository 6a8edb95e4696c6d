"""The end of a restore: a backfill of every account, from the day of the backup."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from lib.backfill import backfill
from lib.bootstrap import open_database, open_tools
from lib.clock import WallClock
from lib.config import Settings
from lib.domain.restored import Mark
from lib.domain.results import BackfillResult
from lib.errors import PipelineError
from lib.logs import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """One account's backfill, or why it has still to be done."""

    account: str
    report: BackfillResult | None = None
    still_to_do: str = ""
    error_code: int = 0

    @property
    def exit_code(self) -> int:
        """0 only if the passes work this account again; of a backfill that was kept waiting, 1."""
        if self.report is None:
            return self.error_code
        return 1 if self.report.result.outcome == "skipped" else self.report.result.exit_code


def take_back(settings: Settings, accounts: Iterable[str], since: date) -> Iterator[TakenBack]:
    """Run the backfills one after the other; one that cannot be done stops no other."""
    store, clock = open_database(settings), WallClock()
    try:
        for account in accounts:
            try:
                tools = open_tools(settings, store, account, clock)
                report = backfill(tools, since=since, account=account, log=Log(sys.stderr))
            except PipelineError as error:
                told = f"{error}\n{Mark(since=since).advice(account)}\n"
                yield TakenBack(account=account, still_to_do=told, error_code=error.exit_code)
            else:
                yield TakenBack(account=account, report=report)
    finally:
        store.close()
