"""Activities of every kind: which a list shows, in which order, page by page."""

from decimal import Decimal

import pytest

ACTIVITIES = "/v2/account/activities"


@pytest.fixture
def mixed(open_rig):
    """Ten fills within one millisecond, then the fees of that day and a split: FILL x 10, FEE x 3, SPLIT x 2."""
    rig = open_rig(cash=Decimal(1_000_000), regulatory_fees=True, fill_plan={"ten": (Decimal(1),) * 9})
    for _ in range(9):
        rig.buy(qty="1")
    rig.sell(qty="1")
    split = {"type": "forward_split", "symbol": "AAPL", "ex_date": "2013-01-03", "old_rate": "1", "new_rate": "2"}
    rig.post("/paper/corporate-action", **split)
    rig.go_to("2013-01-03T15:00:00Z")
    return rig


def kinds(rig, **params):
    return [row["activity_type"] for row in rig.get(ACTIVITIES, **params)]


def test_both_kinds_are_one_list_newest_first(mixed):
    assert kinds(mixed) == ["SPLIT"] * 2 + ["FEE"] * 3 + ["FILL"] * 10
    assert kinds(mixed, direction="asc") == kinds(mixed)[::-1]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("FILL", ["FILL"] * 10),
        ("FEE,SPLIT", ["SPLIT"] * 2 + ["FEE"] * 3),
        ("MISC", ["SPLIT"] * 2 + ["FEE"] * 3),
        ("TRANS", []),
        ("DIV", []),
        ("REG", []),  # a sub-type is no type
    ],
)
def test_types_and_groups_of_types_are_let_through(mixed, asked, shown):
    assert kinds(mixed, activity_types=asked) == shown
    if "," not in asked:
        assert [row["activity_type"] for row in mixed.get(f"{ACTIVITIES}/{asked}")] == shown


def test_categories_tell_executions_from_the_rest_and_do_not_go_with_types(mixed):
    assert kinds(mixed, category="trade_activity") == ["FILL"] * 10
    assert kinds(mixed, category="non_trade_activity") == ["SPLIT"] * 2 + ["FEE"] * 3
    both = {"category": "trade_activity", "activity_types": "FILL"}
    assert mixed.request("GET", ACTIVITIES, params=both).status_code == 422


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_show_each_row_once_though_many_share_a_millisecond(mixed, direction):
    every = [row["id"] for row in mixed.get(ACTIVITIES, direction=direction)]
    seen, token = [], {}
    while page := [row["id"] for row in mixed.get(ACTIVITIES, direction=direction, page_size="4", **token)]:
        seen += page
        token = {"page_token": page[-1]}
    assert seen == every
    assert len({identity.split("::")[0] for identity in every}) == 3  # the fills', the fees' and the split's


def test_a_page_token_of_another_kind_is_still_a_place(mixed):
    last_fee = mixed.get(f"{ACTIVITIES}/FEE")[-1]["id"]
    assert kinds(mixed, activity_types="FILL", page_token=last_fee) == ["FILL"] * 10
    assert kinds(mixed, activity_types="SPLIT", page_token=last_fee) == []


def test_bounds_go_by_when_a_row_was_written_and_not_by_its_day(mixed):
    # The fees of 2 January are written at 20:15 in New York, which is 3 January in UTC.
    assert {row["date"] for row in mixed.get(f"{ACTIVITIES}/FEE")} == {"2013-01-02"}
    assert kinds(mixed, date="2013-01-02") == ["FILL"] * 10
    assert kinds(mixed, date="2013-01-03") == ["SPLIT"] * 2 + ["FEE"] * 3
    assert kinds(mixed, after="2013-01-03T01:15:00Z") == ["SPLIT"] * 2
    assert kinds(mixed, until="2013-01-03T01:15:00Z") == ["FILL"] * 10


@pytest.mark.parametrize(
    "params",
    [
        {"page_size": "101"},
        {"page_size": "0"},
        {"page_token": "20130102100000000::nothing"},
        {"direction": "sideways"},
        {"category": "fills"},
        {"date": "2013-01-02", "after": "2013-01-01"},
    ],
)
def test_what_a_list_cannot_mean_is_refused(rig, params):
    assert rig.request("GET", ACTIVITIES, params=params).status_code == 422


def test_regulatory_fees_are_summed_over_the_day_and_rounded_up_to_the_cent(open_rig):
    rig = open_rig(regulatory_fees=True)
    rig.buy(qty="100")
    rig.sell(qty="40")
    rig.sell(qty="60")
    cash = Decimal(rig.get("/v2/account")["cash"])
    rig.go_to("2013-01-03T02:00:00Z")
    number = rig.get("/v2/account")["account_number"]
    rows = {row["activity_sub_type"]: row for row in rig.get(f"{ACTIVITIES}/FEE")}
    # 15,000 x 0.0000206 = 0.309; 100 x 0.000195 = 0.0195; 200 x 0.000003 = 0.0006.
    assert {kind: row["net_amount"] for kind, row in rows.items()} == {"REG": "-0.31", "TAF": "-0.02", "CAT": "-0.01"}
    assert {row["description"] for row in rows.values()} == {
        f"REG fee for proceed of $15000.00 on 2013-01-02 by {number}",
        f"TAF fee for proceed of 100 shares (2 trades) on 2013-01-02 by {number}",
        f"CAT fee for proceed of 3 trades on 2013-01-02 by {number}",
    }
    assert Decimal(rig.get("/v2/account")["cash"]) == cash - Decimal("0.34")


def test_a_fee_row_has_the_fields_that_alpacas_have(open_rig):
    rig = open_rig(regulatory_fees=True)
    rig.buy(qty="1")
    rig.go_to("2013-01-03T02:00:00Z")
    (row,) = rig.get(f"{ACTIVITIES}/FEE")
    assert row.pop("id").startswith("20130102000000000::")
    assert row.pop("description")
    assert row == {
        "activity_type": "FEE",
        "activity_sub_type": "CAT",
        "date": "2013-01-02",
        "created_at": "2013-01-03T01:15:00Z",
        "net_amount": "-0.01",
        "status": "executed",
        "currency": "USD",
    }


def test_a_rate_on_every_execution_of_a_stock_is_taken_and_posted_at_once(open_rig):
    rig = open_rig(stock_fee_bps=Decimal(10))
    rig.price("150", "150")
    rig.buy(qty="10")
    rig.sell(qty="4")
    assert [row["net_amount"] for row in rig.get(f"{ACTIVITIES}/FEE", direction="asc")] == ["-1.5", "-0.6"]
    assert Decimal(rig.get("/v2/account")["cash"]) == 100_000 - 1_500 + 600 - Decimal("2.1")


def test_stocks_cost_no_fee_unless_it_is_switched_on(rig):
    rig.buy()
    rig.sell()
    rig.go_to("2013-01-03T02:00:00Z")
    assert kinds(rig) == ["FILL", "FILL"]
