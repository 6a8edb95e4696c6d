"""Chains: what the user edits in the app goes on as another order, which gets a row of its own."""

import pytest

from lib.domain.money import D
from lib.planning.booking.booking import book
from lib.planning.booking.chains import edit_noted
from tests import builders
from tests.builders import (
    MINUTE,
    NOW,
    OPEN,
    activity,
    bought,
    broker_exit,
    broker_oco,
    broker_order,
    codes,
    exit_order,
    fill,
    held,
    oco,
    order,
    position,
    rows,
    snapshot,
    tables_of,
    trade,
    values_of,
)

EDITED_AT = OPEN + 22 * MINUTE
REPLACED = {"status": "replaced", "replaced_by": "B9"}
HEIR = {"id": "B9", "client_order_id": "f00d", "replaces": "B1", "limit_price": D("150.5"), "submitted_at": EDITED_AT}


def shown(*orders, **more):
    return snapshot(by_id={o.id: o for o in orders}, **more)


def ordered(*orders, journal=None, fills=(), **look):
    kept = rows(trades=(journal or trade(),), orders=orders or (order(),), fills=fills)
    return book(kept, look.pop("seen"), NOW)


def owning(*exits, seen):
    owned, entry, first = bought()
    kept = rows(trades=(owned,), orders=(entry, *exits), fills=(first,), positions=(position(covered_qty=D("10")),))
    return book(kept, seen, NOW)


def heir_row(**changes):
    values = {"id": 9, "alpaca_order_id": "B9", "client_order_id": "f00d", "replaces": 1, "payload": None}
    return order(**(values | {"created_at": EDITED_AT, "limit_price": D("150.5")} | changes))


def test_the_new_order_gets_a_row_in_the_transaction_that_ends_the_old_one():
    booked = ordered(seen=shown(broker_order(**REPLACED), broker_order(**HEIR)))
    assert tables_of(booked.writes) == ["Update order_execution", "Insert order_execution"]
    (write,) = booked.writes
    assert write.changes[0].values["order_status"] == "replaced"
    new = write.changes[1].values
    assert (new["trade_id"], new["order_type"], new["replaces"], new["parent_id"]) == (7, "ENTRY", 1, None)
    assert (new["client_order_id"], new["alpaca_order_id"], new.get("payload")) == ("f00d", "B9", None)
    assert (new["qty"], new["limit_price"], new["created_at"]) == (D("10"), D("150.5"), EDITED_AT)
    assert (new["order_status"], new.get("filled_qty")) == ("pending_new", None)  # the next look brings it up to date
    assert booked.problems == ()


def test_an_order_whose_heir_cannot_be_read_stays_open():
    booked = ordered(seen=shown(broker_order(**REPLACED)))
    assert codes(booked.problems) == ["ORDER_LOST"]
    assert tables_of(booked.writes) == ["Update order_execution"]
    assert values_of(booked.writes, "order_execution")["order_status"] == "pending_replace"


@pytest.mark.parametrize(
    "heir",
    [
        {"id": "B3", "replaces": None, "status": "filled", "filled_qty": D("10")},  # the broker's word of old
        {"id": "B3", "replaces": "B7"},
    ],
)
def test_an_order_that_does_not_name_the_old_one_took_no_place(heir):
    target, stop = oco()
    pair = broker_oco(status="replaced", replaced_by="B3", leg=heir)
    booked = owning(target, stop, seen=shown(pair))
    assert "Insert order_execution" not in tables_of(booked.writes)
    assert booked.problems == ()


def test_an_order_that_filled_before_its_edit_was_done_has_nothing_to_follow():
    filled = {"status": "filled", "filled_qty": D("10"), "filled_avg_price": D("150"), "replaced_by": "B9"}
    seen = shown(broker_order(**filled), broker_order(**HEIR | {"status": "rejected"}), fills=(activity(),))
    booked = ordered(seen=seen)
    assert "Insert order_execution" not in tables_of(booked.writes)
    assert values_of(booked.writes, "trade_journal")["status"] == "POSITION"


def test_the_new_order_is_for_what_the_earlier_ones_left():
    old = {"filled_qty": D("4"), "filled_avg_price": D("150")}
    booked = ordered(seen=shown(broker_order(**REPLACED | old), broker_order(**HEIR | old)))
    assert booked.writes[0].changes[1].values["qty"] == D("6")


def test_a_row_keeps_its_own_part_of_what_its_chain_filled():
    # 4 + 2 + 3 of 10, and the last order of the three shows 9
    first = order(order_status="replaced", filled_qty=D("4"))
    second = heir_row(id=8, alpaca_order_id="B8", order_status="replaced", filled_qty=D("2"), qty=D("6"))
    third = heir_row(client_order_id="beef", replaces=8, qty=D("4"))
    fills = (fill(qty=D("4")), fill(id=2, activity_id="F2", order_id=8, qty=D("2")))
    now = broker_order(**HEIR | {"status": "partially_filled", "filled_qty": D("9"), "client_order_id": "beef"})
    new = activity(id="F3", order_id="B9", qty=D("3"))
    booked = ordered(first, second, third, fills=fills, journal=trade(status="POSITION"), seen=shown(now, fills=(new,)))
    assert values_of(booked.writes, "order_execution")["filled_qty"] == D("3")
    assert values_of(booked.writes, "position_tracking")["qty"] == D("9")


def test_the_stop_of_an_edited_target_goes_to_its_new_parent():
    target, stop = oco(order_status="replaced")
    new = exit_order(
        id=9, alpaca_order_id="B9", client_order_id="f00d", order_type="TAKE_PROFIT", kind="limit", replaces=2,
        limit_price=D("155"), stop_price=None, payload=None,
    )  # fmt: skip
    pair = broker_oco(id="B9", client_order_id="f00d", limit_price=D("155"), replaces="B2")
    booked = owning(target, stop, new, seen=snapshot(held(), live=(pair,)))
    (moved,) = (c for c in booked.writes[0].changes if getattr(c, "id", None) == stop.id)
    assert (moved.table, moved.values) == ("order_execution", {"parent_id": 9})
    assert values_of(booked.writes, "trade_journal")["note"] == "target changed outside this system to 155"


def test_an_edited_leg_keeps_its_parent():
    target, stop = oco()
    new = broker_exit(id="B9", client_order_id="f00d", status="held", stop_price=D("147"), replaces="B3")
    old = broker_exit(id="B3", client_order_id="leg", status="replaced", replaced_by="B9")
    pair = broker_oco(legs=(new,))
    booked = owning(target, stop, seen=snapshot(held(), live=(pair,), by_id={"B3": old}))
    (row,) = (c.values for c in booked.writes[0].changes if type(c).__name__ == "Insert")
    assert (row["order_type"], row["parent_id"], row["replaces"]) == ("STOP_LOSS", target.id, stop.id)
    assert row["stop_price"] == D("147")


@pytest.mark.parametrize(
    ("said", "kept", "note"),
    [
        (None, None, "entry changed outside this system to 150.5, 10 shares"),
        (None, "late", "late; entry changed outside this system to 150.5, 10 shares"),
        (None, "entry changed outside this system to 150.5, 10 shares", None),
        ("bought 4 of 10", "late", "bought 4 of 10; entry changed outside this system to 150.5, 10 shares"),
    ],
)
def test_a_trade_says_once_how_an_order_of_it_was_changed(said, kept, note):
    edited = builders.book(order(order_status="replaced"), heir_row(), trade=trade(note=kept))
    assert edit_noted(said, edited) == (note or kept)


def test_a_trade_whose_orders_nobody_edited_says_what_it_said():
    assert edit_noted(None, builders.book(order(), trade=trade(note="late"))) is None
