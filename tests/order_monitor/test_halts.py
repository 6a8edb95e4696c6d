"""HALTED cancels the entries that rest at the broker; REDUCING leaves them; FROZEN leaves everything."""

from dataclasses import replace

import pytest

from lib.domain.actions import Cancel, Update
from lib.domain.money import D
from lib.planning.monitors import plan_order_monitor
from lib.planning.protecting.halts import cancel_halted_entries, in_force, strictness
from tests.builders import (
    CLOSE,
    MINUTE,
    NOW,
    activity,
    book,
    bought,
    broker_order,
    context,
    control,
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
    trade,
    values_of,
    written,
)

HALT = control(scope="all", reason="the news")
ASKED = "cancel asked because all is HALTED: the news"


def planned(*orders, of=None, controls=(HALT,), when=None):
    return cancel_halted_entries(book(*orders, trade=of or trade()), controls, when or context())


# which control binds


def test_the_strictest_control_in_the_symbol_s_scopes_is_in_force():
    halted = control(id=2, scope="symbol:main:AAPL")
    both = (control(scope="all", state="REDUCING"), halted, control(id=3, scope="symbol:main:MSFT", state="FROZEN"))
    assert in_force(both, "AAPL") is halted
    assert in_force(both, "IBM").state == "REDUCING"
    assert in_force((control(state="ACTIVE"),), "AAPL") is None


def test_a_word_that_nobody_knows_counts_as_halted():
    assert strictness("REDUCING") < strictness("halted?") == strictness("HALTED") < strictness("FROZEN")


@pytest.mark.parametrize(("state", "again"), [("REDUCING", True), ("HALTED", False), ("FROZEN", False)])
def test_a_foreign_order_under_our_id_halts_what_is_only_reducing(state, again):
    known = control(scope="symbol:main:AAPL", state=state, version=3)
    kept = rows(trades=(trade(),), orders=(pending(missing_at=NOW),), controls=(known,))
    look = snapshot(by_client_id={pending().client_order_id: broker_order(qty=D("100"))})
    halted = values_of(plan_order_monitor(kept, look, context()).actions, "control").get("state") == "HALTED"
    assert halted is again


# what is cancelled


@pytest.mark.parametrize("status", ["new", "accepted", "pending_new", "partially_filled", "a new word"])
@pytest.mark.parametrize("scope", ["all", "account:main", "symbol:main:AAPL"])
def test_an_entry_that_rests_in_a_halted_scope_is_cancelled_and_says_why(scope, status):
    (cancel,) = planned(order(order_status=status), controls=(control(scope=scope, reason="the news"),))
    assert (cancel.order.id, cancel.symbol, cancel.why) == (1, "AAPL", f"{scope} is HALTED: the news")
    note = {"note": f"cancel asked because {scope} is HALTED: the news"}
    assert cancel.intent == (Update(table="trade_journal", id=7, version=1, values=note),)


@pytest.mark.parametrize(
    "controls",
    [
        (),
        (control(state="ACTIVE"),),
        (control(state="REDUCING"),),
        (control(scope="symbol:main:MSFT"),),
        (HALT, control(id=2, state="FROZEN")),
    ],
    ids=["nothing", "ACTIVE", "REDUCING", "another symbol", "FROZEN above HALTED"],
)
def test_nothing_else_cancels_an_entry(controls):
    assert planned(order(), controls=controls) == ()


@pytest.mark.parametrize(
    "entry",
    [
        pending(),
        order(order_status="pending_cancel"),
        order(order_status="pending_replace"),
        order(order_status="filled", filled_qty=D("10")),
        order(order_status="cancelled"),
        order(alpaca_order_id=None),
    ],
    ids=lambda entry: f"{entry.order_status} {entry.alpaca_order_id}",
)
def test_what_is_unknown_ended_or_on_its_way_out_is_left_alone(entry):
    assert planned(entry) == ()


def test_exits_are_never_cancelled_by_a_halt():
    owned, entry, _ = bought()
    assert planned(entry, exit_order(), of=owned) == ()


@pytest.mark.parametrize("status", ["CLOSED", "CANCELLED"])
def test_the_entry_of_an_ended_trade_is_cancelled_as_unwanted_not_twice(status):
    kept = rows(trades=(trade(status=status),), orders=(order(),), controls=(HALT,))
    actions = plan_order_monitor(kept, snapshot(live=(broker_order(),)), context()).actions
    assert [a.order.id for a in actions if isinstance(a, Cancel)] == [1]


def test_a_cancel_is_asked_once_a_pass_then_looked_for_and_asked_again_by_the_next_pass():
    asked = order(cancel_requested_at=NOW)
    assert kinds(planned(asked)) == ["LookAgain"]
    assert kinds(planned(replace(asked, order_status="pending_cancel"))) == ["LookAgain"]
    assert kinds(planned(asked, when=context(now=NOW + 5 * MINUTE))) == ["Cancel"]


def test_outside_the_session_nobody_waits_for_a_cancel():
    evening = context(now=CLOSE + 60 * MINUTE)
    assert kinds(planned(order(), when=evening)) == ["Cancel"]
    assert planned(order(cancel_requested_at=evening.now), when=evening) == ()


def test_a_note_that_stands_there_already_is_not_written_again():
    (cancel,) = planned(order(), of=trade(note=ASKED))
    assert cancel.intent == ()


# with the rest of the plan


def partly(style="SWING"):
    """Return the rows of a trade that bought four of ten shares, the rest of its entry live, and the broker's view."""
    owned, entry, first = bought(trade_style=style, actual_qty=D("4"))
    entry = replace(entry, order_status="partially_filled", filled_qty=D("4"), ended_at=None)
    row = position(qty=D("4"), cost_basis=D("600"))
    kept = rows(
        trades=(owned,), orders=(entry,), fills=(replace(first, qty=D("4")),), positions=(row,), controls=(HALT,)
    )
    shown = broker_order(status="partially_filled", filled_qty=D("4"))
    return kept, snapshot(held("4"), live=(shown,), fills=(activity(qty=D("4")),))


def test_the_part_that_filled_is_covered_in_the_round_that_cancels_the_rest():
    actions = plan_order_monitor(*partly(), context()).actions
    assert kinds(actions) == ["Write", "Submit", "Cancel"]
    assert (actions[1].body["qty"], actions[1].body["order_class"]) == ("4", "oco")


def test_a_plain_stop_waits_for_the_one_cancel_that_both_rules_want():
    actions = plan_order_monitor(*partly(style="TREND"), context()).actions
    assert kinds(actions) == ["Write", "Cancel"]
    assert actions[1].why == "all is HALTED: the news"


def test_an_entry_of_unknown_outcome_is_adopted_first_and_cancelled_in_the_next_round():
    kept = rows(trades=(trade(),), orders=(pending(),), controls=(HALT,))
    look = snapshot(by_client_id={pending().client_order_id: broker_order()})
    first = plan_order_monitor(kept, look, context())
    assert kinds(first.actions) == ["Write"]
    adopted = written(kept, first.actions)
    assert kinds(plan_order_monitor(adopted, snapshot(live=(broker_order(),)), context()).actions) == ["Cancel"]


# what the trade says in the end


def test_a_trade_halted_before_it_bought_ends_cancelled_with_the_reason():
    kept = rows(trades=(trade(note=ASKED),), orders=(order(cancel_requested_at=NOW),), controls=(HALT,))
    gone = snapshot(by_id={"B1": broker_order(status="cancelled", ended_at=NOW)})
    values = values_of(plan_order_monitor(kept, gone, context()).actions, "trade_journal")
    assert (values["status"], values["note"]) == ("CANCELLED", f"the entry was cancelled without a fill: {ASKED}")


def test_a_trade_halted_in_the_middle_keeps_what_it_bought_and_the_reason_for_good():
    owned, entry, first = bought(note=ASKED, actual_qty=D("4"))
    entry = replace(entry, order_status="cancelled", filled_qty=D("4"), cancel_requested_at=NOW)
    cover = oco(qty=D("4"))
    row = position(qty=D("4"), cost_basis=D("600"), covered_qty=D("4"), stop_loss_order_id=3, take_profit_order_id=2)
    kept = rows(
        trades=(owned,), orders=(entry, *cover), fills=(replace(first, qty=D("4")),), positions=(row,), controls=()
    )
    look = snapshot(held("4", qty_available=D("0")), by_id={})
    first_plan = plan_order_monitor(kept, look, context()).actions
    said = f"bought 4 of 10: the rest of the entry was cancelled: {ASKED}"
    assert values_of(first_plan, "trade_journal")["note"] == said
    again = written(kept, [a for a in first_plan if kinds([a]) == ["Write"]])
    assert "note" not in values_of(plan_order_monitor(again, look, context()).actions, "trade_journal")


def test_a_fill_that_overtakes_the_cancel_is_a_position():
    kept = rows(trades=(trade(note=ASKED),), orders=(order(cancel_requested_at=NOW),), controls=(HALT,))
    full = broker_order(status="filled", filled_qty=D("10"), filled_avg_price=D("150"))
    look = snapshot(held(), by_id={"B1": full}, fills=(activity(),))
    booked = plan_order_monitor(kept, look, context()).actions
    assert values_of(booked, "trade_journal")["status"] == "POSITION"
    after = plan_order_monitor(written(kept, booked), snapshot(held(), fills=(activity(),)), context()).actions
    assert kinds(after) == ["Submit"]
    assert fill().qty == D(after[0].body["qty"])
