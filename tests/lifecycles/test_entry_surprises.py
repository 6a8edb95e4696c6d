"""Entry orders that meet a surprise: what becomes of the broker's orders, of the rows, and what the trade's note says.

The entry of ten shares rests at 150 from 14:45 on. AAPL is bought at the ask, a cent above the price that a step names.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from lib.domain.bodies import thaw
from lib.paper_broker.faults import Fault, FaultKind
from lib.paper_broker.faults import Faults as BrokerFaults
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.faults import Faults, Kind, with_faults
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.lifecycles.desk import (
    ABOVE,
    BOUGHT,
    FOUR_FILL,
    TREND_AAPL,
    answer,
    ask,
    assert_covered,
    begin,
    look,
    resting,
    trade_of,
)

ENTRY = "sim-d1-entry-1"
OCO_OF_FOUR = [("sell", "limit", "4", "160"), ("sell", "stop", "4", "145")]
OCO_OF_TEN = [("sell", "limit", "10", "160"), ("sell", "stop", "10", "145")]
FELL_AT_ONCE = ((at(16, 14, 40), "149.50"),)


def entry_rows(made):
    """Return the rows of the trade's entries: our id, status and what was filled."""
    rows = queries.orders_of(made.store, trade_of(made).id)
    return [(o.client_order_id, o.order_status, o.filled_qty) for o in rows if o.order_type == "ENTRY"]


def cancel_in_app(made, client_order_id):
    order = made.tools.broker.order_by_client_id(client_order_id)
    assert made.paper.respond(Request("DELETE", f"/v2/orders/{order.id}")).status == 204


def go(made, when, *stages):
    made.clock.advance_to(when)
    return [made.run(stage) for stage in stages or ("order_monitor",)][-1]


def start(make_world, *prices, wrap=lambda tools: tools, decision=SWING_AAPL, **options):
    """Return a world at 14:44 with one approved decision and no pass yet."""
    made = make_world(
        at(16, 14, 44),
        ScriptedFeed({"AAPL": steps(*prices)}),
        options=Options(**({"partial_fill_rate": Decimal(0)} | options)),
        wrap=wrap,
    )
    made.decide(**decision)
    return made


@pytest.mark.case("fail-E9")
@pytest.mark.sample
def test_an_entry_cancelled_in_the_app_ends_its_trade_in_words(make_world):
    made = begin(make_world, *ABOVE)
    cancel_in_app(made, ENTRY)
    look(made)
    assert entry_rows(made) == [(ENTRY, "cancelled", 0)]
    trade = trade_of(made)
    assert (trade.status, trade.note) == ("CANCELLED", "the entry was cancelled without a fill")
    look(made)
    assert answer(made, 1) == ("DONE", "trade 1 is CANCELLED: the entry was cancelled without a fill")
    assert (resting(made), at_rest(made)) == ([], ())


@pytest.mark.case("fail-E1", "fail-E2")
@pytest.mark.parametrize(
    ("decision", "cover"), [(SWING_AAPL, OCO_OF_FOUR), (TREND_AAPL, [("sell", "stop", "4", "145")])]
)
def test_a_part_that_filled_before_the_app_cancelled_the_rest_is_a_position_under_a_stop(make_world, decision, cover):
    made = start(make_world, *BOUGHT, decision=decision, fill_plan=FOUR_FILL)
    go(made, at(16, 14, 45), "order_executor")
    made.clock.advance_to(at(16, 15, 2))
    cancel_in_app(made, ENTRY)
    assert go(made, at(16, 15, 5)).exit_code == 0
    assert entry_rows(made) == [(ENTRY, "cancelled", 4)]
    trade = trade_of(made)
    assert (trade.status, trade.actual_qty, trade.actual_entry) == ("POSITION", 4, Decimal("149.51"))
    assert trade.note == "bought 4 of 10: the rest of the entry was cancelled"
    assert resting(made) == cover
    assert_covered(made, 4)


@pytest.mark.case("fail-E3", "fail-F3")
@pytest.mark.parametrize(
    ("decision", "cover"), [(SWING_AAPL, OCO_OF_FOUR), (TREND_AAPL, [("sell", "stop", "4", "145")])]
)
def test_a_part_that_filled_in_the_last_minute_is_covered_after_the_close(make_world, decision, cover):
    """No look fell between the fill at 20:59 and the end of the entry at 21:00."""
    made = start(make_world, *ABOVE, (at(16, 20, 59), "149.50"), decision=decision, fill_plan=FOUR_FILL)
    go(made, at(16, 14, 45), "order_executor")
    go(made, at(16, 20, 55))
    assert go(made, at(16, 23, 0)).exit_code == 0
    assert entry_rows(made) == [(ENTRY, "expired", 4)]
    assert trade_of(made).note == "bought 4 of 10: the rest of the entry was expired"
    assert resting(made) == cover
    assert_covered(made, 4)


@pytest.mark.case("fail-E3")
def test_an_entry_that_expires_without_a_fill_ends_its_trade_the_same_evening(make_world):
    made = start(make_world, *ABOVE)
    go(made, at(16, 14, 45), "order_executor")
    go(made, at(16, 23, 0))
    trade = trade_of(made)
    assert (trade.status, trade.note) == ("CANCELLED", "the entry was expired without a fill")
    assert (entry_rows(made), resting(made)) == ([(ENTRY, "expired", 0)], [])


@pytest.mark.case("fail-E1")
def test_an_entry_that_fills_share_by_share_is_covered_at_each_look_and_its_cover_never_merged(make_world):
    """1 at 149.51, 2 at 149.41, 7 at 149.31; sold at 161: 10 x 161 - 149.51 - 2 x 149.41 - 7 x 149.31."""
    falls = [(at(16, 15, 1), "149.50"), (at(16, 15, 6), "149.40"), (at(16, 15, 11), "149.30"), (at(16, 15, 31), "161")]
    made = start(make_world, *ABOVE, *falls, fill_plan={ENTRY: (Decimal(1), Decimal(2))})
    go(made, at(16, 14, 45), "order_executor")
    for minute, owned in ((2, 1), (7, 3), (12, 10)):
        assert go(made, at(16, 15, minute)).exit_code == 0
        assert_covered(made, owned)
    assert [qty for _, kind, qty, _ in resting(made) if kind == "stop"] == ["1", "2", "7"]
    go(made, at(16, 15, 32))
    trade = trade_of(made)
    assert (trade.status, trade.exit_reason, trade.actual_pnl) == ("CLOSED", "PROFIT_TAKEN", Decimal("116.50"))
    assert (resting(made), at_rest(made)) == ([], ())


class Refuses:
    """A broker that took an entry and refuses it a moment later, as Alpaca's upstream does."""

    def __init__(self, broker):
        self._broker = broker

    def __getattr__(self, name):
        return getattr(self._broker, name)

    def order(self, broker_order_id):
        order = self._broker.order(broker_order_id)
        return replace(order, status="rejected") if order.side == "buy" else order

    def live_orders(self):
        return tuple(o for o in self._broker.live_orders() if o.side != "buy")


@pytest.mark.case("fail-A10")
def test_an_entry_that_is_refused_after_it_was_taken_ends_its_trade_and_its_decision_in_words(make_world):
    made = start(make_world, *ABOVE, wrap=lambda tools: replace(tools, broker=Refuses(tools.broker)))
    go(made, at(16, 14, 45), "order_executor")
    assert entry_rows(made) == [(ENTRY, "new", 0)]
    made.observers.clear()  # the exchange itself has it still: only its answers say otherwise
    go(made, at(16, 14, 50), "order_monitor", "order_executor")
    assert entry_rows(made) == [(ENTRY, "rejected", 0)]
    trade = trade_of(made)
    assert (trade.status, trade.note) == ("CANCELLED", "the broker refused the entry after it had taken it")
    assert answer(made, 1) == ("REJECTED", "BROKER: the broker refused the order after it had taken it")


@pytest.mark.case("fail-B1")
@pytest.mark.parametrize(("filled", "cover"), [({}, OCO_OF_TEN), (FOUR_FILL, OCO_OF_FOUR)])
def test_an_entry_that_fills_while_it_is_being_cancelled_is_a_position_under_a_stop(make_world, filled, cover):
    falls = ((at(16, 15, 7).replace(second=5), "149.50"), (at(16, 15, 7).replace(second=8), "151"))
    made = begin(make_world, *ABOVE, *falls, cancel_latency_s=Decimal(40), fill_plan=filled)
    ask(made, "CANCEL")
    look(made)
    assert made.tools.broker.order_by_client_id(ENTRY).status in {"pending_cancel", "filled"}
    look(made)
    owned = cover[0][2]
    assert resting(made) == cover
    assert (trade_of(made).status, trade_of(made).actual_qty) == ("POSITION", Decimal(owned))
    assert_covered(made, owned)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(FaultKind.TIMEOUT_AFTER, marks=pytest.mark.case("fail-A3", "fail-F2")),
        pytest.param(FaultKind.HTTP_502_AFTER, marks=pytest.mark.case("fail-A6")),
        pytest.param(FaultKind.GARBLED, marks=pytest.mark.case("fail-A11")),
        pytest.param(FaultKind.DUPLICATE, marks=pytest.mark.case("fail-A4")),
        pytest.param(FaultKind.DUPLICATE_SECOND, marks=pytest.mark.case("fail-A4", "fail-A8")),
    ],
)
def test_an_entry_that_filled_before_its_answer_came_is_covered_by_the_first_look_of_order_monitor(make_world, kind):
    """It never waits for the next run of order_executor, which may be tomorrow's."""
    faults = BrokerFaults([Fault(route="POST /v2/orders", n=1, kind=kind)])
    made = start(make_world, *FELL_AT_ONCE, faults=faults)
    go(made, at(16, 14, 45), "order_executor")
    assert go(made, at(16, 14, 50)).exit_code == 0
    assert entry_rows(made) == [(ENTRY, "filled", 10)]
    assert resting(made) == OCO_OF_TEN
    assert_covered(made, 10)
    assert len(made.tools.broker.orders_since(at(16, 14, 0))) == 2  # the entry and its OCO


@pytest.mark.case("fail-A3")
def test_an_entry_that_never_arrived_is_sent_again_by_the_executor_alone_and_once(make_world):
    faults = BrokerFaults([Fault(route="POST /v2/orders", n=1, kind=FaultKind.TIMEOUT_BEFORE)])
    made = start(make_world, *ABOVE, faults=faults)
    go(made, at(16, 14, 45), "order_executor")
    go(made, at(16, 14, 50))
    assert (entry_rows(made), resting(made)) == ([(ENTRY, "pending", 0)], [])
    go(made, at(16, 14, 55), "order_executor", "order_executor", "order_monitor")
    assert entry_rows(made) == [(ENTRY, "new", 0)]
    assert resting(made) == [("buy", "limit", "10", "150")]
    assert at_rest(made) == ()


@pytest.mark.case("fail-A5")
def test_an_entry_refused_for_asking_too_often_is_a_written_refusal_and_is_not_repeated(make_world):
    faults = BrokerFaults([Fault(route="POST /v2/orders", n=1, kind=FaultKind.RATE_LIMIT)])
    made = start(make_world, *ABOVE, faults=faults)
    go(made, at(16, 14, 45), "order_executor")
    go(made, at(16, 14, 50), "order_monitor", "order_executor")
    status, note = answer(made, 1)
    assert status == "REJECTED"
    assert note.startswith("BROKER: the broker refused the order: RATE_LIMIT")
    assert (trade_of(made).status, resting(made)) == ("CANCELLED", [])


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(Kind.CRASH_BEFORE, marks=pytest.mark.case("fail-A1")),
        pytest.param(Kind.CRASH_AFTER, marks=pytest.mark.case("fail-A2", "fail-F2")),
    ],
)
def test_a_process_that_dies_at_the_very_order_leaves_one_order_and_one_trade(make_world, kind):
    faults = Faults({}, [])
    made = start(make_world, *ABOVE, (at(16, 15, 1), "149.50"), wrap=lambda tools: with_faults(tools, faults))
    made.clock.advance_to(at(16, 14, 45))
    made.run("position_monitor")  # pins the account: the executor stores its intent, then sends
    done = len(faults.effects)
    faults.plan = {done + 2: kind}
    assert made.run("order_executor").error == f"crash: {kind} effect {done + 2} (broker.submit)"
    go(made, at(16, 14, 50))
    go(made, at(16, 14, 55), "order_executor", "order_monitor")
    assert resting(made) == [("buy", "limit", "10", "150")]
    go(made, at(16, 15, 2))
    assert entry_rows(made) == [(ENTRY, "filled", 10)]
    assert resting(made) == OCO_OF_TEN
    assert_covered(made, 10)


@pytest.mark.case("fail-F1")
def test_fills_that_are_read_again_and_again_are_booked_once(make_world):
    made = begin(make_world, *BOUGHT, fill_plan=FOUR_FILL)
    for _ in range(3):
        look(made, 1, stages=("order_monitor", "position_monitor"))
    assert [(f.qty, f.price) for f in queries.fills_of(made.store, 1)] == [(4, Decimal("149.51"))]
    assert trade_of(made).actual_qty == 4


def arrives(made):
    """Let the entry as it was frozen reach the broker now, outside the entry window, as the network has it."""
    made.observers.clear()  # I22 would call it ours
    (row,) = (o for o in queries.orders_of(made.store, trade_of(made).id) if o.order_type == "ENTRY")
    assert made.user_order(thaw(row.payload)).status == 200


def lost(make_world, *prices):
    """Return a world in which the entry was sent in the last minute of the window and has not arrived."""
    faults = BrokerFaults([Fault(route="POST /v2/orders", n=1, kind=FaultKind.TIMEOUT_BEFORE)])
    made = start(make_world, (at(16, 14, 40), "151"), (at(16, 20, 28), "151.50"), *prices, faults=faults)
    go(made, at(16, 20, 29), "order_executor")
    assert entry_rows(made) == [(ENTRY, "pending", 0)]
    return made


@pytest.mark.case("fail-A15")
def test_an_entry_that_arrives_after_its_window_is_cancelled(make_world):
    made = lost(make_world)
    go(made, at(16, 20, 35))
    go(made, at(16, 20, 40))
    assert (entry_rows(made), trade_of(made).status) == ([(ENTRY, "unsent", 0)], "CANCELLED")
    arrives(made)
    go(made, at(16, 20, 45))
    assert (entry_rows(made), resting(made)) == ([(ENTRY, "cancelled", 0)], [])
    assert trade_of(made).status == "CANCELLED"


@pytest.mark.case("fail-A15")
def test_an_entry_that_arrives_after_its_window_and_fills_is_a_position_under_a_stop(make_world):
    made = lost(make_world, (at(16, 20, 41), "149.50"))
    go(made, at(16, 20, 35))
    go(made, at(16, 20, 40))
    made.clock.advance_to(at(16, 20, 42))
    arrives(made)
    go(made, at(16, 20, 45))
    assert (entry_rows(made), resting(made)) == ([(ENTRY, "filled", 10)], OCO_OF_TEN)
    assert trade_of(made).status == "POSITION"
    assert {broken.id for broken in at_rest(made)} == {"I22"}


@pytest.mark.case("fail-A15")
def test_a_day_order_that_arrives_after_the_close_does_not_wait_for_the_next_open(make_world):
    """The broker queues it; no look fell in between, so that the trade is still ORDERED."""
    made = lost(make_world, (at(17, 14, 31), "149.50"))
    made.clock.advance_to(at(16, 21, 30))
    arrives(made)
    go(made, at(16, 23, 0))
    assert resting(made) == []
    assert trade_of(made).status == "CANCELLED"
    go(made, at(17, 14, 45))
    assert made.tools.broker.positions() == {}
