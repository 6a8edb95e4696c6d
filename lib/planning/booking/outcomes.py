"""What the answer to a request becomes in the order rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lib.domain.actions import RowChange, Update
from lib.domain.facts import Accepted, BrokerOrder, Outcome, Rejected
from lib.domain.states import ENDED, REJECTED
from lib.planning.booking.sync import facts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAt:
    """An order row as it stands after its intent was stored."""

    id: int
    version: int


def outcome_changes(
    sent: RowAt, legs: Sequence[RowAt], outcome: Outcome, now: datetime, *, is_entry: bool = False
) -> tuple[RowChange, ...]:
    """Return the changes that store an outcome; an unknown one changes nothing: `pending` says it already.

    A GTC entry keeps the end that its intent gave it.
    """
    if isinstance(outcome, Rejected):
        values = {"order_status": REJECTED, "reject_reason": f"{outcome.refusal}: {outcome.message}", "ended_at": now}
        return tuple(_update(row, values) for row in (sent, *legs))
    if isinstance(outcome, Accepted) and outcome.order is not None:
        shown = zip(legs, outcome.order.legs, strict=False)
        values = _accepted(outcome.order, now)
        if is_entry and outcome.order.time_in_force == "gtc":
            del values["expires_at"]
        return (
            _update(sent, values),
            *(_update(row, _accepted(leg, now)) for row, leg in shown),
        )
    return ()


def _accepted(order: BrokerOrder, now: datetime) -> dict[str, object]:
    values = facts_of(order) | {"acknowledged_at": now}
    if order.status in ENDED:
        values["ended_at"] = order.ended_at or order.filled_at or now
    return values


def _update(row: RowAt, values: dict[str, object]) -> Update:
    return Update(table="order_execution", id=row.id, version=row.version, values=values)
