"""What a pass did, action by action."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from lib.domain.actions import Action, Plan
from lib.domain.facts import BrokerOrder, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of one action: done, accepted, rejected, unknown, dropped (plan again) or blocked."""

    action: Action
    outcome: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Say whether the action was refused or left open; a dropped one is simply planned anew."""
        return self.outcome in {"rejected", "unknown"}


@dataclass(slots=True, kw_only=True)
class PassResult:
    """What a pass did, for its reader and its exit code."""

    stage: str
    account: str
    run_id: str
    where: str = ""
    outcome: str = "done"  # done, incomplete, skipped
    rounds: int = 0
    applied: list[Applied] = field(default_factory=list)
    planned: Plan | None = None  # of a dry run
    problems: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()  # what the broker contradicts: an alert, and no failure until a pass confirms it
    waiting: tuple[Problem, ...] = ()  # what waits for a person's word: an alert, and no failure
    notes: tuple[str, ...] = ()
    saw_all: bool = False  # its last look planned nothing more: `problems` are all there are
    error: int | None = None  # exit code of the error that ended it

    @property
    def failed(self) -> list[Applied]:
        """The actions that the broker refused or left open."""
        return [result for result in self.applied if result.failed]

    @property
    def exit_code(self) -> int:
        """0 done or skipped for a lock, 1 incomplete."""
        return 1 if self.outcome == "incomplete" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value of one row that the broker's history has otherwise; no `column` for a row that is new or goes."""

    table: str
    row: str  # as a person knows it: a client_order_id, an activity id, a symbol
    column: str
    old: object
    new: object
    trade_id: int | None
    symbol: str


@dataclass(slots=True, kw_only=True)
class BackfillResult:
    """What a backfill read, changed (or would change) and found."""

    result: PassResult
    since: datetime
    dry_run: bool
    orders_read: int = 0
    fills_read: int = 0
    differences: list[Difference] = field(default_factory=list)
    others: tuple[BrokerOrder, ...] = ()  # sent by other hands
