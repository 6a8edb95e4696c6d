"""What moved shares without a trade: booked once, where it is the whole difference, and as the broker shows it."""

from datetime import date

import pytest

from lib.domain.facts import Activity, Announcement
from lib.domain.money import D
from lib.planning.monitors import plan_position_monitor
from lib.planning.outside.corporate import plan_corporate_actions
from tests.builders import (
    NOW,
    activity,
    bought,
    change,
    codes,
    context,
    held,
    position,
    rows,
    snapshot,
    stage_run,
    written,
)

TODAY = date(2026, 11, 20)
LOOKED = (stage_run(stage="position_monitor", complete=False),)


def row(number, kind="SPLIT", qty=None, **changes):
    values = {"id": f"2026112000000::{number}", "kind": kind, "date": TODAY, "symbol": "AAPL", "qty": qty and D(qty)}
    return Activity(**(values | changes))


def kept(*changes, **values):
    trade, entry, fill = bought(**values)
    return rows(
        trades=(trade,), orders=(entry,), fills=(fill,), positions=(position(),), changes=changes, last_runs=LOOKED
    )


def plan(known, *positions, activities=(), announcements=()):
    shown = snapshot(
        *positions, activities=activities, announcements=announcements, announcements_read=bool(announcements) or None
    )
    return plan_corporate_actions(known, shown, context())


def booked(planned):
    found = [c.values for w in planned.writes for c in w.changes if c.table == "quantity_change"]
    return [(v["trade_id"], v["symbol"], v["cause"], v["delta"], v["price"], v["activity_id"]) for v in found]


def journal(planned):
    merged = {}
    for write in planned.writes:
        for each in write.changes:
            if each.table == "trade_journal":
                merged |= each.values
    return merged


SEVEN = (row("1", qty="-10"), row("2", qty="70"))


@pytest.mark.case("fail-K1")
def test_a_split_is_two_rows_of_the_ledger_and_brings_its_prices_in_the_same_transaction():
    planned = plan(kept(), held("70"), activities=SEVEN)
    assert booked(planned) == [
        (7, "AAPL", "SPLIT", D("-10"), None, SEVEN[0].id),
        (7, "AAPL", "SPLIT", D("70"), None, SEVEN[1].id),
    ]
    # 145 / 7 = 20.714..., cut down; 160 / 7 = 22.857..., up: neither comes nearer to the market by rounding
    assert (
        journal(planned)["wanted"] == '{"entry": "21.42", "stop": "20.71", "target": "22.86", "split_on": "2026-11-20"}'
    )
    assert journal(planned)["note"] == "split 70 for 10 on 2026-11-20: stop 20.71, target 22.86"
    assert len(planned.writes) == 1


def test_a_split_is_booked_once_however_often_its_rows_are_read():
    known = kept()
    first = plan(known, held("70"), activities=SEVEN)
    then = written(known, first.writes)
    assert plan(then, held("70"), activities=SEVEN).writes == ()


def test_half_of_a_split_s_rows_move_nothing():
    assert plan(kept(), held("70"), activities=SEVEN[:1]).writes == ()
    assert plan(kept(), held("10"), activities=SEVEN).writes == ()  # the position does not show it yet


@pytest.mark.case("fail-K2")
def test_a_reverse_split_leaves_the_fraction_that_the_broker_shows():
    planned = plan(kept(), held("0.5"), activities=(row("1", qty="-10"), row("2", qty="0.5")))
    assert sum(delta for _, _, _, delta, _, _ in booked(planned)) == D("-9.5")
    assert '"stop": "2900"' in journal(planned)["wanted"]  # 145 x 20


@pytest.mark.case("fail-K2")
def test_cash_in_lieu_of_a_fraction_is_a_sale_at_what_was_paid():
    """1 for 4: ten shares are two and a half; the half is paid out with 290.50, which is 581 a share."""
    cash = row("3", qty="-0.5", net_amount=D("290.50"))
    planned = plan(kept(), held("2"), activities=(row("1", qty="-10"), row("2", qty="2.5"), cash))
    assert booked(planned)[1] == (7, "AAPL", "SPLIT", D("-0.5"), D("581"), cash.id)
    assert sum(delta for _, _, _, delta, _, _ in booked(planned)) == D("-8")


ANNOUNCED = Announcement(kind="forward_split", symbol="AAPL", ex_date=TODAY, old_rate=D("1"), new_rate=D("7"))


def yesterday(**values):
    """Return the rows of a trade that was entered the day before."""
    when = NOW.replace(day=19)
    return kept(created_at=when, entry_time=when, **values)


@pytest.mark.case("fail-K1")
def test_a_split_that_only_the_position_shows_is_booked_by_its_announcement_and_not_again_by_the_ledger():
    known = yesterday()
    planned = plan(known, held("70"), announcements=(ANNOUNCED,))
    assert booked(planned) == [(7, "AAPL", "SPLIT", D("60"), None, None)]
    assert '"stop": "20.71"' in journal(planned)["wanted"]
    then = written(known, planned.writes)
    assert plan(then, held("70"), activities=SEVEN, announcements=(ANNOUNCED,)).writes == ()


def test_a_paper_account_that_ignores_splits_keeps_its_shares_and_takes_the_new_prices():
    planned = plan(yesterday(), held("10"), announcements=(ANNOUNCED,))
    assert booked(planned) == []
    assert '"stop": "20.71"' in journal(planned)["wanted"]


def test_a_trade_entered_on_the_ex_date_has_its_prices():
    assert plan(kept(), held("10"), announcements=(ANNOUNCED,)).writes == ()


@pytest.mark.case("fail-K3")
def test_a_new_name_moves_the_trade_and_its_position_to_it():
    rows_of_it = (row("1", kind="NC", qty="-10"), row("2", kind="NC", qty="10", symbol="APPL"))
    planned = plan(kept(), held("10", symbol="APPL"), activities=rows_of_it)
    assert booked(planned) == [
        (7, "AAPL", "RENAME", D("-10"), None, rows_of_it[0].id),
        (7, "APPL", "RENAME", D("10"), None, rows_of_it[1].id),
    ]
    assert journal(planned)["symbol"] == "APPL"


@pytest.mark.case("fail-K3")
def test_a_merger_for_cash_ends_the_trade_at_what_was_paid():
    """Ten shares for 1,553.70 in cash: 155.37 each, 53.70 more than they cost."""
    rows_of_it = (row("1", kind="MA", qty="-10", price=D("150")), row("2", kind="MA", net_amount=D("1553.70")))
    known = kept()
    planned = plan(known, activities=rows_of_it)
    assert booked(planned) == [(7, "AAPL", "TRANSFER", D("-10"), D("155.37"), rows_of_it[0].id)]
    then = plan_position_monitor(written(known, planned.writes), snapshot(), context(), ())
    (write,) = then.actions
    ended = next(c.values for c in write.changes if c.table == "trade_journal")
    assert (ended["status"], ended["exit_reason"], ended["actual_pnl"]) == ("CLOSED", "CORPORATE_ACTION", D("53.70"))


def test_a_merger_whose_cash_is_not_there_yet_waits_for_it():
    assert plan(kept(), activities=(row("1", kind="MA", qty="-10"),)).writes == ()


@pytest.mark.case("fail-K4")
def test_shares_removed_as_worthless_are_sold_for_nothing():
    removed = row("1", kind="REORG", qty="-10", description="Worthless Removal - AAPL")
    assert booked(plan(kept(), activities=(removed,))) == [(7, "AAPL", "TRANSFER", D("-10"), D("0"), removed.id)]


def test_a_reorganisation_that_says_nothing_of_its_price_is_left_to_be_explained():
    assert plan(kept(), activities=(row("1", kind="REORG", qty="-10"),)).writes == ()


def test_shares_moved_out_of_the_account_are_the_user_s_first():
    own = change(id=3, trade_id=None, delta=D("4"), cause="OPENING", activity_id=None, price=None)
    moved = row("1", kind="JNLS", qty="-6")
    found = booked(plan(kept(own), held("8"), activities=(moved,)))
    assert [(owner, delta) for owner, _, _, delta, _, _ in found] == [(None, D("-4")), (7, D("-2"))]


@pytest.mark.case("fail-F6")
def test_a_dividend_in_money_moves_nothing_though_it_names_the_shares():
    paid = row("1", kind="DIV", qty="10", net_amount=D("26.50"))
    assert plan(kept(), held("10"), activities=(paid,)).writes == ()
    assert plan(kept(), held("20"), activities=(paid,)).writes == ()  # not even where it would fit


def test_a_dividend_in_shares_is_a_split():
    paid = row("1", kind="DIV", qty="2")
    planned = plan(kept(), held("12"), activities=(paid,))
    assert booked(planned) == [(7, "AAPL", "SPLIT", D("2"), None, paid.id)]
    assert '"stop": "120.83"' in journal(planned)["wanted"]  # 145 x 10 / 12 = 120.833...


@pytest.mark.case("fail-K1")
def test_announcements_that_could_not_be_read_are_told_while_shares_are_held():
    shown = snapshot(held("10"), announcements_read=False)
    assert codes(plan_corporate_actions(kept(), shown, context()).problems) == ["ANNOUNCEMENTS_UNREAD"]
    assert plan_corporate_actions(rows(), shown, context()).problems == ()


@pytest.mark.case("fail-K2")
def test_the_prices_of_a_split_go_by_the_shares_it_made_also_where_a_fraction_was_paid_out():
    """1 for 4: the stop of 145 is 580, not the 725 of ten shares that would have become two."""
    cash = row("3", qty="-0.5", net_amount=D("290.50"))
    planned = plan(kept(), held("2"), activities=(row("1", qty="-10"), row("2", qty="2.5"), cash))
    assert '"stop": "580"' in journal(planned)["wanted"]


@pytest.mark.case("fail-K2")
def test_a_split_that_pays_out_every_share_ends_the_trade_at_what_was_paid():
    cash = row("3", qty="-0.5", net_amount=D("1450"))
    known = kept()
    planned = plan(known, activities=(row("1", qty="-10"), row("2", qty="0.5"), cash))
    assert sum(delta for _, _, _, delta, _, _ in booked(planned)) == D("-10")
    then = plan_position_monitor(written(known, planned.writes), snapshot(), context(), ())
    ended = next(c.values for w in then.actions for c in w.changes if c.table == "trade_journal")
    assert (ended["status"], ended["exit_reason"]) == ("CLOSED", "CORPORATE_ACTION")


@pytest.mark.case("fail-K1")
def test_a_split_of_which_only_the_removal_is_there_yet_ends_no_trade():
    assert plan(kept(), activities=SEVEN[:1]).writes == ()


@pytest.mark.case("fail-K2")
def test_a_fraction_that_is_paid_out_days_after_the_split_was_booked_from_its_announcement_is_booked_too():
    quarter = Announcement(kind="reverse_split", symbol="AAPL", ex_date=TODAY, old_rate=D("4"), new_rate=D("1"))
    known = yesterday()
    then = written(known, plan(known, held("2.5"), announcements=(quarter,)).writes)
    cash = row("3", qty="-0.5", net_amount=D("290.50"))
    ledger = (row("1", qty="-10"), row("2", qty="2.5"), cash)
    assert booked(plan(then, held("2"), activities=ledger)) == [(7, "AAPL", "SPLIT", D("-0.5"), D("581"), cash.id)]


@pytest.mark.case("fail-K1")
def test_a_trade_that_began_after_the_split_has_no_part_in_it():
    """The ledger takes away the hundred that the user had: the ten of the trade were bought as shares of now."""
    own = change(id=3, trade_id=None, delta=D("100"), cause="OPENING", activity_id=None, price=None)
    ledger = (row("1", qty="-100"), row("2", qty="700"))
    planned = plan(kept(own), held("710"), activities=ledger)
    assert [(owner, delta) for owner, _, _, delta, _, _ in booked(planned)] == [(None, -100), (None, 700)]
    assert journal(planned) == {}


EARLY = NOW.replace(hour=13, minute=0)


def sold_elsewhere(qty, when, **changes):
    return activity(
        **({"id": "F8", "order_id": "B9", "side": "sell", "qty": D(qty), "transaction_time": when} | changes)
    )


@pytest.mark.case("fail-K1")
def test_what_was_sold_elsewhere_after_the_split_is_no_part_of_it():
    """Thirty of seventy were sold before the open: the split is booked whole, the sale is dealt out after it."""
    shown = snapshot(held("40"), activities=SEVEN, fills=(sold_elsewhere("30", EARLY),))
    planned = plan_corporate_actions(kept(), shown, context())
    assert [delta for _, _, _, delta, _, _ in booked(planned)] == [-10, 70]
    assert '"stop": "20.71"' in journal(planned)["wanted"]


@pytest.mark.case("fail-K1")
def test_what_was_sold_elsewhere_before_the_split_is_dealt_out_first():
    ledger = (row("1", qty="-5"), row("2", qty="35"))
    shown = snapshot(held("35"), activities=ledger, fills=(sold_elsewhere("5", NOW.replace(day=19)),))
    assert plan_corporate_actions(yesterday(), shown, context()).writes == ()


@pytest.mark.case("fail-K1")
def test_as_many_shares_bought_elsewhere_on_the_eve_are_no_split():
    """Ten more on the eve of two for one look like the split itself."""
    eve = NOW.replace(hour=20, minute=55)
    two = Announcement(
        kind="forward_split", symbol="AAPL", ex_date=date(2026, 11, 23), old_rate=D("1"), new_rate=D("2")
    )
    shown = snapshot(
        held("20"),
        now=eve,
        announcements=(two,),
        announcements_read=True,
        fills=(sold_elsewhere("10", eve, side="buy"),),
    )
    assert plan_corporate_actions(kept(), shown, context(now=eve)).writes == ()


@pytest.mark.case("fail-K1")
@pytest.mark.parametrize(("ex_date", "hour"), [(date(2026, 11, 23), 20), (TODAY, 15)])
def test_a_position_that_doubles_before_the_split_or_once_more_after_it_is_not_split(ex_date, hour):
    """A purchase whose fill is not read yet, or shares moved into the account."""
    now = NOW.replace(hour=hour, minute=55)
    two = Announcement(kind="forward_split", symbol="AAPL", ex_date=ex_date, old_rate=D("1"), new_rate=D("2"))
    booked_before = () if hour == 20 else (change(id=3, delta=D("10"), cause="SPLIT", activity_id=None, price=None),)
    shown = snapshot(held("20" if hour == 20 else "40"), now=now, announcements=(two,), announcements_read=True)
    planned = plan_corporate_actions(kept(*booked_before), shown, context(now=now))
    assert booked(planned) == []
