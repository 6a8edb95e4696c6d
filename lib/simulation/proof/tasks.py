"""The parts of a proof: each is played by one process, in any order, and gives the same counts every time."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

from lib.simulation import drawn, grids
from lib.simulation.explore import Schedule, Tally, explore, read_schedule, replayed, shrunk
from lib.simulation.fuzzing import fuzz
from lib.simulation.lifecycles import ALL, CORE
from lib.simulation.playing import steps_of

PAIRS, LIFE, ROWS, GRIDS = "pairs", "life", "rows", "grid"
RUNS_PER_LIFE = 40
ROWS_PER_TASK = 5_000
SHRUNK_MAX = 5
"""Of a part that breaks much the first few schedules are shrunk: each takes a life for every fault of it."""
LIVES_PER_ROWS = 20
"""After so many lives, once some fuzzed rows: both numbers grow, lives take nearly all of the time."""
LIVES_PER_GRIDS = 2
"""After so many lives, once some grids."""
GRIDS_PER_TASK = 25
"""Seeds: two runs of each, a spot grid and a reverse one."""

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made below it


@dataclass(frozen=True, slots=True)
class Task:
    """A part: pairs of faults that begin at a step of a lifecycle, schedules of a life, grids or rows of a seed."""

    kind: str
    name: str
    number: int

    @property
    def key(self) -> str:
        """What it is known by in the file of results."""
        return f"{self.kind} {self.name} {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a part came to, as it is kept in a line of JSON."""

    key: str
    kind: str
    seconds: float
    schedules: int = 0
    same: int = 0
    joined: int = 0
    passes: int = 0
    rows: int = 0
    points: Mapping[str, int]
    uncovered: Mapping[str, int]
    spans: Mapping[str, int]
    convergence: Mapping[str, int]
    profiles: Mapping[str, int]
    reasons: Mapping[str, int]
    broken: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for a line of the file."""
        return asdict(self)


def tasks(seed: int) -> Iterator[Task]:
    """Go through the parts for ever: the pairs of the core lifecycles, then lives, grids and rows from the seed on."""
    for lifecycle in CORE:
        for number in range(len(steps_of(lifecycle))):
            yield Task(PAIRS, lifecycle.name, number)
    place = grid = seed
    while True:
        for number in range(LIVES_PER_ROWS):
            yield Task(LIFE, "", place)
            place += 1
            if number % LIVES_PER_GRIDS == 0:
                yield Task(GRIDS, "", grid)
                grid += GRIDS_PER_TASK
        yield Task(ROWS, "", place)


def work(task: Task) -> Result:
    """Play one part."""
    began = process_time()
    if task.kind == ROWS:
        outcome = fuzz(ROWS_PER_TASK, task.number)
        return _result(task, began, Tally(), rows=outcome.rows, reasons=outcome.reasons, wrong=tuple(outcome.wrong))
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as directory:
        if task.kind == PAIRS:
            (lifecycle,) = (each for each in ALL if each.name == task.name)
            tally = explore(lifecycle, Path(directory), depth=2, steps=lambda step: step == task.number)
            return _result(task, began, tally)
        if task.kind == GRIDS:
            return _grids(task, began, grids.play(task.number, GRIDS_PER_TASK, Path(directory)))
        tally = drawn.play(task.number, RUNS_PER_LIFE, Path(directory))
        profile = drawn.life(task.number).profile
        return _result(task, began, tally, profiles={profile: tally.schedules})


def _grids(task: Task, began: float, counts: grids.Counts) -> Result:
    tally = Tally(schedules=counts.runs, passes=counts.looks, points=counts.points, convergence=counts.quiet)
    return replace(_result(task, began, tally), broken=tuple(counts.broken))


def _result(
    task: Task,
    began: float,
    tally: Tally,
    *,
    rows: int = 0,
    profiles: Mapping[str, int] | None = None,
    reasons: Mapping[str, int] | None = None,
    wrong: tuple[str, ...] = (),
) -> Result:
    name = task.name if task.kind == PAIRS else f"{task.kind} {task.number}"
    broken = [
        (f"{name!r} {' '.join(map(str, _fewest(name, schedule) if n < SHRUNK_MAX else schedule))}".strip(), said)
        for n, (schedule, said) in enumerate(tally.broken)
    ]
    return Result(
        key=task.key,
        kind=task.kind,
        seconds=process_time() - began,
        schedules=tally.schedules,
        same=tally.same,
        joined=tally.joined,
        passes=tally.passes,
        rows=rows,
        points=dict(tally.points),
        uncovered=dict(tally.uncovered),
        spans=dict(tally.spans),
        convergence={str(passes): count for passes, count in tally.convergence.items()},
        profiles=dict(profiles or {}),
        reasons=dict(Counter(reasons or {})),
        broken=(*broken, *((name, (said,)) for said in wrong)),
    )


def _fewest(name: str, schedule: Schedule) -> Schedule:
    """Leave out the faults that it does not take to break something."""
    return shrunk(schedule, lambda fewer: bool(played_again(name, [str(fault) for fault in fewer])))


def played_again(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """Play one schedule anew, from the beginning to the end; return what it broke. Raises ValueError for a bad name."""
    schedule = read_schedule(words)
    kind, _, number = name.partition(" ")
    with tempfile.TemporaryDirectory() as directory:
        if kind == LIFE and number.isdecimal():
            return drawn.replayed(int(number), schedule, Path(directory))
        if kind == GRIDS and number.isdecimal():
            broken = grids.play(int(number), 1, Path(directory)).broken
            return tuple(f"{name}: {said}" for name, each in broken for said in each)
        found = [each for each in ALL if each.name == name]
        if not found:
            message = f"{name!r} is neither `life N`, `grid N` nor one of: {', '.join(repr(each.name) for each in ALL)}"
            raise ValueError(message)
        return replayed(found[0], schedule, Path(directory))
