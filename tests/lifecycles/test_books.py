"""The books to the last cent: fees that are posted in the evening, fees taken in coins, and what is too little to sell.

Journal and account must agree: cash is what it was, and the net results.
"""

from decimal import Decimal

import pytest

from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.lifecycles.opening import BITCOIN, at_entry, prices, trade_of

CASH = Decimal(100_000)
WHOLE = {"partial_fill_rate": Decimal(0)}
BOUGHT = ((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))


def go(made, when, *stages):
    made.clock.advance_to(when)
    return [made.run(stage) for stage in stages or ("order_monitor", "position_monitor")]


def stock(make_world, *pairs, decision=SWING_AAPL, **rules):
    """Return a world in which the entry has filled at 15:02, at 149.51, and is covered."""
    made = make_world(at(16, 14, 44), ScriptedFeed({"AAPL": steps(*BOUGHT, *pairs)}), options=Options(**WHOLE, **rules))
    made.decide(**decision)
    go(made, at(16, 14, 45), "order_executor")
    go(made, at(16, 15, 5))
    return made


def cash(made):
    return made.tools.broker.account().cash


@pytest.mark.case("fail-F5")
def test_the_fees_of_a_day_are_booked_on_its_closed_trade_the_next_morning_and_are_final_the_day_after(make_world):
    """Ten bought and sold for 1610: SEC 0.033166, TAF 0.00195, CAT 0.00006, each rounded up to the cent."""
    made = stock(make_world, (at(16, 15, 31), "161"), regulatory_fees=True)
    go(made, at(16, 15, 35))
    go(made, at(16, 23, 15), "position_monitor")
    before = trade_of(made)
    assert (before.status, before.actual_pnl, before.fees, before.net_pnl) == (
        "CLOSED",
        Decimal("114.90"),
        0,
        Decimal("114.90"),
    )
    go(made, at(17, 14, 30), "position_monitor")
    booked = trade_of(made)
    assert (booked.fees, booked.net_pnl, booked.fees_final) == (Decimal("0.06"), Decimal("114.84"), False)
    assert cash(made) == CASH + booked.net_pnl
    go(made, at(18, 14, 30), "position_monitor")
    assert trade_of(made).fees_final is True
    assert (trade_of(made).net_pnl, at_rest(made)) == (Decimal("114.84"), ())


@pytest.mark.case("fail-F5")
@pytest.mark.sample
def test_a_trade_without_fees_is_final_as_well(make_world):
    made = stock(make_world, (at(16, 15, 31), "161"))
    go(made, at(16, 15, 35))
    go(made, at(17, 14, 30), "position_monitor")
    assert trade_of(made).fees_final is False
    go(made, at(18, 14, 30), "position_monitor")
    assert (trade_of(made).fees, trade_of(made).fees_final) == (0, True)


def test_a_coin_pays_its_fee_in_coins_when_bought_and_in_dollars_when_sold_and_the_account_agrees(make_world):
    """25 basis points: 0.00125 of 0.5 coins; then of 0.49875 x 71,000 dollars, rounded up to the cent: 88.53."""
    feed = ScriptedFeed(prices("59000", (at(17, 15, 0), "71000"), symbol="BTC/USD"))
    made = make_world(at(16, 14, 43), feed, options=Options(**WHOLE))
    at_entry(made, **BITCOIN)
    go(made, at(16, 14, 50))
    go(made, at(17, 14, 30))
    (fee,) = queries.changes(made.store, "main")
    assert (fee.cause, fee.delta, fee.trade_id) == ("FEE_IN_KIND", Decimal("-0.00125"), 1)
    assert made.store.rows("main").positions[0].qty == Decimal("0.49875")
    go(made, at(17, 15, 5))
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.exit_qty) == ("CLOSED", "PROFIT_TAKEN", Decimal("0.49875"))
    go(made, at(18, 14, 30))
    trade = trade_of(made)
    assert (trade.fees, trade.net_pnl) == (Decimal("88.53"), trade.actual_pnl - Decimal("88.53"))
    assert cash(made) == CASH + trade.net_pnl
    assert at_rest(made) == ()


def test_a_coin_sold_before_its_fee_is_posted_ends_when_it_is(make_world):
    feed = ScriptedFeed(prices("59000", (at(16, 15, 0), "71000"), symbol="BTC/USD"))
    made = make_world(at(16, 14, 43), feed, options=Options(**WHOLE))
    at_entry(made, **BITCOIN)
    go(made, at(16, 14, 50))
    go(made, at(16, 15, 5))
    assert made.tools.broker.positions() == {}
    assert (
        trade_of(made).status == "POSITION"
    )  # by its fills it lacks 0.00125 coins, and nothing has said where they are
    go(made, at(17, 14, 30), "position_monitor")
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.fees) == ("CLOSED", "PROFIT_TAKEN", Decimal("88.53"))
    assert cash(made) == CASH + trade.net_pnl
    assert at_rest(made) == ()


def test_what_is_too_little_to_sell_is_left_to_the_user_and_ends_the_trade(make_world):
    made = stock(make_world, decision=SWING_AAPL | {"qty": "10.5"})
    made.user_cancels_all()
    body = {"symbol": "AAPL", "side": "sell", "qty": "10.499", "type": "market", "time_in_force": "day"}
    assert made.user_order(body).status == 200
    go(made, at(16, 15, 10), "position_monitor")
    go(made, at(16, 15, 15))
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.exit_qty) == ("CLOSED", "MANUAL_EXIT", Decimal("10.499"))
    moved = [(c.cause, c.trade_id, c.delta, c.price) for c in queries.changes(made.store, "main")]
    assert moved[1:] == [("DUST", 1, Decimal("-0.001"), None), ("DUST", None, Decimal("0.001"), None)]
    assert trade.actual_pnl == Decimal("10.499") * Decimal("149.50") - Decimal("10.5") * Decimal("149.51")
    assert made.store.rows("main").positions == ()
    go(made, at(16, 15, 20))
    assert len(queries.changes(made.store, "main")) == 3
    assert made.history[-1].result.problems == ()
