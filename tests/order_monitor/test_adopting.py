"""Orders under a namespace that a restore has replaced: whose they are, and what is made of them."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from lib.domain.actions import Insert, Ref, Update
from lib.domain.facts import Problem
from lib.domain.restored import Mark, mark_in, marked
from lib.domain.wanted import read_wanted
from lib.planning.booking.adopting import adopt, decisions_named, released, strangers
from tests.builders import NOW, broker_exit, broker_oco, broker_order, control, decision, order, rows, trade

SENT = NOW - timedelta(hours=3)
OLD = frozenset({"old"})


def entry(decision_id=12, generation=1, **changes):
    name = f"old-d{decision_id}-entry-{generation}"
    values = {"id": f"B-{name}", "client_order_id": name, "submitted_at": SENT, "filled_qty": D(10)}
    return broker_order(**(values | changes))


def exit_of(trade_id, n=1, **changes):
    name = f"old-t{trade_id}-exit-{n}"
    values = {"id": f"B-{name}", "client_order_id": name, "submitted_at": SENT + timedelta(minutes=20)}
    return broker_exit(**({"symbol": "AAPL", "qty": D(10), "status": "new"} | values | changes))


def restored(**changes):
    return rows(**({"namespaces": OLD} | changes))


def entry_row(trade_id, name, **changes):
    values = {"id": trade_id, "trade_id": trade_id, "client_order_id": name, "alpaca_order_id": f"B-{name}"}
    return order(**(values | changes))


def test_a_decision_that_was_sent_is_claimed_and_its_trade_is_made_in_one_transaction():
    (step,) = adopt(restored(decisions=(decision(id=12),)), (entry(),))
    claim, journal, sent = step.write.changes
    assert isinstance(claim, Update)
    assert (claim.id, claim.values["executed"], claim.values["execution_status"]) == (12, True, "ORDERED")
    assert isinstance(journal, Insert)
    assert (journal.values["decision_id"], journal.values["status"]) == (12, "ORDERED")
    assert (journal.values["planned_qty"], journal.values["created_at"]) == (D(10), SENT)
    assert isinstance(sent, Insert)
    assert sent.values["trade_id"] == Ref("trade")
    assert (sent.values["client_order_id"], sent.values["alpaca_order_id"]) == ("old-d12-entry-1", "B-old-d12-entry-1")


@pytest.mark.parametrize(
    "changes",
    [{"symbol": "MSFT"}, {"side": "sell"}, {"limit_price": D(149)}, {"qty": D(11)}],
)
def test_a_decision_whose_order_had_other_numbers_is_refused_for_good_and_gets_no_trade(changes):
    (step,) = adopt(restored(decisions=(decision(id=12, qty="10"),)), (entry(**changes),))
    (claim,) = step.write.changes
    assert (claim.values["executed"], claim.values["execution_status"]) == (True, "REJECTED")
    assert claim.values["execution_note"].startswith("RESTORED: ")


def test_of_a_decision_without_a_quantity_any_quantity_is_its_own():
    (step,) = adopt(restored(decisions=(decision(id=12, qty=None),)), (entry(qty=D(7)),))
    assert step.write.changes[1].values["planned_qty"] == D(7)


@pytest.mark.parametrize(
    ("changes", "client_order_id"),
    [
        ({}, "old-d99-entry-1"),  # its row is lost
        ({}, "ns-d12-entry-1"),  # of this namespace: its intent is stored, or was deleted by hand
        ({}, "other-d12-entry-1"),  # of another database
        ({}, "my order"),
        ({"executed": True}, "old-d12-entry-1"),  # answered before
    ],
)
def test_nothing_is_made_of_an_order_that_is_not_known_to_be_a_decision_s(changes, client_order_id):
    assert adopt(restored(decisions=(decision(id=12, **changes),)), (entry(client_order_id=client_order_id),)) == ()


def test_what_a_row_knows_is_left_alone():
    known = entry_row(7, "old-d12-entry-1")
    assert adopt(restored(trades=(trade(id=7, decision_id=12),), orders=(known,)), (entry(),)) == ()


def test_an_entry_that_an_amendment_made_joins_its_trade_and_is_wanted():
    first = entry_row(7, "old-d12-entry-1")
    found = (entry(filled_qty=D(4)), entry(generation=2, qty=D(8), limit_price=D(151), filled_qty=D(0)))
    (step,) = adopt(restored(trades=(trade(id=7, decision_id=12),), orders=(first,)), found)
    sent, update = step.write.changes
    assert (sent.values["trade_id"], sent.values["client_order_id"]) == (7, "old-d12-entry-2")
    want = read_wanted(update.values["wanted"])
    # Four shares of the first had filled; eight more are to come.
    assert (want.generation, want.entry, want.total) == (2, D(151), D(12))


def test_an_exit_of_a_trade_that_the_copy_has_joins_it_with_its_leg():
    oco = broker_oco(
        id="B9", client_order_id="old-t7-exit-2", symbol="AAPL", qty=D(10), submitted_at=SENT, order_class="oco"
    )
    (step,) = adopt(restored(trades=(trade(id=7),), orders=(entry_row(7, "old-d12-entry-1"),)), (oco,))
    target, stop = step.write.changes
    assert (target.values["trade_id"], target.values["order_type"]) == (7, "TAKE_PROFIT")
    assert (stop.values["client_order_id"], stop.values["order_type"]) == ("old-t7-exit-2-stop", "STOP_LOSS")
    assert (stop.values["parent_id"], stop.values["alpaca_order_id"]) == (Ref("B9"), oco.legs[0].id)


def twice(**changes):
    """Two trades of one symbol that were built again: of decision 12 in the morning, of 13 an hour later."""
    trades = (trade(id=1008, decision_id=12), trade(id=1009, decision_id=13))
    known = (entry_row(1008, "old-d12-entry-1"), entry_row(1009, "old-d13-entry-1"))
    found = (entry(12), entry(13, submitted_at=SENT + timedelta(hours=1)))
    return restored(**({"trades": trades, "orders": known} | changes)), found


def owners(steps):
    made = [change.values for step in steps for change in step.write.changes]
    return {values["client_order_id"]: values["trade_id"] for values in made}


def test_exits_of_trades_that_are_numbered_anew_find_them_by_symbol_and_time():
    have, entries = twice()
    late = SENT + timedelta(hours=2)
    found = (exit_of(8), exit_of(8, 2), exit_of(9, submitted_at=late))
    assert owners(adopt(have, (*entries, *found))) == {
        "old-t8-exit-1": 1008,
        "old-t8-exit-2": 1008,
        "old-t9-exit-1": 1009,
    }


def test_an_exit_after_both_entries_is_the_newer_trade_s():
    have, entries = twice()
    assert owners(adopt(have, (*entries, exit_of(9, submitted_at=SENT + timedelta(hours=2))))) == {
        "old-t9-exit-1": 1009
    }


def test_a_later_run_gives_the_next_exit_to_the_trade_that_has_the_first():
    have, entries = twice()
    mapped = order(id=50, trade_id=1008, client_order_id="old-t8-exit-1", order_type="STOP_LOSS")
    have, _ = twice(orders=(*have.orders, mapped))
    found = (exit_of(8, 2, submitted_at=SENT + timedelta(hours=2)),)
    assert owners(adopt(have, (*entries, *found))) == {"old-t8-exit-2": 1008}


@pytest.mark.parametrize("changes", [{"symbol": "MSFT"}, {"side": "buy"}, {"submitted_at": SENT - timedelta(hours=1)}])
def test_an_exit_that_fits_no_trade_is_left_to_be_named(changes):
    have, entries = twice()
    assert adopt(have, (*entries, exit_of(8, **changes))) == ()


def test_an_exit_is_never_given_to_a_trade_that_is_older_than_its_own():
    known = (entry_row(7, "old-d12-entry-1"),)
    have = restored(trades=(trade(id=7, decision_id=12),), orders=known)
    assert adopt(have, (entry(), exit_of(9))) == ()


def test_the_decisions_that_names_of_entries_hold_are_read():
    found = (entry(12), entry(13, 2), exit_of(8), broker_order(client_order_id="my-d5-order"))
    assert decisions_named(found) == {12, 13}


MARK = Mark(since=date(2026, 11, 18))


def marks(mark=MARK):
    return control(state="FROZEN", reason=mark.text())


@pytest.mark.parametrize(
    "mark",
    [MARK, Mark(since=date(2026, 11, 18), before="HALTED", reason="earnings: AAPL, at 16:05")],
)
def test_a_mark_reads_as_it_was_written(mark):
    assert mark_in(marks(mark)) == mark
    assert marked((marks(mark),), "main") == (marks(mark), mark)
    assert marked((marks(mark),), "swing") is None


@pytest.mark.parametrize("reason", [None, "", "RESTORED", "RESTORED soon ACTIVE:", "by hand: RESTORED 2026-11-18"])
def test_another_reason_is_no_mark(reason):
    assert mark_in(control(state="FROZEN", reason=reason)) is None


def test_a_row_that_is_no_longer_frozen_carries_no_mark():
    assert mark_in(control(state="REDUCING", reason=MARK.text())) is None


def problems(*codes):
    return tuple(Problem(code=code, message=code, symbol="AAPL") for code in codes)


@pytest.mark.parametrize(
    ("before", "codes", "expected"),
    [
        ("ACTIVE", (), "ACTIVE"),
        ("HALTED", (), "HALTED"),
        ("ACTIVE", ("UNKNOWN_ORDER",), "REDUCING"),
        ("HALTED", ("UNKNOWN_ORDER",), "HALTED"),
    ],
)
def test_after_its_backfill_an_account_goes_on_as_before_unless_something_is_lost(before, codes, expected):
    mark = Mark(since=date(2026, 11, 18), before=before)
    write = released(marks(mark), mark, problems(*codes), NOW)
    assert write.changes[0].values["state"] == expected


def test_while_the_ledger_lacks_fills_the_account_stays_marked():
    assert released(marks(), MARK, problems("UNKNOWN_ORDER", "FILLS_MISSING"), NOW) is None


def test_of_orders_of_other_hands_those_that_are_named_as_ours_are_told():
    others = (entry(client_order_id="lost00-d12-entry-1"), entry(client_order_id="my order"), entry(client_order_id=""))
    assert [(p.code, p.message.partition(":")[0]) for p in strangers(others)] == [
        ("UNKNOWN_ORDER", "lost00-d12-entry-1")
    ]
