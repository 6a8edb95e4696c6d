"""Faults by the name of the call that they strike: `broker.submit#2:crash_after` is the second submit of the life.

Unlike step and call numbers they stay where they are when the code comes to read more or less around them. What strikes
before the first call of a pass is named by the stage: `order_monitor#3:missed` is the third time that cron starts it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lib.simulation.lifecycles import ALL, CANONICAL, CORE, KINDS_OF_TRADE
from lib.simulation.playing import on_stage


@dataclass(frozen=True)
class NamedFault:
    """What befalls the n-th call of this name in a life, counted from 1."""

    call: str
    n: int
    kind: str

    def __str__(self):
        """Write it as `read_fault` reads it."""
        return f"{self.call}#{self.n}:{self.kind}"


def read_fault(word):
    """Read a fault as it is written: `broker.submit#2:crash_after`."""
    place, _, kind = word.partition(":")
    call, _, n = place.partition("#")
    return NamedFault(call, int(n), kind)


def lives():
    """Return every lifecycle there is by its name, as far as a colon."""
    return {_head(life): life for life in ALL}


def calm_lives():
    """Name the lifecycles in which the broker works as it should: the causes of uncovered shares are left out."""
    return [_head(life) for life in (*CORE, *CANONICAL, *KINDS_OF_TRADE)]


def _head(life):
    return life.name.partition(":")[0]


@dataclass(frozen=True)
class Played:
    """What a schedule came to: the promises it broke, in words, and how many of its faults struck."""

    broken: tuple[str, ...]
    struck: int


class _Plan(Mapping):
    """The plan of one step: its calls are numbered, the faults are named."""

    def __init__(self, faults, points, stage, before):
        self._faults = {(fault.call, fault.n): fault.kind for fault in faults}
        self._points = points
        self._stage = stage
        self._before = before  # calls of the life, by name, before this step; starts of stages, this one included

    def __getitem__(self, number):
        name = self._points.calls[number - 1] if number else self._stage
        return self._faults[name, self._before[name] + self._points.calls[:number].count(name)]

    def __iter__(self):
        return iter(())

    def __len__(self):
        return len(self._faults)


def play(lifecycle, faults, directory):
    """Play a lifecycle with named faults up to the first promise that is broken, or to its end."""
    before, struck = Counter(), 0
    with on_stage(lifecycle, directory) as stage:
        while not stage.over and not stage.judge.violations:
            name = stage.steps[stage.place].stage
            before[name] += 1
            stage.play(_Plan(faults, stage.points, name, before))
            before.update(stage.points.calls)
            struck += len(stage.points.fired)
        found = stage.judge.violations or stage.judge.at_rest(stage.world)
        return Played(tuple(str(each) for each in found), struck)


def named(lifecycle, schedule, directory):
    """Play a schedule of numbered faults and name the calls that they struck."""
    before, found = Counter(), []
    with on_stage(lifecycle, directory) as stage:
        while not stage.over:
            place, name = stage.place, stage.steps[stage.place].stage
            before[name] += 1
            here = [fault for fault in schedule if fault.step == place]
            stage.play({fault.call: fault.kind for fault in here})
            calls = stage.points.calls
            for fault in here:
                call = calls[fault.call - 1] if fault.call else name
                found.append(NamedFault(call, before[call] + calls[: fault.call].count(call), fault.kind))
            before.update(calls)
    return tuple(found)
