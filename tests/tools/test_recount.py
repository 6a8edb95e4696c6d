"""The recount itself, on ledgers small enough to add up in the head."""

from decimal import Decimal

from tests.tools.recount import profits


def fill(number, order, side, qty, price):
    row = {"id": f"{number:02}", "activity_type": "FILL", "order_id": order}
    return row | {"side": side, "qty": qty, "price": price}


def test_a_long_trade_earns_what_its_sales_brought_less_what_its_purchases_cost():
    rows = [fill(1, "a", "buy", "4", "10.01"), fill(2, "a", "buy", "6", "10.02"), fill(3, "b", "sell", "10", "11")]
    assert profits(rows, {"a": 1, "b": 1}) == {1: Decimal("9.84")}  # 110 - 40.04 - 60.12


def test_a_short_trade_earns_when_it_buys_back_for_less():
    rows = [fill(1, "a", "sell_short", "10", "20"), fill(2, "b", "buy", "10", "18.50")]
    assert profits(rows, {"a": 1, "b": 1}) == {1: Decimal(15)}


def test_a_sale_that_two_trades_share_is_dealt_out_in_the_order_given():
    rows = [
        fill(1, "a", "buy", "5", "10"),
        fill(2, "b", "buy", "5", "12"),
        fill(3, "x", "sell", "3", "15"),
        fill(4, "x", "sell", "7", "14"),
    ]
    # trade 1: 3 x 15 + 2 x 14 - 50 = 23; trade 2: 5 x 14 - 60 = 10
    assert profits(rows, {"a": 1, "b": 2, "x": [(1, Decimal(5)), (2, Decimal(5))]}) == {1: Decimal(23), 2: Decimal(10)}


def test_what_is_no_fill_and_what_nobody_sent_counts_for_no_trade():
    rows = [fill(1, "stranger", "buy", "1", "10"), {"id": "02", "activity_type": "DIV", "net_amount": "5"}]
    assert profits(rows, {"a": 1}) == {}
