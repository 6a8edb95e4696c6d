"""A checkout of this repository in a temporary directory, with ten open, covered trades.

The embedded broker always reads the `data` beside its code, where there are four symbols, and a symbol has one owner:
ten trades need ten symbols. So code is copied and `data` is written anew; the scripts measured are the real ones, as
they are, and neither the user's `.env` nor the user's `var` is near.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from lib import due
from lib.bootstrap import LOCAL_URL, alpaca_at
from lib.clock import SimulatedClock
from lib.domain.money import ZERO
from lib.paper_broker.options import Options
from lib.paper_broker.program import open_paper
from lib.paper_broker.transport import PaperAdapter
from lib.passes import run_pass
from lib.sessions import Session
from lib.store.init import initialise
from lib.store.queries import add_decision, approve, journal
from lib.store.sqlite import open_store
from lib.tools import Tools

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("order_executor.py", "order_monitor.py", "position_monitor.py")
SYMBOLS = tuple(f"BENCH{letter}" for letter in "ABCDEFGHIJ")
DAILY = "timestamp,open,high,low,close,volume\n2013-01-02,100,104,98,101,1\n2013-01-03,102,103,99,100,1\n"
DECISION: dict[str, str | bool | None] = {
    "account": "main",
    "action": "NEW_TRADE",
    "trade_style": "SWING",
    "qty": "10",
    "planned_sl": "5",  # made-up prices stay between half and twice where they began
    "planned_tp": "2000",
    "approve": False,
}


class SetUpError(RuntimeError):
    """What was to be measured could not be prepared."""


def checkout(directory: Path) -> Path:
    """Copy the code into `directory` and give it prices of its own."""
    directory.mkdir(parents=True)
    shutil.copytree(ROOT / "lib", directory / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    for script in SCRIPTS:
        shutil.copy(ROOT / script, directory / script)
    (directory / "data").mkdir()
    for symbol in SYMBOLS:
        (directory / "data" / f"{symbol}.csv").write_text(DAILY, encoding="utf-8")
    return directory


def ten_trades(directory: Path, prices: Path, now: datetime) -> None:
    """Fill a state directory: database and paper broker, ten trades bought and covered by the stages themselves.

    They are bought a day ago, at an hour when the paper broker that never closes takes entries.
    """
    clock = SimulatedClock((now - timedelta(days=1)).replace(hour=12))
    url = f"sqlite:///{directory / 'trading.db'}"
    initialise(url, directory, now=clock.now())
    options = Options(always_open=True, synthetic=True, partial_fill_rate=ZERO)
    paper = open_paper(clock=clock.now, prices=prices, state=directory / "paper.db", options=options)
    store = open_store(url, directory)
    broker = alpaca_at(LOCAL_URL, "broker local paper", clock, mount=PaperAdapter(paper))
    tools = Tools(store=store, broker=broker, clock=clock, state_dir=directory, always_open=True)
    try:
        quotes = broker.quotes(SYMBOLS)
        for symbol in SYMBOLS:
            row = {**DECISION, "symbol": symbol, "planned_entry": str(quotes[symbol].ask)}
            number = add_decision(store, row, run_id="bench", at=clock.now())
            approve(store, "main", [number], run_id="bench", at=clock.now())
        for stage in SCRIPTS:
            run_pass(stage.removesuffix(".py"), tools)
            clock.sleep(60)
        covered = [p.symbol for p in store.rows("main").positions if p.covered_qty == p.qty == 10]
        if sorted(covered) != sorted(SYMBOLS) or len(journal(store, "main")) != len(SYMBOLS):
            raise SetUpError(f"not ten covered trades but {len(covered)}")
    finally:
        store.close()
        paper.close()


def nothing_due(directory: Path, now: datetime) -> None:
    """Write the gate's file as a clean pass leaves it between two sessions: nothing is due for hours."""
    hours = timedelta(hours=1)
    before = Session(date=(now - 20 * hours).date(), open=now - 20 * hours, close=now - 13 * hours)
    after = Session(date=(now + 4 * hours).date(), open=now + 4 * hours, close=now + 11 * hours)
    due.write(
        directory, account="main", stage="order_monitor", started_at=now, unfinished=False, sessions=(before, after)
    )
