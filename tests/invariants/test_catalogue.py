"""Each invariant holds for a healthy account and is broken by the fault it is there for."""

from dataclasses import replace

import pytest

from lib.domain.facts import BrokerPosition
from lib.domain.money import D
from lib.invariants.catalogue import AT_REST, check, lost_rows
from lib.invariants.evidence import Books, Evidence, Ledger
from tests.builders import (
    CALENDAR,
    NOW,
    OPEN,
    activity,
    broker_exit,
    broker_order,
    change,
    exit_order,
    fill,
    order,
    position,
    trade,
)

FILLED = {"order_status": "filled", "filled_qty": D("10")}
SENT = OPEN.replace(minute=46)

ENTRY_ROW = order(**FILLED)
STOP_ROW = exit_order()
ENTRY = broker_order(status="filled", filled_qty=D("10"), submitted_at=SENT)
STOP = broker_exit(submitted_at=SENT.replace(minute=50))
HELD = {"AAPL": BrokerPosition(symbol="AAPL", qty=D("10"), qty_available=D("0"))}

BOOKS = Books(
    namespace="ns",
    trades=(trade(status="POSITION", entry_time=OPEN.replace(minute=48)),),
    orders=(ENTRY_ROW, STOP_ROW),
    fills=(fill(),),
    positions=(position(covered_qty=D("10")),),
)
LEDGER = Ledger(orders=(ENTRY, STOP), positions=HELD, fills=(activity(),), cash_start=D("100000"), cash=D("98500"))


def broken(*, books=None, ledger=None):
    seen = Evidence(
        now=NOW, books=replace(BOOKS, **(books or {})), ledger=replace(LEDGER, **(ledger or {})), calendar=CALENDAR
    )
    return {violation.id for violation in check(AT_REST, seen)}


def test_a_healthy_account_breaks_nothing():
    assert broken() == set()


CLOSED = {
    "status": "CLOSED",
    "exit_reason": "STOPPED_OUT",
    "exit_time": NOW,
    "exit_price": D("145"),
    "actual_pnl": D("-50"),
    "net_pnl": D("-50"),
}


@pytest.mark.parametrize(
    ("name", "books", "ledger"),
    [
        ("I1", {}, {"orders": (ENTRY, replace(ENTRY, id="B8", client_order_id="ns-d12-entry-2"), STOP)}),
        ("I3", {}, {"fills": (activity(), activity(id="X2", order_id=STOP.id, side="sell", qty=D("11")))}),
        ("I3", {}, {"orders": (ENTRY, STOP, replace(STOP, id="B9", client_order_id="ns-t7-exit-2"))}),
        ("I7", {"trades": (replace(BOOKS.trades[0], planned_qty=D("9")),)}, {}),
        ("I8", {"fills": (fill(), fill(id=2, activity_id="F2", order_id=2, side="sell", qty=D("11")))}, {}),
        ("I9", {"fills": (fill(price=D("150.01")),)}, {}),
        ("I11", {"positions": ()}, {}),
        ("I11", {"trades": (trade(**(CLOSED | {"exit_reason": None})),), "positions": ()}, {}),
        ("I14", {"orders": (STOP_ROW,)}, {}),
        ("I18", {}, {"orders": (replace(ENTRY, limit_price=D("151")), STOP)}),
        ("I14", {"orders": (replace(ENTRY_ROW, created_at=SENT.replace(hour=16)), STOP_ROW)}, {}),
        ("I19", {"trades": (replace(BOOKS.trades[0], entry_time=OPEN.replace(hour=13)),)}, {}),
        ("I19", {"trades": (replace(BOOKS.trades[0], decided_at=NOW, entry_submitted_at=SENT),)}, {}),
        ("I19", {"trades": (replace(BOOKS.trades[0], entry_acknowledged_at=NOW, protected_at=SENT),)}, {}),
        ("I22", {}, {"orders": (replace(ENTRY, submitted_at=OPEN.replace(minute=44)), STOP)}),
        ("I2", {}, {"orders": (ENTRY, replace(STOP, qty=D("6")))}),
        ("I2", {}, {"orders": (ENTRY, replace(STOP, status="cancelled"))}),
        ("I2", {}, {"orders": (ENTRY, replace(STOP, status="pending_cancel"))}),
        ("I4", {"trades": (trade(**CLOSED),), "positions": ()}, {}),
        ("I4 cash", {}, {"cash": D("98500.01")}),
        ("I5", {}, {"positions": {"AAPL": BrokerPosition(symbol="AAPL", qty=D("11"), qty_available=D("0"))}}),
        ("I5 fills", {}, {"fills": (activity(), activity(id="F2", order_id="app"))}),
        ("I6", {"orders": (replace(ENTRY_ROW, order_status="new", filled_qty=D("0")), STOP_ROW)}, {}),
        ("I6", {"orders": (ENTRY_ROW, replace(STOP_ROW, order_status="pending"))}, {}),
        ("L2", {"trades": (trade(**CLOSED),), "positions": ()}, {}),
        ("L2 empty", {"orders": (ENTRY_ROW,), "positions": (position(qty=D("0")),)}, {}),
    ],
)
def test_each_invariant_sees_its_fault(name, books, ledger):
    assert name in broken(books=books, ledger=ledger)


def test_a_fill_from_before_our_first_trade_in_a_symbol_needs_no_row():
    earlier = activity(id="F0", order_id="app", transaction_time=OPEN)
    other = activity(id="F8", order_id="app", symbol="MSFT")
    assert "I5 fills" not in broken(ledger={"fills": (earlier, other, activity())})


def test_a_fill_from_before_what_was_held_at_the_first_look_needs_no_row():
    opening = change(trade_id=None, cause="OPENING", activity_id=None, price=None)
    in_the_app = activity(id="F2", order_id="app", transaction_time=opening.at)
    assert "I5 fills" not in broken(books={"changes": (opening,)}, ledger={"fills": (activity(), in_the_app)})
    assert "I5 fills" in broken(ledger={"fills": (activity(), in_the_app)})


def test_a_trade_without_shares_may_stay_open_while_an_order_of_it_lives():
    assert "L2 empty" not in broken(books={"positions": (position(qty=D("0")),)})


def test_what_the_user_sells_short_is_no_short_of_ours():
    short = BrokerPosition(symbol="MSFT", qty=D("-5"), qty_available=D("-5"))
    sold = activity(id="X3", order_id="app", symbol="MSFT", side="sell", qty=D("5"))
    ledger = {"positions": HELD | {"MSFT": short}, "fills": (activity(), sold)}
    assert "I3" not in broken(ledger=ledger)


TARGET = replace(STOP, kind="limit", legs=(replace(STOP, id="leg", status="held"),))


@pytest.mark.parametrize("order", [STOP, TARGET], ids=["stop", "target with a stop"])
def test_a_stop_that_hangs_in_its_cancel_is_neither_cover_nor_cover_too_much(order):
    orders = (ENTRY, replace(order, status="pending_cancel"))
    assert "I2" not in broken(books={"positions": ()}, ledger={"orders": orders, "positions": {}})
    assert "I2" in broken(ledger={"orders": orders})


@pytest.mark.parametrize(("price", "names"), [("145", set()), ("146", {"I4"})])
def test_a_sale_in_the_app_counts_for_a_trade_by_its_part_of_it_and_at_the_broker_s_price(price, names):
    sale = activity(id="X1", order_id="foreign", side="sell", qty=D("12"), price=D(price))
    parts = [{"trade_id": 7, "delta": D("-10")}, {"trade_id": None, "delta": D("-2")}]
    changes = tuple(change(id=n, activity_id="X1", price=D("145"), **part) for n, part in enumerate(parts))
    books = {"trades": (trade(**CLOSED),), "positions": (), "changes": changes}
    assert {"I4"} & broken(books=books, ledger={"fills": (activity(), sale)}) == names


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("I15", {"trades": ()}),
        ("I15", {"orders": (ENTRY_ROW,)}),
        ("I15", {"fills": ()}),
        ("I10", {"orders": (replace(ENTRY_ROW, filled_qty=D("9")), STOP_ROW)}),
        ("I10", {"trades": (trade(status="ORDERED"),)}),
        ("I10", {"trades": (trade(status="CANCELLED"),)}),
    ],
)
def test_books_only_move_forward(name, after):
    assert {v.id for v in lost_rows(BOOKS, replace(BOOKS, **after))} == {name}


def test_a_trade_may_pass_through_several_states_between_two_looks():
    before = replace(BOOKS, trades=(trade(status="ORDERED"),))
    assert lost_rows(before, replace(BOOKS, trades=(trade(status="CLOSED"),))) == ()
