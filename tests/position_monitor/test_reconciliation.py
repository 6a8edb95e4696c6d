"""The broker nets by symbol, we do not: every difference is explained by a fill, waited for, or told."""

from dataclasses import replace

import pytest

from lib.domain.money import D
from lib.planning.monitors import plan_position_monitor
from tests.builders import (
    MINUTE,
    NOW,
    SECOND,
    activity,
    bought,
    broker_exit,
    broker_order,
    change,
    codes,
    context,
    control,
    decision,
    exit_order,
    held,
    kinds,
    order,
    pending,
    position,
    quote,
    rows,
    snapshot,
    stage_run,
    tables_of,
    trade,
    values_of,
    written,
)

LOOKED = (stage_run(stage="position_monitor", complete=False),)
FLAT = quote("150", "150")


def one(number=7, symbol="AAPL", **marked):
    """Return the rows of one trade that owns ten shares: trade, entry, fill, position."""
    journal, entry, first = bought(id=number, decision_id=number + 5, symbol=symbol)
    entry = replace(entry, id=number, trade_id=number, symbol=symbol, alpaca_order_id=f"E{number}")
    first = replace(first, id=number, activity_id=f"A{number}", order_id=number, trade_id=number, symbol=symbol)
    values = {"id": number, "trade_id": number, "symbol": symbol, "quote_time": NOW}
    return journal, entry, first, position(**(values | marked))


def kept(*trades, first_look=False, changes=(), orders=(), controls=()):
    columns = list(zip(*trades, strict=True)) or [()] * 4
    return rows(
        trades=columns[0],
        orders=(*columns[1], *orders),
        fills=columns[2],
        positions=columns[3],
        changes=changes,
        controls=controls,
        last_runs=() if first_look else LOOKED,
    )


def plan(known, *held_there, foreign=(), reads=None, now=NOW, **shown):
    quotes = {p.symbol: replace(FLAT, symbol=p.symbol, at=NOW) for p in known.positions}
    look = snapshot(*held_there, position_reads=reads or {}, quotes=quotes, **shown)
    return plan_position_monitor(known, look, context(now=now), foreign)


def dealt(planned):
    """List (owner, delta, price) of the quantity changes that a plan writes."""
    inserts = [c.values for a in planned.actions for c in getattr(a, "changes", ()) if c.table == "quantity_change"]
    return [(v["trade_id"], v["delta"], v["price"]) for v in inserts]


def sale(qty="10", price="151.25", **changes):
    values = {"id": "X1", "order_id": "foreign", "side": "sell", "qty": D(qty), "price": D(price)}
    return activity(**(values | changes))


def test_books_that_agree_plan_nothing():
    planned = plan(kept(one()), held())
    assert (planned.actions, planned.problems) == ((), ())


def test_a_foreign_sale_closes_the_trade_at_its_own_price():
    known = kept(one())
    planned = plan(known, foreign=(sale(),))
    assert dealt(planned) == [(7, D("-10"), D("151.25"))]
    then = plan(written(known, planned.actions))
    assert values_of(then.actions, "trade_journal")["exit_reason"] == "MANUAL_EXIT"
    assert values_of(then.actions, "trade_journal")["actual_pnl"] == D("12.50")


def test_what_the_user_had_sold_short_before_the_first_look_is_the_user_s():
    planned = plan(kept(first_look=True), held("-9"))
    assert (dealt(planned), planned.problems) == ([(None, D("-9"), None)], ())
    assert plan(written(kept(first_look=True), planned.actions), held("-9")).actions == ()


def test_coins_of_the_user_are_left_alone_by_both_their_names():
    coins = replace(held("0.009975"), symbol="BTCUSD", asset_class="crypto")
    bought_there = sale("0.01", "40000", symbol="BTC/USD", side="buy")
    planned = plan(kept(one(), first_look=True), held(), coins, foreign=(bought_there,))
    assert (dealt(planned), planned.problems) == ([], ())


def test_a_foreign_sale_is_dealt_out_once():
    known = kept(one(), changes=(change(activity_id="X1", delta=D("-4")),))
    booked = written(known, plan(known, held("6"), foreign=(sale("4"),)).actions)
    assert dealt(plan(booked, held("6"), foreign=(sale("4"),))) == []


@pytest.mark.parametrize(
    ("external", "sold", "parts"),
    [
        ("15", "10", [(None, "-10")]),
        ("4", "10", [(None, "-4"), (7, "-6")]),
        ("0", "12", [(7, "-10"), (8, "-2")]),
        ("-3", "12", [(7, "-10"), (8, "-2")]),
        ("0", "25", [(7, "-10"), (8, "-10"), (None, "-5")]),
        ("4", "25", [(None, "-5"), (7, "-10"), (8, "-10")]),  # each owner once: an activity is unique by owner
    ],
)
def test_a_foreign_sale_takes_external_shares_first_then_the_oldest_trade_s(external, sold, parts):
    opening = change(trade_id=None, delta=D(external), price=None, activity_id=None, cause="OPENING")
    known = kept(one(7), one(8), changes=(opening,))
    left = D("20") + D(external) - D(sold)
    planned = plan(known, held(str(left)), foreign=(sale(sold),))
    assert dealt(planned) == [(owner, D(qty), D("151.25")) for owner, qty in parts]


@pytest.mark.case("fail-E11")
def test_what_the_user_buys_is_the_user_s():
    assert dealt(plan(kept(one()), held("15"), foreign=(sale("5", side="buy"),))) == [(None, D("5"), D("151.25"))]


def test_sales_are_dealt_out_in_the_order_they_happened():
    two = sale("4", "152", id="X2"), sale("4", "151", id="X1")
    assert dealt(plan(kept(one()), held("2"), foreign=two)) == [(7, D("-4"), D("151")), (7, D("-4"), D("152"))]


def test_the_first_look_books_what_was_there_before():
    planned = plan(kept(first_look=True), held("100", symbol="TSLA"))
    assert dealt(planned) == [(None, D("100"), None)]
    assert values_of(planned.actions, "quantity_change")["cause"] == "OPENING"
    assert codes(planned.problems) == []


def test_later_a_surplus_is_told_and_never_adopted():
    planned = plan(kept(), held("100", symbol="TSLA"))
    assert (planned.actions, codes(planned.problems)) == ((), ["UNEXPLAINED"])


@pytest.mark.case("fail-D7")
@pytest.mark.parametrize("first_look", [True, False])
def test_a_surplus_that_an_own_live_entry_may_explain_is_left_to_the_next_look(first_look):
    known = rows(trades=(trade(),), orders=(order(alpaca_order_id="B1"),), last_runs=() if first_look else LOOKED)
    planned = plan(known, held(), live=(broker_order(),))
    assert dealt(planned) == []
    assert "UNEXPLAINED" not in codes(planned.problems)


def test_an_unresolved_own_order_blocks_every_verdict_on_its_symbol():
    unknown = pending(id=30, trade_id=7, order_type="EXIT", side="sell", missing_at=NOW)
    planned = plan(kept(one(), orders=(unknown,)))
    assert (planned.actions, planned.problems) == ((), ())
    assert plan(kept(one(), orders=(unknown,)), foreign=(sale(),)).actions == ()


def test_fills_that_do_not_add_up_yet_block_it_too():
    ahead = exit_order(id=30, order_status="filled", filled_qty=D("10"), ended_at=NOW)
    known = kept(one(qty=D("0"), cost_basis=D("0")), orders=(ahead,))
    planned = plan(known, foreign=(sale(),))
    assert "quantity_change" not in " ".join(tables_of(planned.actions))


def missing(since=NOW - 20 * MINUTE, **marked):
    return one(missing_since=since, **marked)


def test_the_first_look_at_a_missing_position_only_marks_it():
    planned = plan(kept(one()))
    assert values_of(planned.actions, "position_tracking") == {"missing_since": NOW}
    assert dealt(planned) == []


def test_a_position_that_is_there_again_loses_its_mark():
    planned = plan(kept(missing()), held())
    assert values_of(planned.actions, "position_tracking") == {"missing_since": None}


@pytest.mark.parametrize(
    ("since", "reads", "told", "closed"),
    [
        (59 * SECOND, {"AAPL": None}, False, False),
        (60 * SECOND, {}, False, False),
        (60 * SECOND, {"AAPL": None}, True, False),
        (15 * MINUTE - SECOND, {"AAPL": None}, True, False),
        (15 * MINUTE, {"AAPL": None}, False, True),
        (15 * MINUTE, {}, False, False),
        (15 * MINUTE, {"AAPL": held("10")}, False, False),
        (15 * MINUTE, {"AAPL": held("3")}, False, False),
    ],
    ids=["59 s", "no targeted read", "60 s", "in the grace", "after it", "unread", "read says held", "read says other"],
)
def test_absence_needs_two_looks_a_targeted_read_and_the_grace_period(since, reads, told, closed):
    planned = plan(kept(missing(NOW - since)), reads=reads)
    assert (codes(planned.problems) == ["UNEXPLAINED"], bool(dealt(planned))) == (told, closed)


def test_after_the_grace_the_last_known_price_closes_it():
    planned = plan(kept(missing(current_price=D("148.50"), market_value=D("1485"))), reads={"AAPL": None})
    assert dealt(planned) == [(7, D("-10"), D("148.50"))]
    assert values_of(planned.actions, "quantity_change")["cause"] == "UNEXPLAINED"


def test_only_what_is_missing_is_taken():
    planned = plan(kept(missing()), held("6"), reads={"AAPL": held("6")})
    assert dealt(planned) == [(7, D("-4"), D("150"))]


def test_a_fill_found_in_the_grace_period_wins_over_the_last_known_price():
    planned = plan(kept(missing()), foreign=(sale(),), reads={"AAPL": None})
    assert dealt(planned) == [(7, D("-10"), D("151.25"))]


@pytest.mark.case("fail-G3")
def test_a_live_exit_may_yet_explain_it():
    live = exit_order(id=30)
    planned = plan(
        kept(missing(covered_qty=D("10"), stop_loss_order_id=30), orders=(live,)),
        reads={"AAPL": None},
        live=(broker_exit(),),
    )
    assert (dealt(planned), codes(planned.problems)) == ([], ["UNEXPLAINED"])


def two_gone():
    return missing(number=7), missing(number=8, symbol="MSFT")


@pytest.mark.case("fail-D6")
def test_when_two_vanish_at_once_none_is_closed_and_the_account_is_halted():
    planned = plan(kept(*two_gone()), reads={"AAPL": None, "MSFT": None})
    assert dealt(planned) == []
    halt = values_of(planned.actions, "control")
    assert (halt["scope"], halt["state"]) == ("account:main", "HALTED")
    assert codes(planned.problems) == ["UNEXPLAINED", "UNEXPLAINED"]


def test_the_halt_is_written_once_and_told_each_time():
    known = kept(*two_gone(), controls=(control(),))
    planned = plan(known, reads={"AAPL": None, "MSFT": None})
    assert ("control" in " ".join(tables_of(planned.actions)), len(planned.problems)) == (False, 2)


@pytest.mark.parametrize("state", ["ACTIVE", "REDUCING"])
def test_a_halt_that_was_lifted_or_is_less_than_one_is_set_again(state):
    known = kept(*two_gone(), controls=(control(state=state, version=4),))
    changed = [c for a in plan(known, reads={"AAPL": None, "MSFT": None}).actions for c in a.changes]
    assert [(c.id, c.version, c.values["state"]) for c in changed if c.table == "control"] == [(1, 4, "HALTED")]


def test_two_that_vanish_with_their_fills_are_closed_whatever_the_number():
    sales = sale(), sale("10", "99", id="X2", symbol="MSFT")
    planned = plan(kept(*two_gone()), foreign=sales)
    assert dealt(planned) == [(7, D("-10"), D("151.25")), (8, D("-10"), D("99"))]
    assert "control" not in " ".join(tables_of(planned.actions))


def test_values_are_written_after_the_quantities_agree():
    known = kept(one(current_price=D("149")))
    assert values_of(plan(known, held()).actions, "position_tracking")["current_price"] == D("150")
    assert "current_price" not in values_of(plan(known).actions, "position_tracking")


def test_an_approval_to_be_stamped_holds_up_no_valuation():
    known = replace(kept(one(current_price=D("149"))), decisions=(decision(id=99, stamped=False),))
    assert kinds(plan(known, held()).actions) == ["Write", "Write"]


def test_the_marks_and_the_verdict_come_to_rest():
    known = kept(one())
    for n in range(6):
        now = NOW + n * 10 * MINUTE
        quotes = {"AAPL": replace(FLAT, at=NOW)}
        look = snapshot(position_reads={"AAPL": None}, quotes=quotes)
        for _ in range(3):
            known = written(known, plan_position_monitor(known, look, context(now=now), ()).actions)
    assert [t.status for t in known.trades] == ["CLOSED"]
    assert known.positions == ()


def short(number=7, **marked):
    """Return the rows of one trade that owes ten shares, sold at 150."""
    journal, entry, first, row = one(number, **({"qty": D("-10"), "cost_basis": D("-1500")} | marked))
    return replace(journal, side="short"), replace(entry, side="sell"), replace(first, side="sell"), row


@pytest.mark.case("fail-E10")
def test_a_short_that_the_user_covers_in_the_app_ends_at_that_price():
    known = kept(short())
    planned = plan(known, foreign=(sale("10", "148", side="buy"),))
    assert dealt(planned) == [(7, D("10"), D("148"))]
    then = plan(written(known, planned.actions))
    ended = values_of(then.actions, "trade_journal")
    assert (ended["exit_reason"], ended["actual_pnl"]) == ("MANUAL_EXIT", D("20"))


def test_what_the_user_sells_short_beside_a_short_trade_is_the_user_s():
    planned = plan(kept(short()), held("-14"), foreign=(sale("4", side="sell"),))
    assert dealt(planned) == [(None, D("-4"), D("151.25"))]


@pytest.mark.case("fail-E12")
def test_a_short_flipped_to_long_in_the_app_gives_the_trade_its_ten_and_the_user_the_rest():
    planned = plan(kept(short()), held("5"), foreign=(sale("15", side="buy"),))
    assert dealt(planned) == [(7, D("10"), D("151.25")), (None, D("5"), D("151.25"))]


def test_a_short_that_vanished_is_looked_for_before_it_is_believed_gone():
    first = plan(kept(short()))
    assert values_of(first.actions, "position_tracking") == {"missing_since": NOW}
    sure = plan(kept(short(missing_since=NOW - 20 * MINUTE)), reads={"AAPL": None})
    assert dealt(sure) == [(7, D("10"), D("150"))]


def test_a_short_entry_that_fills_between_two_reads_is_left_to_the_next_look():
    journal, entry, first, row = short()
    rest = order(id=90, trade_id=8, side="sell", alpaca_order_id="E8")
    ordered = trade(id=8, decision_id=13, side="short")
    known = kept((journal, entry, first, row), orders=(rest,))
    resting = broker_order(id="E8", side="sell")
    planned = plan(replace(known, trades=(*known.trades, ordered)), held("-14"), live=(resting,))
    assert (kinds(planned.actions), codes(planned.problems)) == (["LookAgain"], ["UNRESOLVED"])
