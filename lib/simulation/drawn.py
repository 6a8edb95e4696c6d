"""Lives and schedules drawn from a seed: several days, several trades, a broker's manners, one to eight faults.

A life is drawn once and played clean; its schedules begin from where their first fault strikes. All faults of a
schedule lie within a few steps of each other, mostly: trouble that was repaired long ago finds nothing to work with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from lib.paper_broker.options import Options
from lib.paper_broker.profiles import PROFILES
from lib.simulation.around import AROUND
from lib.simulation.explore import Fault, Schedule, Tally
from lib.simulation.lifecycles.shape import Act, Lifecycle, Steps, at
from lib.simulation.playing import Stage, on_stage
from lib.simulation.points import ANY, SECOND_HOST

SYMBOLS = ("AAPL", "MSFT", "GOOG")
DAYS = (16, 17, 18)
FAULTS_MAX = 8
NEAR = 12
"""Steps within which the faults of a schedule lie, three times out of four."""
LATER_CALLS = 6
"""A pass with trouble may make so many calls more than a clean one."""
OTHER_SHARE = 0.25
"""So many lives have a second account, at a broker of its own, worked by the same stages."""
AROUND_SHARE, SECOND_HOST_SHARE = 0.2, 0.05

SWITCHES: dict[str, tuple[Any, ...]] = {
    "partial_fill_rate": (0, "0.5", "0.9"),
    "list_lag_s": (0, "0.2", 3),
    "booking_lag_s": (0, 3, 40),
    "ack_latency_s": (0, "0.1", 20),
    "cancel_latency_s": (0, 2, 120),
    "release_lag_s": (0, 2, 120),
    "replace_latency_s": (0, 4, 20),
    "oco_stop_follows_target": (True, False),
    "oco_stop_cancels_target": (False, True),
    "oco_target_ends_replaced": (False, True),
    "wash_trade_resting_complex_exempt": (False, True),
    "wash_trade_new_complex_exempt": (True, False),
}
"""What a life draws of the broker's manners, where it takes no profile as it is."""


@dataclass(frozen=True, slots=True)
class Life:
    """A lifecycle drawn from a seed."""

    seed: int
    lifecycle: Lifecycle
    profile: str


def life(seed: int) -> Life:
    """Draw a life."""
    dice = Random(seed)
    days = DAYS[: dice.choice((1, 2, 2, 3))]
    symbols = SYMBOLS[: dice.choice((1, 2, 3))]
    prices = {symbol: _path(dice, days) for symbol in symbols}
    profile, options = _manners(dice, seed)
    decisions = tuple(_decision(dice, symbol, prices[symbol][0][1]) for symbol in symbols)
    other = dice.random() < OTHER_SHARE
    beside = {"swing": tuple(_decision(dice, symbol, prices[symbol][0][1]) for symbol in symbols[:2])} if other else {}
    lifecycle = Lifecycle(
        name=f"life {seed}",
        start=at(days[0], 14, 43),
        end=at(days[-1], 23, 30),
        prices=prices,
        decisions=decisions,
        acts=tuple(sorted(_requests(dice, len(decisions), days), key=lambda act: act.at)),
        beside=beside,
        options=options,
        watched=timedelta(minutes=21),
    )
    return Life(seed, lifecycle, profile)


def _manners(dice: Random, seed: int) -> tuple[str, Options]:
    profile = dice.choice(("ideal", "alpaca-paper", "alpaca-paper", "hostile", "hostile", "drawn"))
    if profile == "drawn":
        drawn = {name: dice.choice(values) for name, values in SWITCHES.items()}
        numbers = {name: Decimal(value) for name, value in drawn.items() if not isinstance(value, bool)}
        return profile, Options(seed=seed, **(drawn | numbers))
    # The faults of `hostile` are the schedule's business.
    return profile, Options(seed=seed, **PROFILES[profile].switches)


def _path(dice: Random, days: tuple[int, ...]) -> Steps:
    """Draw a price: a few steps a day, a gap every night."""
    cents = dice.randrange(2000, 30000)
    path = [(at(days[0], 14, 30), Decimal(cents) / 100)]
    for day in days:
        minutes = sorted(dice.sample(range(-10, 385), dice.randrange(3, 7)))
        for minute in minutes:
            cents = max(200, round(cents * (1 + dice.gauss(0, 0.012))))
            instant = at(day, 14, 30) + timedelta(minutes=minute, seconds=dice.randrange(60))
            if instant > path[-1][0]:
                path.append((instant, Decimal(cents) / 100))
    return tuple(path)


def _decision(dice: Random, symbol: str, price: Decimal) -> dict[str, str]:
    short = dice.random() < 0.25
    sign = -1 if short else 1
    entry, stop, target = (
        price * (100 + sign * percent) / 100
        for percent in (
            Decimal(dice.choice((-1, 0, 0, 1))),
            Decimal(dice.choice((-1, -3))),
            Decimal(dice.choice((2, 3))),
        )
    )
    style = dice.choice(("SWING", "SWING", "TREND", "TRAIL"))
    numbers = {"planned_entry": entry, "planned_sl": stop, "qty": Decimal(dice.choice((2, 5, 20)))}
    numbers |= {"SWING": {"planned_tp": target}, "TREND": {}, "TRAIL": {"trail_percent": Decimal("0.9")}}[style]
    written = {name: f"{number:.2f}" if name != "qty" else str(number) for name, number in numbers.items()}
    return {"symbol": symbol, "trade_style": style, **({"side": "short"} if short else {}), **written}


def _requests(dice: Random, decisions: int, days: tuple[int, ...]) -> Iterator[Act]:
    """Draw what is asked of the trades later: AMEND, CANCEL, CLOSE."""
    for target in range(1, decisions + 1):
        if dice.random() < 0.5:
            instant = at(dice.choice(days), 14, 46) + timedelta(minutes=dice.randrange(370))
            action = dice.choice(("AMEND", "CANCEL", "CLOSE", "CLOSE"))
            amended = {"planned_sl": f"{dice.randrange(10, 250)}.50"} if action == "AMEND" else {}
            columns = {"action": action, "trade_style": None, "target_decision_id": str(target), **amended}
            yield Act(at=instant, verb="decide", columns=columns)


def schedule(dice: Random, calls: tuple[int, ...]) -> Schedule:
    """Draw one to eight faults; `calls` are those that each step of the clean life made."""
    busy = [step for step, made in enumerate(calls) if made]
    first = dice.choice(busy)
    count = min(dice.randint(1, FAULTS_MAX), dice.randint(1, FAULTS_MAX))  # few rather than many
    found: dict[tuple[int, int], Fault] = {}
    for _ in range(count):
        near = [step for step in busy if first <= step <= first + NEAR]
        step = dice.choice(near if dice.random() < 0.75 else [s for s in busy if s >= first])
        if dice.random() < AROUND_SHARE:
            call, kind = 0, f"{dice.choice(AROUND)}#{dice.randrange(1000)}"
        else:
            call = dice.randint(1, calls[step] + LATER_CALLS)
            other = dice.random() < SECOND_HOST_SHARE
            kind = f"{SECOND_HOST if other else ANY.rstrip('#')}#{dice.randrange(1000)}"
        found[step, call] = Fault(step, call, kind)
    return tuple(found[key] for key in sorted(found))


def play(seed: int, runs: int, directory: Path) -> Tally:
    """Draw a life and play so many schedules of it."""
    drawn, tally = life(seed), Tally()
    with on_stage(drawn.lifecycle, directory) as stage:
        kept, calls, judged = _clean(stage)
        if stage.broken():
            tally.broken.append(((), stage.broken()))
        dice = Random(f"{seed}/schedules")
        for _ in range(runs):
            planned = schedule(dice, calls)
            stage.begin_again(kept[planned[0].step])
            fired = _play(stage, planned, judged, tally)
            tally.schedules += 1
            tally.points.update(f.kind.partition("#")[0] for f in fired)
            tally.note(stage, planned)
    return tally


def _clean(stage: Stage) -> tuple[list[Any], tuple[int, ...], set[tuple[int, bytes]]]:
    """Play a life without trouble; return it put aside before each step, the calls of each, where it stood after."""
    kept, calls, judged = [], [], set()
    while not stage.over:
        kept.append(stage.save())
        stage.play()
        calls.append(len(stage.points.calls))
        if stage.points.calls:
            judged.add((stage.place, stage.digest()))
    stage.judge_at_rest()
    return kept, tuple(calls), judged


def _play(stage: Stage, planned: Schedule, judged: set[tuple[int, bytes]], tally: Tally) -> list[Fault]:
    """Play a schedule until it stands where an earlier one stood, or to its end; return the faults that struck."""
    fired: list[Fault] = []
    last = planned[-1].step
    while not stage.over:
        step = stage.place
        stage.play({fault.call: fault.kind for fault in planned if fault.step == step})
        tally.passes += 1
        for words in stage.points.fired:
            call, _, kind = words.partition(":")
            fired.append(Fault(step, int(call), kind))
        if step >= last and stage.points.calls:
            key = stage.place, stage.digest()
            if key in judged:
                tally.joined += 1
                return fired
            judged.add(key)
    stage.judge_at_rest()
    return fired


def replayed(seed: int, planned: Schedule, directory: Path) -> tuple[str, ...]:
    """Play one schedule of a life from the beginning to its end; return what was broken, in words."""
    with on_stage(life(seed).lifecycle, directory) as stage:
        while not stage.over:
            stage.play({fault.call: fault.kind for fault in planned if fault.step == stage.place})
        stage.judge_at_rest()
        return stage.broken()
