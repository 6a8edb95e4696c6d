"""What is said of an account by its rows alone."""

from datetime import timedelta

import pytest

from lib.bootstrap import simulated_store
from lib.checkup import accounts
from lib.domain.alerts import AlertChange, AlertOp
from lib.domain.restored import Mark
from lib.views.checkup import LATER, OK, PERSON
from lib.views.status import StageStanding, Standing
from tests.builders import NOW, control, rows, stage_run


def standing(*stages):
    return Standing(rows=rows(), stages=stages)


def stage(outcome="done", note=None, missed=None, name="order_monitor"):
    run = stage_run(stage=name, outcome=outcome, note=note)
    return StageStanding(stage=name, runs=(run,), missed_since=missed)


def test_stages_that_ran_and_ended_well_are_one_line():
    (finding,) = accounts.passes(standing(stage(), stage(name="position_monitor")))
    assert finding.level == OK
    assert accounts.passes_come(standing(stage()))


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        (StageStanding(stage="order_monitor"), LATER, "order_monitor has never run"),
        (stage(missed=NOW), PERSON, "order_monitor was due at 2026-11-20 10:00 ET and has not run since"),
        (stage("incomplete", "UNCOVERED: trade 7 has no stop"), LATER, "order_monitor: UNCOVERED: trade 7 has no stop"),
        (stage("incomplete"), LATER, "order_monitor: incomplete"),
    ],
)
def test_a_stage_that_was_missed_or_left_something_is_named_and_the_good_ones_are_not(found, level, words):
    (finding,) = accounts.passes(standing(found, stage(name="position_monitor")))
    assert (finding.level, finding.what) == (level, words)
    assert finding.do


@pytest.mark.parametrize(
    ("scope", "state", "level"),
    [
        ("all", "ACTIVE", OK),
        ("all", "HALTED", PERSON),
        ("account:main", "FROZEN", PERSON),
        ("account:main", "REDUCING", LATER),
        ("symbol:main:AAPL", "HALTED", LATER),
    ],
)
def test_what_is_stopped_is_told(scope, state, level):
    (finding,) = accounts.control("main", (control(scope=scope, state=state, reason="x"),))
    assert finding.level == level


def test_a_restored_account_is_told_to_be_backfilled_since_resume_does_not_help_it():
    frozen = control(scope="account:main", state="FROZEN", reason=Mark(since=NOW.date()).text())
    (finding,) = accounts.control("main", (frozen,))
    assert finding.level == PERSON
    assert "order_monitor.py --backfill --since 2026-11-20 --account main" in finding.do
    assert "resume" not in finding.do


@pytest.mark.parametrize(("minutes", "level"), [(0, OK), (6, OK), (7, LATER)])
def test_an_account_that_is_held_for_longer_than_any_pass_is_told(minutes, level):
    finding = accounts.hold("main", NOW - timedelta(minutes=minutes), NOW)
    assert (finding.level, finding.what) == (level, f"held for {minutes} min")


def test_nobody_holds_an_account_that_is_free():
    assert accounts.hold("main", None, NOW).what == "no pass holds it"


@pytest.fixture
def store(tmp_path):
    opened = simulated_store(f"sqlite:///{tmp_path}/trading.db", tmp_path, NOW)
    yield opened
    opened.close()


def test_the_store_says_since_when_an_account_is_held_and_a_look_disturbs_nobody(store):
    assert store.held_since("main") is None
    with store.hold_account("main", wait_s=0) as held:
        assert held
        since = store.held_since("main")
        assert since is not None
        assert store.held_since("main") == since
    assert store.held_since("main") is None
    with store.hold_account("main", wait_s=0) as held:
        assert held


def raised(store, code):
    told = {"key": f"{code} order_monitor", "code": code, "message": "keys refused", "stage": "order_monitor"}
    told |= {"since": "2026-11-20T15:00:00Z", "after": 0}
    store.record_alerts("main", [AlertChange(op=AlertOp.RAISED, columns=told)], run_id="r-1", at=NOW)
    return accounts.alerts("main", store.alerts("main").events, ())


def test_what_needs_a_person_by_the_last_passes_is_told(store):
    finding = raised(store, "PERSON_NEEDED")
    assert (finding.level, finding.what) == (PERSON, "PERSON_NEEDED: keys refused")


def test_what_the_passes_repair_is_told_with_the_passes_and_not_as_an_alert(store):
    assert raised(store, "UNCOVERED").level == OK


def test_alerts_that_could_not_be_delivered_are_told():
    finding = accounts.alerts("main", (), (NOW, NOW - timedelta(hours=1)))
    assert (finding.level, finding.what) == (LATER, "2 not delivered, the oldest of 2026-11-20 09:00 ET")
