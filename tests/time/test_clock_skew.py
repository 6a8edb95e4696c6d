"""A host whose clock is wrong: noticed in the broker's own answer, told, and kept from entering a market."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lib.domain.actions import Submit
from lib.paper_broker.prices import ScriptedFeed
from lib.planning.deciding.entries import plan_order_executor
from lib.planning.skew import clock_notes, clock_problems, clock_skew
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries
from tests.builders import ENTRY_ID, MINUTE, NOW, context, decision, pending, rows, snapshot, trade
from tests.time.seeing import attention

SAID = datetime(2026, 10, 2, 13, 46, 7, tzinfo=UTC)
FEED = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 15, 30), "161"))})


class OffBy:
    """A clock that goes as another one does, `ahead` of it."""

    def __init__(self, clock, ahead):
        self._clock = clock
        self.ahead = ahead

    def now(self):
        return self._clock.now() + self.ahead

    def sleep(self, seconds):
        self._clock.sleep(seconds)


@pytest.fixture
def host(tmp_path):
    """A world whose host has a clock of its own; `made.tools.clock.ahead` sets it."""

    def off(tools):
        return replace(tools, clock=OffBy(tools.clock, timedelta(0)))

    with world(tmp_path, at(16, 14, 43), FEED, wrap=off) as made:
        yield made


def off_by(made, **ahead):
    made.tools.clock.ahead = timedelta(**ahead)


def decision_in(made):
    (row,) = queries.decisions(made.store, "main")
    return row


def bought(made):
    """Let the standing trade be ordered at 14:45 and filled at 15:02."""
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 3))
    assert made.tools.broker.positions()["AAPL"].qty == 10


@pytest.mark.case("fail-I-7")
@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        (0, 0, 0),
        (0.3, 0.9, 0),  # the broker's time is cut to the second
        (1.0, 1.2, 0),
        (-30, 0, 0),  # a slow answer: the broker may have spoken at its end
        (0.5, 40, 0),  # or at its beginning
        (8, 8.5, 7),
        (76, 80, 75),
        (-20, -9, -9),
        (-3600, -3599, -3599),
    ],
)
@pytest.mark.sample
def test_only_what_a_slow_answer_does_not_explain_is_skew(asked, answered, expected):
    instants = {"asked_at": SAID + timedelta(seconds=asked), "answered_at": SAID + timedelta(seconds=answered)}
    assert clock_skew(SAID, **instants) == timedelta(seconds=expected)
    assert clock_skew(None, **instants) == timedelta(0)


@pytest.mark.case("fail-I-7")
@pytest.mark.parametrize(
    ("seconds", "notes", "problems"),
    [
        (5, 0, 0),
        (-5, 0, 0),
        (6, "this host's clock is 6 s ahead of the broker's", 0),
        (-60, "this host's clock is 60 s behind the broker's", 0),
        (61, 0, "this host's clock is 61 s ahead of the broker's: no entries are sent, stops are"),
        (-61, 0, "this host's clock is 61 s behind the broker's: no entries are sent, stops are"),
    ],
)
@pytest.mark.sample
def test_over_five_seconds_are_a_note_and_over_a_minute_a_problem(seconds, notes, problems):
    skew = timedelta(seconds=seconds)
    assert clock_notes(skew) == ((notes,) if notes else ())
    assert [p.message for p in clock_problems(skew)] == ([problems] if problems else [])


@pytest.mark.case("fail-I-7")
@pytest.mark.parametrize("seconds", [90, -90, 900])
def test_a_clock_that_is_over_a_minute_off_sends_no_entry_until_it_is_set_right(host, seconds):
    host.decide(**SWING_AAPL)
    host.clock.advance_to(at(16, 14, 50))
    off_by(host, seconds=seconds)
    ran = host.run("order_executor")
    assert (ran.exit_code, [p.code for p in ran.result.problems]) == (1, ["CLOCK"])
    assert host.tools.broker.live_orders() == ()
    row = decision_in(host)
    note = "CLOCK: this host's clock is over a minute off the broker's"
    assert (row.execution_status, row.execution_note) == ("WAITING", note)
    off_by(host, seconds=0)
    host.run_until(at(16, 15, 10))
    assert decision_in(host).execution_status == "ORDERED"
    assert host.tools.broker.positions()["AAPL"].qty == 10


@pytest.mark.case("fail-I-7")
def test_a_clock_that_is_seconds_off_trades_and_says_so(host):
    off_by(host, seconds=20)
    bought(host)
    assert {ran.exit_code for ran in host.history} == {0}
    # The broker's time is cut to the second, so of 20 seconds 19 are sure.
    assert {ran.result.notes[0] for ran in host.history} == {"this host's clock is 19 s ahead of the broker's"}


@pytest.mark.case("fail-I-7")
@pytest.mark.parametrize("minutes", [10, -10, 600])
def test_by_whatever_clock_what_is_owned_gets_its_stop_and_its_end(host, minutes):
    bought(host)
    off_by(host, minutes=minutes)
    ran = host.run("order_monitor")
    assert (ran.exit_code, ran.result.problems[0].code) == (1, "CLOCK")
    assert host.store.rows("main").positions[0].covered_qty == Decimal(10)
    host.clock.advance_to(at(16, 15, 31))
    host.run("order_monitor")
    (trade,) = queries.journal(host.store, "main")
    assert (trade.status, trade.exit_reason) == ("CLOSED", "PROFIT_TAKEN")
    off_by(host, seconds=0)
    assert [host.run(stage).exit_code for stage in ("order_monitor", "position_monitor")] == [0, 0]
    assert {broken.id for broken in at_rest(host)} <= {"I14", "I19", "I25"}  # the order of times is the wrong clock's


@pytest.mark.case("fail-I-7")
def test_a_clock_a_day_ahead_expires_no_decision(host):
    host.decide(**SWING_AAPL)
    host.run("order_monitor")  # which stamps the approval
    host.clock.advance_to(at(16, 14, 50))
    off_by(host, days=1, hours=12)
    host.run("order_executor")
    assert decision_in(host).execution_status is None
    off_by(host, seconds=0)
    host.run_until(at(16, 15, 10))
    assert decision_in(host).execution_status == "ORDERED"


@pytest.mark.case("fail-I-7")
def test_passes_of_a_clock_that_was_ahead_keep_no_later_pass_away(host):
    off_by(host, hours=2)
    host.run_until(at(16, 15, 0))
    off_by(host, seconds=0)
    host.decide(**SWING_AAPL)
    host.run_until(at(16, 15, 10))
    assert decision_in(host).execution_status == "ORDERED"


@pytest.mark.case("fail-I-7")
@pytest.mark.parametrize(
    ("sure", "resent"),
    [
        ({}, True),
        ({"clock_skew": timedelta(seconds=60)}, True),
        ({"clock_skew": timedelta(seconds=-61)}, False),
        ({"calendar_agreed": False}, False),
    ],
)
def test_a_lost_entry_is_sent_again_only_where_clock_and_calendar_are_the_broker_s(sure, resent):
    lost = pending(missing_at=NOW - MINUTE)
    claimed = decision(executed=True, execution_status="ORDERED")
    plan = plan_order_executor(
        rows(decisions=(claimed,), trades=(trade(),), orders=(lost,)),
        snapshot(by_client_id={ENTRY_ID: None}),
        context(**sure),
    )
    assert [isinstance(action, Submit) for action in plan.actions] == [True] * resent
    assert [problem.code for problem in plan.problems] == ["OUTCOME_UNKNOWN"] * (not resent)


def test_status_tells_of_the_clock_and_what_to_do(host):
    off_by(host, minutes=10)
    host.run("order_monitor")
    assert attention(host)["CLOCK"].startswith("set this host's clock right")
