"""What is said of an account by its rows alone."""

from datetime import timedelta

import pytest

from lib.bootstrap import simulated_store
from lib.checkup import accounts
from lib.domain.alerts import AlertChange, AlertOp
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.views.checkup import LATER, OK, PERSON
from lib.views.status import StageStanding, Standing
from tests.builders import NOW, control, rows, stage_run

FEED = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 15, 40), "152"))})


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


@pytest.fixture
def owned(tmp_path):
    """A trade with its stop, that the real stages made."""
    with world(tmp_path, at(16, 14, 43), FEED) as made:
        made.decide(**SWING_AAPL)
        for moment, name in ((at(16, 14, 46), "order_executor"), (at(16, 15, 3), "order_monitor")):
            made.clock.advance_to(moment)
            made.run(name)
        yield made


def rows_of(made):
    return list(accounts.rows_hold(made.store, made.store.account("main"), made.clock.now()))


def test_rows_that_the_stages_wrote_hold(owned):
    (finding,) = rows_of(owned)
    assert (finding.level, finding.what.startswith("1 trades")) == (OK, True)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE fill SET qty = '1000000000'", "I7: trade 1 opened"),
        ("UPDATE fill SET price = '999000000000'", "I9: "),
        ("DELETE FROM position_tracking", "I11: trade 1 is POSITION, its position row is missing"),
        ("UPDATE trade_journal SET entry_time = '2020-01-01T00:00:00.000000Z'", "I19: trade 1: created"),
    ],
)
def test_rows_that_were_changed_by_hand_are_named(owned, statement, words):
    from sqlalchemy import text

    with owned.store.writing() as connection:
        connection.execute(text(statement))
    found = rows_of(owned)
    assert {each.level for each in found} == {PERSON}
    assert any(words in each.what for each in found), [each.what for each in found]
