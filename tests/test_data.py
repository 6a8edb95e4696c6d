"""The recorded prices in data/ are what their README says."""

import csv
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from lib import sessions
from tests.tools import make_data

DATA = Path(__file__).parents[1] / "data"


def bars(symbol):
    with (DATA / f"{symbol}.csv").open(encoding="ascii") as file:
        return list(csv.DictReader(file))


def test_the_files_are_those_of_the_symbols():
    assert sorted(path.stem for path in DATA.glob("*.csv")) == sorted(make_data.SYMBOLS)


@pytest.mark.parametrize("symbol", make_data.SYMBOLS)
def test_a_file_is_what_its_generator_writes(symbol):
    assert (DATA / f"{symbol}.csv").read_text(encoding="ascii").splitlines() == make_data.table(symbol)


@pytest.mark.parametrize("symbol", make_data.SYMBOLS)
def test_every_session_of_the_window_has_one_bar(symbol):
    days = sessions.load().between(date(2012, 9, 4), date(2013, 3, 1))
    assert [bar["timestamp"] for bar in bars(symbol)] == [f"{session.date}T00:00:00Z" for session in days]


@pytest.mark.parametrize("symbol", make_data.SYMBOLS)
def test_every_bar_is_on_the_cent_and_holds_its_open_and_close(symbol):
    for bar in bars(symbol):
        opening, high, low, close = (Decimal(bar[name]) for name in ("open", "high", "low", "close"))
        assert all(price.as_tuple().exponent == -2 for price in (opening, high, low, close)), bar
        assert 0 < low <= min(opening, close) <= max(opening, close) <= high, bar
        assert int(bar["volume"]) > 0, bar


@pytest.mark.parametrize("symbol", make_data.SYMBOLS)
def test_no_step_between_closes_looks_like_a_split(symbol):
    closes = [Decimal(bar["close"]) for bar in bars(symbol)]
    assert max(abs(after / before - 1) for before, after in pairwise(closes)) < Decimal("0.15")


def test_fractions_of_a_cent_are_cut_toward_the_inside_of_the_bar():
    written = make_data.line("2012-09-17", (10.0049, 10.019, 9.991, 10.0190), 5)
    assert written == "2012-09-17T00:00:00Z,10.00,10.01,10.00,10.01,5"


def test_a_contradictory_bar_is_refused():
    with pytest.raises(ValueError, match="contradictory"):
        make_data.line("2012-09-17", (10.00, 9.99, 9.98, 9.99), 5)
