"""What every store must give a pass over history."""

from datetime import timedelta

import pytest

from lib.domain.actions import Update
from lib.errors import ConfigError
from tests.store.build import (
    DATABASES,
    NOW,
    insert_account,
    insert_change,
    insert_control,
    insert_fill,
    insert_position,
    write,
    write_trade,
)


@pytest.fixture(params=DATABASES)
def store(request, tmp_path):
    database = request.param(tmp_path)
    yield database.store
    database.store.close()


def test_history_has_each_trade_that_lived_since_a_time_with_all_its_rows(store):
    old = NOW - timedelta(days=30)
    write_trade(store, 1, "filled", status="CLOSED", created_at=old)
    late = write_trade(store, 2, "filled", status="CANCELLED", created_at=NOW)
    still = write_trade(store, 3, "filled", status="POSITION", created_at=old)
    filled = write_trade(store, 4, "filled", status="CLOSED", created_at=old)
    sold = write_trade(store, 5, "filled", status="CLOSED", created_at=old)
    named = write_trade(store, 6, "filled", status="CLOSED", created_at=old, alpaca_order_id="broker-6")
    write(
        store,
        Update(table="trade_journal", id=1, version=1, values={"created_at": old}),
        *(
            Update(table="trade_journal", id=trade, version=1, values={"created_at": old})
            for trade in (still, filled, sold, named)
        ),
        insert_fill(1, 1, "old", transaction_time=old),
        insert_fill(filled, 4, "new", transaction_time=NOW),
        insert_fill(filled, 4, "older", transaction_time=old),
        insert_change(trade_id=sold, at=NOW),
        insert_change(trade_id=1, at=old),
        insert_position(still),
        insert_control("symbol:main:AAPL"),
    )
    rows = store.history("main", since=NOW - timedelta(days=1), broker_order_ids={"broker-6", "a stranger's"})
    assert [row.id for row in rows.trades] == [late, still, filled, sold, named]
    assert [row.trade_id for row in rows.orders] == [late, still, filled, sold, named]
    assert [row.activity_id for row in rows.fills] == ["new", "older"]
    assert [row.trade_id for row in rows.changes] == [sold]
    assert [row.trade_id for row in rows.positions] == [still]
    assert [row.scope for row in rows.controls] == ["symbol:main:AAPL"]
    assert rows.account == store.account("main")


def test_history_has_no_row_of_another_account(store):
    write(store, insert_account("other", "zzzzzz"))
    write_trade(store, 1, "new", account="other", alpaca_order_id="broker-1")
    rows = store.history("main", since=NOW, broker_order_ids={"broker-1"})
    assert (rows.trades, rows.orders) == ((), ())
    with pytest.raises(ConfigError, match="no account 'nobody'"):
        store.history("nobody", since=NOW, broker_order_ids=())


def test_the_trades_of_a_session_are_those_made_or_ended_since_its_open(store):
    moments = {1: {}, 2: {"created_at": NOW}, 3: {"exit_time": NOW}, 4: {"created_at": NOW - timedelta(seconds=1)}}
    for number, moment in moments.items():
        write_trade(store, number, "filled", status="CLOSED")
        values = {"created_at": NOW - timedelta(days=30)} | moment
        write(store, Update(table="trade_journal", id=number, version=1, values=values))
    assert [t.id for t in store.trades_since("main", NOW)] == [2, 3]
    assert store.trades_since("other", NOW) == ()
