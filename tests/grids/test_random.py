"""Random grids through the real stages and the paper broker: 300 runs, half of them the mirrors of the others.

GRIDS_SEEDS asks for more seeds, GRIDS_FIRST for others: each is two runs.
"""

import os
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from lib.domain.grids import GridKind
from lib.simulation import grid_rules
from lib.simulation.grid_rules import AT_REST, HISTORY, broken, closed_form, trips_lost_nothing
from lib.simulation.grid_stories import CENTRE, COINS, PARTS, WHOLE, drawn
from lib.simulation.grids import Run, play, table
from lib.simulation.proof.tasks import played_again

pytestmark = pytest.mark.slow

D = Decimal
SEEDS = int(os.environ.get("GRIDS_SEEDS", "150"))
FIRST = int(os.environ.get("GRIDS_FIRST", "0"))
CHUNK = 15


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, CHUNK))
def test_spot_and_reverse_grids_keep_every_invariant(first, tmp_path, record_property):
    seeds = min(CHUNK, FIRST + SEEDS - first)
    counts = play(first, seeds, tmp_path)
    record_property("said", f"grids {first}: {counts.runs} runs, {counts.looks} looks, {counts.points.total()} faults")
    assert counts.broken == []
    assert counts.runs == 2 * seeds
    assert counts.met["fills"] > seeds  # they trade


def test_a_close_that_a_broker_fills_down_to_the_last_decimal_of_a_coin_is_waited_for(tmp_path):
    counts = play(325, 1, tmp_path)
    assert (counts.broken, counts.met["flattened"]) == ([], 2)  # the spot grid and the reverse one


def test_the_seeds_of_make_test_reach_what_they_are_for():
    spots = [drawn(seed, GridKind.SPOT) for seed in range(150)]
    moves = [move for story in spots for move in story.moves]
    assert min(Counter(story.lot for story in spots)[lot] for lot in (WHOLE, PARTS, COINS)) > 15
    assert sum(story.mirrors for story in spots) > 10
    assert sum(story.refused for story in spots) >= 2
    assert sum(story.partial_rate > 0 for story in spots) > 30
    assert sum(move.night for move in moves) > 20
    assert sum(bool(move.faults) for move in moves) > 60
    assert sum(move.cancels is not None for move in moves) > 10
    assert {sum(not move.looks for move in story.moves) > len(story.moves) / 2 for story in spots} == {True, False}


@pytest.mark.parametrize("seed", range(30))
def test_a_reverse_story_is_the_mirror_of_its_spot_story(seed):
    spot, reverse = (drawn(seed, kind) for kind in (GridKind.SPOT, GridKind.REVERSE))
    assert [a.price + b.price for a, b in zip(spot.moves, reverse.moves, strict=True)] == [1000] * len(spot.moves)
    assert D(spot.columns["lower_price"]) + D(reverse.columns["upper_price"]) == 2 * CENTRE
    assert (spot.start + reverse.start, reverse.columns["symbol"]) == (1000, "SPY")
    assert D(reverse.columns["quantity_per_grid"]) % 1 == 0
    assert [replace(move, price=D(1)) for move in spot.moves] == [replace(move, price=D(1)) for move in reverse.moves]


@pytest.mark.slow
def test_a_seed_is_played_again_by_its_name():
    assert played_again("grid 3", ()) == ()
    with pytest.raises(ValueError, match="neither `life N`, `grid N` nor one of"):
        played_again("grid x", ())


@pytest.fixture(scope="module")
def rested(tmp_path_factory):
    """What is seen of a calm grid of whole shares after its last look."""
    seed = next(n for n in range(1_000) if _is_plain(drawn(n, GridKind.SPOT)))
    with table(tmp_path_factory.mktemp("grids")) as opened:
        run = Run(opened, drawn(seed, GridKind.SPOT))
        run.play()
        assert run.wrong == []
        assert broken((*AT_REST, *HISTORY, closed_form, trips_lost_nothing), run.view) == ()
        return run.view


def _is_plain(story):
    return story.mirrors and not story.ends and len(story.moves) > 6 and story.columns["levels"] == "7"


def with_broker(found, **changes):
    seen = replace(found.seen, ledger=replace(found.seen.ledger, **changes))
    return replace(found, seen=seen)


def with_order(found, chosen, **changes):
    orders = tuple(replace(o, **changes) if o.id == chosen.id else o for o in found.seen.ledger.orders)
    return with_broker(found, orders=orders)


def with_ledger(found, **changes):
    return replace(found, book=replace(found.book, ledger=replace(found.ledger, **changes)))


def other_side(order):
    return "sell" if order.side == "buy" else "buy"


PLANTED = {
    "I2": lambda v: with_order(v, v.live[0], status="cancelled"),
    "I3": lambda v: with_ledger(v, held={cell: v.grid.qty * (cell % 2) for cell in v.ledger.held}),
    "I4": lambda v: with_order(v, v.live[0], side="buy", limit_price=D(900)),
    "I5": lambda v: with_order(v, v.live[0], limit_price=v.live[0].limit_price + 1),
    "I6": lambda v: with_broker(v, positions={}),
    "I7": lambda v: with_ledger(v, cash=v.ledger.cash + 1),
    "I8": lambda v: with_broker(v, cash=v.seen.ledger.cash + 1),
    "I9": lambda v: with_broker(v, fills=v.seen.ledger.fills[1:]),
    "I11": lambda v: with_ledger(v, arbitrages=v.ledger.arbitrages + 1),
    "I12": lambda v: with_ledger(v, interval_gross=v.ledger.interval_gross + 1),
    "I13": lambda v: replace(v, book=replace(v.book, orders=v.book.orders[::-1])),
    "I16": lambda v: with_order(v, v.orders[0], filled_qty=D("0.5")),
    "I19": lambda v: with_broker(v, fills=v.seen.ledger.fills[:-1]),
    "I21": lambda v: with_order(v, v.live[-1], kind="market", side=other_side(v.live[0])),
    "I26": lambda v: with_order(v, v.live[0], qty=v.live[0].qty + D("0.1")),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", PLANTED)
def test_each_rule_sees_what_it_is_there_for(rule, rested):
    assert rested.position > 0  # else some of them have nothing to see
    said = broken((*AT_REST, *HISTORY, closed_form), PLANTED[rule](rested))
    assert rule in {each.partition(":")[0] for each in said}


@pytest.mark.slow
def test_an_exit_sent_while_the_first_order_could_fill_is_seen(rested):
    start = next(o for o in rested.orders if o.kind == "market")
    late = with_order(rested, start, status="partially_filled", filled_at=None)
    assert any(said.startswith("I20") for said in grid_rules.exits_came_after_the_start(late))


@pytest.mark.slow
def test_a_round_trip_at_a_loss_is_seen(rested):
    lost = replace(rested.ledger.trips[0], gross=D(-1), initial=False)
    assert list(trips_lost_nothing(with_ledger(rested, trips=(lost,)))) != []
