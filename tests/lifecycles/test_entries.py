"""Entries through the real stages: good ones beside bad ones, what the broker would refuse, coins, fractions, GTC."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.limits import Limits
from lib.intake import control_desk
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries

START = at(16, 14, 44)
CLAIM = at(16, 14, 45)
SHORT_AAPL = SWING_AAPL | {"side": "short", "planned_sl": "155", "planned_tp": "140"}
BITCOIN = {
    "symbol": "BTC/USD",
    "planned_entry": "60000",
    "planned_sl": "55000",
    "planned_tp": "70000",
    "qty": "0.02",
}
WHOLE = Options(partial_fill_rate=Decimal(0))


def begin(make_world, paths, *, limits=None, options=WHOLE):
    """Return a world at 14:44 with these prices, by these limits; a quote stays good until the price moves."""
    changed = {"quote_age_max": timedelta(days=3)} | (limits or {})
    feed = ScriptedFeed({symbol: steps(*pairs) for symbol, pairs in paths.items()})
    return make_world(
        START, feed, options=options, wrap=lambda tools: replace(tools, limits=replace(tools.limits, **changed))
    )


def still(price, *symbols):
    return {symbol: [(at(16, 14, 30), price)] for symbol in symbols}


def claim(made, when=CLAIM):
    made.clock.advance_to(when)
    return made.run("order_executor")


def answer(made, decision_id):
    row = queries.decision(made.store, decision_id)
    return row.execution_status, (row.execution_note or "").partition(":")[0]


def ask(made, method, path, body=None):
    raw = json.dumps(body).encode() if body is not None else b""
    return made.paper.respond(Request(method, path, headers={"Content-Type": "application/json"}, body=raw))


def at_broker(made):
    """Return every order that the broker ever had."""
    path, _, query = "/v2/orders?status=all".partition("?")
    return json.loads(made.paper.respond(Request("GET", path, query)).body)


def direct(decision):
    """Return the order that a decision would become, as somebody would send it by hand."""
    coin = "/" in decision["symbol"]
    return {
        "symbol": decision["symbol"],
        "side": "sell" if decision.get("side") == "short" else "buy",
        "type": "limit",
        "qty": decision["qty"],
        "limit_price": decision["planned_entry"],
        "time_in_force": "gtc" if coin else "day",
    }


def asset(**facts):
    return "POST", "/paper/asset", {"symbol": "AAPL", **facts}


NO_SHORTS = "PATCH", "/v2/account/configurations", {"no_shorting": True}


@pytest.mark.case("check-R1", "check-R13", "fail-E16")
@pytest.mark.parametrize(
    ("prepare", "decision", "code"),
    [
        (None, SWING_AAPL | {"planned_entry": "150.001"}, "TICK"),
        (None, SWING_AAPL | {"symbol": "NONE"}, "SYMBOL"),
        (asset(tradable=False), SWING_AAPL, "NOT_TRADABLE"),
        (asset(fractionable=False), SWING_AAPL | {"qty": "10.5"}, "QTY"),
        (None, SWING_AAPL | {"qty": "0.006"}, "COST"),
        (None, SHORT_AAPL | {"qty": "10.5"}, "QTY"),
        (asset(shortable=False), SHORT_AAPL, "NOT_SHORTABLE"),
        (asset(borrow_status="hard_to_borrow"), SHORT_AAPL, "NOT_SHORTABLE"),
        (NO_SHORTS, SHORT_AAPL, "NOT_SHORTABLE"),
        (None, BITCOIN | {"qty": "0.0001666"}, "COST"),  # 9.996 dollars
        (None, BITCOIN | {"side": "short", "planned_sl": "65000", "planned_tp": "50000"}, "COIN"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_the_broker_would_refuse_is_named_and_never_sent(make_world, prepare, decision, code):
    made = begin(make_world, still("151", "AAPL") | still("60100", "BTC/USD"))
    if prepare is not None:
        assert ask(made, *prepare).status == 200
    number = made.decide(**decision)
    claim(made)
    assert answer(made, number)[1] == code
    assert at_broker(made) == []
    assert made.user_order(direct(decision)).status in {403, 422}


def test_an_entry_beside_a_plain_stop_would_be_a_wash_trade_and_is_never_sent(make_world):
    falling = {"AAPL": [(at(16, 14, 30), "151"), (at(16, 14, 50), "149.50"), (at(16, 14, 52), "151")]}
    made = begin(make_world, falling, limits={"symbol_sharing": "oco"})
    made.decide(**SWING_AAPL | {"trade_style": "TREND", "planned_tp": None})
    claim(made)
    made.clock.advance_to(at(16, 14, 55))
    made.run("order_monitor")
    sent = len(at_broker(made))
    second = SWING_AAPL | {"qty": "5"}
    number = made.decide(**second)
    made.run("order_monitor")
    made.clock.advance_to(at(16, 14, 56))
    made.run("order_executor", only_decision=number)
    assert answer(made, number) == ("WAITING", "SYMBOL_BUSY")
    assert len(at_broker(made)) == sent
    refused = made.user_order(direct(second))
    assert (refused.status, b"wash trade" in refused.body) == (403, True)


BAD = (
    SWING_AAPL | {"planned_entry": "NaN"},
    SWING_AAPL | {"planned_entry": ""},
    SWING_AAPL | {"planned_entry": "1,000"},
    SWING_AAPL | {"planned_sl": "151"},
    SWING_AAPL | {"planned_tp": "149"},
    SWING_AAPL | {"planned_entry": "15000", "planned_sl": "145", "planned_tp": "16000"},
    SWING_AAPL | {"qty": "-1"},
    SWING_AAPL | {"qty": "1000000000"},
    SWING_AAPL | {"qty": "700"},
    SWING_AAPL | {"qty": "250"},
    SWING_AAPL | {"symbol": "ААPL"},  # two Cyrillic letters
    SWING_AAPL | {"symbol": "../x"},
    SWING_AAPL | {"symbol": ""},
    SWING_AAPL | {"symbol": "ZZZZ"},
    SWING_AAPL | {"action": "BUY"},
    SWING_AAPL | {"side": "both"},
    SWING_AAPL | {"trade_style": ""},
    SWING_AAPL | {"planned_tp": None},
    SWING_AAPL | {"trail_percent": "2"},
    SWING_AAPL | {"expires_at": "2020-01-01T00:00:00Z"},
    BITCOIN | {"side": "short", "planned_sl": "65000", "planned_tp": "50000"},
    BITCOIN | {"qty": "0.00001"},
)
GOOD = tuple(
    {"symbol": symbol, "planned_entry": "150", "planned_sl": "145", "planned_tp": "160", "qty": "10"}
    for symbol in ("AMZN", "GOOG", "META", "MSFT", "NFLX", "NVDA", "ORCL", "TSLA")
)


def entries_of(made):
    return sorted((o["symbol"], o["side"], o["qty"], o["limit_price"], o["time_in_force"]) for o in at_broker(made))


@pytest.mark.case("fail-J1", "fail-J3", "fail-J8")
@pytest.mark.sample
def test_thirty_decisions_of_which_most_are_bad_send_exactly_the_good_ones(make_world):
    symbols = ("AAPL", *(good["symbol"] for good in GOOD))
    made = begin(make_world, still("151", *symbols) | still("60100", "BTC/USD"))
    turns = [BAD[n] for n in range(len(BAD))]
    for n, good in enumerate(GOOD):
        turns.insert(3 * n + 1, good)
    numbers = [made.decide(**columns) for columns in turns]
    claim(made)
    assert len(numbers) == 30
    assert entries_of(made) == [(good["symbol"], "buy", "10", "150", "day") for good in GOOD]
    told = {number: answer(made, number) for number in numbers}
    sent = [number for number, columns in zip(numbers, turns, strict=True) if columns in GOOD]
    assert [told[number][0] for number in sent] == ["ORDERED"] * len(GOOD)
    others = {status for number, (status, _) in told.items() if number not in sent}
    assert others <= {"REJECTED", "WAITING", "EXPIRED"}
    assert all(note for _, note in told.values())


@pytest.mark.case("fail-J10")
def test_of_too_many_decisions_at_once_none_is_sent(make_world):
    made = begin(make_world, still("151", "AMZN", "GOOG", "META"), limits={"decisions_at_once_max": 2})
    numbers = [made.decide(**columns) for columns in GOOD[:3]]
    claim(made)
    assert [answer(made, number) for number in numbers] == [("WAITING", "TOO_MANY_DECISIONS")] * 3
    assert at_broker(made) == []


@pytest.mark.case("fail-J5", "check-R10")
def test_a_decision_written_twice_is_sent_once(make_world):
    made = begin(make_world, still("151", "AAPL"))
    first, second = made.decide(**SWING_AAPL), made.decide(**SWING_AAPL)
    claim(made)
    assert answer(made, first)[0] == "ORDERED"
    assert answer(made, second) == ("REJECTED", "DUPLICATE")
    assert len(at_broker(made)) == 1


def test_the_orders_of_a_session_are_counted_over_its_runs(make_world):
    made = begin(make_world, still("151", "AMZN", "GOOG", "META"), limits={"orders_per_day_max": 2})
    numbers = [made.decide(**columns) for columns in GOOD[:2]]
    claim(made)
    third = made.decide(**GOOD[2])
    made.clock.advance_to(at(16, 15, 0))
    made.run("order_executor", only_decision=third)
    assert [answer(made, number)[0] for number in numbers] == ["ORDERED", "ORDERED"]
    assert answer(made, third) == ("WAITING", "ORDERS_PER_DAY")


def test_a_part_of_a_share_is_bought_for_the_day_and_covered(make_world):
    falling = {"AAPL": [(at(16, 14, 30), "151"), (at(16, 14, 50), "149.50"), (at(16, 14, 52), "151")]}
    made = begin(make_world, falling, limits={"entry_tif": "gtc"})
    made.decide(**SWING_AAPL | {"qty": "10.5"})
    claim(made)
    assert entries_of(made) == [("AAPL", "buy", "10.5", "150", "day")]
    made.clock.advance_to(at(16, 14, 55))
    made.run("order_monitor")
    (position,) = made.store.rows("main").positions
    assert (position.qty, position.covered_qty) == (Decimal("10.5"), Decimal("10.5"))
    assert at_rest(made) == ()


# coins, and entries that rest


def test_a_coin_s_entry_is_sent_gtc_and_ends_with_the_window_all_the_same(make_world):
    made = begin(make_world, still("60100", "BTC/USD"))
    made.decide(**BITCOIN)
    claim(made)
    assert entries_of(made) == [("BTC/USD", "buy", "0.02", "60000", "gtc")]
    made.clock.advance_to(at(16, 20, 30))
    made.run("order_monitor")
    assert [o["status"] for o in at_broker(made)] == ["new"]
    made.clock.advance_to(at(16, 20, 31))
    made.run("order_monitor")
    assert [o["status"] for o in at_broker(made)] == ["canceled"]
    (trade,) = queries.journal(made.store, "main")
    assert (trade.status, "its time is over" in (trade.note or "")) == ("CANCELLED", True)
    assert at_rest(made) == ()


def test_a_coin_without_a_quantity_is_sized_in_its_own_steps(make_world):
    made = begin(make_world, still("60100", "BTC/USD"))
    made.decide(**BITCOIN | {"qty": None})
    claim(made)
    # a risk of 1 000 at 5 000 a coin: 0.2; a fifth of the account: 0.333333333
    assert entries_of(made) == [("BTC/USD", "buy", "0.2", "60000", "gtc")]


def test_an_entry_that_may_rest_does_so_until_its_decision_expires(make_world):
    made = begin(make_world, still("151", "AAPL"), limits={"entry_tif": "gtc"})
    made.decide(**SWING_AAPL | {"expires_at": "2024-01-17T16:00:00Z"})
    claim(made)
    assert entries_of(made) == [("AAPL", "buy", "10", "150", "gtc")]
    for moment in (at(16, 20, 45), at(17, 14, 35), at(17, 16, 0)):
        made.clock.advance_to(moment)
        made.run("order_monitor")
    assert [o["status"] for o in at_broker(made)] == ["new"]
    made.clock.advance_to(at(17, 16, 5))
    made.run("order_monitor")
    assert [o["status"] for o in at_broker(made)] == ["canceled"]
    (trade,) = queries.journal(made.store, "main")
    assert trade.status == "CANCELLED"
    assert at_rest(made) == ()


# the day's loss


def lost_day(make_world):
    """Return a world in which a trade has lost 55.10 today, and the limit is 50."""
    paths = {
        "AAPL": [(at(16, 14, 30), "151"), (at(16, 14, 50), "149.50"), (at(16, 14, 52), "151"), (at(16, 15, 2), "144")],
        **still("151", "AMZN", "GOOG"),
    }
    made = begin(make_world, paths, limits={"daily_loss_max": Decimal("0.0005")})
    made.decide(**SWING_AAPL)
    claim(made)
    for moment in (at(16, 14, 51), at(16, 14, 55), at(16, 15, 5), at(16, 15, 10)):
        made.clock.advance_to(moment)
        made.run("order_monitor")
    (trade,) = queries.journal(made.store, "main")
    assert (trade.status, trade.actual_pnl) == ("CLOSED", Decimal("-55.1"))
    return made


def enter(made, columns, when):
    number = made.decide(**columns)
    made.clock.advance_to(when)
    made.run("order_monitor")
    made.run("order_executor", only_decision=number)
    return number


def state_of(made):
    return [(c.scope, c.state) for c in made.store.controls("main")]


@pytest.mark.case("check-R8")
def test_a_day_that_lost_too_much_is_over_for_entries_until_the_next_session(make_world):
    made = lost_day(make_world)
    number = enter(made, GOOD[0] | {"expires_at": "2024-01-17T20:00:00Z"}, at(16, 15, 15))
    assert answer(made, number)[0] == "WAITING"
    assert state_of(made) == [("account:main", "REDUCING")]
    made.clock.advance_to(at(17, 14, 50))
    made.run("order_monitor")
    made.run("order_executor")
    assert state_of(made) == [("account:main", "ACTIVE")]
    assert answer(made, number)[0] == "ORDERED"


@pytest.mark.case("check-R8")
@pytest.mark.parametrize(
    ("reason", "state", "status"),
    [("daily loss accepted", "ACTIVE", "ORDERED"), ("I fixed the feed", "REDUCING", "WAITING")],
)
def test_a_person_goes_on_that_day_only_by_accepting_the_loss(make_world, reason, state, status):
    made = lost_day(make_world)
    enter(made, GOOD[0], at(16, 15, 15))
    desk = control_desk.Desk(store=made.store, state_dir=made.tools.state_dir, now=made.clock.now())
    control_desk.resume(desk, "main", None, reason)
    number = enter(made, GOOD[1], at(16, 15, 15) + timedelta(minutes=5))
    assert state_of(made) == [("account:main", state)]
    assert answer(made, number)[0] == status


def test_the_defaults_let_the_standing_example_in():
    assert Limits().entry_tif == "day"
    assert Limits().symbols_allowed == frozenset()
