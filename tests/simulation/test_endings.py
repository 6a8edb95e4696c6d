"""Each basic ending, and the surprises on the way to it, through the real stages over both transports."""

from decimal import Decimal

import pytest

from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import (
    NEVER_FILLED,
    PARTIAL_FILLS_THEN_TARGET,
    PLAIN_STOP_OF_A_PARTIAL_FILL,
    STOPPED_OUT_BY_A_GAP,
    SWING_AAPL,
    at,
    steps,
)
from lib.store import queries

WHOLE = Options(partial_fill_rate=Decimal(0))
FALLING_ENTRY = ((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))


def slow(*kinds):
    """Leave the rest of a family to `make test`: one of each is enough for the quick look."""
    return [pytest.param(kind, marks=pytest.mark.slow) for kind in kinds]


def play(make_world, lifecycle):
    made = make_world(lifecycle.start, lifecycle.feed, options=lifecycle.options)
    for columns in lifecycle.decisions:
        made.decide(**columns)
    made.run_until(lifecycle.end)
    return made


def trade_of(made):
    (trade,) = queries.journal(made.store, "main")
    return trade


def aapl(*pairs):
    return ScriptedFeed({"AAPL": steps(*FALLING_ENTRY, *pairs)})


@pytest.mark.parametrize(
    ("lifecycle", "status", "reason", "pnl"),
    [
        # 4 at 149.51 and 6 at 149.01 cost 1492.10; 10 sold at the opening bid of 161: 1610
        (PARTIAL_FILLS_THEN_TARGET, "CLOSED", "PROFIT_TAKEN", "117.90"),
        # 10 at 149.51, sold at 144.90
        pytest.param(STOPPED_OUT_BY_A_GAP, "CLOSED", "STOPPED_OUT", "-46.10", marks=pytest.mark.slow),
        # 4 at 149.51, the rest cancelled, sold at 144
        pytest.param(PLAIN_STOP_OF_A_PARTIAL_FILL, "CLOSED", "STOPPED_OUT", "-22.04", marks=pytest.mark.slow),
        pytest.param(NEVER_FILLED, "CANCELLED", None, None, marks=pytest.mark.slow),
    ],
    ids=lambda each: getattr(each, "name", None),
)
@pytest.mark.sample
def test_a_trade_ends_as_the_market_has_it(make_world, lifecycle, status, reason, pnl):
    made = play(make_world, lifecycle)
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason) == (status, reason)
    assert trade.actual_pnl == (None if pnl is None else Decimal(pnl))
    assert at_rest(made) == ()


@pytest.mark.case("fail-D3")
def test_a_part_that_filled_is_covered_while_the_rest_may_still_fill(make_world):
    made = make_world(at(16, 14, 43), PARTIAL_FILLS_THEN_TARGET.feed, options=PARTIAL_FILLS_THEN_TARGET.options)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 6))
    entry, oco = sorted(made.tools.broker.live_orders(), key=lambda o: o.side)
    assert (entry.status, entry.filled_qty) == ("partially_filled", Decimal(4))
    assert (oco.qty, oco.legs[0].status) == (Decimal(4), "held")
    made.run_until(at(16, 15, 21))
    assert sorted(o.qty for o in made.tools.broker.live_orders()) == [Decimal(4), Decimal(6)]
    assert made.store.rows("main").positions[0].covered_qty == Decimal(10)


@pytest.mark.slow
def test_a_trailing_stop_follows_the_price_up_and_sells_below_its_high(make_world):
    made = make_world(at(16, 14, 43), aapl((at(16, 16, 0), "160"), (at(16, 17, 0), "152")), options=WHOLE)
    made.decide(symbol="AAPL", trade_style="TREND", planned_entry="150", planned_sl="140", trail_percent="5", qty="10")
    made.run_until(at(16, 17, 10))
    trade = trade_of(made)
    assert (trade.exit_reason, trade.exit_price) == ("STOPPED_OUT", Decimal(152))  # 5 % below 160 is 152
    assert trade.actual_pnl == Decimal("24.90")  # (152 - 149.51) x 10
    assert at_rest(made) == ()


@pytest.mark.case("fail-A9")
def test_a_price_through_the_stop_before_it_could_rest_is_sold_at_market(make_world):
    made = make_world(at(16, 14, 43), aapl((at(16, 15, 3), "144")), options=WHOLE)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 20))
    trade = trade_of(made)
    assert (trade.exit_reason, trade.exit_price) == ("FLATTENED", Decimal(144))
    assert [o.order_status for o in queries.orders_of(made.store, trade.id)] == [
        "filled",
        "rejected",
        "rejected",
        "filled",
    ]
    assert at_rest(made) == ()


def test_a_price_through_the_target_before_it_could_rest_is_sold_at_the_target_or_better(make_world):
    made = make_world(at(16, 14, 43), aapl((at(16, 15, 3), "161")), options=WHOLE)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 20))
    trade = trade_of(made)
    assert (trade.exit_reason, trade.exit_price) == ("PROFIT_TAKEN", Decimal(161))
    assert at_rest(made) == ()


@pytest.mark.case("fail-D7")
def test_cover_waits_for_the_position_to_be_booked_and_is_placed_in_the_same_pass(make_world):
    just_before_the_pass = at(16, 15, 4).replace(second=59)
    feed = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (just_before_the_pass, "149.50"))})
    made = make_world(at(16, 14, 43), feed, options=Options(partial_fill_rate=Decimal(0), booking_lag_s=3))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 5))
    assert made.store.rows("main").positions[0].covered_qty == Decimal(10)
    (pass_of_the_fill,) = [r for r in made.history if r.stage == "order_monitor" and r.at == at(16, 15, 5)]
    assert pass_of_the_fill.exit_code == 0


@pytest.mark.case("fail-K6", "fail-E10")
def test_a_position_sold_in_the_app_is_closed_at_the_price_of_that_sale(make_world):
    made = make_world(at(16, 14, 43), aapl((at(16, 15, 31), "152")), options=WHOLE)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 32))
    made.user_cancels_all()
    sold = made.user_order({"symbol": "AAPL", "qty": "10", "side": "sell", "type": "market", "time_in_force": "day"})
    assert sold.status == 200
    made.run_until(at(16, 16, 0))
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.exit_price) == ("CLOSED", "MANUAL_EXIT", Decimal(152))
    assert trade.actual_pnl == Decimal("24.90")
    (change,) = queries.changes(made.store, "main")
    assert (change.cause, change.delta, change.trade_id) == ("FOREIGN_FILL", Decimal(-10), trade.id)
    assert change.activity_id in trade.exit_evidence
    made.run_until(at(16, 17, 0))
    assert len(queries.changes(made.store, "main")) == 1
    assert at_rest(made) == ()


@pytest.mark.slow
def test_shares_sold_in_part_in_the_app_leave_the_rest_covered(make_world):
    made = make_world(at(16, 14, 43), aapl((at(16, 15, 31), "152")), options=WHOLE)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 32))
    made.user_cancels_all()
    made.user_order({"symbol": "AAPL", "qty": "4", "side": "sell", "type": "market", "time_in_force": "day"})
    made.run_until(at(16, 16, 0))
    (position,) = made.store.rows("main").positions
    assert (position.qty, position.covered_qty) == (Decimal(6), Decimal(6))
    assert at_rest(made) == ()


@pytest.mark.case("fail-E8")
@pytest.mark.sample
def test_a_stop_cancelled_in_the_app_is_placed_again_by_the_next_pass(make_world):
    made = make_world(at(16, 14, 43), aapl(), options=WHOLE)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 6))
    made.user_cancels_all()
    made.run_until(at(16, 15, 10))
    assert made.store.rows("main").positions[0].covered_qty == Decimal(10)
    assert at_rest(made) == ()


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.TIMEOUT_AFTER,
        *slow(FaultKind.RESET, FaultKind.HTTP_502_AFTER, FaultKind.GARBLED, FaultKind.DUPLICATE_SECOND),
    ],
)
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.sample
def test_an_order_whose_answer_was_lost_is_adopted_not_repeated(make_world, kind, nth):
    faults = Faults([Fault(route="POST /v2/orders", n=nth, kind=kind)])
    made = make_world(
        at(16, 14, 43), aapl((at(16, 15, 30), "161")), options=Options(partial_fill_rate=Decimal(0), faults=faults)
    )
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 40))
    assert trade_of(made).exit_reason == "PROFIT_TAKEN"
    assert len(queries.orders_of(made.store, 1)) == 3
    assert at_rest(made) == ()


@pytest.mark.case("fail-E6", "fail-A3")
@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, *slow(FaultKind.HTTP_500, FaultKind.RESET_BEFORE)])
@pytest.mark.parametrize("nth", [1, 2])
def test_an_order_that_never_arrived_is_sent_again_under_the_same_id(make_world, kind, nth):
    faults = Faults([Fault(route="POST /v2/orders", n=nth, kind=kind)])
    made = make_world(
        at(16, 14, 43), aapl((at(16, 15, 30), "161")), options=Options(partial_fill_rate=Decimal(0), faults=faults)
    )
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 40))
    assert trade_of(made).exit_reason == "PROFIT_TAKEN"
    ids = [o.client_order_id for o in queries.orders_of(made.store, 1)]
    assert ids == ["sim-d1-entry-1", "sim-t1-exit-1", "sim-t1-exit-1-stop"]
    assert at_rest(made) == ()


@pytest.mark.slow
@pytest.mark.sample
def test_an_entry_that_never_arrives_before_the_window_closes_is_given_up_in_words(make_world):
    faults = Faults([Fault(route="POST /v2/orders", n=n, kind=FaultKind.HTTP_500) for n in range(1, 200)])
    made = make_world(at(16, 14, 43), aapl(), options=Options(partial_fill_rate=Decimal(0), faults=faults))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 23, 30))
    trade = trade_of(made)
    assert (trade.status, trade.actual_qty) == ("CANCELLED", None)
    (decision,) = queries.decisions(made.store, "main")
    assert (decision.execution_status, decision.execution_note.partition(":")[0]) == ("EXPIRED", "UNSENT")
    assert at_rest(made) == ()


@pytest.mark.case("fail-A14")
def test_a_halt_file_stops_entries_and_nothing_else(make_world, tmp_path):
    made = make_world(at(16, 14, 43), aapl(), options=WHOLE)
    made.decide(**SWING_AAPL)
    (tmp_path / "HALT").touch()
    made.run_until(at(16, 15, 10))
    assert made.tools.broker.live_orders() == ()
    assert {ran.exit_code for ran in made.history} == {0}
    (tmp_path / "HALT").unlink()
    made.run_until(at(16, 15, 30))
    assert trade_of(made).status == "POSITION"
