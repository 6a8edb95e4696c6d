"""The engine of the proof: worlds put aside, states told apart, schedules found, shrunk and played again."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib import prove
from lib.simulation.explore import Fault, explore, read_schedule, replayed, shrunk
from lib.simulation.lifecycles import NEVER_FILLED, PARTIAL_FILLS_THEN_TARGET, STOPPED_OUT_BY_A_GAP, at, steps
from lib.simulation.playing import on_stage
from lib.simulation.points import KINDS, NoDifference, Points

LIFE = PARTIAL_FILLS_THEN_TARGET
ENTRY_SENT = "broker.submit"


def steps_that_call(lifecycle, directory, name):
    found = []
    with on_stage(lifecycle, directory) as stage:
        while not stage.over:
            stage.play()
            found += [(stage.place - 1, n) for n, call in enumerate(stage.points.calls, 1) if call == name]
    return found


@pytest.mark.slow
def test_a_life_put_aside_and_begun_again_comes_to_the_same(tmp_path):
    with on_stage(LIFE, tmp_path) as stage:
        for _ in range(10):
            stage.play()
        kept, then = stage.save(), stage.digest()
        while not stage.over:
            stage.play()
        end = stage.digest()
        stage.begin_again(kept)
        assert stage.digest() == then
        while not stage.over:
            stage.play()
        assert stage.digest() == end
        assert end != then


@pytest.mark.slow
def test_states_count_as_other_ones_by_what_decides_and_as_the_same_by_what_is_only_told(tmp_path):
    with on_stage(LIFE, tmp_path) as stage:
        while not stage.world.store.rows("main").positions:
            stage.play()
        before = stage.digest()
        with stage.world.store.writing() as connection:
            connection.exec_driver_sql("UPDATE trade_journal SET note = 'seen', slippage = 3")
        stage.judge.begin_again(stage.judge.save())
        assert stage.digest() == before
        with stage.world.store.writing() as connection:
            connection.exec_driver_sql("UPDATE position_tracking SET covered_qty = 1")
        stage.judge.begin_again(stage.judge.save())
        assert stage.digest() != before


@pytest.mark.slow
def test_a_crash_after_an_order_was_sent_is_one_schedule_that_breaks_nothing(tmp_path):
    (step, call), *_ = steps_that_call(LIFE, tmp_path / "look", ENTRY_SENT)
    assert replayed(LIFE, (Fault(step, call, "crash_after"),), tmp_path / "play") == ()


@pytest.mark.slow
def test_what_a_clean_pass_leaves_uncovered_without_a_cause_of_the_list_is_broken(tmp_path):
    with on_stage(LIFE, tmp_path) as stage:
        while not stage.world.store.rows("main").positions:
            stage.play()
        assert stage.broken() == ()
        stage.world.user_cancels_all()
        stage.judge.look(stage.world, replace(stage.world.history[-1], stage="order_monitor"), troubled=False)
        assert any(line.startswith("I2: after order_monitor") for line in stage.broken())


def covered_until_the_evening(stage):
    """Play until the first shares are covered, then let the session end; the user cancels what rests."""
    while not stage.world.store.rows("main").positions:
        stage.play()
    stage.world.run("order_monitor")
    stage.world.clock.advance_to(at(16, 21, 5))
    stage.world.user_cancels_all()


@pytest.mark.slow
def test_what_the_broker_imposes_is_no_fault_at_rest_either_but_only_under_its_name(tmp_path):
    with on_stage(STOPPED_OUT_BY_A_GAP, tmp_path) as stage:
        covered_until_the_evening(stage)
        stage.world.run("order_monitor")  # the cancel hangs until the open
        assert stage.judge.at_rest(stage.world) == ()
        assert stage.judge.uncovered == {"broker_pending_cancel": 1}
        with stage.world.store.writing() as connection:
            connection.exec_driver_sql("UPDATE protection_coverage SET cause = 'next_look'")
        assert [v.id for v in stage.judge.at_rest(stage.world) if v.id == "I2"] == ["I2"]


@pytest.mark.slow
def test_a_cause_of_the_ledger_that_the_pass_itself_does_not_tell_excuses_nothing(tmp_path):
    with on_stage(STOPPED_OUT_BY_A_GAP, tmp_path) as stage:
        covered_until_the_evening(stage)
        ran = stage.world.run("order_monitor")
        stage.judge.look(stage.world, ran, troubled=False)
        assert (stage.broken(), ran.result.problems[0].cause) == ((), "broker_pending_cancel")
        silent = replace(ran, result=replace(ran.result, problems=()))
        stage.judge.look(stage.world, silent, troubled=False)
        assert [line.partition(":")[0] for line in stage.broken()] == ["I2"]


@pytest.mark.slow
def test_a_fault_at_the_end_of_a_life_has_the_looks_that_follow_it(tmp_path):
    with on_stage(STOPPED_OUT_BY_A_GAP, tmp_path) as stage:
        covered_until_the_evening(stage)
        stage.judge.look(stage.world, stage.world.run("order_executor"), troubled=True)
        stage.judge_at_rest()
        assert stage.broken() == ()


@pytest.mark.slow
def test_a_wrong_clock_is_the_clock_of_every_account(tmp_path):
    beside = {"swing": LIFE.decisions}
    with on_stage(replace(LIFE, beside=beside), tmp_path) as stage:
        stage.play({0: "skewed#804"})
        apart = {judge.clocks_apart for judge in stage.judges}
        assert len(stage.judges) == 2
        assert len(apart) == 1
        assert apart != {timedelta(0)}


@pytest.mark.slow
def test_a_limit_at_a_target_that_was_through_is_given_until_the_next_look_and_no_longer(tmp_path):
    plans = {"sim-t1-exit-2": (Decimal(4), Decimal(0))}
    prices = {"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 15, 3), "161"))}
    life = replace(LIFE, prices=prices, options=replace(LIFE.options, fill_plan=plans))
    with on_stage(life, tmp_path) as stage:
        while not stage.world.store.rows("main").positions:
            stage.play()
        (position,) = stage.world.store.rows("main").positions
        assert (position.qty, position.covered_qty) == (Decimal(6), Decimal(0))
        assert (stage.broken(), stage.judge.uncovered) == ((), {"at_target": 1})
        later = replace(stage.world.history[-1], stage="order_monitor", at=stage.world.clock.now())
        stage.judge.look(stage.world, later, troubled=False)
        assert [line.partition(":")[0] for line in stage.broken()] == ["I2"]


@pytest.mark.slow
def test_every_call_of_a_step_meets_every_kind_that_may_befall_it(tmp_path):
    with on_stage(NEVER_FILLED, tmp_path / "look") as stage:
        while not stage.points.calls:
            stage.play()
        step, calls = stage.place - 1, tuple(stage.points.calls)
    tally = explore(NEVER_FILLED, tmp_path / "play", depth=1, steps=lambda n: n == step)
    assert tally.schedules == sum(len(KINDS[name]) for name in calls)
    assert tally.broken == []


def test_of_two_faults_in_one_pass_only_the_last_is_compared_with_what_was_played():
    points = Points(answers=set())
    for second in ("busy", "commit_unanswered"):
        points.begin({1: "http_503", 2: second})
        points.call("broker.submit")
        points.differs((1, "Unknown"))  # the same first fault each time
        points.call("store.write")
        points.differs((2, second))
    with pytest.raises(NoDifference):
        points.differs((2, "busy"))


def test_a_schedule_is_written_as_it_is_read():
    words = ["35.0:person_trades#482", "40.4:any#469", "41.2:crash_after"]
    assert [str(fault) for fault in read_schedule(words)] == words
    with pytest.raises(ValueError, match="invalid literal"):
        read_schedule(["twelve"])


def test_faults_without_which_a_schedule_still_breaks_something_are_left_out():
    guilty = Fault(3, 1, "busy")
    others = (Fault(1, 1, "busy"), guilty, Fault(9, 2, "stale"), Fault(9, 4, "torn"))
    assert shrunk(others, lambda schedule: guilty in schedule) == (guilty,)


@pytest.mark.parametrize("words", [["--again", "no such life"], ["--runs", "0"], ["--jobs", "0"]])
def test_what_makes_no_sense_is_one_sentence_and_exit_2(words, capsys):
    assert prove.main(words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
