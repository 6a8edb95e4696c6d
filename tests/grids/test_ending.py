"""How a grid ends: what is written, in which order, and what is never sent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.domain.bodies import thaw
from lib.domain.money import D
from lib.planning.grid.ending import plan_ending, plan_over
from tests.builders import CLOSE, MINUTE, NOW, codes, context, held, kinds, order, rows, snapshot, values_of
from tests.grids.rows import BOUGHT, RESTING, folded, gone, grid_fill, grid_order, initial, priced, sheet, strategy

STOPPING = {"status": "STOPPING", "wanted": "flatten", "reason": "a stop was asked for"}
OVER = gone(RESTING)
TEN = held("10")


def plan(each, *, seen=None, others=(), now=NOW, **changes):
    mine = rows(grids=(each.strategy,), orders=(*each.orders, *others), fills=each.fills)
    return plan_ending(folded(each), mine, seen or snapshot(TEN), context(now=now, **changes))


def body_of(step):
    (action,) = step[0]
    return thaw(action.intent[0].values["payload"])


def written(step):
    return values_of(step[0], "grid_strategy")


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [("flatten", "flatten"), ("keep", "keep"), (" Keep ", "keep"), ("halt!", "keep")],
    ids=["flatten", "keep", "keep as people write it", "a word that nobody knows"],
)
def test_a_stop_that_was_asked_for_is_written_before_anything_is_cancelled(asked, wanted):
    step = plan(sheet(*RESTING, wanted=asked))
    assert kinds(step[0]) == ["Write"]
    assert (written(step)["status"], written(step)["wanted"]) == ("STOPPING", wanted)


def test_a_grid_that_was_never_started_stops_without_an_order():
    each = sheet(first=False, fills=(), status="WAITING", started_at=None, wanted="flatten")
    assert written(plan(each)) == {"status": "STOPPED", "stopped_at": NOW, "reason": "stopped before it was started"}


PRICES = [
    ("SPOT", {"stop_price": "75"}, "75.01", "flatten"),  # the bid is 75.00
    ("SPOT", {"stop_price": "75"}, "75.02", None),
    ("SPOT", {"take_profit_price": "125"}, "125.01", "flatten"),
    ("SPOT", {"take_profit_price": "125"}, "125.00", None),
    ("REVERSE", {"stop_price": "125"}, "124.99", "flatten"),  # the ask is 125.00
    ("REVERSE", {"stop_price": "125"}, "124.98", None),
    ("REVERSE", {"take_profit_price": "75"}, "74.99", "flatten"),
    ("REVERSE", {"take_profit_price": "75"}, "75.00", None),
    ("SPOT", {"out_of_range": "stop"}, "79.98", "keep"),  # the ask is 79.99
    ("SPOT", {"out_of_range": "stop"}, "79.99", None),
    ("SPOT", {"out_of_range": "flatten"}, "120.02", "flatten"),
    ("SPOT", {"out_of_range": "flatten"}, "120.01", None),
    ("SPOT", {"out_of_range": "hold"}, "150", None),
    ("REVERSE", {"out_of_range": "flatten"}, "79.98", "flatten"),
]


@pytest.mark.parametrize(("kind", "columns", "price", "wanted"), PRICES)
def test_a_price_ends_a_grid_by_the_side_of_the_quote_that_it_would_be_closed_at(kind, columns, price, wanted):
    each = sheet(first=False, fills=(), kind=kind, last_price=None, **columns)
    step = plan(each, seen=snapshot(quotes=priced(price)))
    assert (None if step is None else written(step)["wanted"]) == wanted


@pytest.mark.parametrize(
    "quotes",
    [{}, priced("70", at=NOW - timedelta(minutes=16)), priced("70", spread="-0.02"), {"AAPL": None}],
    ids=["none", "old", "crossed", "missing"],
)
def test_no_price_ends_a_grid_by_a_quote_that_nobody_should_go_by(quotes):
    assert plan(sheet(*RESTING, stop_price="75"), seen=snapshot(TEN, quotes=quotes)) is None


def test_no_price_ends_a_grid_outside_the_session_or_while_it_is_paused():
    evening, seen = CLOSE + MINUTE, snapshot(TEN, quotes=priced("70", at=CLOSE))
    assert plan(sheet(*RESTING, stop_price="75"), seen=seen, now=evening) is None
    assert plan(sheet(*RESTING, stop_price="75", status="PAUSED"), seen=snapshot(TEN, quotes=priced("70"))) is None


def test_a_paused_grid_can_be_stopped_by_a_person():
    assert written(plan(sheet(*RESTING, status="PAUSED", wanted="keep")))["status"] == "STOPPING"


def test_everything_that_rests_is_cancelled_first_and_nothing_else_is_done():
    step = plan(sheet(*RESTING, **STOPPING))
    assert [action.order.id for action in step[0]] == [2, 3, 4, 5]
    assert set(kinds(step[0])) == {"Cancel"}


@pytest.mark.parametrize("status", ["pending_cancel", "pending_replace", "pending"])
def test_while_any_order_has_not_ended_no_market_order_is_sent(status):
    last = replace(RESTING[0], order_status=status, alpaca_order_id=None if status == "pending" else "G2")
    step = plan(sheet(last, *OVER[1:], **STOPPING))
    assert kinds(step[0]) == ["LookAgain"]


def test_an_order_that_the_broker_never_had_is_given_up_by_two_looks():
    unknown = replace(RESTING[0], order_status="pending", alpaca_order_id=None, missing_at=NOW - timedelta(seconds=31))
    step = plan(sheet(unknown, *OVER[1:], **STOPPING))
    assert values_of(step[0], "order_execution")["order_status"] == "unsent"


def test_nothing_is_closed_before_the_fills_are_booked():
    filled = replace(RESTING[1], order_status="cancelled", filled_qty=D("2"))
    step = plan(sheet(filled, OVER[0], *OVER[2:], **STOPPING))
    assert kinds(step[0]) == ["LookAgain"]


def test_exactly_what_the_grid_holds_is_closed_by_one_market_order():
    more = grid_fill(2, 3, "buy", "2", "90", transaction_time=NOW - timedelta(minutes=2))
    filled = replace(OVER[1], filled_qty=D("2"))
    seen = snapshot(held("40"))  # of which the rest is not the grid's
    step = plan(sheet(OVER[0], filled, *OVER[2:], fills=(BOUGHT, more), **STOPPING), seen=seen)
    assert kinds(step[0]) == ["Submit"]
    assert step[0][0].increases_exposure is False
    assert body_of(step) == {
        "client_order_id": "ns-g3-close-sell-6",
        "symbol": "AAPL",
        "qty": "12",
        "side": "sell",
        "type": "market",
        "time_in_force": "day",
        "position_intent": "sell_to_close",
    }
    row = step[0][0].intent[0].values
    assert (row["strategy_id"], row["cell"], row["attempt"], row["trade_id"]) == (3, None, 6, None)


def test_a_short_inventory_is_bought_back():
    sold = grid_fill(1, 1, "sell", "10", "100")
    each = sheet(initial(side="sell"), first=False, fills=(sold,), kind="REVERSE", **STOPPING)
    step = plan(each, seen=snapshot(held("-10")))
    assert (body_of(step)["side"], body_of(step)["qty"]) == ("buy", "10")
    assert body_of(step)["position_intent"] == "buy_to_close"


def test_never_more_is_closed_than_the_broker_has_free_and_a_person_is_told():
    step = plan(sheet(*OVER, **STOPPING), seen=snapshot(held("7", qty_available=D("4"))))
    assert body_of(step)["qty"] == "4"
    assert codes(step[1]) == ["GRID_CLOSE"]


def test_right_after_a_fill_the_position_is_waited_for():
    just_now = replace(BOUGHT, transaction_time=NOW - timedelta(seconds=30))
    step = plan(sheet(*OVER, fills=(just_now,), **STOPPING), seen=snapshot())
    assert (kinds(step[0]), step[1]) == (["LookAgain"], ())


def test_outside_the_session_the_close_waits():
    assert plan(sheet(*OVER, **STOPPING), now=CLOSE + MINUTE) == ((), ())


def test_an_opposite_order_of_a_trade_is_never_met_and_a_person_is_told():
    entry = order(id=40, trade_id=7, side="buy", limit_price=D("60"))
    step = plan(sheet(*OVER, **STOPPING), others=(entry,))
    assert (step[0], codes(step[1])) == ((), ["GRID_CLOSE"])


def closes(*statuses, now=NOW):
    """Return closing orders of earlier passes, the last of them sent `now`."""
    return tuple(
        grid_order(
            6 + n,
            "sell",
            None,
            None,
            kind="market",
            qty=D("10"),
            order_status=status,
            reject_reason="OTHER: no",
            created_at=now - timedelta(minutes=5 * (len(statuses) - n)),
        )
        for n, status in enumerate(statuses)
    )


def test_a_refused_close_is_tried_again_in_the_next_pass_under_another_name():
    step = plan(sheet(*OVER, *closes("rejected"), **STOPPING))
    assert (body_of(step)["client_order_id"], step[1]) == ("ns-g3-close-sell-7", ())


def test_a_refused_close_is_not_tried_again_in_the_same_pass():
    assert plan(sheet(*OVER, *closes("rejected"), **STOPPING), pass_started_at=NOW - timedelta(minutes=6)) == ((), ())


def test_three_refusals_are_told_in_each_pass_that_tries_again():
    step = plan(sheet(*OVER, *closes("rejected", "rejected", "rejected"), **STOPPING))
    assert (kinds(step[0]), codes(step[1])) == (["Submit"], ["GRID_CLOSE"])
    assert "refused 3 times: OTHER: no" in step[1][0].message


def test_a_close_that_filled_in_part_goes_on_by_what_is_still_held():
    part = replace(closes("cancelled")[0], filled_qty=D("6"))
    sold = grid_fill(2, part.id, "sell", "6", "99", transaction_time=NOW - timedelta(minutes=4))
    step = plan(sheet(*OVER, part, fills=(BOUGHT, sold), **STOPPING), seen=snapshot(held("4")))
    assert body_of(step)["qty"] == "4"


def test_a_closing_order_under_way_is_waited_for_and_one_the_broker_never_had_is_sent_again_by_its_name():
    under_way = closes("new")
    assert kinds(plan(sheet(*OVER, *under_way, **STOPPING))[0]) == ["LookAgain"]
    lost = replace(
        under_way[0],
        order_status="pending",
        alpaca_order_id=None,
        missing_at=NOW - timedelta(seconds=31),
        payload='{"client_order_id": "ns-g3-close-sell-6", "side": "sell", "qty": "10"}',
    )
    (again,) = plan(sheet(*OVER, lost, **STOPPING))[0]
    assert (again.order, again.body["client_order_id"]) == (lost, "ns-g3-close-sell-6")


def test_once_nothing_is_held_the_grid_has_stopped_and_its_reason_has_the_result():
    close = replace(closes("filled")[0], filled_qty=D("10"))
    sold = grid_fill(2, close.id, "sell", "10", "98.5", transaction_time=NOW - timedelta(minutes=4))
    values = written(plan(sheet(*OVER, close, fills=(BOUGHT, sold), **STOPPING), seen=snapshot()))
    assert (values["status"], values["stopped_at"]) == ("STOPPED", NOW)
    assert values["reason"] == "a stop was asked for; result -15, fees of 0 taken off"  # 10 x (98.5 - 100)


def test_nothing_is_closed_at_market_once_nobody_asks_for_it():
    step = plan(sheet(*OVER, **(STOPPING | {"wanted": None})))
    assert written(step)["status"] == "STOPPED"
    assert "10 kept" in written(step)["reason"]


def test_what_is_kept_becomes_the_users_own_in_the_same_transaction():
    (end,) = plan(sheet(*OVER, **(STOPPING | {"wanted": "keep"})), seen=snapshot(TEN, quotes=priced("104")))[0]
    assert [change.table for change in end.changes] == ["grid_strategy", "quantity_change"]
    row = end.changes[1].values
    assert (row["trade_id"], row["symbol"], row["delta"], row["cause"]) == (None, "AAPL", D("10"), "TRANSFER")
    assert end.changes[0].values["reason"].endswith("10 kept")


def coins(*orders, fills, **changes):
    changes = {
        "symbol": "BTC/USD",
        "lower_price": "60000",
        "upper_price": "68000",
        "quantity_per_grid": "0.01",
    } | changes
    return sheet(*orders, first=False, fills=fills, **(STOPPING | changes))


def coin_rows(qty, filled_at="64000", fee=None):
    first = initial(qty=qty, symbol="BTC/USD")
    bought = grid_fill(1, 1, "buy", qty, filled_at, symbol="BTC/USD", fee=fee, commission_asset=fee and "BTC")
    return first, bought


@pytest.mark.parametrize(
    ("at_broker", "closed"),
    [("0.01995", "0.01995"), ("0.01997", "0.01997"), ("0.03", "0.01995")],
    ids=["the fee as assumed", "a lower fee", "coins of the user's among them"],
)
def test_of_coins_what_the_fee_left_is_closed_at_any_hour(at_broker, closed):
    first, bought = coin_rows("0.02")
    seen = snapshot(positions={"BTC/USD": held(at_broker, symbol="BTC/USD")})
    step = plan(coins(first, fills=(bought,)), seen=seen, now=CLOSE + timedelta(hours=5))
    assert (body_of(step)["qty"], body_of(step)["time_in_force"]) == (closed, "gtc")


def test_coins_that_are_too_little_for_an_order_are_left_and_named():
    first, bought = coin_rows("0.0001")  # worth 6.40 dollars
    step = plan(coins(first, fills=(bought,)), seen=snapshot())
    assert written(step)["status"] == "STOPPED"
    assert written(step)["reason"].endswith("0.00009975 too little for an order")
    assert len(step[0][0].changes) == 1  # the user's coins are in no book


def test_what_lives_of_a_grid_that_has_ended_is_cancelled():
    live, over = sheet(*RESTING, status="STOPPED"), sheet(*OVER, status="STOPPED")
    assert [a.order.id for a in plan_over(live, rows(), snapshot(), context())[0]] == [2, 3, 4, 5]
    assert plan_over(over, rows(), snapshot(), context()) == ((), ())


# Trailing: table T1 of the reference, cash 2150 after all was sold at 110 and 120.

SOLD = (
    replace(RESTING[2], order_status="filled", filled_qty=D("5")),
    replace(RESTING[3], order_status="filled", filled_qty=D("5")),
)
SALES = (
    grid_fill(2, 4, "sell", "5", "110", transaction_time=NOW - timedelta(minutes=9)),
    grid_fill(3, 5, "sell", "5", "120", transaction_time=NOW - timedelta(minutes=8)),
)


def trailing(price, **changes):
    each = sheet(*RESTING[:2], *SOLD, fills=(BOUGHT, *SALES), trailing="yes", **changes)
    return plan(each, seen=snapshot(quotes=priced(price, spread="0")))


def test_the_range_follows_the_price_a_whole_step_beyond_it():
    assert trailing("129.99") is None
    moved = strategy(trailing="yes", shift=1)
    assert written(trailing("130")) == {"shift": 1, "reason": None, "approved_digest": moved.approved_digest}


def test_a_range_that_its_cash_does_not_cover_stays_and_says_so_once():
    refused = written(trailing("140", shift=1))["reason"]
    assert "2300" in refused
    assert "2150" in refused
    assert trailing("140", shift=1, reason=refused) is None


def test_the_range_stays_while_anything_is_held_beyond_its_limit_or_under_a_halt():
    holding = sheet(*RESTING, trailing="yes")
    assert plan(holding, seen=snapshot(TEN, quotes=priced("130", spread="0"))) is None
    assert "trailing_limit 125" in written(trailing("130", trailing_limit="125"))["reason"]


def test_a_range_that_would_leave_something_behind_stays_and_says_so():
    """0.4 of a share is less than an order of whole ones: of them no exit can rest, and the next cells would forget."""
    left = replace(SOLD[1], filled_qty=D("4.6"), order_status="cancelled")
    sales = (SALES[0], replace(SALES[1], qty=D("4.6")))
    each = sheet(*RESTING[:2], SOLD[0], left, fills=(BOUGHT, *sales), trailing="yes")
    refused = written(plan(each, seen=snapshot(quotes=priced("130", spread="0"))))
    assert refused == {"reason": "it does not trail: 0.4 AAPL it holds are too little for an order"}


def test_a_reverse_grid_follows_downwards():
    sold = grid_fill(1, 1, "sell", "10", "100")
    first = initial(side="sell")
    covers = tuple(
        grid_order(n, "buy", price, cell, order_status="filled", filled_qty=D("5"))
        for n, price, cell in ((4, "90", 1), (5, "80", 0))
    )
    back = tuple(grid_fill(n, n, "buy", "5", p, transaction_time=NOW - MINUTE * 9) for n, p in ((4, "90"), (5, "80")))
    each = sheet(first, *covers, first=False, fills=(sold, *back), kind="REVERSE", trailing="yes")
    assert plan(each, seen=snapshot(quotes=priced("70.01", spread="0"))) is None
    moved = written(plan(each, seen=snapshot(quotes=priced("70", spread="0"))))
    assert (moved["shift"], moved["reason"]) == (-1, None)


def test_a_range_that_trails_is_not_left_on_the_side_it_follows():
    assert trailing("125", out_of_range="flatten") is None
    assert written(trailing("125", out_of_range="flatten", trailing_limit="125"))["status"] == "STOPPING"
