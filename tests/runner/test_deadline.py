"""A pass ends at its deadline and leaves the rest to the next one."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from lib.apply import apply
from lib.domain.actions import LookAgain, Ref, Submit
from lib.domain.bodies import stop_body
from lib.domain.facts import BrokerPosition, Unknown
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world


def test_what_is_not_begun_by_the_deadline_is_dropped():
    now = at(16, 15, 0)
    tools = SimpleNamespace(clock=SimpleNamespace(now=lambda: now))
    wait = LookAgain(why="the broker", symbol="AAPL")
    times = [now, now - timedelta(seconds=1)]
    outcomes = [
        apply([wait], tools, account="main", run_id="r", planned_at=now, deadline=deadline)[0].outcome
        for deadline in times
    ]
    assert outcomes == ["done", "dropped"]


class SlowBroker:
    """Each order takes 40 seconds and its answer is lost."""

    def __init__(self, broker, clock):
        self._broker = broker
        self._clock = clock
        self.sent = []

    def __getattr__(self, name):
        return getattr(self._broker, name)

    def submit(self, body):
        self.sent.append(body["symbol"])
        self._clock.sleep(40)
        return Unknown(message="time-out")


def test_a_slow_broker_keeps_a_pass_no_longer_than_its_deadline_and_one_call(tmp_path):
    names = ["AAPL", "IBM", "MSFT", "GOOG"]
    feed = ScriptedFeed({name: steps((at(16, 14, 40), "151")) for name in names})
    with world(tmp_path, at(16, 14, 46), feed, options=Options(partial_fill_rate=Decimal(0))) as made:
        slow = SlowBroker(made.tools.broker, made.clock)
        made.tools = made.tools.__class__(
            store=made.store, broker=slow, clock=made.clock, state_dir=tmp_path, durable=False
        )
        for name in names:
            made.decide(**(SWING_AAPL | {"symbol": name}))
        ran = made.run("order_executor")
        assert slow.sent == ["AAPL", "IBM"]
        assert (ran.exit_code, ran.result.outcome) == (1, "incomplete")
        assert made.clock.now() - ran.at < timedelta(seconds=110)


@pytest.mark.parametrize(("free", "outcome"), [("10", "unknown"), ("9", "dropped"), ("-10", "dropped")])
def test_an_exit_of_an_old_plan_goes_out_while_its_shares_are_still_there_on_its_side(free, outcome):
    now = at(16, 15, 0)
    position = BrokerPosition(symbol="AAPL", qty=Decimal(free), qty_available=Decimal(free))
    sell = SimpleNamespace(position=lambda _: position, submit=lambda _: Unknown(message="time-out"))
    store = SimpleNamespace(write=lambda *_, **__: {"order": 1})
    tools = SimpleNamespace(clock=SimpleNamespace(now=lambda: now), broker=sell, store=store, controls=lambda _: ())
    stop = Submit(
        intent=(),
        body=stop_body("ns-t7-exit-1", "AAPL", Decimal(10), Decimal(145)),
        why="no stop",
        symbol="AAPL",
        increases_exposure=False,
        order_refs=(Ref("order"),),
    )
    planned_at = now - timedelta(seconds=6)
    (applied,) = apply([stop], tools, account="main", run_id="r", planned_at=planned_at, deadline=now)
    assert applied.outcome == outcome
