"""Alerts through the real stages: a state with a beginning and an end, written with the pass that saw it."""

import pytest

from lib.domain.actions import Insert
from lib.errors import BrokerUnavailable, KeysRefused
from lib.intake.control_desk import Desk, resume, stop
from lib.passes import run_pass
from lib.simulation.lifecycles import at
from lib.store import queries
from tests.runner.alarms import monitor, tell, trail


def test_a_problem_that_stays_over_three_passes_is_one_alert_that_ends_and_can_come_again(owned):
    assert monitor(owned, at(16, 15, 5), at(16, 15, 10), at(16, 15, 15)) == [1, 1, 1]
    assert trail(owned) == [("raised", "UNCOVERED AAPL")]
    owned.tools.broker.refuses_stops = False
    assert monitor(owned, at(16, 15, 20), at(16, 15, 25)) == [0, 0]
    assert trail(owned) == [("raised", "UNCOVERED AAPL"), ("ended", "UNCOVERED AAPL")]
    owned.user_cancels_all()
    owned.tools.broker.refuses_stops = True
    assert monitor(owned, at(16, 15, 30)) == [1]
    assert trail(owned)[2:] == [("raised", "UNCOVERED AAPL")]


@pytest.mark.case("fail-N2")
def test_an_alert_that_lasts_comes_again_after_a_day(owned, phone):
    for moment in (at(16, 15, 5), at(16, 20, 55), at(17, 14, 35), at(17, 15, 0), at(17, 15, 10), at(17, 15, 15)):
        monitor(owned, moment)
        tell(owned, phone)
    assert [op for op, _ in trail(owned)] == ["raised", "delivered", "raised", "delivered"]
    assert len(phone.messages) == 2
    assert all("since 2024-01-16 10:0" in text for _, text in phone.messages)


def test_a_message_says_whose_alert_it_is_since_when_and_what_to_do(owned, phone):
    monitor(owned, at(16, 15, 5))
    assert tell(owned, phone) == ""
    (heading, text), *others = phone.messages
    assert others == []
    assert heading == "trading-monitor main: 1 alert"
    first, advice = text.splitlines()
    assert first.startswith("UNCOVERED: trade 1 AAPL: 10 shares without a stop")
    assert first.endswith("(since 2024-01-16 10:05 ET)")
    assert advice == "  what to do: if the next pass says it again, look at the account in the broker's app"


def test_the_end_of_an_alert_is_told_too(owned, phone):
    monitor(owned, at(16, 15, 5))
    tell(owned, phone)
    owned.tools.broker.refuses_stops = False
    monitor(owned, at(16, 15, 10))
    tell(owned, phone)
    heading, text = phone.messages[-1]
    assert heading == "trading-monitor main: 1 over"
    assert text.startswith("over: UNCOVERED: trade 1 AAPL: 10 shares")
    assert text.endswith("(since 2024-01-16 10:05 ET, until 2024-01-16 10:10 ET)")
    assert tell(owned, phone) == ""
    assert len(phone.messages) == 2


# What else is raised


def test_a_stop_that_a_stage_set_is_an_alert_until_a_person_ends_it(made):
    _, halt = (
        by_hand(made),
        {"account": "main", "scope": "symbol:main:IBM", "state": "HALTED", "reason": "a foreign order"},
    )
    made.store.write([Insert(table="control", values=halt)], run_id="order_monitor-20240116", at=made.clock.now())
    monitor(made, at(16, 15, 0), at(16, 15, 5))
    assert trail(made) == [("raised", "HALTED symbol:main:IBM")]
    resume(by_hand(made), "main", "IBM", None)
    monitor(made, at(16, 15, 10))
    assert trail(made)[1:] == [("ended", "HALTED symbol:main:IBM")]


def test_a_stop_that_a_person_set_is_none(made):
    stop(by_hand(made), "halt", None, None, reason="the market is mad", sure=True)
    monitor(made, at(16, 15, 0))
    assert trail(made) == []


def by_hand(made):
    return Desk(store=made.store, state_dir=made.tools.state_dir, now=made.clock.now())


def test_two_passes_in_a_row_that_do_not_get_their_account_are_an_alert_until_one_does(made):
    made.tools.store.taken = True
    assert monitor(made, at(16, 15, 0)) == [0]
    assert trail(made) == []
    assert monitor(made, at(16, 15, 5), at(16, 15, 10)) == [0, 0]
    assert trail(made) == [("raised", "SKIPPED order_monitor")]
    made.tools.store.taken = False
    monitor(made, at(16, 15, 15))
    assert trail(made)[1:] == [("ended", "SKIPPED order_monitor")]


def test_a_pass_between_two_that_were_skipped_makes_them_no_alert(made):
    for minute, taken in ((0, True), (5, False), (10, True)):
        made.tools.store.taken = taken
        monitor(made, at(16, 15, minute))
    assert trail(made) == []


def test_a_broker_that_is_away_for_one_pass_is_told_to_nobody(made, phone):
    made.tools.broker.error = BrokerUnavailable("no answer")
    assert monitor(made, at(16, 15, 0)) == [1]
    assert tell(made, phone) == ""
    made.tools.broker.error = None
    monitor(made, at(16, 15, 5))
    tell(made, phone)
    assert phone.messages == []
    assert trail(made) == [("raised", "INCOMPLETE order_monitor"), ("ended", "INCOMPLETE order_monitor")]


def test_a_broker_that_stays_away_is_told_once(made, phone):
    made.tools.broker.error = BrokerUnavailable("no answer")
    for minute in range(0, 60, 5):
        monitor(made, at(16, 15, minute))
        tell(made, phone)
    assert len(phone.messages) == 1
    assert "INCOMPLETE: no answer (since 2024-01-16 10:00 ET)" in phone.messages[0][1]


def test_refused_keys_are_told_at_once(made, phone):
    made.tools.broker.error = KeysRefused("the broker does not take these keys")
    monitor(made, at(16, 15, 0))
    tell(made, phone)
    assert phone.messages[0][1] == ("PERSON_NEEDED: the broker does not take these keys (since 2024-01-16 10:00 ET)")


def test_a_bug_is_told_at_once_and_stays_a_bug(made, phone):
    made.tools.broker.error = ZeroDivisionError("of shares by nothing")
    with pytest.raises(ZeroDivisionError):
        made.run("order_monitor")
    tell(made, phone)
    assert phone.messages[0][1].startswith("BUG: a bug: ZeroDivisionError: of shares by nothing")
    assert queries.runs(made.store, "main")[0].outcome == "incomplete"


def test_a_dry_run_raises_nothing(owned):
    run_pass("order_monitor", owned.tools, dry_run=True)
    assert trail(owned) == []
