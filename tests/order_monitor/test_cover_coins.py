"""Cover of coins: a stop with a limit, a watched target, no session, and never more than the position has."""

from dataclasses import replace

import pytest

from lib.domain.money import D
from lib.planning.booking.results import result
from lib.planning.protecting.splits import cost_basis
from tests.builders import CLOSE, MINUTE, NOW, codes, exit_order, kinds
from tests.order_monitor.protecting import (
    COIN,
    IN_THIS_PASS,
    SHORT,
    STOPPED,
    cancelled,
    coin_stop,
    live_entry,
    look,
    owning,
    sent,
    step,
)

NIGHT = CLOSE + 360 * MINUTE
HELD = {"qty": "0.49875", "symbol": "BTC/USD"}  # half a coin less 25 basis points


def holding(*exits, **changes):
    return owning(*exits, qty="0.5", **(COIN | changes))


def seen(*, free="0.49875", **changes):
    return look(free=free, **(HELD | changes))


def rejected(code="STOP_THROUGH", **changes):
    said = {"order_status": "rejected", "reject_reason": f"{code}: it says", "created_at": NOW, "id": 3}
    return coin_stop(**(said | {"alpaca_order_id": None, "client_order_id": "ns-t7-exit-2"} | changes))


def rung(n, limit, **changes):
    """Return the n-th limit of the ladder, which got nothing."""
    values = {"id": 10 + n, "order_type": "EXIT", "kind": "limit", "limit_price": D(limit), "stop_price": None}
    values |= {"order_status": "cancelled", "time_in_force": "ioc", "created_at": NOW, "alpaca_order_id": f"L{n}"}
    return coin_stop(**(values | {"client_order_id": f"ns-t7-exit-{10 + n}"} | changes))


def test_a_coin_is_covered_by_a_stop_whose_limit_lies_two_per_cent_beyond():
    body = sent(step(holding(), seen()))
    assert (body["type"], body["stop_price"], body["limit_price"]) == ("stop_limit", "55000", "53900")
    assert (body["time_in_force"], body["qty"], body["symbol"]) == ("gtc", "0.49875", "BTC/USD")
    assert "position_intent" not in body
    assert "order_class" not in body


def test_the_quantity_is_cut_to_nine_places():
    assert sent(step(holding(), look("0.4987500019", symbol="BTC/USD")))["qty"] == "0.498750001"


def test_the_fee_that_the_position_lacks_is_not_told_as_uncovered():
    assert step(holding(coin_stop()), seen(free="0")) == ((), ())


def test_after_the_sale_the_fee_that_is_left_needs_nothing():
    sold = coin_stop(order_status="filled", filled_qty=D("0.49875"))
    assert step(holding(sold), replace(seen(), positions={})) == ((), ())


def test_a_position_that_lacks_more_than_a_fee_is_no_position_to_sell():
    planned = step(holding(), replace(seen(), positions={}))
    assert codes(planned[1]) == ["POSITION_ABSENT"]


@pytest.mark.parametrize("now", [NOW, NIGHT])
def test_coins_are_covered_at_any_hour(now):
    assert sent(step(holding(), seen(), now=now))["type"] == "stop_limit"


def test_at_night_a_cancel_of_a_coins_order_is_waited_for():
    assert kinds(step(holding(coin_stop(order_status="pending_cancel")), seen(free="0"), now=NIGHT)[0]) == ["LookAgain"]


def test_the_rest_of_the_entry_is_cancelled_before_a_coins_stop_goes_in():
    planned = step(holding(entry=live_entry(qty=D(1), filled_qty=D("0.5"))), seen())
    assert cancelled(planned) == ["ns-d12-entry-1"]


def test_less_than_ten_dollars_worth_is_told_as_uncoverable():
    entry = {"planned_entry": D(60000)}
    planned = step(owning(qty="0.0001", **(COIN | entry)), look("0.0001", symbol="BTC/USD"))  # 6 dollars
    assert [p.cause for p in planned[1]] == ["uncoverable"]
    assert planned[0] == ()


@pytest.mark.parametrize(("bid", "named"), [("70000", ["ns-t7-exit-1"]), ("69999.99", [])])
@pytest.mark.parametrize("now", [NOW, NIGHT])
def test_at_the_target_the_stop_is_cancelled_at_any_hour(bid, named, now):
    assert cancelled(step(holding(coin_stop()), seen(free="0", bid=bid, at=now), now=now)) == named


def test_and_then_the_coin_is_sold_at_market():
    gone = coin_stop(order_status="cancelled", cancel_requested_at=NOW, ended_at=NOW)
    planned = step(holding(gone), seen(bid="70100"))
    assert (sent(planned)["type"], sent(planned)["time_in_force"]) == ("market", "gtc")
    assert planned[0][0].intent[0].values["order_type"] == "TAKE_PROFIT"


def test_a_coin_without_a_target_is_never_sold_by_a_quote():
    kept = holding(coin_stop(), trade_style="TREND")
    assert step(kept, seen(free="0", bid="99000")) == ((), ())


@pytest.mark.parametrize(("bid", "named"), [("53899", ["ns-t7-exit-1"]), ("53900", []), ("54500", [])])
def test_a_stop_whose_limit_the_market_jumped_over_is_cancelled(bid, named):
    assert cancelled(step(holding(coin_stop()), seen(free="0", bid=bid))) == named


def test_one_that_was_placed_in_this_pass_is_left_until_the_next():
    kept = holding(coin_stop(created_at=NOW))
    assert step(kept, seen(free="0", bid="53899"), now=IN_THIS_PASS, started=NOW) == ((), ())
    assert cancelled(step(kept, seen(free="0", bid="53899"), now=NOW + 5 * MINUTE)) == ["ns-t7-exit-1"]


def test_not_by_an_old_or_a_crossed_quote():
    for quote in ({"bid": "50000", "at": NOW - 20 * MINUTE}, {"bid": "50000", "ask": "49000"}):
        assert step(holding(coin_stop()), seen(free="0", **quote)) == ((), ())


@pytest.mark.parametrize(
    ("tried", "kind", "limit"),
    [
        ((), "limit", "49500"),  # 1 % through a bid of 50000
        ((rung(1, "49500"),), "limit", "48500"),  # 3 %
        ((rung(1, "49500"), rung(2, "48500")), "market", None),
    ],
    ids=["first", "second", "last"],
)
def test_what_the_market_jumped_over_is_sold_through_the_quote_and_then_at_market(tried, kind, limit):
    gone = coin_stop(order_status="cancelled", cancel_requested_at=NOW, ended_at=NOW, created_at=NOW - MINUTE)
    refusals = (rejected(id=20),)
    body = sent(step(holding(gone, *tried, *refusals), seen(bid="50000"), now=IN_THIS_PASS, started=NOW))
    assert (body["type"], body.get("limit_price")) == (kind, limit)
    assert body["time_in_force"] == ("ioc" if kind == "limit" else "gtc")


def test_a_stop_that_the_broker_took_meanwhile_begins_the_ladder_anew():
    again = coin_stop(id=15, order_status="cancelled", cancel_requested_at=NOW, client_order_id="ns-t7-exit-5")
    kept = holding(coin_stop(order_status="cancelled"), rung(1, "49500"), again, rejected(id=20))
    assert sent(step(kept, seen(bid="50000"), now=IN_THIS_PASS, started=NOW))["limit_price"] == "49500"


@pytest.mark.parametrize(("bid", "kind"), [("55000", "limit"), ("55000.01", "stop_limit")])
def test_at_or_beyond_its_stop_by_a_fresh_quote_a_coin_is_sold_and_no_stop_is_tried(bid, kind):
    assert sent(step(holding(), seen(bid=bid)))["type"] == kind
    assert sent(step(holding(), seen(bid=bid, at=NOW - 20 * MINUTE)))["type"] == "stop_limit"


def test_without_a_quote_a_stop_that_is_through_goes_at_market():
    assert sent(step(holding(rejected()), seen(), now=IN_THIS_PASS, started=NOW))["type"] == "market"


@pytest.mark.parametrize(
    ("stop", "ask", "named"),
    [
        ("155", "158.88", ["ns-t7-exit-1"]),  # 2.5 % above 155 is 158.875
        ("155", "158.87", []),
        ("40", "41.61", ["ns-t7-exit-1"]),  # 4 % above 40 is 41.60
        ("40", "41.60", []),
    ],
)
def test_a_buy_stop_has_a_limit_of_alpacas_making(stop, ask, named):
    resting = exit_order(side="buy", stop_price=D(stop))
    terms = SHORT | STOPPED | {"planned_sl": D(stop)}
    planned = step(owning(resting, **terms), look("-10", free="0", bid="10", ask=ask))
    assert cancelled(planned) == named


def test_a_sell_stop_of_shares_needs_no_escalation():
    assert step(owning(exit_order(), **STOPPED), look(free="0", bid="100")) == ((), ())


def test_amounts_of_coins_are_cut_to_what_a_store_keeps():
    bought = owning(qty="0.498333333", **COIN)
    odd = replace(bought.fills[0], price=D("59896.123456789"))
    kept = replace(bought, fills=(odd,))
    assert cost_basis(kept, odd.qty, odd.price) == D("29848.234836001")
    sale = replace(coin_stop(qty=odd.qty, order_status="filled", filled_qty=odd.qty), side="sell")
    sold = replace(odd, id=2, activity_id="F2", order_id=sale.id, side="sell", price=D("60000.987654321"))
    ended = replace(kept, orders=(*kept.orders, sale), fills=(odd, sold))
    assert result(ended)["actual_pnl"] == D("52.257325068")  # 104.864197532 a coin
