"""Every pre-trade check of the world at its limit, on both sides; final for the decision, for now for the world."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.domain.limits import Limits
from lib.domain.money import D
from lib.domain.states import Side
from lib.planning.deciding.checks import refuse
from lib.planning.deciding.exposure import Exposure, Sent, World
from lib.planning.protecting.halts import in_force
from tests.builders import NOW, SECOND, account, asset, control, held, new_trade, order, quote

LIMITS = Limits()
SHORT = new_trade(side=Side.SHORT, stop=D("155"), target=D("140"))
BITCOIN = {"symbol": "BTC/USD", "entry": D("40000"), "stop": D("38000"), "target": D("44000"), "qty": D("0.01")}


def world(**changes):
    limits = changes.pop("limits", {})
    values = {
        "now": NOW,
        "limits": replace(LIMITS, **limits),
        "account": account(),
        "buying_power": D("100000"),
        "owners": {},
        "open_trades": 0,
        "assets": {"AAPL": asset()},
        "quotes": {"AAPL": quote()},
        "positions": {},
    }
    return World(**(values | changes))


def on_trial(qty="10", trade=None, **changes):
    refused = refuse(trade or new_trade(), D(qty), world(**changes))
    return refused and (refused.code, refused.final)


def sent(**changes):
    values = {"decision_id": 3, "symbol": "AAPL", "side": "long", "qty": D("10"), "entry": D("150")}
    values["stop"] = D("145")
    return Sent(**(values | changes))


def others(*symbols):
    return tuple(sent(decision_id=100 + n, symbol=symbol, qty=D("1")) for n, symbol in enumerate(symbols))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, None),
        ({"assets": {}}, ("SYMBOL", True)),
        ({"assets": {"AAPL": None}}, ("SYMBOL", True)),
        pytest.param(
            {"assets": {"AAPL": asset(tradable=False)}}, ("NOT_TRADABLE", False), marks=pytest.mark.case("check-R13")
        ),
        ({"limits": {"symbols_allowed": frozenset({"AAPL", "MSFT"})}}, None),
        ({"limits": {"symbols_allowed": frozenset({"MSFT"})}}, ("SYMBOL_DENIED", True)),
        ({"limits": {"symbols_denied": frozenset({"MSFT"})}}, None),
        (
            {"limits": {"symbols_denied": frozenset({"AAPL"}), "symbols_allowed": frozenset({"AAPL"})}},
            ("SYMBOL_DENIED", True),
        ),
        ({"owners": {"AAPL": "trade 3"}}, ("SYMBOL_BUSY", False)),
        ({"owners": {"MSFT": "trade 3"}}, None),
        ({"positions": {"AAPL": held()}}, ("SYMBOL_BUSY", False)),
    ],
)
def test_a_symbol_is_known_let_in_and_free(changes, verdict):
    assert on_trial(**changes) == verdict


@pytest.mark.case("check-R14", "check-R15")
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"account": replace(account(), blocked=True)}, ("ACCOUNT", False)),
        ({"account_number": "PA1"}, None),
        ({"account_number": "PA2"}, ("ACCOUNT", False)),
        ({"calendar_agreed": False}, ("CALENDAR", False)),
        ({"market_open": True}, None),
        ({"market_open": False}, ("CALENDAR", False)),
        ({"clock_agreed": False}, ("CLOCK", False)),
    ],
)
def test_account_calendar_and_clock_are_as_they_should_be(changes, verdict):
    assert on_trial(**changes) == verdict


@pytest.mark.case("check-R9", "check-R6", "check-R11", "fail-J10")
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"open_trades": 19}, None),
        ({"open_trades": 20}, ("OPEN_TRADES", False)),
        ({"orders_this_run": 19}, None),
        ({"orders_this_run": 20}, ("ORDERS_PER_RUN", False)),
        ({"sent_today": others(*["MSFT"] * 49)}, None),
        ({"sent_today": others(*["MSFT"] * 50)}, ("ORDERS_PER_DAY", False)),
        ({"sent_today": others(*["AAPL"] * 4)}, None),
        ({"sent_today": others(*["AAPL"] * 5)}, ("ORDERS_PER_SYMBOL", False)),
        ({"round_trips_today": {"AAPL": 2, "MSFT": 9}}, None),
        ({"round_trips_today": {"AAPL": 3}}, ("ROUND_TRIPS", False)),
        ({"decisions_at_once": 100}, None),
        ({"decisions_at_once": 101}, ("TOO_MANY_DECISIONS", False)),
    ],
)
def test_there_are_not_too_many_at_once_today_or_in_one_symbol(changes, verdict):
    assert on_trial(**changes) == verdict


@pytest.mark.case("check-R10", "fail-J5")
@pytest.mark.parametrize(
    ("earlier", "verdict"),
    [
        (sent(), ("DUPLICATE", True)),
        (sent(decision_id=12), None),  # the decision itself, amended
        (sent(symbol="MSFT"), None),
        (sent(side="short"), None),
        (sent(qty=D("9")), None),
        (sent(entry=D("150.01")), None),
    ],
)
def test_the_same_order_of_another_decision_is_not_sent_again(earlier, verdict):
    assert on_trial(sent_today=(earlier,)) == verdict


@pytest.mark.case("check-R10", "fail-J5")
@pytest.mark.parametrize(("stop", "verdict"), [("145", ("DUPLICATE", True)), ("144", None)])
def test_a_sized_decision_written_twice_is_found_although_less_money_is_left(stop, verdict):
    again = new_trade(qty=None, stop=D(stop))
    assert on_trial("7", again, sent_today=(sent(),)) == verdict


@pytest.mark.case("check-R8")
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"result_today": D("-4999.99")}, None),  # five per cent of 100 000
        ({"result_today": D("-5000")}, ("DAILY_LOSS", False)),
        ({"result_today": D("-5000"), "loss_accepted": True}, None),
        ({"result_today": D("-5000"), "account": account(last_equity=D("100001"))}, None),
        ({"result_today": D("-5000"), "account": account(last_equity=D("99000"))}, ("DAILY_LOSS", False)),
    ],
)
def test_a_day_that_lost_too_much_takes_no_more_entries(changes, verdict):
    assert on_trial(**changes) == verdict


@pytest.mark.case("check-R2", "check-R3")
@pytest.mark.parametrize(
    ("qty", "entry", "verdict"),
    [
        ("0", "150", ("SIZE", False)),  # the account may have room again
        ("1", "150", None),
        ("666", "150", None),  # 99 900
        ("667", "150", ("NOTIONAL", True)),  # 100 050
        ("100000", "0.5", None),
        ("100001", "0.5", ("QTY", True)),
    ],
)
def test_an_order_is_for_something_and_at_most_the_limits(qty, entry, verdict):
    trade = new_trade(entry=D(entry), stop=D(entry) - D("0.01"), qty=None)
    quotes = {"AAPL": quote(bid=entry, ask=entry)}
    assert on_trial(qty, trade, quotes=quotes, limits={"position_share_max": D(1)}) == verdict


@pytest.mark.case("check-R12")
@pytest.mark.parametrize(
    ("qty", "trade", "verdict"),
    [
        ("100", new_trade(stop=D("140"), qty=None), None),  # 1 000 at risk, one per cent of 100 000
        ("101", new_trade(stop=D("140"), qty=None), ("RISK", False)),
        ("100", replace(SHORT, qty=None), None),
        ("1", new_trade(stop=D("140"), qty=D("100")), None),  # what is left of an amended entry
        ("1", new_trade(stop=D("140"), qty=D("101")), ("RISK", False)),
    ],
)
def test_a_given_quantity_risks_no_more_than_a_sized_one_would(qty, trade, verdict):
    able = {"account": account(shorting_enabled=True), "assets": {"AAPL": asset(shortable=True)}}
    assert on_trial(qty, trade, **able) == verdict


def resting(value, symbol="MSFT"):
    return Exposure(decision_id=3, symbol=symbol, value=D(value), resting=True)


@pytest.mark.case("check-R6")
@pytest.mark.parametrize(
    ("exposures", "verdict"),
    [
        ((resting("18500", "AAPL"),), None),  # with 1 500 it is a fifth of the account
        ((resting("18500.01", "AAPL"),), ("POSITION", False)),
        ((resting("60000"), resting("38500", "TSLA")), None),
        ((resting("60000"), resting("38500.01", "TSLA")), ("EXPOSURE", False)),
    ],
)
def test_one_symbol_and_all_together_stay_within_their_share(exposures, verdict):
    assert on_trial(exposures=exposures) == verdict


@pytest.mark.case("check-R7")
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"buying_power": D("1500")}, None),
        ({"buying_power": D("1499.99")}, ("BUYING_POWER", False)),
        ({"buying_power": D("11500"), "limits": {"buying_power_reserve": D("0.1")}}, None),
        ({"buying_power": D("11499.99"), "limits": {"buying_power_reserve": D("0.1")}}, ("BUYING_POWER", False)),
        ({"buying_power": D("-1")}, ("BUYING_POWER", False)),
    ],
)
def test_an_order_leaves_the_reserve_alone(changes, verdict):
    assert on_trial(**changes) == verdict


@pytest.mark.parametrize(("power", "verdict"), [("1545.03", None), ("1545.02", ("BUYING_POWER", False))])
def test_a_short_sale_costs_three_per_cent_above_the_ask(power, verdict):
    # 1.03 × 150.0029 is 154.502987 a share
    able = {"account": account(shorting_enabled=True), "assets": {"AAPL": asset(shortable=True)}}
    quotes = {"AAPL": quote(bid="150", ask="150.0029")}
    assert on_trial("10", SHORT, buying_power=D(power), quotes=quotes, **able) == verdict


@pytest.mark.parametrize(("cash", "verdict"), [("400", None), ("399.99", ("BUYING_POWER", False))])
def test_a_coin_is_paid_in_cash(cash, verdict):
    coin = asset(symbol="BTC/USD")
    has = replace(account(), cash=D(cash))
    shown = {"assets": {"BTC/USD": coin}, "quotes": {"BTC/USD": quote("39990", "40000", symbol="BTC/USD")}}
    assert on_trial("0.01", new_trade(**BITCOIN), account=has, **shown) == verdict


@pytest.mark.case("check-R5")
@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (quote(), None),
        (quote(at=NOW - timedelta(minutes=15)), None),
        (quote(at=NOW - timedelta(minutes=15) - SECOND), ("QUOTE", False)),
        (quote(bid=None), ("QUOTE", False)),
        (quote(ask=None), ("QUOTE", False)),
        (quote(bid="0", ask="150"), ("QUOTE", False)),
        (quote(bid="150.10", ask="150.10"), None),
        (quote(bid="150.11", ask="150.10"), ("QUOTE", False)),
        (quote(bid="136", ask="136.37"), None),  # 110 % of it is 150.007
        (quote(bid="136", ask="136.36"), ("COLLAR", False)),  # 110 % of it is 149.996
        (quote(bid="300", ask="300"), None),
        (quote(bid="195", ask="205"), None),  # 10 of 200: five per cent
        (quote(bid="195", ask="205.01"), ("SPREAD", False)),
    ],
)
def test_the_entry_needs_a_fresh_narrow_quote_and_is_not_far_above_it(shown, verdict):
    assert on_trial(trade=new_trade(stop=D("130")), quotes={"AAPL": shown}) == verdict


@pytest.mark.case("check-R5")
@pytest.mark.parametrize(
    ("bid", "ask", "verdict"),
    [
        ("150", "150.10", None),
        ("100", "100.01", None),
        ("166.66", "166.67", None),  # 90 % of the bid is 149.994
        ("166.67", "166.68", ("COLLAR", False)),  # 90 % of the bid is 150.003
        ("179.98", "179.99", ("COLLAR", False)),
        ("179.99", "180", ("STOP_THROUGH", False)),
    ],
)
def test_the_entry_of_a_short_is_not_far_below_the_bid_nor_beyond_its_stop(bid, ask, verdict):
    trade = new_trade(side=Side.SHORT, stop=D("180"), target=D("140"))
    able = {"account": account(shorting_enabled=True), "assets": {"AAPL": asset(shortable=True)}}
    assert on_trial("10", trade, quotes={"AAPL": quote(bid=bid, ask=ask)}, **able) == verdict


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
    assert [e.value for e in grown.exposures] == [D("1500")]
    assert refuse(new_trade(id=13), D("10"), grown).code == "DUPLICATE"
    assert refuse(new_trade(id=13), D("1"), grown).reason == "AAPL belongs to decision 12"


# what the broker would refuse


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"shortable": True, "borrow_status": "easy_to_borrow"}, None),
        ({"shortable": False}, ("NOT_SHORTABLE", False)),
        ({"shortable": True, "borrow_status": "hard_to_borrow"}, ("NOT_SHORTABLE", False)),
    ],
)
def test_a_short_sale_needs_a_stock_that_can_be_borrowed(facts, verdict):
    able = account(shorting_enabled=True)
    assert on_trial("10", SHORT, account=able, assets={"AAPL": asset(**facts)}) == verdict


def test_a_short_sale_needs_an_account_that_may():
    assert on_trial("10", SHORT, assets={"AAPL": asset(shortable=True)}) == ("NOT_SHORTABLE", False)


@pytest.mark.parametrize(
    ("qty", "fractionable", "verdict"),
    [
        ("10", False, None),
        ("10.5", False, ("QTY", True)),
        ("10.5", True, None),
        ("0.006666667", True, None),  # 1.00000005 dollars
        ("0.006666666", True, ("COST", True)),  # 0.9999999
    ],
)
def test_a_fraction_needs_a_stock_that_has_them_and_a_dollar(qty, fractionable, verdict):
    assert on_trial(qty, assets={"AAPL": asset(fractionable=fractionable)}) == verdict


COIN_FACTS = {"min_order_size": D("0.0002"), "min_trade_increment": D("0.0001"), "price_increment": D("0.01")}


@pytest.mark.parametrize(
    ("qty", "entry", "verdict"),
    [
        ("0.0003", "40000", None),
        ("0.00035", "40000", ("QTY", True)),
        ("0.0003", "40000.01", None),
        ("0.0003", "40000.001", ("TICK", True)),
        ("0.0002", "50000", None),  # ten dollars
        ("0.0002", "49999.99", ("COST", True)),
        ("0.0001", "200000", ("COST", True)),  # 20 dollars, but less than the least quantity
    ],
)
def test_a_coin_keeps_to_its_steps_and_is_worth_ten_dollars(qty, entry, verdict):
    trade = new_trade(**(BITCOIN | {"entry": D(entry), "stop": D(entry) * D("0.99"), "target": None, "style": "DAY"}))
    coin = {"assets": {"BTC/USD": asset(symbol="BTC/USD", **COIN_FACTS)}}
    refused = refuse(replace(trade, stop=D("38000.01")), D(qty), world(**coin, quotes={"BTC/USD": quote(entry, entry)}))
    assert (refused and (refused.code, refused.final)) == verdict


@pytest.mark.parametrize(("qty", "verdict"), [("5", None), ("5.0001", ("COST", True))])
def test_a_coin_is_bought_for_200_000_dollars_at_most(qty, verdict):
    rich = {"account": account("10000000"), "buying_power": D("10000000"), "limits": {"order_notional_max": D(10**7)}}
    shown = {"assets": {"BTC/USD": asset(symbol="BTC/USD")}, "quotes": {"BTC/USD": quote("39990", "40000")}}
    assert on_trial(qty, new_trade(**BITCOIN), **rich, **shown) == verdict


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        (order(side="sell", order_type="TAKE_PROFIT", limit_price=D("150.01")), None),
        (order(side="sell", order_type="TAKE_PROFIT", limit_price=D("150")), ("WASH_TRADE", False)),
        (order(side="sell", order_type="STOP_LOSS", kind="stop", limit_price=None), ("WASH_TRADE", False)),
        (order(side="sell", order_type="STOP_LOSS", kind="stop", order_status="held"), None),
        (order(side="sell", order_type="EXIT", kind="market", limit_price=None), ("WASH_TRADE", False)),
        (order(side="sell", limit_price=D("170")), ("WASH_TRADE", False)),  # a short sale that is open
        (order(side="buy", limit_price=D("140")), None),
        (order(side="sell", symbol="MSFT", kind="market"), None),
    ],
)
def test_an_entry_does_not_meet_an_own_order(own, verdict):
    assert on_trial(own_orders=(own,)) == verdict


@pytest.mark.parametrize("limit", [None, "150"])
def test_a_short_sale_does_not_meet_an_own_order_either_not_even_one_whose_limit_is_lost(limit):
    own = order(side="buy", order_type="TAKE_PROFIT", limit_price=limit and D(limit))
    able = {"account": account(shorting_enabled=True), "assets": {"AAPL": asset(shortable=True)}}
    assert on_trial(trade=SHORT, own_orders=(own,), **able) == ("WASH_TRADE", False)
