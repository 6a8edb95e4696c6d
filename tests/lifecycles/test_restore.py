"""A backup from the middle of the week is restored, and the system runs on.

What the rows no longer know is at the broker: nothing of it may be done twice, left uncovered or miscounted.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from lib.backfill import backfill
from lib.errors import ConfigError
from lib.intake.control_desk import Desk, resume, stop
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.render.backfill import backfill_text
from lib.simulation.evidence import Watch, at_rest, ledger
from lib.simulation.faults import Crash, Faults, Kind, with_faults
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries
from lib.store.backups import backup
from lib.store.queries import approve
from lib.store.restoring import restore
from tests.tools.sampling import some
from tests.tools.worlds import miscounted

PRICES = ScriptedFeed(
    {
        # Bought on the 16th, stopped out on the 18th.
        "AAPL": steps((at(16, 14, 30), "151"), (at(16, 15, 2), "149"), (at(18, 16, 2), "144")),
        # Bought on the 17th, sold at its target on the 18th.
        "MSFT": steps((at(17, 14, 40), "31"), (at(17, 15, 2), "29"), (at(18, 15, 32), "61")),
        # Bought on the 17th, sold at its target on the 19th.
        "NVDA": steps((at(17, 14, 40), "51"), (at(17, 15, 2), "49"), (at(19, 16, 2), "61")),
    }
)
MSFT = {"symbol": "MSFT", "planned_entry": "30", "planned_sl": "20", "planned_tp": "60", "qty": "20"}
NVDA = {"symbol": "NVDA", "planned_entry": "50", "planned_sl": "40", "planned_tp": "60", "qty": "10"}


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    return folder


@pytest.fixture
def begin(place):
    entered = []

    def start(now):
        made = world(
            place,
            now,
            PRICES,
            options=Options(partial_fill_rate=Decimal(0)),
            database=f"sqlite:///{place}/trading.db",
        )
        entered.append(made)
        return made.__enter__()

    yield start
    for each in entered:
        each.__exit__(None, None, None)


def url_of(place):
    return f"sqlite:///{place}/trading.db"


def saved(made, place):
    return Path(backup(url_of(place), place, now=made.clock.now()).file)


def put_back(made, place, file):
    return restore(file, url_of(place), place, now=made.clock.now(), wait_s=0)


def take_back(made, faults=None):
    tools = made.tools if faults is None else with_faults(made.tools, faults)
    return backfill(tools, since=date(2024, 1, 16))


def entries(made):
    return sorted(o.client_order_id for o in ledger(made).orders if "-entry-" in o.client_order_id)


def by_symbol(made):
    return {t.symbol: t for t in queries.journal(made.store, "main")}


def ends(made):
    return {symbol: (t.status, t.actual_pnl, t.exit_reason) for symbol, t in by_symbol(made).items()}


def control_of(made):
    (row,) = made.store.controls("main")
    return row.state, row.reason


def run(made, *looks):
    """Run stages by hand: each look is a moment and a stage."""
    for moment, stage in looks:
        made.clock.advance_to(moment)
        assert made.run(stage).error is None


def watched(made):
    """Watch what must hold after every pass from now on: the rows that a restore took away are no loss."""
    made.observers.append(Watch())
    return made.observers[-1]


def cron(made, start, end):
    """Let cron run between two moments; before them the host was asleep."""
    made.clock.advance_to(start)
    made.run_until(end)


WEDNESDAY = (
    (at(17, 14, 45), "order_executor"),
    (at(17, 15, 5), "order_monitor"),
    (at(17, 15, 6), "position_monitor"),
)


def bought_on_wednesday(begin, place, *decisions):
    """Decided on Tuesday evening, backed up, bought and covered on Wednesday."""
    made = begin(at(16, 21, 30))
    for decision in decisions:
        made.decide(**decision)
    run(made, (at(17, 14, 31), "order_monitor"))  # the approvals are seen
    file = saved(made, place)
    run(made, *WEDNESDAY)
    return made, file


@pytest.mark.slow
@pytest.mark.case("fail-H8")
def test_a_backup_of_mid_week_is_restored_and_the_week_goes_on(begin, place):
    made = begin(at(16, 14, 43))
    made.decide(**SWING_AAPL)
    cron(made, at(16, 14, 43), at(16, 15, 15))
    made.decide(**MSFT)
    made.decide(**NVDA)
    cron(made, at(16, 20, 55), at(16, 21, 5))
    file = saved(made, place)
    cron(made, at(17, 14, 40), at(17, 15, 15))
    cron(made, at(18, 15, 25), at(18, 16, 15))
    before = ends(made)
    assert before == {
        "AAPL": ("CLOSED", Decimal("-50.1"), "STOPPED_OUT"),
        "MSFT": ("CLOSED", Decimal("639.8"), "PROFIT_TAKEN"),
        "NVDA": ("POSITION", None, None),
    }
    sent = entries(made)
    put_back(made, place, file)
    assert ends(made) == {"AAPL": ("POSITION", None, None)}
    report = take_back(made)
    assert (report.result.outcome, report.result.problems) == ("done", ())
    assert (ends(made), entries(made), control_of(made)) == (before, sent, ("ACTIVE", None))
    watch = watched(made)
    cron(made, at(18, 20, 50), at(18, 21, 5))
    cron(made, at(19, 14, 30), at(19, 15, 0))
    cron(made, at(19, 15, 55), at(19, 16, 15))
    assert entries(made) == sent
    assert ends(made)["NVDA"] == ("CLOSED", Decimal("119.9"), "PROFIT_TAKEN")
    assert (watch.violations, at_rest(made), miscounted(made)) == ([], (), [])


@pytest.mark.case("fail-H8")
def test_what_was_bought_after_the_backup_is_known_again_and_not_bought_again(begin, place):
    made, file = bought_on_wednesday(begin, place, MSFT, NVDA)
    before, orders = ends(made), len(ledger(made).orders)
    put_back(made, place, file)
    report = take_back(made)
    assert (report.result.outcome, report.result.problems) == ("done", ())
    watch = watched(made)
    run(
        made,
        (at(17, 15, 11), "order_executor"),
        (at(17, 15, 12), "order_monitor"),
        (at(17, 15, 13), "position_monitor"),
    )
    assert (ends(made), len(ledger(made).orders)) == (before, orders)
    assert {d.execution_status for d in queries.decisions(made.store, "main")} == {"ORDERED"}
    msft = by_symbol(made)["MSFT"]
    roles = [(o.client_order_id, o.order_type, o.order_status) for o in queries.orders_of(made.store, msft.id)]
    assert roles == [
        ("sim-d1-entry-1", "ENTRY", "filled"),
        ("sim-t1-exit-1", "TAKE_PROFIT", "new"),
        ("sim-t1-exit-1-stop", "STOP_LOSS", "held"),
    ]
    # Behind the two ids that were given, and a thousand that may have been.
    assert (msft.id, queries.changes(made.store, "main")) == (1003, ())
    run(made, (at(18, 15, 35), "order_monitor"))
    assert ends(made)["MSFT"] == ("CLOSED", Decimal("639.8"), "PROFIT_TAKEN")
    assert (watch.violations, miscounted(made)) == ([], [])


def test_until_the_backfill_no_pass_works_the_account_and_nobody_resumes_it(begin, place):
    made, file = bought_on_wednesday(begin, place, MSFT)
    before = rows_at_broker(made)
    assert put_back(made, place, file).since == date(2024, 1, 17)
    for stage in ("order_executor", "order_monitor", "position_monitor"):
        assert "--backfill --since 2024-01-17 --account main" in made.run(stage).error
    desk = Desk(store=made.store, state_dir=place, now=made.clock.now())
    with pytest.raises(ConfigError, match="--backfill --since 2024-01-17"):
        resume(desk, "main", None, None)
    made.clock.advance_to(at(18, 14, 31))
    with pytest.raises(ConfigError, match="--backfill --since 2024-01-17"):
        backfill(made.tools, since=date(2024, 1, 18))
    assert (rows_at_broker(made), queries.journal(made.store, "main")) == (before, ())


def rows_at_broker(made):
    return ledger(made).orders


def test_a_dry_run_of_the_backfill_tells_what_it_would_take_back_and_leaves_the_account_as_it_is(begin, place):
    made, file = bought_on_wednesday(begin, place, MSFT)
    put_back(made, place, file)
    report = backfill(made.tools, since=date(2024, 1, 16), dry_run=True)
    assert "ordered before a restore: sim-d1-entry-1, buy 20 MSFT limit at 30" in backfill_text(report, verbose=False)
    assert queries.journal(made.store, "main") == ()
    assert control_of(made)[0] == "FROZEN"


@pytest.mark.case("fail-H8")
def test_a_decision_written_after_the_backup_is_lost_named_and_its_shares_are_left_with_their_stop(begin, place):
    made = begin(at(16, 21, 30))
    made.decide(**MSFT)
    run(made, (at(17, 14, 31), "order_monitor"))
    file = saved(made, place)
    made.decide(**NVDA)
    run(made, *WEDNESDAY)
    put_back(made, place, file)
    report = take_back(made)
    assert [(p.code, p.message.partition(":")[0]) for p in report.result.problems] == [
        ("UNKNOWN_ORDER", "sim-d2-entry-1"),
        ("UNKNOWN_ORDER", "sim-t2-exit-1"),
    ]
    reason = "a backup of 2024-01-17 was restored, and its backfill could not settle everything: UNKNOWN_ORDER"
    assert control_of(made) == ("REDUCING", reason)
    before, sent = rows_at_broker(made), entries(made)
    run(
        made,
        (at(17, 15, 11), "order_executor"),
        (at(17, 15, 12), "order_monitor"),
        (at(17, 15, 13), "position_monitor"),
    )
    assert (rows_at_broker(made), entries(made)) == (before, sent)
    assert ends(made) == {"MSFT": ("POSITION", None, None)}
    bought = [(c.symbol, c.trade_id, c.delta) for c in queries.changes(made.store, "main")]
    assert bought == [("NVDA", None, Decimal(10))]
    assert made.decide(**NVDA) == 1003  # no later decision is taken for the lost one


def test_a_decision_that_was_changed_after_the_backup_is_refused_and_not_sent_with_its_old_numbers(begin, place):
    made = begin(at(16, 21, 30))
    decision = made.decide(**MSFT, approve=False)
    file = saved(made, place)
    with made.store.writing() as connection:
        connection.exec_driver_sql("UPDATE analysis_decision SET planned_entry='29.50'")
    approve(made.store, "main", [decision], run_id="person", at=made.clock.now())
    run(made, *WEDNESDAY)
    put_back(made, place, file)
    assert [p.code for p in take_back(made).result.problems] == ["UNKNOWN_ORDER", "UNKNOWN_ORDER"]
    (row,) = queries.decisions(made.store, "main")
    assert (row.executed, row.execution_status) == (True, "REJECTED")
    assert row.execution_note == (
        "RESTORED: before a restore it was sent with other numbers than these: "
        "sim-d1-entry-1, buy 20 MSFT limit at 29.5, filled"
    )
    assert queries.journal(made.store, "main") == ()


@pytest.mark.parametrize("nth", some([1, 2, 3, 4], 3))
@pytest.mark.parametrize("kind", [Kind.CRASH_BEFORE, Kind.CRASH_AFTER])
def test_a_backfill_that_dies_is_run_again_and_ends_as_if_it_had_not(begin, place, kind, nth):
    made, file = bought_on_wednesday(begin, place, MSFT, NVDA)
    before = ends(made)
    put_back(made, place, file)
    with pytest.raises(Crash):
        take_back(made, Faults({nth: kind}, []))
    assert made.run("order_executor").error is not None
    take_back(made)
    assert (ends(made), control_of(made)) == (before, ("ACTIVE", None))
    assert [len(queries.orders_of(made.store, t.id)) for t in queries.journal(made.store, "main")] == [3, 3]


def test_a_second_restore_still_knows_what_was_sent_after_the_first(begin, place):
    made, file = bought_on_wednesday(begin, place, MSFT)
    put_back(made, place, file)
    take_back(made)
    made.decide(**NVDA)
    run(made, (at(17, 15, 10), "order_monitor"))
    made.clock.advance_to(at(17, 15, 11))
    assert made.run("order_executor", only_decision=1002).error is None
    (sent,) = [name for name in entries(made) if "-d1002-" in name]
    put_back(made, place, file)
    problems = take_back(made).result.problems
    assert [p.message.partition(":")[0] for p in problems] == [sent]
    assert ends(made) == {"MSFT": ("POSITION", None, None)}


def test_a_stop_that_a_person_set_after_the_backup_stands_when_the_backfill_is_done(begin, place):
    made, file = bought_on_wednesday(begin, place, MSFT)
    desk = Desk(store=made.store, state_dir=place, now=made.clock.now())
    stop(desk, "halt", "main", None, reason="the market: mad", sure=False)
    stop(desk, "reduce", "main", "MSFT", reason="earnings", sure=False)
    put_back(made, place, file)
    take_back(made)
    found = {c.scope: (c.state, c.reason) for c in made.store.controls("main")}
    assert found == {
        "account:main": ("HALTED", "the market: mad"),
        "symbol:main:MSFT": ("REDUCING", "earnings"),
    }


def sent_by_a_database_that_is_lost(begin, place):
    """Restored, traded on, and lost: the backup is restored once more, and nothing here names what was sent between."""
    made = begin(at(16, 21, 30))
    made.decide(**MSFT)
    run(made, (at(17, 14, 31), "order_monitor"))
    file = saved(made, place)
    put_back(made, place, file)
    take_back(made)
    run(made, *WEDNESDAY)
    made.store.close()
    for name in ("trading.db", "trading.db-wal", "trading.db-shm"):
        (place / name).unlink(missing_ok=True)
    put_back(made, place, file)
    return made


def test_orders_of_a_database_that_is_lost_are_named_and_their_decisions_are_not_sent_again(begin, place):
    made = sent_by_a_database_that_is_lost(begin, place)
    sent = entries(made)
    problems = take_back(made).result.problems
    assert [(p.code, p.message.partition(":")[0]) for p in problems] == [
        ("UNKNOWN_ORDER", sent[0]),
        ("UNKNOWN_ORDER", sent[0].replace("-d1-entry-1", "-t1001-exit-1")),
    ]
    assert control_of(made)[0] == "REDUCING"
    run(made, (at(17, 15, 11), "order_monitor"), (at(17, 15, 12), "order_executor"))
    assert entries(made) == sent
