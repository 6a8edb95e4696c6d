"""Which rows a pass reads. Every condition is one that an index answers: closed trades cost nothing, however many.

What is still open is asked for as "none of the known ends", so that a word nobody knew is read too, and as ranges
between those ends, because no database finds "not in" by index.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)

from lib.domain.grids import OVER
from lib.domain.records import Account, Control, Decision, Rows, StageRun, Trade
from lib.domain.states import ENDED, LATE, REJECTED, DecisionStatus, TradeStatus
from lib.errors import ConfigError
from lib.store import grids, tables
from lib.store.fetch import (
    ACCOUNT,
    CONTROL,
    COVERAGE,
    DECISION,
    FILL,
    ORDER,
    POSITION,
    QUANTITY_CHANGE,
    RUN,
    TRADE,
    Query,
    R,
    Shape,
    records,
)

STAGES = ("order_executor", "order_monitor", "position_monitor")
LATE_WATCHED = timedelta(days=3)
"""How long orders, and trades and grids that ended, are read on: the broker may take an end back by a late fill."""

_GRID_ENDS = tuple(sorted(status.value for status in OVER))
LATE_POSSIBLE = tuple(sorted(LATE))

ALWAYS = datetime.min.replace(tzinfo=UTC)

UNTICKED = (0, "", "false", "False", "FALSE")
"""What people's programs leave in a box that is not ticked, besides nothing."""

_ACCOUNT: ColumnElement[Any] = bindparam("account")
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)


def between_ends(column: ColumnElement[Any], ends: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    """Return the ranges that together hold every word but `ends`."""
    words = sorted(ends)
    yield column < words[0]
    for low, high in itertools.pairwise(words):
        yield and_(column > low, column < high)
    yield column > words[-1]


def _live_ids() -> Any:
    """Ask for the ids of trades, and beside them of strategies: for each row one of the two."""
    trade, order, row, grid = tables.journal.c, tables.order.c, tables.decision.c, tables.grid_strategy.c
    owner = (order.trade_id, order.strategy_id)
    running = select(null(), grid.id).where(grid.account == _ACCOUNT)
    claims = select(row.id).where(row.account == _ACCOUNT)
    # Claimed, and not told yet how it ended, or told and un-ticked by hand: order_executor answers these, then they
    # are read no more.
    unanswered = union_all(
        claims.where(row.executed == true(), row.execution_status == DecisionStatus.ORDERED.value),
        claims.where(row.executed.is_(None)),
        claims.where(row.executed.in_(UNTICKED)),
    )
    return union_all(
        *(
            select(trade.id.label("trade_id"), null().label("strategy_id")).where(trade.account == _ACCOUNT, status)
            for status in between_ends(trade.status, (TradeStatus.CLOSED.value, TradeStatus.CANCELLED.value))
        ),
        *(running.where(status) for status in between_ends(grid.status, _GRID_ENDS)),
        running.where(grid.status.is_(None)),
        running.where(grid.stopped_at >= bindparam("watched_from")),
        select(trade.id, null()).where(trade.account == _ACCOUNT, trade.exit_time >= bindparam("watched_from")),
        *(
            select(*owner).where(order.account == _ACCOUNT, status)
            for status in between_ends(order.order_status, ENDED)
        ),
        select(*owner).where(
            order.account == _ACCOUNT,
            order.order_status.in_(LATE_POSSIBLE),
            order.created_at >= bindparam("watched_from"),
        ),
        # Sent again and refused: the copy that was sent first may still arrive.
        select(*owner).where(
            order.account == _ACCOUNT,
            order.order_status == REJECTED,
            order.created_at >= bindparam("watched_from"),
            order.submitted_at > order.created_at,
        ),
        select(trade.id, null()).where(trade.account == _ACCOUNT, trade.decision_id.in_(unanswered)),
    )


def _waiting_decision_ids() -> Any:
    row = tables.decision.c
    refused = (DecisionStatus.REJECTED.value, DecisionStatus.EXPIRED.value)
    waiting = select(row.id).where(
        row.account == _ACCOUNT,
        row.approve.is_not(None),
        row.approve.not_in(UNTICKED),
        or_(row.execution_status.is_(None), row.execution_status.not_in(refused)),
    )
    # Claimed, and not told yet what came of it: a CANCEL, AMEND or CLOSE has no journal row that would name it.
    claimed = select(row.id).where(
        row.account == _ACCOUNT, row.executed == true(), row.execution_status == DecisionStatus.ORDERED.value
    )
    return union_all(waiting.where(row.executed.is_(None)), waiting.where(row.executed.in_(UNTICKED)), claimed)


def _newest_runs() -> Any:
    run = tables.stage_run.c
    newest = select(func.max(run.id)).where(run.account == _ACCOUNT)
    each = [newest.where(run.stage == stage, run.outcome == "done") for stage in STAGES]
    each.append(newest.where(run.stage == STAGES[0], run.complete == true()))
    return RUN.select(run.id.in_([one.scalar_subquery() for one in each])).order_by(run.id)


_ONE_ACCOUNT = Query(ACCOUNT.select(tables.account.c.account == _ACCOUNT))
_CONTROLS = Query(
    CONTROL.select(or_(tables.control.c.account == _ACCOUNT, tables.control.c.scope == "all")).order_by(
        tables.control.c.id
    )
)
_NEWEST_RUNS = Query(_newest_runs())
_PINNED_TO = Query(ACCOUNT.select(tables.account.c.account_number == bindparam("number")).order_by(tables.account.c.id))
_LAST_CLEAN = Query(
    RUN.select(
        tables.stage_run.c.account == _ACCOUNT,
        tables.stage_run.c.stage == bindparam("stage"),
        tables.stage_run.c.outcome == "done",
    )
    .order_by(tables.stage_run.c.id.desc())
    .limit(1)
)
_LIVE_IDS = Query(_live_ids())
_WAITING_DECISION_IDS = Query(_waiting_decision_ids())
_TRADES = Query(TRADE.select(tables.journal.c.id.in_(_IDS)).order_by(tables.journal.c.id))
_ORDERS = Query(ORDER.select(tables.order.c.trade_id.in_(_IDS)).order_by(tables.order.c.id))
_FILLS = Query(FILL.select(tables.fill.c.trade_id.in_(_IDS)).order_by(tables.fill.c.id))
_POSITIONS = Query(POSITION.select(tables.position.c.trade_id.in_(_IDS)).order_by(tables.position.c.id))
_COVERAGE = Query(
    COVERAGE.select(tables.coverage.c.trade_id.in_(_IDS), tables.coverage.c.to_time.is_(None)).order_by(
        tables.coverage.c.id
    )
)
_EXTERNAL_CHANGES = Query(
    QUANTITY_CHANGE.select(
        tables.quantity_change.c.account == _ACCOUNT, tables.quantity_change.c.trade_id.is_(None)
    ).order_by(tables.quantity_change.c.id)
)
_TRADE_CHANGES = Query(
    QUANTITY_CHANGE.select(tables.quantity_change.c.trade_id.in_(_IDS)).order_by(tables.quantity_change.c.id)
)
_DECISIONS = Query(DECISION.select(tables.decision.c.id.in_(_IDS)).order_by(tables.decision.c.id))
_ACCOUNT_EVENTS = Query(
    select(tables.event.c.columns).where(
        tables.event.c.table_name == tables.account.name, tables.event.c.row_id == bindparam("row")
    )
)
_TRADED = Query(
    select(tables.journal.c.decision_id).where(
        tables.journal.c.account == _ACCOUNT, tables.journal.c.decision_id.in_(_IDS)
    )
)
_KNOWN_ORDERS = Query(
    select(tables.order.c.alpaca_order_id).where(
        tables.order.c.account == _ACCOUNT, tables.order.c.alpaca_order_id.in_(_IDS)
    )
)
_KNOWN_FILLS = Query(
    select(tables.fill.c.activity_id).where(tables.fill.c.account == _ACCOUNT, tables.fill.c.activity_id.in_(_IDS))
)
_KNOWN_CHANGES = Query(
    select(tables.quantity_change.c.activity_id).where(
        tables.quantity_change.c.account == _ACCOUNT, tables.quantity_change.c.activity_id.in_(_IDS)
    )
)

_KNOWN_TO_BROKER = Query(
    select(tables.order.c.trade_id, tables.order.c.strategy_id, tables.order.c.alpaca_order_id).where(
        tables.order.c.account == _ACCOUNT, tables.order.c.alpaca_order_id.is_not(None)
    )
)
_TRADE, _ORDER, _FILL, _CHANGE = tables.journal.c, tables.order.c, tables.fill.c, tables.quantity_change.c
_STRATEGY_OF_FILL = select(_ORDER.strategy_id).where(_ORDER.id == _FILL.order_id).scalar_subquery()
_TOUCHED_SINCE = Query(
    union_all(
        *(
            select(trade.label("trade_id"), strategy.label("strategy_id")).where(
                account == _ACCOUNT, at >= bindparam("since")
            )
            for trade, strategy, account, at in (
                (_TRADE.id, null(), _TRADE.account, _TRADE.created_at),
                (_ORDER.trade_id, _ORDER.strategy_id, _ORDER.account, _ORDER.created_at),
                (_FILL.trade_id, _STRATEGY_OF_FILL, _FILL.account, _FILL.transaction_time),
                (_CHANGE.trade_id, null(), _CHANGE.account, _CHANGE.at),
            )
        )
    )
)
_MADE_OR_ENDED = Query(
    union_all(
        *(
            select(tables.journal.c.id).where(tables.journal.c.account == _ACCOUNT, at >= bindparam("since"))
            for at in (tables.journal.c.created_at, tables.journal.c.exit_time)
        )
    )
)
TRADES_PER_READ_MAX = 10_000
"""Databases take a limited number of values in one statement."""


def known_orders(connection: Connection, account: str, broker_order_ids: Iterable[str]) -> frozenset[str]:
    """Return which of these broker order ids stand in a row of ours."""
    return _known(connection, _KNOWN_ORDERS, account, broker_order_ids)


def known_activities(connection: Connection, account: str, activity_ids: Iterable[str]) -> frozenset[str]:
    """Return which of these activities are booked, as a fill or as a change of quantity."""
    ids = sorted(activity_ids)
    return _known(connection, _KNOWN_FILLS, account, ids) | _known(connection, _KNOWN_CHANGES, account, ids)


def _known(connection: Connection, query: Query, account: str, ids: Iterable[str]) -> frozenset[str]:
    wanted = sorted(ids)
    if not wanted:
        return frozenset()
    return frozenset(query.column(connection, {"account": account, "ids": wanted}))


def account(connection: Connection, name: str) -> Account:
    """Return the row of one account."""
    found = records(connection, ACCOUNT, _ONE_ACCOUNT, {"account": name})
    if not found:
        raise ConfigError(
            f"the database has no account {name!r}: `.venv/bin/python -m lib.store init --account {name}` makes one"
        )
    return found[0]


def pinned_to(connection: Connection, account_number: str) -> tuple[str, ...]:
    """Return the names of the accounts that belong to a broker account."""
    return tuple(row.account for row in records(connection, ACCOUNT, _PINNED_TO, {"number": account_number}))


def last_clean(connection: Connection, name: str, stage: str) -> datetime | None:
    """Return when the newest clean pass of a stage over an account began."""
    found = records(connection, RUN, _LAST_CLEAN, {"account": name, "stage": stage})
    return found[0].started_at if found else None


def controls(connection: Connection, name: str) -> tuple[Control, ...]:
    """Return the controls of one account, and those of scope `all` whoever wrote them."""
    return records(connection, CONTROL, _CONTROLS, {"account": name})


def rows(connection: Connection, name: str) -> Rows:
    """Return what a pass over one account reads, from the open transaction."""
    which = {"account": name}
    pinned = account(connection, name)
    last_runs = records(connection, RUN, _NEWEST_RUNS, which)
    ids, strategies = _live(connection, name, last_runs)
    live = {"ids": ids}
    trades = records(connection, TRADE, _TRADES, live) if ids else ()
    changes = records(connection, QUANTITY_CHANGE, _EXTERNAL_CHANGES, which)
    if ids:
        changes = tuple(sorted(changes + records(connection, QUANTITY_CHANGE, _TRADE_CHANGES, live), key=_by_id))
    decisions, traded = _decisions(connection, name, trades)
    of_grids = grids.read(connection, strategies)
    return Rows(
        account=pinned,
        decisions=decisions,
        trades=trades,
        orders=(records(connection, ORDER, _ORDERS, live) if ids else ()) + of_grids.orders,
        fills=(records(connection, FILL, _FILLS, live) if ids else ()) + of_grids.fills,
        positions=records(connection, POSITION, _POSITIONS, live) if ids else (),
        changes=changes,
        coverage=records(connection, COVERAGE, _COVERAGE, live) if ids else (),
        controls=controls(connection, name),
        last_runs=last_runs,
        traded_decision_ids=traded,
        grids=of_grids.strategies,
        round_trips=of_grids.round_trips,
    )


def trades_since(connection: Connection, name: str, since: datetime) -> tuple[Trade, ...]:
    """Return the trades made or ended since then."""
    ids = sorted(set(_MADE_OR_ENDED.column(connection, {"account": name, "since": since})))
    return records(connection, TRADE, _TRADES, {"ids": ids}) if ids else ()


def namespaces(connection: Connection, row: Account) -> frozenset[str]:
    """Return every namespace that an account ever had: its events name them, a restore renews it."""
    written = _ACCOUNT_EVENTS.column(connection, {"row": row.id})
    return frozenset(str(json.loads(columns)["namespace"]) for columns in written) | {row.namespace}


def history(
    connection: Connection,
    name: str,
    since: datetime,
    broker_order_ids: Iterable[str],
    decision_ids: Iterable[int] = (),
) -> Rows:
    """Return all rows of the trades and grids that are open, have one of these orders, or a row made since then."""
    which: dict[str, Any] = {"account": name}
    wanted = frozenset(broker_order_ids)
    found = _LIVE_IDS.rows(connection, which | {"watched_from": since})
    found += _TOUCHED_SINCE.rows(connection, which | {"since": since})
    if wanted:
        found += [
            (trade, strategy) for trade, strategy, order in _KNOWN_TO_BROKER.rows(connection, which) if order in wanted
        ]
    known, strategies = _owners(found)
    of_grids = grids.read(connection, strategies)
    chunks = [known[n : n + TRADES_PER_READ_MAX] for n in range(0, len(known), TRADES_PER_READ_MAX)]

    def all_of(shape: Shape[R], query: Query) -> tuple[R, ...]:
        return tuple(row for chunk in chunks for row in records(connection, shape, query, {"ids": chunk}))

    of_account = account(connection, name)
    named = sorted(decision_ids)
    parts = [named[n : n + TRADES_PER_READ_MAX] for n in range(0, len(named), TRADES_PER_READ_MAX)]
    decided = [_decided(connection, name, part) for part in parts]
    return Rows(
        account=of_account,
        namespaces=namespaces(connection, of_account) - {of_account.namespace},
        decisions=tuple(each for found, _ in decided for each in found if each.account == name),
        traded_decision_ids=frozenset(each for _, traded in decided for each in traded),
        trades=all_of(TRADE, _TRADES),
        orders=all_of(ORDER, _ORDERS) + of_grids.orders,
        fills=all_of(FILL, _FILLS) + of_grids.fills,
        positions=all_of(POSITION, _POSITIONS),
        changes=all_of(QUANTITY_CHANGE, _TRADE_CHANGES),
        controls=controls(connection, name),
        grids=of_grids.strategies,
        round_trips=of_grids.round_trips,
        trips=grids.trips(connection, strategies),
    )


def _by_id(record: Any) -> int:
    return int(record.id)


def _live(connection: Connection, name: str, last_runs: tuple[StageRun, ...]) -> tuple[list[int], list[int]]:
    """Return the ids of the trades and of the strategies that a pass can still change."""
    # There is no clock here: the newest clean run is at most one pass behind it. Without one, all are watched.
    newest = max((run.finished_at for run in last_runs), default=None)
    watched_from = ALWAYS if newest is None else newest - LATE_WATCHED
    return _owners(_LIVE_IDS.rows(connection, {"account": name, "watched_from": watched_from}))


def _owners(found: list[tuple[Any, ...]]) -> tuple[list[int], list[int]]:
    trades, strategies = zip(*found, strict=True) if found else ((), ())
    return sorted(set(trades) - {None}), sorted(set(strategies) - {None})


def _decisions(
    connection: Connection, name: str, trades: tuple[Trade, ...]
) -> tuple[tuple[Decision, ...], frozenset[int]]:
    claimed = {trade.decision_id for trade in trades}
    waiting = _WAITING_DECISION_IDS.column(connection, {"account": name})
    return _decided(connection, name, claimed.union(waiting))


def _decided(
    connection: Connection, name: str, decision_ids: Iterable[int]
) -> tuple[tuple[Decision, ...], frozenset[int]]:
    """Return the decisions of these ids, and which of them have a trade."""
    ids = sorted(set(decision_ids))
    if not ids:
        return (), frozenset()
    traded = _TRADED.column(connection, {"account": name, "ids": ids})
    return records(connection, DECISION, _DECISIONS, {"ids": ids}), frozenset(traded)
