"""What every pass asserts at its end: broken rows halt at once, a broker that disagrees once it does so twice."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from lib.paper_broker.prices import ScriptedFeed
from lib.planning.alerts import standing_alerts
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries

pytestmark = pytest.mark.slow

AAPL = steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))
FEED = ScriptedFeed({"AAPL": AAPL, "MSFT": steps((at(16, 14, 40), "151"), (at(16, 15, 4), "151.50"))})
MONITORS = ("order_monitor", "position_monitor")
BOOKS_SAY_MORE = (
    "INSERT INTO quantity_change (account, symbol, delta, cause, at) "
    "VALUES ('main', 'AAPL', '3', 'OPENING', '2024-01-16T15:00:00.000000Z')"
)
NO_LONGER = "DELETE FROM quantity_change"


class Counting:
    """A broker that counts what it is asked."""

    def __init__(self, broker):
        self.broker, self.asked = broker, []

    def __getattr__(self, name):
        found = getattr(self.broker, name)
        if not callable(found):
            return found

        def counted(*words, **named):
            self.asked.append(name)
            return found(*words, **named)

        return counted


@pytest.fixture
def owned(tmp_path):
    """A trade with its stop, that the real stages made."""
    with world(tmp_path, at(16, 14, 43), FEED, wrap=lambda t: replace(t, broker=Counting(t.broker))) as made:
        made.decide(**SWING_AAPL)
        passes(made, at(16, 14, 46), "order_executor")
        passes(made, at(16, 15, 3), *MONITORS)
        yield made


def passes(made, when, *stages):
    made.clock.advance_to(when)
    return [made.run(stage).result for stage in stages]


def sql(made, statement, **values):
    with made.store.writing() as connection:
        assert connection.execute(text(statement), values).rowcount


def halted(made):
    return {c.scope: c.reason for c in queries.controls(made.store) if c.state == "HALTED"}


def alerts(made):
    return {a.key for a in standing_alerts(made.store.alerts("main").events).values() if a.is_open}


def stop_at_broker(made):
    (oco,) = made.tools.broker.live_orders()
    return oco.legs[0].status


def test_a_clean_pass_is_not_halted_and_asks_the_broker_nothing_more(owned):
    asked = owned.tools.broker.asked
    asked.clear()
    passes(owned, at(16, 15, 5), "order_monitor")
    assert asked == ["account", "live_orders", "fills", "positions"]
    assert (halted(owned), alerts(owned)) == ({}, set())


def test_rows_that_can_never_be_halt_the_account_at_once_and_leave_the_stop(owned):
    sql(owned, "UPDATE trade_journal SET status = 'CLOSED'")
    (result,) = passes(owned, at(16, 15, 5), "position_monitor")
    assert result.outcome == "incomplete"
    assert "BROKEN_ROWS" in {p.code for p in result.problems}
    assert halted(owned)["account:main"].startswith("an invariant is broken: I11: trade 1 is CLOSED")
    assert {"BROKEN_ROWS", "HALTED account:main"} <= alerts(owned)
    assert stop_at_broker(owned) == "held"


@pytest.mark.parametrize(("status", "traded"), [("POSITION", ["AAPL", "MSFT"]), ("CLOSED", ["AAPL"])])
def test_a_halt_by_an_assertion_stops_entries(status, traded, owned):
    sql(owned, "UPDATE trade_journal SET status = :status", status=status)
    passes(owned, at(16, 15, 5), "position_monitor")
    decision = owned.decide(**SWING_AAPL | {"symbol": "MSFT"})
    owned.run("order_executor", only_decision=decision)
    assert [t.symbol for t in queries.journal(owned.store, "main")] == traded


def test_a_broker_that_disagrees_once_is_an_alert_and_no_failure(owned):
    sql(owned, BOOKS_SAY_MORE)
    (result,) = passes(owned, at(16, 15, 5), "position_monitor")
    assert (result.outcome, halted(owned)) == ("done", {})
    assert "DISAGREES AAPL" in alerts(owned)


def test_a_second_pass_within_a_minute_does_not_halt(owned):
    sql(owned, BOOKS_SAY_MORE)
    passes(owned, at(16, 15, 5), "position_monitor")
    passes(owned, at(16, 15, 5).replace(second=50), "position_monitor")
    assert halted(owned) == {}


def test_a_second_pass_a_minute_later_reads_that_symbol_alone_and_halts_it(owned):
    sql(owned, BOOKS_SAY_MORE)
    passes(owned, at(16, 15, 5), "position_monitor")
    owned.tools.broker.asked.clear()
    (result,) = passes(owned, at(16, 15, 15), "position_monitor")
    assert {"position", "order"} <= set(owned.tools.broker.asked)
    assert halted(owned) == {
        "symbol:main:AAPL": "an invariant is broken: I5: AAPL: the books say 13, the broker holds 10"
    }
    assert "DISAGREES" in {p.code for p in result.problems}
    assert stop_at_broker(owned) == "held"


def test_what_a_second_pass_no_longer_sees_is_over(owned):
    sql(owned, BOOKS_SAY_MORE)
    passes(owned, at(16, 15, 5), "position_monitor")
    sql(owned, NO_LONGER)
    passes(owned, at(16, 15, 15), "position_monitor")
    sql(owned, BOOKS_SAY_MORE)
    passes(owned, at(16, 15, 25), "position_monitor")
    assert halted(owned) == {}


class Torn(Counting):
    """Its list of positions lags for ever; asked for one symbol it says what is."""

    def positions(self):
        return {s: replace(p, qty=p.qty + 1) for s, p in self.broker.positions().items()}


def test_what_targeted_reads_do_not_confirm_does_not_halt(owned):
    owned.tools = replace(owned.tools, broker=Torn(owned.tools.broker.broker))
    for minute in (5, 15, 25):
        passes(owned, at(16, 15, minute), "position_monitor")
    assert "DISAGREES AAPL" in alerts(owned)
    assert halted(owned) == {}
