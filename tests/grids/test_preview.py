"""What a person is shown of a grid before it is approved. Expected values are those of the tables of reference."""

from datetime import timedelta

import pytest

from lib.domain.facts import Asset
from lib.domain.limits import Limits
from lib.domain.money import D, text
from lib.intake.grid_preview import Seen, as_strategy, preview
from lib.planning.deciding.sharing import Neighbour
from lib.render.text import page_text
from lib.views.grid import GridPreviewPage
from tests.builders import NOW, quote

SPOT = {
    "symbol": "AAPL",
    "kind": "SPOT",
    "lower_price": "80",
    "upper_price": "120",
    "levels": "5",
    "quantity_per_grid": "5",
    "capital": "2000",
}
COIN = SPOT | {
    "symbol": "BTC/USD",
    "lower_price": "60000",
    "upper_price": "68000",
    "quantity_per_grid": "0.01",
    "capital": "3000",
}


def shown(columns, price=None, limits=None, **seen):
    at = Seen(price=None if price is None else D(price), **seen)
    return preview(as_strategy("main", columns), at, limits or Limits(), NOW)


def orders(page):
    return {text(each.price): f"{each.side} {text(each.qty)}" for each in page.levels if each.side is not None}


def warned(page, words):
    return [each for each in page.warnings if words in each]


def test_a_spot_grid_shows_its_first_order_what_rests_and_the_one_level_without():
    page = shown(SPOT | {"straddle": "flat", "stop_price": "75"}, "104")
    assert orders(page) == {"80": "buy 5", "90": "buy 5", "100": "buy 5", "120": "sell 5"}
    sums = page.sums
    assert (sums.first_side, sums.first_qty, sums.first_cells) == ("buy", D("5"), (3,))
    assert (sums.need, sums.need_max) == (D("1870"), D("1900"))  # 5 x (104 + 80 + 90 + 100); all at 80 to 110
    assert (sums.end, sums.loss_at_end) == (D("80"), D("270"))  # 5 x (0 + 10 + 20 + 24)
    assert (sums.stop, sums.loss_at_stop) == (D("75"), D("370"))
    assert page.refused == ()


def test_a_reverse_grid_is_the_mirror():
    page = shown(SPOT | {"kind": "REVERSE", "straddle": "flat"}, "104")
    assert orders(page) == {"80": "buy 5", "90": "buy 5", "110": "sell 5", "120": "sell 5"}
    sums = page.sums
    assert (sums.first_side, sums.first_qty, sums.first_cells) == ("sell", D("10"), (0, 1))
    assert (sums.end, sums.loss_at_end) == (D("120"), D("210"))  # 5 x (16 + 16 + 10 + 0)
    assert sums.need == D("2221.2")  # 10 x 104 x 1.03 + 5 x (110 + 120)


def test_profit_and_step_are_those_of_the_worst_and_the_best_cell():
    sums = shown(SPOT, "100").sums
    assert (sums.profit_min, sums.profit_max) == (D("9.090909091"), D("12.5"))
    assert (sums.step_min, sums.step_max, sums.break_even) == (D("9.090909091"), D("12.5"), D("0"))
    assert (sums.earned_min, sums.earned_max) == (D("50"), D("50"))


def test_coins_are_sold_net_of_the_fee_and_break_even_has_both_fees():
    page = shown(COIN, "64000")
    assert orders(page) == {
        "60000": "buy 0.01",
        "62000": "buy 0.01",
        "66000": "sell 0.009975",
        "68000": "sell 0.009975",
    }
    assert page.sums.break_even == D("0.501881270")
    assert len(warned(page, "the broker was not asked")) == 1
    asset = Asset(symbol="BTC/USD", tradable=True)
    assert (
        warned(shown(COIN, asset=asset, asked=True, quote=quote(symbol="BTC/USD", bid="64000", ask="64000")), "asked")
        == []
    )


def test_without_a_price_there_are_levels_and_no_orders():
    page = shown(SPOT)
    assert [each.price for each in page.levels] == [D(n) for n in ("80", "90", "100", "110", "120")]
    assert (orders(page), page.sums.need, page.sums.loss_at_end) == ({}, None, None)


def test_the_middle_of_the_quote_is_the_price():
    page = shown(SPOT, quote=quote(bid="103.90", ask="104.10"))
    assert (page.price, page.price_from) == (D("104"), "the broker's bid 103.9, ask 104.1")


def test_all_that_is_wrong_is_named_and_not_the_first_thing_alone():
    page = shown(SPOT | {"stop_price": "90", "capital": "100"}, "100")
    assert [each.partition(":")[0] for each in page.refused] == ["GRID_STOP", "GRID_CAPITAL"]


def test_a_start_that_the_capital_does_not_reach_is_refused_as_order_executor_would():
    held = SPOT | {"capital": "1900", "straddle": "held"}  # the top cell bought at 115, where 110 was reckoned with
    assert shown(held, "115").refused == ("GRID_CAPITAL: from 115 its orders need 1925, and capital is 1900",)
    assert shown(held, "104").refused == ()


def test_what_cannot_be_read_is_shown_as_written():
    page = shown(SPOT | {"lower_price": "cheap"}, "100")
    assert page == GridPreviewPage(
        strategy="SPOT / AAPL / 5 / cheap / 120 / 5",
        refused=("GRID_NUMBERS: lower_price 'cheap' is not a plain, finite number",),
    )


@pytest.mark.parametrize(
    ("columns", "price", "words"),
    [
        ({"lower_price": "100", "upper_price": "101", "levels": "21"}, "100.5", "the smallest step is 0.050 %"),
        ({"quantity_per_grid": "0.5"}, "100", "parts of shares are DAY orders"),
        ({}, "70", "outside the range: every cell starts held"),
        ({}, "130", "outside the range: no cell starts held"),
        ({"kind": "REVERSE"}, "70", "outside the range: no cell starts held"),
        ({"kind": "REVERSE"}, "130", "outside the range: every cell starts held"),
        ({}, "100", "no stop price: below the range it holds 20 AAPL"),
    ],
)
def test_what_speaks_against_a_grid_is_said_beforehand(columns, price, words):
    assert len(warned(shown(SPOT | columns, price), words)) == 1
    assert warned(shown(SPOT | {"stop_price": "75"}, "100"), words) == []


def test_fees_that_take_most_of_a_step_are_told():
    limits = Limits(grid_fee_bps_coin=D("25"))
    page = shown(COIN | {"levels": "9"}, "64000", limits)  # steps of 1.49 to 1.67 %, fees of 0.5 %
    assert warned(page, "fees take more than half") == []
    page = shown(COIN | {"levels": "17", "capital": "20000"}, "64000", limits)  # 0.74 to 0.83 %
    assert len(warned(page, "fees take more than half")) == 1


def test_an_old_quote_and_a_symbol_that_others_have_are_told():
    old = quote(bid="100", ask="100", at=NOW - timedelta(minutes=16))
    other = Neighbour(name="trade 7", side="LONG", target=None)
    page = shown(SPOT, quote=old, others=(other,))
    assert len(warned(page, "the quote is of")) == 1
    assert len(warned(page, "AAPL belongs to trade 7")) == 1


def test_the_ladder_has_the_price_between_its_levels():
    lines = page_text(shown(SPOT | {"straddle": "flat"}, "104"), width=100).splitlines()
    ladder = [" ".join(line.split()) for line in lines[2:9]]
    assert ladder == [
        "level price order value",
        "4 120.00 sell 5 600.00",
        "3 110.00 – –",
        "104.00 ◄ price",
        "2 100.00 buy 5 500.00",
        "1 90.00 buy 5 450.00",
        "0 80.00 buy 5 400.00",
    ]
    assert lines[-1] == "nothing was written"


@pytest.mark.parametrize(("columns", "code"), [({"quantity_per_grid": "1200"}, "NOTIONAL"), ({"levels": "2"}, None)])
def test_a_cell_beyond_the_limits_of_an_order_is_refused_before_it_is_written(columns, code):
    """1200 at 110 cost 132000, and the limit is 100000."""
    page = shown(SPOT | {"capital": None} | columns)
    assert [each.partition(":")[0] for each in page.refused] == ([] if code is None else [code])
