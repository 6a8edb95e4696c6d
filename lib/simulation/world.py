"""The only thing that drives the stages in simulated time.

A World is a clock, a paper broker, a store and the lines of the crontab. It starts each stage as cron would,
gate included, and survives what it throws at them: an error that a real process would exit with, or a crash.
Replay is a World with progress, a test is one with builders, a proof is many with faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from requests.adapters import BaseAdapter

from lib import due
from lib.accounts import Turn, in_turn, work
from lib.bootstrap import LOCAL_URL, alpaca_at, simulated_store
from lib.clock import SimulatedClock
from lib.config import REPOSITORY
from lib.crontab import Line, read_crontab
from lib.domain.actions import Insert
from lib.domain.results import PassResult
from lib.errors import PipelineError
from lib.paper_broker.faults import LAST, Fault, FaultKind, Faults
from lib.paper_broker.message import Request, Response, write_json
from lib.paper_broker.options import Options
from lib.paper_broker.prices import Feed
from lib.paper_broker.program import PaperBroker, open_paper
from lib.paper_broker.transport import PaperAdapter
from lib.passes import run_pass
from lib.simulation.faults import Crash
from lib.store.queries import add_decision, approve
from lib.store.sql import SqlStore
from lib.tools import Tools

TICK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One pass as it ended: its result, or the error or crash that ended it."""

    stage: str
    at: datetime
    account: str = "main"
    result: PassResult | None = None
    error: str | None = None

    @property
    def exit_code(self) -> int:
        """What the process would have exited with; a crash has no code of its own."""
        return self.result.exit_code if self.result is not None else 1


@dataclass(slots=True, kw_only=True)
class World:
    """The whole world of the account main, and of `others` beside it. `observers` are called after main's passes."""

    tools: Tools
    store: SqlStore  # the same as in `tools`, without the faults that may be around that one
    clock: SimulatedClock
    paper: PaperBroker
    began: datetime
    cash_start: Decimal
    crontab: tuple[Line, ...]
    history: list[Ran] = field(default_factory=list)
    observers: list[Callable[[World, Ran], None]] = field(default_factory=list)
    others: dict[str, Tools] = field(default_factory=dict)
    account: str = "main"

    def add_account(
        self,
        name: str,
        prices: Path | Feed,
        *,
        options: Options | None = None,
        wrap: Callable[[Tools], Tools] = lambda tools: tools,
    ) -> PaperBroker:
        """Open another account, at a paper broker of its own; return that."""
        paper = open_paper(clock=self.clock.now, prices=prices, options=options or Options(seed=2 + len(self.others)))
        row = {"account": name, "namespace": f"sim{name}"}
        self.store.write((Insert(table="account", values=row),), run_id="init", at=self.clock.now())
        broker = alpaca_at(LOCAL_URL, "broker local paper", self.clock, mount=PaperAdapter(paper))
        self.others[name] = wrap(replace(self.tools, store=self.store, broker=broker))
        due.expect(self.tools.state_dir, ("main", *self.others))
        return paper

    def beside(self, name: str, prices: Path | Feed, **named: Any) -> World:
        """Open another account, as a World of its own over the same store and clock."""
        paper = self.add_account(name, prices, **named)
        return replace(self, account=name, tools=self.others[name], paper=paper, history=[], observers=[], others={})

    def decide(self, **columns: str | bool | None) -> int:
        """Write a decision and, unless `approve=False`, approve it; return its id."""
        ticked = columns.pop("approve", True)
        row = {"account": self.account, "action": "NEW_TRADE", "trade_style": "SWING", "approve": False, **columns}
        now = self.clock.now()
        decision_id = add_decision(self.store, row, run_id="person", at=now)
        if ticked:
            approve(self.store, str(row["account"]), [decision_id], run_id="person", at=now)
        return decision_id

    def run(self, stage: str, *, only_decision: int | None = None) -> Ran:
        """Start one stage by hand, now."""
        at = self.clock.now()
        try:
            result = run_pass(stage, self.tools, account=self.account, only_decision=only_decision)
            ran = Ran(stage=stage, at=at, account=self.account, result=result)
        except PipelineError as error:
            ran = Ran(stage=stage, at=at, error=str(error))
        except Crash as crash:
            ran = Ran(stage=stage, at=at, error=f"crash: {crash}")
        self.history.append(ran)
        for observe in self.observers:
            observe(self, ran)
        return ran

    def run_all(self, stage: str) -> tuple[Turn, ...]:
        """Start one stage as cron does: over every account, in the order of work."""

        def one(account: str) -> PassResult:
            return run_pass(stage, self.others.get(account, self.tools), account=account)

        names = in_turn(self.store, stage, ("main", *self.others))
        turns = []
        for turn in work(names, one, self.tools.clock):
            turns.append(turn)
            result, error = (None, str(turn.outcome)) if isinstance(turn.outcome, Exception) else (turn.outcome, None)
            ran = Ran(stage=stage, at=self.clock.now(), account=turn.account, result=result, error=error)
            self.history.append(ran)
            for observe in self.observers if turn.account == "main" else ():
                observe(self, ran)
        return tuple(turns)

    def run_until(self, end: datetime, *, progress: Callable[[datetime], None] | None = None) -> None:
        """Let cron run until `end`, minute by minute; each due stage starts where the crontab has it."""
        minute = self.clock.now().replace(second=0, microsecond=0)
        if minute < self.clock.now():
            minute += TICK
        while minute <= end:
            firing = [line for line in self.crontab if line.fires(minute)]
            if firing:
                self.clock.advance_to(max(minute, self.clock.now()))
                self._tick(firing)
                if progress is not None:
                    progress(minute)
            minute += TICK
        self.clock.advance_to(max(end, self.clock.now()))

    def _tick(self, lines: list[Line]) -> None:
        for line in lines:
            if "--if-due" in line.flags and not due.is_due(
                line.stage, self.tools.clock.now(), due.read(self.tools.state_dir)
            ):
                continue
            if self.others:
                self.run_all(line.stage)
            else:
                self.run(line.stage)

    def price(self, symbol: str, bid: str, ask: str) -> None:
        """Set a quote by hand."""
        self._post("/paper/price", {"symbol": symbol, "bid": bid, "ask": ask})

    def user_order(self, body: Mapping[str, object]) -> Response:
        """Send an order as the account's owner would from the app: not under our ids."""
        return self._post("/v2/orders", body)

    def user_cancels_all(self) -> Response:
        """Cancel every order as the account's owner would."""
        return self.paper.respond(Request("DELETE", "/v2/orders"))

    def asset(self, **facts: object) -> Response:
        """Let the broker say something else about an asset from now on: that it is halted, hard to borrow."""
        return self._post("/paper/asset", facts)

    def corporate_action(self, **action: object) -> Response:
        """Announce a split, a new name, a merger."""
        return self._post("/paper/corporate-action", action)

    def outage(self, *routes: str) -> None:
        """Let nothing come of requests of these routes from now on; of none of them, all is well again."""
        down = [Fault(route, 1, FaultKind.TIMEOUT_BEFORE, to=LAST) for route in routes]
        self.paper.options = replace(self.paper.options, faults=Faults(down) if down else None)

    def _post(self, path: str, body: Mapping[str, object]) -> Response:
        return self.paper.respond(
            Request("POST", path, headers={"Content-Type": "application/json"}, body=write_json(body).encode())
        )


@contextmanager
def world(
    directory: Path,
    now: datetime,
    prices: Path | Feed,
    *,
    options: Options | None = None,
    wrap: Callable[[Tools], Tools] = lambda tools: tools,
    over_http: bool = False,
    database: str | None = None,
) -> Iterator[World]:
    """Build a World in `directory`; `wrap` may put faults around its ports.

    Over HTTP the same paper broker is served on a loopback port and reached through a real socket.
    """
    clock = SimulatedClock(now)
    options = options or Options(partial_fill_rate=Decimal(0))
    paper = open_paper(clock=clock.now, prices=prices, options=options)
    store = simulated_store(database or "sqlite://", directory, now)
    with _reached(paper, over_http=over_http) as (url, mount):
        broker = alpaca_at(url, "broker local paper", clock, mount=mount, read_timeout_s=2)
        tools = wrap(Tools(store=store, broker=broker, clock=clock, state_dir=directory, durable=False))
        try:
            yield World(
                tools=tools,
                store=store,
                clock=clock,
                paper=paper,
                began=now,
                cash_start=options.cash,
                crontab=read_crontab(REPOSITORY / "crontab"),
            )
        finally:
            store.close()


@contextmanager
def _reached(paper: PaperBroker, *, over_http: bool) -> Iterator[tuple[str, BaseAdapter | None]]:
    if over_http:
        from lib.paper_broker.server import serving

        with serving(paper) as url:
            yield url, None
    else:
        yield LOCAL_URL, PaperAdapter(paper)
