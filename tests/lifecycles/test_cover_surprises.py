"""What happens to protection at a broker: refusals, halts, parts, both legs, stops that others cancel."""

from dataclasses import replace
from decimal import Decimal

import pytest

from lib.domain.limits import Limits
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import at
from lib.store import queries
from tests.lifecycles.opening import AAPL, at_entry, covered, exits_of, look_at, prices, said, trade_of

START = at(16, 14, 43)
ALL_AT_ONCE = {"partial_fill_rate": Decimal(0)}
TEN = Decimal(10)


def world_of(make_world, *pairs, **rules):
    """Make a world where AAPL stands at 151 until it falls to 149.50, where ten are bought for 1495.10."""
    feed = ScriptedFeed(prices("151", (at(16, 15, 2), "149.50"), *pairs))
    return make_world(START, feed, options=Options(**(ALL_AT_ONCE | rules)))


def asset(made, **facts):
    made._post("/paper/asset", {"symbol": "AAPL", **facts})


@pytest.mark.case("fail-A9", "fail-E15")
def test_a_stop_that_is_through_in_a_trading_halt_is_sold_once_the_halt_is_over(make_world):
    made = world_of(make_world, (at(16, 15, 3), "144"))
    at_entry(made, **AAPL)
    made.clock.advance_to(at(16, 15, 4))
    asset(made, halted=True)
    look_at(made, at(16, 15, 5))
    assert (covered(made), said(made)) == ([(TEN, Decimal(0))], ["UNCOVERED"])
    assert exits_of(made)[-1].reject_reason.startswith("SYMBOL_HALTED")
    asset(made, halted=False)
    look_at(made, at(16, 15, 10))
    trade = trade_of(made)
    assert (trade.exit_reason, trade.actual_pnl) == ("FLATTENED", Decimal("-55.10"))  # 1440 - 1495.10
    assert at_rest(made) == ()


@pytest.mark.case("fail-E7")
def test_a_stock_that_is_hard_to_borrow_is_covered_day_by_day(make_world):
    made = world_of(make_world, (at(17, 15, 31), "161"))
    asset(made, borrow_status="hard_to_borrow")
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5))
    assert covered(made) == [(TEN, TEN)]
    refused, _, taken, _ = exits_of(made)
    assert (refused.reject_reason[:8], refused.time_in_force, taken.time_in_force) == ("DAY_ONLY", "gtc", "day")
    look_at(made, at(16, 23, 0))  # 18:00 in New York
    anew = exits_of(made)[-1]
    assert (anew.time_in_force, anew.order_status, covered(made)) == ("day", "held", [(TEN, TEN)])
    assert len([o for o in exits_of(made) if o.order_status == "rejected"]) == 2  # nobody asks for GTC again
    look_at(made, at(17, 14, 15), at(17, 15, 35))
    assert (trade_of(made).exit_reason, trade_of(made).actual_pnl) == ("PROFIT_TAKEN", Decimal("114.90"))
    assert at_rest(made) == ()


@pytest.mark.case("fail-E5")
@pytest.mark.sample
def test_if_both_legs_fill_the_excess_is_bought_back_and_the_symbol_halted(make_world):
    instant = at(16, 15, 31).replace(second=20)
    made = world_of(make_world, (at(16, 15, 31), "161"), (instant, "144"), oco_both_legs_may_fill=True)
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5), at(16, 15, 35))
    trade = trade_of(made)
    # bought for 1495.10, sold for 1610 and for 1440, bought back at 144.01 for 1440.10
    assert (trade.status, trade.actual_pnl) == ("CLOSED", Decimal("114.80"))
    back = exits_of(made)[-1]
    assert (back.side, back.order_type, back.qty, back.order_status) == ("buy", "EXIT", TEN, "filled")
    (halt,) = made.store.rows("main").controls
    assert (halt.scope, halt.state) == ("symbol:main:AAPL", "HALTED")
    assert "closed 10 shares more than it had" in halt.reason
    assert made.tools.broker.positions() == {}
    assert at_rest(made) == ()


@pytest.mark.case("fail-E14")
@pytest.mark.parametrize("follows", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_what_a_target_sold_in_part_leaves_is_covered_by_a_stop_that_works(make_world, follows):
    plan = {"sim-t1-exit-1": (Decimal(4), Decimal(0))}
    after = ((at(16, 15, 32), "155"), (at(16, 15, 45), "144"))
    made = world_of(make_world, (at(16, 15, 31), "161"), *after, fill_plan=plan, oco_stop_follows_target=follows)
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5), at(16, 15, 35))
    assert covered(made) == [(Decimal(6), Decimal(6))]
    look_at(made, at(16, 15, 50))
    trade = trade_of(made)
    # 4 sold at 161, 6 stopped out at 144: 644 + 864 - 1495.10
    assert (trade.exit_reason, trade.actual_pnl) == ("STOPPED_OUT", Decimal("12.90"))
    assert at_rest(made) == ()


def lose_three_stops(made):
    at_entry(made, **AAPL)
    for minute in (5, 10, 15):
        look_at(made, at(16, 15, minute))
        made.user_cancels_all()


@pytest.mark.case("fail-E8", "fail-E7")
def test_stops_that_the_user_cancels_are_placed_again_and_the_third_is_told(make_world):
    made = world_of(make_world)
    lose_three_stops(made)
    look_at(made, at(16, 15, 20))
    assert (covered(made), said(made)) == ([(TEN, TEN)], ["STOP_LOST"])
    look_at(made, at(17, 15, 0))
    assert (covered(made), said(made)) == ([(TEN, TEN)], [])


@pytest.mark.case("fail-E7")
def test_or_by_setting_the_trade_is_closed_at_market(make_world):

    made = make_world(
        START,
        ScriptedFeed(prices("151", (at(16, 15, 2), "149.50"))),
        options=Options(**ALL_AT_ONCE),
        wrap=lambda tools: replace(tools, limits=Limits(stop_lost="flatten")),
    )
    lose_three_stops(made)
    look_at(made, at(16, 15, 20))
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.exit_price) == ("CLOSED", "FLATTENED", Decimal("149.50"))
    assert at_rest(made) == ()


@pytest.mark.case("fail-E17")
@pytest.mark.parametrize(
    ("price", "reason", "pnl"),
    [
        ("161", "PROFIT_TAKEN", "120.645"),  # 10.5 bought at 149.51 for 1569.855, sold for 1690.50
        pytest.param("144", "STOPPED_OUT", "-57.855", marks=pytest.mark.slow),  # for 1512
    ],
)
def test_a_fraction_is_covered_by_day_and_its_target_is_watched(make_world, price, reason, pnl):
    made = world_of(make_world, (at(17, 15, 2), price))
    at_entry(made, **(AAPL | {"qty": "10.5"}))
    look_at(made, at(16, 15, 5))
    assert covered(made) == [(Decimal("10.5"), Decimal("10.5"))]
    assert [(o.kind, o.qty, o.time_in_force) for o in exits_of(made)] == [
        ("limit", TEN, "gtc"),
        ("stop", TEN, "gtc"),
        ("stop", Decimal("0.5"), "day"),
    ]
    look_at(made, at(16, 23, 0), at(17, 14, 15))
    assert covered(made) == [(Decimal("10.5"), Decimal("10.5"))]
    look_at(made, at(17, 15, 5))
    trade = trade_of(made)
    assert (trade.exit_reason, trade.actual_pnl) == (reason, Decimal(pnl))
    assert at_rest(made) == ()


@pytest.mark.slow
@pytest.mark.case("fail-K5")
def test_cover_is_renewed_before_the_broker_ends_it(make_world):
    made = world_of(make_world)
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5), at(16, 15, 5).replace(month=4, day=9))
    assert [o.order_status for o in exits_of(made)] == ["new", "held"]
    look_at(made, at(16, 15, 5).replace(month=4, day=11))  # the broker ends it on April 15
    assert [o.order_status for o in exits_of(made)] == ["cancelled", "cancelled", "new", "held"]
    assert covered(made) == [(TEN, TEN)]


@pytest.mark.case("fail-E8")
def test_a_trailing_stop_that_the_user_cancels_starts_no_looser_than_it_had_got(make_world):
    made = world_of(make_world, (at(16, 15, 31), "160"), (at(16, 15, 41), "155"), (at(16, 16, 1), "162"))
    at_entry(made, **(AAPL | {"style": "TREND", "target": None, "trail": "5"}))
    look_at(made, at(16, 15, 5), at(16, 15, 35))
    assert exits_of(made)[-1].stop_price == Decimal(152)  # 5 % below 160
    made.clock.advance_to(at(16, 15, 42))
    made.user_cancels_all()
    look_at(made, at(16, 15, 45))
    plain = exits_of(made)[-1]
    assert (plain.kind, plain.stop_price, covered(made)) == ("stop", Decimal(152), [(TEN, TEN)])
    look_at(made, at(16, 16, 5))
    anew = exits_of(made)[-1]
    assert (anew.kind, anew.stop_price, covered(made)) == ("trailing_stop", Decimal("153.9"), [(TEN, TEN)])


@pytest.mark.case("fail-A7")
def test_shares_that_an_order_of_the_users_holds_are_told_and_covered_once_it_is_gone(make_world):
    made = world_of(make_world)
    at_entry(made, **AAPL)
    made.clock.advance_to(at(16, 15, 4))
    body = {"symbol": "AAPL", "qty": "4", "side": "sell", "type": "limit", "limit_price": "190", "time_in_force": "gtc"}
    assert made.user_order(body).status == 200
    look_at(made, at(16, 15, 5))
    assert (covered(made), said(made)) == ([(TEN, Decimal(6))], ["UNCOVERED"])
    (problem,) = [ran for ran in made.history if ran.stage == "order_monitor"][-1].result.problems
    assert problem.cause == "foreign_order"
    theirs = next(o for o in made.tools.broker.live_orders() if o.limit_price == 190)
    made.tools.broker.cancel(theirs.id)
    look_at(made, at(16, 15, 10))
    assert covered(made) == [(TEN, TEN)]


@pytest.mark.case("fail-A7")
def test_a_stop_that_a_purchase_of_the_users_forbids_is_told_and_sent_once_that_is_gone(make_world):
    made = world_of(make_world)
    at_entry(made, **(AAPL | {"style": "TREND", "target": None}))
    made.clock.advance_to(at(16, 15, 4))
    body = {"symbol": "AAPL", "qty": "4", "side": "buy", "type": "limit", "limit_price": "140", "time_in_force": "gtc"}
    assert made.user_order(body).status == 200
    look_at(made, at(16, 15, 5), at(16, 15, 10))
    assert [o.order_status for o in exits_of(made)] == ["rejected"]  # nobody asks the broker twice
    assert (covered(made), said(made)) == ([(TEN, Decimal(0))], ["UNCOVERED"])
    (interval,) = made.store.rows("main").coverage
    assert (interval.owned_qty, interval.covered_qty, interval.cause) == (TEN, Decimal(0), "foreign_order")
    made.user_cancels_all()
    look_at(made, at(16, 15, 15))
    assert covered(made) == [(TEN, TEN)]


def test_the_history_of_orders_is_kept_for_every_attempt(make_world):
    made = world_of(make_world)
    lose_three_stops(made)
    look_at(made, at(16, 15, 20))
    named = [o.client_order_id for o in queries.orders_of(made.store, 1) if o.parent_id is None]
    assert named == ["sim-d1-entry-1", *(f"sim-t1-exit-{n}" for n in (1, 2, 3, 4))]


@pytest.mark.case("fail-E2", "fail-E9")
@pytest.mark.parametrize("style", [{}, {"style": "DAY", "target": None}], ids=["oco", "stop"])
def test_an_entry_cancelled_in_the_app_after_a_part_has_filled_leaves_a_covered_position(make_world, style):
    made = world_of(make_world, fill_plan={"sim-d1-entry-1": (Decimal(4), Decimal(0))})
    at_entry(made, **(AAPL | style))
    made.clock.advance_to(at(16, 15, 4))
    made.user_cancels_all()
    look_at(made, at(16, 15, 5))
    assert (covered(made), said(made)) == ([(Decimal(4), Decimal(4))], [])
    assert trade_of(made).note == "bought 4 of 10: the rest of the entry was cancelled"
    assert at_rest(made) == ()


@pytest.mark.case("fail-E3")
def test_a_part_that_filled_before_the_close_is_covered_the_night_through(make_world):
    made = world_of(make_world, fill_plan={"sim-d1-entry-1": (Decimal(4), Decimal(0))})
    at_entry(made, **AAPL)
    look_at(made, at(16, 23, 0))  # the first look comes after the close: the day's entry has expired
    assert (covered(made), said(made)) == ([(Decimal(4), Decimal(4))], [])
    assert {o.time_in_force for o in exits_of(made)} == {"gtc"}
    assert at_rest(made) == ()
