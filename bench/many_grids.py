"""An account with many grids at work, started and placed by the stages themselves; broker and database in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bench.checkout import SetUpError
from bench.live_orders import Counted
from lib.bootstrap import LOCAL_URL, alpaca_at, simulated_store
from lib.clock import SimulatedClock
from lib.domain.actions import Insert
from lib.domain.results import PassResult
from lib.paper_broker.message import Request, write_json
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.transport import PaperAdapter
from lib.passes import run_pass
from lib.store.sql import SqlStore
from lib.tools import Tools

BEGIN = datetime(2026, 11, 20, 14, 50, tzinfo=UTC)  # a Friday; grids may start
PASS_EVERY = timedelta(minutes=5)
PASSES_MAX = 30
PRICE, STEP = Decimal(100), Decimal("0.5")
TICK = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyGrids:
    """The account; every grid has an order for each of its cells, and nothing is left to do."""

    tools: Tools
    store: SqlStore
    clock: SimulatedClock
    counted: Counted
    symbols: tuple[str, ...]

    def run(self, stage: str) -> tuple[PassResult, list[tuple[str, str]], float]:
        """Run one pass, some minutes later; return what it did, its requests, and its own time of the processor."""
        self.clock.sleep(PASS_EVERY.total_seconds())
        self.counted.requests.clear()
        self.counted.seconds = 0
        gc.disable()  # as the scripts do
        began = time.process_time()
        try:
            result = run_pass(stage, self.tools)
            took = time.process_time() - began - self.counted.seconds
        finally:
            gc.enable()
        return result, list(self.counted.requests), took

    def price(self, symbol: str, bid: Decimal) -> None:
        """Set the quote of a symbol."""
        body = write_json({"symbol": symbol, "bid": str(bid), "ask": str(bid + TICK)}).encode()
        headers = {"Content-Type": "application/json"}
        self.counted.paper.respond(Request("POST", "/paper/price", headers=headers, body=body))


@contextmanager
def many_grids(directory: Path, *, grids: int, cells: int) -> Iterator[ManyGrids]:
    """Open an account with so many grids of so many cells; the price stands on the level in the middle of each."""
    directory.mkdir(parents=True, exist_ok=True)
    clock = SimulatedClock(BEGIN)
    symbols = tuple(f"G{number:03d}" for number in range(1, grids + 1))
    feed = ScriptedFeed({symbol: [(BEGIN - timedelta(minutes=10), PRICE)] for symbol in symbols})
    options = Options(partial_fill_rate=Decimal(0), cash=Decimal(10_000_000))
    counted = Counted(open_paper(clock=clock.now, prices=feed, options=options))
    store = simulated_store("sqlite://", directory, BEGIN)
    broker = alpaca_at(LOCAL_URL, "broker local paper", clock, mount=PaperAdapter(counted))
    tools = Tools(store=store, broker=broker, clock=clock, state_dir=directory, durable=False)
    account = ManyGrids(tools=tools, store=store, clock=clock, counted=counted, symbols=symbols)
    try:
        store.write(
            [Insert(table="grid_strategy", values=_row(each, cells)) for each in symbols], run_id="bench", at=BEGIN
        )
        for each in symbols:
            account.price(each, PRICE)
        account.run("order_executor")
        for _ in range(PASSES_MAX):
            result, _, _ = account.run("order_monitor")
            if result.outcome == "done" and not result.applied and not result.notes:
                break
        resting = sum(o.strategy_id is not None and o.order_status == "new" for o in store.rows("main").orders)
        if resting != grids * cells:
            raise SetUpError(f"not {grids * cells} orders of grids but {resting}: {result.problems or result.notes}")
        yield account
    finally:
        store.close()


def _row(symbol: str, cells: int) -> dict[str, object]:
    reach = STEP * cells / 2
    return {
        "account": "main",
        "symbol": symbol,
        "kind": "SPOT",
        "lower_price": str(PRICE - reach),
        "upper_price": str(PRICE + reach),
        "levels": str(cells + 1),
        "quantity_per_grid": "1",
        "approve": True,
    }
