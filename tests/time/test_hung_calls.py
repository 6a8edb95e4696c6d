"""A broker that hangs: a pass ends, says so, and the next one repairs.

What one call may take is shown in tests/broker/test_wire.py, what a slow one may in tests/runner/test_deadline.py.
"""

import time
from dataclasses import replace
from decimal import Decimal

import pytest

from lib.broker.wire import HTTP_TIMEOUT_S, READ_RETRY
from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.prices import ScriptedFeed
from lib.passes import DEADLINE
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries

FEED = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))})
READS = ("GET /v2/account", "GET /v2/orders", "GET /v2/account/activities/FILL", "GET /v2/positions")
TRIES = 3
READ_TIMEOUT_S = 2  # of a World over HTTP


def hang(made, route, times=TRIES):
    """Let the next so many requests of a route hang."""
    faults = Faults([Fault(route, 1, FaultKind.TIMEOUT_BEFORE, to=times)])
    made.paper.options = replace(made.paper.options, faults=faults)


def bought(made):
    made.decide(**SWING_AAPL)
    made.clock.advance_to(at(16, 14, 45))
    assert made.run("order_executor").exit_code == 0
    made.clock.advance_to(at(16, 15, 5))


def repaired(made, monitor_at):
    made.clock.advance_to(monitor_at)
    assert made.run("order_monitor").exit_code == 0
    (position,) = made.store.rows("main").positions
    assert (position.qty, position.covered_qty) == (Decimal(10), Decimal(10))
    assert at_rest(made) == ()


@pytest.mark.case("fail-I-2")
@pytest.mark.parametrize("route", READS)
def test_a_read_that_hangs_ends_the_pass_and_the_next_one_covers_what_was_bought(tmp_path, route):
    with world(tmp_path, at(16, 14, 43), FEED) as made:
        bought(made)
        hang(made, route)
        hung = made.run("order_monitor")
        assert (hung.exit_code, hung.error) == (1, f"{route}: no answer within the time-out")
        assert made.store.rows("main").positions == ()
        repaired(made, at(16, 15, 10))


@pytest.mark.case("fail-I-2")
def test_a_cover_order_that_hangs_is_found_by_the_next_round_or_pass_and_sent_again_under_its_id(tmp_path):
    with world(tmp_path, at(16, 14, 43), FEED) as made:
        bought(made)
        hang(made, "POST /v2/orders", times=1)
        made.run("order_monitor")
        repaired(made, at(16, 15, 10))
        (trade,) = queries.journal(made.store, "main")
        exits = [order for order in queries.orders_of(made.store, trade.id) if order.order_type != "ENTRY"]
        assert {order.client_order_id for order in exits} == {"sim-t1-exit-1", "sim-t1-exit-1-stop"}


def test_three_tries_of_a_silent_broker_fit_into_the_deadline_of_a_pass():
    tried_s = READ_RETRY.tries_max * sum(HTTP_TIMEOUT_S)
    assert READ_RETRY.tries_max == TRIES
    assert tried_s + 2 * READ_RETRY.pause_s(TRIES) < DEADLINE.total_seconds()


@pytest.mark.slow
@pytest.mark.case("fail-I-2")
def test_over_a_real_socket_a_hung_broker_holds_a_pass_for_three_time_outs_and_no_longer(tmp_path):
    with world(tmp_path, at(16, 14, 43), FEED, over_http=True) as made:
        bought(made)
        hang(made, "GET /v2/positions")
        began = time.monotonic()
        hung = made.run("order_monitor")
        assert (hung.exit_code, hung.error) == (1, "GET /v2/positions: no answer within the time-out")
        assert TRIES * READ_TIMEOUT_S <= time.monotonic() - began < 2 * TRIES * READ_TIMEOUT_S
        repaired(made, at(16, 15, 10))
