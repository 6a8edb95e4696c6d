"""Several accounts in one database: each with a broker, ids and books of its own; the trouble of one stops no other."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib import due
from lib.accounts import in_turn
from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries

FALLS = ((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))
"""A dollar above the entry, then half of one below it."""

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT", "XOM")


class Trouble(Faults):
    """Every request that a test means meets a fault, from when it is switched on."""

    def __init__(self, kind, method="*"):
        super().__init__()
        self.on = False
        self.met = 0
        self._fault = Fault(f"{method} *", 1, kind)
        self._method = method

    def meet(self, request):
        ours = request.header("APCA-API-KEY-ID") is not None  # the watch over the world looks without keys
        meant = self.on and ours and self._method in {"*", request.method}
        self.met += meant
        return self._fault if meant else None


def feed():
    return ScriptedFeed({symbol: steps(*FALLS) for symbol in SYMBOLS})


def options(seed=1, **named):
    return Options(partial_fill_rate=0, seed=seed, **named)


@pytest.fixture
def both(make_world):
    """A world at 14:43 with the accounts main and swing, each with options of its own."""

    def make(main=None, swing=None):
        made = make_world(at(16, 14, 43), feed(), options=main or options())
        made.add_account("swing", feed(), options=swing or options(2))
        return made

    return make


def codes(turns):
    return {turn.account: turn.exit_code for turn in turns}


def said(turns, account):
    (turn,) = [turn for turn in turns if turn.account == account]
    return str(turn.outcome)


def notes(made, account, stage="order_monitor"):
    return queries.runs(made.store, account, stage=stage, limit=1)[0].note or ""


def test_each_account_orders_covers_and_books_at_its_own_broker_under_its_own_ids(both):
    made = both()
    made.decide(**SWING_AAPL)
    made.decide(**(SWING_AAPL | {"account": "swing", "symbol": "MSFT"}))
    made.run_until(at(16, 15, 6))
    for account, tools, symbol, name in (
        ("main", made.tools, "AAPL", "sim"),
        ("swing", made.others["swing"], "MSFT", "simswing"),
    ):
        assert set(tools.broker.positions()) == {symbol}
        assert [o.client_order_id for o in tools.broker.live_orders()] == [
            f"{name}-t{queries.journal(made.store, account)[0].id}-exit-1"
        ]
        (trade,) = queries.journal(made.store, account)
        assert (trade.symbol, trade.status, trade.account) == (symbol, "POSITION", account)
        assert made.store.rows(account).positions[0].covered_qty == 10
    assert {ran.exit_code for ran in made.history} == {0}
    numbers = {row.account: row.account_number for row in queries.accounts(made.store)}
    assert None not in numbers.values()
    assert numbers["main"] != numbers["swing"]


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.TIMEOUT_BEFORE,
        pytest.param(FaultKind.HTTP_503, marks=pytest.mark.slow),
        pytest.param(FaultKind.GARBLED, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("broken", ["main", "swing"])
def test_a_broker_that_does_not_answer_leaves_the_others_shares_covered_in_the_same_tick(both, broken, kind):
    trouble = Trouble(kind)
    made = both(**{broken: options(1 if broken == "main" else 2, faults=trouble)})
    for account in ("main", "swing"):
        made.decide(**(SWING_AAPL | {"account": account}))
    made.run_until(at(16, 15, 1))
    trouble.on = True
    made.clock.advance_to(at(16, 15, 5))
    turns = made.run_all("order_monitor")
    sound = "swing" if broken == "main" else "main"
    assert codes(turns) == {broken: 1, sound: 0}
    assert made.store.rows(sound).positions[0].covered_qty == 10
    assert made.store.rows(broken).positions == ()
    assert "GET /v2/account" in notes(made, broken)
    trouble.on = False
    made.run_all("order_monitor")
    assert made.store.rows(broken).positions[0].covered_qty == 10


@pytest.mark.case("fail-K7")
@pytest.mark.sample
def test_keys_that_one_broker_refuses_need_a_person_and_the_other_account_is_worked(both):
    made = both(swing=options(2, api_key="right", secret_key="one"))
    made.decide(**SWING_AAPL)
    made.decide(**(SWING_AAPL | {"account": "swing"}))
    made.clock.advance_to(at(16, 14, 46))
    turns = made.run_all("order_executor")
    assert codes(turns) == {"main": 0, "swing": 2}
    assert "does not take the keys" in said(turns, "swing")
    assert "does not take the keys" in notes(made, "swing", "order_executor")
    assert [t.symbol for t in queries.journal(made.store, "main")] == ["AAPL"]
    assert queries.journal(made.store, "swing") == ()
    assert queries.decision(made.store, 2).execution_status is None


@pytest.mark.case("fail-K8")
def test_keys_that_reach_another_broker_account_than_before_freeze_that_account_alone(both):
    made = both()
    made.run_all("order_monitor")
    made.others["swing"] = replace(made.others["swing"], broker=made.tools.broker)
    made.decide(**(SWING_AAPL | {"account": "swing"}))
    made.clock.advance_to(at(16, 14, 46))
    turns = made.run_all("order_executor")
    assert codes(turns) == {"main": 0, "swing": 2}
    assert "account swing is pinned to the broker account" in said(turns, "swing")
    assert made.tools.broker.live_orders() == ()
    assert [control.state for control in made.store.controls("swing")] == ["FROZEN"]
    assert made.store.controls("main") == ()


@pytest.mark.case("fail-K8")
def test_a_new_account_that_reaches_anothers_broker_account_is_refused_and_nothing_is_sent(both):
    made = both()
    made.run("order_monitor")
    number = made.store.account("main").account_number
    made.others["swing"] = replace(made.others["swing"], broker=made.tools.broker)
    made.decide(**(SWING_AAPL | {"account": "swing"}))
    made.clock.advance_to(at(16, 14, 46))
    turns = made.run_all("order_executor")
    assert codes(turns) == {"main": 0, "swing": 2}
    assert f"reaches the broker account {number}, to which the account main is pinned" in said(turns, "swing")
    assert made.store.account("swing").account_number is None
    assert made.tools.broker.live_orders() == ()


def test_a_bug_met_in_one_account_is_recorded_and_the_other_is_worked(both):
    made = both()

    class Broken:
        time_outs = 0
        where = "broker local paper"

        def account(self):
            return 1 / 0

    made.others["swing"] = replace(made.others["swing"], broker=Broken())
    assert codes(made.run_all("order_monitor")) == {"main": 0, "swing": 3}
    assert notes(made, "swing") == "a bug: ZeroDivisionError: division by zero"


def test_the_account_whose_last_clean_pass_is_longest_ago_goes_first(both):
    trouble = Trouble(FaultKind.HTTP_503)
    made = both(swing=options(2, faults=trouble))
    made.run("order_monitor")
    names = ("main", "swing")
    assert in_turn(made.store, "order_monitor", names) == ("swing", "main")  # it was never worked
    assert in_turn(made.store, "order_executor", names) == names
    made.run_all("order_monitor")
    made.clock.advance_to(at(16, 14, 50))
    made.run("order_monitor")
    trouble.on = True
    made.clock.advance_to(at(16, 14, 55))
    assert [turn.account for turn in made.run_all("order_monitor")] == ["swing", "main"]
    assert in_turn(made.store, "order_monitor", names) == ("swing", "main")  # its failed pass does not count


class SlowReads:
    """A broker that takes 25 seconds for each answer."""

    def __init__(self, broker, clock):
        self._broker = broker
        self._clock = clock

    def __getattr__(self, name):
        value = getattr(self._broker, name)
        if not callable(value):
            return value

        def late(*arguments):
            self._clock.sleep(25)
            return value(*arguments)

        return late


def test_a_slow_account_sends_nothing_after_its_minute_and_the_other_has_its_turn(both):
    made = both()
    for account in ("main", "swing"):
        made.decide(**(SWING_AAPL | {"account": account}))
    made.run_until(at(16, 15, 3))
    sound, made.others["swing"] = (
        made.others["swing"],
        replace(made.others["swing"], broker=SlowReads(made.others["swing"].broker, made.clock)),
    )
    began = made.clock.now()
    turns = made.run_all("order_monitor")
    assert codes(turns) == {"main": 0, "swing": 1}
    assert [o.side for o in sound.broker.live_orders()] == []
    assert made.store.rows("main").positions[0].covered_qty == 10
    assert made.clock.now() - began < timedelta(seconds=240)


def test_three_time_outs_end_a_pass_and_the_next_goes_on_with_what_was_left(make_world):
    trouble = Trouble(FaultKind.TIMEOUT_BEFORE, "POST")
    made = make_world(at(16, 14, 46), feed(), options=options(faults=trouble))
    for symbol in SYMBOLS:
        made.decide(**(SWING_AAPL | {"symbol": symbol}))
    trouble.on = True
    ran = made.run("order_executor")
    assert trouble.met == 3
    assert (ran.result.outcome, ran.exit_code) == ("incomplete", 1)
    assert "3 requests met no answer in time: the pass ends here" in ran.result.notes
    assert [o.symbol for o in made.store.rows("main").orders] == ["AAPL", "GOOG", "IBM"]
    trouble.on = False
    made.run("order_monitor")
    made.clock.sleep(31)
    made.run("order_executor")
    made.run("order_monitor")
    assert sorted(o.symbol for o in made.tools.broker.live_orders()) == sorted(SYMBOLS)
    assert [t.symbol for t in queries.journal(made.store, "main")] == list(SYMBOLS)


def test_two_time_outs_do_not(make_world):
    trouble = Trouble(FaultKind.TIMEOUT_BEFORE, "POST")
    made = make_world(at(16, 14, 46), feed(), options=options(faults=trouble))
    for symbol in SYMBOLS[:2]:
        made.decide(**(SWING_AAPL | {"symbol": symbol}))
    trouble.on = True
    ran = made.run("order_executor")
    assert trouble.met == 2
    assert not [note for note in ran.result.notes if "the pass ends here" in note]


def test_an_account_without_a_clean_look_for_two_intervals_is_a_problem_of_its_failing_pass(both):
    trouble = Trouble(FaultKind.HTTP_503)
    made = both(main=options(faults=trouble))
    made.run_until(at(16, 15, 0))
    trouble.on = True
    made.run_until(at(16, 15, 14))
    assert "ACCOUNT_STALE" not in notes(made, "main")
    made.run_until(at(16, 15, 16))
    assert notes(made, "main").startswith(
        "ACCOUNT_STALE: account main: order_monitor has not ended clean since 2024-01-16 15:00 UTC, "
        "and was due at 2024-01-16 15:05 UTC\n"
    )
    assert notes(made, "swing") == ""


def test_another_stage_tells_of_it_too_and_ends_with_exit_code_1(both):
    made = both()
    made.run_all("order_monitor")
    made.clock.advance_to(at(16, 14, 54))
    assert codes(made.run_all("position_monitor")) == {"main": 0, "swing": 0}
    made.run("order_monitor")
    made.clock.advance_to(at(16, 14, 55))
    turns = made.run_all("position_monitor")
    assert codes(turns) == {"main": 0, "swing": 1}
    (stale,) = [turn.outcome for turn in turns if turn.account == "swing"]
    assert ([problem.code for problem in stale.problems], stale.outcome) == (["ACCOUNT_STALE"], "done")


def test_an_account_that_was_never_worked_makes_every_stage_due(make_world):
    made = make_world(at(16, 14, 46), feed(), options=options())
    for stage in due.STAGES:
        made.run(stage)

    def is_due():
        return {stage: due.is_due(stage, made.clock.now(), due.read(made.tools.state_dir)) for stage in due.STAGES}

    assert set(is_due().values()) == {False}
    made.add_account("swing", feed())
    assert set(is_due().values()) == {True}
    for stage in due.STAGES:
        made.run_all(stage)
    assert set(is_due().values()) == {False}
