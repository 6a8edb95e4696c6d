"""The broker's noes, in the words recorded from it."""

import pytest

from lib.broker.refusals import classify, is_absence, is_id_in_use
from lib.domain.facts import Refusal

RECORDED = [
    (422, {"message": "stop price must be less than current price", "stop_price": "145"}, "STOP"),
    (422, {"message": "stop price must be greater than current price", "stop_price": "145"}, "STOP"),
    (422, {"message": "stop_loss.stop_price must be <= base_price - 0.01", "base_price": "144.9"}, "STOP"),
    (422, {"message": "stop_loss.stop_price must be >= base_price + 0.01", "base_price": "144.9"}, "STOP"),
    (422, {"message": "take_profit.limit_price must be >= base_price + 0.01", "base_price": "160.5"}, "TARGET"),
    (422, {"message": "oco orders must be exit orders"}, "NOT_BOOKED"),
    (422, {"message": "position intent mismatch, inferred: sell_to_open, specified: sell_to_close"}, "NOT_BOOKED"),
    (404, {"message": "position does not exist"}, "NOT_BOOKED"),
    (403, {"message": "account is not allowed to short"}, "NOT_BOOKED"),
    (422, {"message": 'asset "X" cannot be sold short'}, "NOT_BOOKED"),
    (422, {"message": "fractional orders cannot be sold short"}, "NOT_BOOKED"),
    (
        403,
        {
            "message": "insufficient qty available for order (requested: 106, available: 0)",
            "available": "0",
            "existing_qty": "106",
            "held_for_orders": "106",
            "symbol": "AAPL",
        },
        "SHARES_RESERVED",
    ),
    (
        403,
        {
            "message": "potential wash trade detected. use complex orders",
            "existing_order_id": "a",
            "reject_reason": "opposite side market/stop order exists",
        },
        "WASH_TRADE",
    ),
    (403, {"message": "insufficient buying power", "buying_power": "1", "cost_basis": "2"}, "BUYING_POWER"),
    (403, {"message": "insufficient day trading buying power"}, "BUYING_POWER"),
    (403, {"message": "insufficient balance for USD (requested: 600, available: 10)"}, "BUYING_POWER"),
    (403, {"message": "insufficient balance for AVAX (requested: 9.5, available: 9.47)"}, "SHARES_RESERVED"),
    (429, {"message": "too many requests.", "code": 42910000}, "RATE_LIMIT"),
    (
        422,
        {"message": 'market order rejected due to trading halt on symbol: "X", please place a limit order instead'},
        "SYMBOL_HALTED",
    ),
    (422, {"message": 'asset "X" is not tradable', "code": 42210000}, "NOT_TRADABLE"),
    (422, {"message": "asset X is not active", "code": 42210000}, "NOT_TRADABLE"),
    (403, {"message": "account is not authorized to trade"}, "OTHER"),
    (422, {"message": "invalid limit_price 290.123. sub-penny increment does not fulfill"}, "OTHER"),
    (422, {"message": "oco orders require take_profit.limit_price", "code": 40010001}, "OTHER"),
    (422, {"message": 'order is already in "filled" state', "code": 42210000}, "NO_SUCH_STATE"),
    (422, {"code": 42210000}, "OTHER"),
]


def _refusal(short):
    return Refusal({"STOP": "STOP_THROUGH", "TARGET": "TARGET_THROUGH"}.get(short, short))


@pytest.mark.parametrize(("status", "body", "short"), RECORDED)
def test_a_recorded_no_is_told_apart(status, body, short):
    assert classify(status, body) is _refusal(short)


@pytest.mark.parametrize(
    ("body", "short"),
    [
        ({"message": "too low", "market_price": "144", "stop_price": "145"}, "STOP"),
        ({"message": "no", "existing_qty": "5", "held_for_orders": "5", "available": "0"}, "SHARES_RESERVED"),
        ({"message": "no", "existing_order_id": "a", "reject_reason": "crossing"}, "WASH_TRADE"),
        ({"message": "no", "buying_power": "1", "cost_basis": "2"}, "BUYING_POWER"),
        ({"message": "Insufficient  QTY\navailable"}, "SHARES_RESERVED"),
    ],
)
def test_a_no_in_other_words_is_told_by_its_fields(body, short):
    assert classify(403, body) is _refusal(short)


@pytest.mark.parametrize("held", ["0", "0.0", 0])
def test_shares_that_no_order_holds_are_not_there(held):
    body = {"message": "insufficient qty available for order", "existing_qty": "0", "held_for_orders": held}
    assert classify(403, body) is Refusal.NOT_BOOKED


def test_an_id_in_use_is_recognized_under_both_codes():
    assert is_id_in_use({"code": 42210000, "message": "client_order_id must be unique"})
    assert is_id_in_use({"code": 40010001, "message": "client_order_id must be unique"})
    assert not is_id_in_use({"code": 40010001, "message": "client_order_id must be no more than 128 characters"})


@pytest.mark.parametrize(
    ("status", "body", "definite"),
    [
        (404, {"code": 40410000, "message": "order not found for ns-d12-entry-1"}, True),
        (404, {"message": "position does not exist"}, True),
        (404, {"code": 40410000, "message": "endpoint not found"}, False),
        (404, {"message": "Not Found"}, False),
        (404, {"message": "no Route matched with those values"}, False),
        (404, None, False),
        (422, {"code": 40410000, "message": "order not found"}, False),
    ],
)
def test_only_the_brokers_own_word_is_an_absence(status, body, definite):
    assert is_absence(status, body) is definite
