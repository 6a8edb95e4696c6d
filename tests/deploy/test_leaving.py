"""What `make uninstall` lists: whose orders they are, what belongs together, and what is not known."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from lib.domain.actions import Update
from lib.domain.facts import BrokerOrder, BrokerPosition
from lib.domain.records import Account
from lib.errors import BrokerUnavailable
from lib.leaving import leaving
from lib.render.as_json import page_json
from lib.render.text import page_text
from lib.simulation.lifecycles import SWING_AAPL, at
from lib.simulation.world import world
from lib.views.leaving import LeavingPage, account_left
from tests.builders import trade
from tests.runner.alarms import FEED

MAIN = Account(id=1, account="main", version=1, namespace="ns")
WHERE = "broker alpaca paper account PA1"


def order(name, **columns):
    columns = {"side": "sell", "kind": "limit", "order_class": "simple", "status": "new"} | columns
    return BrokerOrder(
        id=name,
        client_order_id=name,
        symbol=columns.pop("symbol", "AAPL"),
        time_in_force="gtc",
        qty=Decimal(10),
        **columns,
    )


def page_of(orders=(), positions=(), trades=(), **named):
    return LeavingPage(accounts=(account_left(MAIN, WHERE, trades, positions, orders, **named),))


def test_an_order_is_ours_by_its_name_and_a_leg_by_the_order_it_belongs_to():
    stop = order("made-by-the-broker", kind="stop", stop_price=Decimal(145), status="held")
    target = order("ns-t7-exit-1", limit_price=Decimal(160), order_class="oco", legs=(stop,))
    by_hand = order("9f3c", symbol="IBM")
    namesake = order("nsx-t7-exit-1", symbol="MSFT")
    (account,) = page_of([namesake, by_hand, target]).accounts
    assert [(each.symbol, each.kind, each.ours) for each in account.orders] == [
        ("AAPL", "limit", True),
        ("AAPL", "stop", True),
        ("IBM", "limit", False),
        ("MSFT", "limit", False),
    ]


def test_trades_that_have_ended_are_left_out():
    trades = [
        trade(id=number, status=status) for number, status in enumerate(("ORDERED", "POSITION", "CLOSED", "CANCELLED"))
    ]
    (account,) = page_of(trades=trades).accounts
    assert [each.status for each in account.trades] == ["ORDERED", "POSITION"]


def test_the_page_counts_what_there_is_and_says_where_there_is_none():
    text = page_text(page_of(positions=[BrokerPosition(symbol="AAPL", qty=Decimal(-3), qty_available=Decimal(0))]))
    assert text.splitlines() == [
        "account main: broker alpaca paper account PA1",
        "positions at the broker: 1",
        "symbol qty average entry",
        "AAPL    -3             –",
        "orders resting at the broker: none",
        "open trades in the journal: none",
    ]


def test_what_could_not_be_read_is_not_shown_as_nothing():
    text = page_text(page_of(unread="the broker did not answer"))
    assert "positions and orders are NOT KNOWN: the broker did not answer" in text
    assert "none" not in text.replace("open trades in the journal: none", "")


class Deaf:
    """A broker that does not answer."""

    where = "broker alpaca paper"

    def account(self):
        raise BrokerUnavailable("no answer in 10 s")


@pytest.fixture
def owned(tmp_path):
    with world(tmp_path, at(16, 14, 46), FEED) as made:
        made.decide(**SWING_AAPL)
        made.run("order_executor")
        made.clock.advance_to(at(16, 15, 5))
        made.run("order_monitor")
        yield made


def test_reading_sends_and_changes_nothing(owned):
    before = owned.tools.broker.live_orders()
    (account,) = leaving(owned.store, lambda _: owned.tools).accounts
    assert [(each.symbol, str(each.qty)) for each in account.positions] == [("AAPL", "10")]
    assert [(each.kind, each.ours) for each in account.orders] == [("limit", True), ("stop", True)]
    assert [(each.id, each.status) for each in account.trades] == [(1, "POSITION")]
    assert owned.tools.broker.live_orders() == before
    assert json.loads(page_json(LeavingPage(accounts=(account,))))["accounts"][0]["positions"][0]["qty"] == "10"


def test_an_order_sent_before_a_restore_gave_the_account_another_namespace_is_still_ours(owned):
    row = owned.store.account("main")
    change = Update(table="account", id=row.id, version=row.version, values={"namespace": "anew"})
    owned.store.write((change,), run_id="test", at=owned.clock.now())
    (account,) = leaving(owned.store, lambda _: owned.tools).accounts
    assert [(each.kind, each.ours) for each in account.orders] == [("limit", True), ("stop", True)]


def test_an_account_whose_broker_is_silent_is_listed_with_the_reason(owned):
    (account,) = leaving(owned.store, lambda _: replace(owned.tools, broker=Deaf())).accounts
    assert (account.unread, account.positions, len(account.trades)) == ("no answer in 10 s", (), 1)


def test_positions_of_another_account_than_the_pinned_one_are_not_shown_as_its_own(owned):
    row = owned.store.account("main")
    change = Update(table="account", id=row.id, version=row.version, values={"account_number": "PA999"})
    owned.store.write((change,), run_id="test", at=owned.clock.now())
    (account,) = leaving(owned.store, lambda _: owned.tools).accounts
    assert account.unread.startswith("it is pinned to the broker account PA999, these settings reach PA")
    assert account.positions == ()
