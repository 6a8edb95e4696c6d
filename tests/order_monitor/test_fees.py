"""Fees as the broker posts them: shared out to the cent over the day's fills, as often as they are read."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lib.domain.facts import Activity
from lib.domain.money import CENT, D
from lib.planning.booking.fees import _Part, plan_fees, share_out
from tests.builders import NOW, OPEN, change, exit_order, fill, order, rows, snapshot, trade, values_of, written

DAY = OPEN.date()
BOUGHT = fill(qty=D("10"), price=D("150"))
SOLD = fill(id=2, activity_id="F2", order_id=2, side="sell", qty=D("10"), price=D("250"), transaction_time=NOW)
ENDED = {"status": "CLOSED", "actual_pnl": D("1000"), "net_pnl": D("1000"), "fees": D("0"), "fees_final": False}
WHOLE = {"order_status": "filled", "filled_qty": D("10")}


def fee(amount, *, name="A1", kind="FEE", **more):
    values = {"id": name, "kind": kind, "date": DAY, "net_amount": None if amount is None else -D(amount)}
    return Activity(**(values | more))


def closed(*fills, changes=(), **journal):
    """Return a trade that has ended: bought for 1500, sold for 2500."""
    return rows(
        trades=(trade(**(ENDED | journal)),),
        orders=(order(**WHOLE), exit_order(**WHOLE)),
        fills=fills or (BOUGHT, SOLD),
        changes=changes,
    )


def booked(kept, *activities, now=NOW + timedelta(days=1), fees_from=DAY):
    look = snapshot(activities=activities, fees_from=fees_from)
    return plan_fees(rows(), kept, look, now)


def figures(kept):
    (journal,) = kept.trades
    return journal.fees, journal.net_pnl, journal.fees_final


def test_a_day_s_fee_is_shared_out_by_notional_and_taken_off_a_trade_that_has_closed():
    """1500 and 2500 of 4000: of 8 cents three and five."""
    after = written(closed(), booked(closed(), fee("0.05"), fee("0.03", name="A2")))
    assert [(f.fee, f.commission_asset) for f in after.fills] == [(D("0.03"), "USD"), (D("0.05"), "USD")]
    assert figures(after) == (D("0.08"), D("999.92"), False)


def test_the_odd_cents_go_to_the_largest_remainder():
    """Of 1 cent: 0.375 and 0.625."""
    after = written(closed(), booked(closed(), fee("0.01")))
    assert [f.fee for f in after.fills] == [D("0"), D("0.01")]


def test_an_order_that_is_named_bears_its_fee_alone():
    after = written(closed(), booked(closed(), fee("0.07", order_id="B2")))
    assert [f.fee for f in after.fills] == [None, D("0.07")]


def test_what_the_owner_traded_bears_its_part_which_belongs_to_no_trade():
    """Another 4000 was traded in the app that day: of 8 cents four are the owner's."""
    theirs = change(cause="FOREIGN_FILL", delta=D("-40"), price=D("100"), at=NOW, trade_id=None, activity_id="X1")
    look = snapshot(activities=(fee("0.08"),), fees_from=DAY)
    after = written(closed(), plan_fees(rows(changes=(theirs,)), closed(), look, NOW))
    assert figures(after)[0] == D("0.04")


def test_fees_that_are_read_again_are_booked_once_and_a_late_row_joins_its_day():
    after = written(closed(), booked(closed(), fee("0.05")))
    assert booked(after, fee("0.05")) == ()
    late = written(after, booked(after, fee("0.05"), fee("0.03", name="A2")))
    assert figures(late)[0] == D("0.08")


def test_a_day_that_was_not_read_whole_changes_nothing():
    after = written(closed(), booked(closed(), fee("0.08")))
    assert booked(after, fee("0.03"), fees_from=DAY + timedelta(days=1)) == ()
    assert booked(after, fees_from=None) == ()


def test_fees_are_final_at_the_first_look_two_days_on_that_finds_nothing_new():
    after = written(closed(), booked(closed(), fee("0.08")))
    assert booked(after, fee("0.08"), now=NOW + timedelta(days=1)) == ()
    (write,) = booked(after, fee("0.08"), now=NOW + timedelta(days=2))
    assert values_of([write], "trade_journal") == {"fees_final": True}
    news = written(after, booked(after, fee("0.09"), now=NOW + timedelta(days=2)))
    assert figures(news) == (D("0.09"), D("999.91"), False)


def test_the_fee_of_a_coin_leaves_the_trade_without_a_price():
    """0.0025 of one coin: what was paid for it is in the result, for it is never sold."""
    coin = {"symbol": "BTC/USD"}
    kept = rows(
        trades=(trade(status="POSITION", **coin),),
        orders=(order(**WHOLE, **coin),),
        fills=(fill(qty=D("1"), price=D("60000"), **coin),),
    )
    taken = fee(None, kind="CFEE", symbol="BTCUSD", qty=D("-0.0025"), price=D("60000"))
    after = written(kept, booked(kept, taken))
    (gone,) = after.changes
    assert (gone.cause, gone.delta, gone.price, gone.trade_id) == ("FEE_IN_KIND", D("-0.0025"), None, 7)
    assert (after.fills[0].fee, after.fills[0].commission_asset) == (D("0.0025"), "BTC")
    assert after.trades[0].fees is None
    assert booked(after, taken) == ()


def test_the_fee_of_coins_that_the_owner_bought_leaves_no_trade():
    coin = {"symbol": "BTC/USD"}
    kept = rows(
        trades=(trade(status="POSITION", **coin),),
        orders=(order(**WHOLE, **coin),),
        fills=(fill(qty=D("1"), price=D("60000"), **coin),),
    )
    theirs = change(
        cause="FOREIGN_FILL", delta=D("1"), price=D("61000"), at=NOW, trade_id=None, activity_id="X1", **coin
    )
    look = snapshot(
        activities=(fee(None, kind="CFEE", symbol="BTCUSD", qty=D("-0.0025"), price=D("61000")),), fees_from=DAY
    )
    assert plan_fees(rows(changes=(theirs,)), kept, look, NOW) == ()


def test_the_fee_of_a_coin_that_was_sold_is_money():
    coin = {"symbol": "BTC/USD"}
    sale = {"id": 2, "activity_id": "F2", "order_id": 2, "side": "sell", "transaction_time": NOW}
    fills = (fill(qty=D("1"), price=D("60000"), **coin), fill(qty=D("1"), price=D("61000"), **sale, **coin))
    after = written(closed(*fills, **coin), booked(closed(*fills, **coin), fee("152.50", kind="CFEE")))
    assert [f.fee for f in after.fills] == [None, D("152.50")]
    assert figures(after)[0] == D("152.50")


@given(
    st.integers(-10_000, 10_000),
    st.lists(st.decimals("0.0001", "1000000", places=4), min_size=1, max_size=12),
)
def test_what_is_shared_out_always_adds_up_to_the_cent(cents, weights):
    parts = [_Part(str(n), date(2026, 1, 5), "AAPL", "buy", weight) for n, weight in enumerate(weights)]
    shares = share_out(cents * CENT, parts, CENT)
    assert sum(share for _, share in shares) == cents * CENT
    assert all(share % CENT == 0 for _, share in shares)
    total = sum(weights)
    assert all(abs(share - cents * CENT * part.weight / total) < CENT for part, share in shares)
