"""What is open at the broker and in the journal, as a page: for who is about to stop using this program."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from lib.domain.facts import BrokerOrder, BrokerPosition
from lib.domain.records import Account, Trade
from lib.domain.states import TradeStatus

ENDED = frozenset({TradeStatus.CLOSED, TradeStatus.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLeft:
    """One position at the broker, whoever bought it; `qty` is negative for short."""

    symbol: str
    qty: Decimal
    average_entry: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLeft:
    """One live order at the broker; `ours` says that this program sent it."""

    symbol: str
    side: str
    qty: Decimal | None
    kind: str
    limit: Decimal | None
    stop: Decimal | None
    time_in_force: str
    status: str
    ours: bool
    client_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLeft:
    """One trade that the journal has open."""

    id: int
    symbol: str
    status: str
    qty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLeft:
    """One grid that has begun and not ended, and what it holds by its fills; below zero for a short one."""

    id: int
    symbol: str
    status: str
    qty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLeft:
    """One account; where the broker could not be asked `unread` says why, and nothing is known of its side."""

    account: str
    where: str
    positions: tuple[PositionLeft, ...] = ()
    orders: tuple[OrderLeft, ...] = ()
    trades: tuple[TradeLeft, ...] = ()
    grids: tuple[GridLeft, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingPage:
    """Every account, as it is left."""

    accounts: tuple[AccountLeft, ...]


def account_left(
    account: Account,
    where: str,
    trades: Iterable[Trade],
    positions: Iterable[BrokerPosition],
    orders: Iterable[BrokerOrder],
    *,
    grids: Iterable[GridLeft] = (),
    known: Collection[str] = (),
    unread: str | None = None,
) -> AccountLeft:
    """Lay out one account: legs stand behind the order they belong to.

    Ours is what has a name of ours, or is `known` by its broker id: before a restore the namespace was another one.
    """
    ours = f"{account.namespace}-"
    return AccountLeft(
        account=account.account,
        where=where,
        positions=tuple(
            PositionLeft(symbol=each.symbol, qty=each.qty, average_entry=each.avg_entry_price)
            for each in sorted(positions, key=lambda each: each.symbol)
        ),
        orders=tuple(
            _order(each, ours=order.id in known or order.client_order_id.startswith(ours))
            for order in sorted(orders, key=lambda each: (each.symbol, each.client_order_id))
            for each in (order, *order.legs)
        ),
        trades=tuple(
            TradeLeft(id=each.id, symbol=each.symbol, status=each.status, qty=each.planned_qty)
            for each in trades
            if each.status not in ENDED
        ),
        grids=tuple(grids),
        unread=unread,
    )


def _order(order: BrokerOrder, *, ours: bool) -> OrderLeft:
    return OrderLeft(
        symbol=order.symbol,
        side=order.side,
        qty=order.qty,
        kind=order.kind,
        limit=order.limit_price,
        stop=order.stop_price,
        time_in_force=order.time_in_force,
        status=order.status,
        ours=ours,
        client_order_id=order.client_order_id,
    )
