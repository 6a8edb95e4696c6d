"""What only a simulation can judge: a World is broken, and its watch or a comparison names the invariant."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from lib.domain.states import ControlState
from lib.invariants.compared import good_rows_unaffected
from lib.invariants.evidence import Violation
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import Watch, after_another_round, at_rest, evidence
from lib.simulation.judging import PASSES_MAX, Judge
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.tools import Tools

pytestmark = pytest.mark.slow

FEED = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))})
STAGES = ("order_executor", "order_monitor", "position_monitor")


@pytest.fixture
def made(tmp_path):
    """A watched World whose decision is approved and not yet sent."""
    with world(tmp_path, at(16, 14, 46), FEED) as opened:
        opened.decide(**SWING_AAPL)
        yield opened


@pytest.fixture
def watch(made):
    watching = Watch()
    made.observers.append(watching)
    return watching


def named(violations):
    return {violation.id for violation in violations}


def play(made, *minutes):
    for minute in minutes:
        made.clock.advance_to(at(16, 15, minute))
        for stage in STAGES:
            made.run(stage)


def sql(made, statement):
    with made.store.writing() as connection:
        assert connection.execute(text(statement)).rowcount


def test_a_world_that_nobody_broke_breaks_nothing(made, watch):
    made.run("order_executor")
    play(made, 3, 8, 13)
    assert (watch.violations, at_rest(made), after_another_round(made)) == ([], (), ())


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("I13", "UPDATE trade_journal SET arrival_bid = '0'"),
        ("I14", "UPDATE order_execution SET created_at = '2024-01-16T20:00:00.000000Z' WHERE id = 1"),
        ("I18", "UPDATE order_execution SET payload = replace(payload, '150', '149') WHERE id = 1"),
        ("I21", "UPDATE account SET account_number = 'PA0'"),
        ("I15", "DELETE FROM fill"),
    ],
)
def test_the_watch_names_what_is_broken_after_the_next_step(name, statement, made, watch):
    made.run("order_executor")
    play(made, 3)
    assert watch.violations == []
    sql(made, statement)
    play(made, 8)
    assert name in named(watch.violations)


class Loose:
    """A store in which nothing is ever stopped: a halt is written, and no pass sees it."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def controls(self, account):
        return tuple(replace(c, state=ControlState.ACTIVE) for c in self._store.controls(account))

    def rows(self, account):
        rows = self._store.rows(account)
        return replace(rows, controls=self.controls(account))


def test_the_watch_names_an_entry_that_went_out_under_a_halt(tmp_path):
    def loose(tools: Tools) -> Tools:
        return replace(tools, store=Loose(tools.store))

    with world(tmp_path, at(16, 14, 46), FEED, wrap=loose) as made:
        watch = Watch()
        made.observers.append(watch)
        made.decide(**SWING_AAPL)
        row = "VALUES ('main', 1, 'account:main', 'HALTED', 'by hand', '2024-01-16T14:45:00.000000Z')"
        sql(made, f"INSERT INTO control (account, version, scope, state, reason, since) {row}")
        made.run("order_executor")
        assert "I20" in named(watch.violations)


@pytest.mark.parametrize(("name", "limits"), [("I24", {"orders_per_day_max": 0}), ("I29", {"order_notional_max": 1})])
def test_the_watch_names_entries_beyond_their_limits(name, limits, made, watch):
    made.run("order_executor")
    made.tools = replace(made.tools, limits=replace(made.tools.limits, **limits))
    made.observers.remove(watch)
    watch(made, made.history[-1])
    assert name in named(watch.violations)


def test_the_watch_names_a_session_without_a_clean_pass_and_without_an_alert(made, watch):
    made.run("order_executor")
    play(made, 3)
    made.clock.advance_to(at(16, 15, 40))
    made.run("position_monitor")  # its alert is what should be there
    assert "L3" not in named(watch.violations)
    sql(made, "DELETE FROM event WHERE table_name = 'alert'")
    watch(made, made.history[-1])
    assert "L3" in named(watch.violations)


def test_two_writers_of_one_version_are_named_at_rest(made):
    made.run("order_executor")
    play(made, 3, 8)
    sql(made, "UPDATE trade_journal SET version = version - 1")
    assert "I12" in named(at_rest(made))


def test_a_round_that_does_something_is_no_world_at_rest(made):
    assert named(after_another_round(made)) == {"I31"}


def test_bad_rows_that_change_what_comes_of_good_ones_are_named(made, tmp_path):
    made.run("order_executor")
    (tmp_path / "other").mkdir()
    with world(tmp_path / "other", at(16, 14, 46), FEED) as among_bad:
        among_bad.decide(**SWING_AAPL)
        bad = among_bad.decide(**SWING_AAPL | {"qty": "minus ten"})
        among_bad.run("order_executor")
        seen = evidence(among_bad)
        assert good_rows_unaffected(evidence(made), seen, [bad]) == ()
        sql(among_bad, "UPDATE order_execution SET qty = '9'")
        assert named(good_rows_unaffected(evidence(made), evidence(among_bad), [bad])) == {"I32"}
        traded = good_rows_unaffected(evidence(made), seen, [1, bad])
        assert traded == (Violation(id="I32", message="decision 1 is invalid and was traded"),)


@pytest.mark.parametrize(("stage", "name"), [("order_monitor", "I6"), ("position_monitor", "I5")])
def test_a_world_that_is_not_at_rest_three_passes_after_the_last_fault_is_named(made, stage, name):
    made.run("order_executor")
    judge = Judge(rest={name: lambda _: iter(("not as it should be",))})
    judge.look(made, made.history[-1], troubled=True)
    for other in {"order_monitor", "position_monitor"} - {stage}:  # whose passes do not count
        for _ in range(PASSES_MAX):
            judge.look(made, made.run(other), troubled=False)
    for passed in range(PASSES_MAX):
        assert "L4" not in named(judge.violations), passed
        judge.look(made, made.run(stage), troubled=False)
    assert "L4" in named(judge.violations)


def test_how_many_passes_it_took_is_the_most_that_any_stage_needed(made):
    looks = []
    judge = Judge(rest={"I5": lambda _: iter(()), "I6": lambda _: iter(("wrong",) if len(looks) < 2 else ())})
    made.run("order_executor")
    judge.look(made, made.history[-1], troubled=True)
    for stage in ("position_monitor", "order_monitor", "order_monitor"):
        judge.look(made, made.run(stage), troubled=False)
        looks += [stage] if stage == "order_monitor" else []
        assert judge.violations == []
    assert (judge.convergence, judge.since_fault) == (1, {"order_monitor": 2})
    judge.look(made, made.run("order_monitor"), troubled=False)
    assert (judge.convergence, judge.since_fault, named(judge.violations)) == (3, {}, set())
