"""No room for one more page, at each place of a pass where there may be none: said, nothing lost, nothing doubled."""

import sqlite3
from contextlib import closing

import pytest

from lib.bootstrap import alpaca_at
from lib.clock import SimulatedClock
from lib.domain.facts import Accepted, Unknown
from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.program import open_paper
from lib.paper_broker.server import serving
from tests.broker.desk import resting
from tests.killing.cycles import kill
from tests.killing.stories import CLOSE

pytestmark = pytest.mark.xdist_group(CLOSE.name)
ENTRY, COVER, SALE = 0, 1, 2
"""The steps that send an order, in their order."""
ORDERS = 60
PASSES_MAX = 3


@pytest.fixture
def life(lived):
    return lived(CLOSE)


def steps_that_send(life):
    """Return the steps that send the entry, its cover, and what closes the trade."""
    return [step for step in life.steps if any("POST" in effect for effect in life.seen[step.number].effects)]


def pad(database, size):
    """Let the last page of the log of changes be fuller by so many bytes, so that another commit finds no room."""
    with closing(sqlite3.connect(database)) as other, other:
        other.execute(
            "INSERT INTO event (account, at, run_id, table_name, row_id, op, columns) "
            "VALUES ('main', '2024-01-16T14:00:00.000000Z', 'test', 'padding', 1, 'insert', ?)",
            ("x" * size,),
        )


def stopped_at(zygote, life, step, folder, *, padding, pages_left):
    """Run a step on a full disk, make room, and let cron go on; return the outcome and the effect that failed."""
    outcome = kill(zygote, life, step, folder, before=lambda made: pad(made.database, padding), pages_left=pages_left)
    wanted, done = life.seen[step.number].effects, outcome.effects
    done = done[:-1] if done[-1:] == ["commit stage_run"] and done != wanted[: len(done)] else done
    assert done == wanted[: len(done)]
    return outcome, wanted[len(done)] if len(done) < len(wanted) else None


def without_room(zygote, life, which, folder, places):
    """Run a step once for each (padding, pages left); return what was wrong, and which effects found no room."""
    step = steps_that_send(life)[which]
    wrong, stops = {}, []
    for padding, pages_left in places:
        outcome, missing = stopped_at(zygote, life, step, folder / "host", padding=padding, pages_left=pages_left)
        lines = [*outcome.broken]
        if missing is not None and (outcome.code, "the disk is full" in outcome.said) != (1, True):
            lines.append(f"ended with {outcome.code}: {outcome.said}")
        if outcome.passes is None or outcome.passes > PASSES_MAX:
            lines.append(f"{outcome.passes} passes to repair")
        if lines:
            wrong[padding, pages_left] = lines
        stops.append((missing, any("POST" in effect for effect in outcome.effects)))
    return wrong, stops


def intent_of(life, which):
    """Return the commit right before the order is sent."""
    effects = life.seen[steps_that_send(life)[which].number].effects
    return effects[next(n for n, effect in enumerate(effects) if "POST" in effect) - 1]


@pytest.mark.case("fail-H3")
@pytest.mark.parametrize(("which", "place"), [(ENTRY, (0, 0)), (COVER, (600, 1))], ids=["entry", "cover"])
def test_where_the_intent_finds_no_room_no_request_reaches_the_broker(zygote, life, tmp_path, which, place):
    wrong, stops = without_room(zygote, life, which, tmp_path, [place])
    assert wrong == {}
    assert stops == [(intent_of(life, which), False)]


@pytest.mark.case("fail-H3")
@pytest.mark.parametrize(("which", "place"), [(ENTRY, (3600, 1)), (COVER, (0, 1)), (SALE, (600, 1))])
def test_where_the_answer_finds_no_room_the_order_is_booked_once_there_is(zygote, life, tmp_path, which, place):
    wrong, ((missing, was_sent),) = without_room(zygote, life, which, tmp_path, [place])
    assert wrong == {}
    assert missing.startswith("commit")
    assert was_sent


@pytest.mark.prove
@pytest.mark.parametrize("which", [ENTRY, COVER, SALE])
def test_wherever_a_pass_finds_no_room_the_next_one_repairs(zygote, life, tmp_path, which):
    places = [(padding, pages_left) for padding in range(0, 4000, 400) for pages_left in range(3)]
    wrong, stops = without_room(zygote, life, which, tmp_path, places)
    assert wrong == {}
    assert len({missing for missing, _ in stops}) >= 3


def test_a_paper_broker_whose_disk_is_full_took_what_it_said_it_took_and_no_more(tmp_path):
    paper = open_paper(clock=RecordedClock(CLOSE.ticks[0]), prices=CLOSE.feed, state=tmp_path / "paper.db")
    execute = paper._state._connection.execute
    (pages,) = execute("PRAGMA page_count").fetchone()
    execute(f"PRAGMA max_page_count = {pages + 2}")
    with serving(paper) as url:
        broker = alpaca_at(url, "broker local paper", SimulatedClock(CLOSE.ticks[0]))
        outcomes = {f"sim-d{n}-entry-1": broker.submit(resting(f"sim-d{n}-entry-1")) for n in range(1, ORDERS)}
        taken = {name for name, outcome in outcomes.items() if isinstance(outcome, Accepted)}
        assert 0 < len(taken) < len(outcomes)
        assert all(isinstance(outcome, Unknown) for name, outcome in outcomes.items() if name not in taken)
        assert {order.client_order_id for order in broker.live_orders()} == taken
        execute("PRAGMA max_page_count = 1000000")
        (again, *_) = sorted(outcomes.keys() - taken)
        assert isinstance(broker.submit(resting(again)), Accepted)
        assert {order.client_order_id for order in broker.live_orders()} == {*taken, again}
    paper.close()
