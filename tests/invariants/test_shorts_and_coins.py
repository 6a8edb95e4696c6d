"""The invariants of protection where a trade is short, a coin, or had both legs of its OCO filled."""

from dataclasses import replace

import pytest

from lib.domain.facts import BrokerPosition
from lib.domain.money import D
from lib.invariants.catalogue import AT_REST, check
from lib.invariants.evidence import Books, Evidence, Ledger
from tests.builders import (
    CALENDAR,
    NOW,
    OPEN,
    activity,
    broker_exit,
    broker_oco,
    broker_order,
    exit_order,
    fill,
    oco,
    order,
    position,
    trade,
)

SENT = OPEN.replace(minute=46)
FILLED = {"order_status": "filled", "filled_qty": D("10")}
DONE = {"status": "filled", "filled_qty": D("10")}


def held(qty, symbol="AAPL", **changes):
    return {symbol: BrokerPosition(symbol=symbol, qty=D(qty), qty_available=D(0), **changes)}


def judged(books, ledger):
    seen = Evidence(now=NOW, books=books, ledger=ledger, calendar=CALENDAR)
    return {violation.id for violation in check(AT_REST, seen)}


SHORT_BOOKS = Books(
    namespace="ns",
    trades=(trade(status="POSITION", side="short", planned_sl=D(155), planned_tp=D(140)),),
    orders=(order(side="sell", payload=None, **FILLED), exit_order(side="buy", stop_price=D(155), payload=None)),
    fills=(fill(side="sell"),),
    positions=(position(qty=D(-10), covered_qty=D(10)),),
)
SHORT_LEDGER = Ledger(
    orders=(
        broker_order(side="sell", submitted_at=SENT, **DONE),
        broker_exit(side="buy", stop_price=D(155), submitted_at=SENT.replace(minute=50)),
    ),
    positions=held(-10),
    fills=(activity(side="sell"),),
)


def short(*, books=None, ledger=None):
    # without frozen bodies I14 has its own to say: it is judged in test_catalogue
    return judged(replace(SHORT_BOOKS, **(books or {})), replace(SHORT_LEDGER, **(ledger or {}))) - {"I14"}


def test_a_short_that_is_covered_by_a_buy_stop_breaks_nothing():
    assert short() == set()


@pytest.mark.parametrize(
    ("name", "books", "ledger"),
    [
        ("I2", {}, {"orders": (SHORT_LEDGER.orders[0], replace(SHORT_LEDGER.orders[1], qty=D(6)))}),
        ("I2", {}, {"orders": (SHORT_LEDGER.orders[0], replace(SHORT_LEDGER.orders[1], side="sell"))}),
        ("I3", {}, {"fills": (activity(side="sell"), activity(id="X2", order_id="B2", side="buy", qty=D(11)))}),
        ("I3", {}, {"positions": held(-9)}),
        ("I3 after", {"positions": (position(qty=D(10), covered_qty=D(10)),)}, {}),
        ("I8", {"fills": (fill(side="sell"), fill(id=2, activity_id="F2", order_id=2, side="buy", qty=D(11)))}, {}),
        ("I11", {"positions": (position(qty=D(10), covered_qty=D(10)),)}, {}),
    ],
)
def test_each_invariant_sees_its_fault_in_a_short(name, books, ledger):
    assert name in short(books=books, ledger=ledger)


def test_a_short_entry_is_no_exit_that_opened_something():
    assert "I3" not in short(ledger={"positions": held(-10)})


BOTH = broker_oco(**DONE, leg=DONE | {"client_order_id": "f00d"}, submitted_at=SENT.replace(minute=50))
TEN = [fill(), *(fill(id=n, activity_id=f"F{n}", order_id=n, side="sell", price=D(155)) for n in (2, 3))]
TEN_THERE = [activity(), *(activity(id=f"F{n}", order_id=f"B{n}", side="sell", price=D(155)) for n in (2, 3))]
OVER = Books(
    namespace="ns",
    trades=(trade(status="POSITION"),),
    orders=(order(**FILLED), *oco(**FILLED, leg=FILLED)),
    fills=tuple(TEN),
    positions=(position(qty=D(-10)),),
)
OVER_LEDGER = Ledger(
    orders=(broker_order(submitted_at=SENT, **DONE), BOTH), positions=held(-10), fills=tuple(TEN_THERE)
)


@pytest.mark.case("fail-E5")
def test_both_legs_filled_is_the_brokers_doing_until_a_clean_pass_has_seen_it():
    found = judged(OVER, OVER_LEDGER)
    assert "I3 after" in found
    assert not {"I3", "I7", "I8"} & found


def test_a_sale_too_many_by_any_other_order_is_not_excused():
    other = broker_exit(id="B4", client_order_id="ns-t7-exit-2", submitted_at=SENT.replace(minute=51), **DONE)
    sold = activity(id="F4", order_id="B4", side="sell")
    assert "I3" in judged(OVER, replace(OVER_LEDGER, orders=(*OVER_LEDGER.orders, other), fills=(*TEN_THERE, sold)))


COIN = {"symbol": "BTC/USD", "qty": D("0.5")}
COIN_BOOKS = Books(
    namespace="ns",
    trades=(trade(status="POSITION", symbol="BTC/USD", planned_qty=D("0.5")),),
    orders=(
        order(payload=None, **(FILLED | COIN | {"filled_qty": D("0.5")})),
        exit_order(kind="stop_limit", limit_price=D(142), payload=None, **(COIN | {"qty": D("0.49875")})),
    ),
    fills=(fill(**COIN),),
    positions=(position(**COIN),),
)
COIN_LEDGER = Ledger(
    orders=(
        broker_order(submitted_at=SENT, **(DONE | COIN | {"filled_qty": D("0.5")})),
        broker_exit(kind="stop_limit", limit_price=D(142), submitted_at=SENT, **(COIN | {"qty": D("0.49875")})),
    ),
    positions=held("0.49875", "BTC/USD", asset_class="crypto"),
    fills=(activity(**COIN),),
    cash_start=D(100000),
    cash=D(0),
)


def test_a_coin_may_lack_its_fee_and_is_covered_as_far_as_it_is_there():
    assert judged(COIN_BOOKS, COIN_LEDGER) - {"I14"} == set()


@pytest.mark.parametrize(
    ("name", "qty"), [("I2", "0.4"), ("I5", "0.49")], ids=["covered beyond what is there", "more is missing than a fee"]
)
def test_a_coin_that_lacks_more_is_seen(name, qty):
    less = replace(COIN_LEDGER, positions=held(qty, "BTC/USD", asset_class="crypto"))
    assert name in judged(COIN_BOOKS, less)
