"""A halt while entries rest at the broker, through the real stages: what rests is cancelled, what filled is covered."""

from dataclasses import replace
from decimal import Decimal

import pytest

from lib.intake.control_desk import Desk, resume, stop
from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import Watch, at_rest
from lib.simulation.faults import Faults as PortFaults
from lib.simulation.faults import Kind, with_faults
from lib.simulation.lifecycles import (
    PARTIAL_FILLS_THEN_TARGET,
    PLAIN_STOP_OF_A_PARTIAL_FILL,
    SWING_AAPL,
    at,
    steps,
)
from lib.simulation.world import world
from lib.store import queries

WHOLE = Options(partial_fill_rate=Decimal(0))
RESTS = ((at(16, 14, 40), "155"), (at(16, 15, 30), "149"))
"""Five above the entry, then below it."""


def resting(make_world, *, options=WHOLE, symbols=("AAPL",)):
    """Return a world at 15:02 in which an entry of each symbol rests at the broker."""
    made = make_world(at(16, 14, 43), ScriptedFeed({s: steps(*RESTS) for s in symbols}), options=options)
    for symbol in symbols:
        made.decide(**(SWING_AAPL | {"symbol": symbol}))
    made.run_until(at(16, 15, 2))
    assert sorted(o.symbol for o in made.tools.broker.live_orders()) == sorted(symbols)
    return made


def desk(made):
    return Desk(store=made.store, state_dir=made.tools.state_dir, now=made.clock.now())


def trade_of(made):
    (trade,) = queries.journal(made.store, "main")
    return trade


@pytest.mark.sample
def test_a_halt_file_cancels_the_entry_that_rests_and_the_trade_ends_with_the_reason(make_world, tmp_path):
    made = resting(make_world)
    halt = tmp_path / "HALT"
    halt.touch()
    made.run_until(at(16, 15, 5))
    assert made.tools.broker.live_orders() == ()
    trade = trade_of(made)
    reason = f"cancel asked because all is HALTED: the file {halt} is there"
    assert (trade.status, trade.actual_qty) == ("CANCELLED", None)
    assert trade.note == f"the entry was cancelled without a fill: {reason}"
    assert {ran.exit_code for ran in made.history} == {0}
    made.run("order_executor")
    (decision,) = queries.decisions(made.store, "main")
    assert (decision.execution_status, reason in decision.execution_note) == ("DONE", True)
    halt.unlink()
    made.clock.advance_to(at(16, 15, 31))
    made.run("order_monitor")
    assert made.tools.broker.positions() == {}
    assert at_rest(made) == ()


@pytest.mark.slow
def test_a_halt_of_one_symbol_by_command_leaves_the_other_s_entry_to_fill(make_world):
    made = resting(make_world, symbols=("AAPL", "MSFT"))
    stop(desk(made), "halt", None, "AAPL", reason="earnings", sure=False)
    made.run_until(at(16, 15, 5))
    made.clock.advance_to(at(16, 15, 31))
    made.run("order_monitor")
    statuses = {t.symbol: t.status for t in queries.journal(made.store, "main")}
    assert statuses == {"AAPL": "CANCELLED", "MSFT": "POSITION"}
    assert at_rest(made) == ()


class HaltedAfterTheFirst:
    """A broker beside which a person halts everything right after the first order has left."""

    def __init__(self, tools):
        self.tools = tools
        self.sent = 0

    def __getattr__(self, name):
        return getattr(self.tools.broker, name)

    def submit(self, body):
        outcome = self.tools.broker.submit(body)
        self.sent += 1
        if self.sent == 1:
            person = Desk(store=self.tools.store, state_dir=self.tools.state_dir, now=self.tools.clock.now())
            stop(person, "halt", None, None, reason="enough", sure=False)
        return outcome


@pytest.mark.case("fail-A14")
def test_a_halt_in_the_middle_of_a_pass_stops_its_very_next_order(make_world):
    feed = ScriptedFeed({symbol: steps(*RESTS) for symbol in ("AAPL", "MSFT")})
    made = make_world(
        at(16, 14, 46), feed, options=WHOLE, wrap=lambda tools: replace(tools, broker=HaltedAfterTheFirst(tools))
    )
    for symbol in ("AAPL", "MSFT"):
        made.decide(**(SWING_AAPL | {"symbol": symbol}))
    halted = made.run("order_executor")
    assert halted.exit_code == 0
    assert [(t.symbol, t.status) for t in queries.journal(made.store, "main")] == [("AAPL", "ORDERED")]
    made.run("order_monitor")
    assert made.tools.broker.live_orders() == ()
    assert trade_of(made).status == "CANCELLED"


@pytest.mark.slow
def test_reducing_leaves_the_entry_to_fill_and_covers_it(make_world):
    made = resting(make_world)
    stop(desk(made), "reduce", "main", None, reason="enough for today", sure=False)
    made.run("order_monitor")
    made.clock.advance_to(at(16, 15, 31))
    made.run("order_monitor")
    assert made.store.rows("main").positions[0].covered_qty == Decimal(10)
    assert trade_of(made).note is None


@pytest.mark.parametrize(
    "story", [PARTIAL_FILLS_THEN_TARGET, pytest.param(PLAIN_STOP_OF_A_PARTIAL_FILL, marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_of_an_entry_filled_in_part_the_rest_is_cancelled_and_the_part_covered(make_world, tmp_path, story):
    made = make_world(story.start, story.feed, options=story.options)
    made.decide(**story.decisions[0])
    made.run_until(at(16, 15, 4))
    (entry,) = made.tools.broker.live_orders()
    assert (entry.status, entry.filled_qty) == ("partially_filled", Decimal(4))
    (tmp_path / "HALT").touch()
    made.run_until(at(16, 15, 5))
    (cover,) = made.tools.broker.live_orders()
    assert (cover.side, cover.qty) == ("sell", Decimal(4))
    assert made.store.rows("main").positions[0].covered_qty == Decimal(4)
    assert trade_of(made).note.startswith("bought 4 of 10: the rest of the entry was cancelled: cancel asked because")
    made.clock.advance_to(story.end)
    made.run("order_monitor")
    trade = trade_of(made)
    assert (trade.status, trade.exit_qty) == ("CLOSED", Decimal(4))
    assert "cancel asked because all is HALTED" in trade.note
    assert at_rest(made) == ()


@pytest.mark.case("fail-B3")
@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.TIMEOUT_AFTER,
        FaultKind.TIMEOUT_BEFORE,
        pytest.param(FaultKind.HTTP_500, marks=pytest.mark.slow),
        pytest.param(FaultKind.RESET, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_cancel_whose_answer_was_lost_is_asked_again_until_the_entry_is_gone(make_world, tmp_path, kind):
    faults = Faults([Fault(route="DELETE /v2/orders/{id}", n=1, kind=kind)])
    made = resting(make_world, options=Options(partial_fill_rate=Decimal(0), faults=faults))
    (tmp_path / "HALT").touch()
    made.run_until(at(16, 15, 10))
    assert made.tools.broker.live_orders() == ()
    assert trade_of(made).status == "CANCELLED"
    assert at_rest(made) == ()


@pytest.mark.slow
def test_a_frozen_symbol_sends_nothing_and_says_so_until_it_is_resumed_and_others_go_on(make_world):
    made = resting(make_world, symbols=("AAPL", "MSFT"))
    stop(desk(made), "freeze", None, "AAPL", reason="what is this", sure=False)
    made.clock.advance_to(at(16, 15, 31))
    last = made.run("order_monitor")
    covered = {p.symbol: p.covered_qty for p in made.store.rows("main").positions}
    assert covered == {"AAPL": Decimal(0), "MSFT": Decimal(10)}
    assert last.exit_code == 1
    assert any("symbol:main:AAPL is FROZEN: what is this" in note for note in last.result.notes)
    resume(desk(made), None, "AAPL", None)
    made.run("order_monitor")
    assert {p.covered_qty for p in made.store.rows("main").positions} == {Decimal(10)}
    assert at_rest(made) == ()


def halted_in_the_middle(directory, plan):
    """Play an entry halted after four of its ten shares, with a fault; return how it ends and its effects."""
    faults, watch, story = PortFaults(plan, []), Watch(), PARTIAL_FILLS_THEN_TARGET
    with world(
        directory, story.start, story.feed, options=story.options, wrap=lambda tools: with_faults(tools, faults)
    ) as made:
        made.observers.append(watch)
        made.decide(**SWING_AAPL)
        made.run_until(at(16, 15, 4))
        (directory / "HALT").touch()
        made.run_until(at(16, 15, 25))
        trade, positions = trade_of(made), made.store.rows("main").positions
        live = sorted((o.side, o.qty) for o in made.tools.broker.live_orders())
        broken = [str(v) for v in (*watch.violations, *at_rest(made))]
    note = trade.note.replace(str(directory), "")
    return (trade.status, note, [p.covered_qty for p in positions], live, broken), faults.effects


@pytest.mark.prove
def test_every_single_fault_of_a_halt_leads_to_the_same_end(tmp_path):
    clean, effects = halted_in_the_middle(tmp_path / "clean", {})
    assert (clean[0], clean[2], clean[3], clean[4]) == ("POSITION", [Decimal(4)], [("sell", Decimal(4))], [])
    assert effects.count("broker.cancel") == 1
    first = effects.index("broker.cancel")
    wrong = {}
    for number in range(first - 2, first + 6):
        for kind in Kind:
            end, _ = halted_in_the_middle(tmp_path / f"{number} {kind}", {number: kind})
            if end != clean:
                wrong[f"{kind} {number} {effects[number - 1]}"] = end
    assert wrong == {}
