"""A proof over all cores: what is done is kept at once, so that it goes on where it was stopped."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

from lib.config import REPOSITORY
from lib.simulation.proof.tasks import Result, Task, tasks, work

MINUTES = 10.0
UNKNOWN = "no-commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How long, how many schedules, from which seed, on how many cores, and where results are kept."""

    minutes: float | None
    runs: int | None
    seed: int
    jobs: int
    directory: Path

    @property
    def until(self) -> float | None:
        """Seconds to go; MINUTES if nothing else ends it."""
        minutes = MINUTES if self.minutes is None and self.runs is None else self.minutes
        return None if minutes is None else minutes * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """All results of a commit and a seed, of this run and of those before it."""

    commit: str
    seed: int
    jobs: int
    wall_s: float
    results: tuple[Result, ...]
    file: Path


def run(
    wanted: Wanted,
    tell: Callable[[Result], None] = lambda _: None,
    *,
    parts: Callable[[int], Iterator[Task]] = tasks,
    play: Callable[[Task], Result] = work,
) -> Campaign:
    """Play parts until time or schedules are used up, or there are no more.

    A part under way when that happens is played to its end.
    """
    wanted.directory.mkdir(parents=True, exist_ok=True)
    commit = commit_of(REPOSITORY)
    file = wanted.directory / f"{commit}-seed-{wanted.seed}.jsonl"
    results, wall = _kept(file)
    done = {result.key for result in results}
    began = monotonic()
    with file.open("a", encoding="utf-8") as out:
        left = (task for task in parts(wanted.seed) if task.key not in done)
        for result in _played(wanted, left, play, began):
            results.append(result)
            out.write(json.dumps({"result": result.as_json(), "wall_s": wall + monotonic() - began}) + "\n")
            out.flush()
            tell(result)
    whole = wall + monotonic() - began
    return Campaign(commit=commit, seed=wanted.seed, jobs=wanted.jobs, wall_s=whole, results=tuple(results), file=file)


def _played(wanted: Wanted, left: Iterator[Task], play: Callable[[Task], Result], began: float) -> Iterator[Result]:
    schedules = 0
    running: set[Future[Result]] = set()
    # A process begun anew has no connections or caches of another's.
    with ProcessPoolExecutor(wanted.jobs, mp_context=get_context("spawn")) as pool:
        try:
            while True:
                over = wanted.until is not None and monotonic() - began >= wanted.until
                enough = wanted.runs is not None and schedules >= wanted.runs
                while not (over or enough) and len(running) < wanted.jobs and (task := next(left, None)) is not None:
                    running.add(pool.submit(play, task))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    result = future.result()
                    schedules += result.schedules
                    yield result
        finally:
            pool.shutdown(cancel_futures=True)


def _kept(file: Path) -> tuple[list[Result], float]:
    """Read what earlier runs of the same commit and seed have done; a line cut off by a crash is played again."""
    results: list[Result] = []
    wall = 0.0
    if not file.exists():
        return results, wall
    whole, end, _ = file.read_bytes().rpartition(b"\n")
    os.truncate(file, len(whole + end))
    for line in whole.splitlines():
        row = json.loads(line)
        kept = row["result"] | {"broken": tuple((name, tuple(said)) for name, said in row["result"]["broken"])}
        results.append(Result(**kept))
        wall = row["wall_s"]
    return results, wall


def commit_of(repository: Path) -> str:
    """Name the code that is proved: its commit, and `-changed` where the working tree is not that commit's."""

    def git(*words: str) -> str:
        return subprocess.run(  # noqa: S603 - no word of it comes from outside
            ["git", "-C", str(repository), *words],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--", "lib")
    return (commit or UNKNOWN) + ("-changed" if changed else "")
