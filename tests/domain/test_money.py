"""Exact money: what is let in, how it is written, which way it is rounded."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.money import (
    D,
    NotMoney,
    average_price,
    is_on_tick,
    notional,
    storable,
    text,
    tick_down,
    tick_size,
    tick_up,
    whole_down,
)

cents = st.integers(1, 10**9).map(lambda n: Decimal(n) / 100)
sizes = st.integers(1, 10**6).map(Decimal)


@given(st.floats())
def test_floats_are_refused(value):
    with pytest.raises(NotMoney):
        D(value)


@pytest.mark.parametrize(
    "value", [True, False, None, "", "abc", "1,000", "1_000", "$5", "NaN", "inf", "-Infinity", "１５"]
)
def test_what_is_no_plain_finite_number_is_refused(value):
    with pytest.raises(NotMoney):
        D(value)


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("123456789012345678", True),
        ("1234567890123456789", False),
        ("0.123456789012345678", True),
        ("1.234567890123456789", False),
        ("1e18", True),
        ("1e19", False),
        ("1e999999999999", False),
        ("1e-18", True),
        ("1e-19", False),
    ],
)
def test_eighteen_significant_digits_are_kept_and_no_more(written, accepted):
    if accepted:
        assert D(written) == Decimal(written)
    else:
        with pytest.raises(NotMoney):
            D(written)


@given(st.text())
def test_any_text_is_a_finite_number_or_refused(value):
    with contextlib.suppress(NotMoney):
        assert D(value).is_finite()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**11), max_value=10**11))
def test_writing_and_reading_back_changes_nothing(number):
    assert D(text(number)) == number


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("150.00", "150"),
        ("1E+3", "1000"),
        ("-0", "0"),
        ("0E+99", "0"),
        ("0.0500", "0.05"),
        ("-53.50", "-53.5"),
        ("100", "100"),
    ],
)
def test_a_number_has_one_written_form(number, written):
    assert text(Decimal(number)) == written


@pytest.mark.parametrize(("price", "tick"), [("1", "0.01"), ("0.9999", "0.0001"), ("150", "0.01")])
def test_ticks_are_cents_from_one_dollar_up_and_hundredths_of_a_cent_below(price, tick):
    assert tick_size(D(price)) == D(tick)


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        ("150.001", "150", "150.01"),
        ("150.019", "150.01", "150.02"),
        ("150.01", "150.01", "150.01"),
        ("0.12345", "0.1234", "0.1235"),
    ],
)
def test_rounding_goes_the_way_its_name_says(price, down, up):
    assert (tick_down(D(price)), tick_up(D(price))) == (D(down), D(up))


@given(cents)
def test_a_price_on_its_tick_is_left_alone(price):
    assert is_on_tick(price) is (tick_down(price) == price == tick_up(price))


@given(st.lists(st.tuples(sizes, cents), min_size=1, max_size=20))
def test_sums_are_exact_in_any_order(fills):
    in_cents = sum(int(qty) * int(price * 100) for qty, price in fills)
    assert notional(fills) == notional(reversed(fills)) == Decimal(in_cents) / 100


@given(st.lists(st.tuples(sizes, cents), min_size=1, max_size=20))
def test_an_average_lies_between_the_lowest_and_the_highest_price(fills):
    average = average_price(fills)
    assert min(p for _, p in fills) <= average <= max(p for _, p in fills)


@pytest.mark.parametrize(
    ("fills", "average"),
    [
        ([("10", "150")], "150"),
        ([("1", "1"), ("2", "2")], "1.666666667"),
        ([("1", "0.000000001"), ("1", "0.000000002")], "0.000000002"),  # 1.5 of the last place: to the even neighbour
        ([("1", "0.000000002"), ("1", "0.000000003")], "0.000000002"),  # 2.5 of it: the same
        ([("100", "100"), ("100", "100")], "100"),
    ],
)
def test_an_average_is_weighted_and_rounded_half_even_to_nine_places(fills, average):
    assert average_price([(D(qty), D(price)) for qty, price in fills]) == D(average)


def test_no_shares_have_no_average():
    assert average_price([]) is None
    assert average_price([(D("0"), D("150"))]) is None


@pytest.mark.parametrize(("qty", "whole"), [("6.99", "6"), ("7", "7"), ("0.5", "0"), ("-0.5", "-1")])
def test_quantities_are_rounded_down_to_whole_shares(qty, whole):
    assert whole_down(D(qty)) == D(whole)


@pytest.mark.parametrize(
    ("amount", "kept"),
    [
        ("29848.1492630858241", "29848.1492630858241"),  # 18 digits
        ("29848.149263085824192461", "29848.149263086"),
        ("-0.0000123456785", "-0.0000123456785"),
        ("1234567.1234567894500000001", "1234567.123456789"),
    ],
)
def test_an_amount_is_rounded_only_where_no_store_could_keep_it(amount, kept):
    assert storable(Decimal(amount)) == D(kept)
