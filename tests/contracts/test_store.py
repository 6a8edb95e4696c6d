"""What every store must keep, whatever database is behind it: values, the account held by one, the schema."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.actions import Ref, Update
from lib.domain.money import NotMoney
from lib.errors import ConfigError
from lib.store import fetch, tables
from tests.store.build import (
    DATABASES,
    NOW,
    insert_order,
    insert_position,
    insert_trade,
    write,
    write_trade,
)


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    database = request.param(tmp_path)
    yield database
    database.store.close()


@pytest.fixture
def store(database):
    return database.store


# Values


@pytest.mark.parametrize(
    ("shape", "left_out"),
    [
        (fetch.ACCOUNT, set()),
        (fetch.CONTROL, set()),
        (fetch.DECISION, set()),
        (fetch.FILL, set()),
        (fetch.ORDER, set()),
        (fetch.POSITION, set()),
        (fetch.QUANTITY_CHANGE, set()),
        (fetch.RUN, set()),
        (fetch.TRADE, {"review_note", "tags", "rating"}),
    ],
    ids=lambda value: getattr(getattr(value, "table", None), "name", ""),
)
def test_a_table_has_the_columns_of_its_record_in_their_order(shape, left_out):
    columns = [name for name in shape.table.c.keys() if name not in left_out]  # noqa: SIM118
    assert sorted(columns) == sorted(field.name for field in fields(shape.record))


def test_the_column_of_approval_is_spelled_as_users_know_it():
    assert tables.decision.c.approve.name == "Approve"


exact_numbers = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1),
    st.integers(min_value=0, max_value=18),
)


def test_a_number_of_18_digits_comes_back_exactly(store):
    ids = write(store, insert_trade(1), insert_position(Ref("trade")))
    version = 1

    @settings(max_examples=60, deadline=None)
    @given(exact_numbers)
    def comes_back(number):
        nonlocal version
        change = Update(
            table="position_tracking", id=ids["position"], version=version, values={"unrealized_pnl": number}
        )
        write(store, change)
        version += 1
        assert store.rows("main").positions[0].unrealized_pnl == number

    comes_back()


@pytest.mark.parametrize(
    "number",
    [1.5, float("nan"), True, Decimal("NaN"), Decimal("Infinity"), Decimal("1234567890.123456789"), "ten"],
    ids=repr,
)
def test_a_number_that_is_not_exact_money_is_refused_and_nothing_is_written(store, number):
    with pytest.raises(NotMoney):
        write(store, insert_trade(1), insert_order(Ref("trade"), "a", qty=number))
    assert store.rows("main").trades == ()


def test_a_number_is_stored_as_its_canonical_text(store, database):
    write(store, insert_trade(1, planned_entry=Decimal("150.500"), planned_qty=Decimal("1E+2")))
    with store.reading() as connection:
        stored = connection.exec_driver_sql("SELECT planned_entry, planned_qty FROM trade_journal").one()
    assert tuple(stored) == ("150.5", "100")


@pytest.mark.case("fail-I-8")
def test_a_time_comes_back_in_utc_to_the_microsecond(store):
    elsewhere = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    write(store, insert_trade(1, created_at=elsewhere))
    created_at = store.rows("main").trades[0].created_at
    assert created_at == datetime(2026, 11, 20, 15, 0, 0, 123456, tzinfo=UTC)
    assert created_at.tzinfo is UTC


def test_a_time_is_stored_in_one_width(store):
    write(store, insert_trade(1, created_at=datetime(2026, 11, 21, 9, 14, 43, tzinfo=UTC)))
    with store.reading() as connection:
        stored = connection.exec_driver_sql("SELECT created_at FROM trade_journal").scalar_one()
    assert stored == "2026-11-21T09:14:43.000000Z"


def test_a_time_without_a_zone_is_refused(store):
    with pytest.raises(ValueError, match="no time zone"):
        write(store, insert_trade(1, created_at=datetime(2026, 11, 20, 15, 0)))  # noqa: DTZ001


def test_all_fields_of_an_order_come_back(store):
    later = NOW + timedelta(seconds=1)
    values = {
        "parent_id": 3,
        "payload": '{"symbol": "Ä\'\\"\\u0000"}',
        "stop_price": Decimal("144.99"),
        "trail_percent": Decimal("2.5"),
        "alpaca_order_id": "b-1",
        "filled_qty": Decimal("0.000000001"),
        "filled_avg_price": Decimal("150.123456789"),
        "filled_at": later,
        "reject_reason": "no",
        "replaces": 2,
        "expires_at": later,
        "strategy_id": 4,
        "cell": 5,
        "attempt": 6,
        "submitted_at": later,
        "acknowledged_at": later,
        "cancel_requested_at": later,
        "missing_at": later,
        "ended_at": later,
    }
    change = insert_order(Ref("trade"), "a", **values)
    write(store, insert_trade(1), change)
    order = store.rows("main").orders[0]
    assert {name: getattr(order, name) for name in values} == values
    assert (order.id, order.version, order.trade_id, order.client_order_id) == (1, 1, 1, "a")


def test_what_a_new_row_does_not_name_is_the_default_of_its_record(store):
    write(store, insert_trade(1), insert_order(Ref("trade"), "a"), insert_position(Ref("trade")))
    rows = store.rows("main")
    assert (rows.orders[0].filled_qty, rows.orders[0].attempt, rows.orders[0].payload) == (Decimal(0), 1, None)
    assert (rows.positions[0].stale, rows.positions[0].current_price) == (False, None)


@pytest.mark.parametrize(
    ("column", "garbage"),
    [
        ("qty", "ten"),
        ("qty", b"10"),
        ("qty", "NaN"),
        ("created_at", "yesterday"),
        ("created_at", "2026-11-20T15:00:00"),
        ("symbol", b"\xff\x00"),
        ("attempt", "many"),
    ],
)
def test_garbage_in_a_column_of_ours_is_an_error_that_names_row_and_column(store, database, column, garbage):
    write_trade(store, 1, "new", "new")
    database.foreign(f"UPDATE order_execution SET {column} = ? WHERE id = 2", [garbage])  # noqa: S608
    with pytest.raises(ConfigError, match=f"table order_execution, row 2: column {column} holds"):
        store.rows("main")


def test_a_flag_of_ours_that_is_neither_true_nor_false_is_an_error(store, database):
    write(store, insert_trade(1), insert_position(Ref("trade")))
    database.foreign("UPDATE position_tracking SET stale = 'maybe'")
    with pytest.raises(ConfigError, match="column stale holds 'maybe'"):
        store.rows("main")


# One hand


def test_an_account_is_held_by_one_at_a_time(store):
    with store.hold_account("main", wait_s=0) as first, store.hold_account("main", wait_s=0.1) as second:
        assert (first, second) == (True, False)
    with store.hold_account("main", wait_s=0) as third:
        assert third


def test_holding_one_account_does_not_hold_another(store):
    with store.hold_account("main", wait_s=0) as first, store.hold_account("other", wait_s=0) as second:
        assert (first, second) == (True, True)


def test_an_account_is_free_again_when_its_holder_failed(store):
    with pytest.raises(ZeroDivisionError), store.hold_account("main", wait_s=0):
        raise ZeroDivisionError
    with store.hold_account("main", wait_s=0) as held:
        assert held


@pytest.mark.parametrize("name", ["", "../main", "a/b", "a b", "ä", "main\n"])
def test_a_name_that_cannot_name_a_lock_is_refused(store, name):
    with pytest.raises(ConfigError, match="letters, digits"), store.hold_account(name, wait_s=0):
        pass


# The schema


def test_a_database_at_the_schema_of_this_code_is_taken(store):
    store.check_schema()


@pytest.mark.case("fail-H14")
@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0001", "needs 0004: run `.venv/bin/python -m lib.store init`"),
        ("0005", "from the future of this code, which knows 0004: update the code"),
        ("9f3c", "from the future"),
    ],
)
def test_any_other_schema_is_refused_with_what_to_do(store, database, version, message):
    database.foreign("UPDATE alembic_version SET version_num = ?", [version])
    with pytest.raises(ConfigError, match=message):
        store.check_schema()


def test_a_database_without_tables_is_refused_with_what_to_do(store, database):
    database.foreign("DROP TABLE alembic_version")
    with pytest.raises(ConfigError, match=r"no tables yet: run `.venv/bin/python -m lib\.store init`"):
        store.check_schema()
