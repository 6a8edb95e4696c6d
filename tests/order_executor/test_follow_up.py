"""What is claimed is followed up: unknown outcomes, refusals of the broker, ticks taken away by hand."""

import pytest

from lib.domain.actions import Submit
from lib.domain.bodies import thaw
from lib.planning.deciding.entries import plan_order_executor
from tests.builders import (
    CLOSE,
    ENTRY_ID,
    MINUTE,
    NOW,
    OPEN,
    SECOND,
    broker_order,
    codes,
    context,
    decision,
    market,
    order,
    pending,
    rows,
    trade,
    values_of,
)

CLAIMED = decision(executed=True, execution_status="ORDERED")
ABSENT = {ENTRY_ID: None}


def plan(entry, *, decided=CLAIMED, journal=None, found=ABSENT, **moment):
    kept = rows(decisions=(decided,), trades=(journal or trade(),), orders=(entry,))
    return plan_order_executor(kept, market(by_client_id=found), context(**moment))


def resends(planned):
    return [action for action in planned.actions if isinstance(action, Submit)]


@pytest.mark.case("fail-D5")
@pytest.mark.parametrize(
    ("missing_for", "found", "resent"),
    [
        (None, ABSENT, False),
        (29 * SECOND, ABSENT, False),
        (30 * SECOND, ABSENT, True),
        (30 * SECOND, {}, False),
        (30 * SECOND, {ENTRY_ID: broker_order()}, False),
    ],
    ids=["no 404 yet", "29 s apart", "30 s apart", "not looked up", "found"],
)
def test_only_two_404s_at_least_30_seconds_apart_send_an_entry_again(missing_for, found, resent):
    missing_at = None if missing_for is None else NOW - missing_for
    assert bool(resends(plan(pending(missing_at=missing_at), found=found))) is resent


def test_it_is_sent_again_under_the_same_id_with_the_same_body():
    entry = pending(missing_at=NOW - MINUTE, version=4)
    again = resends(plan(entry))[0]
    assert again.body == thaw(entry.payload)
    assert (again.order, again.order_refs, again.increases_exposure) == (entry, (), True)
    assert [(c.id, c.version) for c in again.intent] == [(1, 4)]
    assert values_of([again], "order_execution") == {"submitted_at": NOW, "missing_at": None}


@pytest.mark.parametrize(
    ("now", "resent"),
    [
        (OPEN + 15 * MINUTE, True),
        (OPEN + 15 * MINUTE - SECOND, False),
        (CLOSE - 30 * MINUTE, True),
        (CLOSE - 30 * MINUTE + SECOND, False),
    ],
)
def test_nothing_is_sent_again_outside_the_entry_window(now, resent):
    assert bool(resends(plan(pending(missing_at=OPEN), now=now))) is resent


def test_an_entry_of_an_earlier_session_is_never_sent_again():
    old = pending(missing_at=OPEN, expires_at=NOW - SECOND)
    assert not plan(old).actions


def test_an_open_question_makes_the_pass_incomplete():
    assert codes(plan(pending()).problems) == ["OUTCOME_UNKNOWN"]


@pytest.mark.parametrize("payload", [None, "", "{", "[]"])
def test_a_body_that_cannot_be_read_is_never_sent(payload):
    assert not resends(plan(pending(missing_at=NOW - MINUTE, payload=payload)))


def test_a_row_ticked_away_by_hand_is_ticked_again_with_a_note_and_nothing_is_sent():
    planned = plan(order(), decided=decision(executed=False, execution_status="ORDERED"))
    written = values_of(planned.actions, "analysis_decision")
    assert written["executed"] is True
    assert "tick" in written["execution_note"]
    assert not resends(planned)


def test_the_broker_s_refusal_is_written_on_the_decision():
    refused = order(order_status="rejected", reject_reason="BUYING_POWER: insufficient buying power")
    written = values_of(plan(refused).actions, "analysis_decision")
    assert written["execution_status"] == "REJECTED"
    assert "insufficient buying power" in written["execution_note"]


def test_an_order_that_never_arrived_expires_its_decision():
    planned = plan(order(order_status="unsent"), journal=trade(status="CANCELLED"))
    assert values_of(planned.actions, "analysis_decision")["execution_status"] == "EXPIRED"


@pytest.mark.parametrize("status", ["REJECTED", "EXPIRED", "DONE"])
def test_what_is_answered_is_not_answered_again(status):
    answered = decision(executed=True, execution_status=status)
    assert not plan(order(order_status="rejected"), decided=answered).actions


@pytest.mark.parametrize("entry", [order(), order(order_status="filled"), order(order_status="a new word")])
def test_an_order_that_stands_needs_no_follow_up(entry):
    planned = plan(entry)
    assert (planned.actions, planned.problems) == ((), ())


def test_a_trade_without_its_decision_or_without_its_order_is_passed_over():
    kept = rows(trades=(trade(), trade(id=8, decision_id=13)), decisions=(CLAIMED,))
    assert not plan_order_executor(kept, market(), context()).actions
