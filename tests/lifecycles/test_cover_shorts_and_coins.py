"""Shorts and coins through the real stages: covered, escalated, closed, counted."""

from decimal import Decimal

import pytest

from lib import due
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import at
from tests.lifecycles.opening import (
    BITCOIN,
    SHORT_AAPL,
    at_entry,
    covered,
    exits_of,
    look_at,
    prices,
    said,
    trade_of,
)

START = at(16, 14, 43)
WHOLE = Options(partial_fill_rate=Decimal(0))
HELD = Decimal("0.49925")  # half a coin less the maker's 15 basis points
STOPPED = {"style": "DAY", "target": None}


def short_of(make_world, *pairs):
    """Make a world where ten are sold short at 150.50, for 1505."""
    return make_world(START, ScriptedFeed(prices("149", (at(16, 15, 2), "150.50"), *pairs)), options=WHOLE)


def coin_of(make_world, *pairs):
    """Make a world where half a coin is bought at 59900, a cent and a bit above it."""
    feed = ScriptedFeed(prices("60100", (at(16, 15, 2), "59900"), *pairs, symbol="BTC/USD"))
    return make_world(START, feed, options=WHOLE)


@pytest.mark.parametrize(
    ("minute", "price", "terms", "reason", "pnl"),
    [
        (31, "139", {}, "PROFIT_TAKEN", "114.90"),  # bought back at 139.01
        (31, "156", {}, "STOPPED_OUT", "-55.10"),
        (3, "139", {}, "PROFIT_TAKEN", "114.90"),  # the target is through before it could rest
        (3, "156", {}, "FLATTENED", "-55.10"),  # the stop is
        (31, "170", STOPPED, "FLATTENED", "-195.10"),  # Alpaca's limit of a buy stop at 155 is 158.87: jumped over
        (31, "156", STOPPED, "STOPPED_OUT", "-55.10"),
    ],
)
def test_a_short_ends_as_the_market_has_it(make_world, minute, price, terms, reason, pnl):
    made = short_of(make_world, (at(16, 15, minute), price))
    at_entry(made, **(SHORT_AAPL | terms))
    look_at(made, at(16, 15, 5), at(16, 15, 35))
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.actual_pnl) == ("CLOSED", reason, Decimal(pnl))
    assert at_rest(made) == ()


@pytest.mark.sample
def test_a_short_is_covered_by_buys_and_counted_below_zero(make_world):
    made = short_of(make_world)
    at_entry(made, **SHORT_AAPL)
    look_at(made, at(16, 15, 5))
    assert covered(made) == [(Decimal(-10), Decimal(10))]
    assert {(o.side, o.qty) for o in exits_of(made)} == {("buy", Decimal(10))}
    assert at_rest(made) == ()


@pytest.mark.sample
def test_a_coin_is_covered_as_far_as_the_position_goes(make_world):
    made = coin_of(make_world)
    at_entry(made, **BITCOIN)
    look_at(made, at(16, 15, 5))
    (stop,) = exits_of(made)
    assert (stop.kind, stop.qty, stop.stop_price, stop.limit_price) == (
        "stop_limit",
        HELD,
        Decimal(55000),
        Decimal(53900),
    )
    assert said(made) == []
    assert at_rest(made) == ()


def test_the_fee_of_a_coin_is_no_difference_to_explain(make_world):
    made = coin_of(make_world)
    at_entry(made, **BITCOIN)
    for time in (at(16, 15, 5), at(16, 15, 10), at(16, 15, 40)):  # beyond the patience with what is missing
        look_at(made, time)
        made.run("position_monitor")
        assert said(made, "position_monitor") == []
    assert at_rest(made) == ()


@pytest.mark.parametrize(
    ("price", "order_type", "kind", "filled_at"),
    [("71000", "TAKE_PROFIT", "market", "71000"), ("54500", "STOP_LOSS", "stop_limit", "54500")],
    ids=["target watched", "stopped out"],
)
def test_a_coins_target_and_stop_work_at_night(make_world, price, order_type, kind, filled_at):
    made = coin_of(make_world, (at(17, 3, 2), price))
    at_entry(made, **BITCOIN)
    look_at(made, at(16, 15, 5), at(17, 3, 5))
    last = exits_of(made)[-1]
    assert (last.order_type, last.kind, last.filled_qty) == (order_type, kind, HELD)
    assert last.filled_avg_price == Decimal(filled_at)
    assert made.tools.broker.positions() == {}
    assert at_rest(made) == ()


def test_a_coins_stop_that_the_market_jumped_over_is_sold_through_the_quote(make_world):
    made = coin_of(make_world, (at(17, 3, 2), "50000"))
    at_entry(made, **BITCOIN)
    look_at(made, at(16, 15, 5), at(17, 3, 5))
    assert [(o.order_type, o.kind, o.order_status) for o in exits_of(made)] == [
        ("STOP_LOSS", "stop_limit", "cancelled"),
        ("EXIT", "limit", "filled"),
    ]
    assert (exits_of(made)[-1].limit_price, exits_of(made)[-1].time_in_force) == (Decimal(49500), "ioc")
    assert at_rest(made) == ()


def test_with_a_coin_to_look_after_order_monitor_is_due_all_night(make_world, tmp_path):
    made = coin_of(make_world)
    midnight = at(17, 5, 0)
    made.run("order_monitor")
    assert not due.is_due("order_monitor", at(16, 14, 44), due.read(tmp_path))
    at_entry(made, **BITCOIN)
    look_at(made, at(16, 15, 5))
    assert due.read(tmp_path)["round_the_clock"]
    look_at(made, at(16, 23, 30))
    assert due.is_due("order_monitor", midnight, due.read(tmp_path))
    made.run("position_monitor")  # another stage's word does not end it
    assert due.is_due("order_monitor", midnight, due.read(tmp_path))
