"""SIGKILL at any place: no order twice, every share covered after the next clean pass, the journal as the broker's.

`make test` kills at places drawn by a fixed seed; `make prove` at every one, and at more random times.
"""

import random
import sqlite3
from contextlib import closing
from itertools import pairwise

import pytest

from tests.killing.cycles import kill
from tests.killing.rig import host
from tests.killing.stories import STORIES, TARGET
from tests.killing.table import PAGE, points_of, points_on

SEED = 1
POINTS_OF_A_STORY = 5
FORKED_AT_RANDOM, FRESH_AT_RANDOM = 2, 1
PASSES_MAX = 3
WRITES = {"POST", "DELETE", "PATCH"}
STORY = pytest.mark.parametrize(
    "story", [pytest.param(story, id=name, marks=pytest.mark.xdist_group(name)) for name, story in STORIES.items()]
)


@pytest.fixture
def life(lived, story):
    return lived(story)


def wrong(outcome, step):
    """Say what was broken by a kill, or took too long to mend.

    A valuation that was lost waits for the next fresh quote, however many passes that takes: nothing trades on it.
    """
    slow = outcome.passes is not None and outcome.passes > PASSES_MAX and step.stage != "position_monitor"
    return [*outcome.broken, *([f"{outcome.passes} passes to repair"] if slow else [])]


def killed_at(zygote, life, points, folder):
    found = {str(p): wrong(kill(zygote, life, p.step, folder / "host", kill_after=p.after), p.step) for p in points}
    return {point: lines for point, lines in found.items() if lines}


def killed_at_random(zygote, life, folder, times, seed, *, fresh):
    """Kill stages that have something to do, after a time in which they may end or not even begin."""
    chance = random.Random(f"{seed} {life.story.name} {fresh}")
    busy = [step for step in life.steps if life.seen[step.number].effects]
    found = {}
    for _ in range(times):
        step = chance.choice(busy)
        after_s = chance.uniform(0, (1 if fresh else 0) + life.seen[step.number].took_s)
        outcome = kill(zygote, life, step, folder / "host", fresh=fresh, kill_after_s=after_s)
        found[f"{step} after {after_s:.3f} s"] = wrong(outcome, step)
    return {place: lines for place, lines in found.items() if lines}


@STORY
def test_the_story_without_a_kill_is_clean_and_has_a_kill_before_and_after_each_effect(life, record_property):
    assert life.broken == []
    for step in {point.step for point in life.points}:
        effects = life.seen[step.number].effects
        assert [(p.done, p.following) for p in life.points if p.step == step] == [
            *pairwise(("nothing", *effects, "nothing"))
        ]
    asked_for = {(step.stage, *life.seen[step.number].effects) for step in life.steps if life.seen[step.number].effects}
    assert {(p.step.stage, *life.seen[p.step.number].effects) for p in life.points} == asked_for
    kinds = {effect.split()[0] for seen in life.seen for effect in seen.effects}
    assert {"GET", "POST", "commit", "replace"} <= kinds
    record_property("said", f"kill -9, {life.story.name}: {len(life.points)} points: {life.story.about}")


@STORY
@pytest.mark.case("fail-A1", "fail-A2", "fail-E6", "fail-G1")
def test_killed_between_two_effects(zygote, life, tmp_path):
    points = random.Random(f"{SEED} {life.story.name}").sample(life.points, POINTS_OF_A_STORY)
    assert killed_at(zygote, life, points, tmp_path) == {}


@STORY
@pytest.mark.case("fail-A2", "fail-E6")
def test_killed_right_before_and_right_after_each_order_was_sent(zygote, life, tmp_path):
    points = [p for p in life.points if WRITES & {p.done.split()[0], p.following.split()[0]}]
    assert points
    assert killed_at(zygote, life, points, tmp_path) == {}


@STORY
def test_killed_at_a_random_time(zygote, life, tmp_path):
    assert killed_at_random(zygote, life, tmp_path, FORKED_AT_RANDOM, SEED, fresh=False) == {}
    assert killed_at_random(zygote, life, tmp_path, FRESH_AT_RANDOM, SEED, fresh=True) == {}


@STORY
@pytest.mark.prove
def test_killed_at_every_point(zygote, life, tmp_path, record_property):
    assert killed_at(zygote, life, life.points, tmp_path) == {}
    record_property("said", f"kill -9, {life.story.name}: {len(life.points)} kills, one at each point")


@STORY
@pytest.mark.prove
def test_killed_at_many_random_times(zygote, life, tmp_path):
    for fresh in (False, True):
        assert killed_at_random(zygote, life, tmp_path, 20, SEED + 1, fresh=fresh) == {}


@STORY
def test_the_published_table_has_exactly_the_points_there_are(life):
    heading = f"{life.story.name}: "
    listed = [row for row in points_on(PAGE.read_text(encoding="utf-8")) if row[0].startswith(heading)]
    assert listed == points_of(life), "write it anew: python -m tests.killing"


@pytest.mark.xdist_group(TARGET.name)
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DELETE FROM order_execution WHERE order_type = 'ENTRY'", "without a stored intent"),
        ("UPDATE order_execution SET limit_price = '140' WHERE order_type = 'ENTRY'", "I9"),
    ],
)
def test_the_judge_sees_what_a_kill_must_not_do(zygote, lived, tmp_path, damage, named):
    life = lived(TARGET)
    step = next(step for step in life.steps if step.tick == TARGET.ticks[3])  # four shares are bought
    with host(zygote, TARGET, tmp_path / "host", life.snapshot(step)) as made:
        made.world.clock.advance_to(made.served.now())
        with closing(sqlite3.connect(made.database)) as other, other:
            other.execute(damage)
        assert any(named in line for line in made.run(step, tmp_path / "effects.txt").broken)
