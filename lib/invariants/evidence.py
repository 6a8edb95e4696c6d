"""The evidence that invariants judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from lib.domain.facts import BrokerOrder, BrokerPosition, FillActivity
from lib.domain.hours import Hours
from lib.domain.records import Decision, Fill, Order, Position, QuantityChange, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All our rows of one account."""

    namespace: str
    decisions: tuple[Decision, ...] = ()
    trades: tuple[Trade, ...] = ()
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    positions: tuple[Position, ...] = ()
    changes: tuple[QuantityChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that the broker has on record: orders ever (legs nested), positions now, fills ever."""

    orders: tuple[BrokerOrder, ...] = ()
    positions: dict[str, BrokerPosition] = field(default_factory=dict)
    fills: tuple[FillActivity, ...] = ()
    cash_start: Decimal | None = None
    cash: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Both sides at one instant."""

    now: datetime
    books: Books
    ledger: Ledger
    calendar: tuple[Hours, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken promise."""

    id: str
    message: str

    def __str__(self) -> str:
        """Write it for a person."""
        return f"{self.id}: {self.message}"
