"""Strategies as people write them: what is refused, with which code, and what an empty cell means."""

import pytest

from lib.domain.facts import Asset
from lib.domain.grids import GridKind, OutOfRange, Spacing, Straddle
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.planning.deciding.decisions import Refused
from lib.planning.grid.reading import (
    STRATEGY_COLUMNS,
    is_edited,
    parse_grid,
    read_grid,
    status_of,
    strategy_digest,
)
from tests.grids.builders import strategy, waiting

AAPL = Asset(symbol="AAPL", tradable=True, fractionable=True, shortable=True, borrow_status="easy_to_borrow")
BTC = Asset(
    symbol="BTC/USD",
    tradable=True,
    min_order_size=D("0.0001"),
    min_trade_increment=D("0.000000001"),
    price_increment=D("1"),
)
COIN = {
    "symbol": "BTC/USD",
    "lower_price": "60000",
    "upper_price": "68000",
    "quantity_per_grid": "0.01",
    "capital": "3000",
}
"""Four cells of 2,000 dollars each, over 2.9 % wide."""


def read(asset=AAPL, **changes):
    return read_grid(waiting(**changes), asset, Limits())


def test_symbol_kind_prices_levels_and_quantity_are_all_that_has_to_be_written():
    grid = read(capital=None)
    assert (grid.kind, grid.lower, grid.upper, grid.levels, grid.qty) == (GridKind.SPOT, 80, 120, 5, 5)
    assert (grid.spacing, grid.straddle, grid.out_of_range) == (Spacing.ARITHMETIC, Straddle.NEAREST, OutOfRange.HOLD)
    assert (grid.trailing, grid.stop, grid.take_profit, grid.shift) == (False, None, None, 0)
    assert grid.capital == 5 * 4 * 120  # enough wherever the price is


def test_whole_shares_are_traded_in_ones_and_parts_of_a_share_for_a_dollar_at_least():
    assert (read().increment, read().notional_min) == (1, 0)
    assert (read(quantity_per_grid="0.5").increment, read(quantity_per_grid="0.5").notional_min) == (D("1e-9"), 1)


def test_a_coin_s_steps_and_fee_are_its_own():
    grid = read(BTC, **COIN)
    assert (grid.tick, grid.increment, grid.qty_min) == (1, D("1e-9"), D("0.0001"))
    assert (grid.notional_min, grid.fee_bps) == (10, 25)


def test_words_and_numbers_are_read_in_any_case_and_with_look_alikes():
    grid = read(symbol=" aapl ", kind="spot", spacing="Geometric", straddle="FLAT", trailing="Yes", lower_price="８０")
    assert (grid.symbol, grid.spacing, grid.straddle, grid.trailing) == ("AAPL", Spacing.GEOMETRIC, Straddle.FLAT, True)


REFUSED = [
    ("GRID_SYMBOL", {"symbol": None}, "(nothing) is not a symbol"),
    ("GRID_SYMBOL", {"symbol": "A B"}, "'A B' is not a symbol"),
    ("GRID_KIND", {"kind": "SHORT"}, "'SHORT' is neither SPOT nor REVERSE"),
    ("GRID_WORDS", {"straddle": "maybe"}, "straddle 'maybe' is none of flat, held, nearest"),
    ("GRID_WORDS", {"trailing": "perhaps"}, "neither yes nor no"),
    ("GRID_NUMBERS", {"lower_price": None}, "lower_price is missing"),
    ("GRID_NUMBERS", {"quantity_per_grid": "NaN"}, "quantity_per_grid 'NaN' is not a plain, finite number"),
    ("GRID_NUMBERS", {"upper_price": "-5"}, "upper_price -5 is not above zero"),
    ("GRID_LEVELS", {"levels": "1"}, "levels 1 is no whole number from 2 to 500"),
    ("GRID_LEVELS", {"levels": "4.5"}, "levels 4.5 is no whole number"),
    ("GRID_PRICES", {"lower_price": "120"}, "lower_price 120 is not below upper_price 120"),
    ("GRID_PRICES", {"lower_price": "80.005"}, "lower_price 80.005 is no multiple of 0.01"),
    ("GRID_LEVELS", {"lower_price": "100", "upper_price": "100.02", "levels": "5"}, "lie closer than a price step"),
    ("GRID_QTY", {"quantity_per_grid": "0.005"}, "worth 0.4, less than the broker's smallest order of 1 dollars"),
    ("GRID_QTY", {"kind": "REVERSE", "quantity_per_grid": "1.5"}, "only whole shares can be sold short"),
    ("GRID_CAPITAL", {"capital": "1899.99"}, "cost 1900, and capital is 1899.99"),  # 5 x (80 + 90 + 100 + 110)
    ("GRID_CAPITAL", {"kind": "REVERSE", "capital": "1049"}, "need 1050"),  # half of 5 x (90 + 100 + 110 + 120)
    ("GRID_STOP", {"stop_price": "80"}, "stop_price 80 is not below lower_price 80"),
    ("GRID_STOP", {"take_profit_price": "119"}, "take_profit_price 119 is not above upper_price 120"),
    ("GRID_STOP", {"trailing_limit": "120"}, "trailing_limit 120 is not above upper_price 120"),
    ("GRID_STOP", {"kind": "REVERSE", "stop_price": "100"}, "stop_price 100 is not above upper_price 120"),
    ("GRID_STOP", {"kind": "REVERSE", "trailing_limit": "85"}, "trailing_limit 85 is not below lower_price 80"),
]


@pytest.mark.parametrize(("code", "changes", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_traded_is_refused_in_words(code, changes, words):
    refused = read(**changes)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.final) == (code, True)
    assert words in refused.reason


def test_a_step_that_the_fees_take_is_refused():
    # Four cells of 75 dollars: 0.124 % of 60,450 at the least, and both sides take 0.502 %.
    refused = read(BTC, **(COIN | {"lower_price": "60300", "upper_price": "60600"}))
    assert refused.code == "GRID_STEP"
    assert "0.502 %" in refused.reason


def test_a_step_just_above_the_break_even_is_taken():
    # One cell from 60,000: 1 / (0.9975 x 0.9975) = 1.0050188..., so 60,301.13 dollars.
    assert read(BTC, **(COIN | {"levels": "2", "upper_price": "60301"})).code == "GRID_STEP"
    assert read(BTC, **(COIN | {"levels": "2", "upper_price": "60302"})).upper == 60302


def test_coins_are_bought_from_ten_dollars_on_in_their_own_steps():
    assert read(BTC, **(COIN | {"quantity_per_grid": "0.00009"})).code == "GRID_QTY"  # below the coin's least
    assert read(BTC, **(COIN | {"quantity_per_grid": "0.00011", "capital": "50"})).code == "GRID_QTY"  # 6.60 dollars
    assert read(BTC, **(COIN | {"quantity_per_grid": "0.0100000001"})).code == "GRID_QTY"  # ten decimals


def test_a_reverse_grid_of_coins_is_refused_for_good_and_of_a_stock_nobody_lends_for_now():
    assert read(BTC, kind="REVERSE", **COIN) == Refused(
        code="GRID_SHORT", reason="a REVERSE grid sells short, and BTC/USD cannot be: coins are only bought"
    )
    for changed in ({"shortable": False}, {"borrow_status": "hard_to_borrow"}):
        asset = Asset(**{"symbol": "AAPL", "tradable": True, "shortable": True, **changed})
        refused = read(asset, kind="REVERSE")
        assert (refused.code, refused.final) == ("NOT_SHORTABLE", False)


def test_what_the_broker_does_not_trade_now_waits():
    refused = read(Asset(symbol="AAPL", tradable=False))
    assert (refused.code, refused.final) == ("NOT_TRADABLE", False)


def test_parts_of_a_share_need_a_stock_that_is_traded_so():
    assert read(Asset(symbol="AAPL", tradable=True), quantity_per_grid="0.5").code == "GRID_QTY"


def test_a_grid_that_has_started_is_read_whatever_a_limit_has_become():
    expensive = Limits(grid_fee_bps_stock=D(100))
    assert parse_grid(strategy(levels="40"), AAPL, expensive).levels == 40
    assert read_grid(strategy(levels="40"), AAPL, expensive).code == "GRID_STEP"


@pytest.mark.parametrize("column", STRATEGY_COLUMNS)
def test_an_approval_binds_every_column_that_a_person_writes(column):
    approved = strategy()
    edited = strategy(approved_digest=strategy_digest(approved), **{column: "7"})
    assert not is_edited(approved)
    assert is_edited(edited)


@pytest.mark.parametrize(
    ("status", "started", "stands"),
    [
        (None, False, "WAITING"),
        ("", False, "WAITING"),
        ("running", True, "RUNNING"),
        ("gone", False, "WAITING"),
        ("gone", True, "PAUSED"),
    ],
)
def test_a_word_that_nobody_knows_never_trades(status, started, stands):
    changes = {} if started else {"started_at": None}
    assert status_of(strategy(status=status, **changes)) == stands
