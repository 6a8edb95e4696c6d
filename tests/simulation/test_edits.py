"""Orders of ours that the user edits in the broker's app: the broker makes new ones, and the trade goes on with them.

AAPL is at 151, the entry rests at 150. Amounts by hand: ten shares bought at the ask, a cent above the price that a
step names.
"""

import json
from decimal import Decimal

import pytest

from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.faults import Faults, Kind, with_faults
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.tools.sampling import some

START = (at(16, 14, 40), "151")
BOUGHT = (START, (at(16, 15, 2), "149.50"))
FOUR_FILL = {"sim-d1-entry-1": (Decimal(4), Decimal(0))}
TREND_AAPL = {"symbol": "AAPL", "trade_style": "TREND", "planned_entry": "150", "planned_sl": "145", "qty": "10"}


def begin(make_world, *prices, decision=SWING_AAPL, faults=None, **options):
    feed = ScriptedFeed({"AAPL": steps(*prices)})
    made = make_world(
        at(16, 14, 43),
        feed,
        options=Options(**({"partial_fill_rate": Decimal(0)} | options)),
        wrap=lambda tools: tools if faults is None else with_faults(tools, faults),
    )
    made.decide(**decision)
    return made


def edit(made, order, **fields):
    """PATCH an order as the app does; return the broker's id of the new one."""
    body, headers = json.dumps(fields).encode(), {"Content-Type": "application/json"}
    answer = made.paper.respond(Request("PATCH", f"/v2/orders/{order}", headers=headers, body=body))
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["id"]


def live(made, side, kind):
    shown = made.tools.broker.live_orders()
    (order,) = (o for p in shown for o in (p, *p.legs) if (o.side, o.kind) == (side, kind))
    return order.id


def only_trade(made):
    (trade,) = queries.journal(made.store, "main")
    return trade


def ended(made):
    trade = only_trade(made)
    assert at_rest(made) == ()
    return trade.status, trade.exit_reason, trade.actual_pnl


def assert_covered(made, qty):
    (position,) = made.store.rows("main").positions
    assert (position.qty, position.covered_qty) == (Decimal(qty), Decimal(qty))
    assert at_rest(made) == ()
    assert made.history[-1].result.problems == ()


def test_an_entry_whose_price_was_edited_is_followed_to_its_end(make_world):
    made = begin(make_world, START, (at(16, 15, 4), "150.20"), (at(16, 15, 32), "161"))
    made.run_until(at(16, 15, 2))
    edit(made, live(made, "buy", "limit"), limit_price="150.5")
    made.run_until(at(16, 15, 12))
    assert_covered(made, 10)
    assert only_trade(made).note == "entry changed outside this system to 150.5, 10 shares"
    made.run_until(at(16, 15, 45))
    # bought at 150.21, the target at 160 gaps to 161: 10 x 10.79
    assert ended(made) == ("CLOSED", "PROFIT_TAKEN", Decimal("107.90"))


@pytest.mark.slow
def test_an_entry_edited_into_the_market_is_found_after_it_has_filled(make_world):
    made = begin(make_world, START)
    made.run_until(at(16, 15, 2))
    edit(made, live(made, "buy", "limit"), limit_price="152")
    made.run_until(at(16, 15, 12))
    assert_covered(made, 10)
    assert only_trade(made).actual_entry == Decimal("151.01")


@pytest.mark.slow
def test_an_edited_entry_that_is_cancelled_ends_its_trade(make_world):
    made = begin(make_world, START)
    made.run_until(at(16, 15, 2))
    edit(made, live(made, "buy", "limit"), limit_price="149")
    made.run_until(at(16, 15, 6))
    assert only_trade(made).status == "ORDERED"
    made.user_cancels_all()
    made.run_until(at(16, 15, 12))
    assert ended(made)[0] == "CANCELLED"


@pytest.mark.slow
def test_several_edits_between_two_looks_are_followed_one_after_another(make_world):
    made = begin(make_world, START, (at(16, 15, 12), "148.50"))
    made.run_until(at(16, 15, 2))
    second = edit(made, live(made, "buy", "limit"), limit_price="149.5")
    edit(made, second, limit_price="149", qty="8")
    made.run_until(at(16, 15, 10))
    assert [o.order_status for o in queries.orders_of(made.store, 1)] == ["replaced", "replaced", "new"]
    made.run_until(at(16, 15, 20))
    assert_covered(made, 8)
    assert only_trade(made).note.endswith("entry changed outside this system to 149, 8 shares")


def test_an_entry_edited_while_partly_filled_counts_no_share_twice(make_world):
    prices = (*BOUGHT, (at(16, 15, 12), "148.50"), (at(16, 15, 32), "161"))
    made = begin(make_world, *prices, fill_plan=FOUR_FILL)
    made.run_until(at(16, 15, 2))
    edit(made, live(made, "buy", "limit"), limit_price="149")
    made.run_until(at(16, 15, 10))
    assert_covered(made, 4)
    assert [o.qty for o in queries.orders_of(made.store, 1) if o.side == "buy"] == [Decimal(10), Decimal(6)]
    made.run_until(at(16, 15, 20))
    assert_covered(made, 10)
    made.run_until(at(16, 15, 45))
    # four bought at 149.51, six at 148.51, sold at 161: 4 x 11.49 + 6 x 12.49
    assert ended(made) == ("CLOSED", "PROFIT_TAKEN", Decimal("120.90"))


@pytest.mark.slow
def test_the_rest_of_an_edited_entry_is_cancelled_before_a_plain_stop(make_world):
    made = begin(make_world, *BOUGHT, (at(16, 15, 32), "144"), decision=TREND_AAPL, fill_plan=FOUR_FILL)
    made.run_until(at(16, 15, 2))
    edit(made, live(made, "buy", "limit"), limit_price="149")
    made.run_until(at(16, 15, 10))
    assert_covered(made, 4)
    made.run_until(at(16, 15, 45))
    # four bought at 149.51, stopped out at 144: 4 x -5.51
    assert ended(made) == ("CLOSED", "STOPPED_OUT", Decimal("-22.04"))


@pytest.mark.case("fail-C3")
@pytest.mark.slow
def test_an_entry_that_fills_before_its_edit_is_done_stays_what_it_was(make_world):
    made = begin(make_world, START, (at(16, 15, 3), "149.50"), replace_latency_s=120)
    made.run_until(at(16, 15, 2))
    new = edit(made, live(made, "buy", "limit"), limit_price="149")
    made.run_until(at(16, 15, 12))
    assert_covered(made, 10)
    assert made.tools.broker.order(new).status == "rejected"
    assert only_trade(made).note is None


def test_a_target_moved_in_the_app_takes_its_profit_there(make_world):
    made = begin(make_world, *BOUGHT, (at(16, 15, 20), "156"))
    made.run_until(at(16, 15, 7))
    edit(made, live(made, "sell", "limit"), limit_price="155")
    made.run_until(at(16, 15, 15))
    assert_covered(made, 10)
    made.run_until(at(16, 15, 45))
    # bought at 149.51, sold at 156: 10 x 6.49
    assert ended(made) == ("CLOSED", "PROFIT_TAKEN", Decimal("64.90"))


@pytest.mark.slow
def test_a_target_moved_into_the_market_is_found_after_it_has_filled(make_world):
    made = begin(make_world, *BOUGHT)
    made.run_until(at(16, 15, 7))
    edit(made, live(made, "sell", "limit"), limit_price="149")
    made.run_until(at(16, 15, 20))
    # bought at 149.51, sold at 149.50
    assert ended(made) == ("CLOSED", "PROFIT_TAKEN", Decimal("-0.10"))


@pytest.mark.case("fail-C3")
@pytest.mark.parametrize("decision", [SWING_AAPL, pytest.param(TREND_AAPL, marks=pytest.mark.slow)])
@pytest.mark.sample
def test_a_stop_moved_in_the_app_stops_out_there(make_world, decision):
    made = begin(make_world, *BOUGHT, (at(16, 15, 20), "146.80"), decision=decision)
    made.run_until(at(16, 15, 7))
    edit(made, live(made, "sell", "stop"), stop_price="147")
    made.run_until(at(16, 15, 15))
    assert_covered(made, 10)
    assert only_trade(made).note == "stop changed outside this system to 147"
    made.run_until(at(16, 15, 45))
    # bought at 149.51, stopped out at 146.80: 10 x -2.71
    assert ended(made) == ("CLOSED", "STOPPED_OUT", Decimal("-27.10"))


@pytest.mark.slow
def test_both_legs_edited_and_one_filled_before_the_next_look(make_world):
    made = begin(make_world, *BOUGHT, (at(16, 15, 8), "152"))
    made.run_until(at(16, 15, 7))
    edit(made, live(made, "sell", "stop"), stop_price="147")
    edit(made, live(made, "sell", "limit"), limit_price="151")
    made.run_until(at(16, 15, 30))
    # bought at 149.51, sold at 152: 10 x 2.49
    assert ended(made) == ("CLOSED", "PROFIT_TAKEN", Decimal("24.90"))


@pytest.mark.parametrize("kind", [Kind.CRASH_BEFORE, Kind.CRASH_AFTER])
@pytest.mark.parametrize("nth", some(range(1, 6), 3))
@pytest.mark.slow
def test_a_process_that_dies_while_it_follows_leads_to_the_same_end(make_world, kind, nth):
    faults = Faults({}, [])
    prices = (*BOUGHT, (at(16, 15, 12), "148.50"), (at(16, 15, 42), "156"))
    made = begin(make_world, *prices, faults=faults, fill_plan=FOUR_FILL)
    made.run_until(at(16, 15, 2))
    edit(made, live(made, "buy", "limit"), limit_price="149")
    faults.plan = {len(faults.effects) + nth: kind}
    made.run_until(at(16, 15, 25))
    newest = next(p.id for p in made.tools.broker.live_orders() if (p.side, p.qty) == ("sell", Decimal(6)))
    edit(made, newest, limit_price="155")
    faults.plan |= {len(faults.effects) + nth: kind}
    made.run_until(at(16, 15, 39))
    assert_covered(made, 10)
    assert sum(ran.result is None for ran in made.history) == 2
    made.price("AAPL", "161", "161.01")
    made.run_until(at(16, 15, 55))
    assert ended(made)[:2] == ("CLOSED", "PROFIT_TAKEN")
