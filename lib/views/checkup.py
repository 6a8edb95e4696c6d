"""What `doctor` and `health` found: one line a thing, and the exit code that follows from the worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

OK = 0
LATER = 1
"""Something is incomplete, and a pass repairs it."""

PERSON = 2
"""A person must act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: how it is, and what to do about it unless it is well."""

    name: str
    what: str
    level: int = OK
    do: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckupPage:
    """All that was looked at, in the order in which it was; `exit_code` is the worst level."""

    at: datetime
    exit_code: int
    findings: tuple[Finding, ...]


def checkup_page(findings: Iterable[Finding], *, at: datetime) -> CheckupPage:
    """Lay out what was found."""
    found = tuple(findings)
    return CheckupPage(at=at, exit_code=max((each.level for each in found), default=OK), findings=found)
