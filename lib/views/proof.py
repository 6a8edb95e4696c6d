"""What a proof came to: true counts, what broke, how long shares were uncovered and why, how soon all was well."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLine:
    """One kind of schedules."""

    what: str
    schedules: int
    same: int
    """Of those: the last fault made no difference, or the one that another kind had made at that call."""
    joined: int
    """Of those: stood, after their last fault, where another one had stood."""
    passes: int
    rows: int
    broken: int
    seconds: Decimal
    """Processor time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How often something was met."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """So many intervals in which shares were uncovered for a cause, none longer than `seconds_max`."""

    cause: str
    seconds_max: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSchedule:
    """A schedule that broke something, as `--again` of the command takes it."""

    schedule: str
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofPage:
    """All of it. `holds` says that nothing was broken; `command` gives the same counts again."""

    commit: str
    seed: int
    command: str
    holds: bool
    cores: int
    wall_minutes: Decimal
    per_second: Decimal
    """Schedules in a second of one core."""
    lines: tuple[ProofLine, ...]
    profiles: tuple[Counted, ...]
    points: tuple[Counted, ...]
    uncovered: tuple[Counted, ...]
    """Clean passes of order_monitor that left a share uncovered, by cause of the closed list."""
    spans: tuple[Span, ...]
    convergence: tuple[Counted, ...]
    """Schedules by the clean passes they needed after their last fault."""
    reasons: tuple[Counted, ...]
    broken: tuple[BrokenSchedule, ...]
    files: tuple[str, ...]
