"""The same tables whatever befalls: crashes, fills in parts, answers twice or late, orders that expire, rows gone.

S1, R1 and C1 are played whole in every variant, of the other tables a few; `make prove` plays them all.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.grids import tables
from tests.grids.acceptance.driver import SECOND, as_ordered, closed_form, played, structure
from tests.grids.acceptance.test_tables import OTHERS, STOPS, WHOLE
from tests.grids.acceptance.troubles import WRITES, Again, InParts, Mortal
from tests.grids.catalogue import ROWS
from tests.grids.tables import rows

pytestmark = pytest.mark.slow

D = Decimal
EVERY = [*WHOLE, *(pytest.param(name, marks=pytest.mark.prove) for name in OTHERS)]
every_table = pytest.mark.parametrize("name", EVERY)


class Around:
    """Puts something around the broker of a World and keeps it."""

    def __init__(self, kind):
        self.kind = kind
        self.broker = None

    def __call__(self, tools):
        self.broker = self.kind(tools.broker)
        return replace(tools, broker=self.broker)


def opened(tmp_path, name, **named):
    return played(tmp_path, ROWS[name], **STOPS.get(name, {}), **named)


def play_on(play, table):
    """Play the rest of a table from here; return what differs, and what was broken on the way."""
    wrong = {}
    for row in table:
        play.row(row)
        if differs := play.differences(row):
            wrong[row.step] = differs
    stored, folded = play.trips()
    return wrong, stored ^ folded, play.broken()


CALM = ({}, set(), [])


# (a) looks that were missed


@pytest.mark.slow
@pytest.mark.parametrize("every", [2, 3])
@every_table
def test_a_look_at_every_second_or_third_step_loses_opportunities_and_nothing_else(name, every, tmp_path):
    with opened(tmp_path, name) as play:
        first, *steps = [row for row in rows(name) if row.step != "CLOSE"]
        play.row(first)
        for number, row in enumerate(steps, 1):
            play.go(row.price)
            if number % every and row is not steps[-1]:
                continue
            looks = 0
            while looks == 0 or structure(play):
                assert looks < len(first.buys + first.sells) + 1, structure(play)  # grid-I17
                play.look()
                looks += 1
            if ROWS[name].fee_bps == "0":
                made, formed = closed_form(play)
                assert made == formed
        before = play.live
        play.look()
        assert (play.live, structure(play)) == (before, [])


# (b) a process that dies at a call of the broker


def deaths(tmp_path, name, *, calls, on_to_the_end=True):
    """Play a table, and from each of its rows again with a death before and after each of these calls in it."""
    around = Around(Mortal)
    died = 0
    with opened(tmp_path, name, wrap=around) as play:
        table = rows(name)
        for place, row in enumerate(table):
            saved = play.save()
            around.broker.begin()
            play.row(row)
            assert play.differences(row) == {}
            asked = [n for n, call in enumerate(around.broker.calls, 1) if call in calls or not calls]
            after = play.save()
            for number, when in [(n, when) for n in asked for when in ("before", "after")]:
                play.begin_again(saved)
                around.broker.begin(number, when)
                rest = table[place:] if on_to_the_end else table[place : place + 2]
                assert play_on(play, rest) == CALM, (row.step, number, when)
                died += around.broker.died
            play.begin_again(after)
    return died


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "orders"),
    [("S1", 13), ("C1", 11), pytest.param("R1", 13, marks=pytest.mark.prove)],  # the mirror of S1
)
def test_a_death_before_or_after_any_order_changes_no_row(name, orders, tmp_path):
    # The first order, four at the start, one for each fill.
    assert deaths(tmp_path, name, calls=WRITES) == 2 * orders


@pytest.mark.prove
@pytest.mark.parametrize("name", OTHERS)
def test_a_death_before_or_after_any_order_of_the_other_tables_changes_no_row(name, tmp_path):
    assert deaths(tmp_path, name, calls=WRITES) > 0


@pytest.mark.prove
@pytest.mark.parametrize("name", WHOLE)
def test_a_death_at_any_call_of_the_broker_changes_no_row(name, tmp_path):
    assert deaths(tmp_path, name, calls=(), on_to_the_end=False) > 100


# (c) fills in parts


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 2], ids=["1+4", "2+3"])
@every_table
def test_fills_in_two_parts_with_a_look_between_change_no_row(name, first, tmp_path):
    with opened(tmp_path, name, options={"fill_plan": InParts(first, ROWS[name])}) as play:

        def parts():
            if not play.scenario.gap:  # in one, what has filled of two cells at once would be moved between them
                play.look()
                assert structure(play) == []
            play.wait(SECOND)

        wrong = {}
        table = rows(name)
        for row in table:
            play.row(row, at_each=parts if row.step != "CLOSE" else lambda: None)
            if differs := play.differences(row):
                wrong[row.step] = differs
        assert wrong == {}
        stored, folded = play.trips()
        assert stored == folded
        assert len(play.book.fills) > sum(len(as_ordered(row)) for row in table)


@pytest.mark.slow
def test_a_part_of_a_sale_of_coins_that_divides_nothing_moves_no_other_order(tmp_path):
    around = Around(Mortal)
    gross = replace(ROWS["C1"], fee_bps="0")  # 0.002 of 0.009975
    with opened(tmp_path, "C1", wrap=around, options={"fill_plan": InParts(1, gross)}) as play:

        def parts():
            play.look()
            assert structure(play) == []
            play.wait(SECOND)

        for row in rows("C1")[:5]:
            play.row(row, at_each=parts)
            assert play.differences(row) == {}
        assert "cancel" not in around.broker.calls


# (d) answers that come twice, out of order or late


@pytest.mark.slow
@every_table
def test_answers_that_come_twice_newest_first_or_late_change_no_row(name, tmp_path):
    around = Around(Again)
    late = [{"live_orders"}, {"fills"}, {"live_orders", "fills"}, {"positions"}, {"live_orders", "fills", "positions"}]
    with opened(tmp_path, name, wrap=around) as play:
        wrong = {}
        for number, row in enumerate(rows(name)):

            def an_old_look(number=number):
                around.broker.stale = frozenset(late[number % len(late)])
                play.run()
                around.broker.stale = frozenset()
                play.wait(SECOND)

            play.row(row, befalls=an_old_look if row.step not in {"t0", "CLOSE"} else lambda: None)
            for _ in range(2):
                play.look()  # the same once more
            if differs := play.differences(row):
                wrong[row.step] = differs
        assert wrong == {}
        assert around.broker.repeated > 0
        stored, folded = play.trips()
        assert stored == folded


# (e) orders that expire


LONG = timedelta(days=92)
"""Longer than the broker lets a GTC order rest."""


@pytest.mark.slow
@every_table
def test_orders_that_the_broker_ends_after_ninety_days_are_placed_anew_and_change_no_row(name, tmp_path):
    with opened(tmp_path, name) as play:
        wrong = {}
        for row in rows(name):
            play.row(row)
            if differs := play.differences(row):
                wrong[row.step] = differs
            if row.step == "CLOSE":
                continue
            play.until(next_session(play, LONG))
            assert play.live == {}
            play.look()
            if differs := {k: v for k, v in play.differences(row).items() if k not in {"fills", "held"}}:
                wrong[row.step, "after ninety days"] = differs
        assert wrong == {}


AUTUMN = datetime(2024, 10, 7, 14, 0, tzinfo=UTC)
"""A Monday, with no holiday in the weeks after it."""
TENTH = D("0.1")
IN_TENTHS = [name for name, scenario in ROWS.items() if scenario.kind == "SPOT" and scenario.symbol == "SPY"]


def in_tenths(row):
    def less(orders):
        return tuple(each._replace(qty=each.qty * TENTH) for each in orders)

    money = {name: getattr(row, name) * TENTH for name in tables.NUMBERS if name != "trips"}
    return replace(row, fills=less(row.fills), buys=less(row.buys), sells=less(row.sells), **money)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name in WHOLE else pytest.param(name, marks=pytest.mark.prove) for name in IN_TENTHS]
)
def test_orders_for_parts_of_shares_that_expire_with_their_day_are_placed_anew_and_change_no_row(name, tmp_path):
    whole = ROWS[name]
    scenario = replace(whole, qty=str(D(whole.qty) * TENTH), capital=str(D(whole.capital) * TENTH))
    with played(tmp_path, scenario, begin=AUTUMN, **STOPS.get(name, {})) as play:
        wrong = {}
        for row in map(in_tenths, rows(name)):
            play.row(row)
            if differs := play.differences(row):
                wrong[row.step] = differs
            if row.step == "CLOSE":
                continue
            play.until(next_session(play, timedelta(days=1)))
            assert play.live == {}
            play.look()
            if differs := {k: v for k, v in play.differences(row).items() if k not in {"fills", "held"}}:
                wrong[row.step, "the day after"] = differs
        assert wrong == {}
        assert {o.order_status for o in play.book.orders} >= {"expired", "filled"}


def next_session(play, time):
    at = play.world.clock.now() + time
    return at + timedelta(days=max(0, 7 - at.isoweekday() + 1) if at.isoweekday() > 5 else 0)


# (f) rows that are gone


FORGET = ("DELETE FROM order_execution", "DELETE FROM fill", "DELETE FROM round_trip")


def forgotten(tmp_path, name, *, when):
    with opened(tmp_path, name) as play:
        play.unwatched()  # what was stored before an order was sent nobody can say any more
        table = rows(name)
        for place, row in enumerate(table):
            if row.step == "CLOSE" and when == "after the look":
                return  # of a grid that is over nothing is read any more
            saved = play.save()

            def forget():
                for statement in FORGET:
                    play.sql(statement)
                play.seen = 0

            if when == "before the look" and row.step != "t0":
                play.row(row, befalls=forget)
            else:
                play.row(row)
                forget()
                play.wait(SECOND)
                play.look()
            again = play.new_fills()  # all of them: a row tells those that are new
            assert again
            wrong = {k: v for k, v in play.differences(row).items() if k != "fills"}
            assert wrong == {}, row.step
            assert play_on(play, table[place + 1 :])[:2] == CALM[:2], row.step
            play.begin_again(saved)
            play.unwatched()
            play.row(row)
            play.differences(row)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before the look", pytest.param("after the look", marks=pytest.mark.prove)])
@every_table
def test_rows_that_are_gone_at_any_step_are_made_again_from_the_broker_alone(name, when, tmp_path):
    forgotten(tmp_path, name, when=when)
