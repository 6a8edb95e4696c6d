"""Every call of a port, counted, and what may go wrong at it: the vocabulary of the proof.

A step is one pass of one stage. Its calls are counted from 1; a plan names calls and what befalls them. What befalls an
order on the wire are the paper broker's own faults, on exactly that request; the rest happens at the port: the process
dies, the disk is full, a commit's acknowledgement is lost, a list is short or as old as the last look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lib.domain.facts import Outcome, Rejected
from lib.errors import BrokerUnavailable, StoreUnavailable
from lib.paper_broker.faults import Fault, FaultKind
from lib.paper_broker.faults import Faults as WireFaults
from lib.simulation.faults import Crash
from lib.tools import Tools

if TYPE_CHECKING:
    from lib.paper_broker.message import Request
    from lib.paper_broker.program import PaperBroker

CRASH_BEFORE, CRASH_AFTER = "crash_before", "crash_after"
BUSY, DISK_FULL, COMMIT_UNANSWERED = "busy", "disk_full", "commit_unanswered"
ERROR, STALE, TORN = "error", "stale", "torn"

WIRE = tuple(str(kind) for kind in FaultKind)
BROKER_WRITES = ("submit", "cancel", "replace")
COMMITS = ("write", "record_run", "record_alerts")
STORE_READS = ("account", "rows", "controls", "history", "known", "trades_since", "alerts", "last_clean", "pinned_to")
LISTS = ("live_orders", "orders_since", "fills", "activities", "announcements", "positions", "quotes")
SINGLE = ("order", "order_by_client_id", "position")
OTHER_READS = ("account", "is_open", "sessions", "asset")

SECOND_HOST = "second_host"
"""At any call: another host, which knows nothing of this one's lock, runs a pass before it is carried out."""
ANY = "any#"
"""At any call, in a schedule that was drawn before it was known which call comes there: the n-th of its kinds."""

KINDS: Mapping[str, tuple[str, ...]] = {
    **{f"broker.{name}": (CRASH_BEFORE, CRASH_AFTER, *WIRE) for name in BROKER_WRITES},
    **{f"store.{name}": (CRASH_BEFORE, CRASH_AFTER, BUSY, DISK_FULL, COMMIT_UNANSWERED) for name in COMMITS},
    **{f"store.{name}": (BUSY,) for name in STORE_READS},
    **{f"broker.{name}": (ERROR, STALE, TORN) for name in (*LISTS, *SINGLE)},
    **{f"broker.{name}": (ERROR,) for name in OTHER_READS},
}
"""What may befall each call. Of a single order or position, torn is a 404 for what is there."""

STALE_MAX = timedelta(minutes=10)
"""A list older than this is nothing that a broker shows (the longest lag that users have told of is ten seconds)."""

Plan = Mapping[int, str]
"""By the number of a call: what befalls it."""


class _Once(WireFaults):
    """The next write meets a fault, and nothing after it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._left: Fault | None = Fault("* *", 1, FaultKind(kind))

    def meet(self, request: Request) -> Fault | None:
        if self._left is None or request.method == "GET":
            return None
        met, self._left = self._left, None
        return met


class NoDifference(BaseException):
    """What befell this call is, to the stage and to the broker, what befell it in another schedule, or nothing."""


@dataclass(slots=True)
class Points:
    """The calls of the step that is on, and its plan. `asked` has the last answer of each list, for a stale one."""

    papers: dict[str, PaperBroker] = field(default_factory=dict)
    """The paper broker of each account."""
    plan: Plan = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fired: list[str] = field(default_factory=list)
    asked: dict[str, tuple[datetime, Any]] = field(default_factory=dict)
    read: dict[int, Any] = field(default_factory=dict)
    """What each read of the step was answered, by the number of its call."""
    known: Mapping[int, Any] = field(default_factory=dict)
    """The same of an earlier run of the step, which this one repeats until its last fault: nobody is asked twice."""
    answers: set[object] | None = None
    """While one call meets kind after kind: what came of those so far. None outside an exploration."""
    interlude: Callable[[str], None] = lambda _: None
    """What somebody else does right before a call: a pass of a second host."""

    def begin(self, plan: Plan, known: Mapping[int, Any] | None = None) -> None:
        """Count the calls of a new step; `known` are the answers to those before the last fault of the plan."""
        self.plan, self.calls, self.fired, self.read = plan, [], [], {}
        last = max(plan, default=0)
        self.known = {number: answer for number, answer in (known or {}).items() if number < last}

    def call(self, name: str) -> str | None:
        """Count a call; return what befalls it."""
        self.calls.append(name)
        kind = self.plan.get(len(self.calls))
        if kind is None:
            return None
        if kind.startswith(ANY):
            kind = KINDS[name][int(kind.removeprefix(ANY)) % len(KINDS[name])]
        self.fired.append(f"{len(self.calls)}:{kind}")
        if kind.startswith(SECOND_HOST):
            self.interlude(kind)
            return None
        return kind

    def differs(self, came_of_it: object) -> None:
        """Say what a fault came to; a schedule that would go on like an earlier one ends here.

        Only the last fault of the plan is compared: those before it are the same in every schedule that it ends.
        """
        if self.answers is None or len(self.calls) != max(self.plan):
            return
        if came_of_it in self.answers:
            raise NoDifference
        self.answers.add(came_of_it)

    def died(self, when: str) -> Crash:
        """Return the death of the process at the call that was counted last."""
        return Crash(f"{when} call {len(self.calls)} ({self.calls[-1]})")


def with_points(tools: Tools, points: Points, account: str = "main") -> Tools:
    """Put the counting ports around those of `tools`."""
    broker = _Broker(tools.broker, points, tools.clock.now, account)
    return replace(tools, store=_Store(tools.store, points), broker=broker)


class _Store:
    def __init__(self, store: Any, points: Points) -> None:
        self._store = store
        self._points = points

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in COMMITS:
            return self._commit(f"store.{name}", method)
        return self._read(f"store.{name}", method) if name in STORE_READS else method

    def _commit(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def commit(*args: Any, **named: Any) -> Any:
            kind = self._points.call(name)
            if kind == CRASH_BEFORE:
                raise self._points.died("before")
            if kind in {BUSY, DISK_FULL}:
                self._points.differs((len(self._points.calls), "not written"))
                raise StoreUnavailable("another program has kept it locked" if kind == BUSY else "the disk is full")
            answer = method(*args, **named)
            if kind == CRASH_AFTER:
                raise self._points.died("after")
            if kind == COMMIT_UNANSWERED:
                raise StoreUnavailable("the acknowledgement of a commit was lost")
            return answer

        return commit

    def _read(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def read(*args: Any, **named: Any) -> Any:
            points = self._points
            if points.call(name) == BUSY:
                raise StoreUnavailable("another program has kept it locked")
            number = len(points.calls)
            answer = points.known[number] if number in points.known else method(*args, **named)
            points.read[number] = answer
            return answer

        return read


class _Broker:
    def __init__(self, broker: Any, points: Points, now: Callable[[], datetime], account: str) -> None:
        self._broker = broker
        self._account = account
        self._points = points
        self._now = now

    def __getattr__(self, name: str) -> Any:
        if name in BROKER_WRITES:
            return self._write(f"broker.{name}", getattr(self._broker, name))
        if f"broker.{name}" in KINDS:
            return self._read(name, getattr(self._broker, name))
        return getattr(self._broker, name)

    def _write(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any) -> Any:
            kind, points = self._points.call(name), self._points
            if kind == CRASH_BEFORE:
                raise points.died("before")
            outcome = self._on_the_wire(kind, lambda: method(*args)) if kind in WIRE else method(*args)
            if kind == CRASH_AFTER:
                raise points.died("after")
            if kind is not None:
                points.differs((len(points.calls), _in_short(outcome), self._book()))
            return outcome

        return write

    def _book(self) -> frozenset[tuple[object, ...]]:
        orders = self._points.papers[self._account].saved().orders.values()
        return frozenset((o.client_order_id, o.status, o.qty, o.limit_price, o.stop_price) for o in orders)

    def _on_the_wire(self, kind: str | None, send: Callable[[], Any]) -> Any:
        paper = self._points.papers[self._account]
        if kind is None:
            return send()
        calm = paper.options
        paper.options = replace(calm, faults=_Once(kind))
        try:
            return send()
        finally:
            paper.options = calm

    def _read(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def read(*args: Any) -> Any:
            points = self._points
            kind = points.call(f"broker.{name}")
            if kind == ERROR:
                raise BrokerUnavailable(f"{name}: no answer")
            key = f"{self._account} {name}" if name in LISTS else f"{self._account} {name} {args}"
            older = points.asked.get(key)
            number = len(points.calls)
            answer = shown = points.known[number] if kind is None and number in points.known else method(*args)
            if kind == STALE and older is not None and self._now() - older[0] <= STALE_MAX:
                shown = _asked_for(older[1], args)
            if kind == TORN:
                shown = _torn(answer)
            if kind is None or shown == answer:
                points.asked[key] = (self._now(), answer)
            if kind is None:
                points.read[number] = answer
            if kind is not None and shown == answer and points.answers is not None:
                raise NoDifference
            return shown

        return read


def _in_short(outcome: Outcome) -> object:
    """Return of an outcome what a plan can tell: not the broker's words."""
    return outcome.refusal if isinstance(outcome, Rejected) else type(outcome).__name__


def _asked_for(older: Any, args: tuple[Any, ...]) -> Any:
    """Return of an older answer what this question is about: quotes of the symbols, fills since the time."""
    if isinstance(older, dict) and args and isinstance(args[0], Sequence):
        return {symbol: quote for symbol, quote in older.items() if symbol in args[0]}
    if isinstance(older, tuple) and args and isinstance(args[0], datetime):
        return tuple(row for row in older if getattr(row, "transaction_time", args[0]) >= args[0])
    return older


def _torn(answer: Any) -> Any:
    """Return an answer without its newest part."""
    if isinstance(answer, Mapping):
        return {key: answer[key] for key in sorted(answer)[:-1]}
    return answer[:-1] if isinstance(answer, tuple) else None
