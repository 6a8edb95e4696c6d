"""What commands ask of the store beside the port: lists for a person to read, and the decisions a person writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, and_, bindparam, or_, select

from lib.domain.actions import Insert, Update
from lib.domain.grids import RoundTrip, Strategy
from lib.domain.records import Account, Control, Coverage, Decision, Fill, Order, QuantityChange, Rows, StageRun, Trade
from lib.domain.states import Change, TradeStatus
from lib.domain.story import Event, Story
from lib.errors import ConfigError
from lib.store import selection, tables
from lib.store.fetch import (
    ACCOUNT,
    CONTROL,
    COVERAGE,
    DECISION,
    EVENT,
    FILL,
    ORDER,
    POSITION,
    QUANTITY_CHANGE,
    ROUND_TRIP,
    RUN,
    STRATEGY,
    TRADE,
    Query,
    R,
    Shape,
    records,
)
from lib.store.grids import StrategyRows, TripSums
from lib.store.grids import read as read_grids
from lib.store.sql import SqlStore

ID_DIGITS = 19
RUNS = 30
"""So many newest passes are a good hour of them."""

MEANT = 10
"""How many trades are named where the one asked for is not there."""


def _all_of(shape: Shape[R], *order: str) -> Query:
    columns = shape.table.c
    return Query(shape.select(columns.account == bindparam("account")).order_by(*(columns[name] for name in order)))


_ALL_DECISIONS = _all_of(DECISION, "id")
_ALL_STRATEGIES = _all_of(STRATEGY, "id")
_ALL_TRADES = _all_of(TRADE, "id")
_ALL_ORDERS = _all_of(ORDER, "trade_id", "id")
_ALL_FILLS = _all_of(FILL, "trade_id", "id")
_ALL_POSITIONS = _all_of(POSITION, "id")
_ALL_TRIPS = _all_of(ROUND_TRIP, "id")
_ALL_CHANGES = _all_of(QUANTITY_CHANGE, "id")
_DECISION = Query(DECISION.select(tables.decision.c.id == bindparam("id")))
_ORDERS_OF = Query(ORDER.select(tables.order.c.trade_id == bindparam("trade")).order_by(tables.order.c.id))
_FILLS_OF = Query(FILL.select(tables.fill.c.trade_id == bindparam("trade")).order_by(tables.fill.c.id))
_UNCOVERED = Query(
    select(tables.coverage.c.cause, tables.coverage.c.seconds_uncovered).where(
        tables.coverage.c.account == bindparam("account"),
        tables.coverage.c.to_time >= bindparam("since"),
        tables.coverage.c.seconds_uncovered > 0,
    )
)
_NEWEST_RUNS = Query(
    RUN.select(tables.stage_run.c.account == bindparam("account")).order_by(tables.stage_run.c.id.desc()).limit(RUNS)
)


def all_rows(store: SqlStore, account: str) -> Rows:
    """Return the account with its decisions, trades, grids and all that is theirs, ended ones too, as of one moment.

    `last_runs` are the newest passes of every stage, however they ended, newest first.
    """
    which = {"account": account}
    with store.reading() as connection:
        return Rows(
            account=selection.account(connection, account),
            decisions=records(connection, DECISION, _ALL_DECISIONS, which),
            trades=records(connection, TRADE, _ALL_TRADES, which),
            grids=records(connection, STRATEGY, _ALL_STRATEGIES, which),
            round_trips=frozenset((trip.entry_fill, trip.exit_fill) for trip in _trips(connection, which)),
            orders=records(connection, ORDER, _ALL_ORDERS, which),
            fills=records(connection, FILL, _ALL_FILLS, which),
            positions=records(connection, POSITION, _ALL_POSITIONS, which),
            changes=records(connection, QUANTITY_CHANGE, _ALL_CHANGES, which),
            controls=selection.controls(connection, account),
            last_runs=records(connection, RUN, _NEWEST_RUNS, which),
        )


def accounts(store: SqlStore) -> tuple[Account, ...]:
    """Return every account of the database."""
    return _read(store, ACCOUNT, ACCOUNT.select().order_by(tables.account.c.id))


def controls(store: SqlStore) -> tuple[Control, ...]:
    """Return every control row of the database, whatever its state."""
    return _read(store, CONTROL, CONTROL.select().order_by(tables.control.c.id))


def decisions(store: SqlStore, account: str, *, limit: int | None = None) -> tuple[Decision, ...]:
    """Return the account's decisions, newest first."""
    table = tables.decision.c
    return _read(store, DECISION, DECISION.select(table.account == account).order_by(table.id.desc()).limit(limit))


def decision(store: SqlStore, decision_id: int) -> Decision | None:
    """Return one decision."""
    found = _read(store, DECISION, _DECISION, {"id": decision_id})
    return found[0] if found else None


def journal(store: SqlStore, account: str) -> tuple[Trade, ...]:
    """Return all trades of the account in the order in which they were claimed."""
    return _read(store, TRADE, _ALL_TRADES, {"account": account})


def orders_of(store: SqlStore, trade_id: int) -> tuple[Order, ...]:
    """Return all orders a trade ever had, in order."""
    return _read(store, ORDER, _ORDERS_OF, {"trade": trade_id})


def fills_of(store: SqlStore, trade_id: int) -> tuple[Fill, ...]:
    """Return all executions of a trade, in the order in which they were booked."""
    return _read(store, FILL, _FILLS_OF, {"trade": trade_id})


def coverage_of(store: SqlStore, trade_id: int) -> tuple[Coverage, ...]:
    """Return a trade's intervals of unchanged cover, oldest first."""
    table = tables.coverage.c
    return _read(store, COVERAGE, COVERAGE.select(table.trade_id == trade_id).order_by(table.from_time, table.id))


def uncovered_spans(store: SqlStore, account: str, *, since: datetime) -> tuple[tuple[str | None, int], ...]:
    """Return cause and seconds of each interval without cover that ended at or after `since`."""
    with store.reading() as connection:
        found = _UNCOVERED.rows(connection, {"account": account, "since": since})
    return tuple((cause, int(seconds)) for cause, seconds in found)


def grids(store: SqlStore, account: str) -> tuple[Strategy, ...]:
    """Return all strategies of the account, ended ones too, in the order in which they were written."""
    return _read(store, STRATEGY, _ALL_STRATEGIES, {"account": account})


def grid(store: SqlStore, strategy_id: int) -> Strategy | None:
    """Return one strategy."""
    found = _read(store, STRATEGY, STRATEGY.select(tables.grid_strategy.c.id == strategy_id))
    return found[0] if found else None


def grid_rows(store: SqlStore, strategy_id: int) -> StrategyRows:
    """Return one strategy with its orders and fills, ended or not; nothing for one that is not there."""
    with store.reading() as connection:
        return read_grids(connection, [strategy_id])


def round_trips(store: SqlStore, account: str, strategy_id: int) -> tuple[RoundTrip, ...]:
    """Return what a strategy of the account has bought and sold, or sold and bought back, in the order of the exits."""
    trip = tables.round_trip.c
    which = ROUND_TRIP.select(trip.account == account, trip.strategy_id == strategy_id)
    return _read(store, ROUND_TRIP, which.order_by(trip.closed_at, trip.id))


def trip_sums(store: SqlStore, account: str) -> Mapping[int, Mapping[str, TripSums]]:
    """Return, by strategy and policy, what the account's round trips come to; summed exactly, so not by SQL."""
    with store.reading() as connection:
        trips = _trips(connection, {"account": account})
    found: dict[int, dict[str, TripSums]] = {}
    for trip in trips:
        of_grid = found.setdefault(trip.strategy_id, {})
        of_grid[trip.policy] = of_grid.get(trip.policy, TripSums()).plus(trip)
    return found


def changes(store: SqlStore, account: str) -> tuple[QuantityChange, ...]:
    """Return all changes of quantity that were no fills of ours, in order."""
    return _read(store, QUANTITY_CHANGE, _ALL_CHANGES, {"account": account})


def unexplained(store: SqlStore, account: str, *, since: datetime) -> tuple[QuantityChange, ...]:
    """Return the account's changes of quantity since then for which no reason was found, in order."""
    table = tables.quantity_change.c
    which = (table.account == account, table.cause == Change.UNEXPLAINED, table.at >= since)
    return _read(store, QUANTITY_CHANGE, QUANTITY_CHANGE.select(*which).order_by(table.id))


def events_of(store: SqlStore, table_name: str, row_id: int) -> tuple[Event, ...]:
    """Return the history of one row, oldest first."""
    table = tables.event.c
    return _read(store, EVENT, EVENT.select(table.table_name == table_name, table.row_id == row_id).order_by(table.id))


def events(store: SqlStore, account: str, *, limit: int | None = None) -> tuple[Event, ...]:
    """Return what changed for the account, newest first."""
    table = tables.event.c
    return _read(store, EVENT, EVENT.select(table.account == account).order_by(table.id.desc()).limit(limit))


def runs(store: SqlStore, account: str, *, stage: str | None = None, limit: int | None = None) -> tuple[StageRun, ...]:
    """Return the account's passes, newest first."""
    table = tables.stage_run.c
    of_stage = () if stage is None else (table.stage == stage,)
    return _read(store, RUN, RUN.select(table.account == account, *of_stage).order_by(table.id.desc()).limit(limit))


def story(store: SqlStore, trade_id: int) -> Story | None:
    """Return one trade with everything that was written about it, as of one moment."""
    with store.reading() as connection:
        found = records(connection, TRADE, TRADE.select(tables.journal.c.id == trade_id))
        return _story(connection, found[0]) if found else None


def story_named(store: SqlStore, name: str) -> Story:
    """Return the story of the trade of this id; raises ConfigError, with the trades that may be meant, for no such."""
    wanted = int(name) if name.isascii() and name.isdecimal() and len(name) < ID_DIGITS else 0
    told = story(store, wanted) if wanted else None
    if told is not None:
        return told
    table = tables.journal.c
    of_symbol = _read(store, TRADE, TRADE.select(table.symbol == name.upper()).order_by(table.id.desc()).limit(MEANT))
    newest = of_symbol or _read(store, TRADE, TRADE.select().order_by(table.id.desc()).limit(MEANT))
    if not newest:
        raise ConfigError("the journal has no trades yet")
    listed = ", ".join(f"{each.id} ({each.symbol} {each.status})" for each in newest)
    which = f"{name.upper()}'s newest trades are" if of_symbol else "the newest trades are"
    raise ConfigError(f"the journal has no trade {name!r}; it takes a trade's id: {which} {listed}")


def _story(connection: Connection, told: Trade) -> Story:
    order, fill, change = tables.order.c, tables.fill.c, tables.quantity_change.c
    decided = records(connection, DECISION, DECISION.select(tables.decision.c.id == told.decision_id))
    orders = records(connection, ORDER, ORDER.select(order.trade_id == told.id).order_by(order.id))
    fills = records(connection, FILL, FILL.select(fill.trade_id == told.id).order_by(fill.id))
    changes = records(
        connection, QUANTITY_CHANGE, QUANTITY_CHANGE.select(change.trade_id == told.id).order_by(change.id)
    )
    cover = tables.coverage.c
    coverage = records(connection, COVERAGE, COVERAGE.select(cover.trade_id == told.id).order_by(cover.id))
    held = records(connection, POSITION, POSITION.select(tables.position.c.trade_id == told.id))
    of_rows = {
        tables.decision.name: [told.decision_id],
        tables.journal.name: [told.id],
        tables.order.name: [row.id for row in orders],
        tables.fill.name: [row.id for row in fills],
        tables.quantity_change.name: [row.id for row in changes],
    }
    event, run = tables.event.c, tables.stage_run.c
    own = records(
        connection,
        EVENT,
        EVENT.select(or_(*(and_(event.table_name == name, event.row_id.in_(ids)) for name, ids in of_rows.items()))),
    )
    ended = told.status in {TradeStatus.CLOSED, TradeStatus.CANCELLED}
    last = max((each.at for each in own), default=None) if ended else None
    meanwhile = (event.at >= told.created_at, *(() if last is None else (event.at <= last,)))
    # The row of a position is gone when the trade has ended, and its id with it: its events name the trade.
    around = records(
        connection,
        EVENT,
        EVENT.select(
            event.table_name.in_((tables.position.name, tables.control.name)),
            event.account == told.account,
            *meanwhile,
        ),
    )
    spoke = (run.started_at >= told.created_at, *(() if last is None else (run.started_at <= last,)))
    return Story(
        trade=told,
        decision=decided[0] if decided else None,
        orders=orders,
        fills=fills,
        changes=changes,
        coverage=coverage,
        position=held[0] if held else None,
        events=tuple(sorted((*own, *around), key=lambda each: each.id)),
        runs=records(
            connection,
            RUN,
            RUN.select(run.account == told.account, run.note.is_not(None), *spoke).order_by(run.id),
        ),
    )


def add_decision(store: SqlStore, values: Mapping[str, str | bool | None], *, run_id: str, at: datetime) -> int:
    """Write a decision as given, right or wrong (the rules judge it when it is read); return its id."""
    return add_decisions(store, [values], run_id=run_id, at=at)[0]


def add_decisions(
    store: SqlStore, rows: Sequence[Mapping[str, str | bool | None]], *, run_id: str, at: datetime
) -> tuple[int, ...]:
    """Write several decisions, all or none; return their ids in order."""
    changes = [Insert(table=tables.decision.name, values=row, ref=str(index)) for index, row in enumerate(rows)]
    ids = store.write(changes, run_id=run_id, at=at)
    return tuple(ids[str(index)] for index in range(len(rows)))


def approve(store: SqlStore, account: str, decision_ids: Iterable[int], *, run_id: str, at: datetime) -> frozenset[int]:
    """Tick `Approve` on the account's decisions of these ids, all or none; return the ids that exist.

    Raises StaleRow when a pass changed one of them in between.
    """
    table = tables.decision.c
    which: BindParameter[Any] = bindparam("ids", sorted(set(decision_ids)), expanding=True)
    found = _read(store, DECISION, DECISION.select(table.account == account, table.id.in_(which)))
    store.write(
        [Update(table=tables.decision.name, id=row.id, version=row.version, values={"approve": True}) for row in found],
        run_id=run_id,
        at=at,
    )
    return frozenset(row.id for row in found)


def _trips(connection: Connection, which: Mapping[str, object]) -> tuple[RoundTrip, ...]:
    return records(connection, ROUND_TRIP, _ALL_TRIPS, which)


def _read(
    store: SqlStore, shape: Shape[R], read: Select[Any] | Query, parameters: Mapping[str, object] | None = None
) -> tuple[R, ...]:
    with store.reading() as connection:
        return records(connection, shape, read, parameters)
