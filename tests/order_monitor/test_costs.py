"""What a trade cost: slippage against the market the entry was sent into and the levels the exits were to get."""

from dataclasses import replace

import pytest

from lib.domain.money import D
from lib.domain.wanted import Wanted, write_wanted
from lib.planning.booking.booking import book as book_what_is_shown
from lib.planning.booking.costs import cost_values
from tests.builders import (
    MINUTE,
    NOW,
    OPEN,
    SECOND,
    activity,
    book,
    broker_exit,
    broker_order,
    change,
    exit_order,
    fill,
    oco,
    order,
    rows,
    snapshot,
    trade,
    values_of,
    written,
)

SENT, FILLED_AT, COVERED_AT = OPEN + 16 * MINUTE, OPEN + 18 * MINUTE, OPEN + 20 * MINUTE
ARRIVAL = {"arrival_bid": D("150.00"), "arrival_ask": D("150.10"), "arrival_quote_time": SENT - SECOND}
WHOLE = {"order_status": "filled", "filled_qty": D("10")}
BOUGHT = fill(price=D("149.81"))
STOP = {"acknowledged_at": COVERED_AT}
SLIPPAGE = (
    "entry_slippage",
    "entry_slippage_bps",
    "exit_reference",
    "exit_slippage",
    "exit_slippage_bps",
    "slippage",
)


def costs(*exits, fills=(BOUGHT,), changes=(), entry=None, **journal):
    kept = trade(**({"status": "POSITION"} | ARRIVAL | journal))
    return cost_values(book(entry or order(**WHOLE), *exits, trade=kept, fills=fills, changes=changes))


def figures(values):
    return tuple(None if values[name] is None else str(values[name]) for name in SLIPPAGE)


def sale(qty="10", price="144.90", **changes):
    values = {"id": 9, "activity_id": "F9", "order_id": 2, "side": "sell", "qty": D(qty), "price": D(price)}
    return fill(**(values | {"transaction_time": OPEN + 25 * MINUTE} | changes))


# Slippage


def test_the_worked_example_gains_at_its_entry_and_pays_at_its_stop():
    stopped = costs(exit_order(**(STOP | WHOLE)), fills=(BOUGHT, sale()))
    # Sent at a mid of 150.05, bought at 149.81: -0.24 x 10, of 1500.50. Stop 145, sold at 144.90: 0.10 x 10, of 1450.
    assert figures(stopped) == ("-2.40", "-15.99", "145", "1.00", "6.90", "-1.40")


def test_nothing_is_measured_before_a_share_is_booked():
    assert costs(fills=()) == {}


def test_a_target_sold_better_than_its_limit_is_a_gain_and_half_a_hundredth_is_rounded_to_even():
    target, leg = oco(**WHOLE)
    taken = costs(target, leg, fills=(BOUGHT, sale(price="160.05")))
    assert figures(taken)[2:5] == ("160", "-0.50", "-3.12")  # 0.50 of 1600 is 3.125


def test_exits_of_both_kinds_are_each_measured_against_their_own_level():
    target, leg = oco()
    both = costs(target, leg, fills=(BOUGHT, sale("4", "160.05"), sale("6", order_id=3, activity_id="F10")))
    # (4 x 160 + 6 x 145) / 10; 4 x -0.05 + 6 x 0.10; 0.40 of 1510
    assert figures(both)[2:5] == ("151", "0.40", "2.65")


def test_a_sale_at_market_is_measured_against_the_stop_that_was_through():
    flat = exit_order(order_type="EXIT", kind="market", stop_price=None)
    assert figures(costs(flat, fills=(BOUGHT, sale(price="144.20"))))[2:5] == ("145", "8.00", "55.17")


def test_a_sale_at_market_is_measured_against_the_stop_as_it_was_amended():
    flat = exit_order(order_type="EXIT", kind="market", stop_price=None)
    moved = write_wanted(Wanted(stop=D("147")))
    assert figures(costs(flat, fills=(BOUGHT, sale(price="146.20")), wanted=moved))[2:4] == ("147", "8.00")


@pytest.mark.parametrize(("limit", "measured"), [(None, (None, None)), (D("152"), ("152", "-1.00"))])
def test_a_close_at_market_is_not_measured_and_one_at_a_watched_limit_is_by_that(limit, measured):
    """No row holds the quote that a market order of a CLOSE was sent into. Sold at 152.10: 10 x -0.10."""
    flat = exit_order(order_type="EXIT", kind="market", stop_price=None)
    asked = write_wanted(Wanted(close_by=13, close_price=limit))
    assert figures(costs(flat, fills=(BOUGHT, sale(price="152.10")), wanted=asked))[2:4] == measured


def test_a_trailing_stop_is_measured_against_where_it_had_come_to():
    trailing = exit_order(kind="trailing_stop", stop_price=D("152.5"))
    assert figures(costs(trailing, fills=(BOUGHT, sale(price="152.40"))))[2:5] == ("152.5", "1.00", "6.56")


def test_what_was_sold_elsewhere_asked_for_no_price_and_has_no_slippage():
    assert figures(costs(changes=(change(),))) == ("-2.40", "-15.99", None, None, None, "-2.40")


@pytest.mark.parametrize("missing", ["arrival_bid", "arrival_ask"])
def test_without_a_whole_quote_the_entry_is_not_measured(missing):
    stopped = costs(exit_order(), fills=(BOUGHT, sale()), **{missing: None})
    assert figures(stopped) == (None, None, "145", "1.00", "6.90", "1.00")


def test_a_short_pays_where_it_sells_lower_and_buys_back_higher():
    entry = order(side="sell", **WHOLE)
    back = exit_order(side="buy", stop_price=D("155"))
    fills = (fill(side="sell", price=D("149.81")), sale(side="buy", price="155.10"))
    short = costs(back, fills=fills, entry=entry, side="short", planned_sl=D("155"))
    assert figures(short) == ("2.40", "15.99", "155", "1.00", "6.45", "3.40")


def test_a_level_of_zero_that_somebody_wrote_divides_nothing():
    assert costs(exit_order(stop_price=D("0")), fills=(BOUGHT, sale()))["exit_slippage_bps"] is None


# Times


def test_the_times_of_the_entry_are_its_order_s_and_its_last_fill_s():
    parts = (fill(qty=D("4")), fill(id=2, activity_id="F2", qty=D("6"), transaction_time=FILLED_AT + MINUTE))
    entry = order(submitted_at=SENT, acknowledged_at=SENT + SECOND, **WHOLE)
    times = costs(entry=entry, fills=parts)
    assert times["entry_submitted_at"] == SENT
    assert times["entry_acknowledged_at"] == SENT + SECOND
    assert times["entry_filled_at"] == FILLED_AT + MINUTE


@pytest.mark.parametrize(
    ("exits", "at"),
    [
        ((), None),
        ((exit_order(**STOP),), COVERED_AT),
        ((exit_order(qty=D("6"), **STOP),), None),
        ((exit_order(order_status="pending", acknowledged_at=None),), None),
        ((exit_order(order_status="pending_cancel", **STOP),), None),
        ((exit_order(order_status="rejected", acknowledged_at=None),), None),
        (oco(leg=STOP), COVERED_AT),
        ((oco(**STOP)[0],), None),
        ((exit_order(**(STOP | WHOLE)),), COVERED_AT),
        (oco(**WHOLE, leg=STOP | {"order_status": "cancelled"}), COVERED_AT),
        ((oco(**(STOP | WHOLE))[0],), None),
    ],
    ids=[
        "no exit",
        "a stop over all",
        "a stop over a part",
        "whether the broker has the stop is not known",
        "the stop is being cancelled",
        "the stop was refused",
        "the stop leg of an oco",
        "a target alone",
        "a stop sent and filled between two looks",
        "an oco whose target filled between two looks",
        "a target alone that filled",
    ],
)
def test_a_trade_is_protected_from_the_moment_its_cover_was_taken(exits, at):
    assert costs(*exits)["protected_at"] == at


def test_cover_in_two_parts_protects_from_the_second_on():
    later = exit_order(id=3, qty=D("6"), alpaca_order_id="B4", acknowledged_at=COVERED_AT + MINUTE)
    assert costs(exit_order(qty=D("4"), **STOP), later)["protected_at"] == COVERED_AT + MINUTE


def test_only_the_first_protection_counts():
    moved = exit_order(acknowledged_at=COVERED_AT + MINUTE)
    assert costs(moved, protected_at=COVERED_AT)["protected_at"] == COVERED_AT
    assert costs(protected_at=COVERED_AT)["protected_at"] == COVERED_AT


def test_shares_sold_in_the_app_before_a_stop_was_sent_were_never_protected():
    assert costs(changes=(change(),))["protected_at"] is None


# In the journal


def booked(kept, **shown):
    return written(kept, book_what_is_shown(kept, snapshot(**shown), NOW).writes)


def test_booking_fills_the_columns_as_the_trade_goes_on_and_writes_none_twice():
    live = rows(trades=(trade(**ARRIVAL),), orders=(order(),))
    filled = broker_order(status="filled", filled_qty=D("10"), filled_at=FILLED_AT)
    owned = booked(live, by_id={"B1": filled}, fills=(activity(price=D("149.81")),))
    assert (owned.trades[0].slippage, owned.trades[0].protected_at) == (D("-2.40"), None)

    stopped = replace(owned, orders=(*owned.orders, exit_order(**STOP)))
    gone = broker_exit(status="filled", filled_qty=D("10"))
    sold = activity(id="F2", order_id="B2", side="sell", price=D("144.90"), transaction_time=OPEN + 25 * MINUTE)
    closed = booked(stopped, by_id={"B2": gone}, fills=(sold,))
    journal = closed.trades[0]
    assert (journal.status, journal.actual_pnl) == ("CLOSED", D("-49.10"))
    assert (journal.exit_slippage, journal.slippage, journal.protected_at) == (D("1.00"), D("-1.40"), COVERED_AT)
    assert book_what_is_shown(closed, snapshot(), NOW).writes == ()


def test_a_fill_that_comes_late_changes_what_the_entry_cost():
    early = fill(qty=D("4"), price=D("149.50"))
    entry = order(order_status="partially_filled", filled_qty=D("4"))
    kept = rows(trades=(trade(status="POSITION", **ARRIVAL),), orders=(entry,), fills=(early,))
    whole = broker_order(status="filled", filled_qty=D("10"))
    late = activity(id="F2", qty=D("6"), price=D("150.10"), transaction_time=FILLED_AT + MINUTE)
    journal = booked(kept, by_id={"B1": whole}, fills=(late,)).trades[0]
    assert journal.entry_slippage == D("-1.90")  # 4 x -0.55 + 6 x 0.05
    assert journal.entry_slippage_bps == D("-12.66")  # of 1500.50
    assert journal.entry_filled_at == FILLED_AT + MINUTE


def test_an_entry_without_a_fill_writes_no_cost():
    kept = rows(trades=(trade(**ARRIVAL),), orders=(order(),))
    writes = book_what_is_shown(kept, snapshot(by_id={"B1": broker_order(status="expired", ended_at=NOW)}), NOW).writes
    assert set(values_of(writes, "trade_journal")) == {"status", "note"}
