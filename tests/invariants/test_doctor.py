"""Each invariant is broken in a real database or at the paper broker, and doctor names it and says what to do."""

import pytest

from lib.invariants.catalogue import AFTER_CLEAN_ORDER_MONITOR, ALWAYS, AT_REST, AUDIT, ON_ROWS
from lib.invariants.promises import PROMISES, promise_of
from lib.simulation.lifecycles import at
from lib.views.checkup import LATER, OK
from tests.invariants.desk import traded

pytestmark = pytest.mark.slow  # every case opens a database and a paper broker of its own

KEY, SECRET = "PKCANARYKEY0000000001", "canarysecret0000000000000000000000000002"
BY_SIMULATION = {"I17", "I31", "I32", "L4"}
"""Judged between two worlds or two looks at one: doctor sees one. I17 is of grids, of which this account has none."""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("played") / "var"
    folder.mkdir()
    return traded(folder)


@pytest.fixture
def desk(played, tmp_path):
    return played.copied(tmp_path / "var")


def sql(*statements):
    def change(desk):
        for statement in statements:
            desk.sql(statement)

    return change


def order(symbol, client_order_id, *, side="buy", qty="5", limit="50"):
    """Send an order under one of our ids, that our rows know nothing of."""
    body = {"symbol": symbol, "client_order_id": client_order_id, "side": side, "qty": qty, "type": "limit"}
    return body | {"limit_price": limit, "time_in_force": "day"}


def sent(*bodies, minutes=0):
    def send(desk):
        desk.later(minutes)
        desk.price("GOOG", "100")
        for body in bodies:
            desk.broker("POST", "/v2/orders", body)

    return send


def stop_cancelled(desk):
    desk.broker("DELETE", "/v2/orders")


def bought_in_the_app(desk):
    desk.price("GOOG", "100")
    desk.broker(
        "POST", "/v2/orders", {"symbol": "GOOG", "side": "buy", "qty": "3", "type": "market", "time_in_force": "day"}
    )


def limited(name, value):
    def lower(desk):
        desk.environ["LIMITS"] = f"{name}={value}"

    return lower


def key_in_a_note(desk):
    desk.environ |= {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET}
    desk.sql("UPDATE stage_run SET note = 'refused: canarysecret0000000000000000000000000002' WHERE id = 1")


def never_answered(desk):
    desk.clock.advance_to(at(17, 20, 35))
    desk.run("order_monitor", "position_monitor", "order_executor")
    desk.sql("UPDATE analysis_decision SET execution_status = NULL, executed = NULL WHERE id = 2")


def nobody_looked(desk):
    desk.later(30)
    desk.run("position_monitor")
    desk.sql("DELETE FROM event WHERE table_name = 'alert'")


def stopped(state, reason):
    since = "2024-01-16T14:45:30.000000Z"  # the entries went out half a minute later
    row = f"VALUES ('main', 1, 'account:main', '{state}', '{reason}', '{since}')"
    return sql(f"INSERT INTO control (account, version, scope, state, reason, since) {row}")


BREAKS = [
    ("I1", sent(order("GOOG", "sim-d1-entry-2"))),
    ("I2", stop_cancelled),
    ("I3", sent(order("GOOG", "sim-t9-exit-1", side="sell", limit="150"))),
    ("I4", sql("UPDATE trade_journal SET actual_pnl = '60.01' WHERE id = 2")),
    ("I5", bought_in_the_app),
    ("I6", sql("UPDATE order_execution SET order_status = 'cancelled' WHERE id = 3")),
    ("I7", sql("UPDATE fill SET qty = '11' WHERE trade_id = 1")),
    ("I8", sql("UPDATE fill SET qty = '6' WHERE trade_id = 2 AND side = 'sell'")),
    ("I9", sql("UPDATE fill SET price = '150.01' WHERE trade_id = 1")),
    ("I10", sql("UPDATE trade_journal SET status = 'ORDERED' WHERE id = 2")),
    ("I10", sql("UPDATE order_execution SET filled_qty = '9' WHERE client_order_id = 'sim-d1-entry-1'")),
    ("I11", sql("DELETE FROM position_tracking")),
    ("I12", sql("UPDATE trade_journal SET version = version - 1 WHERE id = 1")),
    ("I13", sql("UPDATE trade_journal SET arrival_bid = '0' WHERE id = 1")),
    ("I13", sql("UPDATE trade_journal SET arrival_ask = '150' WHERE id = 1")),
    ("I13", sql("UPDATE trade_journal SET arrival_quote_time = '2024-01-16T14:00:00.000000Z' WHERE id = 1")),
    ("I14", sent(order("GOOG", "sim-t9-exit-1", side="sell", limit="150"))),
    ("I14", sql("UPDATE order_execution SET created_at = '2024-01-16T15:19:00.000000Z' WHERE id = 3")),
    ("I15", sql("DELETE FROM fill WHERE trade_id = 2")),
    ("I16", sql("UPDATE trade_journal SET planned_sl = '140' WHERE id = 1")),
    ("I18", sql("UPDATE order_execution SET payload = replace(payload, '160', '161') WHERE id = 3")),
    ("I18", sql("UPDATE order_execution SET payload = 'edited' WHERE id = 3")),
    ("I19", sql("UPDATE trade_journal SET entry_time = '2024-01-16T14:00:00.000000Z' WHERE id = 1")),
    ("I20", stopped("HALTED", "by hand")),
    ("I21", sql("UPDATE account SET account_number = 'PA0'")),
    ("I22", sent(order("GOOG", "sim-d3-entry-1"), minutes=335)),
    ("I23", sql("UPDATE alembic_version SET version_num = '0001'")),
    ("I24", limited("orders_per_day_max", 1)),
    ("I25", sql("UPDATE stage_run SET outcome = 'incomplete' WHERE id = (SELECT max(id) FROM stage_run)")),
    ("I26", key_in_a_note),
    ("I29", limited("order_notional_max", 1499)),
    ("I29", limited("position_share_max", "0.01")),
    ("I30", stopped("REDUCING", "DAILY_LOSS: too much")),
    ("L1", never_answered),
    ("L2", sql("UPDATE order_execution SET order_status = 'new' WHERE client_order_id = 'sim-t2-exit-1'")),
    ("L3", nobody_looked),
    ("L3", sql("UPDATE stage_run SET started_at = '2024-01-16T14:00:00.000000Z' WHERE id = 1")),
]


def test_doctor_has_nothing_to_say_of_what_the_stages_left(desk, monkeypatch):
    (finding,) = desk.findings(monkeypatch)
    assert (finding.level, finding.do) == (OK, None)
    assert finding.what.startswith(
        "2 trades of the last 30 days hold what must always be true, and the broker's record"
    )


def test_while_a_pass_is_at_work_rows_are_judged_and_the_broker_is_not(desk, monkeypatch):
    stop_cancelled(desk)
    desk.sql("UPDATE fill SET qty = '11' WHERE trade_id = 1")

    def look(store):
        with store.hold_account("main", wait_s=0):
            return [each.what.partition(":")[0] for each in desk.findings(monkeypatch)]

    assert desk.with_store(look) == ["a pass is at work", "I7", "I16"]


def test_where_the_broker_cannot_be_asked_the_rows_are_judged_alone(desk, monkeypatch):
    (desk.folder / "paper.db").unlink()
    desk.sql("UPDATE fill SET qty = '11' WHERE trade_id = 1")
    assert set(desk.doctor(monkeypatch)) == {"I7", "I16"}


def test_what_the_next_pass_mends_is_no_work_for_a_person(desk, monkeypatch):
    bought_in_the_app(desk)
    assert {(each.what[:2], each.level) for each in desk.findings(monkeypatch)} == {("I5", LATER)}
    desk.run("position_monitor")
    assert desk.doctor(monkeypatch) == {}


@pytest.mark.parametrize(("name", "breaks"), BREAKS, ids=[f"{n}-{name}" for n, (name, _) in enumerate(BREAKS)])
def test_doctor_names_what_is_broken_in_words_and_says_what_to_do(name, breaks, desk, monkeypatch):
    breaks(desk)
    told = desk.doctor(monkeypatch)
    assert name in told, told
    words, do = told[name]
    assert words.endswith(PROMISES[name].holds)
    assert do == PROMISES[name].do


def test_doctor_changes_nothing_at_the_broker_and_in_the_database(desk, monkeypatch):
    files = ("trading.db", "paper.db")
    before = [(desk.folder / name).read_bytes() for name in files]
    desk.doctor(monkeypatch)
    assert [(desk.folder / name).read_bytes() for name in files] == before


def test_every_invariant_that_applies_is_broken_here_or_between_two_worlds():
    judged = {name for name, promise in PROMISES.items() if not promise.absent}
    assert {name for name, _ in BREAKS} | BY_SIMULATION == judged


def test_every_judge_has_its_words_and_every_word_its_judge():
    judges = {*ALWAYS, *ON_ROWS, *AFTER_CLEAN_ORDER_MONITOR, *AUDIT, *AT_REST}
    elsewhere = BY_SIMULATION | {"I23"}  # a database of another schema is not opened
    assert {promise_of(name).id for name in judges} | elsewhere == {
        name for name, promise in PROMISES.items() if not promise.absent
    }
    assert all(p.absent or (p.judged and p.do) for p in PROMISES.values())
    assert [*PROMISES] == [f"I{n}" for n in range(1, 33)] + [f"L{n}" for n in range(1, 5)]
