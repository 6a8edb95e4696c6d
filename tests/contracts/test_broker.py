"""What the broker port promises, asked of the adapter over each transport that the paper broker has.

The adapter is alpaca-py underneath, unpatched; only the way its bytes travel differs between the two.
"""

import json
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from lib.domain.facts import Accepted, Refusal, Rejected, Unknown
from lib.errors import BrokerUnavailable, KeysRefused
from lib.paper_broker.faults import ANSWERED, WITHOUT_EFFECT, FaultKind
from lib.paper_broker.message import Request
from tests.broker.desk import CLOSE, KEYS, OPEN, accepted, entry, oco, resting, stop

NOBODY = str(UUID(int=7))


# Reads


def test_the_account_tells_its_money(desk):
    account = desk.open(cash=Decimal("25000.5")).account()
    assert (account.equity, account.cash, account.blocked) == (Decimal("25000.5"), Decimal("25000.5"), False)
    assert account.account_number


def test_the_account_tells_the_broker_s_own_time_cut_to_the_second(desk):
    assert desk.open(at=OPEN + timedelta(milliseconds=7900)).account().at == OPEN + timedelta(seconds=7)


def test_the_market_is_open_from_the_opening_to_the_moment_before_the_close(desk):
    moments = [OPEN - timedelta(seconds=1), OPEN, CLOSE - timedelta(seconds=1), CLOSE]
    assert [desk.open(at=moment).is_open() for moment in moments] == [False, True, True, False]


def test_sessions_leave_out_holidays_and_end_half_days_early(desk):
    sessions = desk.open().sessions(date(2026, 11, 25), date(2026, 11, 29))
    # Thanksgiving is the 26th; on the Friday after it the exchange closes at 13:00 New York time, 18:00 UTC.
    assert [(session.date.day, session.close.hour) for session in sessions] == [(25, 21), (27, 18)]
    assert all(session.open.strftime("%H:%M %Z") == "14:30 UTC" for session in sessions)


def test_quotes_tell_bid_and_ask_and_leave_out_symbols_without_one(desk):
    broker = desk.open({"AAPL": [(OPEN, Decimal("149.89"))], "LATE": [(CLOSE, Decimal(5))]})
    quotes = broker.quotes(["AAPL", "LATE", "GONE"])
    assert list(quotes) == ["AAPL"]
    # The paper broker's quote rule: a recorded price is the bid, the ask is one tick above.
    assert (quotes["AAPL"].bid, quotes["AAPL"].ask) == (Decimal("149.89"), Decimal("149.90"))
    assert quotes["AAPL"].at == OPEN
    assert desk.door.seen == ["GET /v2/stocks/quotes/latest"]


def test_an_asset_is_known_or_none(desk):
    broker = desk.open()
    assert broker.asset("AAPL").tradable
    assert broker.asset("GONE") is None


def test_what_the_broker_does_not_have_is_none(desk):
    broker = desk.open()
    assert broker.order(NOBODY) is None
    assert broker.order_by_client_id("ns-d1-entry-1") is None
    assert broker.position("AAPL") is None
    assert (broker.live_orders(), broker.fills(OPEN), broker.positions()) == ((), (), {})


# An order's life


def test_an_accepted_order_is_found_under_both_ids(desk):
    broker = desk.open()
    order = accepted(broker.submit(resting()))
    assert (order.client_order_id, order.symbol, order.side) == ("ns-d1-entry-1", "AAPL", "buy")
    assert (order.kind, order.order_class, order.time_in_force) == ("limit", "simple", "day")
    assert (order.qty, order.filled_qty, order.limit_price) == (10, 0, 100)
    assert order.submitted_at == OPEN
    assert order.expires_at == CLOSE
    assert broker.order(order.id) == broker.order_by_client_id("ns-d1-entry-1") == broker.live_orders()[0]


def test_a_filled_order_leaves_a_fill_and_a_position(desk):
    broker = desk.open()
    order_id = accepted(broker.submit(entry())).id
    order = broker.order(order_id)
    # The ask is 149.90, so a buyer at 150 pays that.
    assert (order.status, order.filled_qty, order.filled_avg_price) == ("filled", 10, Decimal("149.9"))
    assert order.filled_at == OPEN
    [fill] = broker.fills(OPEN - timedelta(seconds=1))
    assert (fill.order_id, fill.symbol, fill.side) == (order_id, "AAPL", "buy")
    assert (fill.qty, fill.price, fill.transaction_time) == (10, Decimal("149.9"), OPEN)
    assert broker.positions() == {"AAPL": broker.position("AAPL")}
    position = broker.position("AAPL")
    assert (position.qty, position.qty_available, position.avg_entry_price) == (10, 10, Decimal("149.9"))
    assert broker.live_orders() == ()


def test_a_part_filled_order_is_live_with_what_it_has(desk):
    prices = {"AAPL": [(OPEN, Decimal("149.89")), (OPEN + timedelta(minutes=1), Decimal("149.79"))]}
    broker = desk.open(prices, fill_plan={"ns-d1-entry-1": (Decimal(4), Decimal(5))})
    broker.submit(entry())
    [order] = broker.live_orders()
    assert (order.status, order.filled_qty, order.filled_avg_price) == ("partially_filled", 4, Decimal("149.9"))
    desk.later(minutes=1)
    [order] = broker.live_orders()
    # Four shares at 149.90 and five at 149.80 are 1348.60 for nine, half-even to nine places.
    assert (order.filled_qty, order.filled_avg_price) == (9, Decimal("149.844444444"))
    assert [(fill.qty, fill.price) for fill in broker.fills(OPEN - timedelta(seconds=1))] == [
        (4, Decimal("149.9")),
        (5, Decimal("149.8")),
    ]


def test_an_order_that_ends_unfilled_says_when(desk):
    broker = desk.open()
    order_id = accepted(broker.submit(resting())).id
    desk.later(hours=12)
    order = broker.order(order_id)
    assert (order.status, order.ended_at, order.filled_at) == ("expired", CLOSE, None)


def test_a_cancel_is_a_request_whose_end_is_read_later(desk):
    broker = desk.open(cancel_latency_s=Decimal(2))
    order_id = accepted(broker.submit(resting())).id
    assert broker.cancel(order_id) == Accepted(order=None)
    assert broker.order(order_id).status == "pending_cancel"
    desk.later(seconds=2)
    order = broker.order(order_id)
    assert (order.status, order.ended_at) == ("cancelled", OPEN + timedelta(seconds=2))
    assert broker.live_orders() == ()


def test_a_cancel_of_what_is_filled_or_unknown_is_rejected(desk):
    broker = desk.open()
    order_id = accepted(broker.submit(entry())).id
    for broker_order_id, refusal, words in (
        (order_id, Refusal.NO_SUCH_STATE, "filled"),
        (NOBODY, Refusal.OTHER, "not found"),
    ):
        outcome = broker.cancel(broker_order_id)
        assert isinstance(outcome, Rejected)
        assert outcome.refusal is refusal
        assert words in outcome.message


def test_a_trailing_stop_keeps_its_percentage(desk):
    broker = desk.open()
    broker.submit(entry())
    body = stop(type="trailing_stop", trail_percent="5")
    del body["stop_price"]
    order = accepted(broker.submit(body))
    assert (order.kind, order.trail_percent) == ("trailing_stop", 5)


# OCO


@pytest.mark.case("fail-D3")
def test_an_oco_is_answered_listed_and_read_with_its_held_stop(desk):
    broker = desk.open()
    broker.submit(entry())
    sent = accepted(broker.submit(oco()))
    [listed] = broker.live_orders()
    for order in (sent, listed, broker.order(sent.id), broker.order_by_client_id("ns-t1-exit-1")):
        assert (order.kind, order.order_class, order.limit_price) == ("limit", "oco", 160)
        [leg] = order.legs
        assert (leg.kind, leg.status, leg.stop_price, leg.qty) == ("stop", "held", 145, 10)
    assert (broker.position("AAPL").qty, broker.position("AAPL").qty_available) == (10, 0)


def test_a_stopped_out_oco_shows_the_gap_price_on_its_leg(desk):
    prices = {"AAPL": [(OPEN, Decimal("149.89")), (OPEN + timedelta(hours=1), Decimal("144.90"))]}
    broker = desk.open(prices)
    broker.submit(entry())
    order = accepted(broker.submit(oco()))
    desk.later(hours=1)
    order = broker.order(order.id)
    [leg] = order.legs
    assert (leg.status, leg.filled_qty, leg.filled_avg_price) == ("filled", 10, Decimal("144.9"))
    assert order.status == "cancelled"
    assert broker.fills(OPEN)[-1].order_id == leg.id
    assert broker.position("AAPL") is None


def test_a_leg_is_read_by_its_own_id(desk):
    broker = desk.open()
    broker.submit(entry())
    [leg] = accepted(broker.submit(oco())).legs
    assert broker.order(leg.id).stop_price == 145


# Noes


@pytest.mark.parametrize(
    ("body", "refusal", "words"),
    [
        (entry(qty="1000"), Refusal.BUYING_POWER, "insufficient buying power"),
        (entry(limit_price="149.999"), Refusal.OTHER, "sub-penny"),
        (entry(symbol="GONE"), Refusal.OTHER, "not found"),
        (oco(), Refusal.NOT_BOOKED, "exit orders"),
        (stop(), Refusal.NOT_BOOKED, "intent mismatch"),
        (stop(position_intent=None), Refusal.NOT_BOOKED, "not allowed to short"),
    ],
)
def test_a_definite_no_is_told_apart_and_leaves_nothing(desk, body, refusal, words):
    broker = desk.open(multiplier=Decimal(1))  # no margin, so nothing is sold short
    body = {field: value for field, value in body.items() if value is not None}
    outcome = broker.submit(body)
    assert isinstance(outcome, Rejected)
    assert outcome.refusal is refusal
    assert words in outcome.message
    assert broker.order_by_client_id(body["client_order_id"]) is None


@pytest.mark.parametrize(
    ("first", "second", "refusal"),
    [
        (None, stop(at="155"), Refusal.STOP_THROUGH),
        (None, oco(stop="155"), Refusal.STOP_THROUGH),
        (None, oco(target="149"), Refusal.TARGET_THROUGH),
        (None, stop(qty="11"), Refusal.NOT_BOOKED),
        (oco(), stop("ns-t1-exit-2"), Refusal.SHARES_RESERVED),
        (stop(), resting("ns-d2-entry-1"), Refusal.WASH_TRADE),
    ],
)
def test_a_no_about_a_position_is_told_apart(desk, first, second, refusal):
    broker = desk.open()
    broker.submit(entry())
    if first is not None:
        accepted(broker.submit(first))
    outcome = broker.submit(second)
    assert isinstance(outcome, Rejected)
    assert outcome.refusal is refusal, outcome


def test_a_position_that_is_not_booked_yet_refuses_its_cover(desk):
    broker = desk.open(booking_lag_s=Decimal(3))
    broker.submit(entry())
    assert broker.submit(oco()).refusal is Refusal.NOT_BOOKED
    assert broker.position("AAPL") is None
    desk.later(seconds=3)
    accepted(broker.submit(oco("ns-t1-exit-2")))


@pytest.mark.parametrize("body", [resting(), entry()], ids=["still open", "filled"])
def test_an_id_already_used_is_unknown(desk, body):
    broker = desk.open()
    accepted(broker.submit(body))
    outcome = broker.submit(body)
    assert isinstance(outcome, Unknown)
    assert "unique" in outcome.message


def test_keys_the_broker_does_not_take_stop_reads_and_writes(desk):
    broker = desk.open(api_key="PKRIGHT", secret_key="right")
    for call in (broker.account, lambda: broker.submit(resting()), lambda: broker.cancel(NOBODY)):
        with pytest.raises(KeysRefused) as caught:
            call()
        assert KEYS["secret_key"] not in str(caught.value)


# Trouble

LOST = [kind for kind in FaultKind if kind not in ANSWERED]


@pytest.mark.parametrize("kind", LOST)
def test_an_order_that_meets_trouble_is_sent_once_and_never_believed(desk, kind):
    broker = desk.open(faults=[("POST /v2/orders", 1, kind)])
    outcome = desk.meeting(kind).submit(resting())
    if kind is FaultKind.RATE_LIMIT:
        assert isinstance(outcome, Rejected)
        assert outcome.refusal is Refusal.RATE_LIMIT
    else:
        assert isinstance(outcome, Unknown)
    assert desk.door.seen == ["POST /v2/orders"]
    found = broker.order_by_client_id("ns-d1-entry-1")
    assert (found is None) == (kind in WITHOUT_EFFECT)


@pytest.mark.parametrize("kind", [kind for kind in LOST if kind is not FaultKind.GARBLED])  # a 204 has no body
def test_a_cancel_that_meets_trouble_is_sent_once_and_never_believed(desk, kind):
    broker = desk.open(faults=[("DELETE *", 1, kind)])
    order_id = accepted(broker.submit(resting())).id
    outcome = desk.meeting(kind).cancel(order_id)
    assert isinstance(outcome, Rejected if kind is FaultKind.RATE_LIMIT else Unknown)
    assert desk.door.seen == ["POST /v2/orders", f"DELETE /v2/orders/{order_id}"]
    assert broker.order(order_id).status == ("new" if kind in WITHOUT_EFFECT else "cancelled")


def test_an_order_that_was_delivered_twice_is_one_order_and_a_second_answer_is_not_believed(desk):
    broker = desk.open(
        faults=[("POST /v2/orders", 1, FaultKind.DUPLICATE), ("POST /v2/orders", 2, FaultKind.DUPLICATE_SECOND)]
    )
    accepted(broker.submit(resting("ns-d1-entry-1")))
    assert isinstance(broker.submit(resting("ns-d2-entry-1")), Unknown)
    found = [broker.order_by_client_id(name) for name in ("ns-d1-entry-1", "ns-d2-entry-1")]
    assert [order.status for order in found] == ["new", "new"]
    assert len(broker.live_orders()) == 2


@pytest.mark.parametrize("kind", LOST)
def test_a_read_that_meets_trouble_is_asked_again(desk, kind):
    pauses = []
    desk.open(faults=[("GET *", 1, kind)])
    assert desk.meeting(kind, pauses).account().cash == 100_000
    assert pauses


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.HTTP_500, FaultKind.RATE_LIMIT, FaultKind.GARBLED])
def test_trouble_that_lasts_is_an_error_and_no_empty_answer(desk, kind):
    desk.open(faults=[("GET *", n, kind) for n in (1, 2, 3)])
    with pytest.raises(BrokerUnavailable, match="GET /v2/positions: "):
        desk.meeting(kind).positions()
    assert desk.door.seen == ["GET /v2/positions"] * 3


# Pages


def test_all_fills_are_read_however_many_pages_they_take(desk):
    minutes = [OPEN + timedelta(minutes=n) for n in range(230)]
    prices = {"AAPL": [(at, Decimal("149.89")) for at in minutes]}
    broker = desk.open(prices, fill_plan={"ns-d1-entry-1": (Decimal(1),) * 230})
    broker.submit(entry(qty="230"))
    desk.later(minutes=229)
    fills = broker.fills(OPEN - timedelta(seconds=1))
    assert [fill.transaction_time for fill in fills] == minutes
    assert len({fill.id for fill in fills}) == 230
    assert [fill.transaction_time for fill in broker.fills(minutes[200])] == minutes[201:]


@pytest.mark.case("fail-D2")
@pytest.mark.slow
def test_all_live_orders_are_read_however_many_pages_they_take(desk):
    broker = desk.open()
    names = [f"ns-d{n}-entry-1" for n in range(502)]
    for name in names:
        body = json.dumps(resting(name, qty="1", limit_price="1")).encode()
        desk.door.paper.respond(Request("POST", "/v2/orders", body=body))
    assert [order.client_order_id for order in broker.live_orders()] == names
    assert desk.door.seen == ["GET /v2/orders", "GET /v2/orders"]
