"""Booking: what the broker shows becomes rows; money is the sum of a trade's own fills."""

import pytest

from lib.domain.money import D
from lib.planning.booking.booking import book
from tests.builders import (
    CLOSE,
    MINUTE,
    NOW,
    OPEN,
    SECOND,
    activity,
    bought,
    broker_exit,
    broker_oco,
    broker_order,
    change,
    codes,
    control,
    exit_order,
    fill,
    held,
    oco,
    order,
    pending,
    position,
    rows,
    snapshot,
    tables_of,
    trade,
    values_of,
)

FILLED = {"status": "filled", "filled_qty": D("10"), "filled_avg_price": D("150"), "filled_at": OPEN + 18 * MINUTE}
STOPPED = {"status": "filled", "filled_qty": D("10"), "filled_avg_price": D("144.90"), "filled_at": OPEN + 25 * MINUTE}


def ordered(entry=None, **shown):
    return book(rows(trades=(trade(),), orders=(entry or order(),)), snapshot(**shown), NOW)


def owning(*exits, journal=None, first=None, changes=(), **shown):
    owned, entry, whole = bought()
    covered = sum((e.qty for e in exits if e.kind == "stop"), D("0"))
    kept = rows(
        trades=(journal or owned,),
        orders=(entry, *exits),
        fills=(first or whole,),
        changes=changes,
        positions=(position(covered_qty=covered),),
    )
    return book(kept, snapshot(**shown), NOW)


def sold(qty="10", price="144.90", **changes):
    values = {"id": "F2", "order_id": "B2", "side": "sell", "qty": D(qty), "price": D(price)}
    return activity(**(values | {"transaction_time": OPEN + 25 * MINUTE} | changes))


def test_an_accepted_order_that_rests_changes_nothing():
    assert ordered(live=(broker_order(),)).writes == ()


def test_a_whole_fill_makes_a_position():
    booked = ordered(by_id={"B1": broker_order(**FILLED)}, fills=(activity(),))
    journal = values_of(booked.writes, "trade_journal")
    assert (journal["status"], journal["actual_qty"], journal["actual_entry"]) == ("POSITION", D("10"), D("150"))
    held_now = values_of(booked.writes, "position_tracking")
    assert (held_now["qty"], held_now["cost_basis"], held_now["covered_qty"]) == (D("10"), D("1500"), D("0"))


def test_all_that_one_trade_changes_is_one_transaction():
    booked = ordered(by_id={"B1": broker_order(**FILLED)}, fills=(activity(),))
    assert len(booked.writes) == 1
    assert tables_of(booked.writes) == [
        "Update order_execution",
        "Insert fill",
        "Update trade_journal",
        "Insert position_tracking",
        "Insert protection_coverage",
    ]


def test_a_part_fill_is_a_position_of_that_part_and_says_nothing_of_the_rest_yet():
    part = broker_order(status="partially_filled", filled_qty=D("4"), filled_avg_price=D("149.5"))
    booked = ordered(live=(part,), fills=(activity(qty=D("4"), price=D("149.5")),))
    assert values_of(booked.writes, "position_tracking")["qty"] == D("4")
    assert "note" not in values_of(booked.writes, "trade_journal")


def test_parts_over_several_passes_average_exactly():
    entry = order(order_status="partially_filled", filled_qty=D("4"))
    first = fill(qty=D("4"), price=D("149.5"))
    kept = rows(trades=(trade(status="POSITION"),), orders=(entry,), fills=(first,), positions=(position(qty=D("4")),))
    rest = activity(id="F2", qty=D("6"), price=D("150"))
    booked = book(kept, snapshot(by_id={"B1": broker_order(**FILLED)}, fills=(rest,)), NOW)
    assert values_of(booked.writes, "trade_journal")["actual_entry"] == D("149.8")  # (4 x 149.50 + 6 x 150) / 10
    assert values_of(booked.writes, "position_tracking")["cost_basis"] == D("1498")


@pytest.mark.case("fail-D9")
def test_a_fill_is_booked_once_however_often_it_is_shown():
    twice = ordered(by_id={"B1": broker_order(**FILLED)}, fills=(activity(), activity()))
    assert tables_of(twice.writes).count("Insert fill") == 1
    owned, entry, first = bought()
    again = rows(trades=(owned,), orders=(entry,), fills=(first,), positions=(position(),))
    assert book(again, snapshot(held(), fills=(activity(),)), NOW).writes == ()


def test_a_fill_of_an_order_that_is_not_ours_is_left_alone():
    assert ordered(live=(broker_order(),), fills=(activity(order_id="somebody's"),)).writes == ()


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_an_entry_that_ends_with_a_part_filled_is_a_position_with_a_note(status):
    ended = broker_order(status=status, filled_qty=D("4"), ended_at=NOW)
    booked = ordered(by_id={"B1": ended}, fills=(activity(qty=D("4")),))
    journal = values_of(booked.writes, "trade_journal")
    assert journal["status"] == "POSITION"
    assert journal["note"] == f"bought 4 of 10: the rest of the entry was {status}"


@pytest.mark.parametrize(
    ("status", "reason", "note"),
    [
        ("cancelled", None, "the entry was cancelled without a fill"),
        ("expired", None, "the entry was expired without a fill"),
        ("rejected", "BUYING_POWER: too dear", "the broker refused the entry: BUYING_POWER: too dear"),
    ],
)
def test_an_entry_that_ends_unfilled_ends_its_trade(status, reason, note):
    booked = ordered(order(reject_reason=reason), by_id={"B1": broker_order(status=status, ended_at=NOW)})
    assert values_of(booked.writes, "trade_journal") == {"status": "CANCELLED", "note": note}
    assert values_of(booked.writes, "order_execution")["ended_at"] == NOW


def test_a_late_fill_of_a_cancelled_entry_becomes_a_position():
    late = rows(trades=(trade(status="CANCELLED"),), orders=(order(order_status="cancelled"),))
    booked = book(late, snapshot(by_id={"B1": broker_order(**FILLED)}, fills=(activity(),)), NOW)
    assert values_of(booked.writes, "trade_journal")["status"] == "POSITION"


def test_shares_that_the_ledger_does_not_show_yet_are_a_position_all_the_same():
    booked = ordered(by_id={"B1": broker_order(**FILLED)})
    assert values_of(booked.writes, "trade_journal") == {"status": "POSITION"}
    assert values_of(booked.writes, "position_tracking")["cost_basis"] == D("1500")


def test_an_order_given_up_that_filled_after_all_keeps_its_trade_in_sight():
    unsent = rows(trades=(trade(status="CANCELLED"),), orders=(pending(order_status="unsent"),))
    booked = book(unsent, snapshot(by_client_id={"ns-d12-entry-1": broker_order(**FILLED)}), NOW)
    assert values_of(booked.writes, "trade_journal")["status"] == "POSITION"


def test_the_first_404_is_remembered_and_not_written_twice():
    assert values_of(ordered(pending()).writes, "order_execution") == {"missing_at": NOW}
    assert ordered(pending(missing_at=NOW - SECOND)).writes == ()


@pytest.mark.parametrize(
    ("missing_at", "now", "ends"),
    [
        (CLOSE - 30 * MINUTE - 30 * SECOND, CLOSE - 30 * MINUTE, False),
        (CLOSE - 30 * MINUTE - 29 * SECOND, CLOSE - 30 * MINUTE + SECOND, True),
        (CLOSE - 30 * MINUTE - 28 * SECOND, CLOSE - 30 * MINUTE + SECOND, False),
    ],
    ids=["the window is open", "twice absent, window closed", "29 s apart"],
)
def test_an_entry_never_seen_ends_unsent_after_the_window_only(missing_at, now, ends):
    kept = rows(trades=(trade(),), orders=(pending(missing_at=missing_at),))
    booked = book(kept, snapshot(), now)
    assert values_of(booked.writes, "order_execution").get("order_status") == ("unsent" if ends else None)
    assert values_of(booked.writes, "trade_journal").get("status") == ("CANCELLED" if ends else None)


@pytest.mark.case("fail-A12")
def test_an_order_found_by_our_id_is_adopted_with_its_stop_leg():
    parent, leg = oco(
        order_status="pending", alpaca_order_id=None, leg={"order_status": "pending", "alpaca_order_id": None}
    )
    booked = owning(parent, leg, by_client_id={parent.client_order_id: broker_oco()})
    ids = [c.values["alpaca_order_id"] for c in booked.writes[0].changes if c.table == "order_execution"]
    assert ids == ["B2", "B3"]
    assert values_of(booked.writes, "position_tracking")["stop_loss_order_id"] == 3


def test_another_order_under_our_id_is_not_adopted_and_halts_its_symbol():
    booked = ordered(pending(), by_client_id={"ns-d12-entry-1": broker_order(qty=D("100"))})
    assert codes(booked.problems) == ["FOREIGN_ORDER_UNDER_OUR_ID"]
    assert tables_of(booked.writes) == ["Insert control"]
    written = values_of(booked.writes, "control")
    assert (written["scope"], written["state"]) == ("symbol:main:AAPL", "HALTED")


def test_the_leg_of_an_order_that_is_not_ours_is_not_adopted_either():
    parent, leg = oco(
        order_status="pending", alpaca_order_id=None, leg={"order_status": "pending", "alpaca_order_id": None}
    )
    booked = owning(parent, leg, by_client_id={parent.client_order_id: broker_oco(limit_price=D("161"))})
    assert "order_execution" not in " ".join(tables_of(booked.writes))


def test_a_halt_that_stands_is_not_written_again():
    foreign = {"ns-d12-entry-1": broker_order(qty=D("100"))}
    first = ordered(pending(), by_client_id=foreign)
    from_it = values_of(first.writes, "control")
    kept = rows(trades=(trade(),), orders=(pending(),), controls=(control(scope=from_it["scope"]),))
    assert book(kept, snapshot(by_client_id=foreign), NOW).writes == ()


@pytest.mark.case("fail-D4")
@pytest.mark.parametrize(
    ("known", "seen", "codes_seen"),
    [
        ("filled", "cancelled", ["IMPOSSIBLE_TRANSITION"]),
        ("rejected", "filled", ["IMPOSSIBLE_TRANSITION"]),
        ("cancelled", "new", []),
        ("expired", "accepted", []),
    ],
)
def test_an_impossible_step_is_told_an_old_word_ignored_and_neither_written(known, seen, codes_seen):
    kept = rows(trades=(trade(status="CANCELLED"),), orders=(order(order_status=known),))
    booked = book(kept, snapshot(by_id={"B1": broker_order(status=seen)}), NOW)
    assert (codes(booked.problems), booked.writes) == (codes_seen, ())


@pytest.mark.case("fail-D10")
def test_an_unknown_status_is_kept_as_written_told_and_counts_as_live():
    booked = ordered(live=(broker_order(status="frobnicated"),))
    assert codes(booked.problems) == ["UNKNOWN_STATUS"]
    assert values_of(booked.writes, "order_execution") == {"order_status": "frobnicated"}
    assert values_of(booked.writes, "trade_journal") == {}


@pytest.mark.case("fail-D4")
def test_a_read_with_fewer_shares_filled_than_known_is_old():
    kept = order(order_status="partially_filled", filled_qty=D("4"))
    assert "order_execution" not in values_of(ordered(kept, live=(broker_order(),)).writes, "order_execution")
    assert tables_of(ordered(kept, live=(broker_order(),)).writes).count("Update order_execution") == 0


@pytest.mark.case("fail-D5")
def test_an_order_that_the_broker_no_longer_knows_is_told_and_stays_live():
    booked = ordered()
    assert (codes(booked.problems), booked.writes) == (["ORDER_LOST"], ())


def test_the_spec_s_example_loses_51_dollars():
    stop = exit_order()
    booked = owning(stop, by_id={"B2": broker_exit(**STOPPED)}, fills=(sold(),))
    journal = values_of(booked.writes, "trade_journal")
    assert (journal["status"], journal["exit_reason"]) == ("CLOSED", "STOPPED_OUT")
    assert (journal["exit_price"], journal["exit_qty"]) == (D("144.90"), D("10"))
    assert journal["actual_pnl"] == journal["net_pnl"] == D("-51.00")
    assert journal["exit_time"] == OPEN + 25 * MINUTE
    assert "Delete position_tracking" in tables_of(booked.writes)


def test_the_stop_leg_of_an_oco_stops_the_trade_out():
    parent, leg = oco()
    shown = broker_oco(status="cancelled", ended_at=NOW, leg=STOPPED)
    booked = owning(parent, leg, by_id={"B2": shown}, fills=(sold(order_id="B3"),))
    journal = values_of(booked.writes, "trade_journal")
    assert (journal["status"], journal["exit_reason"], journal["actual_pnl"]) == ("CLOSED", "STOPPED_OUT", D("-51"))


def test_the_target_takes_its_profit():
    parent, leg = oco()
    shown = broker_oco(**(STOPPED | {"filled_avg_price": D("160.05")}), leg={"status": "cancelled", "ended_at": NOW})
    booked = owning(parent, leg, by_id={"B2": shown}, fills=(sold(price="160.05"),))
    journal = values_of(booked.writes, "trade_journal")
    assert (journal["exit_reason"], journal["actual_pnl"]) == ("PROFIT_TAKEN", D("100.50"))


@pytest.mark.case("fail-F4")
def test_pnl_is_exact_over_parts_at_many_prices():
    fills = (sold("3", "144.91", id="F2"), sold("3", "144.87", id="F3"), sold("4", "144.333", id="F4"))
    booked = owning(exit_order(), by_id={"B2": broker_exit(**STOPPED)}, fills=fills)
    journal = values_of(booked.writes, "trade_journal")
    assert journal["actual_pnl"] == D("-53.328")  # 434.73 + 434.61 + 577.332 - 1500
    assert journal["exit_price"] == D("144.6672")


def test_a_market_exit_is_a_flattening():
    market_exit = exit_order(order_type="EXIT", kind="market", stop_price=None)
    booked = owning(market_exit, by_id={"B2": broker_exit(kind="market", **STOPPED)}, fills=(sold(),))
    assert values_of(booked.writes, "trade_journal")["exit_reason"] == "FLATTENED"


@pytest.mark.case("fail-D9")
@pytest.mark.parametrize(
    ("fills", "status"),
    [((), None), ((sold("9"),), None), ((sold("9"), sold("1", id="F3")), "CLOSED")],
    ids=["no fill yet", "one share's fill missing", "all"],
)
def test_a_trade_is_closed_only_when_its_fills_add_up(fills, status):
    booked = owning(exit_order(), by_id={"B2": broker_exit(**STOPPED)}, fills=fills)
    assert values_of(booked.writes, "trade_journal").get("status") == status


def test_a_trade_is_not_closed_while_an_exit_of_it_is_live():
    other = exit_order(id=3, client_order_id="ns-t7-exit-2", alpaca_order_id="B4")
    shown = broker_exit(id="B4", client_order_id="ns-t7-exit-2")
    booked = owning(exit_order(), other, live=(shown,), by_id={"B2": broker_exit(**STOPPED)}, fills=(sold(),))
    assert "status" not in values_of(booked.writes, "trade_journal")


def test_shares_sold_elsewhere_close_the_trade_at_their_own_price():
    booked = owning(changes=(change(price=D("151.25")),))
    journal = values_of(booked.writes, "trade_journal")
    assert (journal["status"], journal["exit_reason"]) == ("CLOSED", "MANUAL_EXIT")
    assert (journal["actual_pnl"], journal["exit_evidence"]) == (D("12.50"), "F9")


def test_the_reason_of_a_mixed_exit_is_that_of_the_last_shares():
    part = broker_exit(status="cancelled", filled_qty=D("4"), ended_at=NOW)
    early = sold("4", "145", transaction_time=OPEN + 20 * MINUTE)
    booked = owning(exit_order(), by_id={"B2": part}, fills=(early,), changes=(change(delta=D("-6"), price=D("146")),))
    journal = values_of(booked.writes, "trade_journal")
    assert (journal["exit_reason"], journal["exit_evidence"]) == ("MANUAL_EXIT", "F2, F9")
    assert journal["actual_pnl"] == D("-44")  # 4 x 145 + 6 x 146 - 1500


def test_fees_already_booked_are_taken_off_the_net():
    bearing = fill(fee=D("0.02"), commission_asset="USD")
    booked = owning(exit_order(), first=bearing, by_id={"B2": broker_exit(**STOPPED)}, fills=(sold(),))
    journal = values_of(booked.writes, "trade_journal")
    assert (journal["actual_pnl"], journal["net_pnl"]) == (D("-51"), D("-51.02"))


def test_a_stop_that_fills_in_part_leaves_the_rest_covered():
    part = broker_exit(status="partially_filled", filled_qty=D("4"))
    booked = owning(exit_order(), live=(part,), fills=(sold("4"),))
    held_now = values_of(booked.writes, "position_tracking")
    assert (held_now["qty"], held_now["covered_qty"]) == (D("6"), D("6"))
    assert values_of(booked.writes, "trade_journal")["exit_qty"] == D("4")


def test_booking_what_is_booked_writes_nothing():
    parent, leg = oco()
    owned, entry, first = bought()
    row = position(covered_qty=D("10"), stop_loss_order_id=3, take_profit_order_id=2)
    kept = rows(trades=(owned,), orders=(entry, parent, leg), fills=(first,), positions=(row,))
    assert book(kept, snapshot(held(), live=(broker_oco(),), fills=(activity(),)), NOW).writes == ()
