"""Our clock against the broker's.

A host whose clock is wrong takes the wrong minute for the entry window. Every pass compares: the answer that it begins
with carries the broker's time. Stops do not depend on the hour, so protection goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from lib.domain.facts import Problem

NOTED = timedelta(seconds=5)
"""More than this is worth a word: a host that keeps its clock by NTP is off by far less than a second."""

BEARABLE = timedelta(seconds=60)
"""With more than this no entry is sent."""

SECOND = timedelta(seconds=1)
NONE = timedelta(0)


def clock_skew(broker_at: datetime | None, *, asked_at: datetime, answered_at: datetime) -> timedelta:
    """Return how far our clock is ahead of the broker's at the least, below zero if behind.

    The broker spoke at some moment between our question and its answer, and cut its time to the second: what that
    explains is no skew. Nor is silence.
    """
    if broker_at is None:
        return NONE
    if asked_at > broker_at + SECOND:
        return asked_at - (broker_at + SECOND)
    return min(answered_at - broker_at, NONE)


def is_bearable(skew: timedelta) -> bool:
    """Say whether entries may be sent by a clock that is so far off."""
    return abs(skew) <= BEARABLE


def in_words(skew: timedelta) -> str:
    """Say how far the clocks are apart: `this host's clock is 75 s ahead of the broker's`."""
    side = "ahead of" if skew > NONE else "behind"
    return f"this host's clock is {abs(skew) // SECOND} s {side} the broker's"


def clock_notes(skew: timedelta) -> tuple[str, ...]:
    """Return the word that a small difference is worth."""
    return (in_words(skew),) if NOTED < abs(skew) <= BEARABLE else ()


def clock_problems(skew: timedelta) -> tuple[Problem, ...]:
    """Return what a person has to mend before entries are sent again."""
    if is_bearable(skew):
        return ()
    return (Problem(code="CLOCK", message=f"{in_words(skew)}: no entries are sent, stops are"),)
