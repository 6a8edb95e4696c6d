"""Approved decisions become entry orders in one transaction, or a written reason why not."""

import pytest

from lib.domain.actions import Insert, Ref, Submit, Update
from lib.domain.bodies import thaw
from lib.domain.money import D
from lib.planning.deciding.entries import candidates, is_unfinished, plan_order_executor
from tests.builders import (
    CLOSE,
    MINUTE,
    MONDAY,
    NOW,
    OPEN,
    SECOND,
    account,
    context,
    control,
    decision,
    held,
    kinds,
    market,
    order,
    pending,
    quote,
    rows,
    stage_run,
    trade,
    values_of,
)

WINDOW_OPEN, WINDOW_CLOSE = OPEN + 15 * MINUTE, CLOSE - 30 * MINUTE
CLAIMED = stage_run(started_at=WINDOW_OPEN)


def plan(*decisions, shown=None, runs=(), **moment):
    symbols = sorted({d.symbol for d in decisions})
    return plan_order_executor(rows(decisions=decisions, last_runs=runs), shown or market(*symbols), context(**moment))


def answers(planned):
    return {a.changes[0].id: dict(a.changes[0].values) for a in planned.actions if not isinstance(a, Submit)}


def sent(planned):
    return [a.body["client_order_id"] for a in planned.actions if isinstance(a, Submit)]


def test_a_claim_is_one_transaction_of_decision_journal_and_order():
    claim = plan(decision()).actions[0]
    decided, journal, entry = claim.intent
    assert [type(c) for c in claim.intent] == [Update, Insert, Insert]
    assert [c.table for c in claim.intent] == ["analysis_decision", "trade_journal", "order_execution"]
    assert (decided.id, decided.version) == (12, 3)
    assert (decided.values["executed"], decided.values["execution_status"]) == (True, "ORDERED")
    assert (journal.values["decision_id"], journal.values["status"]) == (12, "ORDERED")
    assert (entry.values["trade_id"], claim.order_refs) == (Ref(journal.ref), (Ref(entry.ref),))


def test_a_claim_keeps_when_it_was_decided_and_the_quote_it_was_sent_into():
    seen = quote("149.90", "150.00", at=NOW - SECOND)
    journal = values_of(plan(decision(), shown=market(quotes={"AAPL": seen})).actions, "trade_journal")
    assert journal["decided_at"] == OPEN - 60 * MINUTE
    assert (journal["arrival_bid"], journal["arrival_ask"]) == (D("149.90"), D("150.00"))
    assert journal["arrival_quote_time"] == NOW - SECOND


def test_a_claim_freezes_the_body_that_is_sent_and_raises_exposure():
    claim = plan(decision()).actions[0]
    entry = claim.intent[2].values
    assert thaw(entry["payload"]) == claim.body
    assert (claim.body["qty"], claim.body["limit_price"]) == ("10", "150")
    assert (entry["client_order_id"], entry["order_status"]) == ("ns-d12-entry-1", "pending")
    assert entry["expires_at"] == WINDOW_CLOSE
    assert claim.increases_exposure


def test_the_journal_keeps_a_frozen_copy_of_the_numbers():
    journal = plan(decision()).actions[0].intent[1].values
    assert [journal[f"planned_{name}"] for name in ("entry", "sl", "tp", "qty")] == [
        D("150"),
        D("145"),
        D("160"),
        D("10"),
    ]


@pytest.mark.case("fail-J2")
def test_without_a_quantity_the_order_is_sized():
    assert plan(decision(qty=None)).actions[0].body["qty"] == "133"


@pytest.mark.parametrize(
    ("now", "claims"),
    [
        (WINDOW_OPEN - SECOND, False),
        (WINDOW_OPEN, True),
        (WINDOW_CLOSE, True),
        (OPEN - 10 * MINUTE, False),
    ],
)
def test_orders_go_out_inside_the_entry_window_only(now, claims):
    planned = plan(decision(), now=now, shown=market(quotes={"AAPL": quote(at=now)}))
    assert bool(sent(planned)) is claims
    assert claims or not planned.actions


def test_outside_the_window_the_reader_is_told_when_it_opens():
    assert "2026-11-20 14:45 UTC" in plan(decision(), now=OPEN).notes[-1]


def test_outside_the_window_a_broken_decision_is_refused_all_the_same():
    assert answers(plan(decision(qty="x"), now=OPEN))[12]["execution_status"] == "REJECTED"


def test_only_the_first_complete_run_of_the_session_claims_new_decisions():
    assert sent(plan(decision())) == ["ns-d12-entry-1"]
    later = plan(decision(), runs=(CLAIMED,))
    assert not later.actions
    assert "12" in later.notes[0]


@pytest.mark.parametrize(
    "run",
    [
        stage_run(started_at=WINDOW_OPEN - SECOND),
        stage_run(complete=False),
        stage_run(stage="order_monitor"),
        stage_run(started_at=WINDOW_OPEN - MONDAY),
    ],
    ids=["before the window", "not complete", "another stage", "another day"],
)
def test_no_other_run_counts_as_the_session_s_claim(run):
    assert sent(plan(decision(), runs=(run,))) == ["ns-d12-entry-1"]


def test_a_waiting_decision_is_tried_again_and_a_named_one_is_taken_at_any_time():
    assert sent(plan(decision(execution_status="WAITING"), runs=(CLAIMED,))) == ["ns-d12-entry-1"]
    assert sent(plan(decision(), decision(id=13, symbol="MSFT"), runs=(CLAIMED,), only_decision=13)) == [
        "ns-d13-entry-1"
    ]


@pytest.mark.parametrize(
    ("changes", "open_now"),
    [
        ({}, True),
        ({"approve": 1}, True),
        ({"approve": False}, False),
        ({"approve": "TRUE"}, False),
        ({"executed": True}, False),
        ({"executed": 1}, False),
        ({"executed": "no"}, True),
        ({"stamped": False}, False),
        ({"version": -1}, False),
        ({"execution_status": "REJECTED"}, False),
        ({"execution_status": "EXPIRED"}, False),
        ({"execution_status": "some word"}, True),
    ],
)
def test_open_is_what_is_approved_stamped_and_not_answered(changes, open_now):
    assert bool(candidates(rows(decisions=(decision(**changes),)), context())) is open_now


def test_a_decision_that_has_its_trade_is_never_taken_again():
    again = rows(decisions=(decision(),), traded_decision_ids=frozenset({12}))
    assert not plan_order_executor(again, market(), context()).actions


def test_numbers_edited_after_the_approval_are_refused_for_good():
    edited = decision(approved_digest="another", approved_seen_at=OPEN)
    refusal = answers(plan(edited))[12]
    assert refusal["execution_note"].startswith("EDITED_AFTER_APPROVAL")
    assert (refusal["executed"], refusal["execution_status"]) == (True, "REJECTED")


@pytest.mark.parametrize(
    ("changes", "now", "expired"),
    [
        ({}, WINDOW_CLOSE, False),
        ({}, WINDOW_CLOSE + SECOND, True),
        ({"approved_seen_at": WINDOW_CLOSE - SECOND}, WINDOW_CLOSE + SECOND, False),
        ({"approved_seen_at": WINDOW_CLOSE - SECOND}, WINDOW_CLOSE + MONDAY + SECOND, True),
        ({"approved_seen_at": WINDOW_CLOSE}, WINDOW_CLOSE + MONDAY, False),
        ({"expires_at": "2026-11-20T15:00:00Z"}, NOW, False),
        ({"expires_at": "2026-11-20T15:00:00Z"}, NOW + SECOND, True),
        ({"expires_at": "2026-12-01T15:00:00Z"}, WINDOW_CLOSE + SECOND, False),
    ],
)
def test_a_decision_expires_with_its_first_window_or_at_its_own_time(changes, now, expired):
    answered = answers(plan(decision(**changes), now=now, runs=(CLAIMED,)))
    assert (answered.get(12, {}).get("execution_status") == "EXPIRED") is expired


def test_an_expired_decision_says_what_it_waited_for():
    waiting = decision(execution_status="WAITING", execution_note="QUOTE: no usable quote for AAPL")
    assert "no usable quote" in answers(plan(waiting, now=WINDOW_CLOSE + SECOND))[12]["execution_note"]


def test_a_refusal_for_now_waits_with_its_reason_and_keeps_the_decision_open():
    waiting = answers(plan(decision(), shown=market(quotes={})))[12]
    assert waiting == {"execution_status": "WAITING", "execution_note": "QUOTE: no usable quote for AAPL"}


def test_the_same_refusal_is_not_written_twice():
    waiting = decision(execution_status="WAITING", execution_note="QUOTE: no usable quote for AAPL")
    assert not plan(waiting, shown=market(quotes={})).actions


BAD = {
    "no number": {"planned_entry": "x"},
    "absurd": {"planned_entry": "1e400"},
    "levels": {"planned_sl": "155"},
    "edited": {"approved_digest": "other", "approved_seen_at": OPEN},
    "unknown symbol": {"symbol": "ZZZZ"},
    "a year that UTC has not": {"expires_at": "0001-01-01T00:00:00+14:00"},
    "no words at all": {"symbol": None, "action": None, "trade_style": None},
    "not to be written": {"version": -1},
    "not yet stamped": {"stamped": False},
}


@pytest.mark.case("fail-J1")
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_one_bad_row_never_stops_the_good_ones(bad):
    first, last = decision(id=11, symbol="MSFT"), decision(id=13)
    broken = decision(**({"id": 12, "symbol": "TSLA"} | bad))
    planned = plan_order_executor(rows(decisions=(first, broken, last)), market("AAPL", "MSFT"), context())
    assert sent(planned) == ["ns-d11-entry-1", "ns-d13-entry-1"]


def test_a_row_that_cannot_be_written_is_told_of():
    assert "decision 12" in plan(decision(version=-1)).notes[0]


def test_two_decisions_of_a_run_cannot_spend_the_same_buying_power():
    two = decision(), decision(id=13, symbol="MSFT")
    planned = plan(*two, shown=market("AAPL", "MSFT", account=account(buying_power="2999.99")))
    assert sent(planned) == ["ns-d12-entry-1"]
    assert answers(planned)[13]["execution_note"].startswith("BUYING_POWER")


def test_an_entry_of_unknown_outcome_has_spent_its_buying_power():
    unknown = rows(decisions=(decision(id=13, symbol="MSFT"),), trades=(trade(),), orders=(pending(),))
    shown = market("MSFT", account=account(buying_power="2999.99"))
    assert answers(plan_order_executor(unknown, shown, context()))[13]["execution_note"].startswith("BUYING_POWER")


def test_two_decisions_of_a_run_cannot_own_the_same_symbol():
    planned = plan(decision(id=13, qty="9"), decision(id=12))
    assert sent(planned) == ["ns-d12-entry-1"]
    assert answers(planned)[13]["execution_note"] == "SYMBOL_BUSY: AAPL belongs to decision 12"


@pytest.mark.parametrize(
    ("owner", "entry", "free"),
    [
        (trade(), order(), False),
        (trade(status="POSITION"), order(order_status="filled"), False),
        (trade(status="CANCELLED"), order(order_status="new"), False),
        (trade(status="CANCELLED"), order(order_status="a new word"), False),
        (trade(status="CANCELLED"), order(order_status="unsent"), True),
    ],
    ids=["ordered", "held", "cancelled, order live", "cancelled, order unclear", "cancelled, order given up"],
)
def test_a_symbol_is_busy_while_a_trade_or_a_live_order_has_it(owner, entry, free):
    busy = rows(decisions=(decision(id=13),), trades=(owner,), orders=(entry,))
    assert bool(sent(plan_order_executor(busy, market(), context()))) is free


def test_a_symbol_that_the_user_holds_is_left_alone():
    shown = market(positions={"AAPL": held("3")})
    assert answers(plan(decision(), shown=shown))[12]["execution_note"].startswith("SYMBOL_BUSY")


@pytest.mark.case("fail-J10")
def test_the_limit_of_orders_counts_all_rounds_of_a_run():
    already = tuple(order(id=n, trade_id=n, created_at=NOW, order_status="filled") for n in range(1, 21))
    crowded = rows(decisions=(decision(),), orders=already)
    assert answers(plan_order_executor(crowded, market(), context()))[12]["execution_note"].startswith("ORDERS_PER_RUN")
    next_run = context(now=NOW + SECOND)
    assert sent(plan_order_executor(crowded, market(), next_run)) == ["ns-d12-entry-1"]


def test_a_halt_lets_decisions_wait():
    halted = rows(decisions=(decision(),), controls=(control(),))
    assert answers(plan_order_executor(halted, market(), context()))[12]["execution_note"].startswith("CONTROL")


def test_nothing_approved_is_an_empty_plan():
    planned = plan_order_executor(rows(), market(), context())
    assert (planned.actions, planned.problems, planned.notes) == ((), (), ())


@pytest.mark.parametrize(
    ("kept", "unfinished"),
    [
        ({}, False),
        ({"decisions": (decision(),)}, False),
        ({"decisions": (decision(execution_status="WAITING"),)}, True),
        ({"decisions": (decision(execution_status="WAITING", approve=False),)}, False),
        ({"trades": (trade(),), "orders": (pending(),)}, True),
        ({"trades": (trade(),), "orders": (order(),)}, True),
        ({"trades": (trade(status="CANCELLED"),), "orders": (order(order_status="cancelled"),)}, False),
        ({"decisions": (decision(action="CLOSE", executed=True, execution_status="ORDERED"),)}, True),
    ],
)
def test_whatever_waits_and_open_trades_that_may_be_closed_bring_the_executor_back(kept, unfinished):
    assert is_unfinished(rows(**kept)) is unfinished


def test_a_stamp_and_a_claim_never_touch_the_same_row_in_one_round():
    planned = plan(decision(stamped=False))
    assert kinds(planned.actions) == ["Write"]
    assert set(values_of(planned.actions, "analysis_decision")) == {"approved_digest", "approved_seen_at"}


def test_a_decision_asked_for_by_id_that_cannot_be_taken_is_said_so():
    asked = plan(decision(), only_decision=99)
    assert asked.actions == ()
    assert asked.notes == ("decision 99: nothing to carry out; it is not there, not approved, or has been answered",)
