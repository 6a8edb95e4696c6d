"""Cover of a short trade is a buy: everything mirrored, and no share more than the broker shows as sold short."""

from dataclasses import replace

import pytest

from lib.domain.money import D
from tests.builders import NOW, codes, fill, oco
from tests.order_monitor.protecting import IN_THIS_PASS, SHORT, STOPPED, TRAILING, look, owning, refused, sent, step

SOLD_SHORT = look("-10")


def test_a_short_swing_is_covered_by_an_oco_that_buys():
    body = sent(step(owning(**SHORT), SOLD_SHORT))
    assert (body["side"], body["position_intent"], body["qty"]) == ("buy", "buy_to_close", "10")
    assert (body["take_profit"]["limit_price"], body["stop_loss"]["stop_price"]) == ("140", "155")


def test_a_short_of_another_style_is_covered_by_a_buy_stop():
    body = sent(step(owning(**(SHORT | STOPPED)), SOLD_SHORT))
    assert (body["type"], body["side"], body["stop_price"]) == ("stop", "buy", "155")


def test_a_short_with_a_trail_is_covered_by_a_trailing_buy():
    body = sent(step(owning(**(SHORT | TRAILING)), SOLD_SHORT))
    assert (body["type"], body["side"], body["trail_percent"]) == ("trailing_stop", "buy", "5")


@pytest.mark.parametrize(("free", "qty"), [("-6", "6"), ("-10", "10")])
def test_no_more_is_bought_back_than_no_other_order_holds(free, qty):
    assert sent(step(owning(**SHORT), look("-10", free=free)))["qty"] == qty


def test_a_long_position_is_none_to_buy_back():
    planned = step(owning(**SHORT), look("10"))
    assert (sent(planned), codes(planned[1])) == (None, ["POSITION_ABSENT"])


@pytest.mark.case("fail-A9")
def test_a_buy_stop_refused_as_through_is_bought_at_market():
    body = sent(step(owning(*refused("STOP_THROUGH", short=True), **SHORT), SOLD_SHORT, now=IN_THIS_PASS, started=NOW))
    assert (body["type"], body["side"], body["position_intent"]) == ("market", "buy", "buy_to_close")


def test_a_target_refused_as_through_is_a_buy_limit_at_the_target():
    kept = owning(*refused("TARGET_THROUGH", short=True), **SHORT)
    body = sent(step(kept, SOLD_SHORT, now=IN_THIS_PASS, started=NOW))
    assert (body["type"], body["side"], body["limit_price"]) == ("limit", "buy", "140")


def test_what_covers_a_short_is_left_alone():
    assert step(owning(*oco(side="buy", leg={"side": "buy"}), **SHORT), look("-10", free="0")) == ((), ())


@pytest.mark.case("fail-E5")
def test_a_short_that_bought_back_too_much_sells_the_excess():
    target, stop = oco(side="buy", order_status="filled", filled_qty=D(10), leg={"side": "buy"})
    doubled = owning(target, _filled(stop), **SHORT)
    bought = tuple(fill(id=n, activity_id=f"F{n}", order_id=n, side="buy", price=D(140)) for n in (2, 3))
    body = sent(step(_with(doubled, bought), look("10")))
    assert (body["side"], body["position_intent"], body["qty"]) == ("sell", "sell_to_close", "10")


def _filled(order):
    return replace(order, order_status="filled", filled_qty=D(10))


def _with(kept, fills):
    return replace(kept, fills=(*kept.fills, *fills))
