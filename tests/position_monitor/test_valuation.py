"""What a position is worth: shown always, stale values said to be so."""

from datetime import timedelta

import pytest

from lib.domain.money import D
from lib.planning.booking.valuation import plan_values, price_of
from tests.builders import NOW, SECOND, context, position, quote, rows, snapshot, values_of

AGE = timedelta(minutes=15)


@pytest.mark.case("fail-D8")
@pytest.mark.parametrize(
    ("shown", "price", "stale"),
    [
        (quote("150.00", "150.10"), "150.05", False),
        (quote("150.00", "150.01"), "150.005", False),
        (quote("150", "150"), "150", False),
        (quote("150", None), "150", True),
        (quote(None, "150.10"), "150.10", True),
        (quote(None, None), None, True),
        (quote("150.10", "150"), None, True),
        (quote(at=NOW - AGE), "150.05", False),
        (quote(at=NOW - AGE - SECOND), None, True),
        (None, None, True),
    ],
    ids=["mid", "half a cent", "locked", "bid only", "ask only", "empty", "crossed", "just fresh", "old", "none"],
)
def test_the_mid_of_a_whole_quote_one_side_stale_nothing_of_a_bad_one(shown, price, stale):
    assert price_of(shown, context()) == (price and D(price), stale)


def valued(*positions, **quotes):
    return plan_values(rows(positions=positions), snapshot(quotes=quotes), context())


def test_a_position_is_valued_at_the_mid_exactly():
    held = position(qty=D("3"), avg_entry_price=D("149.999999999"))
    written = values_of(valued(held, AAPL=quote("150.00", "150.01")), "position_tracking")
    assert (written["current_price"], written["market_value"]) == (D("150.005"), D("450.015"))
    assert written["unrealized_pnl"] == D("0.015000003")
    assert (written["quote_time"], written["last_updated"]) == (NOW, NOW)


@pytest.mark.parametrize("shown", [{}, {"AAPL": quote("150.10", "150")}, {"AAPL": quote(at=NOW - AGE - SECOND)}])
def test_without_a_usable_quote_the_last_value_stays_and_is_stale(shown):
    assert values_of(valued(position(), **shown), "position_tracking") == {"stale": True, "last_updated": NOW}


def test_the_same_quote_is_not_written_twice_and_stale_not_told_twice():
    shown = quote("150", "150")
    known = position(current_price=D("150.00"), market_value=D("1500"), quote_time=NOW)
    assert valued(known, AAPL=shown) == ()
    assert valued(position(stale=True)) == ()


def test_each_position_is_written_by_itself():
    both = position(), position(id=6, trade_id=8, symbol="MSFT")
    assert [w.symbol for w in valued(*both, AAPL=quote("151", "151"), MSFT=quote("152", "152"))] == ["AAPL", "MSFT"]
    assert [w.symbol for w in valued(*both, MSFT=quote("152", "152"))] == ["AAPL", "MSFT"]


def test_the_rows_are_changed_at_the_version_they_were_read():
    changed = valued(position(version=4), AAPL=quote("151", "151"))[0].changes[0]
    assert (changed.table, changed.id, changed.version) == ("position_tracking", 5, 4)


def test_a_position_is_valued_once_a_pass_however_often_the_quote_moves():
    in_this_pass = position(last_updated=NOW + SECOND, quote_time=NOW)
    assert valued(in_this_pass, AAPL=quote("151", "151")) == ()
    assert len(valued(position(last_updated=NOW, quote_time=NOW), AAPL=quote("151", "151"))) == 1


def test_what_a_coin_is_worth_is_cut_to_what_a_store_keeps():
    held = position(symbol="BTC/USD", qty=D("0.498333333"), avg_entry_price=D("59896.123456789"))
    (write,) = valued(held, **{"BTC/USD": quote("59900.123456789", "59900.123456789", symbol="BTC/USD")})
    values = values_of((write,), "position_tracking")
    # 59900.123456789 and 4 for each coin
    assert (values["market_value"], values["unrealized_pnl"]) == (D("29850.228169333"), D("1.993333332"))
