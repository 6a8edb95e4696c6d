"""Worlds put aside and begun again, and what makes two of them the same for whatever comes.

A thousand schedules share their beginning: it is played once, and every fault begins from where it strikes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from hashlib import blake2b
from typing import Any, cast

from lib.domain.ids import is_ours
from lib.domain.records import Rows
from lib.domain.story import Event
from lib.invariants.evidence import Evidence
from lib.paper_broker.options import Options
from lib.paper_broker.program import PaperBroker
from lib.paper_broker.state import Kept
from lib.simulation.points import Points
from lib.simulation.world import World
from lib.store import alerts as store_alerts
from lib.store import selection

HALTING = "DISAGREES"
"""The code of what halts when it is seen again a minute later (lib.invariants.production)."""

AGES = tuple(timedelta(seconds=s) for s in (0, 10, 60, 300, 900, 3600, 6 * 3600, 86400))
"""Where an age counts as another one. A rule that looks at a time compares its age with one of about these."""

TOLD = {
    "id", "account", "version", "trade_id", "order_id", "parent_id", "replaces", "alpaca_order_id", "activity_id",
    "replaced_by", "stop_loss_order_id", "take_profit_order_id",
    "note", "execution_note", "evidence", "exit_evidence", "reason", "run_id",
    "entry_submitted_at", "entry_acknowledged_at", "entry_filled_at", "decided_at", "protected_at",
    "arrival_bid", "arrival_ask", "arrival_quote_time", "entry_slippage", "entry_slippage_bps", "slippage",
    "last_updated", "quote_time", "current_price", "market_value", "unrealized_pnl", "stale",
    "approved_seen_at", "acknowledged_at", "submitted_at", "rounds", "actions", "failed", "finished_at",
    "seconds_uncovered", "payload",
}  # fmt: skip
"""Columns that are told to people and decide nothing, or that name a row which is in the digest by its content.

`payload` is compared with the broker's order by invariant I14 at every step, before the digest is taken.
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """A World at one instant, between two steps."""

    now: datetime
    store: bytes
    papers: tuple[Kept, ...]
    files: Mapping[str, bytes]
    asked: Mapping[str, tuple[datetime, Any]]
    options: Options


def save(world: World, points: Points, papers: Iterable[PaperBroker]) -> Saved:
    """Put a World aside. Its database and its broker's book are in memory."""
    kept = tuple(paper.saved() for paper in papers)
    files = {path.name: path.read_bytes() for path in world.tools.state_dir.iterdir() if path.is_file()}
    return Saved(world.clock.now(), _content(world), kept, files, dict(points.asked), world.paper.options)


def begin_again(world: World, points: Points, papers: Iterable[PaperBroker], saved: Saved) -> None:
    """Take up a World where it was put aside."""
    world.clock.set_back(saved.now)
    with world.store.reading() as connection:
        _driver(connection).deserialize(saved.store)
    for paper, kept in zip(papers, saved.papers, strict=True):
        paper.begin_again(kept)
    world.paper.options = saved.options
    points.asked = dict(saved.asked)
    for path in world.tools.state_dir.iterdir():
        if path.is_file() and path.name not in saved.files:
            path.unlink()
    for name, content in saved.files.items():
        path = world.tools.state_dir / name
        if not path.exists() or path.read_bytes() != content:  # to write one takes far longer than to read it
            path.write_bytes(content)


def _content(world: World) -> bytes:
    with world.store.reading() as connection:
        content: bytes = _driver(connection).serialize()
        return content


def _driver(connection: Any) -> Any:
    return connection.connection.driver_connection


def pass_reads(world: World) -> tuple[Rows, tuple[Event, ...]]:
    """Return the rows that a pass over the account would read, and the events of its alerts."""
    with world.store.reading() as connection:
        return selection.rows(connection, world.account), store_alerts.events(connection, world.account)


def digest(seen: Evidence, rows: Rows, alerts: Iterable[Event], *, aged: bool = True) -> bytes:
    """Return what of our rows and of the broker's decides what comes next, cut down to 16 bytes.

    Of alerts only those count that a second look may make a halt of. Times are in it by their age, in steps; rows in
    the order of their content, so that numbers of rows do not matter. Without `aged` times are in it not at all.
    """
    ages = _ages_at(seen.now if aged else None)
    books, ledger = seen.books, seen.ledger
    clean = [(run.stage, run.complete, ages(run.started_at)) for run in rows.last_runs]
    halting = [(event.op, ages(event.at)) for event in alerts if HALTING in str(event.columns)]
    parts = [
        sorted(halting),
        *(_lines(group, ages) for group in (books.decisions, books.trades, books.orders, books.fills)),
        *(_lines(group, ages) for group in (books.positions, books.changes, rows.controls, rows.coverage)),
        sorted(clean),
        sorted(_order(o, books.namespace, ages) for o in ledger.orders),
        sorted((p.symbol, _number(p.qty), _number(p.qty_available)) for p in ledger.positions.values()),
        sorted((f.symbol, f.side, _number(f.qty), _number(f.price)) for f in ledger.fills),
        _number(ledger.cash),
    ]
    return blake2b(repr(parts).encode(), digest_size=16).digest()


def _order(order: Any, namespace: str, ages: Callable[[Any], Any]) -> str:
    name = order.client_order_id if is_ours(order.client_order_id, namespace) else ""
    legs = [_order(leg, namespace, ages) for leg in order.legs]
    told = _line(order, ages, ("client_order_id", "legs"))
    return repr((name, told, legs))


def _lines(rows: Iterable[Any], ages: Callable[[Any], Any]) -> list[str]:
    return sorted(_line(row, ages) for row in rows)


def _line(row: Any, ages: Callable[[Any], Any], but: tuple[str, ...] = ()) -> str:
    return repr([ages(getattr(row, name)) for name in _deciding(row.__class__) if name not in but])


@cache
def _deciding(kind: Hashable) -> tuple[str, ...]:
    return tuple(item.name for item in fields(cast("Any", kind)) if item.name not in TOLD)


def _ages_at(now: datetime | None) -> Callable[[Any], Any]:
    def age(value: Any) -> Any:
        if isinstance(value, datetime):
            return 0 if now is None else sum(now - value >= step for step in AGES)
        if isinstance(value, Decimal):
            return _number(value)
        return str(value) if isinstance(value, Enum) else value

    return age


def _number(value: Decimal | None) -> str | None:
    return None if value is None else format(value.normalize(), "f")
