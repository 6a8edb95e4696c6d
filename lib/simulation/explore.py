"""Every fault at every call of a lifecycle, alone and in pairs: what was judged once is not played again.

A schedule is the list of its faults, each by step, call and kind. From the step at which it strikes it is played on
until it stands where an earlier one stood at the same step (same rows, same broker, same time), or to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.simulation.judging import spans
from lib.simulation.lifecycles.shape import Lifecycle
from lib.simulation.playing import Put, Stage, on_stage
from lib.simulation.points import KINDS, NoDifference
from lib.simulation.world import World


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What befalls a call of a step; steps from 0, calls from 1."""

    step: int
    call: int
    kind: str

    def __str__(self) -> str:
        """Write it as `--faults` of the command reads it."""
        return f"{self.step}.{self.call}:{self.kind}"


Schedule = tuple[Fault, ...]


@dataclass(slots=True)
class Tally:
    """What an exploration came to: counts, and each schedule that broke something."""

    schedules: int = 0
    same: int = 0
    """Schedules whose last fault made no difference, or the one that another kind had made at that call."""
    repeated: int = 0
    """Schedules left out: their fault strikes a pass that changed nothing, as one before it that asked the same."""
    joined: int = 0
    """Schedules that came to stand where an earlier one had stood."""
    passes: int = 0
    points: Counter[str] = field(default_factory=Counter)
    """Schedules by the call and kind of their last fault."""
    uncovered: Counter[str] = field(default_factory=Counter)
    spans: Counter[str] = field(default_factory=Counter)
    """Intervals in which shares were uncovered, by cause and length: `judging.span`."""
    convergence: Counter[int] = field(default_factory=Counter)
    broken: list[tuple[Schedule, tuple[str, ...]]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another one in."""
        self.schedules += other.schedules
        self.same += other.same
        self.repeated += other.repeated
        self.joined += other.joined
        self.passes += other.passes
        self.points += other.points
        self.uncovered += other.uncovered
        self.spans += other.spans
        self.convergence += other.convergence
        self.broken += other.broken

    def note(self, stage: Stage, schedule: Schedule) -> None:
        """Count in what the judges found of one schedule that was played on a stage."""
        if schedule:
            since = stage.steps[schedule[0].step].at
            for world in (stage.world, *(world for world, _ in stage.beside)):
                self.spans.update(spans(world, since=since))
        for judge in stage.judges:
            self.uncovered += judge.uncovered
        self.convergence[max(judge.convergence for judge in stage.judges)] += 1
        broken = stage.broken()
        if broken:
            self.broken.append((schedule, broken))


@dataclass(slots=True)
class Explorer:
    """One lifecycle, explored to a depth of `depth` faults from each of the steps asked for."""

    stage: Stage
    depth: int
    tally: Tally = field(default_factory=Tally)
    ended: Callable[[World], None] = lambda _: None
    """Told of each World that was played to its end: the clean one first."""
    quiet_once: bool = False
    """Of passes that change nothing and ask the same in the same state, explore the first, whatever the hour."""
    _judged: dict[tuple[int, bytes], int] = field(default_factory=dict)
    _quiet: set[object] = field(default_factory=set)

    def explore(self, steps: Callable[[int], bool] = lambda _: True) -> Tally:
        """Play the lifecycle clean, and from each step that `steps` names every schedule that begins there."""
        self._play_clean()
        self._follow((), self.depth, begins=steps)
        return self.tally

    def _play_clean(self) -> None:
        """Note where the clean life stands after each step, so that what is repaired at once ends at once."""
        stage = self.stage
        start = stage.save()
        while not stage.over:
            stage.play()
            self._judged[stage.place, stage.digest()] = 0
        self._end(stage)
        self._note(())
        stage.begin_again(start)

    def _follow(self, schedule: Schedule, depth: int, begins: Callable[[int], bool] = lambda _: True) -> None:
        """Play on without a fault, trying each further fault on the way, until it stands where another stood."""
        stage = self.stage
        while not stage.over:
            saved = stage.save() if depth else None
            stood = stage.digest(aged=False) if saved and self.quiet_once else b""
            stage.play()
            self.tally.passes += 1
            if saved is not None and begins(stage.place - 1) and not self._repeats(stood):
                self._branch(schedule, saved, depth)
            if schedule and stage.points.calls and self._seen_before(depth):
                self.tally.joined += 1
                return
        if schedule:
            self._end(stage)

    def _repeats(self, stood: bytes) -> bool:
        """Say whether the step just played is one more of those that change nothing."""
        stage = self.stage
        if not self.quiet_once or stage.digest(aged=False) != stood:
            return False
        pass_ = (stage.steps[stage.place - 1].stage, tuple(stage.points.calls), stood)
        if pass_ in self._quiet:
            self.tally.repeated += sum(len(KINDS[name]) for name in stage.points.calls)
            return True
        self._quiet.add(pass_)
        return False

    def _branch(self, schedule: Schedule, saved: Put, depth: int, after: int = 0) -> None:
        """Try every fault at every call of the step just played beyond the call `after`; then take up what was."""
        stage = self.stage
        went_on = stage.save()
        calls, known = tuple(stage.points.calls), dict(stage.points.read)
        for number, name in enumerate(calls, 1):
            answers: set[object] = set()
            for kind in KINDS[name] if number > after else ():
                stage.begin_again(saved)
                longer = (*schedule, Fault(stage.place, number, kind))
                self.tally.schedules += 1
                self.tally.points[f"{name} {kind}"] += 1
                if self._differs(longer, answers, known):
                    self._one(longer, saved, depth - 1)
        stage.begin_again(went_on)
        stage.points.calls, stage.points.read = list(calls), known

    def _differs(self, schedule: Schedule, answers: set[object], known: Mapping[int, Any]) -> bool:
        """Play the step that the last fault strikes; say whether it makes a difference to what was played before."""
        stage = self.stage
        stage.points.answers = answers
        try:
            stage.play({fault.call: fault.kind for fault in schedule if fault.step == stage.place}, known)
        except NoDifference:
            self.tally.same += 1
            self.tally.convergence[0] += 1
            return False
        finally:
            stage.points.answers = None
        self.tally.passes += 1
        return True

    def _one(self, schedule: Schedule, saved: Put, depth: int) -> None:
        """Judge one schedule from its last fault on."""
        if depth:
            self._branch(schedule, saved, depth, after=schedule[-1].call)
        if self._seen_before(depth):
            self.tally.joined += 1
            self._note(schedule)
            return
        self._follow(schedule, depth)
        self._note(schedule)

    def _seen_before(self, depth: int) -> bool:
        key = self.stage.place, self.stage.digest()
        known = self._judged.get(key, -1)
        self._judged[key] = max(known, depth)
        return known >= depth

    def _end(self, stage: Stage) -> None:
        stage.judge_at_rest()
        self.ended(stage.world)

    def _note(self, schedule: Schedule) -> None:
        self.tally.note(self.stage, schedule)


def explore(
    lifecycle: Lifecycle,
    directory: Path,
    *,
    depth: int = 1,
    steps: Callable[[int], bool] | None = None,
    quiet_once: bool = False,
    ended: Callable[[World], None] = lambda _: None,
) -> Tally:
    """Explore a lifecycle to a depth; `steps` chooses at which steps the first fault may strike.

    `quiet_once`: of the passes that change nothing, and ask the same in the same state, the first stands for all.
    """
    with on_stage(lifecycle, directory) as stage:
        return Explorer(stage, depth, ended=ended, quiet_once=quiet_once).explore(steps or (lambda _: True))


def replayed(lifecycle: Lifecycle, schedule: Schedule, directory: Path) -> tuple[str, ...]:
    """Play one schedule from its beginning to its end; return what was broken, in words."""
    with on_stage(lifecycle, directory) as stage:
        while not stage.over:
            stage.play({fault.call: fault.kind for fault in schedule if fault.step == stage.place})
        stage.judge_at_rest()
        return stage.broken()


def shrunk(schedule: Schedule, breaks: Callable[[Schedule], bool]) -> Schedule:
    """Leave out every fault without which the schedule still breaks something."""
    left = schedule
    for fault in schedule:
        fewer = tuple(each for each in left if each != fault)
        if fewer and breaks(fewer):
            left = fewer
    return left


def read_schedule(words: Sequence[str]) -> Schedule:
    """Read faults as they are written: `12.3:crash_after`. Raises ValueError."""
    return tuple(_read(words))


def _read(words: Sequence[str]) -> Iterator[Fault]:
    for word in words:
        place, _, kind = word.partition(":")
        step, _, call = place.partition(".")
        yield Fault(int(step), int(call), kind)
