"""Every pre-trade check at its limit, on both sides; final for the decision, for now for the world."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.domain.limits import Limits
from lib.domain.money import D
from lib.planning.checks import World, refuse, refuse_numbers
from lib.planning.halts import in_force
from tests.builders import NOW, SECOND, account, asset, control, held, new_trade, quote

LIMITS = Limits()


def world(**changes):
    values = {
        "now": NOW,
        "limits": LIMITS,
        "account": account(),
        "buying_power": D("100000"),
        "owners": {},
        "open_trades": 0,
        "assets": {"AAPL": asset()},
        "quotes": {"AAPL": quote()},
        "positions": {},
    }
    return World(**(values | changes))


def code_of(refused):
    return refused and refused.code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"entry": D("150.01")}, None),
        ({"entry": D("150.001")}, "TICK"),
        ({"stop": D("144.999")}, "TICK"),
        ({"target": D("160.001")}, "TICK"),
        ({"entry": D("0.5001"), "stop": D("0.4001"), "target": D("0.6001")}, None),
        ({"entry": D("0.50001"), "stop": D("0.4"), "target": D("0.6")}, "TICK"),
        ({"entry": D("1.0001"), "stop": D("0.9"), "target": D("1.1")}, "TICK"),
        ({"entry": D("0.9999"), "stop": D("0.9"), "target": D("1.1")}, None),
        ({"target": D("1000000")}, None),
        ({"target": D("1000000.01")}, "NUMBERS"),
        ({"entry": D("1000001"), "target": D("1000002")}, "NUMBERS"),
    ],
)
def test_prices_keep_to_the_tick_and_below_the_bound(changes, code):
    assert code_of(refuse_numbers(new_trade(**changes), LIMITS)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stop": D("149.99")}, None),
        ({"stop": D("150")}, "LEVELS"),
        ({"stop": D("150.01")}, "LEVELS"),
        ({"target": D("150.01")}, None),
        ({"target": D("150")}, "LEVELS"),
        ({"target": D("149.99")}, "LEVELS"),
        ({"target": None, "style": "DAY"}, None),
    ],
)
def test_the_stop_is_below_the_entry_and_the_target_above(changes, code):
    assert code_of(refuse_numbers(new_trade(**changes), LIMITS)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": None}, "STYLE"),
        ({"trail_percent": D("2")}, "STYLE"),
        ({"style": "DAY", "trail_percent": D("0.1")}, None),
        ({"style": "DAY", "trail_percent": D("0.09")}, "TRAIL"),
        ({"style": "DAY", "trail_percent": D("3")}, None),
        ({"style": "DAY", "trail_percent": D("3.33")}, None),  # 4.995 of 5 to the stop
        ({"style": "DAY", "trail_percent": D("3.34")}, "TRAIL"),  # 5.01: it would start below the stop
        ({"style": "DAY", "trail_percent": D("2.5"), "entry": D("200"), "stop": D("195"), "target": None}, None),
        ({"style": "DAY", "trail_percent": D("100"), "stop": D("0.01")}, "TRAIL"),
    ],
)
def test_a_swing_has_a_target_and_no_trail_and_no_trail_starts_below_the_stop(changes, code):
    assert code_of(refuse_numbers(new_trade(**changes), LIMITS)) == code


@pytest.mark.parametrize(
    ("qty", "code"), [("1", None), ("0.5", "QTY"), ("10.5", "QTY"), ("100000", None), ("100001", "QTY")]
)
def test_a_given_quantity_is_whole_and_within_the_limit(qty, code):
    assert code_of(refuse_numbers(new_trade(qty=D(qty)), LIMITS)) == code


def test_every_refusal_of_numbers_is_final():
    assert all(refuse_numbers(new_trade(**bad), LIMITS).final for bad in ({"stop": D("150")}, {"qty": D("0.5")}))


def on_trial(qty="10", trade=None, **changes):
    refused = refuse(trade or new_trade(), D(qty), world(**changes))
    return refused and (refused.code, refused.final)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, None),
        ({"assets": {}}, ("SYMBOL", True)),
        ({"assets": {"AAPL": None}}, ("SYMBOL", True)),
        ({"assets": {"AAPL": asset(tradable=False)}}, ("NOT_TRADABLE", False)),
        ({"owners": {"AAPL": "trade 3"}}, ("SYMBOL_BUSY", False)),
        ({"owners": {"MSFT": "trade 3"}}, None),
        ({"positions": {"AAPL": held()}}, ("SYMBOL_BUSY", False)),
        ({"account": replace(account(), blocked=True)}, ("ACCOUNT", False)),
        ({"calendar_agreed": False}, ("CALENDAR", False)),
        ({"open_trades": 19}, None),
        ({"open_trades": 20}, ("OPEN_TRADES", False)),
        ({"orders_this_run": 19}, None),
        ({"orders_this_run": 20}, ("ORDERS_PER_RUN", False)),
        ({"buying_power": D("1500")}, None),
        ({"buying_power": D("1499.99")}, ("BUYING_POWER", False)),
    ],
)
def test_the_world_refuses_for_now_and_an_unknown_symbol_for_good(changes, verdict):
    assert on_trial(**changes) == verdict


@pytest.mark.parametrize(
    ("qty", "entry", "verdict"),
    [
        ("0", "150", ("SIZE", True)),
        ("1", "150", None),
        ("666", "150", None),  # 99 900
        ("667", "150", ("NOTIONAL", True)),  # 100 050
        ("100000", "0.5", None),
        ("100001", "0.5", ("QTY", True)),
    ],
)
def test_an_order_is_at_least_a_share_and_at_most_the_limits(qty, entry, verdict):
    trade = new_trade(entry=D(entry), stop=D("0.1"), qty=None)
    quotes = {"AAPL": quote(bid=entry, ask=entry)}
    assert on_trial(qty, trade, quotes=quotes) == verdict


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (quote(), None),
        (quote(at=NOW - timedelta(minutes=15)), None),
        (quote(at=NOW - timedelta(minutes=15) - SECOND), ("QUOTE", False)),
        (quote(bid=None), ("QUOTE", False)),
        (quote(ask=None), ("QUOTE", False)),
        (quote(bid="150.10", ask="150.10"), None),
        (quote(bid="150.11", ask="150.10"), ("QUOTE", False)),
        (quote(bid="136", ask="136.37"), None),  # 110 % of it is 150.007
        (quote(bid="136", ask="136.36"), ("COLLAR", False)),  # 110 % of it is 149.996
        (quote(bid="300", ask="300"), None),
    ],
)
def test_the_entry_needs_a_fresh_whole_quote_and_is_not_far_above_it(shown, verdict):
    assert on_trial(trade=new_trade(stop=D("130")), quotes={"AAPL": shown}) == verdict


@pytest.mark.parametrize(("bid", "verdict"), [("145.01", None), ("145", ("STOP_THROUGH", False))])
def test_an_entry_that_would_be_sold_at_once_waits(bid, verdict):
    assert on_trial(trade=new_trade(stop=D("145")), quotes={"AAPL": quote(bid=bid, ask="145.02")}) == verdict


def test_without_a_quote_there_is_no_entry():
    assert on_trial(quotes={}) == ("QUOTE", False)


@pytest.mark.parametrize("state", ["REDUCING", "HALTED", "FROZEN", "halted?"])
@pytest.mark.parametrize("scope", ["all", "account:main", "symbol:main:AAPL"])
def test_any_halt_of_any_scope_above_the_symbol_stops_entries(scope, state):
    assert on_trial(controls=(control(scope=scope, state=state),)) == ("CONTROL", False)


@pytest.mark.parametrize(
    ("scope", "state"), [("all", "ACTIVE"), ("symbol:main:MSFT", "HALTED"), ("symbol:main:PL", "HALTED")]
)
def test_another_symbol_s_halt_and_an_ended_one_stop_nothing(scope, state):
    assert in_force((control(scope=scope, state=state),), "AAPL") is None


def test_a_busy_symbol_names_its_owner():
    assert "trade 3" in refuse(new_trade(), D("10"), world(owners={"AAPL": "trade 3"})).reason


def test_the_world_grows_by_each_order_of_the_run():
    grown = world().plus(new_trade(), D("10"))
    assert (grown.buying_power, grown.open_trades, grown.orders_this_run) == (D("98500"), 1, 1)
    assert refuse(new_trade(id=13), D("1"), grown).reason == "AAPL belongs to decision 12"
