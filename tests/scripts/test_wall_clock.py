"""The scripts started by hand, on the wall clock: they trade, protect and close; several at once, killed at random."""

import random
import signal
import time
from decimal import Decimal

import pytest
import requests

from tests.scripts.desk import EXECUTOR, MONITOR, STAGES, SYMBOLS, VALUER, in_window

pytestmark = pytest.mark.slow

ROUNDS = 5
KILLS = 14
KILLED_IN_WORK_MIN = 5
PASSES_UNTIL_QUIET = 4


def test_a_newcomers_first_trade_is_bought_covered_valued_and_closed(bare):
    in_window()
    bare.state.mkdir()
    bare.done("-m", "lib.store", "init")
    bare.price("AAPL", "150", "150.02")
    levels = ("--entry", "150.02", "--stop", "145", "--target", "160", "--qty", "10")
    bare.done("-m", "lib.decide", "add", "--symbol", "AAPL", *levels, "--approve")
    assert "send buy 10 AAPL limit 150.02 day" in bare.done(EXECUTOR)
    bare.price("AAPL", "150", "150.02")  # one fill in ten is partial; the rest comes with the next quote
    assert "send sell 10 AAPL oco 160 / 145 gtc" in bare.done(MONITOR)
    bare.done(VALUER)
    assert bare.sql("SELECT status, actual_entry, actual_qty FROM trade_journal") == [("POSITION", "150.02", "10")]
    assert bare.sql("SELECT qty, covered_qty, current_price, unrealized_pnl, stale FROM position_tracking") == [
        ("10", "10", "150.01", "-0.1", 0)
    ]
    _, cover = bare.orders()
    assert (cover["order_class"], cover["limit_price"], cover["status"]) == ("oco", "160", "new")
    assert [(leg["stop_price"], leg["status"]) for leg in cover["legs"]] == [("145", "held")]
    with bare.server() as settings:  # the same account, served to another process
        quote = {"symbol": "AAPL", "bid": "160.05", "ask": "160.06"}
        requests.post(settings["ALPACA_BASE_URL"] + "/paper/price", json=quote, timeout=5).raise_for_status()
        requests.post(settings["ALPACA_BASE_URL"] + "/paper/price", json=quote, timeout=5).raise_for_status()
        assert bare.done(MONITOR, **settings).startswith("order_monitor: broker alpaca paper account PA")
        bare.done(VALUER, **settings)
    assert bare.sql("SELECT status, exit_reason, exit_price, exit_qty, actual_pnl, net_pnl FROM trade_journal") == [
        ("CLOSED", "PROFIT_TAKEN", "160.05", "10", "100.3", "100.3")
    ]
    assert bare.sql("SELECT count(*) FROM position_tracking") == [(0,)]
    assert bare.paper("GET", "/v2/positions") == []
    assert bare.paper("GET", "/v2/account")["cash"] == "100100.3"


@pytest.mark.prove
@pytest.mark.case("fail-G2", "fail-H1")
def test_three_processes_at_once_lose_nothing(desk):
    in_window()
    prices = four_decisions(desk)
    for number in range(ROUNDS):
        started = [desk.start(stage) for stage in STAGES]
        codes = [desk.end(process)[0] for process in started]
        assert codes == [0, 0, 0], desk.said[-3:]
        for symbol, bid in prices.items():
            desk.price(symbol, bid, ask(bid, number))
    once_each(desk, desk.sql("SELECT id FROM analysis_decision"))
    outcomes = desk.sql("SELECT stage, outcome, count(*) FROM stage_run GROUP BY stage, outcome ORDER BY stage")
    assert {outcome for _, outcome, _ in outcomes} <= {"done", "skipped"}
    assert sum(count for *_, count in outcomes) == ROUNDS * len(STAGES)


@pytest.mark.prove
def test_stages_killed_at_any_moment_double_nothing(desk):
    in_window()
    began = time.monotonic()
    desk.done(MONITOR)
    a_pass_s = time.monotonic() - began
    four_decisions(desk)
    dice = random.Random(20260101)
    killed = 0
    for number in range(KILLS):
        # The claims come first and only once; what imports and reads take is the first half of a pass.
        process = desk.start(EXECUTOR if number < KILLS // 2 else dice.choice(STAGES))
        time.sleep(a_pass_s * dice.uniform(0.4, 1.1))
        process.send_signal(signal.SIGKILL)
        killed += desk.end(process)[0] == -signal.SIGKILL
    assert killed >= KILLED_IN_WORK_MIN
    quiet(desk)
    once_each(desk, desk.sql("SELECT id FROM analysis_decision"))


def four_decisions(desk):
    """Approve a trade in each symbol, its entry at the market; return the bids."""
    prices = {}
    for place, symbol in enumerate(SYMBOLS):
        prices[symbol] = bid = str(100 + 50 * place)
        desk.price(symbol, bid, ask(bid))
        desk.decide(symbol, entry=ask(bid, ROUNDS), stop=str(int(bid) - 20), target=str(int(bid) + 20), qty="10")
    return prices


def ask(bid, cents=0):
    return str(Decimal(bid) + Decimal("0.02") + Decimal(cents) / 100)


def quiet(desk):
    """Let clean passes run until a round of all stages has nothing to send."""
    for _ in range(PASSES_UNTIL_QUIET):
        said = [desk.run(stage) for stage in STAGES]
        if all(code == 0 and "done: 0 requests" in out for code, out, _ in said):
            return
    pytest.fail(f"not quiet after {PASSES_UNTIL_QUIET} rounds: {said}")


def once_each(desk, decisions):
    """Hold our rows against the broker's: one trade a decision, all bought, covered once, booked once."""
    trades = desk.sql("SELECT decision_id, symbol, status, actual_qty FROM trade_journal ORDER BY decision_id")
    assert [decision for decision, *_ in trades] == [number for (number,) in decisions]
    assert {(status, qty) for *_, status, qty in trades} == {("POSITION", "10")}
    orders = desk.orders()
    names = [order["client_order_id"] for order in orders]
    assert len(names) == len(set(names))
    for number, symbol, *_ in trades:
        ((entry,), covers) = _of(orders, symbol, "buy"), _of(orders, symbol, "sell")
        assert (entry["client_order_id"], entry["status"]) == (f"sim-d{number}-entry-1", "filled")
        live = [cover for cover in covers if cover["status"] == "new"]
        assert sum(int(cover["qty"]) for cover in live) == 10
        assert [cover["legs"][0]["status"] for cover in live] == ["held"] * len(live)
    ours = {row for (row,) in desk.sql("SELECT alpaca_order_id FROM order_execution")}
    assert ours == {each["id"] for order in orders for each in (order, *(order["legs"] or ()))}
    at_broker = desk.paper("GET", "/v2/account/activities/FILL?direction=asc")
    booked = desk.sql("SELECT activity_id, qty, price FROM fill ORDER BY activity_id")
    assert booked == sorted((fill["id"], fill["qty"], fill["price"]) for fill in at_broker)
    held = {position["symbol"]: position["qty"] for position in desk.paper("GET", "/v2/positions")}
    assert dict(desk.sql("SELECT symbol, qty FROM position_tracking")) == held
    assert desk.sql("SELECT count(*) FROM position_tracking WHERE qty <> covered_qty") == [(0,)]
    assert desk.sql("SELECT count(*) FROM quantity_change") == [(0,)]


def _of(orders, symbol, side):
    return [order for order in orders if (order["symbol"], order["side"]) == (symbol, side)]
