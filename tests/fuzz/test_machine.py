"""Whatever people, the market and the host do, in any order: after every pass nothing that must hold is broken.

Hypothesis draws the order and shrinks what fails. A person approves, edits, cancels and closes; the market moves, fills
in part; sessions end; the account's owner trades and cancels in the app; a pass meets a fault, or a
second one in the same minute.
"""

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from lib.domain.actions import Update
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import Watch
from lib.simulation.faults import Faults, Kind, with_faults
from lib.simulation.fuzz.rows import corpus
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries

STAGES = st.sampled_from(("order_executor", "order_monitor", "position_monitor"))
CRASHES = (Kind.CRASH_BEFORE, Kind.CRASH_AFTER, Kind.TIMEOUT_AFTER)
LEVELS = st.sampled_from(("140", "144.90", "146", "149.50", "150", "151", "155", "161"))
NEXT_DAY = at(17, 14, 43)


class People(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.stack = ExitStack()
        self.watch = Watch()
        self.faults = Faults({}, [])

    @initialize(part=st.sampled_from((None, 4, 7)))
    def open_the_market(self, part):
        path = steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(17, 14, 30), "151"))
        plan = {} if part is None else {"sim-d1-entry-1": (Decimal(part),)}
        options = Options(partial_fill_rate=Decimal(0), fill_plan=plan)
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        wrap = lambda tools: with_faults(tools, self.faults)  # noqa: E731
        feed = ScriptedFeed({"AAPL": path, "MSFT": path})
        self.made = self.stack.enter_context(world(folder, at(16, 14, 46), feed, options=options, wrap=wrap))
        self.made.observers.append(self.watch)
        self.made.decide(**SWING_AAPL)

    def run(self, stage):
        self.made.run(stage)
        self.made.clock.advance_to(self.made.clock.now() + timedelta(seconds=20))

    @rule(stage=STAGES)
    def a_pass(self, stage):
        self.run(stage)

    @rule(stage=STAGES, nth=st.integers(1, 6), kind=st.sampled_from(CRASHES))
    def a_pass_that_meets_a_fault(self, stage, nth, kind):
        self.faults.plan = {len(self.faults.effects) + nth: kind}
        self.run(stage)
        self.faults.plan = {}

    @rule(one=STAGES, other=STAGES)
    def two_passes_in_the_same_second(self, one, other):
        self.made.run(one)
        self.run(other)

    @rule(minutes=st.sampled_from((5, 10, 35)))
    def cron_goes_on(self, minutes):
        self.made.run_until(self.made.clock.now() + timedelta(minutes=minutes))

    @rule()
    def the_session_ends(self):
        if self.made.clock.now() < NEXT_DAY:
            self.made.run_until(at(16, 21, 5))
            self.made.clock.advance_to(NEXT_DAY)

    @rule(bid=LEVELS, symbol=st.sampled_from(("AAPL", "MSFT")))
    def the_price_moves(self, bid, symbol):
        self.made.price(symbol, bid, str(Decimal(bid) + Decimal("0.01")))

    @rule(symbol=st.sampled_from(("AAPL", "MSFT")), goal=st.sampled_from(("160", None)))
    def a_person_approves_another(self, symbol, goal):
        style = "SWING" if goal else "TREND"
        self.made.decide(**(SWING_AAPL | {"symbol": symbol, "planned_tp": goal, "trade_style": style}))

    @rule(action=st.sampled_from(("CANCEL", "CLOSE")), price=st.sampled_from((None, "155")))
    def a_person_wants_out(self, action, price):
        self.made.decide(action=action, target_decision_id="1", close_price=price if action == "CLOSE" else None)

    @rule(
        columns=st.sampled_from(({"planned_sl": "146"}, {"planned_tp": "158"}, {"planned_entry": "149", "qty": "12"}))
    )
    def a_person_amends(self, columns):
        self.made.decide(action="AMEND", target_decision_id="1", **columns)

    @rule(
        column=st.sampled_from(("qty", "planned_sl", "symbol", "expires_at")), text=st.sampled_from(corpus()["numbers"])
    )
    def a_person_edits_the_newest_row(self, column, text):
        row = queries.decisions(self.made.store, "main", limit=1)[0]
        change = Update(table="analysis_decision", id=row.id, version=row.version, values={column: text})
        self.made.store.write((change,), run_id="person", at=self.made.clock.now())

    @rule()
    def the_owner_cancels_everything_in_the_app(self):
        self.made.user_cancels_all()

    @rule(qty=st.sampled_from(("3", "10")), side=st.sampled_from(("buy", "sell")))
    def the_owner_trades_in_the_app(self, qty, side):
        body = {"symbol": "AAPL", "qty": qty, "side": side, "type": "market", "time_in_force": "day"}
        self.made.user_order(body)

    @invariant()
    def nothing_is_broken(self):
        assert [str(violation) for violation in self.watch.violations] == []

    def teardown(self):
        self.stack.close()


def run(examples, steps_each, *, seeded):
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps_each,
        deadline=None,
        derandomize=seeded,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(People, settings=chosen)


def test_a_few_orders_of_events_break_nothing():
    run(15, 15, seeded=True)


@pytest.mark.prove
def test_many_orders_of_events_break_nothing():
    run(500, 40, seeded=False)
