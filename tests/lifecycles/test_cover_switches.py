"""Rules of the broker that nobody has measured, each both ways: protection may not depend on which of them is true.

One life for all: an entry filled in two parts, each covered; the target of the first sold in part; the rest stopped
out.
After each clean pass every share is covered and no exit has opened anything (`Watch`), at the end the journal is what
the broker's fills come to (`make_world`), and nothing is left over.
"""

from dataclasses import fields
from decimal import Decimal

import pytest

from lib.paper_broker.exchange.rules import Rules
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import at
from tests.lifecycles.opening import AAPL, SHORT_AAPL, at_entry, exits_of, prices, trade_of

SWITCHES = (
    "oco_stop_follows_target",
    "oco_stop_cancels_target",
    "oco_target_ends_replaced",
    "oco_both_legs_may_fill",
    "wash_trade_resting_complex_exempt",
    "wash_trade_new_complex_exempt",
    "short_values_signed",
)
LAGS = ("list_lag_s", "booking_lag_s", "cancel_latency_s", "release_lag_s", "ack_latency_s")
LAG = Decimal(2)
PLAN = {"sim-d1-entry-1": (Decimal(4),), "sim-t1-exit-1": (Decimal(1), Decimal(0), Decimal(0))}
TIMES = (at(16, 15, 2), at(16, 15, 17), at(16, 15, 31), at(16, 15, 32), at(16, 15, 47))
LONG_PRICES = ("149.50", "149", "161", "155", "144")
SHORT_PRICES = ("150.50", "151", "139", "145", "156")


def other(name):
    """Return a switch's other setting."""
    default = {field.name: field.default for field in fields(Rules)}[name]
    return LAG if name in LAGS else not default


EACH_WAY = [
    pytest.param({}, AAPL, id="as it is"),
    *(
        pytest.param({name: other(name)}, terms, id=f"{name}={other(name)}-{side}", marks=mark)
        for name in (*SWITCHES, *LAGS)
        for side, terms, mark in (("long", AAPL, pytest.mark.slow), ("short", SHORT_AAPL, pytest.mark.prove))
    ),
]


@pytest.mark.case("fail-E1", "fail-E14", "fail-E16")
@pytest.mark.parametrize(("rules", "terms"), EACH_WAY)
def test_a_life_with_parts_is_covered_all_the_way_whichever_rule_holds(make_world, rules, terms):
    first, path = ("151", LONG_PRICES) if terms is AAPL else ("149", SHORT_PRICES)
    options = Options(**({"partial_fill_rate": Decimal(0), "fill_plan": PLAN} | rules))
    feed = ScriptedFeed(prices(first, *zip(TIMES, path, strict=True)))
    made = make_world(at(16, 14, 43), feed, options=options)
    at_entry(made, **terms)
    made.run_until(at(16, 16, 0))
    trade = trade_of(made)
    assert trade.status == "CLOSED"
    assert trade.exit_qty == trade.actual_qty
    assert any(o.order_type == "STOP_LOSS" and o.filled_qty > 0 for o in exits_of(made))
    assert made.tools.broker.positions() == {}
    assert at_rest(made) == ()
