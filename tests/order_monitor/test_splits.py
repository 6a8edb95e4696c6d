"""The night of a split: what rests is withdrawn before it, in time, and stays away until the new prices are there."""

from datetime import date, timedelta

import pytest

from lib.domain.facts import Announcement
from lib.domain.money import D
from lib.domain.wanted import Wanted, read_wanted, write_wanted
from lib.planning.books import books
from lib.planning.protecting.cover import plan_cover
from lib.planning.protecting.delisted import refused_as_untradable
from lib.planning.protecting.dying import reached_level
from lib.planning.protecting.splits import entry_price_now, plan_split, split_prices
from tests.builders import (
    CLOSE,
    MINUTE,
    OPEN,
    book,
    bought,
    change,
    codes,
    context,
    exit_order,
    held,
    kinds,
    oco,
    order,
    position,
    rows,
    snapshot,
    trade,
    values_of,
)

MONDAY = date(2026, 11, 23)
SPLIT = Announcement(kind="forward_split", symbol="AAPL", ex_date=MONDAY, old_rate=D("1"), new_rate=D("7"))
DUE = write_wanted(Wanted(split_due="2026-11-23"))


def plan(*exits, at, announcements=(SPLIT,), read=True, **journal):
    owned, entry, fill = bought(**journal)
    known = book(entry, *exits, trade=owned, fills=(fill,), position=position())
    shown = snapshot(held(), now=at, announcements=announcements, announcements_read=read)
    return plan_split(known, shown, context(now=at))


@pytest.mark.parametrize("early", [11 * MINUTE, timedelta(hours=4)])
def test_nothing_happens_before_the_last_ten_minutes(early):
    assert plan(*oco(), at=CLOSE - early) is None


@pytest.mark.case("fail-K1")
def test_ten_minutes_before_the_close_the_split_is_noted_and_then_the_cover_is_withdrawn():
    at = CLOSE - 10 * MINUTE
    noted, _ = plan(*oco(), at=at)
    assert read_wanted(values_of(noted, "trade_journal")["wanted"]).split_due == "2026-11-23"
    withdrawn, problems = plan(*oco(), at=at, wanted=DUE)
    assert (kinds(withdrawn), withdrawn[0].order.id, codes(problems)) == (["Cancel"], 2, [])


@pytest.mark.case("fail-K1")
def test_without_cover_the_session_s_last_passes_say_so_and_the_night_s_do_not():
    _, told = plan(at=CLOSE - 5 * MINUTE, wanted=DUE)
    assert [(p.code, p.cause, p.uncovered_qty) for p in told] == [("UNCOVERED", "corporate_action", 10)]
    assert plan(at=CLOSE + timedelta(hours=2), wanted=DUE) == ((), ())


def test_a_pass_that_reads_no_announcements_goes_by_what_was_noted():
    assert plan(at=CLOSE + MINUTE, announcements=(), read=None, wanted=DUE) == ((), ())
    assert plan(at=CLOSE + MINUTE, announcements=(), read=False, wanted=DUE) == ((), ())
    assert plan(*oco(), at=CLOSE - 5 * MINUTE, announcements=(), read=False) is None


def test_a_split_that_is_announced_no_more_lets_the_cover_return():
    taken_back, _ = plan(at=CLOSE + MINUTE, announcements=(), wanted=DUE)
    assert values_of(taken_back, "trade_journal") == {"wanted": None}


def test_cover_from_before_a_split_is_withdrawn_although_the_looks_before_it_were_missed():
    after = write_wanted(Wanted(split_on="2026-11-23", stop=D("20.71"), target=D("22.86")))
    step, _ = plan(*oco(), at=CLOSE + timedelta(days=2, hours=17), announcements=(), wanted=after)
    assert [action.why for action in step] == ["its price is from before the split of 2026-11-23"]
    monday = exit_order(created_at=OPEN + timedelta(days=3))
    assert plan(monday, at=OPEN + timedelta(days=3, hours=1), announcements=(), wanted=after) is None


def test_a_close_at_market_goes_on_in_the_session_s_last_minutes_and_waits_at_night():
    asked = write_wanted(Wanted(split_due="2026-11-23", close_by=13))
    assert plan(*oco(), at=CLOSE - 5 * MINUTE, wanted=asked) is None
    assert kinds(plan(*oco(), at=CLOSE + MINUTE, wanted=asked)[0]) == ["Cancel"]


def test_an_entry_that_outlives_the_day_is_withdrawn_and_one_that_does_not_is_left():
    at = CLOSE - 5 * MINUTE
    look = snapshot(now=at, announcements=(SPLIT,), announcements_read=True)
    for tif, asked in (("gtc", ["Cancel"]), ("day", [])):
        known = book(order(time_in_force=tif), trade=trade(wanted=DUE))
        assert kinds(plan_split(known, look, context(now=at))[0]) == asked


@pytest.mark.parametrize(
    ("side", "levels", "after"),
    [
        ("long", ("145", "160"), ("20.71", "22.86")),  # 20.714..., 22.857...
        ("short", ("155", "140"), ("22.15", "20")),  # 22.142..., 20 exactly
    ],
)
def test_fractions_of_a_cent_go_away_from_the_market(side, levels, after):
    stop, target = map(D, levels)
    owned = trade(side=side, status="POSITION", planned_sl=stop, planned_tp=target)
    found = read_wanted(split_prices(book(order(), trade=owned), D("1"), D("7"), MONDAY).values["wanted"])
    assert (found.stop, found.target, found.split_on) == (D(after[0]), D(after[1]), "2026-11-23")


def test_a_trail_goes_on_from_where_it_had_got_at_the_new_price():
    """It had come up to 154 before the split: 22 after it, and not the 20.71 that it began with."""
    trailing = exit_order(kind="trailing_stop", stop_price=D("154"), order_status="cancelled")
    owned, entry, fill = bought(trade_style="TREND", planned_tp=None, trail_percent=D("3"))
    known = book(entry, trailing, trade=owned, fills=(fill,))
    after = split_prices(known, D("1"), D("7"), MONDAY).values["wanted"]
    owned, entry, fill = bought(trade_style="TREND", planned_tp=None, trail_percent=D("3"), wanted=after)
    assert reached_level(book(entry, trailing, trade=owned, fills=(fill,))) == D("22")


@pytest.mark.parametrize(
    ("split", "sold", "price"),
    [
        ("60", None, "21.428571429"),  # 150 / 7
        ("-9.5", None, "3000"),
        ("30", "4", "25"),  # six are left of ten, and become thirty-six
    ],
)
def test_what_was_paid_for_a_share_follows_the_split(split, sold, price):
    owned, entry, fill = bought()
    gone = [change(id=1, delta=-D(sold), at=OPEN + 25 * MINUTE)] if sold else []
    changes = (*gone, change(id=2, delta=D(split), cause="SPLIT", at=OPEN + 60 * MINUTE, price=None))
    assert entry_price_now(book(entry, trade=owned, fills=(fill,), changes=changes)) == D(price)


@pytest.mark.case("fail-K4")
@pytest.mark.parametrize(
    ("reason", "age", "said"),
    [
        ('NOT_TRADABLE: asset "AAPL" is not tradable', 59, 'asset "AAPL" is not tradable'),
        ('NOT_TRADABLE: asset "AAPL" is not tradable', 60, None),
        ("WASH_TRADE: potential wash trade detected", 1, None),
    ],
)
def test_a_symbol_that_is_not_traded_is_asked_for_once_an_hour(reason, age, said):
    owned, entry, fill = bought()
    at = OPEN + timedelta(hours=3)
    refused = exit_order(order_status="rejected", reject_reason=reason, created_at=at - age * MINUTE)
    known = book(entry, refused, trade=owned, fills=(fill,))
    assert refused_as_untradable(known, context(now=at)) == said


def test_books_of_a_trade_without_a_split_are_as_they_were():
    owned, entry, fill = bought()
    (known,) = books(rows(trades=(owned,), orders=(entry,), fills=(fill,)))
    assert entry_price_now(known) == D("150")


LOST = {"order_status": "pending", "alpaca_order_id": None, "missing_at": CLOSE}


@pytest.mark.case("fail-K1")
@pytest.mark.parametrize(
    ("asked", "at"),
    [
        (DUE, CLOSE + timedelta(hours=2)),
        (DUE, CLOSE - 5 * MINUTE),
        (write_wanted(Wanted(split_on="2026-11-23", stop=D("20.71"))), OPEN + timedelta(days=3, minutes=-15)),
    ],
)
def test_an_exit_that_never_arrived_is_not_sent_again_at_the_price_from_before_the_split(asked, at):
    """At the open its stop of 145 would sell shares that trade at 21, and no cancel is done before that."""
    owned, entry, fill = bought(wanted=asked)
    known = book(entry, *oco(leg=LOST, **LOST), trade=owned, fills=(fill,), position=position())
    (given_up,), _ = plan_cover(known, snapshot(held(), now=at), context(now=at), "ns")
    assert [c.values["order_status"] for c in given_up.changes] == ["unsent", "unsent"]
