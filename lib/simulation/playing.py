"""A lifecycle as steps that can be played one by one, put aside, and played again with trouble.

A step is one act of a person or one pass of one stage, where cron would start it. Every step is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lib import due, sessions
from lib.clock import SimulatedClock
from lib.config import REPOSITORY
from lib.crontab import read_crontab
from lib.paper_broker.program import PaperBroker
from lib.simulation.around import MISSED, PEOPLE, SKEWED, HostClock, dice_of, second_host, skew
from lib.simulation.evidence import after_another_round, truth
from lib.simulation.judging import PASSES_MAX, Judge
from lib.simulation.lifecycles.shape import Act, Lifecycle
from lib.simulation.points import SECOND_HOST, Plan, Points, with_points
from lib.simulation.snapshots import Saved, begin_again, digest, pass_reads, save
from lib.simulation.world import TICK, World, world
from lib.tools import Tools

CRASHED = "crash:"
BESIDE_SEED = 7_001
SHOWN_AFTER_S = 6
"""Longer than any broker here is silent about what happened."""
BEFORE_OPEN = timedelta(minutes=16)
LOOK = timedelta(minutes=5)


Put = tuple[int, Saved, tuple[object, ...]]
"""A stage put aside: the step it is at, its World, its judge."""


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of `stage`, started by cron at `at` if it is due, or what a person does then."""

    at: datetime
    stage: str = ""
    act: Act | None = None


@dataclass(slots=True)
class Stage:
    """A World on which a lifecycle is played: where it stands, and what was judged so far."""

    lifecycle: Lifecycle
    world: World
    points: Points
    steps: tuple[Step, ...]
    judge: Judge
    host: HostClock
    beside: tuple[tuple[World, Judge], ...] = ()
    place: int = 0

    def play(self, plan: Plan | None = None, known: Mapping[int, Any] | None = None) -> None:
        """Play the next step, with what befalls its calls, and judge what came of it.

        `known` is what an earlier play of it was answered, before its last fault the same as this one's.
        """
        step, world = self.steps[self.place], self.world
        self.points.begin(plan or {}, known)
        world.clock.advance_to(max(step.at, world.clock.now()))
        kind = self.points.plan.get(0)
        name = self._befall(kind) if kind is not None else None
        if step.act is not None:
            getattr(world, step.act.verb)(*step.act.values, **step.act.columns)
        elif name != MISSED and due.is_due(step.stage, world.tools.clock.now(), due.read(world.tools.state_dir)):
            self._run(step.stage)
        if name == SKEWED:
            self.host.ahead = timedelta(0)
        self.place += 1

    def _run(self, stage: str) -> None:
        """Start a stage as cron does, over every account; if it dies at one, those behind are not worked."""
        for account, judge in self._accounts:
            fired = len(self.points.fired)
            ran = account.run(stage)
            # What befell one account before its pass (a person, the clock) befell all.
            troubled = len(self.points.fired) > fired or 0 in self.points.plan
            judge.look(account, ran, troubled=troubled)
            if ran.error is not None and ran.error.startswith(CRASHED):
                for _, other in self.beside:
                    other.begin_count()
                break

    def _befall(self, kind: str) -> str:
        """Let happen what a plan has before the first call of a step."""
        name, dice = dice_of(kind)
        if name in PEOPLE:
            PEOPLE[name](self.world, dice)
            # A pass cannot see what the broker's lists do not show yet.
            self.world.clock.sleep(SHOWN_AFTER_S)
        elif name == SKEWED:
            skew(self.host, dice)
            for judge in self.judges:  # one host works every account
                judge.clocks_apart = max(judge.clocks_apart, abs(self.host.ahead))
        elif name == SECOND_HOST:
            self.points.interlude(kind)
        self.points.fired.append(f"0:{kind}")
        return name

    @property
    def over(self) -> bool:
        """Say whether the last step was played."""
        return self.place == len(self.steps)

    def save(self) -> Put:
        """Put it aside."""
        judged = tuple(judge.save() for judge in self.judges)
        return self.place, save(self.world, self.points, self._papers), judged

    def begin_again(self, saved: Put) -> None:
        """Take it up where it was put aside."""
        self.place, kept, judged = saved
        begin_again(self.world, self.points, self._papers, kept)
        for (account, judge), was in zip(self._accounts, judged, strict=True):
            judge.begin_again(was)
            account.history.clear()
        self.host.ahead = timedelta(0)

    def digest(self, *, aged: bool = True) -> bytes:
        """Return what decides what comes next; without `aged` whatever the hour."""
        return b"".join(
            digest(judge.evidence(account), *pass_reads(account), aged=aged) for account, judge in self._accounts
        )

    @property
    def _papers(self) -> tuple[PaperBroker, ...]:
        return tuple(account.paper for account, _ in self._accounts)

    @property
    def _accounts(self) -> tuple[tuple[World, Judge], ...]:
        return ((self.world, self.judge), *self.beside)

    @property
    def judges(self) -> tuple[Judge, ...]:
        """Return the judge of each account."""
        return tuple(judge for _, judge in self._accounts)

    def judge_at_rest(self) -> None:
        """Judge every account as one that has come to rest."""
        self.points.begin({})
        for account, judge in self._accounts:
            self._settle(account, judge)
            judge.violations += judge.at_rest(account)
            for stage in due.STAGES:  # what only waited for its turn, such as the answer on a decision
                account.run(stage)
            judge.violations += truth(account, after_another_round)

    def _settle(self, account: World, judge: Judge) -> None:
        """Let the looks come that follow a fault, where it struck so late that the life has none."""
        for _ in range(PASSES_MAX):
            if not judge.since_fault:
                return
            self.world.clock.advance_to(self.world.clock.now() + LOOK)
            for stage in due.STAGES:
                judge.look(account, account.run(stage), troubled=False)

    def broken(self) -> tuple[str, ...]:
        """Return what was broken so far, in words."""
        words = [str(violation) for violation in self.judge.violations]
        for account, judge in self.beside:
            words += [f"{account.account}: {violation}" for violation in judge.violations]
        return tuple(words)


@contextmanager
def on_stage(lifecycle: Lifecycle, directory: Path) -> Iterator[Stage]:
    """Build the World of a lifecycle, its decisions written, before its first step."""
    directory.mkdir(parents=True, exist_ok=True)
    points = Points()
    hosts: list[tuple[HostClock, Tools]] = []

    def wrap(tools: Tools) -> Tools:
        assert isinstance(tools.clock, SimulatedClock)
        host = HostClock(tools.clock)
        hosts.append((host, replace(tools, limits=lifecycle.limits)))
        return with_points(replace(tools, clock=host, limits=lifecycle.limits), points)

    with world(directory, lifecycle.start, lifecycle.feed, options=lifecycle.options, wrap=wrap) as made:
        ((host, bare),) = hosts
        points.papers["main"] = made.paper
        points.interlude = lambda kind: second_host(bare, dice_of(kind)[1])
        for columns in lifecycle.decisions:
            made.decide(**columns)
        beside = tuple((_beside(made, lifecycle, name, points), Judge()) for name in lifecycle.beside)
        yield Stage(lifecycle, made, points, steps_of(lifecycle), Judge(), host, beside)


def _beside(made: World, lifecycle: Lifecycle, name: str, points: Points) -> World:
    """Open another account, its calls counted with the first one's."""
    limits, clock = lifecycle.limits, made.tools.clock

    def wrap(tools: Tools) -> Tools:
        return with_points(replace(tools, clock=clock, limits=limits), points, name)

    opened = made.beside(name, lifecycle.feed, options=replace(lifecycle.options, seed=BESIDE_SEED), wrap=wrap)
    points.papers[name] = opened.paper
    for columns in lifecycle.beside[name]:
        opened.decide(**columns)
    return opened


def steps_of(lifecycle: Lifecycle) -> tuple[Step, ...]:
    """Return the acts and the lines of the crontab in order of time; of cron's those that are watched."""
    lines = read_crontab(REPOSITORY / "crontab")
    found = [Step(at=act.at, act=act) for act in lifecycle.acts]
    minute = lifecycle.start.replace(second=0, microsecond=0)
    spans = _watched(lifecycle)
    while minute <= lifecycle.end:
        if any(first <= minute <= last for first, last in spans):
            found += [Step(at=minute, stage=line.stage) for line in lines if line.fires(minute)]
        minute += TICK
    return tuple(sorted(found, key=lambda step: step.at))


def _watched(lifecycle: Lifecycle) -> list[tuple[datetime, datetime]]:
    """Return the spans in which something can happen, and the looks before the opening and in the evening."""
    if lifecycle.watched is None:
        return [(lifecycle.start, lifecycle.end)]
    begins = [at for path in lifecycle.prices.values() for at, _ in path] + [act.at for act in lifecycle.acts]
    days = sessions.load().between(lifecycle.start.date(), lifecycle.end.date())
    begins += [at for day in days for at in (day.open - BEFORE_OPEN, day.open, day.open + due.ENTRIES_START, day.close)]
    begins += [day.close + due.MONITOR_AFTER_CLOSE for day in days]
    return [(begin, begin + lifecycle.watched) for begin in begins]
