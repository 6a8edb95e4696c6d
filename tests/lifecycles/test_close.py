"""CLOSE: at market the cover ends first; at a limit the stop stays beside it. AAPL is bought at 149.51."""

from decimal import Decimal

import pytest

from lib.paper_broker.faults import Fault, FaultKind
from lib.paper_broker.faults import Faults as BrokerFaults
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
    trade_of,
    untick,
)
from tests.tools.sampling import some

EVENING = at(16, 22, 0)


def closed(made):
    trade = trade_of(made)
    assert at_rest(made) == ()
    assert resting(made) == []
    return trade.status, trade.exit_reason, trade.actual_pnl


@pytest.mark.parametrize("style", ["SWING", "TREND"])
@pytest.mark.sample
def test_at_market_the_cover_ends_and_every_share_is_sold(make_world, style):
    made = begin(make_world, *BOUGHT, **({} if style == "SWING" else {"decision": TREND_AAPL}))
    asked = ask(made, "CLOSE")
    look(made)
    assert answer(made, asked) == ("ORDERED", "closes trade 1 at market")
    look(made)
    # bought at 149.51, sold at 151
    assert closed(made) == ("CLOSED", "DECISION_EXIT", Decimal("14.90"))
    assert answer(made, asked) == ("DONE", "trade 1 is CLOSED: DECISION_EXIT")
    assert {ran.exit_code for ran in made.history} == {0}


def test_the_rest_of_the_entry_is_cancelled_before_the_shares_are_sold(make_world):
    made = begin(make_world, *BOUGHT, fill_plan=FOUR_FILL)
    ask(made, "CLOSE", symbol="AAPL")
    look(made)
    look(made)
    # four bought at 149.51, sold at 151
    assert closed(made) == ("CLOSED", "DECISION_EXIT", Decimal("5.96"))
    assert trade_of(made).note.startswith("bought 4 of 10: the rest of the entry was cancelled: cancel asked because")


def test_an_entry_without_a_fill_is_cancelled_by_a_close(make_world):
    made = begin(make_world, *ABOVE)
    asked = ask(made, "CLOSE")
    look(made)
    look(made)
    assert closed(made) == ("CANCELLED", None, None)
    assert answer(made, asked)[0] == "DONE"


def test_outside_the_session_a_close_waits_with_its_reason_and_the_stop_stays(make_world):
    made = begin(make_world, *BOUGHT, (at(17, 14, 30), "151.50"))
    made.clock.advance_to(EVENING)
    asked = ask(made, "CLOSE")
    look(made)
    assert answer(made, asked) == ("WAITING", "SESSION: the market is closed; it is taken once it opens")
    assert_covered(made, 10)
    made.clock.advance_to(at(17, 14, 30))
    look(made)
    look(made)
    assert closed(made)[:2] == ("CLOSED", "DECISION_EXIT")


def test_a_close_that_no_session_took_in_its_time_expires(make_world):
    made = begin(make_world, *BOUGHT)
    made.clock.advance_to(EVENING)
    asked = ask(made, "CLOSE", expires_at="2024-01-16T22:30:00Z")
    look(made)
    made.clock.advance_to(at(17, 14, 30))
    look(made)
    status, note = answer(made, asked)
    assert (status, note.startswith("EXPIRED: its time ended at 2024-01-16 22:30 UTC")) == ("EXPIRED", True)
    assert_covered(made, 10)


def test_a_close_approved_in_the_last_hour_is_carried_out_in_that_session(make_world):
    made = begin(make_world, *BOUGHT)
    made.clock.advance_to(at(16, 20, 45))
    ask(made, "CLOSE")
    look(made)
    look(made)
    assert closed(made)[:2] == ("CLOSED", "DECISION_EXIT")


def test_at_a_limit_the_target_is_moved_there_and_the_stop_stays(make_world):
    made = begin(make_world, *BOUGHT, (at(16, 15, 20), "155.50"))
    asked = ask(made, "CLOSE", close_price="155")
    look(made)
    assert resting(made) == [("sell", "limit", "10", "155"), ("sell", "stop", "10", "145")]
    assert_covered(made, 10)
    assert trade_of(made).note == "target moved to 155"
    made.clock.advance_to(at(16, 15, 21))
    look(made)
    look(made)
    # bought at 149.51, sold at 155.50
    assert closed(made) == ("CLOSED", "DECISION_EXIT", Decimal("59.90"))
    assert answer(made, asked)[0] == "DONE"


def test_at_a_limit_a_plain_stop_becomes_an_oco_of_the_limit_and_the_level_it_has(make_world):
    made = begin(make_world, *BOUGHT, (at(16, 15, 20), "144"), decision=TREND_AAPL)
    ask(made, "CLOSE", close_price="155")
    look(made)
    assert resting(made) == [("sell", "limit", "10", "155"), ("sell", "stop", "10", "145")]
    assert_covered(made, 10)
    made.clock.advance_to(at(16, 15, 21))
    look(made)
    # the stop came first: bought at 149.51, sold at 144
    assert closed(made) == ("CLOSED", "STOPPED_OUT", Decimal("-55.10"))


@pytest.mark.parametrize("limit", ["160", "152"])
def test_at_a_limit_the_level_that_a_trail_had_reached_stays_unless_the_limit_is_below_it(make_world, limit):
    trailing = TREND_AAPL | {"trail_percent": "2"}
    made = begin(make_world, *BOUGHT, (at(16, 15, 5), "158"), (at(16, 15, 8), "156"), decision=trailing)
    made.clock.advance_to(at(16, 15, 6))
    look(made, 4)
    assert resting(made) == [("sell", "trailing_stop", "10", "154.84")]  # 2 % below 158
    ask(made, "CLOSE", close_price=limit)
    look(made)
    if limit == "160":
        assert resting(made) == [("sell", "limit", "10", "160"), ("sell", "stop", "10", "154.84")]
        assert_covered(made, 10)
    else:  # the market, at 156, is better than the limit: bought at 149.51, sold at once
        look(made)
        assert closed(made) == ("CLOSED", "DECISION_EXIT", Decimal("64.90"))


def test_a_second_close_is_refused_and_one_at_market_takes_the_place_of_one_at_a_limit(make_world):
    made = begin(make_world, *BOUGHT)
    first = ask(made, "CLOSE", close_price="155")
    look(made)
    same, other = ask(made, "CLOSE", close_price="155"), ask(made, "CLOSE")
    look(made)
    look(made)
    assert answer(made, same) == ("REJECTED", f"ALREADY_ASKED: decision {first} closes the trade already")
    assert answer(made, other)[0] == "DONE"
    assert closed(made)[:2] == ("CLOSED", "DECISION_EXIT")


@pytest.mark.case("fail-J6")
def test_an_unticked_close_of_a_closed_trade_closes_nothing_again(make_world):
    made = begin(make_world, *BOUGHT)
    asked = ask(made, "CLOSE")
    look(made)
    look(made)
    untick(made, asked)
    look(made)
    assert queries.decision(made.store, asked).executed == 1
    assert closed(made)[:2] == ("CLOSED", "DECISION_EXIT")


def test_what_a_close_cannot_say_is_refused_in_words(make_world):
    made = begin(make_world, *BOUGHT)
    part, beyond = ask(made, "CLOSE", qty="5"), ask(made, "CLOSE", close_price="144")
    slipped, fine = ask(made, "CLOSE", close_price="15500000"), ask(made, "CLOSE", close_price="155.001")
    look(made)
    assert answer(made, slipped) == ("REJECTED", "NUMBERS: close_price 15500000 is above 1000000")
    assert answer(made, fine) == ("REJECTED", "TICK: close_price 155.001 is finer than 0.01")
    assert answer(made, part) == ("REJECTED", "NUMBERS: qty: a CLOSE closes the whole trade")
    assert answer(made, beyond)[1].startswith("LEVELS: close_price 144 is at or beyond the stop 145")
    assert_covered(made, 10)


def test_a_close_that_the_broker_refuses_leaves_the_shares_covered_and_is_tried_again(make_world):
    refused = BrokerFaults([Fault(route="POST /v2/orders", n=3, kind=FaultKind.RATE_LIMIT)])
    made = begin(make_world, *BOUGHT, broker_faults=refused)
    ask(made, "CLOSE")
    last = look(made)
    assert [problem.code for problem in last.result.problems] == ["CLOSE_REFUSED"]
    assert_covered(made, 10)
    look(made)
    look(made)
    assert closed(made)[:2] == ("CLOSED", "DECISION_EXIT")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("nth", some(range(1, 9), 2))
@pytest.mark.slow
def test_a_fault_on_the_way_leads_to_the_same_end(make_world, kind, nth):
    faults = Faults({}, [])
    made = begin(make_world, *BOUGHT, faults=faults)
    asked = ask(made, "CLOSE")
    faults.plan = {len(faults.effects) + nth: kind}
    for _ in range(4):
        look(made)
    assert closed(made) == ("CLOSED", "DECISION_EXIT", Decimal("14.90"))
    assert answer(made, asked)[0] == "DONE"


@pytest.mark.parametrize("nth", [4, 6, 7])
def test_a_process_that_dies_between_cover_and_sale_goes_on_from_its_rows(make_world, nth):
    faults = Faults({}, [])
    made = begin(make_world, *BOUGHT, faults=faults)
    ask(made, "CLOSE")
    faults.plan = {len(faults.effects) + nth: Kind.CRASH_AFTER}
    for _ in range(3):
        look(made)
    assert closed(made) == ("CLOSED", "DECISION_EXIT", Decimal("14.90"))
