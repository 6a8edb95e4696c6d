"""Alerts as they are stored: rows of `event`, no table of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lib.domain.records import Control
from lib.domain.story import Event

ALERT = "alert"
"""`table_name` of these events; their `row_id` is the id of the account's row."""

AFTER = "after"
"""In the columns of each: what was written up to this event id matters no more, and is never read again."""


class AlertOp(StrEnum):
    """What an event says of an alert; a lasting one is raised again once a day."""

    RAISED = "raised"
    ENDED = "ended"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """One event to append."""

    op: AlertOp
    columns: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRows:
    """What is on record of an account's alerts.

    `events` are those that still matter, oldest first; `stopped` the controls that a stage, not a person, set last;
    `skipped` the stages whose newest pass did not get its account.
    """

    events: tuple[Event, ...] = ()
    stopped: tuple[Control, ...] = ()
    skipped: frozenset[str] = frozenset()
