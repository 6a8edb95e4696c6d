"""The evidence that invariants judge, and the views of it that several of them need, each made once.

A part that nobody read is empty or None, and what would need it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from lib.domain.facts import BrokerOrder, BrokerPosition, FillActivity
from lib.domain.grids import Strategy
from lib.domain.hours import Hours
from lib.domain.ids import is_ours
from lib.domain.limits import Limits
from lib.domain.records import Control, Decision, Fill, Order, Position, QuantityChange, Rows, StageRun, Trade
from lib.domain.story import Audited, Event


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
    controls: tuple[Control, ...] = ()
    runs: tuple[StageRun, ...] = ()
    """The newest passes of every stage, however they ended."""
    alerts: tuple[Event, ...] | None = None
    """The events of alerts that still matter."""
    stopped: tuple[Control, ...] = ()
    """Those of the controls that a stage set, not a person."""
    audited: tuple[Audited, ...] = ()
    account_number: str | None = None
    grids: tuple[Strategy, ...] = ()


def books_of(rows: Rows) -> Books:
    """Return the trades and grids of these rows and all that is theirs; how far decisions and passes go back varies."""
    return Books(
        namespace=rows.account.namespace,
        trades=rows.trades,
        orders=rows.orders,
        fills=rows.fills,
        positions=rows.positions,
        changes=rows.changes,
        controls=rows.controls,
        grids=rows.grids,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What the broker has on record: orders (legs nested) and fills, all ever or since a time, and positions now."""

    orders: tuple[BrokerOrder, ...] = ()
    positions: Mapping[str, BrokerPosition] = field(default_factory=dict)
    fills: tuple[FillActivity, ...] = ()
    cash_start: Decimal | None = None
    cash: Decimal | None = None
    since: datetime | None = None
    """Orders that had ended and fills from before were not asked for; None: they are all there."""
    account_number: str | None = None
    equity: Decimal | None = None
    last_equity: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Both sides at one instant."""

    now: datetime
    books: Books
    ledger: Ledger
    calendar: tuple[Hours, ...] = ()
    limits: Limits = field(default_factory=Limits)
    sent_since: datetime | None = None
    """The limits are known to have been these since then: entries sent from then on are held against them."""
    clocks_apart: timedelta = timedelta(0)
    """How far our clock may be off the broker's, whose times stand beside ours."""
    leaks: tuple[str, ...] = ()
    """Files in which a key was found."""

    @cached_property
    def orders_by_trade(self) -> Mapping[int | None, list[Order]]:
        """The order rows of each trade; those of grids are under None."""
        return _by_trade(self.books.orders)

    @cached_property
    def fills_by_order(self) -> Mapping[int, list[Fill]]:
        """The booked fills of each order row."""
        found: dict[int, list[Fill]] = {}
        for fill in self.books.fills:
            found.setdefault(fill.order_id, []).append(fill)
        return found

    @cached_property
    def changes_by_trade(self) -> Mapping[int | None, list[QuantityChange]]:
        """The changes of quantity of each trade; the external bucket's are under None."""
        found: dict[int | None, list[QuantityChange]] = {}
        for change in self.books.changes:
            found.setdefault(change.trade_id, []).append(change)
        return found

    @cached_property
    def row_at_broker(self) -> Mapping[str, Order]:
        """The order rows by the broker's id."""
        return {o.alpaca_order_id: o for o in self.books.orders if o.alpaca_order_id is not None}

    @cached_property
    def listed(self) -> Mapping[str, BrokerOrder]:
        """The broker's orders by id; legs are under their parents."""
        return {o.id: o for o in self.ledger.orders}

    @cached_property
    def ours(self) -> tuple[BrokerOrder, ...]:
        """The broker's orders that were sent under our ids, and those that took the place of one in the app.

        Before a restore the namespace was another one: what a row knows is ours under any name.
        """
        namespace, known = self.books.namespace, self.row_at_broker
        mine = {o.id for o in self.ledger.orders if is_ours(o.client_order_id, namespace) or o.id in known}
        heirs = mine
        while heirs:
            named = {self.listed[each].replaced_by for each in heirs}
            heirs = {o.id for o in self.ledger.orders if o.id in named and o.replaces in heirs} - mine
            mine = mine | heirs
        return tuple(o for o in self.ledger.orders if o.id in mine)


def _by_trade(rows: Iterable[Order]) -> dict[int | None, list[Order]]:
    found: dict[int | None, list[Order]] = {}
    for row in rows:
        found.setdefault(row.trade_id, []).append(row)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken promise."""

    id: str
    message: str

    def __str__(self) -> str:
        """Write it for a person."""
        return f"{self.id}: {self.message}"
