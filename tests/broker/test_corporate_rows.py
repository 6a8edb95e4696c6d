"""Rows of the ledger that are no fills, and announcements, as Alpaca's documents show them; and what cannot be read."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import responses
from responses.matchers import query_param_matcher

from lib.broker import translate
from lib.domain.facts import Activity, Announcement
from lib.errors import BrokerUnavailable, KeysRefused
from tests.broker.recorded import DATA, TRADING, broker

DIVIDEND = {
    "activity_sub_type": "SDIV",
    "activity_type": "DIV",
    "created_at": "2021-05-10T14:01:04.650275Z",
    "currency": "USD",
    "date": "2019-08-01",
    "id": "20190801011955195::5f596936-6f23-4cef-bdf1-3806aae57dbf",
    "net_amount": "1.02",
    "per_share_amount": "0.51",
    "qty": "2",
    "status": "executed",
    "symbol": "T",
}
SPLIT = {
    "cusip": "816851109",
    "due_bill_redemption_date": "2023-08-23",
    "ex_date": "2023-08-22",
    "id": "189bd849-ab9f-4b4d-aaaa-a6d415fd976d",
    "new_rate": 2,
    "old_rate": 1,
    "payable_date": "2023-08-21",
    "process_date": "2023-08-22",
    "record_date": "2023-08-14",
    "symbol": "SRE",
}
NAME = {
    "id": "5a774c35-edec-4532-a812-a56d0bbb623a",
    "new_cusip": "Y9390M103",
    "new_symbol": "VFS",
    "old_cusip": "G11537100",
    "old_symbol": "BSAQ",
    "process_date": "2023-08-15",
}
MERGER = {
    "acquiree_cusip": "Y2687W108",
    "acquiree_symbol": "GLOP",
    "effective_date": "2023-07-17",
    "id": "3772bbd7-4ad5-44d4-9cc0-f69156a2f8f5",
    "payable_date": "2023-07-17",
    "process_date": "2023-07-17",
    "rate": 5.37,
}
ACTIVITIES = f"{TRADING}/v2/account/activities"
ACTIONS = f"{DATA}/v1/corporate-actions"
JUNE = (date(2023, 6, 1), date(2023, 8, 30))


@pytest.fixture
def web():
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def page(token=None, **by_kind):
    return {"corporate_actions": by_kind, "next_page_token": token}


def test_a_row_of_the_ledger_keeps_its_day_its_shares_and_its_money():
    assert translate.activity(DIVIDEND) == Activity(
        id=DIVIDEND["id"],
        kind="DIV",
        date=date(2019, 8, 1),
        symbol="T",
        qty=Decimal(2),
        price=Decimal("0.51"),
        net_amount=Decimal("1.02"),
    )


def test_a_row_with_nothing_but_money_is_read():
    row = {"id": "a", "activity_type": "FEE", "date": "2026-10-02", "net_amount": "-0.02"}
    assert translate.activity(row) == Activity(id="a", kind="FEE", date=date(2026, 10, 2), net_amount=Decimal("-0.02"))


@pytest.mark.parametrize("field", ["id", "activity_type", "date"])
def test_a_row_without_what_names_it_is_unreadable(field):
    with pytest.raises(BrokerUnavailable, match=f"`{field}`"):
        translate.activity(DIVIDEND | {field: None})


def test_activities_are_asked_for_by_kind_page_after_page_and_come_in_order_of_their_ids(web):
    rows = [DIVIDEND | {"id": f"20190801::{n:03}"} for n in range(101)]
    asked = {"activity_types": "DIV,SPLIT", "after": "2019-07-29T00:00:00Z", "direction": "asc", "page_size": "100"}
    web.get(ACTIVITIES, json=rows[:100], match=[query_param_matcher(asked)])
    web.get(ACTIVITIES, json=rows[100:], match=[query_param_matcher(asked | {"page_token": rows[99]["id"]})])
    found = broker().activities({"SPLIT", "DIV"}, datetime(2019, 7, 29, tzinfo=UTC))
    assert [each.id for each in found] == [row["id"] for row in rows]


def test_announcements_tell_symbol_and_day_each_under_the_names_of_its_kind():
    found, token = translate.announcements(
        page(forward_splits=[SPLIT], name_changes=[NAME], cash_mergers=[MERGER], spin_offs=[{"what": "ever"}])
    )
    assert (found, token) == (
        (
            Announcement(
                kind="forward_split",
                symbol="SRE",
                ex_date=date(2023, 8, 22),
                old_rate=Decimal(1),
                new_rate=Decimal(2),
            ),
            Announcement(kind="name_change", symbol="BSAQ", ex_date=date(2023, 8, 15), new_symbol="VFS"),
            Announcement(kind="cash_merger", symbol="GLOP", ex_date=date(2023, 7, 17), rate=Decimal("5.37")),
        ),
        None,
    )


@pytest.mark.parametrize("rates", [{"old_rate": 0}, {"new_rate": None}, {"new_rate": -1}])
def test_a_split_without_a_ratio_is_unreadable(rates):
    with pytest.raises(BrokerUnavailable, match="make no split"):
        translate.announcements(page(forward_splits=[SPLIT | rates]))


def test_announcements_are_asked_of_market_data_page_after_page(web):
    asked = {
        "symbols": "SRE,BSAQ",
        "types": ",".join(translate.ANNOUNCED),
        "start": "2023-06-01",
        "end": "2023-08-30",
        "limit": "1000",
    }
    web.get(ACTIONS, json=page("more", forward_splits=[SPLIT]), match=[query_param_matcher(asked)])
    web.get(ACTIONS, json=page(name_changes=[NAME]), match=[query_param_matcher(asked | {"page_token": "more"})])
    found = broker().announcements(["SRE", "BSAQ", "BTC/USD"], *JUNE)
    assert [each.symbol for each in found] == ["BSAQ", "SRE"]  # by day


def test_a_page_that_leads_to_itself_is_an_error_and_no_end(web):
    web.get(ACTIONS, json=page("more", forward_splits=[SPLIT]))
    with pytest.raises(BrokerUnavailable, match="leads to itself"):
        broker().announcements(["SRE"], *JUNE)


def test_a_plan_without_corporate_actions_is_told_apart_from_no_actions(web):
    web.get(ACTIONS, status=403, json={"message": "forbidden."})
    with pytest.raises(KeysRefused, match="/v1/corporate-actions"):
        broker().announcements(["SRE"], *JUNE)
