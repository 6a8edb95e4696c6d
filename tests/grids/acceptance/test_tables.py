"""The reference tables through the real stages and the paper broker, row by row."""

import pytest

from tests.grids.acceptance.driver import played, plays
from tests.grids.catalogue import ROWS
from tests.grids.tables import rows

pytestmark = pytest.mark.slow

STOPS = {"S7": {"stop_price": "75"}, "R7": {"stop_price": "125"}}
"""S8 is ended by a person."""


WHOLE = ("S1", "R1", "C1")
"""The tables that are played in every variant."""
OTHERS = [name for name in ROWS if name not in {*WHOLE, "B1"}]


TAKEN = """
UPDATE fill SET commission_asset = 'BTC', fee = CASE WHEN qty > 0.1 THEN '0.00017592' ELSE '0.00008796' END
WHERE side = 'buy'
"""
"""0.1 % of two lots, or of one: the exchange of table B1 rounds it up to eight digits, Alpaca to nine."""


@pytest.mark.parametrize("name", [*WHOLE, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_row_of_the_table_is_what_stages_and_broker_come_to(name, tmp_path):
    with played(tmp_path, ROWS[name], **STOPS.get(name, {})) as play:
        plays(play, rows(name))
        assert {ran.exit_code for ran in play.world.history} == {0}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*WHOLE, "S7", "R7"])
def test_position_monitor_between_the_looks_books_the_same_and_changes_no_row(name, tmp_path):
    with played(tmp_path, ROWS[name], **STOPS.get(name, {})) as play:
        plays(play, rows(name), befalls=lambda: play.look("position_monitor"))
        assert {ran.exit_code for ran in play.world.history} == {0}


def test_the_fee_that_was_posted_counts_and_not_the_assumed_one(tmp_path):
    with played(tmp_path, ROWS["B1"]) as play:

        def look():
            play.look()
            play.sql(TAKEN)
            play.look()

        first, *others = rows("B1")
        wrong = []
        for row in (first, *others):
            play.row(row, look=look)
            if row is first:
                look()
            wrong.append(play.differences(row))
        assert wrong == [{}, {}, {}]
        stored, folded = play.trips()
        assert stored == folded
