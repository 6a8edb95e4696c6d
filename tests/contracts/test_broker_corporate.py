"""What the broker port promises of corporate actions: announced beforehand, in the ledger afterwards."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.message import Request
from tests.broker.desk import OPEN, entry


def announce(desk, **action):
    body = json.dumps({"symbol": "AAPL", "ex_date": "2026-10-05", **action}).encode()
    answer = desk.door.paper.respond(Request("POST", "/paper/corporate-action", body=body))
    assert answer.status == 200, answer.body


MONDAY = timedelta(days=3)  # after the session of Friday, 2026-10-02


@pytest.mark.case("fail-K1")
def test_a_split_is_announced_beforehand_and_is_two_rows_of_the_ledger_afterwards(desk):
    broker = desk.open()
    broker.submit(entry(qty="10"))
    announce(desk, type="forward_split", old_rate="1", new_rate="7")
    (split,) = broker.announcements(["AAPL", "MSFT"], date(2026, 10, 1), date(2026, 10, 9))
    assert (split.kind, split.symbol, split.ex_date) == ("forward_split", "AAPL", date(2026, 10, 5))
    assert (split.old_rate, split.new_rate) == (1, 7)
    assert broker.announcements(["AAPL"], date(2026, 10, 6), date(2026, 10, 9)) == ()
    assert broker.announcements([], date(2026, 10, 1), date(2026, 10, 9)) == ()
    assert broker.activities({"SPLIT"}, OPEN) == ()
    desk.later(minutes=MONDAY // timedelta(minutes=1))
    rows = broker.activities({"SPLIT", "FEE"}, OPEN)
    assert sorted((row.kind, row.symbol, row.date, row.qty) for row in rows) == [
        ("SPLIT", "AAPL", date(2026, 10, 5), -10),
        ("SPLIT", "AAPL", date(2026, 10, 5), 70),
    ]
    assert broker.activities({"DIV"}, OPEN) == ()
    assert broker.positions()["AAPL"].qty == 70


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"type": "reverse_split", "old_rate": "20", "new_rate": "1"}, {"old_rate": 20, "new_rate": 1}),
        ({"type": "stock_dividend", "rate": "0.25"}, {"old_rate": 1, "new_rate": Decimal("1.25")}),
        ({"type": "name_change", "new_symbol": "APPL"}, {"new_symbol": "APPL"}),
        ({"type": "cash_merger", "rate": "155.37"}, {"rate": Decimal("155.37")}),
        ({"type": "worthless_removal"}, {}),
    ],
)
def test_every_corporate_action_that_changes_a_position_is_announced(desk, action, told):
    broker = desk.open()
    announce(desk, **action)
    (found,) = broker.announcements(["AAPL"], date(2026, 10, 1), date(2026, 10, 9))
    assert (found.kind, found.symbol, found.ex_date) == (action["type"], "AAPL", date(2026, 10, 5))
    assert {name: getattr(found, name) for name in told} == told


def test_a_dividend_in_money_is_not_announced_as_something_that_changes_a_position(desk):
    broker = desk.open()
    announce(desk, type="cash_dividend", rate="0.5")
    assert broker.announcements(["AAPL"], date(2026, 10, 1), date(2026, 10, 9)) == ()
