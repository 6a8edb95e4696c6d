"""What random schedules of trouble found, one rule a test; and a few such schedules, each repeatable by its seed."""

import json
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.bodies import thaw
from lib.domain.money import ZERO
from lib.domain.states import ENDED
from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import PaperBroker
from lib.simulation import faults as ports
from lib.simulation.drawn import SWITCHES
from lib.simulation.evidence import Watch, at_rest, books, ledger, truth
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries
from lib.store.selection import STAGES
from tests.tools.sampling import some

FALLING_ENTRY = ((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))
TREND_AAPL = {"symbol": "AAPL", "trade_style": "TREND", "planned_entry": "150", "planned_sl": "145", "qty": "10"}
BUY = {"symbol": "AAPL", "qty": "5", "side": "buy", "type": "market", "time_in_force": "day"}


class NoEntryArrives(Faults):
    """Every entry is lost on its way; the user's orders are not."""

    def meet(self, request):
        return Fault("* *", 1, FaultKind.RESET_BEFORE) if b"-entry-" in request.body else None


def aapl(*pairs):
    return ScriptedFeed({"AAPL": steps(*FALLING_ENTRY, *pairs)})


def options(*faults, **rules):
    listed = Faults(Fault(route="POST /v2/orders", n=n, kind=kind) for n, kind in faults)
    return Options(**{"partial_fill_rate": Decimal(0), "faults": listed, **rules})


def only_trade(made):
    (trade,) = queries.journal(made.store, "main")
    return trade


def copy_of_the_entry_arrives(made):
    entry = queries.orders_of(made.store, only_trade(made).id)[0]
    assert made.user_order(thaw(entry.payload)).status == 200


def assert_position_is_covered(made):
    (position,) = made.store.rows("main").positions
    assert (position.qty, position.covered_qty) == (Decimal(10), Decimal(10))
    assert at_rest(made) == ()


def test_an_oco_that_sold_a_part_before_its_lost_answer_was_found_is_ours(make_world):
    before_the_look_up = at(16, 15, 5).replace(second=1)
    made = make_world(
        at(16, 14, 43),
        aapl((before_the_look_up, "144.90"), (at(16, 15, 20), "144")),
        options=options((2, FaultKind.TIMEOUT_AFTER), fill_plan={"sim-t1-exit-1:stop": (Decimal(4),)}),
    )
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 10))
    assert made.store.rows("main").positions[0].covered_qty == Decimal(6)
    made.run_until(at(16, 15, 30))
    assert (only_trade(made).status, only_trade(made).exit_qty) == ("CLOSED", Decimal(10))
    assert at_rest(made) == ()


@pytest.mark.case("fail-G3")
@pytest.mark.slow
def test_what_the_user_trades_beside_an_order_of_unknown_outcome_is_not_forgotten(make_world):
    made = make_world(at(16, 14, 43), aapl(), options=options(faults=NoEntryArrives()))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 6))
    assert made.user_order(BUY).status == 200
    made.run_until(at(16, 23, 30))
    assert [(c.cause, c.delta) for c in queries.changes(made.store, "main")] == [("FOREIGN_FILL", Decimal(5))]
    assert at_rest(made) == ()


def test_the_first_look_takes_no_sale_of_ours_that_is_not_booked_yet_for_the_user_s_shares(make_world):
    just_before = at(16, 15, 29).replace(second=50)
    made = make_world(at(16, 14, 43), aapl((just_before, "144")), options=options(booking_lag_s=Decimal(20)))
    made.decide(**TREND_AAPL)
    made.clock.advance_to(at(16, 14, 45))
    made.run("order_executor")
    made.clock.advance_to(at(16, 15, 5))
    made.run("order_monitor")
    made.clock.advance_to(at(16, 15, 30))
    made.run("position_monitor")
    made.run_until(at(16, 15, 40))
    assert queries.changes(made.store, "main") == ()
    assert at_rest(made) == ()


@pytest.mark.case("fail-D7")
def test_a_position_not_booked_yet_at_two_looks_is_not_written_off(make_world):
    feed = aapl((at(16, 15, 19).replace(second=50), "149.40"))
    plan = {"sim-d1-entry-1": (Decimal(4),)}
    made = make_world(at(16, 14, 43), feed, options=options(booking_lag_s=Decimal(20), fill_plan=plan))
    made.decide(**SWING_AAPL)
    made.clock.advance_to(at(16, 14, 45))
    made.run("order_executor")
    for minute in (2, 20):  # the second fill is as fresh at the second look as the first was at the first
        made.clock.advance_to(max(at(16, 15, minute), made.clock.now()))
        made.run("position_monitor")
    made.run_until(at(16, 15, 40))
    assert queries.changes(made.store, "main") == ()
    assert_position_is_covered(made)


@pytest.mark.sample
def test_the_first_copy_of_an_order_arriving_after_the_second_was_refused_becomes_a_position(make_world):
    faults = options((1, FaultKind.TIMEOUT_BEFORE), (2, FaultKind.RATE_LIMIT))
    made = make_world(at(16, 14, 43), aapl(), options=faults)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 3))
    assert only_trade(made).status == "CANCELLED"
    copy_of_the_entry_arrives(made)
    made.run_until(at(16, 15, 20))
    assert_position_is_covered(made)


def test_the_first_copy_of_an_order_still_live_after_the_second_was_refused_is_cancelled(make_world):
    faults = options((1, FaultKind.TIMEOUT_BEFORE), (2, FaultKind.RATE_LIMIT))
    made = make_world(at(16, 14, 43), ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"))}), options=faults)
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 3))
    copy_of_the_entry_arrives(made)
    made.run_until(at(16, 15, 20))
    assert made.tools.broker.live_orders() == ()
    assert at_rest(made) == ()


@pytest.mark.slow
def test_an_order_given_up_is_looked_for_after_a_night_asleep(tmp_path):
    with world(tmp_path, at(16, 14, 43), aapl(), options=options(faults=NoEntryArrives())) as made:
        made.decide(**SWING_AAPL)
        made.run_until(at(16, 20, 36))
        assert only_trade(made).status == "CANCELLED"
        made.paper.options = options()
        copy_of_the_entry_arrives(made)
        made.clock.advance_to(at(17, 14, 20))
        made.run_until(at(17, 15, 0))
        assert only_trade(made).status == "POSITION"
        assert {v.id for v in at_rest(made)} <= {"I22"}  # it came outside the entry window, as the network had it


def test_a_first_look_cut_short_leaves_no_gap_before_the_next(make_world):
    first_write_of_a_plan = {2: ports.Kind.CRASH_AFTER}  # the first pins the account
    crash = ports.Faults(first_write_of_a_plan, [])
    made = make_world(at(16, 14, 43), aapl(), options=options(), wrap=lambda tools: ports.with_faults(tools, crash))
    made.user_order(BUY)
    made.clock.advance_to(at(16, 15, 30))
    assert made.run("position_monitor").error is not None
    made.user_order(BUY | {"side": "sell", "qty": "3"})
    made.clock.advance_to(at(16, 19, 0))
    assert made.run("position_monitor").exit_code == 0
    assert at_rest(made) == ()


class HidesFills:
    """A broker that ends an entry first and tells of its fill later."""

    def __init__(self, broker):
        self._broker = broker
        self.late = True

    def __getattr__(self, name):
        return getattr(self._broker, name)

    def order(self, broker_order_id):
        order = self._broker.order(broker_order_id)
        hidden = self.late and order is not None and order.side == "buy"
        return replace(order, filled_qty=ZERO, filled_avg_price=None) if hidden else order

    def live_orders(self):
        return tuple(o for o in self._broker.live_orders() if not (self.late and o.side == "buy"))

    def fills(self, since):
        return tuple(f for f in self._broker.fills(since) if not (self.late and f.side == "buy"))

    def positions(self):
        return {} if self.late else self._broker.positions()


@pytest.mark.case("fail-D9")
@pytest.mark.sample
def test_a_fill_that_shows_only_after_its_order_s_end_is_booked_and_covered(make_world):
    kept = {}

    def late(tools):
        kept["broker"] = HidesFills(tools.broker)
        return replace(tools, broker=kept["broker"])

    made = make_world(
        at(16, 14, 43), aapl(), options=options(fill_plan={"sim-d1-entry-1": (Decimal(4), Decimal(0))}), wrap=late
    )
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 3))
    made.user_cancels_all()
    made.run_until(at(16, 15, 6))
    assert only_trade(made).status == "CANCELLED"
    kept["broker"].late = False
    made.run_until(at(16, 15, 20))
    (position,) = made.store.rows("main").positions
    assert (position.qty, position.covered_qty) == (Decimal(4), Decimal(4))
    assert at_rest(made) == ()


MANNERS = SWITCHES | {
    "shorting": (True, False),
    "rate_limit_per_minute": (None, 20),
    "data_rate_limit_per_minute": (None, 2),
}
"""What a schedule draws of the broker's manners."""

ROUTES = {
    "POST /v2/orders": 5,
    "DELETE /v2/orders/{id}": 2,
    "GET /v2/orders": 30,
    "GET /v2/orders:by_client_order_id": 2,
    "GET /v2/account/activities/FILL": 30,
    "GET /v2/positions": 30,
    "* *": 150,
}
"""What trouble may befall, and at the latest which request of the route it begins with: an hour has about so many."""


class Schedule:
    """A market, a broker's manners, decisions, faults of every kind and a user's hand, all drawn from one seed."""

    MINUTES = 60

    def __init__(self, seed):
        self.dice = dice = random.Random(seed)
        self.price = dice.randrange(2000, 20000)  # cents
        routes = [dice.choice(list(ROUTES)) for _ in range(6)]
        bursts = [(route, dice.randint(1, ROUTES[route]), dice.choice(list(FaultKind))) for route in routes]
        faults = Faults(
            Fault(route=route, n=n + k, kind=kind) for route, n, kind in bursts for k in range(dice.randrange(1, 5))
        )
        self.ports = ports.Faults({dice.randrange(1, 60): dice.choice(list(ports.Kind)) for _ in range(3)}, [])
        drawn = {name: dice.choice(values) for name, values in MANNERS.items()}
        numbers = {name: Decimal(value) for name, value in drawn.items() if name.endswith(("_s", "fill_rate"))}
        self.options = Options(seed=seed, faults=faults, **(drawn | numbers))
        self.acts = sorted(dice.sample(range(16, self.MINUTES), 3))
        self.side = dice.choice(("buy", "sell"))  # who sells a trade's shares and buys some anew has a person's knot

    def feed(self):
        instants = sorted(self.dice.sample(range(14 * 60, (14 + self.MINUTES) * 60), 90))
        cents, path = self.price, []
        for second in (0, *instants):
            path.append((at(16, 14, 30) + timedelta(seconds=second), Decimal(cents) / 100))
            cents = max(200, round(cents * (1 + self.dice.gauss(0, 0.006))))
        return ScriptedFeed({"AAPL": path})

    def decision(self):
        entry = Decimal(self.price) / 100
        stop, target = (entry * self.dice.choice(parts) / 100 for parts in ((97, 99), (101, 103)))
        numbers = {"planned_entry": entry, "planned_sl": stop, "qty": self.dice.choice((2, 5, 20))}
        style = self.dice.choice(("SWING", "TREND", "TRAIL"))
        numbers |= {"SWING": {"planned_tp": target}, "TREND": {}, "TRAIL": {"trail_percent": Decimal("0.9")}}[style]
        written = {name: f"{number:.2f}" if name != "qty" else str(number) for name, number in numbers.items()}
        return {"symbol": "AAPL", "trade_style": "SWING" if style == "SWING" else "TREND", **written}

    def act(self, made):
        held = ledger(made).positions.get("AAPL")
        most = held.qty if self.side == "sell" and held is not None and held.qty > 0 else 5
        qty = min(most, self.dice.choice((1, 3, 99)))
        if self.dice.random() < 0.7:
            made.user_cancels_all()
        made.user_order(BUY | {"side": self.side, "qty": str(qty)})


class Edits(Schedule):
    """A user who changes orders of ours in the app, one after another."""

    def __init__(self, seed):
        super().__init__(seed)
        self.options = replace(self.options, replace_latency_s=Decimal(self.dice.choice((0, 0, 20, 120))))

    def act(self, made):
        for _ in range(self.dice.randrange(1, 4)):
            listed = [o for parent in ledger(made).orders for o in (parent, *parent.legs) if o.status not in ENDED]
            if listed:
                self.edit(made, self.dice.choice(listed))

    def edit(self, made, order):
        moved = Decimal(self.dice.randrange(985, 1016)) / 1000
        level = "limit_price" if order.limit_price is not None else "stop_price"
        change = {"trail": "1.5"} if order.trail_percent else {level: f"{(getattr(order, level) or 1) * moved:.2f}"}
        if order.side == "buy" and self.dice.random() < 0.3:
            change["qty"] = str(self.dice.randrange(1, 25))
        headers, body = {"Content-Type": "application/json"}, json.dumps(change).encode()
        made.paper.respond(Request("PATCH", f"/v2/orders/{order.id}", headers=headers, body=body))  # it may be refused


def untroubled(made, do):
    """Return what `do` says to the same account on a broker without faults and limits: the user, or who looks on."""
    paper = made.paper
    paper.respond(Request("GET", "/paper/clock"))  # what is due by now happens by the schedule's own rules
    calm = replace(paper.options, faults=None, rate_limit_per_minute=None, data_rate_limit_per_minute=None)
    made.paper = PaperBroker(clock=made.clock.now, state=paper._state, market=paper._market, options=calm)
    try:
        return do(made)
    finally:
        made.paper = paper


def state(made):
    newest = queries.events(made.store, "main", limit=1)
    shown = truth(made, ledger)
    return replace(books(made), runs=()), newest, made.store.rows("main").positions, shown.orders, shown.fills


def play(schedule, directory):
    """Play a schedule, end its trouble, and list what is broken then or was on the way."""
    watch = Watch()

    def look(made, ran):
        truth(made, lambda world: watch(world, ran))

    def faulty(tools):
        return ports.with_faults(tools, schedule.ports)

    with world(directory, at(16, 14, 43), schedule.feed(), options=schedule.options, wrap=faulty) as made:
        made.observers.append(look)
        made.decide(**schedule.decision())
        for minute in schedule.acts:
            made.run_until(at(16, 14, 30) + timedelta(minutes=minute))
            untroubled(made, schedule.act)
        made.run_until(at(16, 14, 30) + timedelta(minutes=schedule.MINUTES))
        made.paper.options, schedule.ports.plan = replace(schedule.options, faults=None), {}
        made.run_until(at(16, 16, 30))
        made.clock.advance_to(at(16, 16, 31))
        ends = [made.run(stage) for stage in STAGES]
        made.clock.advance_to(at(16, 16, 32))  # a new minute of the broker's limits
        before = state(made)
        again = [made.run(stage) for stage in STAGES]
        broken = [str(v) for v in (*watch.violations, *truth(made, at_rest))]
        broken += [f"{ran.stage} ends with {ran.exit_code}: {ran.error or ran.result}" for ran in ends if ran.exit_code]
        return broken + ["a second run changed something"] * (state(made) != before or any(r.exit_code for r in again))


@pytest.mark.parametrize("seed", some(range(12), 3))
@pytest.mark.slow
def test_a_random_schedule_of_trouble_ends_clean_and_breaks_nothing_on_the_way(seed, tmp_path):
    assert play(Schedule(seed), tmp_path) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", some(range(8), 3))
@pytest.mark.slow
def test_a_user_who_edits_our_orders_in_the_midst_of_trouble_breaks_nothing(seed, tmp_path):
    assert play(Edits(seed), tmp_path) == [], f"seed {seed}"
