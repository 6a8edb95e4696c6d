"""Alerts in every store: appended with the run that saw them, and only what still matters read again."""

import json

import pytest

from lib.domain.actions import Update
from lib.domain.alerts import AlertChange, AlertOp, AlertRows
from lib.store import queries
from tests.store.build import DATABASES, NOW, insert_account, insert_control, run_of, write


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    database = request.param(tmp_path)
    yield database
    database.store.close()


@pytest.fixture
def store(database):
    return database.store


def raised(key, after=0):
    return AlertChange(op=AlertOp.RAISED, columns={"key": key, "after": after})


def keys(store, account="main"):
    return [json.loads(event.columns)["key"] for event in store.alerts(account).events]


def test_an_account_without_alerts_has_none_on_record(store):
    assert store.alerts("main") == AlertRows()
    assert store.alerts("nobody") == AlertRows()


def test_what_a_run_says_of_alerts_is_an_event_of_that_run(store):
    run = run_of("order_monitor", finished_at=NOW)
    store.record_run(run, (raised("UNCOVERED ÄPFEL"),))
    (event,) = store.alerts("main").events
    assert (event.account, event.at, event.run_id, event.table_name) == ("main", NOW, run.run_id, "alert")
    assert (event.op, json.loads(event.columns)) == ("raised", {"key": "UNCOVERED ÄPFEL", "after": 0})
    assert [each.run_id for each in queries.runs(store, "main")] == [run.run_id]


def test_a_delivery_is_an_event_without_a_run(store):
    store.record_alerts("main", (raised("A"),), run_id="alerts", at=NOW)
    assert keys(store) == ["A"]
    assert queries.runs(store, "main") == ()


def test_an_account_s_alerts_are_its_own(store):
    write(store, insert_account("other", "zzzzzz"))
    store.record_alerts("main", (raised("A"),), run_id="r", at=NOW)
    store.record_alerts("other", (raised("B"),), run_id="r", at=NOW)
    assert (keys(store), keys(store, "other")) == (["A"], ["B"])


def test_what_the_newest_event_says_matters_no_more_is_not_read(store):
    store.record_alerts("main", (raised("A"), raised("B"), raised("C")), run_id="r", at=NOW)
    second = store.alerts("main").events[1].id
    store.record_alerts("main", (raised("D", after=second),), run_id="r", at=NOW)
    assert keys(store) == ["C", "D"]


@pytest.mark.parametrize("columns", ["", "[]", "{}", '{"after": "soon"}'])
def test_a_newest_event_that_nobody_can_read_any_more_makes_all_be_read(store, database, columns):
    store.record_alerts("main", (raised("A"), raised("B", after=1)), run_id="r", at=NOW)
    database.foreign("UPDATE event SET columns = ? WHERE id = (SELECT max(id) FROM event)", (columns,))
    assert len(store.alerts("main").events) == 2


def test_a_control_is_the_system_s_while_a_stage_was_the_last_to_set_it(store):
    halted = insert_control("account:main")
    store.write((halted,), run_id="position_monitor-20261120T150000", at=NOW)
    (stopped,) = store.alerts("main").stopped
    assert (stopped.scope, stopped.state) == ("account:main", halted.values["state"])
    again = Update(table="control", id=stopped.id, version=stopped.version, values={"reason": "mine now"})
    store.write((again,), run_id="control-20261120T150100", at=NOW)
    assert store.alerts("main").stopped == ()


@pytest.mark.parametrize(
    ("run_id", "state", "account"),
    [
        ("control-1", "HALTED", "main"),
        ("position_monitor-1", "ACTIVE", "main"),
        ("position_monitor-1", "HALTED", "other"),
        ("positionXmonitor-1", "HALTED", "main"),
    ],
    ids=["by a person", "no stop", "another account's", "another name"],
)
def test_other_controls_are_not(store, run_id, state, account):
    store.write((insert_control(f"account:{account}", account=account, state=state),), run_id=run_id, at=NOW)
    assert store.alerts("main").stopped == ()


@pytest.mark.parametrize(
    ("outcomes", "skipped"),
    [
        ([], False),
        (["skipped"], True),
        (["done", "skipped"], True),
        (["skipped", "done"], False),
        (["skipped", "incomplete"], False),
        (["incomplete", "done", "skipped"], True),
    ],
)
def test_a_stage_counts_as_skipped_while_its_newest_run_was(store, outcomes, skipped):
    for number, outcome in enumerate(outcomes):
        store.record_run(run_of("order_monitor", number, outcome=outcome))
    store.record_run(run_of("order_executor", 9))
    store.record_run(run_of("position_monitor", 10, outcome="skipped", account="other"))
    assert store.alerts("main").skipped == ({"order_monitor"} if skipped else frozenset())


def test_a_run_and_its_alerts_are_written_together_or_not_at_all(store):
    unwritable = AlertChange(op=AlertOp.RAISED, columns={"key": object()})
    with pytest.raises(TypeError):
        store.record_run(run_of("order_monitor"), (raised("A"), unwritable))
    assert queries.runs(store, "main") == ()
    assert store.alerts("main").events == ()
