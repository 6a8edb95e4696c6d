"""A real database and the built-in paper broker's real file, as the stages left them, for doctor to look at.

One session of January 2024: AAPL bought and covered, MSFT bought, covered and sold at its target.
"""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

from lib.bootstrap import open_tools, simulated_store
from lib.checkup.looks import doctor
from lib.clock import SimulatedClock
from lib.config import REPOSITORY, Settings
from lib.paper_broker.message import Request, write_json
from lib.paper_broker.options import Options
from lib.paper_broker.program import open_paper
from lib.passes import run_pass
from lib.simulation.lifecycles import at
from lib.store.queries import add_decision, approve

BEGAN = at(16, 14, 44)
ENDED = at(16, 15, 20)
TRADES = (
    {"symbol": "AAPL", "planned_entry": "150", "planned_sl": "145", "planned_tp": "160", "qty": "10"},
    {"symbol": "MSFT", "planned_entry": "100", "planned_sl": "95", "planned_tp": "110", "qty": "5"},
)


class Desk:
    """The files in one folder, and the clock of those who look at them."""

    def __init__(self, folder, now):
        self.folder = folder
        self.clock = SimulatedClock(now)
        self.environ = {
            "DATABASE_URL": f"sqlite:///{folder}/trading.db",
            "STATE_DIR": str(folder),
            "BROKER": "local",
        }

    @property
    def settings(self):
        return Settings.from_env(self.environ)

    def copied(self, folder):
        shutil.copytree(self.folder, folder)
        return Desk(folder, self.clock.now())

    def sql(self, statement):
        """Change a row as a person would, with a tool for databases; no event tells of it."""
        with closing(sqlite3.connect(self.folder / "trading.db")) as connection, connection:
            assert connection.execute(statement).rowcount != 0, statement

    def broker(self, method, path, body=None):
        """Ask the paper broker as somebody else with the same keys."""
        paper = open_paper(
            clock=self.clock.now,
            prices=REPOSITORY / "data",
            state=self.folder / "paper.db",
            options=Options(synthetic=True),
        )
        sent = {} if body is None else {"body": write_json(body).encode()}
        answer = paper.respond(Request(method, path, headers={"Content-Type": "application/json"}, **sent))
        assert answer.status < 300, answer.body
        return answer

    def price(self, symbol, bid):
        self.broker("POST", "/paper/price", {"symbol": symbol, "bid": bid, "ask": bid})

    def with_store(self, work):
        store = simulated_store(self.environ["DATABASE_URL"], self.folder, self.clock.now())
        with closing(store):
            return work(store)

    def run(self, *stages):
        def passes(store):
            tools = open_tools(self.settings, store, "main", self.clock)
            return [run_pass(stage, tools) for stage in stages]

        return self.with_store(passes)

    def decide(self, **row):
        def write(store):
            now = self.clock.now()
            values = {"account": "main", "action": "NEW_TRADE", "trade_style": "SWING", "approve": False, **row}
            made = add_decision(store, values, run_id="person", at=now)
            approve(store, "main", [made], run_id="person", at=now)

        self.with_store(write)

    def later(self, minutes):
        self.clock.advance_to(self.clock.now() + timedelta(minutes=minutes))

    def doctor(self, monkeypatch):
        """Return what doctor says of the invariants: id → (words, what to do)."""
        told = {}
        for each in self.findings(monkeypatch):
            if each.do:
                told.setdefault(each.what.partition(":")[0], (each.what, each.do))
        return told

    def findings(self, monkeypatch):
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        return [each for each in doctor(self.clock) if each.name == "rows" or (each.name == "database" and each.do)]


def traded(folder):
    """Play the session; the stages end clean."""
    desk = Desk(folder, BEGAN)
    for trade in TRADES:
        desk.price(trade["symbol"], str(int(trade["planned_entry"]) + 1))
        desk.decide(**trade)
    desk.later(2)
    desk.run("order_executor")
    for trade in TRADES:
        desk.price(trade["symbol"], str(int(trade["planned_entry"]) - 1))
    desk.later(10)
    desk.run("order_monitor", "position_monitor")
    desk.price("MSFT", "111")
    desk.later(10)
    results = desk.run("order_monitor", "position_monitor", "order_executor")
    assert [r.outcome for r in results] == ["done"] * 3, results
    desk.later(1)
    return desk
