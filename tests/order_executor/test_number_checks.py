"""What a decision's own numbers may be, at each bound and one step beyond; refused for good."""

import pytest

from lib.domain.limits import Limits
from lib.domain.money import D
from lib.domain.states import Side
from lib.planning.deciding.number_checks import refuse_numbers
from tests.builders import new_trade

LIMITS = Limits()
SHORT = {"side": Side.SHORT, "stop": D("155"), "target": D("140")}
COIN = {"symbol": "BTC/USD", "entry": D("40000"), "stop": D("38000"), "target": D("44000"), "qty": D("0.01")}


def verdict(**changes):
    refused = refuse_numbers(new_trade(**changes), LIMITS)
    assert refused is None or refused.final
    return refused and refused.code


@pytest.mark.case("check-R1", "fail-J1")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"entry": D("150.01")}, None),
        ({"entry": D("150.001")}, "TICK"),
        ({"stop": D("144.999")}, "TICK"),
        ({"target": D("160.001")}, "TICK"),
        ({"entry": D("0.5001"), "stop": D("0.4001"), "target": D("0.6001")}, None),
        ({"entry": D("0.50001"), "stop": D("0.4"), "target": D("0.6")}, "TICK"),
        ({"entry": D("1.0001"), "stop": D("0.9"), "target": D("1.1")}, "TICK"),
        ({"entry": D("0.9999"), "stop": D("0.9"), "target": D("1.1")}, None),
        ({"target": D("1000000")}, None),
        ({"target": D("1000000.01")}, "NUMBERS"),
        ({"entry": D("1000001"), "target": D("1000002")}, "NUMBERS"),
        (COIN, None),
        (COIN | {"entry": D("40000.000000001")}, None),
        (COIN | {"entry": D("40000.0000000001")}, "TICK"),
    ],
)
def test_prices_keep_to_the_tick_and_below_the_bound(changes, code):
    assert verdict(**changes) == code


@pytest.mark.case("check-R12", "fail-J3")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stop": D("149.99")}, None),
        ({"stop": D("150")}, "LEVELS"),
        ({"stop": D("150.01")}, "LEVELS"),
        ({"target": D("150.01")}, None),
        ({"target": D("150")}, "LEVELS"),
        ({"target": D("149.99")}, "LEVELS"),
        ({"target": None, "style": "DAY"}, None),
        (SHORT, None),
        (SHORT | {"stop": D("150.01")}, None),
        (SHORT | {"stop": D("150")}, "LEVELS"),
        (SHORT | {"stop": D("145")}, "LEVELS"),
        (SHORT | {"target": D("149.99")}, None),
        (SHORT | {"target": D("150")}, "LEVELS"),
        (SHORT | {"target": D("160")}, "LEVELS"),
        ({"entry": D("0.5"), "stop": D("0.49"), "target": D("0.51")}, None),
        ({"entry": D("0.5"), "stop": D("0.4901"), "target": D("0.51")}, "LEVELS"),
        ({"entry": D("0.5"), "stop": D("0.49"), "target": D("0.5099")}, "LEVELS"),
        (COIN | {"entry": D("0.5"), "stop": D("0.4999"), "target": D("0.5001"), "qty": D("100")}, None),
    ],
)
def test_the_stop_is_on_the_losing_side_and_the_target_on_the_other_a_cent_off_at_least(changes, code):
    assert verdict(**changes) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": None}, "STYLE"),
        ({"trail_percent": D("2")}, "STYLE"),
        ({"style": "DAY", "trail_percent": D("0.1")}, None),
        ({"style": "DAY", "trail_percent": D("0.09")}, "TRAIL"),
        ({"style": "DAY", "trail_percent": D("3.33")}, None),  # 4.995 of 5 to the stop
        ({"style": "DAY", "trail_percent": D("3.34")}, "TRAIL"),  # 5.01: it would start below the stop
        ({"style": "DAY", "trail_percent": D("2.5"), "entry": D("200"), "stop": D("195"), "target": None}, None),
        ({"style": "DAY", "trail_percent": D("100"), "stop": D("0.01")}, "TRAIL"),
        (SHORT | {"style": "DAY", "trail_percent": D("3.33")}, None),
        (SHORT | {"style": "DAY", "trail_percent": D("3.34")}, "TRAIL"),  # it would start above the stop
        ({"style": "DAY", "trail_percent": D("2"), "qty": D("1.5")}, "TRAIL"),
        (COIN | {"style": "DAY"}, None),
        (COIN | {"style": "DAY", "trail_percent": D("2")}, "COIN"),
        (COIN | {"side": Side.SHORT, "stop": D("42000"), "target": D("38000")}, "COIN"),
    ],
)
def test_a_style_has_what_it_needs_and_nothing_that_the_broker_has_not(changes, code):
    assert verdict(**changes) == code


@pytest.mark.case("check-R1", "check-R2")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"qty": D("1")}, None),
        ({"qty": D("0.5")}, None),
        ({"qty": D("0.000000001")}, None),
        ({"qty": D("0.0000000001")}, "QTY"),
        ({"qty": D("100000")}, None),
        ({"qty": D("100000.5")}, "QTY"),
        (SHORT | {"qty": D("10")}, None),
        (SHORT | {"qty": D("10.5")}, "QTY"),
        (COIN | {"entry": D("0.01"), "stop": D("0.009"), "target": D("0.02"), "qty": D("500000")}, None),
    ],
)
def test_a_given_quantity_is_no_finer_than_the_broker_s_and_within_the_limit(changes, code):
    assert verdict(**changes) == code
