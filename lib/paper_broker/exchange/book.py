"""Everything the exchange remembers.

Rows that are over (closed orders, old fills) stay text until somebody looks at them: a book of ten thousand orders
opens as fast as it can be read from disk. The book notes what has changed, so that only that is written.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from lib.paper_broker.exchange import rows
from lib.paper_broker.exchange.assets import NAMESPACE
from lib.paper_broker.exchange.records import Account, Activity, NonTrade, Order, Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from decimal import Decimal


def new_account(seed: int, cash: Decimal, now: datetime) -> Account:
    """Open an account; every id that it gives out follows from the seed, its number from the instant as well.

    So a file that was deleted and made again is another account, and whoever pinned the old one notices.
    """
    identity = uuid5(NAMESPACE, f"account/{seed}")
    number = uuid5(identity, now.isoformat()).int % 10**10
    return Account(id=str(identity), number=f"PA{number:010d}", seed=seed, created_at=now, cash=cash)


class Book:
    """Orders, executions, positions and the account, with a note of what has changed since `written`."""

    def __init__(self, account: Account, last: datetime) -> None:
        self._account = account
        self.last = last
        """The instant up to which the market has been walked. Walking again from an older one gives the same book."""
        self.walked = 0
        """Price steps walked since the book was last written."""
        self.list_lag = timedelta(0)
        """How far back lists may look, so how long an order's earlier versions are kept."""
        self.positions: dict[str, Position] = {}
        self._orders: dict[str, Order | str] = {}
        self._client_ids: dict[str, str] = {}
        self._live: dict[str, dict[str, Order]] = {}
        self._activities: dict[str, Activity | NonTrade | str] = {}
        self.changed_orders: dict[str, None] = {}
        self.changed_positions: dict[str, None] = {}
        self.new_activities: list[str] = []
        self.account_changed = False
        self.revision = 0
        """Grows with each change of an order or the account."""

    @property
    def account(self) -> Account:
        """Return the account as it stands."""
        return self._account

    @account.setter
    def account(self, account: Account) -> None:
        self._account = account
        self.account_changed = True
        self.revision += 1

    @property
    def changed(self) -> bool:
        """Say whether anything has changed that must be kept."""
        return bool(self.account_changed or self.changed_orders or self.changed_positions or self.new_activities)

    def keep(self) -> None:
        """Have the account written, `last` with it, though nothing else has changed."""
        self.account_changed = True

    def written(self) -> None:
        """Forget what has changed: it has been written."""
        self.changed_orders, self.changed_positions, self.new_activities = {}, {}, []
        self.account_changed, self.walked = False, 0

    def next_id(self, what: str) -> tuple[str, int]:
        """Give out the next id and its place in the sequence."""
        seq = self.account.counter + 1
        self.account = replace(self.account, counter=seq)
        return str(uuid5(UUID(self.account.id), f"{what}/{seq}")), seq

    # Orders

    def put(self, order: Order) -> None:
        """Keep an order as it now stands."""
        self._keep(self._with_earlier(order) if self.list_lag else order)
        self.changed_orders[order.id] = None
        self.revision += 1

    def take_order(self, order_id: str, client_order_id: str, text: str, *, live: bool) -> None:
        """Take an order as it was written."""
        self._orders[order_id] = text
        self._client_ids[client_order_id] = order_id
        known = live or any(order_id in of_symbol for of_symbol in self._live.values())
        if known:
            self._keep(rows.read(Order, text))

    def order(self, order_id: str) -> Order | None:
        """Return an order by its id."""
        order = self._orders.get(order_id)
        if isinstance(order, str):
            order = self._orders[order_id] = rows.read(Order, order)
        return order

    def by_client_id(self, client_order_id: str) -> Order | None:
        """Return an order by the id its sender gave it."""
        order_id = self._client_ids.get(client_order_id)
        return self.order(order_id) if order_id else None

    def order_ids(self) -> list[str]:
        """Return the ids of all orders, oldest first."""
        return list(self._orders)

    def seq(self, order_id: str) -> int:
        """Return an order's place in the sequence in which orders came in."""
        order = self.order(order_id)
        return order.seq if order else 0

    def live(self, symbol: str | None = None) -> list[Order]:
        """Return the orders that may still fill, oldest first."""
        if symbol is not None:
            return list(self._live.get(symbol, {}).values())
        orders = [order for of_symbol in self._live.values() for order in of_symbol.values()]
        return sorted(orders, key=lambda order: order.seq)

    def live_ids(self, symbol: str) -> tuple[str, ...]:
        """Return the ids of a symbol's orders that may still fill, oldest first."""
        return tuple(self._live.get(symbol, ()))

    def live_symbols(self) -> list[str]:
        """Return the symbols with orders that may still fill, sorted."""
        return sorted(self._live)

    def group(self, order: Order) -> list[Order]:
        """Return the orders that live and die with `order`, itself among them, the parent first."""
        root = self.order(order.root_id)
        if root is None:
            return [order]
        return [root, *self.orders(root.leg_ids)]

    def orders(self, order_ids: Iterable[str]) -> list[Order]:
        """Return the orders of these ids."""
        return [order for order in map(self.order, order_ids) if order is not None]

    def _with_earlier(self, order: Order) -> Order:
        before = self.order(order.id)
        if before is None or before.updated_at >= order.updated_at:
            return order if before is None else replace(order, earlier=before.earlier)
        versions = (*before.earlier, replace(before, earlier=()))
        seen_from = order.updated_at - self.list_lag
        pairs = zip(versions, (*versions[1:], order), strict=True)
        return replace(order, earlier=tuple(version for version, later in pairs if later.updated_at > seen_from))

    def _keep(self, order: Order) -> None:
        self._orders[order.id] = order
        self._client_ids[order.client_order_id] = order.id
        of_symbol = self._live.setdefault(order.symbol, {})
        if order.live:
            of_symbol[order.id] = order
            return
        of_symbol.pop(order.id, None)
        if not of_symbol:
            del self._live[order.symbol]

    # Executions and positions

    def add_activity(self, activity: Activity | NonTrade) -> None:
        """Keep an activity."""
        self._activities[activity.id] = activity
        self.new_activities.append(activity.id)

    def take_activity(self, activity_id: str, text: str) -> None:
        """Take an activity as it was written."""
        self._activities[activity_id] = text

    def activity_ids(self) -> list[str]:
        """Return the ids of all activities, oldest first."""
        return list(self._activities)

    def has_activity(self, activity_id: str) -> bool:
        """Say whether there is an activity of this id."""
        return activity_id in self._activities

    def activity(self, activity_id: str) -> Activity | NonTrade:
        """Return an activity by its id."""
        activity = self._activities[activity_id]
        if isinstance(activity, str):
            activity = self._activities[activity_id] = _read_activity(activity)
        return activity

    def activity_time(self, activity_id: str) -> datetime:
        """Return when an activity happened."""
        return self.activity(activity_id).at

    def latest_activities(self) -> Iterator[Activity | NonTrade]:
        """Go through the activities, newest first."""
        return (self.activity(activity_id) for activity_id in reversed(self._activities))

    def latest_executions(self) -> Iterator[Activity]:
        """Go through the executions, newest first."""
        return (activity for activity in self.latest_activities() if isinstance(activity, Activity))

    def set_position(self, position: Position) -> None:
        """Keep a position; one without shares is gone."""
        if position.qty:
            self.positions[position.symbol] = position
        else:
            self.positions.pop(position.symbol, None)
        self.changed_positions[position.symbol] = None

    def take_account(self, account: Account, last: datetime) -> None:
        """Take the account as it was written, and walk from there: what this one has walked beyond changed nothing."""
        self._account, self.last = account, last


def _read_activity(text: str) -> Activity | NonTrade:
    # Only an activity that is no execution says what kind it is.
    return rows.read(NonTrade, text) if ',"kind":' in text else rows.read(Activity, text)
