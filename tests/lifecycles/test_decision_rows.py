"""What people and machines write into the table of decisions: bad rows are answered in words, good ones are ordered."""

from decimal import Decimal

import pytest

from lib.domain.actions import Delete
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.lifecycles.desk import ABOVE, assert_covered, begin, look, resting, trade_of

TEN_THOUSAND = Decimal(10_000)


def market():
    return ScriptedFeed({name: steps((at(16, 14, 40), "151")) for name in ("AAPL", "MSFT")})


SAID = (
    ({"planned_entry": "NaN"}, "NUMBERS: planned_entry 'NaN' is not a plain, finite number"),
    ({"qty": "Infinity"}, "NUMBERS: qty 'Infinity' is not a plain, finite number"),
    ({"qty": "1,000"}, "NUMBERS: qty '1,000' is not a plain, finite number"),
    ({"qty": "-10"}, "NUMBERS: qty -10 is not above zero"),
    ({"planned_sl": ""}, "NUMBERS: planned_sl is missing"),
    ({"expires_at": "2024-01-16 20:00"}, "NUMBERS: expires_at '2024-01-16 20:00' has no time zone"),
    ({"planned_sl": "151"}, "LEVELS: the stop 151 is not below the entry 150"),
    ({"planned_tp": "149"}, "LEVELS: the target 149 is not above the entry 150"),
    ({"action": "BUY!"}, "ACTION: the action 'BUY!' is not known"),
    ({"symbol": "\N{CYRILLIC CAPITAL LETTER A}APL"}, "SYMBOL: '\N{CYRILLIC CAPITAL LETTER A}APL' is not a symbol"),
    ({"symbol": "../account"}, "SYMBOL: '../account' is not a symbol"),
    ({"symbol": "A'; DROP TABLE trade_journal; --"}, "SYMBOL: "),
    ({"symbol": "ZZZZ"}, "SYMBOL: the broker knows no ZZZZ"),
)


@pytest.mark.case("fail-J1", "fail-J3", "fail-J8", "fail-I-8", "fail-N5")
@pytest.mark.sample
def test_each_bad_row_is_answered_in_words_and_the_good_one_is_ordered(make_world):
    made = make_world(at(16, 14, 46), market())
    bad = {made.decide(**(SWING_AAPL | columns)): said for columns, said in SAID}
    good = made.decide(**(SWING_AAPL | {"symbol": "MSFT"}))
    assert made.run("order_executor").exit_code == 0
    assert [o.client_order_id for o in made.tools.broker.live_orders()] == [f"sim-d{good}-entry-1"]
    rows = {d.id: d for d in queries.decisions(made.store, "main")}
    assert {rows[number].execution_status for number in bad} == {"REJECTED"}
    assert [n for n, said in bad.items() if not rows[n].execution_note.startswith(said)] == []
    assert at_rest(made) == ()


@pytest.mark.case("fail-J1")
def test_a_slipped_digit_is_not_sent_but_waits_for_the_market(make_world):
    made = make_world(at(16, 14, 46), market())
    slipped = made.decide(**(SWING_AAPL | {"planned_entry": "190", "planned_tp": "200", "qty": "1"}))
    assert made.run("order_executor").exit_code == 0
    assert made.tools.broker.live_orders() == ()
    row = queries.decision(made.store, slipped)
    assert (row.execution_status, row.execution_note) == (
        "WAITING",
        "COLLAR: the entry 190 is far above the ask 151.01",
    )


@pytest.mark.case("fail-J8")
def test_a_space_and_full_width_letters_are_read_as_meant(make_world):
    made = make_world(at(16, 14, 46), market())
    made.decide(**(SWING_AAPL | {"symbol": " \N{FULLWIDTH LATIN CAPITAL LETTER A}apl "}))
    made.run("order_executor")
    assert [o.symbol for o in made.tools.broker.live_orders()] == ["AAPL"]


@pytest.mark.case("fail-J2")
def test_without_a_quantity_the_risk_limit_says_how_many(make_world):
    made = make_world(at(16, 14, 46), market(), options=Options(cash=TEN_THOUSAND))
    decision = made.decide(**(SWING_AAPL | {"qty": None}))
    made.run("order_executor")
    (order,) = made.tools.broker.live_orders()
    # 1 % of 10,000 at a risk of 5 a share is 20 shares; 20 % of 10,000 at 150 is 13
    assert order.qty == 13
    assert queries.decision(made.store, decision).execution_note == "ordered 13 at 150 or better"


@pytest.mark.case("fail-J7")
def test_a_decision_deleted_while_its_order_rests_leaves_a_trade_that_goes_on(make_world):
    made = begin(make_world, *ABOVE, (at(16, 15, 4), "149.50"), (at(16, 15, 20), "161"))
    row = queries.decision(made.store, 1)
    gone = Delete(table="analysis_decision", id=row.id, version=row.version)
    made.store.write((gone,), run_id="person", at=made.clock.now())
    look(made)
    assert_covered(made, 10)
    look(made, 20)
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason) == ("CLOSED", "PROFIT_TAKEN")
    assert (resting(made), at_rest(made)) == ([], ())


def suspend(made, *, is_suspended):
    """Block new orders, or let them through, as the account's owner does at the broker."""
    body = b'{"suspend_trade": true}' if is_suspended else b'{"suspend_trade": false}'
    headers = {"Content-Type": "application/json"}
    answer = made.paper.respond(Request("PATCH", "/v2/account/configurations", headers=headers, body=body))
    assert answer.status == 200


@pytest.mark.case("fail-A13")
def test_an_account_that_may_not_trade_keeps_its_decisions_waiting_and_says_why(make_world):
    made = make_world(at(16, 14, 46), market())
    decision = made.decide(**SWING_AAPL)
    suspend(made, is_suspended=True)
    assert made.run("order_executor").exit_code == 0
    assert made.tools.broker.live_orders() == ()
    row = queries.decision(made.store, decision)
    assert (row.execution_status, row.execution_note) == (
        "WAITING",
        "ACCOUNT: the broker has blocked trading in this account",
    )
    suspend(made, is_suspended=False)
    made.clock.advance_to(at(16, 14, 50))
    made.run("order_executor")
    assert queries.decision(made.store, decision).execution_status == "ORDERED"


@pytest.mark.case("fail-A13")
def test_shares_of_an_account_that_may_not_trade_are_told_as_uncovered_and_covered_once_it_may(make_world):
    made = begin(make_world, *ABOVE, (at(16, 15, 4), "149.50"))
    suspend(made, is_suspended=True)
    assert look(made, stages=("order_monitor",)).exit_code == 1
    (problem,) = made.history[-1].result.problems
    assert problem.code == "UNCOVERED"
    assert "new orders are rejected by user request" in problem.message
    suspend(made, is_suspended=False)
    look(made, stages=("order_monitor",))
    assert_covered(made, 10)
