"""A host with a database file, a paper broker that lives on, cron's ticks, and a judge of both after each pass."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from itertools import pairwise
from urllib.parse import urlsplit

from lib import due
from lib.bootstrap import simulated_store
from lib.clock import SimulatedClock
from lib.config import SETTINGS
from lib.crontab import read_crontab
from lib.domain.results import PassResult
from lib.paper_broker.message import Response
from lib.paper_broker.options import Options
from lib.simulation.evidence import Watch, at_rest, evidence
from lib.simulation.world import Ran, World
from lib.store.sqlite import open_store
from lib.tools import Tools
from tests.killing.stage import ROOT, move_clock
from tests.tools.worlds import miscounted

KILLED = -9
CRONTAB = read_crontab(ROOT / "crontab")
KEYS = {"ALPACA_API_KEY": "PKKILLING00000000001", "ALPACA_SECRET_KEY": "killing-secret-0000000000000000000000001"}
COVERING = frozenset({"stop", "stop_limit", "trailing_stop", "market"})
ACTIVITY_TIME = re.compile(r"^\d{17}::")
"""What the broker's id of an activity begins with."""
OF_THE_MOMENT = frozenset({"id", "version"})
"""Fields that may differ between two runs that came to the same: besides these all that are times."""


class Zygote:
    """The process that forks stages and servers (`zygote.py`), as an object."""

    def __init__(self):
        environ = {"PATH": os.environ.get("PATH", "")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing.zygote"],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, do, **named):
        self._process.stdin.write(json.dumps({"do": do, **named}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the zygote died; its words are on standard error"
        return json.loads(answer)

    def close(self):
        with self._process:
            self._process.stdin.close()
            self._process.wait(timeout=30)


class Served:
    """The paper broker behind its address, for those who look at it beside the stages."""

    options = Options()  # as the server was started: nothing lags, nothing is limited

    def __init__(self, url):
        self.url = url
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=30)

    def respond(self, request):
        path = f"{request.path}?{request.query}" if request.query else request.path
        self._connection.request(request.method, path, request.body or None, dict(request.headers))
        answer = self._connection.getresponse()
        return Response(answer.status, answer.read(), dict(answer.getheaders()))

    def now(self):
        return move_clock(self.url, advance_s=0)

    def close(self):
        self._connection.close()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One job that cron starts: the tick, its place in the story, whether it is the first of its tick."""

    number: int
    tick: datetime
    stage: str
    flags: tuple[str, ...]
    is_first: bool

    def __str__(self):
        return f"{self.stage} {self.tick:%d %H:%M}"


def steps_of(story):
    """Return all that cron starts in the ticks of a story, in the crontab's order."""
    found = []
    for tick in story.ticks:
        for n, line in enumerate(line for line in CRONTAB if line.fires(tick)):
            found.append(Step(number=len(found), tick=tick, stage=line.stage, flags=line.flags, is_first=n == 0))
    return found


class Host:
    """One host in a folder, its paper broker being served."""

    def __init__(self, zygote, story, folder, url):
        self.zygote, self.story, self.folder, self.url = zygote, story, folder, url
        self.state, self.database = folder / "state", folder / "trading.db"
        self.served = Served(url)
        self.watch = Watch()
        clock = SimulatedClock(story.start)
        self.world = World(
            tools=Tools(store=None, broker=None, clock=clock, state_dir=self.state),
            store=None,
            clock=clock,
            paper=self.served,
            began=story.start,
            cash_start=story.options.cash,
            crontab=CRONTAB,
        )
        self.environ = dict.fromkeys(SETTINGS, "") | {
            "PATH": os.environ.get("PATH", ""),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "STATE_DIR": str(self.state),
            "BROKER": "alpaca",
            "ALPACA_BASE_URL": url,
            **KEYS,
        }

    def close(self):
        self.served.close()

    @contextmanager
    def looking(self):
        """Open the database for a look, and close it again: cron's processes have it to themselves."""
        self.world.store = open_store(f"sqlite:///{self.database}", self.state)
        try:
            yield
        finally:
            self.world.store.close()
            self.world.store = None

    def begin_tick(self, step):
        """Let time go on to a tick, unless a pass took it beyond; a person decides what the story has him decide."""
        now = self.served.now()
        move_clock(self.url, now=max(step.tick, now).isoformat())
        self.world.clock.advance_to(max(step.tick, now))
        if step.tick in self.story.asked:
            with self.looking():
                self.world.decide(**self.story.asked[step.tick])

    def start(self, step, effects, **kill):
        """Start a stage as cron does; return its exit code and what it did, each effect by name."""
        named = {
            "script": f"{step.stage}.py",
            "words": step.flags,
            "environ": self.environ,
            "now": self.served.now().isoformat(),
            "url": self.url,
            "effects": str(effects),
        }
        effects.write_text("")
        said = self.folder / "said.txt"
        said.write_text("")
        ended = self.zygote("stage", said=str(said), **named, **kill)
        return ended, effects.read_text().splitlines()

    def run(self, step, effects, **kill):
        """Start a stage, and look at all that it left."""
        began = self.served.now()
        idle = due.nothing_due(step.stage, began, self.environ)
        ended, done = self.start(step, effects, **kill)
        self.world.clock.advance_to(self.served.now())
        with self.looking():
            return Seen(
                code=ended["code"],
                took_s=ended["took_s"],
                idle=idle,
                effects=done,
                broken=self._broken(step, began, ended["code"], idle=idle),
                **self._counted(),
            )

    def _broken(self, step, began, code, *, idle):
        """Name what must not be so after any step, whether it was killed or not."""
        clean = PassResult(stage=step.stage, account="main", run_id="", where="", outcome="done")
        ran = Ran(stage=step.stage, at=began, result=clean if code == 0 and not idle else None)
        self.world.history.append(ran)
        before = len(self.watch.violations)
        self.watch(self.world, ran)
        found = [*map(str, self.watch.violations[before:]), *miscounted(self.world)]
        if code not in {0, 1, KILLED}:
            found.append(f"{step} ended with {code}: {(self.folder / 'said.txt').read_text()}")
        return found

    def _counted(self):
        """Return what is there now, and how long shares were without a stop until now."""
        seen = evidence(self.world)
        return {
            "state": digest(seen, self.world.store, self.state),
            "orders": sum(1 + len(order.legs) for order in seen.ledger.orders),
            "rows": len(seen.books.trades) + len(seen.books.orders),
            "uncovered_s": uncovered_s(seen.ledger, seen.now),
        }

    def at_rest(self):
        """Name what must not be so once everything has come to rest."""
        with self.looking():
            return [str(violation) for violation in at_rest(self.world)]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A step as it ended, and what was there then; `idle` if nothing was due."""

    code: int
    took_s: float
    idle: bool
    effects: list[str]
    broken: list[str]
    state: dict[str, object]
    orders: int
    rows: int
    uncovered_s: int


def digest(seen, store, state):
    """Return all that tells two states apart, both sides as they stand, but for times, numbers of rows and versions.

    Two runs that agree in it at the same step go on in the same way, so the rest of one is judged by the other.
    """
    books, ledger = seen.books, seen.ledger
    tables = (books.decisions, books.trades, books.orders, books.fills, books.positions, books.changes)
    return {
        "books": [[plain(row) for row in table] for table in tables],
        "controls": [plain(row) for row in store.controls("main")],
        "orders": sorted(str(plain(order)) for order in ledger.orders),
        "fills": [(fill.side, fill.qty, fill.price) for fill in ledger.fills],
        "positions": {name: (held.qty, held.qty_available) for name, held in ledger.positions.items()},
        "cash": ledger.cash,
        "due": due_marks(state),
    }


def uncovered_s(ledger, now):
    """Add up the seconds up to `now` in which the position was larger than what live stops and sales covered."""
    orders = [member for parent in ledger.orders for member in (parent, *parent.legs)]
    sells = [o for o in orders if o.side == "sell" and o.kind in COVERING and o.submitted_at is not None]
    moments = {now, *(fill.transaction_time for fill in ledger.fills)}
    moments |= {at for o in sells for at in (o.submitted_at, _end(o, now)) if at <= now}
    total = timedelta(0)
    for moment, following in pairwise(sorted(moments)):
        sold = {}
        owned = Decimal(0)
        for fill in ledger.fills:
            if fill.transaction_time <= moment:
                owned += fill.qty if fill.side == "buy" else -fill.qty
                sold[fill.order_id] = sold.get(fill.order_id, Decimal(0)) + fill.qty
        live = [o for o in sells if o.submitted_at <= moment < _end(o, now)]
        if owned > sum((o.qty - sold.get(o.id, Decimal(0)) for o in live), Decimal(0)):
            total += following - moment
    return int(total.total_seconds())


def _end(order, now):
    return order.ended_at or order.filled_at or now + timedelta(days=1)


def plain(record):
    """Return a row's values without times, numbers of rows and versions; legs and other records in it likewise."""
    if isinstance(record, tuple | list):
        return [plain(each) for each in record]
    if isinstance(record, str):
        return ACTIVITY_TIME.sub("", record)
    if not hasattr(record, "__dataclass_fields__"):
        return None if isinstance(record, datetime) else record
    values = {each.name: getattr(record, each.name) for each in fields(record)}
    return {name: plain(value) for name, value in values.items() if name not in OF_THE_MOMENT}


def due_marks(state):
    """Return what the gate goes by: of each stage the minute of its last clean start, and whether it is unfinished."""
    marks = (due.read(state) or {}).get("accounts", {}).get("main", {})
    return {stage: (str(mark["started_at"])[:16], mark["unfinished"]) for stage, mark in marks.items()}


@contextmanager
def host(zygote, story, folder, begun_from=None):
    """Serve a story's paper broker in a folder: a new one, or one that goes on from a snapshot."""
    if begun_from is None:
        (folder / "state").mkdir(parents=True)
        simulated_store(f"sqlite:///{folder / 'trading.db'}", folder / "state", story.start).close()
    else:
        shutil.copytree(begun_from, folder, dirs_exist_ok=True)
    served = zygote("serve", story=story.name, state=str(folder / "paper.db"), said=str(folder / "served.txt"))
    try:
        assert served["url"], (folder / "served.txt").read_text()
        with closing(Host(zygote, story, folder, served["url"])) as made:
            yield made
    finally:
        zygote("end", pid=served["pid"])


def snapshot(made, folder):
    """Copy a host on which nothing runs: SQLite finds the last commit in what lies beside the files."""
    shutil.copytree(made.folder, folder, ignore=shutil.ignore_patterns("*-shm", "*.lock", "said.txt", "served.txt"))
