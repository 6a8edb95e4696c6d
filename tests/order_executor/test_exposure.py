"""What is at stake counts as if everything filled: positions, resting entries, unknown outcomes, this run's orders."""

import pytest

from lib.domain.limits import Limits
from lib.domain.money import D
from lib.domain.wanted import Wanted, write_wanted
from lib.planning.deciding.exposure import is_loss_accepted, price_of, result_today, world_of
from tests.builders import (
    MINUTE,
    NOW,
    OPEN,
    SECOND,
    account,
    book,
    bought,
    change,
    context,
    control,
    market,
    new_trade,
    order,
    pending,
    position,
    quote,
    rows,
    trade,
)

FRESH = {"quote_time": NOW, "current_price": D("155"), "unrealized_pnl": D("50")}


def stakes(*orders, **kept):
    kept = {"trades": (trade(),), "orders": orders} | kept
    return [(e.symbol, e.value, e.resting) for e in world_of(rows(**kept), market(), context()).exposures]


def test_an_account_that_was_not_asked_is_no_world():
    assert world_of(rows(), market(account=None), context()) is None


@pytest.mark.case("check-R6")
@pytest.mark.parametrize(
    ("entry", "stake"),
    [
        (order(), [("AAPL", D("1500"), True)]),
        (pending(), [("AAPL", D("1500"), True)]),  # of unknown outcome: it may have filled
        (order(order_status="a new word"), [("AAPL", D("1500"), True)]),
        (order(order_status="cancelled"), []),
        (order(order_status="rejected"), []),
    ],
)
def test_an_entry_counts_for_all_that_it_may_still_fill(entry, stake):
    assert stakes(entry) == stake


def test_a_part_that_filled_is_a_position_and_the_rest_still_an_order():
    owned = trade(status="POSITION")
    entry = order(order_status="partially_filled", filled_qty=D("4"))
    assert stakes(entry, trades=(owned,)) == [("AAPL", D("600"), False), ("AAPL", D("900"), True)]


@pytest.mark.parametrize(
    ("mark", "value"),
    [
        ({}, "1550"),
        ({"quote_time": NOW - 15 * MINUTE}, "1550"),
        ({"quote_time": NOW - 15 * MINUTE - SECOND}, "1500"),  # old: at the entry
        ({"quote_time": None}, "1500"),
        ({"stale": True}, "1500"),
    ],
)
def test_a_position_counts_at_a_fresh_mark_else_at_its_entry(mark, value):
    owned, entry, filled = bought()
    kept = {"fills": (filled,), "positions": (position(**(FRESH | mark)),), "trades": (owned,)}
    assert stakes(entry, **kept) == [("AAPL", D(value), False)]


def test_an_unknown_outcome_is_taken_off_the_buying_power():
    made = world_of(rows(trades=(trade(),), orders=(pending(),)), market(), context())
    assert made.buying_power == D("98500")


@pytest.mark.parametrize(
    ("ask", "price"), [("150.10", "154.603"), ("140", "150"), (None, "150")], ids=["above", "below", "none"]
)
def test_a_short_sale_costs_its_limit_or_three_per_cent_above_the_ask(ask, price):
    short = new_trade(side="short", stop=D("155"), target=D("140"))
    assert price_of(short, quote(bid="139", ask=ask)) == D(price)
    assert price_of(new_trade(), quote(ask=ask)) == D("150")


@pytest.mark.case("check-R8")
@pytest.mark.parametrize(
    ("ended", "mark", "result"),
    [
        ({"exit_time": OPEN, "actual_pnl": D("-30")}, {}, "20"),
        ({"exit_time": OPEN - SECOND, "actual_pnl": D("-30")}, {}, "50"),  # another session's
        ({"exit_time": OPEN, "actual_pnl": D("-30")}, {"stale": True}, "-30"),
        ({"exit_time": None}, {"quote_time": None}, "0"),
    ],
)
def test_today_is_what_was_closed_since_the_open_and_what_fresh_marks_say(ended, mark, result):
    closed = trade(id=3, status="CLOSED", **ended)
    kept = rows(today=(closed,), positions=(position(**(FRESH | mark)),))
    assert result_today(kept, context()) == D(result)


@pytest.mark.parametrize(
    ("made", "sent", "trips"),
    [
        ({"created_at": OPEN}, 1, 0),
        ({"created_at": OPEN - SECOND}, 0, 0),
        ({"created_at": OPEN - SECOND, "status": "CLOSED", "exit_time": OPEN}, 0, 1),
        ({"created_at": OPEN, "status": "CLOSED", "exit_time": OPEN}, 1, 1),
        ({"created_at": OPEN, "status": "CANCELLED", "exit_time": None}, 1, 0),
    ],
)
def test_orders_and_round_trips_are_counted_from_the_open_on(made, sent, trips):
    shown = world_of(rows(today=(trade(**made),)), market(), context())
    assert (len(shown.sent_today), shown.round_trips_today.get("AAPL", 0)) == (sent, trips)


@pytest.mark.parametrize(
    ("row", "accepted"),
    [
        ({"reason": "daily loss accepted", "since": OPEN}, True),
        ({"reason": "Daily loss accepted, it was a bad print", "since": NOW}, True),
        ({"reason": "daily loss accepted", "since": OPEN - SECOND}, False),
        ({"reason": "daily loss accepted", "since": None}, False),
        ({"reason": "a new session", "since": NOW}, False),
        ({"reason": None, "since": NOW}, False),
        ({"reason": "daily loss accepted", "since": NOW, "state": "REDUCING"}, False),
        ({"reason": "daily loss accepted", "since": NOW, "scope": "symbol:main:AAPL"}, False),
    ],
)
def test_a_loss_is_accepted_in_so_many_words_and_for_one_session(row, accepted):
    kept = rows(controls=(control(**({"state": "ACTIVE"} | row)),))
    assert is_loss_accepted(kept, context()) == accepted


def test_what_an_amended_entry_frees_is_no_longer_at_stake_and_its_shares_are():
    owned = trade(status="POSITION")
    entry = order(order_status="partially_filled", filled_qty=D("4"))
    shown = world_of(rows(trades=(owned,), orders=(entry,)), market(account=account()), context())
    without = shown.without(book(entry, trade=owned))
    assert [e.value for e in without.exposures] == [D("600")]
    assert without.buying_power == shown.buying_power + D("900")


AMENDED = write_wanted(Wanted(generation=2, amended_by=31, entry=D("160"), total=D("30"), send_by=NOW))


@pytest.mark.case("check-R6", "check-R7")
@pytest.mark.parametrize(
    ("entry", "stake", "buying_power"),
    [
        (order(), "4800", "96700"),  # the broker holds 1500 back for the present one
        (order(order_status="cancelled"), "4800", "95200"),
        (order(order_status="cancelled", filled_qty=D("10")), "3200", "96800"),
        (order(qty=D("50")), "7500", "100000"),  # the present one may still fill, and is more
        (pending(), "4800", "95200"),
    ],
)
def test_an_amended_entry_counts_for_the_next_order_before_that_is_sent(entry, stake, buying_power):
    kept = rows(trades=(trade(wanted=AMENDED),), orders=(entry,))
    made = world_of(kept, market(account=account(buying_power=D("100000"))), context())
    assert sum(e.value for e in made.exposures if e.resting) == D(stake)
    assert made.buying_power == D(buying_power)
    assert made.without(book(entry, trade=kept.trades[0])).buying_power == D(buying_power) + D(stake)


def test_an_amended_entry_whose_time_is_over_counts_no_more():
    late = write_wanted(Wanted(generation=2, amended_by=31, entry=D("160"), total=D("30"), send_by=NOW - SECOND))
    assert stakes(order(order_status="cancelled"), trades=(trade(wanted=late),)) == []


@pytest.mark.case("check-R8")
@pytest.mark.parametrize(
    ("left", "result"),
    [
        ({}, "-20"),
        ({"at": OPEN - SECOND}, "0"),  # another session's
        ({"price": None}, "0"),  # nobody paid for them
    ],
)
def test_what_part_of_an_open_trade_was_sold_for_counts_today(left, result):
    owned, entry, filled = bought()
    sold = change(**({"delta": D("-4"), "price": D("145"), "at": OPEN} | left))
    kept = rows(trades=(owned,), orders=(entry,), fills=(filled,), changes=(sold,), positions=(position(stale=True),))
    assert result_today(kept, context()) == D(result)


def test_a_mark_lasts_until_the_next_one_however_young_a_quote_must_be():
    strict = context(limits=Limits(quote_age_max=MINUTE))
    kept = rows(positions=(position(**(FRESH | {"quote_time": NOW - 15 * MINUTE})),))
    assert result_today(kept, strict) == D("50")
