"""The ledger of cover: seconds without a stop are counted from the fill and to the stop, not from look to look."""

from decimal import Decimal

import pytest

from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.faults import Faults, Kind, with_faults
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.lifecycles.desk import FOUR_FILL, TREND_AAPL
from tests.simulation.test_edits import edit

ABOVE = (at(16, 14, 40), "151")
FILLED = at(16, 15, 1)
HALF = {"symbol": "AAPL", "planned_entry": "150", "planned_sl": "145", "planned_tp": "160", "qty": "10.5"}


def owned(make_world, *prices, decision=SWING_AAPL, wrap=lambda tools: tools, **options):
    """Return a world at 14:45 whose entry fills at 15:01, at 149.51."""
    made = make_world(
        at(16, 14, 44),
        ScriptedFeed({"AAPL": steps(ABOVE, (FILLED, "149.50"), *prices)}),
        options=Options(**({"partial_fill_rate": Decimal(0)} | options)),
        wrap=wrap,
    )
    made.decide(**decision)
    go(made, at(16, 14, 45), "order_executor")
    return made


def go(made, when, *stages):
    made.clock.advance_to(when)
    for stage in stages or ("order_monitor",):
        made.run(stage)


def ledger(made):
    """Return the intervals: owned, covered, seconds uncovered, cause; those that are on have no seconds."""
    (trade,) = queries.journal(made.store, "main")
    rows = queries.coverage_of(made.store, trade.id)
    assert [row.from_time for row in rows[1:]] == [row.to_time for row in rows[:-1]]  # without a gap
    return [(row.owned_qty, row.covered_qty, row.seconds_uncovered, row.cause) for row in rows]


def intervals(made):
    return queries.coverage_of(made.store, 1)


def minutes(seconds, count):
    """Say that these are so many minutes, and the seconds that a pass takes."""
    return count * 60 <= seconds <= count * 60 + 5


@pytest.mark.sample
def test_shares_are_uncovered_from_their_fill_until_the_broker_has_their_stop(make_world):
    made = owned(make_world)
    go(made, at(16, 15, 5))
    bare, covered = intervals(made)
    assert (bare.from_time, bare.owned_qty, bare.covered_qty, bare.cause) == (FILLED, 10, 0, "next_look")
    assert minutes(bare.seconds_uncovered, 4)
    (stop,) = (o for o in queries.orders_of(made.store, 1) if o.order_type == "STOP_LOSS")
    assert (covered.from_time, covered.to_time) == (stop.acknowledged_at, None)
    assert (covered.owned_qty, covered.covered_qty, covered.seconds_uncovered, covered.cause) == (10, 10, None, None)
    assert (covered.cover_dies_at - stop.created_at).days in {89, 90}


def test_what_does_not_change_is_not_written_again(make_world):
    made = owned(make_world)
    go(made, at(16, 15, 5))
    before = intervals(made)
    for minute in (10, 15, 20):
        go(made, at(16, 15, minute), "order_monitor", "position_monitor")
    assert intervals(made) == before


def test_the_last_interval_ends_with_the_trade(make_world):
    made = owned(make_world, (at(16, 15, 31), "161"))
    go(made, at(16, 15, 5))
    go(made, at(16, 15, 35), "position_monitor")  # whoever books the end
    assert intervals(made)[-1].to_time == at(16, 15, 31)
    assert [seconds for _, _, seconds, _ in ledger(made)][1:] == [0]


def test_each_part_that_fills_is_uncovered_for_itself(make_world):
    """4 at 15:01, seen at 15:05; 6 at 15:17, seen at 15:20: 4 minutes and 3 minutes."""
    parts = {"sim-d1-entry-1": (Decimal(4),)}
    made = owned(make_world, (at(16, 15, 17), "149.40"), fill_plan=parts)
    go(made, at(16, 15, 5))
    go(made, at(16, 15, 20))
    first, _, second, whole = ledger(made)
    assert (first[:2], second[:2], whole[:2]) == ((4, 0), (10, 4), (10, 10))
    assert intervals(made)[2].from_time == at(16, 15, 17)
    assert minutes(first[2], 4)
    assert minutes(second[2], 3)


def test_a_stop_that_somebody_cancels_was_gone_from_then_on(make_world):
    made = owned(make_world)
    go(made, at(16, 15, 5))
    made.clock.advance_to(at(16, 15, 7))
    made.user_cancels_all()
    go(made, at(16, 15, 10))
    _, _, bare, covered = intervals(made)
    assert (bare.from_time, bare.covered_qty, covered.covered_qty) == (at(16, 15, 7), 0, 10)
    assert minutes(bare.seconds_uncovered, 3)


def test_a_stop_that_was_edited_covered_on_and_its_later_loss_is_no_older_than_itself(make_world):
    """Edited at 15:07, cancelled in the app at 15:22, placed again by the look of 15:25."""
    made = owned(make_world, decision=TREND_AAPL)
    go(made, at(16, 15, 5))
    made.clock.advance_to(at(16, 15, 7))
    (stop,) = (o for o in made.tools.broker.live_orders() if o.side == "sell")
    edit(made, stop.id, stop_price="144.50")
    for minute in (10, 15, 20):
        go(made, at(16, 15, minute))
    made.clock.advance_to(at(16, 15, 22))
    made.user_cancels_all()
    go(made, at(16, 15, 25))
    _, whole, bare, covered = intervals(made)
    assert (whole.covered_qty, whole.to_time, bare.from_time) == (10, at(16, 15, 22), at(16, 15, 22))
    assert (bare.covered_qty, covered.covered_qty) == (0, 10)
    assert minutes(bare.seconds_uncovered, 3)


def test_a_night_without_a_session_counts_no_seconds(make_world):
    """The stop of half a share lives for a day: it ends at 21:00 and is placed anew at 23:00, for the next session."""
    made = owned(make_world, decision=HALF)
    go(made, at(16, 15, 5))
    assert intervals(made)[-1].cover_dies_at == at(16, 21, 0)
    go(made, at(16, 23, 0))
    night = intervals(made)[-2]
    assert (night.from_time, night.covered_qty, night.seconds_uncovered) == (at(16, 21, 0), 10, 0)
    assert intervals(made)[-1].covered_qty == Decimal("10.5")


@pytest.mark.case("fail-E15")
def test_a_trading_halt_is_the_cause_while_it_lasts(make_world):
    made = owned(make_world, (at(16, 15, 3), "144"))
    made.clock.advance_to(at(16, 15, 4))
    made._post("/paper/asset", {"symbol": "AAPL", "halted": True})
    go(made, at(16, 15, 5))
    assert (ledger(made)[-1][:2], intervals(made)[-1].cause) == ((10, 0), "symbol_halted")
    made._post("/paper/asset", {"symbol": "AAPL", "halted": False})
    go(made, at(16, 15, 10))
    rows = intervals(made)
    assert rows[-1].to_time is not None
    assert 9 * 60 - 2 <= sum(row.seconds_uncovered for row in rows) <= 9 * 60 + 5


def test_a_plain_stop_that_waits_for_the_rest_of_the_entry_says_so_in_time(make_world):
    made = owned(make_world, decision=TREND_AAPL, fill_plan=FOUR_FILL)
    go(made, at(16, 15, 5))
    assert [row[:2] for row in ledger(made)] == [(4, 0), (4, 4)]


@pytest.mark.parametrize("kind", [Kind.CRASH_BEFORE, Kind.CRASH_AFTER])
@pytest.mark.parametrize("nth", range(1, 7))
def test_a_process_that_dies_on_the_way_leaves_the_same_ledger(make_world, kind, nth):
    faults = Faults({}, [])
    made = owned(make_world, wrap=lambda tools: with_faults(tools, faults))
    faults.plan = {len(faults.effects) + nth: kind}
    go(made, at(16, 15, 5))
    go(made, at(16, 15, 10))
    assert [row[:2] for row in ledger(made)] == [(10, 0), (10, 10)]
    assert intervals(made)[0].from_time == FILLED
