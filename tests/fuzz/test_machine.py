"""Whatever people, the market and the host do, in any order: after every pass nothing that must hold is broken.

Hypothesis draws the order and shrinks what fails. A person approves, edits, cancels and closes; the market moves, fills
in part; sessions end; shares are split overnight; the account's owner trades and cancels in the app; a pass meets a
fault, or a second one in the same minute.
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
SYMBOLS = st.sampled_from(("AAPL", "MSFT"))
NEXT_DAY = at(17, 14, 43)
SPLIT_AT = at(17, 5, 0)  # midnight in New York
SPLITS = {
    "forward_split": {"old_rate": "1", "new_rate": "2"},
    "reverse_split": {"old_rate": "4", "new_rate": "1"},
}


class MadeUp(ScriptedFeed):
    """Prices that the broker divides at a split."""

    def is_synthetic(self, symbol, at):
        return True


class People(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.stack = ExitStack()
        self.watch = Watch()
        self.faults = Faults({}, [])
        self.splits = {}

    @initialize(part=st.sampled_from((None, 4, 7)), split=st.sampled_from((None, *SPLITS)), touched=st.booleans())
    def open_the_market(self, part, split, touched):
        path = steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(17, 14, 30), "151"))
        plan = {} if part is None else {"sim-d1-entry-1": (Decimal(part),)}
        options = Options(partial_fill_rate=Decimal(0), fill_plan=plan, splits_touch_orders=touched)
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        wrap = lambda tools: with_faults(tools, self.faults)  # noqa: E731
        feed = MadeUp({"AAPL": path, "MSFT": path})
        self.made = self.stack.enter_context(world(folder, at(16, 14, 46), feed, options=options, wrap=wrap))
        self.made.observers.append(self.watch)
        self.made.decide(**SWING_AAPL)
        if split:
            self.a_split_is_announced_for_the_night("AAPL", split)

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

    @rule(symbol=SYMBOLS, kind=st.sampled_from(tuple(SPLITS)))
    def a_split_is_announced_for_the_night(self, symbol, kind):
        if self.made.clock.now() < SPLIT_AT and symbol not in self.splits:
            self.splits[symbol] = SPLITS[kind]
            self.made.corporate_action(type=kind, symbol=symbol, ex_date="2024-01-17", **SPLITS[kind])

    @rule(bid=LEVELS, symbol=SYMBOLS)
    def the_price_moves(self, bid, symbol):
        split = self.splits.get(symbol) if self.made.clock.now() >= SPLIT_AT else None
        level = Decimal(bid) * Decimal(split["old_rate"]) / Decimal(split["new_rate"]) if split else Decimal(bid)
        self.made.price(symbol, str(level), str(level + Decimal("0.01")))

    @rule(symbol=SYMBOLS, goal=st.sampled_from(("160", None)))
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
    run(6, 15, seeded=True)


@pytest.mark.prove
def test_many_orders_of_events_break_nothing():
    run(500, 40, seeded=False)
