"""What the broker shows is late, old, half or new: the rows say what is believed, and nothing is sent twice."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.bootstrap import LOCAL_URL, alpaca_at
from lib.domain.facts import Quote
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.transport import PaperAdapter
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.lifecycles.opening import AAPL, at_entry, covered, exits_of, look_at, said, trade_of

TEN = Decimal(10)
FEED = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 15, 7), "152"))})
COVERED = [(TEN, TEN)]


class Shown:
    """A broker whose answers pass through `by`, name of the read → what makes another answer of it."""

    def __init__(self, broker):
        self._broker = broker
        self.by = {}

    def __getattr__(self, name):
        read = getattr(self._broker, name)
        if name not in self.by:
            return read
        return lambda *given: self.by[name](read(*given))


def begin(make_world, **rules):
    """Return a world and its window onto the broker."""
    windows = []

    def behind_a_window(tools):
        windows.append(Shown(tools.broker))
        return replace(tools, broker=windows[-1])

    options = Options(**({"partial_fill_rate": Decimal(0)} | rules))
    made = make_world(at(16, 14, 43), FEED, options=options, wrap=behind_a_window)
    return made, windows[-1]


def hold_ten(make_world, **rules):
    """Return a world at 15:05 in which ten shares are owned and covered."""
    made, shown = begin(make_world, **rules)
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5))
    assert covered(made) == COVERED
    return made, shown


@pytest.mark.case("fail-D1")
@pytest.mark.sample
def test_a_list_that_does_not_show_an_order_yet_makes_no_second_one(make_world):
    made, _ = begin(make_world, list_lag_s=Decimal(30))
    made.observers.clear()  # who watches reads the same late lists
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5))
    made.run("order_monitor")
    assert made.tools.broker.live_orders() == ()  # the OCO is seconds old
    assert [(o.order_type, o.order_status) for o in exits_of(made)] == [("TAKE_PROFIT", "new"), ("STOP_LOSS", "held")]
    assert (covered(made), said(made)) == (COVERED, [])
    look_at(made, at(16, 15, 10))
    assert len(made.tools.broker.live_orders()) == 1
    assert at_rest(made) == ()


@pytest.mark.case("fail-D4")
def test_an_old_picture_of_the_orders_takes_nothing_back(make_world):
    made, shown = begin(make_world)
    at_entry(made, **AAPL)
    resting = made.tools.broker.live_orders()
    look_at(made, at(16, 15, 5))
    shown.by["live_orders"] = lambda _now: resting  # the entry, as if nothing had filled
    before = queries.orders_of(made.store, 1), queries.fills_of(made.store, 1)
    look_at(made, at(16, 15, 10))
    assert (queries.orders_of(made.store, 1), queries.fills_of(made.store, 1)) == before
    assert (covered(made), said(made)) == (COVERED, [])
    shown.by.clear()
    assert at_rest(made) == ()


@pytest.mark.case("fail-D5")
def test_an_order_that_the_broker_cannot_find_is_told_and_is_not_taken_for_cancelled(make_world):
    made, shown = hold_ten(make_world)
    shown.by |= {"live_orders": lambda _orders: (), "order": lambda _order: None}
    look_at(made, at(16, 15, 10))
    assert said(made)[0] == "ORDER_LOST"
    assert made.history[-1].exit_code == 1
    assert [o.order_status for o in exits_of(made)] == ["new", "held"]  # and no third exit beside them
    shown.by.clear()
    look_at(made, at(16, 15, 15))
    assert (covered(made), said(made)) == (COVERED, [])
    assert at_rest(made) == ()


@pytest.mark.case("fail-D6")
def test_an_empty_list_of_positions_at_one_look_closes_nothing(make_world):
    made, shown = hold_ten(make_world)
    shown.by["positions"] = lambda _held: {}
    made.run("position_monitor")
    assert trade_of(made).status == "POSITION"
    assert made.store.rows("main").positions[0].missing_since is not None
    shown.by.clear()
    made.clock.advance_to(at(16, 15, 20))
    made.run("position_monitor")
    assert made.store.rows("main").positions[0].missing_since is None
    assert queries.changes(made.store, "main") == ()
    assert at_rest(made) == ()


def quoted(bid, ask, *, age=timedelta(0)):
    """Return what shows a quote of AAPL in place of the broker's."""

    def show(quotes):
        sides = [None if side is None else Decimal(side) for side in (bid, ask)]
        return {name: Quote(symbol=name, bid=sides[0], ask=sides[1], at=q.at - age) for name, q in quotes.items()}

    return show


@pytest.mark.case("fail-D8")
@pytest.mark.parametrize(
    "show",
    [
        pytest.param(lambda _quotes: {}, id="no quote", marks=pytest.mark.slow),
        pytest.param(quoted(None, None), id="no side", marks=pytest.mark.slow),
        pytest.param(quoted("152", "100"), id="crossed"),
        pytest.param(quoted("100", "101", age=timedelta(hours=1)), id="old", marks=pytest.mark.slow),
    ],
)
def test_by_a_bad_quote_nothing_is_valued_and_nothing_is_bought(make_world, show):
    made, shown = hold_ten(make_world)
    made.run("position_monitor")
    (before,) = made.store.rows("main").positions
    shown.by["quotes"] = show
    made.clock.advance_to(at(16, 15, 20))
    made.run("position_monitor")
    (after,) = made.store.rows("main").positions
    assert (after.current_price, after.unrealized_pnl, after.stale) == (before.current_price, before.unrealized_pnl, 1)
    made.decide(**(SWING_AAPL | {"symbol": "MSFT"}))
    made.run("order_executor")
    assert [o.symbol for o in made.tools.broker.live_orders()] == ["AAPL"]
    shown.by.clear()
    assert at_rest(made) == ()


@pytest.mark.case("fail-D10")
def test_a_status_that_nobody_knew_is_told_and_its_order_still_covers(make_world):
    made, shown = hold_ten(make_world)
    shown.by["live_orders"] = lambda orders: tuple(replace(o, status="pending_enquiry") for o in orders)
    look_at(made, at(16, 15, 10))
    assert said(made) == ["UNKNOWN_STATUS"]
    assert [o.order_status for o in exits_of(made)] == ["pending_enquiry", "held"]
    assert covered(made) == COVERED
    shown.by.clear()
    look_at(made, at(16, 15, 15))
    assert [o.order_status for o in exits_of(made)] == ["new", "held"]
    assert at_rest(made) == ()


class Spoils:
    """A paper broker in whose answers a number is none."""

    def __init__(self, paper, path, field, number):
        self._paper = paper
        self._path = path
        self._number = (rf'"{field}":\s*[^,}}]+'.encode(), f'"{field}": {number}'.encode())

    def respond(self, request):
        answer = self._paper.respond(request)
        return replace(answer, body=re.sub(*self._number, answer.body)) if request.path == self._path else answer


@pytest.mark.case("fail-J11")
@pytest.mark.parametrize(
    ("path", "field", "number"),
    [
        ("/v2/account", "equity", '"NaN"'),
        pytest.param("/v2/account", "buying_power", '"Infinity"', marks=pytest.mark.slow),
        pytest.param("/v2/stocks/quotes/latest", "ap", "NaN", marks=pytest.mark.slow),
    ],
)
def test_an_answer_with_a_number_that_is_none_is_not_gone_by(make_world, path, field, number):
    made, _ = begin(make_world)
    decision = made.decide(**SWING_AAPL)
    made.clock.advance_to(at(16, 14, 46))
    sound = made.tools
    spoilt = alpaca_at(LOCAL_URL, "spoilt", made.clock, mount=PaperAdapter(Spoils(made.paper, path, field, number)))
    made.tools = replace(sound, broker=spoilt)
    ran = made.run("order_executor")
    assert (ran.exit_code, f"`{field}` is" in ran.error) == (1, True)
    made.tools = sound
    assert made.tools.broker.live_orders() == ()
    assert queries.decision(made.store, decision).execution_status is None
    made.run("order_executor")
    assert [o.client_order_id for o in made.tools.broker.live_orders()] == ["sim-d1-entry-1"]
