"""AMEND: another entry for what is left, another stop, another target. AAPL is at 151, the entry rests at 150."""

from decimal import Decimal

import pytest

from lib.paper_broker.faults import Fault, FaultKind
from lib.paper_broker.faults import Faults as BrokerFaults
from lib.paper_broker.message import Request
from lib.simulation.evidence import at_rest
from lib.simulation.faults import Faults, Kind
from lib.simulation.lifecycles import at
from lib.store import queries
from tests.lifecycles.desk import (
    ABOVE,
    BOUGHT,
    FOUR_FILL,
    TREND_AAPL,
    answer,
    ask,
    assert_covered,
    begin,
    look,
    resting,
    rewrite,
    trade_of,
    untick,
)
from tests.tools.sampling import some


def entries_of(made):
    """Return the entry orders of the trade: id, quantity, status."""
    return [
        (o.client_order_id, o.qty, o.order_status) for o in queries.orders_of(made.store, 1) if o.order_type == "ENTRY"
    ]


@pytest.mark.sample
def test_an_entry_that_rests_is_cancelled_and_the_next_one_goes_out_at_the_new_price(make_world):
    made = begin(make_world, *ABOVE, (at(16, 15, 20), "148.50"))
    asked = ask(made, "AMEND", planned_entry="149", qty="20")
    look(made)
    assert resting(made) == [("buy", "limit", "20", "149")]
    assert [(name, status) for name, _, status in entries_of(made)] == [
        ("sim-d1-entry-1", "cancelled"),
        ("sim-d1-entry-2", "new"),
    ]
    look(made)
    assert answer(made, asked) == (
        "DONE",
        "trade 1 is as amended: stop 145, target 160; 20 in all at 149",
    )
    made.clock.advance_to(at(16, 15, 21))
    look(made)
    assert_covered(made, 20)
    assert trade_of(made).actual_entry == Decimal("148.51")


@pytest.mark.case("fail-C1")
def test_what_filled_before_the_cancel_is_covered_and_only_the_rest_is_ordered_anew(make_world):
    made = begin(make_world, *BOUGHT, (at(16, 15, 20), "148.50"), fill_plan=FOUR_FILL)
    ask(made, "AMEND", planned_entry="149", qty="12")
    look(made)
    assert resting(made) == [
        ("buy", "limit", "8", "149"),
        ("sell", "limit", "4", "160"),
        ("sell", "stop", "4", "145"),
    ]
    made.clock.advance_to(at(16, 15, 21))
    look(made)
    assert_covered(made, 12)
    assert trade_of(made).actual_qty == Decimal(12)
    assert trade_of(made).note == "decision 2 amended the entry: buy 8 AAPL at 149 or better"


@pytest.mark.case("fail-C1")
def test_beside_a_plain_stop_no_rest_is_ordered_and_the_trade_keeps_what_filled(make_world):
    made = begin(make_world, *ABOVE, (at(16, 15, 4), "149.50"), (at(16, 15, 6), "151"), decision=TREND_AAPL,
                 fill_plan=FOUR_FILL)  # fmt: skip
    asked = ask(made, "AMEND", planned_entry="149")
    look(made, 3)
    look(made)
    said = "AMEND_PARTLY: 4 of 10 had filled before decision 2 could amend the entry; the trade keeps them"
    assert trade_of(made).note == said
    assert resting(made) == [("sell", "stop", "4", "145")]
    assert_covered(made, 4)
    look(made)
    assert answer(made, asked) == ("DONE", said)


@pytest.mark.case("fail-C4")
@pytest.mark.parametrize("columns", [{"planned_entry": "149"}, {"qty": "20"}])
def test_the_entry_of_a_position_cannot_be_amended_any_more(make_world, columns):
    made = begin(make_world, *BOUGHT)
    asked = ask(made, "AMEND", **columns)
    look(made)
    assert answer(made, asked) == (
        "REJECTED",
        "AMEND_TOO_LATE: the entry of trade 1 has ended; only its stop and target can be amended",
    )
    assert_covered(made, 10)


def test_levels_of_an_entry_that_rests_need_no_new_order_and_the_cover_has_them(make_world):
    made = begin(make_world, *ABOVE, (at(16, 15, 10), "149.50"))
    asked = ask(made, "AMEND", planned_sl="146", planned_tp="158")
    look(made)
    assert entries_of(made) == [("sim-d1-entry-1", Decimal(10), "new")]
    look(made)
    assert answer(made, asked)[0] == "DONE"
    look(made)
    assert resting(made) == [("sell", "limit", "10", "158"), ("sell", "stop", "10", "146")]
    assert_covered(made, 10)


def test_of_a_position_the_stop_is_moved_first_and_the_target_once_it_has_settled(make_world):
    made = begin(make_world, *BOUGHT)
    asked = ask(made, "AMEND", planned_sl="150.50", planned_tp="158")
    look(made)
    assert resting(made) == [("sell", "limit", "10", "160"), ("sell", "stop", "10", "150.5")]
    assert_covered(made, 10)
    look(made)
    assert resting(made) == [("sell", "limit", "10", "158"), ("sell", "stop", "10", "150.5")]
    assert_covered(made, 10)
    look(made)
    assert answer(made, asked) == ("DONE", "trade 1 is as amended: stop 150.5, target 158")
    assert {ran.exit_code for ran in made.history} == {0}


def test_a_plain_stop_is_moved_by_a_replacement_and_stops_out_there(make_world):
    made = begin(make_world, *BOUGHT, (at(16, 15, 20), "148"), decision=TREND_AAPL)
    ask(made, "AMEND", planned_sl="149")
    look(made)
    assert resting(made) == [("sell", "stop", "10", "149")]
    assert trade_of(made).note == "stop moved to 149"
    made.clock.advance_to(at(16, 15, 21))
    look(made)
    # bought at 149.51, sold at 148
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.actual_pnl) == ("CLOSED", "STOPPED_OUT", Decimal("-15.10"))
    assert at_rest(made) == ()


def test_a_stop_that_the_user_moves_after_an_amend_stays_there(make_world):
    made = begin(make_world, *BOUGHT, decision=TREND_AAPL)
    ask(made, "AMEND", planned_sl="149")
    look(made)
    (stop,) = made.tools.broker.live_orders()
    body, headers = b'{"stop_price": "147"}', {"Content-Type": "application/json"}
    made.paper.respond(Request("PATCH", f"/v2/orders/{stop.id}", headers=headers, body=body))
    look(made)
    look(made)
    assert resting(made) == [("sell", "stop", "10", "147")]
    assert_covered(made, 10)


@pytest.mark.parametrize(
    ("columns", "status", "note"),
    [
        ({"planned_sl": "151"}, "WAITING", "STOP_THROUGH: the market at 151 is at or through the new stop 151"),
        ({"planned_tp": "150.90"}, "WAITING", "TARGET_THROUGH: the market at 151 has reached the new target 150.9"),
        ({"planned_sl": "160"}, "REJECTED", "LEVELS: the stop 160 is at or beyond the target 160"),
        ({"planned_sl": "146.001"}, "REJECTED", "TICK: "),
        ({"planned_sl": "1e9x"}, "REJECTED", "NUMBERS: planned_sl '1e9x' is not a plain, finite number"),
        ({}, "REJECTED", "NUMBERS: nothing is asked for"),
        ({"trade_style": "TREND", "planned_sl": "146"}, "REJECTED", "STYLE: trade 1 is SWING"),
    ],
)
def test_an_amend_that_cannot_be_is_a_note_and_the_cover_stays(make_world, columns, status, note):
    made = begin(make_world, *BOUGHT)
    asked = ask(made, "AMEND", **columns)
    look(made)
    told = answer(made, asked)
    assert (told[0], told[1].startswith(note)) == (status, True), told
    assert resting(made) == [("sell", "limit", "10", "160"), ("sell", "stop", "10", "145")]
    assert_covered(made, 10)


@pytest.mark.case("fail-J4")
def test_an_amend_edited_after_its_approval_moves_nothing(make_world):
    made = begin(make_world, *BOUGHT)
    asked = ask(made, "AMEND", planned_sl="146")
    made.run("order_monitor")  # any pass stamps what was approved
    rewrite(made, asked, planned_sl="100")
    look(made)
    assert answer(made, asked)[1].startswith("EDITED_AFTER_APPROVAL")
    assert_covered(made, 10)


@pytest.mark.case("fail-J6")
def test_an_unticked_amend_does_not_undo_a_later_one(make_world):
    made = begin(make_world, *BOUGHT, decision=TREND_AAPL)
    first = ask(made, "AMEND", planned_sl="148")
    look(made)
    ask(made, "AMEND", planned_sl="149")
    look(made)
    untick(made, first)
    look(made)
    look(made)
    assert resting(made) == [("sell", "stop", "10", "149")]
    assert queries.decision(made.store, first).executed == 1


def test_after_the_entry_window_another_entry_waits_and_the_present_one_stays(make_world):
    made = begin(make_world, *ABOVE)
    made.clock.advance_to(at(16, 20, 40))
    asked = ask(made, "AMEND", planned_entry="149")
    look(made)
    assert answer(made, asked)[1].startswith("WINDOW: ")
    assert resting(made) == [("buy", "limit", "10", "150")]


@pytest.mark.case("fail-C2")
@pytest.mark.parametrize("nth", [3, 4, 6, 7])
def test_a_process_that_dies_between_cancel_and_new_order_goes_on_from_its_rows(make_world, nth):
    faults = Faults({}, [])
    made = begin(make_world, *ABOVE, faults=faults)
    ask(made, "AMEND", planned_entry="149", qty="20")
    faults.plan = {len(faults.effects) + nth: Kind.CRASH_AFTER}
    for _ in range(3):
        look(made)
    assert resting(made) == [("buy", "limit", "20", "149")]
    assert len(entries_of(made)) == 2


@pytest.mark.case("fail-C2")
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("nth", some(range(1, 12), 4))
@pytest.mark.slow
def test_a_fault_on_the_way_leads_to_the_same_end(make_world, kind, nth):
    faults = Faults({}, [])
    made = begin(make_world, *BOUGHT, (at(16, 15, 40), "148.50"), faults=faults, fill_plan=FOUR_FILL)
    ask(made, "AMEND", planned_entry="149", qty="12")
    faults.plan = {len(faults.effects) + nth: kind}
    for _ in range(5):
        look(made)
    made.clock.advance_to(at(16, 15, 42))
    look(made)
    assert_covered(made, 12)
    assert len(entries_of(made)) == 2


@pytest.mark.case("fail-C5")
def test_a_stop_that_the_broker_has_not_acknowledged_yet_is_moved_by_a_later_pass(make_world):
    made = begin(make_world, *BOUGHT, decision=TREND_AAPL, ack_latency_s=Decimal(600))
    asked = ask(made, "AMEND", planned_sl="149")
    look(made)  # at 15:07: the stop of 15:02 is `pending_new` until 15:12
    assert resting(made) == [("sell", "stop", "10", "145")]
    assert (made.history[-1].exit_code, answer(made, asked)[0]) == (0, "ORDERED")
    look(made)
    look(made)
    assert resting(made) == [("sell", "stop", "10", "149")]
    assert_covered(made, 10)


@pytest.mark.slow
@pytest.mark.case("fail-A1", "fail-C2")
def test_a_next_entry_that_never_arrived_is_given_up_after_its_window_and_its_trade_can_end(make_world):
    faults = Faults({}, [])
    made = begin(make_world, *BOUGHT, (at(16, 20, 23), "151"), (at(16, 20, 50), "144"), faults=faults,
                 fill_plan=FOUR_FILL)  # fmt: skip
    made.clock.advance_to(at(16, 20, 24))
    asked = ask(made, "AMEND", planned_entry="149", qty="12")
    made.run("order_executor")
    made.clock.advance_to(at(16, 20, 29))
    faults.plan = {len(faults.effects) + 5: Kind.CRASH_BEFORE}
    made.run("order_monitor")
    assert faults.effects[-1] == "broker.submit"
    look(made)
    look(made)
    assert [status for _, _, status in entries_of(made)] == ["cancelled", "unsent"]
    assert trade_of(made).note.startswith("bought 4 of 12: the rest of the entry was unsent")
    assert_covered(made, 4)
    look(made)
    said = "the new entry was never sent; trade 1 keeps what had filled: stop 145, target 160"
    assert answer(made, asked) == ("DONE", said)
    look(made, 10)
    # four bought at 149.51, sold at 144
    assert (trade_of(made).status, trade_of(made).actual_pnl) == ("CLOSED", Decimal("-22.04"))
    assert at_rest(made) == ()


def test_a_next_entry_that_the_broker_refuses_is_told_and_the_trade_keeps_what_filled(make_world):
    refused = BrokerFaults([Fault(route="POST /v2/orders", n=3, kind=FaultKind.RATE_LIMIT)])
    made = begin(make_world, *BOUGHT, fill_plan=FOUR_FILL, broker_faults=refused)
    asked = ask(made, "AMEND", planned_entry="149", qty="12")
    look(made)
    look(made)
    status, note = answer(made, asked)
    assert (status, note.startswith("the new entry was rejected (RATE_LIMIT: ")) == ("DONE", True), note
    assert_covered(made, 4)


@pytest.mark.case("fail-C5")
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("nth", some(range(1, 9), 4))
@pytest.mark.slow
def test_a_fault_while_levels_are_moved_leads_to_the_same_levels(make_world, kind, nth):
    faults = Faults({}, [])
    made = begin(make_world, *BOUGHT, faults=faults)
    asked = ask(made, "AMEND", planned_sl="149", planned_tp="158")
    faults.plan = {len(faults.effects) + nth: kind}
    for _ in range(5):
        look(made)
    assert resting(made) == [("sell", "limit", "10", "158"), ("sell", "stop", "10", "149")]
    assert_covered(made, 10)
    assert answer(made, asked) == ("DONE", "trade 1 is as amended: stop 149, target 158")
