"""The monitor's whole plan: trades do not hold each other up, whatever stands in a row, and at rest it is empty."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.actions import Submit, Write
from lib.domain.money import D
from lib.domain.records import Coverage
from lib.domain.states import BROKER_ENDED, BROKER_LIVE, PENDING, UNSENT
from lib.planning.monitors import plan_order_monitor
from tests.builders import (
    MINUTE,
    NOW,
    OPEN,
    activity,
    bought,
    broker_exit,
    broker_oco,
    broker_order,
    change,
    codes,
    context,
    decision,
    exit_order,
    fill,
    held,
    kinds,
    oco,
    order,
    pending,
    position,
    rows,
    snapshot,
    tables_of,
    trade,
    values_of,
    written,
)


def coverage(**changes):
    """Return the interval of cover that is on: all ten shares, by a stop that the broker keeps for ninety days."""
    values = {
        "id": 1,
        "account": "main",
        "version": 1,
        "trade_id": 7,
        "symbol": "AAPL",
        "from_time": OPEN + 20 * MINUTE,
        "owned_qty": D("10"),
        "covered_qty": D("10"),
        "cover_dies_at": OPEN + 20 * MINUTE + timedelta(days=90),
    }
    return Coverage(**(values | changes))


def at_rest():
    """Return a trade that is bought, covered and booked, as rows and as the broker shows it."""
    owned, entry, first = bought()
    row = position(covered_qty=D("10"), stop_loss_order_id=3, take_profit_order_id=2)
    kept = rows(trades=(owned,), orders=(entry, *oco()), fills=(first,), positions=(row,), coverage=(coverage(),))
    return kept, snapshot(held(qty_available=D("0")), live=(broker_oco(),), fills=(activity(),))


def second(status="POSITION", **changes):
    """Return another trade, in MSFT, that owns ten shares without any cover."""
    journal, entry, first = bought(id=8, decision_id=13, symbol="MSFT", status=status, **changes)
    entry = replace(entry, id=11, trade_id=8, symbol="MSFT", client_order_id="ns-d13-entry-1", alpaca_order_id="M1")
    first = replace(first, id=11, activity_id="G1", order_id=11, trade_id=8, symbol="MSFT")
    return journal, entry, first, position(id=6, trade_id=8, symbol="MSFT")


def submits(plan):
    return [action.symbol for action in plan.actions if isinstance(action, Submit)]


def plan(*trades, orders=(), fills=(), positions=(), decisions=(), changes=(), look=None, **shown):
    kept = rows(trades=trades, orders=orders, fills=fills, positions=positions, decisions=decisions, changes=changes)
    return plan_order_monitor(kept, look or snapshot(held(), held(symbol="MSFT"), **shown), context())


def beside_an_uncovered_one(*trades, orders=(), fills=(), changes=(), **shown):
    journal, entry, first, row = second()
    return plan(
        *trades, journal, orders=(*orders, entry), fills=(*fills, first), positions=(row,), changes=changes, **shown
    )


def test_at_rest_the_plan_is_empty():
    kept, look = at_rest()
    planned = plan_order_monitor(kept, look, context())
    assert (planned.actions, planned.problems) == ((), ())


def closed():
    """Return a trade that was stopped out, as its booking left it."""
    kept, _ = at_rest()
    filled = {"status": "filled", "filled_qty": D("10"), "filled_avg_price": D("144.9"), "ended_at": NOW}
    shown = broker_oco(status="cancelled", ended_at=NOW, leg=filled)
    sold = activity(id="F2", order_id="B3", side="sell", price=D("144.9"), transaction_time=NOW)
    return written(kept, plan_order_monitor(kept, snapshot(by_id={"B2": shown}, fills=(sold,)), context()).actions)


def test_a_closed_trade_that_is_still_read_plans_nothing():
    known = closed()
    assert [(t.status, t.actual_pnl) for t in known.trades] == [("CLOSED", D("-51"))]
    planned = plan_order_monitor(known, snapshot(), context())
    assert (planned.actions, planned.problems) == ((), ())


def test_booking_comes_first_and_cover_in_the_next_round():
    first = plan(trade(), orders=(order(),), live=(), by_id={"B1": filled_entry()}, fills=(), look=None)
    assert kinds(first.actions) == ["Write"]


def filled_entry():
    return broker_order(status="filled", filled_qty=D("10"), filled_avg_price=D("150"))


def test_a_trade_whose_rows_move_holds_up_no_other_trade_s_cover():
    planned = beside_an_uncovered_one(trade(), orders=(order(),), by_id={"B1": filled_entry()})
    assert kinds(planned.actions) == ["Write", "Write", "Submit"]  # of MSFT: how long it has had no stop, then the stop
    assert submits(planned) == ["MSFT"]


def test_an_approval_to_be_stamped_holds_up_no_cover():
    journal, entry, first, row = second()
    stuck = decision(stamped=False, symbol="TSLA")
    planned = plan(journal, orders=(entry,), fills=(first,), positions=(row,), decisions=(stuck,))
    assert submits(planned) == ["MSFT"]
    assert "Update analysis_decision" in tables_of(planned.actions)


def test_a_decision_that_can_never_be_written_is_not_planned_on_for_ever():
    kept, look = at_rest()
    broken = replace(kept, decisions=(decision(stamped=False, version=-1),))
    assert plan_order_monitor(broken, look, context()).actions == ()


def test_fills_that_do_not_add_up_yet_are_looked_for_again():
    ahead = exit_order(order_status="filled", filled_qty=D("10"), ended_at=NOW)
    owned, entry, first = bought()
    planned = plan(owned, orders=(entry, ahead), fills=(first,), positions=(position(qty=D("0"), cost_basis=D("0")),))
    assert "LookAgain" in kinds(planned.actions)


WEIRD = {
    "a status nobody knows": (trade(status="Position"), (order(order_status="filled", filled_qty=D("10")),)),
    "an empty status": (trade(status=""), (order(),)),
    "no order at all": (trade(), ()),
    "a position without orders": (trade(status="POSITION"), ()),
    "closed without a sale": (trade(status="CLOSED"), (order(order_status="filled", filled_qty=D("10")),)),
    "closed with an order live": (trade(status="CLOSED"), (order(),)),
    "more sold than bought": (
        trade(status="POSITION"),
        (order(order_status="filled"), exit_order(order_status="filled", filled_qty=D("5"))),
    ),
    "a role nobody knows": (trade(status="POSITION"), (order(), exit_order(order_type="GRID"))),
    "a body nobody can read": (trade(), (pending(payload="{"),)),
    "a leg without its parent": (trade(status="POSITION"), (order(), exit_order(parent_id=99, order_status="pending"))),
}


@pytest.mark.parametrize(("journal", "orders"), WEIRD.values(), ids=WEIRD)
def test_one_odd_trade_never_leaves_another_without_cover(journal, orders):
    found = {"ns-d12-entry-1": broker_order()}
    assert "MSFT" in submits(beside_an_uncovered_one(journal, orders=orders, by_client_id=found))


@pytest.mark.case("fail-H13")
def test_a_status_written_by_hand_is_mended_from_the_books():
    owned, entry, first = bought(status="open")
    planned = plan(owned, orders=(entry,), fills=(first,), positions=(position(),))
    assert values_of(planned.actions, "trade_journal")["status"] == "POSITION"


@pytest.mark.case("fail-H13")
def test_rows_taken_away_or_changed_by_hand_are_told():
    assert "ENTRY_ROW_GONE" in codes(plan(trade()).problems)
    owned, entry, first = bought(status="CLOSED")
    closed = plan(owned, orders=(entry, exit_order()), fills=(first,), positions=(position(),), live=(broker_exit(),))
    assert "CLOSED_WITH_SHARES" in codes(closed.problems)
    assert "Cancel" not in kinds(closed.actions)
    assert "Delete position_tracking" not in tables_of(closed.actions)


words = st.sampled_from([*BROKER_LIVE, *BROKER_ENDED, PENDING, UNSENT, "", "a new word"])
sizes = st.integers(0, 12).map(D)
quantities = st.integers(-12, 12).map(D)


@st.composite
def looks(draw):
    """Draw a trade whose rows and whose orders at the broker say anything at all."""
    style = draw(st.sampled_from([{}, {"trade_style": "DAY"}, {"trade_style": "DAY", "trail_percent": D("2")}]))
    leg = {"order_status": draw(words), "filled_qty": draw(sizes)}
    entry = order(order_status=draw(words), filled_qty=draw(sizes))
    sale = fill(id=2, activity_id="F2", order_id=3, side="sell", qty=draw(sizes))
    kept = rows(
        trades=(trade(status=draw(st.sampled_from(["ORDERED", "POSITION", "CANCELLED", "CLOSED", "???"])), **style),),
        orders=(entry, *oco(order_status=draw(words), filled_qty=draw(sizes), leg=leg)),
        fills=draw(st.sampled_from([(), (fill(),), (fill(), sale)])),
        positions=draw(st.sampled_from([(), (position(),)])),
        changes=tuple(change(id=n, delta=draw(quantities)) for n in range(draw(st.integers(0, 2)))),
    )
    shown = {"status": draw(words), "filled_qty": draw(sizes)}
    look = snapshot(
        *draw(st.sampled_from([(), (held("10"),), (held("3.5"),), (held("-4"),)])),
        live=draw(st.sampled_from([(), (broker_order(**shown),)])),
        by_id={"B2": broker_oco(status=draw(words), leg={"status": draw(words), "filled_qty": draw(sizes)})},
        fills=draw(st.sampled_from([(), (activity(),), (activity(id="F3", order_id="B3", side="sell"),)])),
    )
    return kept, look


@pytest.mark.slow
@given(looks())
def test_no_combination_of_words_and_numbers_raises_or_sells_more_than_there_is(drawn):
    kept, look = drawn
    free = look.positions["AAPL"].qty_available if look.positions else D("0")
    for action in plan_order_monitor(kept, look, context()).actions:
        assert not isinstance(action, Write) or action.changes
        assert not isinstance(action, Submit) or 0 < D(action.body["qty"]) <= free


@pytest.mark.slow
@given(looks())
def test_with_the_broker_standing_still_booking_comes_to_rest(drawn):
    kept, look = drawn
    for _ in range(3):
        writes = [a for a in plan_order_monitor(kept, look, context()).actions if isinstance(a, Write)]
        kept = written(kept, writes)
    assert [a for a in plan_order_monitor(kept, look, context()).actions if isinstance(a, Write)] == []
