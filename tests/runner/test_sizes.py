"""What the command line takes for a number of seconds, and limits that cannot do harm by default."""

import argparse
from decimal import Decimal

import pytest

from lib.domain.limits import Limits
from lib.runner import _seconds


@pytest.mark.parametrize(("raw", "seconds"), [("1", 1), ("60", 60), ("0.5e2", 50), ("86399", 86399)])
def test_a_watch_looks_again_after_a_second_to_a_day(raw, seconds):
    assert _seconds(raw) == seconds


@pytest.mark.parametrize("raw", ["0", "0.9", "86400", "-5", "nan", "inf", "soon", ""])
def test_any_other_number_of_seconds_is_a_usage_error(raw):
    with pytest.raises(argparse.ArgumentTypeError, match="number of seconds"):
        _seconds(raw)


def test_the_default_limits_are_finite_and_small():
    limits = Limits()
    assert limits.risk_per_trade == Decimal("0.01")
    assert 0 < limits.risk_per_trade < limits.position_share_max < 1
    assert 0 < limits.orders_per_run_max <= limits.open_trades_max
    assert all(value for value in (limits.order_qty_max, limits.order_notional_max, limits.price_collar))
