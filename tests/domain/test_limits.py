"""The setting LIMITS: read whole or not at all, one sentence for each thing that is wrong."""

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.limits import RULES, Limits, read_limits

WORDS = {"symbols_allowed", "symbols_denied", "entry_tif", "symbol_sharing", "stop_lost"}


def test_every_limit_can_be_set_and_its_default_is_within_its_bounds():
    defaults = {field.name: field.default for field in fields(Limits)}
    assert set(RULES) == set(defaults) - WORDS
    for name, rule in RULES.items():
        value = defaults[name]
        plain = value / timedelta(minutes=1) if isinstance(value, timedelta) else value
        assert rule.low <= plain <= rule.high, name


def test_pairs_are_read_into_the_types_of_their_limits():
    values, wrong = read_limits(" gross_exposure_max=1.5, orders_per_day_max=50 quote_age_max=5")
    assert wrong == ()
    assert values == {
        "gross_exposure_max": Decimal("1.5"),
        "orders_per_day_max": 50,
        "quote_age_max": timedelta(minutes=5),
    }
    assert Limits(**values).orders_per_day_max == 50


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("risk=0.01", "'risk' is no limit"),
        ("risk_per_trade", "is no NAME=VALUE"),
        ("risk_per_trade=", "is no NAME=VALUE"),
        ("risk_per_trade=one", "'one' is no number from 0.0001 to 0.1"),
        ("risk_per_trade=NaN", "'NaN' is no number"),
        ("risk_per_trade=0.11", "'0.11' is no number from 0.0001 to 0.1"),
        ("orders_per_day_max=1.5", "'1.5' is no whole number from 1 to 10000"),
        ("orders_per_day_max=0", "'0' is no whole number"),
        ("spread_max=0.1 spread_max=0.2", "spread_max is there twice"),
    ],
)
def test_what_is_wrong_is_said(written, said):
    _, wrong = read_limits(written)
    assert len(wrong) == 1
    assert said in wrong[0]


def test_each_wrong_pair_has_its_sentence_and_nothing_else_is_lost():
    values, wrong = read_limits("x=1 risk_per_trade=9 open_trades_max=3")
    assert len(wrong) == 2
    assert values == {"open_trades_max": 3}


@pytest.mark.parametrize("name", RULES)
def test_the_bounds_may_be_reached_and_not_passed(name):
    rule = RULES[name]
    assert read_limits(f"{name}={rule.low} ")[1] == ()
    assert read_limits(f"{name}={rule.high}")[1] == ()
    assert read_limits(f"{name}={rule.high + 1}")[1] != ()
