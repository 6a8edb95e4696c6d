"""Grids through the real stages and the paper broker: how they end, what pauses them, who lives beside them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.actions import Insert, Update
from lib.domain.grids import GridStatus
from lib.domain.money import D
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import after_another_round, at_rest
from lib.simulation.lifecycles import at, steps
from lib.store import queries

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
COLUMNS = {
    "account": "main",
    "symbol": "AAPL",
    "kind": "SPOT",
    "lower_price": "80",
    "upper_price": "120",
    "levels": "5",
    "quantity_per_grid": "5",
    "capital": "2000",
    "approve": True,
}
COIN = {"symbol": "BTC/USD", "lower_price": "60000", "upper_price": "68000", "quantity_per_grid": "0.01"}


@pytest.fixture
def made(make_world):
    return table(make_world)


def table(make_world, **options):
    """Open a world at 14:46 in which AAPL stands at 100 and BTC/USD at 64000, and symbols may be shared by OCO."""
    feed = ScriptedFeed({s: steps((at(16, 14, 30), p)) for s, p in (("AAPL", "100"), ("BTC/USD", "64000"))})
    limits = {"symbol_sharing": "oco", "position_share_max": D("1"), "quote_age_max": timedelta(days=3)}
    return make_world(
        at(16, 14, 46),
        feed,
        options=Options(partial_fill_rate=Decimal(0), cash=Decimal(20_000), **options),
        wrap=lambda tools: replace(tools, limits=replace(tools.limits, **limits)),
    )


def write(made, change):
    made.store.write((change,), run_id="person", at=made.clock.now())


def grid(made):
    (found,) = queries.all_rows(made.store, "main").grids
    return found


def say(made, **values):
    """Change the strategy's row as a person would."""
    write(made, Update(table="grid_strategy", id=grid(made).id, version=grid(made).version, values=values))


def look(made, stage="order_monitor", *, after=MINUTE):
    made.clock.advance_to(made.clock.now() + after)
    ran = made.run(stage)
    assert ran.error is None
    return ran.result


def begun(made, **columns):
    """Start a grid and let order_monitor place what it wants."""
    write(made, Insert(table="grid_strategy", values=COLUMNS | columns))
    made.run("order_executor")
    look(made)
    assert grid(made).status == GridStatus.RUNNING


def price(made, each, symbol="AAPL"):
    made.price(symbol, each, each)


def live(made):
    return sorted((o.side, str(o.limit_price)) for o in made.tools.broker.live_orders())


def held(made, symbol="AAPL"):
    position = made.tools.broker.positions().get(symbol)
    return D("0") if position is None else position.qty


def external(made):
    return [(c.cause, c.delta) for c in queries.changes(made.store, "main") if c.trade_id is None]


RESTING = [("buy", "80"), ("buy", "90"), ("sell", "110"), ("sell", "120")]


@pytest.mark.slow
def test_a_grid_at_rest_is_left_as_it_is_by_further_passes_and_nights(made):
    begun(made)
    made.run_until(at(17, 15, 0))
    assert (grid(made).status, live(made), held(made)) == (GridStatus.RUNNING, RESTING, D("10"))
    assert {ran.result.outcome for ran in made.history} == {"done"}
    assert after_another_round(made) == ()
    assert at_rest(made) == ()


def test_a_stop_price_cancels_everything_then_closes_what_is_held(made):
    begun(made, stop_price="75")
    assert (live(made), held(made)) == (RESTING, D("10"))
    price(made, "74.5")
    result = look(made)
    assert (grid(made).status, live(made), held(made)) == (GridStatus.STOPPED, [], D("0"))
    assert grid(made).reason.startswith("stop price 75 reached, the bid is 74.5; result -")
    assert result.outcome == "done"
    look(made, "position_monitor")
    assert external(made) == []
    assert at_rest(made) == ()


def test_a_reverse_grid_buys_back_what_it_sold(made):
    begun(made, kind="REVERSE", take_profit_price="75")
    assert held(made) == D("-10")
    price(made, "75")
    look(made)
    look(made)
    assert (grid(made).status, live(made), held(made)) == (GridStatus.STOPPED, [], D("0"))
    assert at_rest(made) == ()


def test_coins_are_closed_to_the_last_step_whatever_fee_was_taken(made):
    begun(made, **COIN, capital="3000", stop_price="58000")
    price(made, "62000", "BTC/USD")
    look(made)
    price(made, "57000", "BTC/USD")
    look(made)
    look(made)
    assert (grid(made).status, live(made), held(made, "BTC/USD")) == (GridStatus.STOPPED, [], D("0"))


def test_a_grid_is_stopped_by_hand_and_what_it_held_is_its_users_own(made):
    begun(made)
    say(made, wanted="keep")
    look(made)
    assert (grid(made).status, live(made), held(made)) == (GridStatus.STOPPED, [], D("10"))
    look(made, "position_monitor", after=2 * MINUTE)
    assert (external(made), made.history[-1].result.problems) == ([("TRANSFER", D("10"))], ())
    assert at_rest(made) == ()


@pytest.mark.slow
def test_a_stop_that_crashes_after_its_first_step_goes_on_in_the_next_pass(made):
    begun(made)
    say(made, status=GridStatus.STOPPING, wanted="flatten", reason="a stop was asked for")
    made.outage("POST /v2/orders")
    look(made)
    assert (grid(made).status, live(made), held(made)) == (GridStatus.STOPPING, [], D("10"))
    made.outage()
    look(made)
    look(made)
    assert (grid(made).status, held(made)) == (GridStatus.STOPPED, D("0"))
    closes = [o for o in queries.all_rows(made.store, "main").orders if "-close-" in o.client_order_id]
    assert [o.order_status for o in closes] == ["filled"]  # sent again under its own id


@pytest.mark.slow
def test_the_range_trails_upwards_as_far_as_the_cash_reaches(made):
    begun(made, trailing="yes")
    for each in ("110", "120", "130"):
        price(made, each)
        look(made)
    assert (grid(made).shift, live(made)) == (1, [("buy", str(p)) for p in (100, 110, 120, 90)])
    price(made, "140")
    look(made)
    said = "it does not trail to 140: its entries would need 2300, its cash is 2149.9"  # 2000 - 1000.1 + 550 + 600
    assert (grid(made).shift, grid(made).reason) == (1, said)


@pytest.mark.slow
def test_an_order_of_its_user_pauses_the_grid_until_it_is_approved_again(made):
    begun(made)
    made.user_order(
        {"symbol": "AAPL", "qty": "3", "side": "buy", "type": "limit", "limit_price": "95", "time_in_force": "day"}
    )
    result = look(made)
    assert (grid(made).status, result.outcome) == (GridStatus.PAUSED, "done")
    assert [p.code for p in result.waiting] == ["GRID_PAUSED"]
    price(made, "94")
    look(made, "position_monitor", after=2 * MINUTE)
    assert external(made) == [("FOREIGN_FILL", D("3"))]
    price(made, "90")
    look(made)
    assert live(made) == [("buy", "80"), ("sell", "110"), ("sell", "120")]  # it filled, and nothing was placed
    say(made, approve=True)
    look(made)
    assert (grid(made).status, live(made)) == (
        GridStatus.RUNNING,
        sorted([*RESTING[:1], *RESTING[2:], ("sell", "100")]),
    )
    assert at_rest(made) == ()


def test_before_a_split_nothing_rests_and_what_it_brings_is_its_users(made):
    begun(made)
    made.corporate_action(type="forward_split", symbol="AAPL", ex_date="2024-01-17", old_rate="1", new_rate="4")
    made.clock.advance_to(at(16, 20, 51))
    look(made)
    assert (grid(made).status, live(made)) == (GridStatus.PAUSED, [])
    made.clock.advance_to(at(17, 14, 16))
    look(made)
    look(made, "position_monitor", after=2 * MINUTE)
    assert (held(made), sum(delta for _, delta in external(made))) == (D("40"), D("30"))
    assert made.history[-1].result.problems == ()


@pytest.mark.slow
def test_a_grid_and_a_swing_share_a_symbol_and_end_on_the_same_day_without_each_other(made):
    begun(made)
    made.decide(symbol="AAPL", planned_entry="100.5", planned_sl="85", planned_tp="115", qty="3")
    made.run("order_executor", only_decision=1)
    look(made)
    assert live(made) == sorted([*RESTING, ("sell", "115")])
    price(made, "84.9")  # the grid buys at 90, the trade is stopped out
    look(made)
    look(made, "position_monitor", after=2 * MINUTE)
    (trade,) = queries.journal(made.store, "main")
    assert (trade.status, trade.exit_reason, held(made)) == ("CLOSED", "STOPPED_OUT", D("15"))
    say(made, wanted="flatten")
    look(made)
    look(made)
    assert (grid(made).status, live(made), held(made)) == (GridStatus.STOPPED, [], D("0"))
    assert at_rest(made) == ()


@pytest.mark.slow
def test_a_grid_makes_way_for_a_trade_that_is_to_close_at_market_and_comes_back(made):
    begun(made)
    made.decide(symbol="AAPL", planned_entry="100.5", planned_sl="85", planned_tp="115", qty="3")
    made.run("order_executor", only_decision=1)
    look(made)
    made.decide(symbol="AAPL", action="CLOSE", trade_style="")
    made.run("order_executor")
    for _ in range(3):
        look(made)
    (trade,) = queries.journal(made.store, "main")
    assert (trade.status, trade.exit_reason, held(made)) == ("CLOSED", "DECISION_EXIT", D("10"))
    assert live(made) == RESTING
    assert at_rest(made) == ()


@pytest.mark.slow
@pytest.mark.parametrize("exempt", [True, False], ids=["lenient", "strict"])
def test_beside_a_stop_that_sells_slowly_a_strict_broker_has_the_grid_paused_and_the_trade_never_notices(
    make_world, exempt
):
    stop = "sim-t1-exit-1-stop"
    slowly = {"sim-t1-exit-1:stop": (D("1"), *[D("0")] * 4)}
    made = table(make_world, fill_plan=slowly, wash_trade_resting_complex_exempt=exempt)
    begun(made)
    made.decide(symbol="AAPL", planned_entry="100.5", planned_sl="95", planned_tp="115", qty="3")
    made.run("order_executor", only_decision=1)
    look(made)
    price(made, "94.9")
    look(made)
    price(made, "110")  # the grid has sold at 110 and wants to buy at 100, beside the stop that sells at market
    look(made)
    placed = [("buy", "100")] if exempt else []
    assert [each for each in live(made) if each == ("buy", "100")] == placed
    assert grid(made).status == (GridStatus.RUNNING if exempt else GridStatus.PAUSED)
    assert (grid(made).reason or "").startswith("" if exempt else "GRID_REFUSED: sim-g1-c2-buy-6: WASH_TRADE: ")
    for _ in range(3):
        look(made)
    (trade,) = queries.journal(made.store, "main")
    orders = {o.client_order_id: o for o in queries.all_rows(made.store, "main").orders}
    assert (trade.status, trade.exit_reason, orders[stop].filled_qty) == ("CLOSED", "STOPPED_OUT", D("3"))
    assert {o.client_order_id for o in orders.values() if o.trade_id == 1} == {"sim-d1-entry-1", "sim-t1-exit-1", stop}
    say(made, approve=True)
    look(made)
    look(made)
    assert (grid(made).status, live(made)) == (
        GridStatus.RUNNING,
        [("buy", "100"), ("buy", "80"), ("buy", "90"), ("sell", "120")],
    )
    assert at_rest(made) == ()


def test_where_a_strict_broker_refuses_its_first_order_beside_a_trade_the_grid_does_not_begin(make_world):
    made = table(make_world, wash_trade_resting_complex_exempt=False)
    made.decide(symbol="AAPL", planned_entry="100.5", planned_sl="85", planned_tp="115", qty="3")
    made.run("order_executor")
    look(made)
    write(made, Insert(table="grid_strategy", values=COLUMNS))
    look(made, "order_executor")
    look(made)
    assert grid(made).status == GridStatus.REJECTED
    assert "opposite side limit order exists" in grid(made).reason
    assert (live(made), held(made)) == ([("sell", "115")], D("3"))
    assert at_rest(made) == ()


@pytest.mark.slow
def test_orders_that_the_broker_would_end_after_90_days_are_placed_anew_before(made):
    begun(made)
    first = {o.client_order_id for o in made.tools.broker.live_orders()}
    made.clock.advance_to(at(16, 15, 0) + timedelta(days=87))
    price(made, "100")
    look(made)
    assert ({o.client_order_id for o in made.tools.broker.live_orders()}, live(made)) == (first, RESTING)
    made.clock.advance_to(at(16, 15, 0) + timedelta(days=90))  # a Monday, the broker would end them at its close
    price(made, "100")
    look(made)
    look(made)
    assert live(made) == RESTING
    assert first.isdisjoint(o.client_order_id for o in made.tools.broker.live_orders())
    assert (grid(made).status, held(made)) == (GridStatus.RUNNING, D("10"))


def test_a_grid_waits_while_a_trade_has_its_symbol_and_says_whose_it_is(made):
    made.tools = replace(made.tools, limits=replace(made.tools.limits, symbol_sharing=""))
    made.decide(symbol="AAPL", planned_entry="100.5", planned_sl="85", planned_tp="115", qty="3")
    made.run("order_executor")
    write(made, Insert(table="grid_strategy", values=COLUMNS))
    look(made, "order_executor")
    assert grid(made).reason == "SYMBOL_BUSY: AAPL belongs to trade 1"


def test_a_decision_waits_while_a_grid_has_its_symbol_and_says_whose_it_is(made):
    made.tools = replace(made.tools, limits=replace(made.tools.limits, symbol_sharing=""))
    begun(made)
    made.decide(symbol="AAPL", planned_entry="100.5", planned_sl="85", planned_tp="115", qty="3")
    made.run("order_executor", only_decision=1)
    (decision,) = queries.all_rows(made.store, "main").decisions
    assert decision.execution_note == "SYMBOL_BUSY: AAPL belongs to grid 1"
