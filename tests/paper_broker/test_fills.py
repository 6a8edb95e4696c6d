from datetime import timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN


def scripted(*prices, every=timedelta(minutes=1), start=WEDNESDAY_OPEN):
    return ScriptedFeed({"AAPL": [(start + place * every, Decimal(price)) for place, price in enumerate(prices)]})


def test_the_bid_is_the_recorded_price_and_the_ask_one_tick_above(rig):
    quote = rig.get("/v2/stocks/quotes/latest", symbols="AAPL")["quotes"]["AAPL"]
    assert (quote["bp"], quote["ap"]) == (150, 150.01)


def test_a_market_buy_pays_the_ask_and_a_market_sell_gets_the_bid(rig):
    assert rig.order(rig.buy()["id"])["filled_avg_price"] == "150.01"
    assert rig.order(rig.sell()["id"])["filled_avg_price"] == "150"


def test_a_limit_buy_fills_at_the_ask_even_when_that_is_better_than_its_limit(rig):
    order = rig.order(rig.buy(type="limit", limit_price="151")["id"])
    assert (order["status"], order["filled_avg_price"]) == ("filled", "150.01")


def test_a_limit_buy_waits_until_the_ask_comes_down_to_it(rig):
    order = rig.buy(type="limit", limit_price="150")
    assert rig.order(order["id"])["status"] == "new"
    rig.price("149.98", "150.00")
    assert rig.order(order["id"])["filled_avg_price"] == "150"


def test_a_limit_sell_fills_at_the_bid_when_that_reaches_it(holder):
    order = holder.sell(type="limit", limit_price="155")
    holder.price("154.99", "155.10")
    assert holder.order(order["id"])["status"] == "new"
    holder.price("155.20")
    assert holder.order(order["id"])["filled_avg_price"] == "155.2"


def test_a_stop_becomes_a_market_order_and_gaps_go_through_it(holder):
    order = holder.sell(type="stop", stop_price="145")
    holder.price("145.01")
    assert holder.order(order["id"])["status"] == "new"
    holder.price("131.07")
    shown = holder.order(order["id"])
    assert (shown["status"], shown["filled_avg_price"], shown["stop_price"]) == ("filled", "131.07", "145")


@pytest.mark.parametrize(
    ("trail", "first", "later"), [({"trail_price": "5"}, "145", "155"), ({"trail_percent": "10"}, "135", "144")]
)
def test_a_trailing_stop_follows_the_high_water_mark_and_never_comes_back(holder, trail, first, later):
    order = holder.sell(type="trailing_stop", **trail)
    assert (order["hwm"], order["stop_price"]) == ("150", first)
    holder.price("160")
    holder.price("158")
    shown = holder.order(order["id"])
    assert (shown["hwm"], shown["stop_price"], shown["status"]) == ("160", later, "new")
    holder.price(later)
    shown = holder.order(order["id"])
    assert (shown["status"], shown["filled_avg_price"]) == ("filled", later)


def test_fills_carry_the_instant_at_which_they_happened_not_the_one_at_which_somebody_looked(open_rig):
    rig = open_rig(feed=scripted("150", "149", "148", "147"), now=WEDNESDAY_OPEN)
    order = rig.buy(type="limit", limit_price="148.01")
    rig.go_to("2013-01-02T20:00:00Z")
    assert rig.order(order["id"])["filled_at"] == "2013-01-02T14:32:00Z"
    (fill,) = rig.fills()
    assert fill["transaction_time"] == "2013-01-02T14:32:00Z"
    assert fill["id"].startswith("20130102093200000::")  # New York time


def test_nobody_trades_with_a_side_on_which_nobody_is(holder):
    order = holder.sell(type="stop", stop_price="145")
    holder.price("0", "140")
    assert holder.order(order["id"])["status"] == "new"
    quote = holder.get("/v2/stocks/quotes/latest", symbols="AAPL")["quotes"]["AAPL"]
    assert (quote["bp"], quote["bs"], quote["bx"]) == (0, 0, " ")


def test_a_plan_sets_the_sizes_of_the_first_executions(open_rig):
    rig = open_rig(
        feed=scripted("150", "151", "152", "153"),
        now=WEDNESDAY_OPEN,
        fill_plan={"mine": (Decimal(4), Decimal(0), Decimal(1))},
    )
    order = rig.buy(client_order_id="mine")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_qty"], shown["filled_avg_price"], shown["filled_at"]) == (
        "partially_filled",
        "4",
        "150.01",
        None,
    )
    rig.go_to("2013-01-02T15:00:00Z")
    shown = rig.order(order["id"])
    # 4 at 150.01, nothing at 151.01, 1 at 152.01, 5 at 153.01
    assert (shown["status"], shown["filled_avg_price"]) == ("filled", "151.71")
    rows = [
        (row["qty"], row["price"], row["cum_qty"], row["leaves_qty"], row["type"], row["order_status"])
        for row in rig.fills(direction="asc")
    ]
    assert rows == [
        ("4", "150.01", "4", "6", "partial_fill", "partially_filled"),
        ("1", "152.01", "5", "5", "partial_fill", "partially_filled"),
        ("5", "153.01", "10", "0", "fill", "filled"),
    ]


def test_an_average_that_does_not_come_out_even_has_nine_decimals(open_rig):
    rig = open_rig(feed=scripted("150", "151"), now=WEDNESDAY_OPEN, fill_plan={"mine": (Decimal(1),)})
    order = rig.buy(qty="3", client_order_id="mine")
    rig.advance(60)
    assert rig.order(order["id"])["filled_avg_price"] == "150.676666667"


@pytest.mark.slow
def test_about_one_eligible_fill_in_ten_is_partial_in_whole_shares(open_rig):
    rig = open_rig(partial_fill_rate=Decimal("0.1"), cash=Decimal(10_000_000))
    for _ in range(200):
        rig.buy(qty="7")
    partial = [Decimal(row["qty"]) for page in pages(rig) for row in page if row["type"] == "partial_fill"]
    assert 8 <= len(partial) <= 36  # 200 draws at one in ten: 20, give or take four standard deviations
    assert all(qty == int(qty) and 1 <= qty <= 6 for qty in partial)


def pages(rig):
    token = {}
    while page := rig.fills(**token):
        yield page
        token = {"page_token": page[-1]["id"]}


def test_fractions_of_a_share_are_bought_and_sold(rig):
    order = rig.order(rig.buy(qty=0.123456789)["id"])
    assert (order["status"], order["qty"], order["filled_qty"]) == ("filled", "0.123456789", "0.123456789")
    assert rig.position()["qty"] == "0.123456789"
    rig.sell(qty="0.123456789")
    assert rig.get("/v2/positions") == []


def test_a_price_by_hand_holds_until_it_is_cleared_whatever_the_feed_says(open_rig):
    rig = open_rig(feed=scripted("150", "151", "152", "153"), now=WEDNESDAY_OPEN)
    rig.price("99")
    rig.advance(120)
    quotes = rig.get("/v2/stocks/quotes/latest", symbols="AAPL")["quotes"]
    assert (quotes["AAPL"]["bp"], quotes["AAPL"]["t"]) == (99, "2013-01-02T14:32:00Z")
    rig.post("/paper/price", symbol="AAPL", clear=True)
    assert rig.get("/v2/stocks/quotes/latest", symbols="AAPL")["quotes"]["AAPL"]["bp"] == 152


def test_a_remainder_meets_a_price_by_hand_again_each_minute(open_rig):
    rig = open_rig(fill_plan={"mine": (Decimal(3), Decimal(3))})
    rig.price("100")
    order = rig.buy(client_order_id="mine")
    rig.advance(59)
    assert rig.order(order["id"])["filled_qty"] == "3"
    rig.advance(1)
    assert rig.order(order["id"])["filled_qty"] == "6"
    rig.advance(60)
    assert rig.order(order["id"])["filled_qty"] == "10"


def test_a_buy_stop_becomes_a_limit_two_and_a_half_percent_above_it(rig):
    order = rig.buy(type="stop", stop_price="160")
    rig.price("165")  # above 164.00, the most that it pays
    assert rig.order(order["id"])["status"] == "new"
    rig.price("163.99")
    assert rig.order(order["id"])["filled_avg_price"] == "164"


def test_a_stop_limit_that_elects_is_a_limit_order_and_a_gap_leaves_it_behind(holder):
    order = holder.sell(type="stop_limit", stop_price="145", limit_price="144")
    holder.price("144.50", "145.50")
    shown = holder.order(order["id"])
    assert (shown["status"], shown["filled_avg_price"], shown["stop_price"]) == ("filled", "144.5", "145")
    holder.price("150")
    holder.buy()
    order = holder.sell(type="stop_limit", stop_price="145", limit_price="144")
    holder.price("143.99")
    assert holder.order(order["id"])["status"] == "new"
    holder.price("146")  # above its stop again, but it has elected
    assert holder.order(order["id"])["filled_avg_price"] == "146"


def test_a_stop_limit_buy_pays_no_more_than_its_limit(rig):
    order = rig.buy(type="stop_limit", stop_price="155", limit_price="156")
    rig.price("150", "154.99")
    assert rig.order(order["id"])["status"] == "new"
    rig.price("156", "156.01")
    assert rig.order(order["id"])["status"] == "new"
    rig.price("155.50", "156")
    assert rig.order(order["id"])["filled_avg_price"] == "156"


def test_a_trailing_buy_follows_the_price_down_and_fills_when_it_has_come_back_by_the_trail(rig):
    order = rig.buy(type="trailing_stop", trail_price="5")
    rig.price("139.99", "140")
    rig.price("143.99", "144")
    shown = rig.order(order["id"])
    assert (shown["hwm"], shown["stop_price"], shown["status"]) == ("140", "145", "new")
    rig.price("145.49", "145.50")
    assert rig.order(order["id"])["filled_avg_price"] == "145.5"


def test_money_buys_what_it_comes_to_at_the_price_of_the_fill(rig):
    order = rig.order(rig.post("/v2/orders", **notional_body("1000"))["id"])
    # 6.666222251 x 150.01 is 999.99999987..., and a billionth of a share more would be over 1000
    assert (order["status"], order["filled_qty"], order["filled_avg_price"]) == ("filled", "6.666222251", "150.01")


def notional_body(notional, **body):
    return {"symbol": "AAPL", "notional": notional, "side": "buy", "type": "market", "time_in_force": "day"} | body


def test_money_of_the_evening_buys_at_the_price_of_the_open(open_rig):
    rig = open_rig(feed=scripted("150", "99.99", every=timedelta(days=1)))
    rig.go_to("2013-01-02T22:00:00Z")
    order = rig.post("/v2/orders", **notional_body("1000"))
    rig.go_to("2013-01-03T14:30:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_qty"]) == ("filled", "10")


def test_shares_sold_for_money_are_never_more_than_were_set_aside(open_rig):
    rig = open_rig(feed=scripted("150", "100", every=timedelta(days=1)))
    rig.buy(qty="1")
    rig.go_to("2013-01-02T22:00:00Z")
    order = rig.post("/v2/orders", **notional_body("150", side="sell"))
    rig.go_to("2013-01-03T14:30:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_qty"]) == ("filled", "1")
    assert rig.get("/v2/positions") == []


def coins(**options):
    return {"feed": ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(100))]}), "now": WEDNESDAY_OPEN} | options


def coin_body(**body):
    return {"symbol": "BTC/USD", "qty": "1.5", "side": "buy", "type": "market", "time_in_force": "gtc"} | body


def test_fractions_of_coins_fill_in_parts_of_the_smallest_step(open_rig):
    rig = open_rig(**coins(partial_fill_rate=Decimal(1)))
    order = rig.order(rig.post("/v2/orders", **coin_body())["id"])
    filled = Decimal(order["filled_qty"])
    assert order["status"] == "partially_filled"
    assert 0 < filled < Decimal("1.5")
    assert filled % Decimal("0.000000001") == 0
    assert filled % Decimal("0.01") != 0  # not whole coins, nor hundredths: one draw in ten million is


def test_coins_trade_at_night_and_on_sundays_and_their_orders_live_on(open_rig):
    rig = open_rig(**coins())
    resting = rig.post("/v2/orders", **coin_body(type="limit", limit_price="90"))
    rig.go_to("2013-01-06T03:00:00Z")
    assert rig.order(resting["id"])["status"] == "new"
    rig.price("89", "90", symbol="BTC/USD")
    assert rig.order(resting["id"])["filled_at"] == "2013-01-06T03:00:00Z"
    order = rig.post("/v2/orders", **coin_body())
    assert order["status"] == "new"
    assert rig.order(order["id"])["filled_avg_price"] == "90"


def test_in_a_halt_nothing_fills_and_orders_rest(holder):
    stop = holder.sell(qty="5", type="stop", stop_price="145", time_in_force="gtc")
    holder.post("/paper/asset", symbol="AAPL", halted=True)
    limit = holder.sell(qty="5", type="limit", limit_price="139", time_in_force="gtc")
    holder.price("140")
    holder.advance(60)
    assert [holder.order(order["id"])["status"] for order in (stop, limit)] == ["new", "new"]
    holder.post("/paper/asset", symbol="AAPL", halted=False)
    assert [holder.order(order["id"])["filled_avg_price"] for order in (stop, limit)] == ["140", "140"]


def test_a_halt_over_the_close_leaves_orders_for_it_unfilled(rig):
    order = rig.buy(time_in_force="cls")
    rig.post("/paper/asset", symbol="AAPL", halted=True)
    rig.go_to("2013-01-02T21:00:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_qty"]) == ("expired", "0")
