"""How often a pass asks the broker: by the page, never by the order. Alpaca allows 200 requests a minute.

A pass proves the account once. A round of it is pages + 6 at most, pages being ⌈(N+1)/500⌉ for N live orders, plus one
request for each change.
"""

from collections import Counter
from decimal import Decimal

import pytest

from bench.live_orders import PRICE, READY_AT, Counted, live_orders
from bench.many_grids import many_grids
from lib.bootstrap import LOCAL_URL, alpaca_at
from lib.clock import SimulatedClock
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.transport import PaperAdapter

ORDERS, POSITIONS, FILLS = ("GET", "/v2/orders"), ("GET", "/v2/positions"), ("GET", "/v2/account/activities/FILL")
QUOTES, SUBMIT = ("GET", "/v2/stocks/quotes/latest"), ("POST", "/v2/orders")
BESIDE_PAGES = 6


def of_single_orders(requests):
    return [path for _, path in requests if path.startswith("/v2/orders") and path != "/v2/orders"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("listed", "held", "pages", "quote_calls"),
    [
        (10, 1, 1, 1),
        (100, 5, 1, 1),
        pytest.param(1_000, 50, 3, 1, marks=pytest.mark.slow),
        pytest.param(10_000, 500, 21, 3, marks=pytest.mark.prove),
    ],
)
def test_a_pass_asks_by_the_page_and_never_by_the_order(tmp_path, listed, held, pages, quote_calls):
    with live_orders(tmp_path, listed=listed, held=held) as account:
        result, requests = account.run("order_monitor")
        assert (result.outcome, result.rounds, result.applied) == ("done", 1, [])
        asked = Counter(requests)
        assert (asked[ORDERS], asked[POSITIONS], asked[FILLS]) == (pages, 1, 1)
        assert len(requests) <= pages + BESIDE_PAGES
        assert of_single_orders(requests) == []

        # Every price has moved: one round writes the values, the next finds nothing left to do.
        result, requests = account.run("position_monitor")
        assert (result.outcome, result.rounds, len(result.applied)) == ("done", 2, held)
        asked = Counter(requests)
        assert (asked[ORDERS], asked[POSITIONS], asked[FILLS]) == (2 * pages, 2, 2)
        assert asked[QUOTES] == 2 * quote_calls
        assert len(requests) <= 1 + 2 * (pages + BESIDE_PAGES)
        assert of_single_orders(requests) == []

        result, requests = account.run("order_executor")
        assert (result.outcome, result.rounds, result.applied) == ("done", 1, [])
        assert len(requests) <= 2, "without a decision to answer, nothing grows with what is open"


@pytest.mark.slow
@pytest.mark.parametrize("uncovered", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_each_change_costs_one_request_more(tmp_path, uncovered):
    with live_orders(tmp_path, listed=20, held=4, uncovered=uncovered) as account:
        result, requests = account.run("order_monitor")
        # The stops are sent, then booked; a third look finds every share covered.
        assert (result.outcome, result.rounds) == ("done", 3)
        asked = Counter(requests)
        assert (asked[ORDERS], asked[POSITIONS], asked[FILLS]) == (3, 3, 3)
        assert asked[SUBMIT] == uncovered
        assert len(requests) <= 3 * (1 + BESIDE_PAGES) + uncovered
        assert of_single_orders(requests) == []


@pytest.mark.parametrize(
    ("grids", "cells", "pages"),
    [pytest.param(2, 4, 1, marks=pytest.mark.slow), pytest.param(20, 40, 2, marks=pytest.mark.slow)],
)
def test_a_look_over_grids_asks_by_the_page_and_once_more_for_each_fill_and_each_order(tmp_path, grids, cells, pages):
    with many_grids(tmp_path, grids=grids, cells=cells) as account:
        result, requests, _ = account.run("order_monitor")
        assert (result.outcome, result.rounds, result.applied) == ("done", 1, [])
        asked = Counter(requests)
        assert (asked[ORDERS], asked[POSITIONS], asked[FILLS], asked[QUOTES]) == (pages, 1, 1, 1)
        assert len(requests) <= pages + BESIDE_PAGES
        assert of_single_orders(requests) == []

        # In two grids the entry below the price fills; each takes up its exit at the level above.
        for symbol in account.symbols[:2]:
            account.price(symbol, Decimal("99.48"))
        result, requests, _ = account.run("order_monitor")
        assert (result.outcome, result.failed) == ("done", [])
        asked = Counter(requests)
        assert asked[SUBMIT] == 2
        assert len(of_single_orders(requests)) == 2, "what filled is in no list, and is read by its id"
        assert asked[ORDERS] == result.rounds * pages
        # The fills are booked, the orders sent; each hour a round looks the grids through; the last has nothing to do.
        assert 3 <= result.rounds <= 4
        assert len(requests) <= 1 + result.rounds * (pages + BESIDE_PAGES - 1) + 2 + 2


@pytest.mark.case("fail-D2")
@pytest.mark.parametrize(
    ("listed", "pages"),
    [
        (51, 1),
        pytest.param(498, 1, marks=pytest.mark.slow),
        pytest.param(500, 2, marks=pytest.mark.slow),
        pytest.param(501, 2, marks=pytest.mark.slow),
    ],
)
def test_no_live_order_hides_behind_the_end_of_a_page(tmp_path, listed, pages):
    with live_orders(tmp_path, listed=listed, held=1) as account:
        account.counted.requests.clear()
        assert len({order.id for order in account.tools.broker.live_orders()}) == listed
        assert account.counted.requests == [ORDERS] * pages
        result, requests = account.run("order_monitor")
        assert (result.applied, of_single_orders(requests)) == ([], [])


@pytest.mark.parametrize(("symbols", "calls"), [(1, 1), (200, 1), (201, 2), (500, 3)])
def test_one_call_brings_the_quotes_of_200_symbols(symbols, calls):
    wanted = [f"S{number:05d}" for number in range(1, symbols + 1)]
    clock = SimulatedClock(READY_AT)
    feed = ScriptedFeed({symbol: [(READY_AT, PRICE)] for symbol in wanted})
    counted = Counted(open_paper(clock=clock.now, prices=feed))
    broker = alpaca_at(LOCAL_URL, "broker local paper", clock, mount=PaperAdapter(counted))
    assert broker.quotes(wanted).keys() == set(wanted)
    assert counted.requests == [QUOTES] * calls
