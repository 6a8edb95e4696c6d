"""`python -m lib.store init`: from nothing to a database, and from an old one to this code's."""

import json
import re
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from lib import due
from lib.errors import ConfigError
from lib.store import queries, tables
from lib.store.__main__ import main
from lib.store.init import initialise, migrate
from lib.store.sqlite import open_store
from tests.store.build import NOW, insert_order, insert_trade, write

OTHERS_OWN = {"alembic_version", "sqlite_sequence"}
REPOSITORY = Path(__file__).resolve().parents[2]
MIGRATIONS = REPOSITORY / "lib/store/migrations"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/deep/down/trading.db"


@pytest.fixture
def settings(url, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("BROKER", "local")


@pytest.fixture
def opened():
    stores = []

    def open_one(*args, **options):
        stores.append(open_store(*args, **options))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def schema_of(store):
    with store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    return {name: re.sub(r"\s+", " ", sql) for name, sql in rows if name not in OTHERS_OWN}


def empty(store):
    with store.writing() as connection:
        connection.exec_driver_sql("DROP VIEW grid_orders")
        for name in (*tables.metadata.tables, "alembic_version"):
            connection.exec_driver_sql(f"DROP TABLE {name}")


def test_the_schema_version_of_the_code_is_its_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [tables.SCHEMA_VERSION]


@pytest.mark.slow
def test_the_migrations_lead_to_exactly_the_tables_of_the_code(url, tmp_path, opened):
    initialise(url, tmp_path, now=NOW)
    migrated = opened(url, tmp_path)
    with migrated.reading() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*expression-based index '?uq_quantity_change_activity")
        options = {
            "compare_server_default": True,
            "include_object": lambda _object, name, *_: name != "uq_quantity_change_activity",  # below: an expression
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []
    made = schema_of(opened("sqlite://", tmp_path, create=True))
    migrated_schema = schema_of(migrated)
    assert migrated_schema.keys() == made.keys()
    for name in ("uq_quantity_change_activity", "uq_round_trip_whole", "grid_orders"):
        assert migrated_schema[name] == made[name]
    assert sum("AUTOINCREMENT" in sql for sql in migrated_schema.values()) == len(tables.metadata.tables)


def test_init_makes_folders_file_tables_and_an_account(url, tmp_path, opened):
    made = initialise(url, tmp_path, now=NOW)
    store = opened(url, tmp_path)
    store.check_schema()
    account = store.account("main")
    assert account.namespace == made.namespace
    assert re.fullmatch(r"[a-z0-9]{6}", made.namespace)
    assert (account.broker, account.environment, account.account_number) == (None, None, None)
    assert [entry.op for entry in queries.events_of(store, "account", account.id)] == ["insert"]


def test_init_a_second_time_changes_nothing(url, tmp_path, opened):
    first = initialise(url, tmp_path, now=NOW)
    store = opened(url, tmp_path)
    write(store, insert_trade(1))
    second = initialise(url, tmp_path, now=NOW)
    assert (first.done, second.done) == ("created", "nothing")
    assert second.namespace == first.namespace
    assert len(queries.journal(store, "main")) == 1
    assert len(queries.events(store, "main")) == 2


@pytest.mark.parametrize("older", ["0001", "0002", "0003"])
def test_a_database_of_an_older_version_is_refused_until_init_brings_it_up_with_all_its_rows(
    older, url, settings, tmp_path, opened, capsys
):
    store = opened(url, tmp_path, create=True)
    empty(store)
    migrate(store, older)
    with store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO account (account, version, namespace) VALUES ('main', 1, 'k3f9aa')")
        connection.exec_driver_sql(
            "INSERT INTO trade_journal (id, account, version, decision_id, symbol, side, trade_style, status, "
            "planned_entry, planned_sl, planned_qty, created_at, actual_entry, rating) "
            "VALUES (7, 'main', 3, 12, 'AAPL', 'long', 'SWING', 'CLOSED', "
            "'150', '145', '10', '2026-11-20T14:46:00.000000Z', '149.81', 'good')"
        )
        old = dict(connection.exec_driver_sql("SELECT * FROM trade_journal").mappings().one())
    with pytest.raises(ConfigError, match="needs 0004"):
        store.check_schema()

    assert main(["init"]) == 0
    assert capsys.readouterr().out.startswith(f"updated {url.removeprefix('sqlite:///')}: schema 0004, account main")

    upgraded = opened(url, tmp_path)
    upgraded.check_schema()
    assert schema_of(upgraded).keys() == schema_of(opened("sqlite://", tmp_path, create=True)).keys()
    with upgraded.reading() as connection:
        new = dict(connection.exec_driver_sql("SELECT * FROM trade_journal").mappings().one())
    assert old.items() <= new.items()
    assert {new[name] for name in new.keys() - old.keys()} <= {None}
    (trade,) = queries.journal(upgraded, "main")
    assert (trade.actual_entry, trade.slippage, trade.protected_at) == (Decimal("149.81"), None, None)
    assert main(["init"]) == 0
    assert capsys.readouterr().out.startswith("already at")


OF_TRADES = """
INSERT INTO account (account, version, namespace) VALUES ('main', 1, 'k3f9aa');
INSERT INTO order_execution (
    id, account, version, trade_id, client_order_id, order_type, kind, side, symbol, qty, time_in_force, order_status,
    created_at, limit_price, filled_qty
) VALUES (
    41, 'main', 6, 7, 'k3f9aa-d12-entry-1', 'ENTRY', 'limit', 'buy', 'AAPL', '10', 'day', 'filled',
    '2026-11-20T14:46:00.000000Z', '150', '10'
);
INSERT INTO fill (
    id, account, activity_id, order_id, trade_id, symbol, side, qty, price, transaction_time, fee, version
) VALUES (9, 'main', '20261120-a', 41, 7, 'AAPL', 'buy', '10', '149.81', '2026-11-20T14:47:00.000000Z', '0.02', 2);
INSERT INTO event (account, at, run_id, table_name, row_id, op, columns)
VALUES ('main', '2026-11-20T14:47:00.000000Z', 'r', 'fill', 9, 'insert', '{"trade_id": 7}');
UPDATE sqlite_sequence SET seq = 900 WHERE name = 'order_execution';
CREATE VIEW mine AS SELECT client_order_id, fee FROM order_execution JOIN fill ON order_id = order_execution.id;
ALTER TABLE fill ADD COLUMN my_note TEXT;
UPDATE fill SET my_note = 'late';
"""
"""What 0003 held; the last four are what people and their programs leave in a database."""


def test_orders_and_fills_of_trades_are_all_there_when_grids_come_to_stand_beside_them(url, tmp_path, opened):
    store = opened(url, tmp_path, create=True)
    empty(store)
    migrate(store, "0003")
    with store.writing() as connection:
        for sql in OF_TRADES.strip().removesuffix(";").split(";"):
            connection.exec_driver_sql(sql)

    def all_of_it():
        with store.reading() as connection:
            read = ("SELECT * FROM order_execution", "SELECT * FROM fill", "SELECT * FROM event", "SELECT * FROM mine")
            return [connection.exec_driver_sql(sql).mappings().all() for sql in read]

    before = all_of_it()
    assert [len(rows) for rows in before] == [1, 1, 1, 1]
    assert initialise(url, tmp_path, now=NOW).done == "updated"
    assert all_of_it() == before
    (fill,) = queries.fills_of(store, 7)
    assert (fill.order_id, fill.price, fill.fee) == (41, Decimal("149.81"), Decimal("0.02"))
    assert [told.op for told in queries.events_of(store, "fill", 9)] == ["insert"]
    assert write(store, insert_order(None, "k3f9aa-g1-c0-buy-1", strategy_id=1, cell=0))["order"] == 901


def test_a_second_account_has_a_namespace_of_its_own(url, tmp_path):
    first = initialise(url, tmp_path, now=NOW)
    second = initialise(url, tmp_path, "second", now=NOW)
    assert second.done == "updated"
    assert second.namespace != first.namespace
    assert initialise(url, tmp_path, now=NOW).namespace == first.namespace


@pytest.mark.parametrize(("first", "twin"), [("swing", "Swing"), ("long-term", "long_term")])
def test_a_name_that_variables_cannot_tell_from_another_is_refused(url, tmp_path, first, twin):
    initialise(url, tmp_path, first, now=NOW)
    with pytest.raises(ConfigError, match=rf"there is '{first}', and ALPACA_API_KEY__{twin.upper()} could be the key"):
        initialise(url, tmp_path, twin, now=NOW)


def test_a_new_account_is_due_where_the_gate_knows_the_others(url, tmp_path):
    initialise(url, tmp_path, now=NOW)
    assert due.read(tmp_path) is None
    due.expect(tmp_path, ("main",))
    initialise(url, tmp_path, "second", now=NOW)
    assert set(due.read(tmp_path)["accounts"]) == {"main", "second"}


def test_init_refuses_a_name_that_cannot_name_an_account(url, tmp_path):
    with pytest.raises(ConfigError, match="letters, digits"):
        initialise(url, tmp_path, "../main", now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_init_leaves_a_schema_from_the_future_alone(url, tmp_path):
    initialise(url, tmp_path, now=NOW)
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="from the future"):
        initialise(url, tmp_path, now=NOW)


def test_init_leaves_tables_that_it_did_not_make_alone(tmp_path):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE trade_journal (what TEXT)")
    with pytest.raises(ConfigError, match="cannot be migrated, and is as it was: table trade_journal already exists"):
        initialise(f"sqlite:///{path}", tmp_path, now=NOW)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("trade_journal",)]


def test_a_migration_and_its_version_are_written_together_or_not_at_all(url, tmp_path, opened):
    store = opened(url, tmp_path, create=True)
    empty(store)
    writer = store._database.writer

    class Killed(BaseException):
        pass

    def die_late(connection, cursor, statement, *rest):
        if "alembic_version" in statement and statement.startswith("INSERT"):
            raise Killed

    event.listen(writer, "before_cursor_execute", die_late)
    with pytest.raises(Killed):
        migrate(store)
    event.remove(writer, "before_cursor_execute", die_late)
    assert store.schema_found() is None
    assert schema_of(store) == {}
    migrate(store)
    store.check_schema()


@pytest.mark.slow
def test_two_inits_at_once_end_with_one_database(url, settings, tmp_path):
    program = [sys.executable, "-m", "lib.store", "init", "--json"]
    both = [subprocess.Popen(program, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [json.loads(process.communicate()[0]) for process in both]
    assert answers[0]["namespace"] == answers[1]["namespace"]


def test_the_command_says_in_one_line_what_there_is(url, settings, capsys):
    assert main(["init"]) == 0
    line = capsys.readouterr().out
    path = url.removeprefix("sqlite:///")
    created = re.fullmatch(rf"created {path}: schema 0004, account main, namespace ([a-z0-9]{{6}})\n", line)
    assert main(["init"]) == 0
    again = capsys.readouterr().out
    assert again == f"already at {path}: schema 0004, account main, namespace {created[1]}\n"


def test_the_command_takes_another_database_and_another_account(settings, tmp_path, capsys):
    other = f"sqlite:///{tmp_path}/other.db"
    assert main(["init", "--database", other, "--account", "second", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["done"], made["account"], made["schema"]) == ("created", "second", "0004")
    assert made["database"] == f"{tmp_path}/other.db"


def test_a_setting_that_needs_a_person_is_one_line_and_exit_code_2(settings, capsys):
    assert main(["init", "--database", "mysql://me:secret@host/db"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "only sqlite is offered" in printed.err
    assert "secret" not in printed.err


def test_a_version_that_no_migration_knows_is_left_alone(url, tmp_path, opened):
    initialise(url, tmp_path, now=NOW)
    with opened(url, tmp_path).writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(ConfigError, match="cannot be migrated, and is as it was"):
        initialise(url, tmp_path, now=NOW)
