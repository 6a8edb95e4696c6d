"""The judge of a simulation: what is broken after each step, why shares were uncovered, how soon all was well again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from lib.domain.money import ZERO
from lib.domain.states import ENDED, Role
from lib.invariants.catalogue import AFTER_CLEAN_ORDER_MONITOR, ALWAYS, AT_REST, Invariant, check, lost_rows
from lib.invariants.evidence import Books, Evidence, Violation
from lib.invariants.settled import cover_apart
from lib.simulation.evidence import audited_evidence, evidence, truth
from lib.simulation.world import Ran, World
from lib.store import queries

CAUSES = frozenset(
    {"broker_pending_cancel", "symbol_halted", "foreign_order", "corporate_action", "uncoverable", "broker_down"}
)
"""The closed list of why a share may stay uncovered past one clean pass (design, section 9)."""

AT_TARGET = "at_target"
"""Counted beside them: no stop until the next look, since a limit is taking the profit that was already there."""

REST = {name: judge for name, judge in AT_REST.items() if name not in AFTER_CLEAN_ORDER_MONITOR}
"""What has to come to rest after a fault; cover is judged after each clean pass, since the broker may impose a wait."""

FIRST_LOOK = "until the next look"
SPANS = (60, 300, 600, 1800, 3600, 6 * 3600, 86400, 10**9)
"""Seconds; an interval without cover is counted by the least of these that it does not exceed."""

PASSES_MAX = 3
"""So many clean passes of the stage whose work it is after the last fault, at most, and all has come to rest."""

MENDING = ("order_monitor", "position_monitor")
RECONCILED = frozenset({"I4 cash", "I5", "I5 fills"})
"""Promises that position_monitor brings about; the others of those at rest are order_monitor's."""


@dataclass(slots=True)
class Judge:
    """Looks after each pass, and remembers what was broken and when.

    A clean pass is one that no fault struck. What is uncovered after one has a cause of the closed list, or is broken.
    """

    rest: Mapping[str, Invariant] = field(default_factory=lambda: REST)
    violations: list[Violation] = field(default_factory=list)
    uncovered: Counter[str] = field(default_factory=Counter)
    since_fault: dict[str, int] = field(default_factory=dict)
    """Clean passes since the last fault of each stage whose work is not done yet."""
    convergence: int = 0
    clocks_apart: timedelta = timedelta(0)
    _left: dict[str, tuple[Violation, ...]] = field(default_factory=dict)
    _before: Books | None = None
    _seen: Evidence | None = None

    def look(self, world: World, ran: Ran, *, troubled: bool) -> None:
        """Judge the world after one pass; `troubled` says that a fault struck it."""
        seen = self._evidence(world)
        found = list(check(ALWAYS, seen))
        if self._before is not None:
            found += lost_rows(self._before, seen.books)
        if ran.stage == "order_monitor" and not troubled:
            found += [v for v in self._covered(world, seen, ran) if not _too_fresh(v, world, seen)]
        self._note_rest(ran, seen, found, troubled=troubled)
        self._before, self._seen = seen.books, seen
        when = f"after {ran.stage} at {ran.at:%m-%d %H:%M}"
        self.violations += [Violation(id=v.id, message=f"{when}: {v.message}") for v in found]

    def _covered(self, world: World, seen: Evidence, ran: Ran | None) -> list[Violation]:
        """Judge cover after a pass of order_monitor, or at rest."""
        found = check(AFTER_CLEAN_ORDER_MONITOR, seen)
        if not found:
            return []
        since = (ran.at if ran is not None else seen.now) - self.clocks_apart
        excused = dict(_excused(_imposed(world, seen, ran), seen, since))
        self.uncovered.update(cause for causes in excused.values() for cause in causes)
        return [v for v in found if v.id != "I2" or v.message.partition(":")[0] not in excused]

    def _note_rest(self, ran: Ran, seen: Evidence, found: list[Violation], *, troubled: bool) -> None:
        if troubled:
            self.begin_count()
        elif ran.stage in self.since_fault:
            self.since_fault[ran.stage] += 1
            passes = self.since_fault[ran.stage]
            # What the broker does meanwhile is always a little ahead of the rows; what the fault left behind stays.
            now = tuple(v for v in check(self.rest, seen) if _mender(v) == ran.stage)
            before = self._left.get(ran.stage, now)
            left = self._left[ran.stage] = tuple(v for v in before if v in now)
            if not left:
                self.convergence = max(self.convergence, passes)
            elif passes >= PASSES_MAX:
                when = f"{passes} clean passes after the last fault"
                found += [Violation(id="L4", message=f"{when}: {v}") for v in left]
            if not left or passes >= PASSES_MAX:
                del self.since_fault[ran.stage]

    def begin_count(self) -> None:
        """Count clean passes anew: a fault has struck."""
        self.since_fault, self._left = dict.fromkeys(MENDING, 0), {}

    def evidence(self, world: World) -> Evidence:
        """Return what was seen after the last step, or look now."""
        seen = self._seen
        return seen if seen is not None and seen.now == world.clock.now() else self._evidence(world)

    def _evidence(self, world: World) -> Evidence:
        seen = truth(world, evidence)
        return replace(seen, clocks_apart=self.clocks_apart) if self.clocks_apart else seen

    def at_rest(self, world: World) -> tuple[Violation, ...]:
        """Judge a world that has come to rest."""
        seen = truth(world, audited_evidence)
        covered = self._covered(world, seen, None)
        return (*check(self.rest, replace(seen, clocks_apart=self.clocks_apart)), *covered)

    def save(self) -> object:
        """Put it aside."""
        kept = (list(self.violations), Counter(self.uncovered), dict(self.since_fault), self.convergence)
        return (*kept, self.clocks_apart, dict(self._left), self._before)

    def begin_again(self, saved: object) -> None:
        """Take it up where it was put aside."""
        assert isinstance(saved, tuple)
        violations, uncovered, since_fault, self.convergence, self.clocks_apart, left, self._before = saved
        self.since_fault, self._left = dict(since_fault), dict(left)
        self.violations, self.uncovered, self._seen = list(violations), Counter(uncovered), None


def _mender(violation: Violation) -> str:
    return "position_monitor" if violation.id in RECONCILED else "order_monitor"


def _imposed(world: World, seen: Evidence, ran: Ran | None) -> dict[str, set[str]]:
    """Return why shares are uncovered, by symbol, where each such interval has a cause of the closed list.

    A cause stays in the ledger until another is told, so the pass itself must have named one: what it waited for
    earlier may be over. At rest the broker must show it.
    """
    causes: dict[str, set[str]] = {}
    for each in world.store.rows(world.account).coverage:
        if each.covered_qty != each.owned_qty:
            causes.setdefault(each.symbol, set()).add(str(each.cause))
    listed = {symbol: names for symbol, names in causes.items() if names <= CAUSES}
    if ran is None or ran.result is None:
        return {symbol: names for symbol, names in listed.items() if all(_is_so(n, symbol, world, seen) for n in names)}
    told = {(p.symbol, p.cause) for p in ran.result.problems}
    return {symbol: names for symbol, names in listed.items() if any((symbol, name) in told for name in names)}


def _is_so(cause: str, symbol: str, world: World, seen: Evidence) -> bool:
    """Say whether the broker shows the cause, as far as it shows that one at all."""
    if cause == "symbol_halted":
        return world.paper.is_halted(symbol)
    living = [o for o in seen.ledger.orders if o.symbol == symbol and o.status not in ENDED]
    if cause == "foreign_order":
        ours = {o.id for o in seen.ours}
        return any(o.id not in ours for o in living)
    if cause == "broker_pending_cancel":
        return bool(living)  # what is being cancelled, or holds the shares
    return True


def _excused(imposed: Mapping[str, set[str]], seen: Evidence, since: datetime) -> Iterator[tuple[str, set[str]]]:
    """Name the symbols whose shares may be uncovered for now, and why.

    The broker imposes it; or a limit at the target, which was already through, was sent since then for all that lacks
    a stop: the next look covers what is left (design, section 4).
    """
    for symbol, owned, covered in cover_apart(seen):
        if owned * covered < 0 or abs(covered) > abs(owned):
            continue  # more than is owned, which no cause explains
        if symbol in imposed:
            yield symbol, imposed[symbol]
        elif abs(owned - covered) <= _for_sale(symbol, seen, since):
            yield symbol, {AT_TARGET}


def _for_sale(symbol: str, seen: Evidence, since: datetime) -> Decimal:
    """Sum what limits without a stop, sent since then, are to close at the target."""
    parents = {o.parent_id for o in seen.books.orders}
    sent = {
        o.alpaca_order_id
        for o in seen.books.orders
        if o.order_type == Role.TAKE_PROFIT and o.kind == "limit" and o.id not in parents and o.created_at >= since
    }
    living = (o for o in seen.ours if o.symbol == symbol and o.id in sent and o.status not in ENDED)
    return sum(((o.qty or ZERO) - o.filled_qty for o in living), ZERO)


def _too_fresh(violation: Violation, world: World, seen: Evidence) -> bool:
    """Say whether the symbol's orders ended so lately that the lists did not show it yet, or filled so.

    Positions may lag fills for longer than lists lag orders.
    """
    options = world.paper.options
    lag, booking = (timedelta(seconds=float(each)) for each in (options.list_lag_s, options.booking_lag_s))
    symbol = violation.message.partition(":")[0]
    ended = (o.ended_at for parent in seen.ledger.orders for o in (parent, *parent.legs) if o.symbol == symbol)
    filled = (f.transaction_time for f in seen.ledger.fills if f.symbol == symbol)
    return any(at is not None and seen.now - lag < at for at in ended) or any(
        seen.now - max(lag, booking) < at for at in filled
    )


def spans(world: World, since: datetime) -> Iterator[str]:
    """Name each interval since then in which shares were uncovered, by its cause and the step of SPANS it falls into.

    Without a cause it is the time from a fill to the look that followed it.
    """
    for cause, seconds in queries.uncovered_spans(world.store, world.account, since=since):
        yield f"{cause or FIRST_LOOK}|{next(most for most in SPANS if seconds <= most)}"
