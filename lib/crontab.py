"""The shipped crontab as data: which stage when. One file says when things run, for cron and for a simulation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lib.errors import ConfigError

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
JOB = re.compile(r"\bpython (\w+)\.py((?: --[\w-]+)*)")
LIMIT = re.compile(r"\btimeout -k (\d+) (\d+) ")
ASKS = " --if-due"
UNWRITABLE = frozenset('"\\$%`')
"""What crontab, systemd and shell do not agree on how to write."""


@dataclass(frozen=True, slots=True)
class Line:
    """One job: the five fields as sets (minute, hour, day, month, weekday with Sunday 0), stage and flags.

    A job that runs for `limit_s` is asked to end, and killed `kill_after_s` later.
    """

    fields: tuple[frozenset[int], ...]
    stage: str
    flags: tuple[str, ...]
    limit_s: int = 270
    kill_after_s: int = 30

    def fires(self, at: datetime) -> bool:
        """Say whether cron on a host in `at`'s zone starts this job in that minute."""
        now = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7)
        return all(value in allowed for value, allowed in zip(now, self.fields, strict=True))


def read_crontab(path: Path) -> tuple[Line, ...]:
    """Read the jobs of a crontab; raises ValueError for a line that is no job, setting or comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_line(line) for line in lines if line.strip() and not line.startswith("#") and not _setting(line))


def block(text: str, directory: str, *, live: bool = False) -> str:
    """Return the settings and jobs of the shipped crontab for this directory, between two lines that name it.

    So it can be found again in a user's crontab, beside the user's own lines and other copies of this program. With
    `live` each stage is told so. Raises ConfigError for a path that cannot be written there.
    """
    begin, end = markers(directory)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    filled = [re.sub(r"^TRADING_MONITOR=.*", lambda _: f'TRADING_MONITOR="{directory}"', line) for line in lines]
    if live:
        filled = [line if _setting(line) else line.replace(ASKS, f"{ASKS} --live") for line in filled]
    return "\n".join((begin, *filled, end)) + "\n"


def markers(directory: str) -> tuple[str, str]:
    """Return the lines between which a user's crontab has the block of this directory."""
    found = sorted({char for char in directory if char in UNWRITABLE or not char.isprintable()})
    if found:
        named = " ".join(ascii(char) for char in found)
        raise ConfigError(f"the path {directory!r} has {named} in it, which a crontab cannot hold: move the directory")
    return f"# trading-monitor begin {directory}", f"# trading-monitor end {directory}"


def _setting(line: str) -> bool:
    return re.match(r"\w+=", line) is not None


def _line(line: str) -> Line:
    *fields, command = line.split(None, 5)
    job = JOB.search(command)
    if len(fields) != len(RANGES) or job is None:
        raise ValueError(f"not a job of this crontab: {line!r}")
    sets = tuple(_field(text, *limits) for text, limits in zip(fields, RANGES, strict=True))
    stage, flags = job.group(1), tuple(job.group(2).split())
    limit = LIMIT.search(command)
    if limit is None:
        return Line(sets, stage, flags)
    return Line(sets, stage, flags, limit_s=int(limit.group(2)), kill_after_s=int(limit.group(1)))


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
