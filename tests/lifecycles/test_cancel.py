"""CANCEL: what of an entry has not filled is taken back; what has filled is owned, and keeps its stop."""

from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.faults import Faults, Kind
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.lifecycles.desk import (
    ABOVE,
    BOUGHT,
    FOUR_FILL,
    answer,
    ask,
    assert_covered,
    begin,
    look,
    resting,
    trade_of,
    untick,
)


@pytest.mark.case("fail-B1")
@pytest.mark.sample
def test_an_entry_that_rests_is_cancelled_and_its_trade_ends_with_the_reason(make_world):
    made = begin(make_world, *ABOVE)
    asked = ask(made, "CANCEL")
    look(made)
    assert answer(made, asked) == ("ORDERED", "cancels the entry of trade 1")
    assert (resting(made), trade_of(made).status) == ([], "CANCELLED")
    assert trade_of(made).note == ("the entry was cancelled without a fill: cancel asked because decision 2 cancels it")
    look(made)
    assert answer(made, asked)[0] == "DONE"
    assert answer(made, 1)[0] == "DONE"
    assert at_rest(made) == ()


@pytest.mark.case("fail-B1", "fail-B2")
def test_a_fill_that_overtakes_the_cancel_is_a_position_under_a_stop(make_world):
    made = begin(make_world, *ABOVE, (at(16, 15, 6), "149.50"), (at(16, 15, 8), "151"))
    asked = ask(made, "CANCEL")
    look(made, 3, stages=("order_executor",))
    look(made)  # the entry filled at 15:06, before order_monitor could ask for its end
    assert (trade_of(made).status, trade_of(made).actual_qty) == ("POSITION", Decimal(10))
    assert_covered(made, 10)
    look(made)
    status, note = answer(made, asked)
    assert (status, note) == ("DONE", "the entry of trade 1 has ended; 10 had filled and stay a position")


def test_of_an_entry_filled_in_part_the_rest_is_cancelled_and_the_part_keeps_its_cover(make_world):
    made = begin(make_world, *BOUGHT, fill_plan=FOUR_FILL)
    asked = ask(made, "CANCEL")
    look(made)
    assert resting(made) == [("sell", "limit", "4", "160"), ("sell", "stop", "4", "145")]
    assert_covered(made, 4)
    assert trade_of(made).note.startswith("bought 4 of 10: the rest of the entry was cancelled: cancel asked because")
    look(made)
    assert answer(made, asked)[0] == "DONE"


@pytest.mark.case("fail-B5")
def test_a_position_is_not_cancelled_and_its_stop_stays(make_world):
    made = begin(make_world, *BOUGHT)
    before = resting(made)
    asked = ask(made, "CANCEL")
    look(made)
    assert answer(made, asked) == (
        "REJECTED",
        "CANCEL_TOO_LATE: trade 1 has no entry that could still fill; it is a position: CLOSE ends it",
    )
    assert resting(made) == before
    assert_covered(made, 10)


@pytest.mark.case("fail-B4")
@pytest.mark.parametrize(
    ("named", "note"),
    [
        ({"target_decision_id": "77"}, "TARGET: decision 77 has no trade that could still change"),
        ({"target_decision_id": None, "symbol": "MSFT"}, "TARGET: no trade in MSFT is live"),
        ({"symbol": "MSFT"}, "TARGET: decision 1 is trade 1 in AAPL, not in MSFT"),
    ],
)
def test_a_trade_that_is_not_there_is_a_note_and_nothing_is_cancelled(make_world, named, note):
    made = begin(make_world, *ABOVE)
    asked = ask(made, "CANCEL", **named)
    look(made)
    assert answer(made, asked) == ("REJECTED", note)
    assert resting(made) == [("buy", "limit", "10", "150")]


@pytest.mark.case("fail-B4")
@pytest.mark.parametrize("action", ["CANCEL", "CLOSE"])
def test_a_decision_that_has_no_order_yet_is_withdrawn_and_never_gets_one(make_world, action):
    made = make_world(at(16, 14, 40), ScriptedFeed({"AAPL": steps(*ABOVE)}))
    made.decide(**SWING_AAPL)
    other = ask(made, action, symbol="MSFT")
    asked = ask(made, action, symbol="AAPL")
    made.clock.advance_to(at(16, 14, 45))
    made.run("order_executor")
    assert answer(made, 1) == ("REJECTED", f"WITHDRAWN: decision {asked} withdrew it before it was ordered")
    assert answer(made, asked) == ("DONE", "withdrew decision 1 before it was ordered")
    assert answer(made, other)[0] == "REJECTED"
    assert (resting(made), queries.journal(made.store, "main")) == ([], ())
    assert made.history[-1].exit_code == 0


def test_by_symbol_the_one_trade_that_is_live_is_meant(make_world):
    made = begin(make_world, *ABOVE)
    ask(made, "CANCEL", target_decision_id=None, symbol="aapl")
    look(made)
    assert (resting(made), trade_of(made).status) == ([], "CANCELLED")


@pytest.mark.case("fail-J6")
def test_an_unticked_cancel_is_ticked_again_and_cancels_nothing_more(make_world):
    made = begin(make_world, *BOUGHT, fill_plan=FOUR_FILL)
    asked = ask(made, "CANCEL")
    look(made)
    look(made)
    before = resting(made)
    untick(made, asked)
    look(made)
    row = queries.decision(made.store, asked)
    assert (row.executed, row.execution_status) == (1, "DONE")
    assert resting(made) == before
    assert_covered(made, 4)


@pytest.mark.case("fail-B3")
@pytest.mark.parametrize("kind", [pytest.param(Kind.CRASH_BEFORE, marks=pytest.mark.slow), Kind.CRASH_AFTER])
@pytest.mark.parametrize("nth", range(1, 5))
def test_a_process_that_dies_on_the_way_leads_to_the_same_end(make_world, kind, nth):
    faults = Faults({}, [])
    made = begin(make_world, *BOUGHT, faults=faults, fill_plan=FOUR_FILL)
    asked = ask(made, "CANCEL")
    faults.plan = {len(faults.effects) + nth: kind}
    look(made)
    assert sum(ran.result is None for ran in made.history) == 1
    look(made)
    look(made)
    assert resting(made) == [("sell", "limit", "4", "160"), ("sell", "stop", "4", "145")]
    assert_covered(made, 4)
    assert answer(made, asked)[0] == "DONE"
