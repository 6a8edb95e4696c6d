"""How many shares: the least of what risk, account and buying power allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.limits import Limits
from lib.domain.money import D
from lib.planning.deciding.number_checks import refuse_numbers
from lib.planning.deciding.sizing import risk_per_share, size
from tests.builders import account, new_trade

LIMITS = Limits()


def sized(equity="100000", buying_power="100000", **changes):
    return size(new_trade(**({"qty": None} | changes)), account(equity), D(buying_power), LIMITS)


@pytest.mark.parametrize(
    ("changes", "shares"),
    [
        ({}, "133"),  # 20 % of 100 000 is 20 000: 133 at 150; the risk of 1 000 would allow 200 at 5 each
        ({"stop": D("100")}, "20"),  # 1 000 of risk at 50 a share
        ({"stop": D("100"), "entry": D("150.01")}, "19"),  # 1 000 / 50.01 is 19.99
        ({"buying_power": "1500"}, "10"),
        ({"buying_power": "1499.99"}, "9"),
        ({"buying_power": "149.99"}, "0"),
        ({"buying_power": "0"}, "0"),
        ({"equity": "0"}, "0"),
        ({"equity": "700"}, "0"),  # 20 % of it is 140
        ({"qty": D("10"), "buying_power": "0"}, "10"),
    ],
)
def test_the_least_limit_counts_and_is_rounded_down(changes, shares):
    assert sized(**changes) == D(shares)


@pytest.mark.parametrize(
    ("price", "shares"),
    [("150", "10"), ("154.5", "9"), ("150.01", "9")],
)
def test_a_dearer_price_than_the_entry_is_what_a_share_costs(price, shares):
    short = new_trade(side="short", stop=D("155"), target=D("140"), qty=None)
    assert size(short, account(), D("1500"), LIMITS, price=D(price)) == D(shares)


@pytest.mark.parametrize(
    ("step", "qty"), [("0.000000001", "0.333333333"), ("0.0001", "0.3333"), ("0.1", "0.3"), ("1", "0")]
)
def test_a_coin_is_sized_in_its_own_steps(step, qty):
    coin = new_trade(symbol="BTC/USD", entry=D("60000"), stop=D("58000"), target=None, style="DAY", qty=None)
    assert size(coin, account(), D("100000"), LIMITS, step=D(step)) == D(qty)  # a fifth of the account is 20 000


@pytest.mark.parametrize(("trail", "risk"), [(None, "5"), (D("2"), "5"), (D("3.3"), "5"), (D("4"), "6")])
def test_the_risk_of_a_share_is_the_wider_of_stop_and_trail(trail, risk):
    assert risk_per_share(new_trade(trail_percent=trail)) == D(risk)


prices = st.integers(1, 10**8).map(lambda n: D(n) / 100)


@pytest.mark.slow
@given(prices, prices, st.integers(-(10**6), 10**9), st.integers(-(10**6), 10**9))
def test_no_accepted_levels_and_no_account_make_sizing_raise_or_spend_more_than_there_is(entry, stop, equity, power):
    trade = new_trade(entry=entry, stop=stop, target=None, qty=None, style="DAY")
    if refuse_numbers(trade, LIMITS) is None:
        shares = size(trade, account(str(equity)), D(power), LIMITS)
        assert shares == int(shares)
        assert shares <= 0 or shares * entry <= power
