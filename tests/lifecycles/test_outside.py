"""What the account's owner does in the broker's app, beside this system: attributed, covered anew, never sold into.

AAPL is bought at the ask, a cent above the price that a step names: ten shares at 149.51.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from lib.domain.limits import Limits
from lib.intake.control_desk import Desk, pin, resume
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries

BOUGHT = ((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))
DAY = {"time_in_force": "day"}
FIVE_MORE = {"symbol": "AAPL", "planned_entry": "150", "planned_sl": "140", "planned_tp": "170", "qty": "5"}


def look(made, when, *stages):
    """Run stages at an instant, the two monitors if none is named."""
    made.clock.advance_to(when)
    for stage in stages or ("order_monitor", "position_monitor"):
        made.run(stage)


def begin(make_world, *prices, sharing="", decisions=(SWING_AAPL,), **switches):
    """Return a world in which ten shares are owned and covered at 15:05."""
    made = make_world(
        at(16, 14, 43),
        ScriptedFeed({"AAPL": steps(*BOUGHT, *prices)}),
        options=Options(**({"partial_fill_rate": Decimal(0)} | switches)),
        wrap=lambda tools: replace(tools, limits=Limits(symbol_sharing=sharing)),
    )
    for decision in decisions:
        made.decide(**decision)
    look(made, at(16, 14, 45), "order_executor")
    look(made, at(16, 15, 5))
    return made


def user_trades(made, side, qty):
    made.user_cancels_all()
    body = {"symbol": "AAPL", "side": side, "qty": qty, "type": "market", "time_in_force": "day"}
    answer = made.user_order(body)
    assert answer.status == 200, answer.body
    return answer


def live_at_broker(made):
    shown = [o for parent in made.tools.broker.live_orders() for o in (parent, *parent.legs)]
    return sorted((o.side, o.kind, o.qty, o.stop_price or o.limit_price) for o in shown)


def cover(qty, stop="145", target="160"):
    return [("sell", "limit", qty, Decimal(target)), ("sell", "stop", qty, Decimal(stop))]


def trades(made):
    return queries.journal(made.store, "main")


def changes(made):
    return [(c.cause, c.trade_id, c.delta) for c in queries.changes(made.store, "main")]


@pytest.mark.case("fail-E10")
@pytest.mark.sample
def test_a_part_sold_in_the_app_leaves_the_trade_smaller_and_its_cover_with_it(make_world):
    """4 of 10 sold at 149.50 in the app, the rest at 161: 4 x -0.01 + 6 x 11.49."""
    made = begin(make_world, (at(16, 15, 32), "161"))
    user_trades(made, "sell", "4")
    look(made, at(16, 15, 10))
    (change,) = queries.changes(made.store, "main")
    assert (change.cause, change.trade_id, change.delta, change.price) == ("FOREIGN_FILL", 1, -4, Decimal("149.50"))
    assert change.evidence.startswith("order ")
    assert change.evidence.endswith(" is not ours")
    look(made, at(16, 15, 15))
    assert live_at_broker(made) == cover(6)
    look(made, at(16, 15, 35))
    (trade,) = trades(made)
    assert (trade.status, trade.exit_reason, trade.actual_pnl) == ("CLOSED", "PROFIT_TAKEN", Decimal("68.90"))
    assert at_rest(made) == ()


@pytest.mark.case("fail-E11")
def test_what_the_user_buys_in_the_app_is_the_user_s_and_is_not_sold_with_the_trade(make_world):
    made = begin(make_world, (at(16, 15, 32), "161"))
    user_trades(made, "buy", "5")
    look(made, at(16, 15, 10))
    look(made, at(16, 15, 15))
    assert changes(made) == [("FOREIGN_FILL", None, 5)]
    assert live_at_broker(made) == cover(10)
    look(made, at(16, 15, 35))
    (trade,) = trades(made)
    assert (trade.status, trade.actual_pnl) == ("CLOSED", Decimal("114.90"))  # 10 x (161 - 149.51)
    assert made.tools.broker.positions()["AAPL"].qty == 5
    assert at_rest(made) == ()


@pytest.mark.case("fail-E12")
def test_a_position_flipped_to_a_short_in_the_app_ends_the_trade_and_nothing_is_ever_sold_into_it(make_world):
    made = begin(make_world, (at(16, 15, 32), "140"))
    user_trades(made, "sell", "10")
    user_trades(made, "sell", "5")
    ours = len(queries.orders_of(made.store, 1))
    for minute in (10, 15, 20, 35, 40):
        look(made, at(16, 15, minute))
    (trade,) = trades(made)
    assert (trade.status, trade.exit_reason, trade.actual_pnl) == ("CLOSED", "MANUAL_EXIT", Decimal("-0.10"))
    assert changes(made) == [("FOREIGN_FILL", 1, -10), ("FOREIGN_FILL", None, -5)]
    assert len(queries.orders_of(made.store, 1)) == ours
    assert made.tools.broker.positions()["AAPL"].qty == -5
    assert live_at_broker(made) == []


@pytest.mark.case("fail-E9")
def test_an_entry_cancelled_in_the_app_ends_its_trade(make_world):
    made = begin(make_world, decisions=(SWING_AAPL | {"planned_entry": "147"},))
    made.user_cancels_all()
    look(made, at(16, 15, 10))
    (trade,) = trades(made)
    assert (trade.status, trade.note) == ("CANCELLED", "the entry was cancelled without a fill")
    assert at_rest(made) == ()


@pytest.mark.case("fail-E13")
def test_a_symbol_has_one_owner_unless_it_may_be_shared(make_world):
    made = begin(make_world, decisions=(SWING_AAPL, FIVE_MORE))
    second = queries.decision(made.store, 2)
    assert (second.execution_status, second.execution_note) == (
        "WAITING",
        "SYMBOL_BUSY: AAPL belongs to trade 1",
    )


@pytest.mark.case("fail-E13")
def test_two_trades_that_share_a_symbol_have_their_own_cover_and_a_sale_in_the_app_takes_from_the_older(make_world):
    made = begin(make_world, sharing="oco", decisions=(SWING_AAPL, FIVE_MORE))
    assert live_at_broker(made) == sorted(cover(10) + cover(5, "140", "170"))
    user_trades(made, "sell", "12")
    look(made, at(16, 15, 10))
    look(made, at(16, 15, 15))
    assert changes(made) == [("FOREIGN_FILL", 1, -10), ("FOREIGN_FILL", 2, -2)]
    assert [(t.status, t.exit_reason) for t in trades(made)] == [("CLOSED", "MANUAL_EXIT"), ("POSITION", None)]
    assert live_at_broker(made) == cover(3, "140", "170")
    assert at_rest(made) == ()


def decide_beside(made):
    """Claim a second decision at 15:10; return its row once the books are level."""
    decision = made.decide(**FIVE_MORE)
    made.clock.advance_to(at(16, 15, 10))
    made.run("order_executor", only_decision=decision)
    look(made, at(16, 15, 15))
    made.run("order_executor")
    return queries.decision(made.store, decision)


@pytest.mark.case("fail-E13")
@pytest.mark.parametrize("exempt", [True, False])
def test_a_buy_short_of_the_resting_target_passes_a_strict_broker_too(make_world, exempt):
    made = begin(make_world, sharing="oco", wash_trade_resting_complex_exempt=exempt)
    row = decide_beside(made)
    assert (row.execution_status, row.execution_note) == ("ORDERED", "ordered 5 at 150 or better")
    assert live_at_broker(made) == sorted(cover(10) + cover(5, "140", "170"))


@pytest.mark.case("fail-E13")
def test_a_buy_that_the_broker_refuses_beside_another_order_is_rejected_in_the_broker_s_words(make_world):
    """The user's own plain stop makes every plain buy a wash trade: no rule of ours knows of it."""
    made = begin(make_world, sharing="oco")
    made.user_order({"symbol": "AAPL", "side": "buy", "qty": "5", "type": "limit", "limit_price": "150"} | DAY)
    look(made, at(16, 15, 6))
    made.user_order({"symbol": "AAPL", "side": "sell", "qty": "5", "type": "stop", "stop_price": "100"} | DAY)
    row = decide_beside(made)
    assert row.execution_status == "REJECTED"
    assert "potential wash trade detected" in row.execution_note


@pytest.mark.case("fail-K9", "fail-D6")
def test_another_account_than_the_pinned_one_freezes_ours_until_a_person_resumes_it(make_world):
    made = begin(make_world)
    number = made.store.account("main").account_number
    desk = Desk(store=made.store, state_dir=made.tools.state_dir, now=made.clock.now())
    pin(desk, "main", "PA-OTHER", lambda _warning: True)
    watching, made.observers = made.observers, []  # what is watched is broken on purpose: I21
    for minute in (10, 15):
        for stage in ("order_executor", "order_monitor", "position_monitor"):
            made.clock.advance_to(at(16, 15, minute))
            assert made.run(stage).exit_code == 1  # the World's word for an error; the process exits with 2
    (control,) = queries.controls(made.store)
    assert (control.scope, control.state) == ("account:main", "FROZEN")
    assert control.reason == (
        f"account main is pinned to the broker account PA-OTHER, but these settings reach {number}; nothing was sent"
    )
    assert [t.status for t in trades(made)] == ["POSITION"]
    assert live_at_broker(made) == cover(10)
    # The right account again: it stays frozen, and its cover rests, until a person says so.
    pin(desk, "main", number, lambda _warning: True)
    made.observers = watching
    made.user_cancels_all()
    look(made, at(16, 15, 20), "order_monitor")
    assert live_at_broker(made) == []
    resume(desk, "main", None, "pinned anew")
    look(made, at(16, 15, 25), "order_monitor")
    assert live_at_broker(made) == cover(10)
