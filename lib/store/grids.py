"""What is read of strategies: their rows, with all orders, fills and round trips that are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from lib.domain.grids import RoundTrip, Strategy
from lib.domain.money import ZERO
from lib.domain.records import Fill, Order
from lib.store import tables
from lib.store.fetch import FILL, ORDER, ROUND_TRIP, STRATEGY, Query, records


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyRows:
    """Strategies with their rows; `round_trips` are the pairs of entry and exit fill that are written."""

    strategies: tuple[Strategy, ...] = ()
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    round_trips: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TripSums:
    """How many round trips there were, and what they came to in dollars."""

    count: int = 0
    gross: Decimal = ZERO
    fees: Decimal = ZERO
    net: Decimal = ZERO

    def plus(self, trip: RoundTrip) -> TripSums:
        """Return the sums with one more."""
        return TripSums(
            count=self.count + 1, gross=self.gross + trip.gross, fees=self.fees + trip.fees, net=self.net + trip.net
        )


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_STRATEGY, _ORDER, _FILL, _TRIP = tables.grid_strategy.c, tables.order.c, tables.fill.c, tables.round_trip.c
_STRATEGIES = Query(STRATEGY.select(_STRATEGY.id.in_(_IDS)).order_by(_STRATEGY.id))
_ORDERS = Query(ORDER.select(_ORDER.strategy_id.in_(_IDS)).order_by(_ORDER.id))
_ORDER_IDS = select(_ORDER.id).where(_ORDER.strategy_id.in_(_IDS))
_FILLS = Query(FILL.select(_FILL.order_id.in_(_ORDER_IDS)).order_by(_FILL.id))
_TRIPS = Query(select(_TRIP.entry_fill, _TRIP.exit_fill).where(_TRIP.strategy_id.in_(_IDS)))
_WHOLE_TRIPS = Query(ROUND_TRIP.select(_TRIP.strategy_id.in_(_IDS)).order_by(_TRIP.id))


def read(connection: Connection, ids: Sequence[int]) -> StrategyRows:
    """Read the strategies of these ids with all that is theirs; nothing is asked of the database for none."""
    if not ids:
        return StrategyRows()
    which = {"ids": list(ids)}
    return StrategyRows(
        strategies=records(connection, STRATEGY, _STRATEGIES, which),
        orders=records(connection, ORDER, _ORDERS, which),
        fills=records(connection, FILL, _FILLS, which),
        round_trips=frozenset((entry, closed) for entry, closed in _TRIPS.rows(connection, which)),
    )


def trips(connection: Connection, ids: Sequence[int]) -> tuple[RoundTrip, ...]:
    """Read the round trips of these strategies whole."""
    return records(connection, ROUND_TRIP, _WHOLE_TRIPS, {"ids": list(ids)}) if ids else ()
