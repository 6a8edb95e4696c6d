"""An account with as many live orders as wanted: paper broker and database in memory, agreeing with each other.

One trade is bought and covered by the stages themselves, one entry is sent and rests; all others are copies of these
two, each in a symbol of its own, so that no pass finds anything to do that it would not find with two trades. Only
the copying knows rows and records; what stands in them is what the stages wrote.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from bench.checkout import SetUpError
from lib import sessions
from lib.bootstrap import LOCAL_URL, alpaca_at, simulated_store
from lib.clock import SimulatedClock
from lib.domain.ids import entry_id, exit_id, stop_leg_id
from lib.domain.money import ZERO, D
from lib.domain.results import PassResult
from lib.paper_broker.exchange.book import Book
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.exchange.market import Market
from lib.paper_broker.exchange.records import Activity
from lib.paper_broker.exchange.records import Order as BrokerOrder
from lib.paper_broker.message import Request, Response
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import PaperBroker
from lib.paper_broker.state import MemoryState
from lib.paper_broker.transport import PaperAdapter
from lib.passes import run_pass
from lib.store import tables
from lib.store.queries import add_decision, approve
from lib.store.sql import SqlStore
from lib.tools import Tools

BOUGHT_AT = datetime(2026, 11, 20, 14, 46, tzinfo=UTC)  # a Friday; the entry window is open
READY_AT = BOUGHT_AT + timedelta(minutes=44)  # no fill is within the overlap in which fills are read again
PASS_EVERY = timedelta(minutes=5)
PASSES_MAX = 60  # until the session ends
PRICE, NEVER_REACHED = D("100"), D("90")
MONEY = Decimal(1_000_000_000)
STAGES = ("order_executor", "order_monitor", "position_monitor")
NAMESPACE = "sim"  # of every simulated store


@dataclass(slots=True)
class Counted:
    """A paper broker that writes down what it is asked, method and path, and how long the processor takes to answer."""

    paper: PaperBroker
    requests: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0

    def respond(self, request: Request) -> Response:
        """Answer one request."""
        self.requests.append((request.method, request.path))
        began = time.process_time()
        try:
            return self.paper.respond(request)
        finally:
            self.seconds += time.process_time() - began


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOrders:
    """The account; its clock stands at an instant of the session, one pass of each monitor is behind it."""

    tools: Tools
    store: SqlStore
    clock: SimulatedClock
    counted: Counted

    def run(self, stage: str) -> tuple[PassResult, list[tuple[str, str]]]:
        """Run one pass, some minutes later; return what it did and its requests, in order."""
        self.clock.sleep(PASS_EVERY.total_seconds())
        self.counted.requests.clear()
        self.counted.seconds = 0
        gc.disable()  # as the scripts do
        try:
            result = run_pass(stage, self.tools)
        finally:
            gc.enable()
        return result, list(self.counted.requests)


@contextmanager
def live_orders(directory: Path, *, listed: int, held: int, uncovered: int = 0) -> Iterator[LiveOrders]:
    """Open an account with so many live orders as a list counts them, a target and its stop being one.

    `held` of them cover a position each, the others are entries that rest. So many more positions are `uncovered`.
    """
    if not 0 < held < listed:
        raise SetUpError(f"{held} of {listed} orders cannot be covers: one of each kind is needed")
    directory.mkdir(parents=True, exist_ok=True)
    clock = SimulatedClock(BOUGHT_AT)
    symbols = [f"S{number:05d}" for number in range(1, listed + uncovered + 1)]
    market = Market(_feed(symbols, held, uncovered), Hours(sessions.load(), always_open=False))
    state = MemoryState(0, MONEY, BOUGHT_AT)
    options = Options(partial_fill_rate=ZERO, cash=MONEY)
    counted = Counted(PaperBroker(clock=clock.now, state=state, market=market, options=options))
    store = simulated_store("sqlite://", directory, BOUGHT_AT)
    broker = alpaca_at(LOCAL_URL, "broker local paper", clock, mount=PaperAdapter(counted))
    tools = Tools(store=store, broker=broker, clock=clock, state_dir=directory, durable=False)
    try:
        _first_two(tools, store, clock, symbols)
        covers, rest = symbols[2 : held + 1], symbols[held + 1 : listed]
        with state.taken() as book, store.writing() as connection:
            cover, entry = _Pattern.of(connection, book, 1), _Pattern.of(connection, book, 2)
            copies = [
                *(cover.copy(symbol, book) for symbol in covers),
                *(entry.copy(symbol, book) for symbol in rest),
                *(cover.without_cover().copy(symbol, book) for symbol in symbols[listed:]),
            ]
            for table in _TABLES:
                made = [row for copied in copies for row in copied[table.name]]
                if made:
                    connection.execute(insert(table), made)
        yield LiveOrders(tools=tools, store=store, clock=clock, counted=counted)
    finally:
        store.close()


def _feed(symbols: list[str], held: int, uncovered: int) -> ScriptedFeed:
    """Price what is held anew before each pass, so that every value changes; the rest trades once."""
    once = [(BOUGHT_AT - timedelta(minutes=10), PRICE)]
    minutes = [READY_AT + n * PASS_EVERY + timedelta(minutes=1) for n in range(PASSES_MAX)]
    moving = [*once, (READY_AT, PRICE), *((at, PRICE + n % 2) for n, at in enumerate(minutes, start=1))]
    owned = {symbols[0], *symbols[2 : held + 1], *(symbols[-uncovered:] if uncovered else ())}
    return ScriptedFeed({symbol: moving if symbol in owned else once for symbol in symbols})


def _first_two(tools: Tools, store: SqlStore, clock: SimulatedClock, symbols: list[str]) -> None:
    """Have the stages buy and cover one trade, and send the entry of another that the price does not reach."""
    for symbol, price in zip(symbols, (PRICE + 1, NEVER_REACHED), strict=False):
        row: dict[str, str | bool | None] = {
            "account": "main",
            "symbol": symbol,
            "action": "NEW_TRADE",
            "trade_style": "SWING",
            "qty": "10",
            "planned_entry": str(price),
            "planned_sl": "50",
            "planned_tp": "200",
            "approve": False,
        }
        number = add_decision(store, row, run_id="bench", at=clock.now())
        approve(store, "main", [number], run_id="bench", at=clock.now())
    for stage in STAGES:
        run_pass(stage, tools)
        clock.sleep(60)
    clock.advance_to(READY_AT)
    for stage in STAGES:
        run_pass(stage, tools)
    rows = store.rows("main")
    found = (
        {trade.id: trade.status for trade in rows.trades},
        {each.trade_id: each.covered_qty for each in rows.positions},
    )
    if found != ({1: "POSITION", 2: "ORDERED"}, {1: D("10")}):
        raise SetUpError(f"not one covered trade and one resting entry but {found}")


_ORDER_IDS = frozenset({"id", "order_id", "parent_id", "replaces", "stop_loss_order_id", "take_profit_order_id"})
"""Columns that name a row of `order_execution`, `id` in that table itself."""

_OF_TRADES = tuple(table for table in tables.metadata.sorted_tables if "trade_id" in table.c)
_TABLES = (tables.decision, tables.journal, *_OF_TRADES)
"""Every table with rows of a trade. A decision, its trade and the symbol made for them have one number."""

_NUMBERED = (tables.decision, tables.journal, tables.order)
"""Those whose rows others name by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    """One trade: its rows by table, its orders, executions and position at the broker."""

    rows: Mapping[str, list[dict[str, Any]]]
    orders: tuple[BrokerOrder, ...]
    activities: tuple[Activity, ...]
    symbol: str

    @classmethod
    def of(cls, connection: Connection, book: Book, trade_id: int) -> _Pattern:
        rows = {table.name: _rows(connection, table, trade_id) for table in _TABLES}
        symbol = rows[tables.journal.name][0]["symbol"]
        return cls(
            rows=rows,
            orders=tuple(o for o in map(book.order, book.order_ids()) if o is not None and o.symbol == symbol),
            activities=tuple(a for a in reversed(list(book.latest_executions())) if a.symbol == symbol),
            symbol=symbol,
        )

    def without_cover(self) -> _Pattern:
        """Return the trade as the fill of its entry left it: owned, not yet covered."""
        rows = dict(self.rows)
        rows[tables.order.name] = [row for row in rows[tables.order.name] if row["order_type"] == "ENTRY"]
        rows[tables.journal.name] = [row | {"protected_at": None} for row in rows[tables.journal.name]]
        bare = {"covered_qty": ZERO, "stop_loss_order_id": None, "take_profit_order_id": None}
        rows[tables.position.name] = [row | bare for row in rows[tables.position.name]]
        return replace(self, rows=rows, orders=tuple(order for order in self.orders if order.side == "buy"))

    def copy(self, symbol: str, book: Book) -> dict[str, list[dict[str, Any]]]:
        """Put a copy in the broker's book; return its rows by table. The number in the symbol is the trade's id."""
        trade_id = int(symbol[1:])
        orders = self.rows[tables.order.name]
        row_ids = {row["id"]: 10 * trade_id + place for place, row in enumerate(orders)}
        names = {row["client_order_id"]: _name(row, trade_id) for row in orders}
        sent_as = {row["alpaca_order_id"]: names[row["client_order_id"]] for row in orders}
        broker_ids = {order.id: book.next_id("order") for order in self.orders}
        executions = self._copy_at_broker(symbol, book, broker_ids, sent_as)
        new: dict[str, Mapping[Any, Any]] = {
            "client_order_id": names,
            "alpaca_order_id": {old: new_id for old, (new_id, _) in broker_ids.items()},
            "activity_id": executions,
        } | dict.fromkeys(_ORDER_IDS, row_ids)
        common = {"symbol": symbol, "trade_id": trade_id, "decision_id": trade_id}

        def changed(name: str, table: Table, value: Any) -> Any:
            if name in common:
                return common[name]
            if name == "id" and table in {tables.decision, tables.journal}:
                return trade_id
            return new[name].get(value) if name in new else value

        return {
            table.name: [
                {name: changed(name, table, value) for name, value in row.items() if name != "id" or table in _NUMBERED}
                for row in self.rows[table.name]
            ]
            for table in _TABLES
        }

    def _copy_at_broker(
        self, symbol: str, book: Book, ids: Mapping[str, tuple[str, int]], sent_as: Mapping[str, str]
    ) -> dict[str, str]:
        """Put orders, executions and position of a copy in the book; return the new ids of executions by the old."""
        for order in self.orders:
            new_id, seq = ids[order.id]
            copied = replace(
                order,
                id=new_id,
                seq=seq,
                symbol=symbol,
                client_order_id=new_id if order.parent_id else sent_as[order.id],
                parent_id=ids[order.parent_id][0] if order.parent_id else None,
                leg_ids=tuple(ids[leg][0] for leg in order.leg_ids),
            )
            book.put(copied)
        executions = {}
        for activity in self.activities:
            identity, seq = book.next_id("activity")
            new_id = f"{activity.id.partition('::')[0]}::{identity}"
            executions[activity.id] = new_id
            book.add_activity(replace(activity, id=new_id, seq=seq, symbol=symbol, order_id=ids[activity.order_id][0]))
        if self.symbol in book.positions:
            book.set_position(replace(book.positions[self.symbol], symbol=symbol))
        return executions


def _rows(connection: Connection, table: Table, trade_id: int) -> list[dict[str, Any]]:
    key = table.c.trade_id if table in _OF_TRADES else table.c.id
    found = connection.execute(select(table).where(key == trade_id).order_by(table.c.id)).mappings()
    return [{column.key: row[column] for column in table.c} for row in found]


def _name(row: Mapping[str, Any], trade_id: int) -> str:
    """Name the copy of an order as the stages would have named it."""
    if row["order_type"] == "ENTRY":
        return entry_id(NAMESPACE, trade_id)
    whole = exit_id(NAMESPACE, trade_id, 1)
    return whole if row["parent_id"] is None else stop_leg_id(whole)
