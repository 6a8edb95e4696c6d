"""CANCEL, AMEND and CLOSE as written, and the trade that each of them means."""

from dataclasses import replace

import pytest

from lib.domain.limits import Limits
from lib.domain.money import D
from lib.domain.wanted import Wanted, read_wanted, write_wanted
from lib.planning.deciding.decisions import Refused, Request, read_decision
from lib.planning.deciding.entries import plan_order_executor
from tests.builders import (
    CLOSE,
    ENTRY_ID,
    MINUTE,
    NOW,
    bought,
    context,
    decision,
    kinds,
    market,
    order,
    pending,
    rows,
    snapshot,
    trade,
    values_of,
)

EMPTY = {"planned_entry": None, "planned_sl": None, "planned_tp": None, "qty": None, "trade_style": None, "side": None}


def request(action, **columns):
    return decision(**({"id": 31, "action": action, "target_decision_id": "12", "symbol": None} | EMPTY | columns))


def plan(asked, *, trades=(), orders=(), **moment):
    kept = rows(decisions=(asked,), trades=trades, orders=orders)
    return plan_order_executor(kept, snapshot(), context(**moment))


def note(planned):
    return values_of(planned.actions, "analysis_decision")


@pytest.mark.case("fail-J8")
@pytest.mark.parametrize("word", ["close", " CLOSE ", "ＣＬＯＳＥ"])
def test_a_word_that_looks_like_an_action_is_that_action(word):
    read = read_decision(request(word))
    assert isinstance(read, Request)
    assert (read.action, read.target_decision_id) == ("CLOSE", 12)


@pytest.mark.case("fail-J1", "fail-J8")
@pytest.mark.parametrize(
    ("action", "columns", "reason"),
    [
        ("CANCEL", {"target_decision_id": None}, "target_decision_id and symbol are missing"),
        ("CANCEL", {"target_decision_id": "12.5"}, "target_decision_id '12.5' is no whole number"),
        ("CANCEL", {"target_decision_id": "trade 7"}, "is not a plain, finite number"),
        ("CANCEL", {"expires_at": "2026-11-21"}, "has no time zone"),
        ("AMEND", {}, "nothing is asked for"),
        ("AMEND", {"planned_sl": "NaN"}, "planned_sl 'NaN' is not a plain, finite number"),
        ("AMEND", {"planned_sl": "-5"}, "planned_sl -5 is not above zero"),
        ("AMEND", {"trail_percent": "2"}, "a trail cannot be amended"),
        ("CLOSE", {"close_price": "1,000"}, "close_price '1,000' is not a plain, finite number"),
        ("CLOSE", {"qty": "5"}, "a CLOSE closes the whole trade"),
    ],
)
def test_what_cannot_be_read_is_refused_and_named(action, columns, reason):
    read = read_decision(request(action, **columns))
    assert isinstance(read, Refused)
    assert reason in read.reason


def test_an_id_that_a_spreadsheet_wrote_with_a_point_is_that_id():
    assert read_decision(request("CANCEL", target_decision_id="12.0")).target_decision_id == 12


def test_several_live_trades_in_a_symbol_are_all_named():
    two = (trade(), trade(id=8, decision_id=15))
    asked = request("CLOSE", target_decision_id=None, symbol="aapl")
    said = note(plan(asked, trades=two, orders=(order(), order(id=2, trade_id=8))))
    assert (said["execution_status"], said["execution_note"]) == (
        "REJECTED",
        "TARGET: trade 7 (decision 12), trade 8 (decision 15) are live in AAPL: name one by target_decision_id",
    )


def test_of_a_live_and_an_ended_trade_in_a_symbol_the_live_one_is_meant():
    both = (trade(status="CANCELLED"), trade(id=8, decision_id=15))
    asked = request("CANCEL", target_decision_id=None, symbol="AAPL")
    planned = plan(asked, trades=both, orders=(order(order_status="cancelled"), order(id=2, trade_id=8)))
    assert read_wanted(values_of(planned.actions, "trade_journal")["wanted"]).cancel_by == 31
    assert [c.id for a in planned.actions for c in a.changes if c.table == "trade_journal"] == [8]


def test_the_claim_is_one_transaction_of_both_rows_at_their_versions():
    planned = plan(request("CANCEL"), trades=(trade(version=5),), orders=(order(),))
    (claim,) = planned.actions
    assert [(c.table, c.id, c.version) for c in claim.changes] == [
        ("analysis_decision", 31, 3),
        ("trade_journal", 7, 5),
    ]
    wanted = read_wanted(values_of((claim,), "trade_journal")["wanted"])
    assert (wanted.cancel_by, wanted.claimed) == (31, (31,))


def test_a_request_that_its_trade_remembers_is_not_carried_out_again():
    known = trade(wanted=write_wanted(Wanted(claimed=(31,), amended_by=40)))
    planned = plan(request("CANCEL"), trades=(known,), orders=(order(),))
    assert "trade_journal" not in {c.table for a in planned.actions for c in a.changes}
    assert note(planned)["executed"] is True


def test_a_cancel_of_an_entry_of_unknown_outcome_is_taken_and_the_entry_is_not_sent_again():
    asked, absent = request("CANCEL"), pending(missing_at=NOW - MINUTE)
    wanted = trade(wanted=write_wanted(Wanted(cancel_by=31, claimed=(31,))))
    claimed = decision(executed=True, execution_status="ORDERED")
    assert kinds(plan(asked, trades=(trade(),), orders=(absent,)).actions) == ["Write"]
    kept = rows(decisions=(claimed,), trades=(wanted,), orders=(absent,))
    look = snapshot(by_client_id={ENTRY_ID: None})
    assert plan_order_executor(kept, look, context()).actions == ()
    still_wanted = replace(kept, trades=(trade(),))
    assert kinds(plan_order_executor(still_wanted, look, context()).actions) == ["Submit"]


@pytest.mark.parametrize(
    ("asked", "now", "status"),
    [
        (request("CLOSE"), NOW, "ORDERED"),
        (request("CLOSE", approved_seen_at=NOW), CLOSE + MINUTE, "WAITING"),
        (request("CANCEL", approved_seen_at=NOW), CLOSE + MINUTE, "ORDERED"),
        (request("CLOSE", expires_at="2026-11-20T14:59:00Z"), NOW, "EXPIRED"),
        (request("CLOSE"), CLOSE + MINUTE, "EXPIRED"),
    ],
    ids=[
        "in the session",
        "after the close",
        "a cancel after the close",
        "after its time",
        "after the session it was approved for",
    ],
)
def test_when_a_request_is_taken(asked, now, status):
    planned = plan(asked, trades=(trade(),), orders=(order(),), now=now)
    assert note(planned)["execution_status"] == status


def test_a_request_goes_by_no_claim_of_the_session_and_reads_no_market():
    owned, entry, filled = bought()
    kept = rows(decisions=(request("CLOSE"),), trades=(owned,), orders=(entry,), fills=(filled,))
    planned = plan_order_executor(kept, snapshot(), context())
    assert read_wanted(values_of(planned.actions, "trade_journal")["wanted"]).close_by == 31


def test_a_short_trade_takes_its_levels_mirrored():
    owned, entry, filled = bought(side="short", planned_sl=D("155"), planned_tp=D("140"))
    asked = request("CLOSE", close_price="156")
    kept = rows(decisions=(asked,), trades=(owned,), orders=(entry,), fills=(filled,))
    said = note(plan_order_executor(kept, snapshot(), context()))["execution_note"]
    assert said.startswith("LEVELS: close_price 156 is at or beyond the stop 155")


@pytest.mark.case("fail-H13")
def test_where_nobody_can_read_what_a_trade_wants_a_request_waits_and_none_is_taken_for_done():
    torn = trade(wanted="{oops", status="POSITION")
    told = note(plan(request("CLOSE"), trades=(torn,), orders=(order(),)))
    assert (told["execution_status"], told["execution_note"].partition(":")[0]) == ("WAITING", "WANTED")
    taken = request("CLOSE", executed=True, execution_status="ORDERED")
    assert plan(taken, trades=(torn,), orders=(order(),)).actions == ()


@pytest.mark.case("check-R6")
@pytest.mark.parametrize(("limit", "ordered"), [("0.045", True), ("0.0449", False)])
def test_what_an_amend_of_the_same_run_is_granted_leaves_less_room_for_new_trades(limit, ordered):
    amend = request("AMEND", id=11, target_decision_id="9", qty="20")  # 3000 in place of 1500
    kept = rows(
        decisions=(amend, decision(symbol="MSFT")), trades=(trade(decision_id=9),), orders=(order(),), last_runs=()
    )
    strict = Limits(gross_exposure_max=D(limit))
    planned = plan_order_executor(kept, market("AAPL", "MSFT"), context(limits=strict))
    assert values_of(planned.actions, "trade_journal")["wanted"]
    assert ("Submit" in kinds(planned.actions)) is ordered
