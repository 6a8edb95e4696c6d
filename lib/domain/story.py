"""One trade with everything that was written about it: what `explain` tells a story from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lib.domain.records import Coverage, Decision, Fill, Order, Position, QuantityChange, StageRun, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of `event`: what a row held after a change; for a delete, what it held last.

    `columns` is a JSON object of the columns, as they are stored: numbers and times are text.
    """

    id: int
    account: str
    at: datetime
    run_id: str
    table_name: str
    row_id: int
    op: str  # insert, update, delete
    columns: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One row beside its events, oldest first. `columns` is what an event would say of it now; None if it is gone."""

    table: str
    id: int
    version: int | None
    columns: str | None
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A trade, the rows that belong to it, their events, and what else was on record while it lived.

    `events` are those of its own rows, with the account's position and control rows' of that time; `runs` are the
    passes of that time that had something to say.
    """

    trade: Trade
    decision: Decision | None = None
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    changes: tuple[QuantityChange, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    position: Position | None = None
    events: tuple[Event, ...] = ()
    runs: tuple[StageRun, ...] = ()
