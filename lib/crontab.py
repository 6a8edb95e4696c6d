"""The shipped crontab as data: which stage when. One file says when things run, for cron and for a simulation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
JOB = re.compile(r"\bpython (\w+)\.py((?: --[\w-]+)*)")


@dataclass(frozen=True, slots=True)
class Line:
    """One job: the five fields as sets (minute, hour, day, month, weekday with Sunday 0), stage and flags."""

    fields: tuple[frozenset[int], ...]
    stage: str
    flags: tuple[str, ...]

    def fires(self, at: datetime) -> bool:
        """Say whether cron on a host in `at`'s zone starts this job in that minute."""
        now = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7)
        return all(value in allowed for value, allowed in zip(now, self.fields, strict=True))


def read_crontab(path: Path) -> tuple[Line, ...]:
    """Read the jobs of a crontab; raises ValueError for a line that is no job, setting or comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_line(line) for line in lines if line.strip() and not line.startswith("#") and not _setting(line))


def _setting(line: str) -> bool:
    return re.match(r"\w+=", line) is not None


def _line(line: str) -> Line:
    *fields, command = line.split(None, 5)
    job = JOB.search(command)
    if len(fields) != len(RANGES) or job is None:
        raise ValueError(f"not a job of this crontab: {line!r}")
    sets = tuple(_field(text, *limits) for text, limits in zip(fields, RANGES, strict=True))
    return Line(sets, job.group(1), tuple(job.group(2).split()))


def _field(text: str, low: int, high: int) -> frozenset[int]:
    """Read `*`, `*/5`, `9-15`, `9-15/2` or a list of those."""
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start, stop = (low, high) if span == "*" else (int(first), int(last or first))
        values.update(range(start, stop + 1, int(step or 1)))
    if not values or min(values) < low or max(values) > high:
        raise ValueError(f"{text!r} is not between {low} and {high}")
    return frozenset(values)
