"""Stories of grids played through the real stages and the paper broker, every look judged: grid-I1 to grid-I30.

One World is opened and begun anew for each story. The price is set by hand, bid and ask alike. A strategy has the
number of its seed, so that the names of its orders, and with them what the broker fills in parts, differ by story.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from lib.domain.actions import Insert, Update
from lib.domain.facts import Asset
from lib.domain.grids import GridKind, GridStatus, Strategy
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.planning.grid.levels import levels
from lib.planning.grid.reading import status_of
from lib.simulation.grid_rules import (
    AT_REST,
    HISTORY,
    View,
    broken,
    closed_form,
    dust_most,
    refused_well,
    trips_lost_nothing,
    view,
)
from lib.simulation.grid_stories import CALM, CENTRE, COIN, STOCK, TROUBLED, Mark, Move, Story, drawn, first_difference
from lib.simulation.judging import PASSES_MAX, Judge
from lib.simulation.points import Points, with_points
from lib.simulation.snapshots import Saved, begin_again, save
from lib.simulation.world import World, world

KINDS = (GridKind.SPOT, GridKind.REVERSE)
BEGIN = datetime(2024, 11, 20, 15, 0, tzinfo=UTC)
NEXT_OPEN = timedelta(hours=24)
AFTER_CLOSE = timedelta(hours=7)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LOOKS_APART = timedelta(seconds=35)
"""Two looks so far apart tell that an order was never there."""
ENDS_MOST = 8
"""So many looks at most until a grid that starts in parts has started."""
CLOSES_MOST = 60
"""So many until one that is to end has ended: a broker that fills in parts fills a coin down to its ninth decimal."""
REQUESTS_MOST = 200
"""Alpaca's limit for a minute."""
ORDER_MONITOR, POSITION_MONITOR, ORDER_EXECUTOR = "order_monitor", "position_monitor", "order_executor"

OPTIONS = Options(
    partial_fill_rate=Decimal(0),
    cash=Decimal(1_000_000),
    crypto_taker_bps=Decimal(25),
    crypto_maker_bps=Decimal(25),
    crypto_fee_money_digits=15,
)
"""One rate for all fills of coins, in money that is never rounded: what the broker takes is what the ledger takes."""
COIN_FACTS = {"price_increment": "0.01", "min_trade_increment": "0.0001", "min_order_size": "0.0005"}


@dataclass(slots=True)
class Counts:
    """What stories came to."""

    runs: int = 0
    looks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    """Faults that struck, by call and kind."""
    quiet: Counter[int] = field(default_factory=Counter)
    """Runs by the most further looks that it took to come to rest after one that was to leave all at rest."""
    met: Counter[str] = field(default_factory=Counter)
    """What a run is for, and how often it came there."""
    broken: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


class Table:
    """A World on which stories are played one after the other."""

    def __init__(self, made: World, points: Points, assets: Mapping[str, Asset | None], fresh: Saved) -> None:
        """Put it aside as it is."""
        self.world, self.points, self.assets, self.fresh = made, points, assets, fresh
        self.counts = Counts()

    def play(self, seed: int) -> None:
        """Play the stories of a seed, and compare the two where one is the mirror of the other."""
        marks = []
        for kind in KINDS:
            run = Run(self, drawn(seed, kind))
            run.play()
            self.counts.runs += 1
            self.counts.quiet[run.quiet] += 1
            self.counts.kinds[f"{kind.lower()}, {run.story.manner}"] += 1
            if run.wrong:
                self.counts.broken.append((f"grid {seed}", tuple(f"{kind}: {said}" for said in run.wrong)))
            marks.append(run.marks)
        if drawn(seed, GridKind.SPOT).mirrors:
            self.counts.met["mirrors"] += 1
            if marks[0] != marks[1]:
                self.counts.broken.append((f"grid {seed}", (f"I30: {first_difference(*marks)}",)))


class Run:
    """One story while it is played."""

    def __init__(self, table: Table, story: Story) -> None:
        """Begin the World anew, and write the strategy, approved."""
        self.table, self.story, self.world, self.points = table, story, table.world, table.points
        begin_again(self.world, self.points, [self.world.paper], table.fresh)
        self.world.history.clear()
        self.world.paper.options = replace(OPTIONS, partial_fill_rate=story.partial_rate, **story.lags)
        self.judge = Judge()
        self.price = story.start
        self.wrong: list[str] = []
        self.marks: list[Mark] = []
        self.asked: deque[tuple[datetime, int]] = deque()
        self.settled: tuple[int, int] | None = None
        """Fills and orders at the broker when all was last seen at rest; None once somebody has interfered."""
        self.quiet = 0
        self._quote()
        values = {"id": 1 + story.seed, "account": "main", "approve": True, **story.columns}
        self.world.store.write(
            (Insert(table="grid_strategy", values=values),), run_id="person", at=self.world.clock.now()
        )
        self._see()

    def play(self) -> None:
        """Play it to its end; what was broken is in `wrong`."""
        self._look(self.story.start_faults, rests=not self.story.start_faults and not self.story.refused)
        if self.story.refused:
            self._refused()
            return
        for move in self.story.moves:
            if status_of(self._strategy) not in {GridStatus.WAITING, GridStatus.STARTING, GridStatus.RUNNING}:
                break
            self._go(move)
            if move.looks:
                self._befall(move)
        self._end()
        self.wrong += [str(violation) for violation in self.judge.violations]

    def _refused(self) -> None:
        """I1: levels that lie closer than a cent are no grid."""
        for _ in range(PASSES_MAX):
            self._pass(ORDER_EXECUTOR, {})
        self.wrong += refused_well(self._strategy, self.seen)
        self.table.counts.met["refused"] += 1

    # The clock, the price, people

    def _quote(self) -> None:
        self.world.price(self.story.symbol, str(self.price), str(self.price))

    def _wait(self, time: timedelta) -> None:
        self.world.clock.sleep(time.total_seconds())

    def _go(self, move: Move) -> None:
        """Let the price go, through every level on the way unless it jumps; no two of its steps are in one instant."""
        self._wait(MINUTE)
        way = () if self.view is None else sorted(levels(self.view.grid), reverse=move.price < self.price)
        low, high = sorted((self.price, move.price))
        between = () if move.jumps else tuple(each for each in way if low < each < high)
        for price in (*between, move.price):
            self._wait(SECOND)
            self.price = price
            self._quote()

    def _befall(self, move: Move) -> None:
        if move.cancels is not None:
            self._cancel_one(move.cancels)
        if move.night:
            self._night()
        self._look(move.faults, rests=move.rests)
        if move.beside:
            self._pass(POSITION_MONITOR, {})
        if move.again and move.rests:
            self._look({}, rests=True)

    def _cancel_one(self, number: int) -> None:
        self._see()
        live = () if self.view is None else self.view.live
        if live and status_of(self._strategy) is GridStatus.RUNNING:
            order = live[number % len(live)]
            self.world.paper.respond(Request("DELETE", f"/v2/orders/{order.id}"))
            self.settled = None
            self.table.counts.met["orders cancelled by a person"] += 1

    def _night(self) -> None:
        """Look once after the close, and go on in the next session."""
        began = self.world.clock.now()
        self.world.clock.advance_to(began + AFTER_CLOSE)
        self._pass(ORDER_MONITOR, {})
        self.world.clock.advance_to(began + NEXT_OPEN)
        self._quote()
        self.settled = None
        self.table.counts.met["nights"] += 1

    # Looks

    def _look(self, faults: Mapping[int, str], *, rests: bool) -> None:
        """Let the stages look as cron does; if all is to come to rest, look on until it has."""
        if status_of(self._strategy) is GridStatus.WAITING:
            self._pass(ORDER_EXECUTOR, faults)
            faults = {}
        self._pass(ORDER_MONITOR, faults)
        if self.points.fired or faults:
            self.settled = None
        self._nothing_new()
        if rests:
            self._settle()

    def _pass(self, stage: str, faults: Mapping[int, str]) -> None:
        self.points.begin(faults)
        at = self.world.clock.now()
        ran = self.world.run(stage)
        counts = self.table.counts
        counts.looks += 1
        for words in self.points.fired:
            call, _, kind = words.partition(":")
            counts.points[f"{self.points.calls[int(call) - 1]} {kind}"] += 1
        self.judge.look(self.world, ran, troubled=bool(self.points.fired))
        self._see()
        self._meter(at)

    def _meter(self, at: datetime) -> None:
        """I29: count the requests of passes that began within a minute, as if each had asked at once."""
        requests = sum(1 for call in self.points.calls if call.startswith("broker."))
        self.asked.append((at, requests))
        while at - self.asked[0][0] > MINUTE:
            self.asked.popleft()
        if sum(count for _, count in self.asked) > REQUESTS_MOST:
            self.wrong.append(f"I29: {list(self.asked)} requests within a minute")

    def _nothing_new(self) -> None:
        """I5, I28: where nothing has filled since all was at rest, a look places and cancels nothing, at any price."""
        found = self.view
        if self.settled is None or found is None:
            return
        fills, orders = len(found.seen.ledger.fills), len(found.orders)
        asked = [call for call in self.points.calls if call in {"broker.submit", "broker.cancel", "broker.replace"}]
        if fills == self.settled[0]:
            low, high = found.grid.lower, found.grid.upper
            self.table.counts.met[
                "looks at nothing new" if low <= self.price <= high else "looks beyond the range"
            ] += 1
            if orders != self.settled[1] or asked:
                self.wrong.append(f"I5: nothing had filled, and a look asked for {asked} at {self.price}")

    def _settle(self) -> None:
        """I17: within as many looks as there are levels all is at rest; where there is trouble, within those of L4."""
        self.settled = None
        most = int(self.story.columns["levels"])
        if self.story.manner != CALM:
            most = max(most, PASSES_MAX + 1)
        said: tuple[str, ...] = ()
        for quiet in range(most):
            found = self.view
            status = status_of(self._strategy)
            if status is GridStatus.STARTING and found is not None and self._start_is_on(found):
                return  # the first order has filled in part: until it has ended, nothing else may rest
            said = (f"it is {status}: {self._strategy.reason}",)
            if found is not None and status is GridStatus.RUNNING:
                said = broken(AT_REST, found)
                if not said:
                    self.quiet = max(self.quiet, quiet)
                    self.settled = len(found.seen.ledger.fills), len(found.orders)
                    self._mark(found)
                    return
            if quiet < most - 1:
                self._wait(LOOKS_APART)
                if status is GridStatus.WAITING:
                    self._quote()
                    self._pass(ORDER_EXECUTOR, {})
                self._pass(ORDER_MONITOR, {})
        self.wrong += [f"I17: after {most - 1} quiet looks: {each}" for each in said]

    def _start_is_on(self, found: View) -> bool:
        return any(order.kind == "market" for order in found.live)

    def _mark(self, found: View) -> None:
        book, sign = found.ledger, found.grid.sign
        profits = (book.matched, book.initial, book.equity(self.price), book.interval_gross, book.arbitrages)
        numbers = (*profits, abs(book.inventory), book.relabelled)
        opening = {(want.side, want.cell): (want.opens, (want.price - CENTRE) * sign) for want in found.wants}
        resting = frozenset((*opening[key], left) for key, left in found.resting.items())
        self.marks.append(Mark(numbers, resting))

    # The end

    def _end(self) -> None:
        """Come to rest, judge the whole history, and for some have it all flattened."""
        for _ in range(ENDS_MOST):
            self._wait(LOOKS_APART)
            if status_of(self._strategy) is GridStatus.RUNNING:
                break
            self._quote()
            self._look({}, rests=False)
        self._look({}, rests=True)
        found = self.view
        if found is None:
            self.wrong.append(f"its strategy cannot be read any more: {self._strategy}")
            return
        self._count(found)
        self.wrong += broken(HISTORY, found)
        if found.grid.fee_bps == 0:
            self.wrong += closed_form(found)
        if self.story.manner in {CALM, TROUBLED}:
            self.wrong += trips_lost_nothing(found)
        if self.story.ends:
            self._flatten()

    def _flatten(self) -> None:
        """I22: everything is cancelled, then exactly what was held is closed; nothing is left."""
        strategy = self._strategy
        change = Update(table="grid_strategy", id=strategy.id, version=strategy.version, values={"wanted": "flatten"})
        self.world.store.write((change,), run_id="person", at=self.world.clock.now())
        for _ in range(CLOSES_MOST):
            self._pass(ORDER_MONITOR, {})
            if status_of(self._strategy) is GridStatus.STOPPED:
                break
            self._wait(LOOKS_APART)
            self._quote()
        self._wait(LOOKS_APART)  # positions may lag behind the last fill
        self._see()
        found = self.view
        assert found is not None
        self.table.counts.met["flattened"] += 1
        self.wrong += broken(HISTORY, found)
        if (
            status_of(self._strategy) is not GridStatus.STOPPED
            or found.live
            or abs(found.position) > dust_most(found, 1)
        ):
            self.wrong.append(f"I22: {self._strategy.status}, {len(found.live)} orders live, {found.position} held")
        for stage in (POSITION_MONITOR, ORDER_MONITOR):
            self._wait(MINUTE)
            self._pass(stage, {})
        self.wrong += [str(violation) for violation in self.judge.at_rest(self.world)]

    def _count(self, found: View) -> None:
        met = self.table.counts.met
        met["fills"] += len(found.seen.ledger.fills)
        met["round trips"] += len(found.ledger.trips)
        met["runs with lots that lie in another cell"] += bool(found.ledger.relabelled)

    # What there is

    def _see(self) -> None:
        """Look at both sides as they are now."""
        self.seen = self.judge.evidence(self.world)
        self.view = view(self.seen, self.table.assets[self.story.symbol], self.price)

    @property
    def _strategy(self) -> Strategy:
        (found,) = self.seen.books.grids
        return found


@contextmanager
def table(directory: Path) -> Iterator[Table]:
    """Open a World for stories of grids."""
    points = Points()
    feed = ScriptedFeed({symbol: [(BEGIN - timedelta(days=5), CENTRE)] for symbol in (STOCK, COIN)})
    with world(directory, BEGIN, feed, options=OPTIONS, wrap=lambda tools: with_points(tools, points)) as made:
        points.papers["main"] = made.paper
        made.asset(symbol=COIN, **COIN_FACTS)
        assets = {symbol: made.tools.broker.asset(symbol) for symbol in (STOCK, COIN)}
        yield Table(made, points, assets, save(made, points, [made.paper]))


def play(first: int, seeds: int, directory: Path) -> Counts:
    """Play both stories of so many seeds."""
    with table(directory) as opened:
        for seed in range(first, first + seeds):
            opened.play(seed)
        return opened.counts
