"""What the exchange keeps about orders, fills, positions and the account, and the one text form of each.

Records are frozen: a change makes a new one and puts it in the book. Facts of Alpaca that belong to a record and not to
an answer (which fields, which are strings) are in `render.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ZERO = Decimal(0)


class Status(StrEnum):
    """The order states this exchange uses, spelled as Alpaca spells them."""

    ACCEPTED = "accepted"  # received outside the session, works from the next open
    NEW = "new"  # in the book
    PARTIALLY_FILLED = "partially_filled"  # in the book, part of it filled
    HELD = "held"  # the stop of an OCO: waits beside its parent, not in the book
    PENDING_CANCEL = "pending_cancel"  # a cancel was taken but is not done; may still fill
    FILLED = "filled"
    CANCELED = "canceled"  # may have filled in part
    EXPIRED = "expired"  # may have filled in part


LIVE = frozenset({Status.ACCEPTED, Status.NEW, Status.PARTIALLY_FILLED, Status.HELD, Status.PENDING_CANCEL})
WORKING = LIVE - {Status.ACCEPTED}


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"


class Kind(StrEnum):
    """The order types of this stage."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    TRAILING_STOP = "trailing_stop"


class OrderClass(StrEnum):
    """How orders hang together."""

    SIMPLE = "simple"
    OCO = "oco"


class TimeInForce(StrEnum):
    """How long an order lives."""

    DAY = "day"
    GTC = "gtc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order as it stands."""

    id: str
    seq: int
    client_order_id: str
    symbol: str
    side: Side
    kind: Kind
    order_class: OrderClass
    time_in_force: TimeInForce
    position_intent: str
    qty: Decimal
    status: Status
    created_at: datetime
    updated_at: datetime
    works_from: datetime
    expires_at: datetime
    filled_qty: Decimal = ZERO
    filled_notional: Decimal = ZERO
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    reserve_price: Decimal = ZERO  # what a buy sets aside per share
    evaluations: int = 0  # fills it was eligible for so far; the key of its next draw
    parent_id: str | None = None
    leg_ids: tuple[str, ...] = ()
    elected_at: datetime | None = None
    cancel_at: datetime | None = None
    filled_at: datetime | None = None
    canceled_at: datetime | None = None
    expired_at: datetime | None = None

    @property
    def remaining(self) -> Decimal:
        """Return what has not filled."""
        return self.qty - self.filled_qty

    @property
    def live(self) -> bool:
        """Say whether it may still fill."""
        return self.status in LIVE

    @property
    def root_id(self) -> str:
        """Return the id of the group's first order, its own when it stands alone."""
        return self.parent_id or self.id

    @property
    def complex(self) -> bool:
        """Say whether it is one of the kinds that the wash-trade rule exempts."""
        return self.order_class is not OrderClass.SIMPLE or self.kind is Kind.TRAILING_STOP


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One execution."""

    id: str
    seq: int
    order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime
    cum_qty: Decimal
    leaves_qty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares held long, and what they cost."""

    symbol: str
    qty: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbooked:
    """A fill that positions do not show yet."""

    due: datetime
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HandQuote:
    """A quote set by hand; zero means that nobody bids or offers."""

    bid: Decimal
    ask: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account, the fills it has yet to book and the quotes that were set by hand."""

    id: str
    number: str
    seed: int
    created_at: datetime
    cash: Decimal
    counter: int = 0
    unbooked: tuple[Unbooked, ...] = ()
    by_hand: tuple[tuple[str, HandQuote], ...] = ()

    def hand_quote(self, symbol: str) -> HandQuote | None:
        """Return the quote set by hand, if there is one."""
        return dict(self.by_hand).get(symbol)


# fmt: off
_DECIMALS = frozenset({
    "qty", "filled_qty", "filled_notional", "limit_price", "stop_price", "trail_price", "trail_percent", "hwm",
    "reserve_price", "price", "cum_qty", "leaves_qty", "cost", "cash", "bid", "ask",
})
_INSTANTS = frozenset({
    "created_at", "updated_at", "works_from", "expires_at", "elected_at", "cancel_at", "filled_at", "canceled_at",
    "expired_at", "at", "due",
})
# fmt: on
_ENUMS: Mapping[str, type[StrEnum]] = {
    "side": Side,
    "kind": Kind,
    "order_class": OrderClass,
    "time_in_force": TimeInForce,
    "status": Status,
}


def write(record: Order | Activity | Position | Account) -> str:
    """Write a record as one line of JSON; the same record always gives the same text."""
    return json.dumps(_plain(record), separators=(",", ":"))


def read_order(text: str) -> Order:
    """Read what `write` wrote of an order."""
    values = _values(json.loads(text))
    values["leg_ids"] = tuple(values.get("leg_ids", ()))
    return Order(**values)


def read_activity(text: str) -> Activity:
    """Read what `write` wrote of an execution."""
    return Activity(**_values(json.loads(text)))


def read_position(text: str) -> Position:
    """Read what `write` wrote of a position."""
    return Position(**_values(json.loads(text)))


def read_account(text: str) -> Account:
    """Read what `write` wrote of the account."""
    values = _values(json.loads(text))
    values["unbooked"] = tuple(Unbooked(**_values(item)) for item in values.get("unbooked", ()))
    values["by_hand"] = tuple((symbol, HandQuote(**_values(quote))) for symbol, quote in values.get("by_hand", ()))
    return Account(**values)


def _plain(value: object) -> object:
    if isinstance(value, Order | Activity | Position | Account | Unbooked | HandQuote):
        pairs = ((item.name, getattr(value, item.name)) for item in fields(value))
        return {name: _plain(part) for name, part in pairs if part is not None and part != ()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else value


def _values(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: object) -> object:
    if name in _DECIMALS:
        return Decimal(str(value))
    if name in _INSTANTS:
        return datetime.fromisoformat(str(value))
    kind = _ENUMS.get(name)
    return kind(str(value)) if kind else value
