"""What later decisions ask of a trade: the column `wanted` of its journal row, as a record.

A trade keeps what it was approved with in its `planned_` columns. What a CANCEL, an AMEND, a CLOSE or a split changed
since stands here, so that every look compares what is live with what is wanted now, and needs to know nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from lib.domain.money import D, NotMoney, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted beside the plan; None is "as planned". Prices in dollars per share, quantities in shares."""

    cancel_by: int | None = None  # the decision that cancels the entry
    close_by: int | None = None  # the decision that closes the position
    close_price: Decimal | None = None  # at this limit or better; None with `close_by`: at market
    amended_by: int | None = None  # the decision that amended last
    amended_at: datetime | None = None
    partly_by: int | None = None  # the AMEND of an entry that ended with what had filled before it
    claimed: tuple[int, ...] = ()  # every decision that asked something of this trade: none is carried out twice
    generation: int = 1  # of the entry order that is wanted
    send_by: datetime | None = None  # until when that order may be sent, if it is not the first
    entry: Decimal | None = None  # its limit
    total: Decimal | None = None  # shares of the whole trade, filled ones included
    stop: Decimal | None = None
    stop_at: datetime | None = None  # since when: a stop sent before it may have another level
    target: Decimal | None = None
    target_at: datetime | None = None
    split_due: str | None = None  # the ex-date of a split to come, for which the cover is withdrawn
    split_on: str | None = None  # the ex-date of the split that `stop` and `target` were last adjusted for


def read_wanted(written: str | None) -> Wanted:
    """Read the column; what nobody can read asks for nothing. Raises ValueError for that."""
    if not written:
        return Wanted()
    try:
        found = json.loads(written)
        if not isinstance(found, dict):
            raise TypeError("it is no object")
        kinds = {field.name: str(field.type) for field in fields(Wanted)}
        return Wanted(**{name: _read(kinds[name], value) for name, value in found.items()})
    except (KeyError, TypeError, NotMoney, ValueError) as error:
        raise ValueError(f"what is wanted cannot be read: {written!r}: {error}") from None


def _read(kind: str, value: object) -> Any:
    if kind.startswith("Decimal"):
        return D(str(value))
    if kind.startswith("datetime"):
        at = datetime.fromisoformat(str(value))
        if at.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return at
    if kind.startswith("tuple"):
        if not isinstance(value, list):
            raise TypeError(f"{value!r} is no list")
        return tuple(_whole(each) for each in value)
    return _whole(value) if kind.startswith("int") else str(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def write_wanted(wanted: Wanted) -> str | None:
    """Write a record as the column keeps it; None where nothing is wanted beside the plan."""
    kept = {
        field.name: _written(value)
        for field in fields(Wanted)
        if (value := getattr(wanted, field.name)) != field.default
    }
    return json.dumps(kept) if kept else None


def _written(value: object) -> object:
    if isinstance(value, Decimal):
        return text(value)
    return value.isoformat() if isinstance(value, datetime) else value
