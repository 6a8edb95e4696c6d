"""Splits, dividends, new names, mergers and removals: what they do, and who tells of them."""

import json
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.transport import PaperAdapter
from tests.paper_broker.rig import ONE_FOR_TWENTY, TWO_FOR_ONE, WEDNESDAY_OPEN, Rig, order_body

MINUTES = Path(__file__).parents[3] / "shared" / "data" / "AAPL-1Min-2014-06-05_09.csv"
ACTIVITIES = "/v2/account/activities"
THURSDAY_BEFORE = "2013-01-03T04:59:00Z"  # a minute before midnight in New York
THURSDAY = "2013-01-03T05:00:00Z"
THURSDAY_OPEN = "2013-01-03T14:31:00Z"


def equity(rig):
    account = rig.get("/v2/account")
    return Decimal(account["equity"]), Decimal(account["last_equity"])


def rows(rig, kind):
    return rig.get(f"{ACTIVITIES}/{kind}", direction="asc")


# Splits


def test_a_forward_split_takes_effect_at_midnight_and_leaves_the_cost(holder):
    holder.announce(**TWO_FOR_ONE)
    holder.go_to(THURSDAY_BEFORE)
    assert holder.position()["qty"] == "10"
    holder.go_to(THURSDAY)
    held = holder.position()
    assert (held["qty"], held["cost_basis"], held["avg_entry_price"]) == ("20", "1500.1", "75.005")


def test_a_split_alone_changes_neither_equity_nor_what_was_gained_today(holder):
    holder.announce(**TWO_FOR_ONE)
    holder.go_to("2013-01-02T21:30:00Z")
    before = equity(holder)
    holder.go_to(THURSDAY)
    # The last price is of the day before: it is read as half of itself.
    assert equity(holder) == before == (Decimal("99999.9"), Decimal("99999.9"))
    held = holder.position()
    assert (held["current_price"], held["lastday_price"], held["change_today"]) == ("75", "75", "0")


def test_a_quote_by_hand_is_divided_too(holder):
    holder.price("160.00", "160.10")
    holder.announce(**TWO_FOR_ONE)
    holder.go_to(THURSDAY_BEFORE)
    before = equity(holder)[0]
    holder.go_to(THURSDAY)
    assert equity(holder)[0] == before == Decimal(100_000) - Decimal("1500.1") + 1600
    assert holder.position()["current_price"] == "80"


def test_a_forward_split_is_told_in_two_rows_of_one_group(holder):
    holder.announce(**TWO_FOR_ONE)
    holder.go_to(THURSDAY)
    removed, added = rows(holder, "SPLIT")
    assert removed["group_id"] == added["group_id"]
    assert (removed["qty"], removed["price"], added["qty"], added["price"]) == ("-10", "150.01", "20", "75.005")
    told = "From QTY:-10, To QTY:20, Position Value:1500.1"
    assert (removed["description"], added["description"]) == (f"REMOVE, {told}", f"ADD, {told}")
    for row in (removed, added):
        assert row["id"].startswith("20130103000000000::")
        assert (row["symbol"], row["net_amount"], row["date"]) == ("AAPL", "0", "2013-01-03")
        assert (row["activity_sub_type"], row["created_at"]) == ("FSPLIT", THURSDAY)


def test_a_reverse_split_leaves_fractions_and_no_cash_in_lieu(open_rig):
    rig = open_rig()
    rig.buy(qty="33")
    cash = rig.get("/v2/account")["cash"]
    rig.announce(**ONE_FOR_TWENTY)
    rig.go_to(THURSDAY)
    assert rig.position()["qty"] == "1.65"
    assert rig.get("/v2/account")["cash"] == cash
    assert [row["activity_sub_type"] for row in rows(rig, "SPLIT")] == ["RSPLIT", "RSPLIT"]


def test_a_short_position_is_split_as_well(open_rig):
    rig = open_rig(shorting=True)
    rig.sell(qty="10")
    rig.announce(**TWO_FOR_ONE)
    rig.go_to(THURSDAY)
    held = rig.position()
    assert (held["qty"], held["avg_entry_price"]) == ("-20", "75")


def test_fills_that_are_not_booked_yet_are_split_with_the_rest(open_rig):
    rig = open_rig(booking_lag_s=Decimal(86_400))
    rig.buy(qty="10")
    rig.announce(**TWO_FOR_ONE)
    rig.go_to(THURSDAY)
    assert rig.position()["qty"] == "20"


def test_a_split_can_be_left_to_the_prices_alone(open_rig):
    rig = open_rig(corporate_actions=False)
    rig.buy()
    rig.announce(**TWO_FOR_ONE)
    rig.go_to(THURSDAY)
    assert rig.position()["qty"] == "10"
    assert rows(rig, "SPLIT") == []


def test_an_unadjusted_oco_stop_fires_at_the_open_after_a_split(holder):
    # alpaca-py#469: the position is split, its stop is not.
    parent = holder.oco(target="160", stop="145")
    holder.announce(**TWO_FOR_ONE)
    holder.price("150")
    holder.go_to("2013-01-03T14:29:00Z")
    assert holder.order(parent["legs"][0]["id"])["status"] == "held"
    holder.go_to(THURSDAY_OPEN)
    stop = holder.order(parent["legs"][0]["id"])
    assert (stop["status"], stop["qty"], stop["stop_price"], stop["filled_avg_price"]) == ("filled", "10", "145", "75")
    assert holder.position()["qty"] == "10"


@pytest.mark.parametrize(
    ("body", "adjusted"),
    [
        ({"side": "buy", "type": "limit", "limit_price": "100"}, ("14", "50", None)),
        ({"side": "sell", "type": "stop", "stop_price": "100"}, ("14", None, "50")),
        ({"side": "sell", "type": "stop_limit", "stop_price": "100", "limit_price": "99"}, ("14", "49.5", "50")),
        ({"side": "sell", "type": "limit", "limit_price": "400"}, ("7", "400", None)),
        ({"side": "buy", "type": "stop", "stop_price": "400"}, ("7", None, "400")),
    ],
)
def test_a_forward_split_adjusts_plain_gtc_buy_limits_and_sell_stops_alone(holder, body, adjusted):
    order = holder.post("/v2/orders", symbol="AAPL", qty="7", time_in_force="gtc", **body)
    holder.announce(**TWO_FOR_ONE)
    holder.go_to(THURSDAY)
    shown = holder.order(order["id"])
    assert (shown["qty"], shown["limit_price"], shown["stop_price"]) == adjusted


def test_a_reverse_split_cancels_what_rests_in_the_symbol(holder):
    orders = [holder.oco()["id"], holder.buy(symbol="MSFT", type="limit", limit_price="1", time_in_force="gtc")["id"]]
    holder.announce(**ONE_FOR_TWENTY)
    holder.go_to(THURSDAY)
    assert [holder.order(order)["status"] for order in orders] == ["canceled", "new"]


def test_orders_can_be_left_as_they_are(open_rig):
    rig = open_rig(splits_touch_orders=False)
    order = rig.buy(type="limit", limit_price="100", time_in_force="gtc")["id"]
    rig.announce(**ONE_FOR_TWENTY)
    rig.go_to(THURSDAY)
    assert rig.order(order)["status"] == "new"


def test_a_stock_dividend_adds_shares(holder):
    holder.announce(type="stock_dividend", rate="0.05")
    holder.go_to(THURSDAY)
    held = holder.position()
    assert (held["qty"], held["cost_basis"]) == ("10.5", "1500.1")
    (row,) = rows(holder, "DIV")
    assert (row["activity_sub_type"], row["qty"], row["net_amount"]) == ("SDIV", "0.5", "0")


# Cash dividends


def test_who_holds_as_the_ex_date_begins_is_paid_on_the_payable_date(open_rig):
    rig = open_rig(dividends=True)
    rig.buy(qty="10")
    rig.announce(type="cash_dividend", rate="0.255", payable_date="2013-01-07")
    rig.go_to("2013-01-03T15:00:00Z")
    rig.sell(qty="4")
    rig.go_to("2013-01-07T04:59:00Z")
    assert rows(rig, "DIV") == []
    before = Decimal(rig.get("/v2/account")["cash"])
    rig.go_to("2013-01-07T05:00:00Z")
    (row,) = rows(rig, "DIV")
    assert Decimal(rig.get("/v2/account")["cash"]) == before + Decimal("2.55")
    assert row.pop("id").startswith("20130107000000000::")
    assert row == {
        "activity_type": "DIV",
        "activity_sub_type": "CDIV",
        "date": "2013-01-07",
        "created_at": "2013-01-07T05:00:00Z",
        "net_amount": "2.55",
        "description": "Cash DIV @ 0.255, Pos QTY: 10, Rec Date: 2013-01-03",
        "symbol": "AAPL",
        "qty": "10",
        "per_share_amount": "0.255",
        "status": "executed",
        "currency": "USD",
    }


def test_who_is_short_pays_the_dividend(open_rig):
    rig = open_rig(dividends=True, shorting=True)
    rig.sell(qty="10")
    rig.announce(type="cash_dividend", rate="1")
    rig.go_to(THURSDAY)
    assert [row["net_amount"] for row in rows(rig, "DIV")] == ["-10"]


def test_paper_pays_no_dividends_unless_it_is_switched_on(holder):
    holder.announce(type="cash_dividend", rate="1")
    holder.go_to(THURSDAY)
    assert rows(holder, "DIV") == []


# New names, mergers, removals


def test_a_new_name_goes_on_with_position_and_prices(holder):
    order = holder.oco()["id"]
    holder.announce(type="name_change", new_symbol="APPL")
    holder.go_to(THURSDAY)
    assert [held["symbol"] for held in holder.get("/v2/positions")] == ["APPL"]
    held = holder.position("APPL")
    assert (held["qty"], held["cost_basis"], held["current_price"]) == ("10", "1500.1", "150")
    assert holder.order(order)["status"] == "canceled"
    old, new = rows(holder, "NC")
    assert (old["symbol"], old["qty"], new["symbol"], new["qty"]) == ("AAPL", "-10", "APPL", "10")
    assert old["description"] == new["description"] == "Name Change from AAPL to APPL"
    assert old["group_id"] == new["group_id"]
    assert (holder.get("/v2/assets/AAPL")["status"], holder.get("/v2/assets/APPL")["status"]) == ("inactive", "active")


def test_a_new_name_trades_and_the_old_one_does_not(open_rig):
    feed = ScriptedFeed(
        {"AAPL": [(WEDNESDAY_OPEN, Decimal(150)), (datetime(2013, 1, 3, 14, 30, tzinfo=UTC), Decimal(152))]}
    )
    rig = open_rig(feed=feed)
    rig.announce(type="name_change", new_symbol="APPL")
    rig.go_to(THURSDAY_OPEN)
    assert rig.order(rig.buy(symbol="APPL")["id"])["filled_avg_price"] == "152.01"
    refusal = rig.request("POST", "/v2/orders", json=order_body(symbol="AAPL"))
    assert (refusal.status_code, refusal.json()["message"]) == (422, "asset AAPL is not active")


def test_a_new_name_with_prices_of_its_own_goes_by_them(open_rig):
    opens = datetime(2013, 1, 3, 14, 30, tzinfo=UTC)
    feed = ScriptedFeed({"AAPL": [(WEDNESDAY_OPEN, Decimal(150))], "APPL": [(opens, Decimal(155))]})
    rig = open_rig(feed=feed)
    rig.buy()
    rig.announce(type="name_change", new_symbol="APPL")
    rig.go_to(THURSDAY_OPEN)
    held = rig.position("APPL")
    assert (held["qty"], held["current_price"]) == ("10", "155")


def test_a_merger_pays_for_the_shares_and_ends_the_asset(holder):
    before = Decimal(holder.get("/v2/account")["cash"])
    holder.announce(type="cash_merger", rate="151.2345")
    holder.go_to(THURSDAY)
    assert holder.get("/v2/positions") == []
    assert Decimal(holder.get("/v2/account")["cash"]) == before + Decimal("1512.34")  # half a cent goes to the even one
    removed, paid = rows(holder, "MA")
    assert (removed["qty"], removed["net_amount"], paid["net_amount"]) == ("-10", "0", "1512.34")
    assert removed["description"] == "Cash Merger $151.2345 per share"
    assert holder.get("/v2/assets/AAPL")["tradable"] is False


def test_a_worthless_removal_takes_the_shares_away(holder):
    cash = holder.get("/v2/account")["cash"]
    holder.announce(type="worthless_removal")
    holder.go_to(THURSDAY)
    assert holder.get("/v2/positions") == []
    assert holder.get("/v2/account")["cash"] == cash
    (row,) = rows(holder, "REORG")
    assert (row["qty"], row["activity_sub_type"], row["description"]) == ("-10", "WRM", "Worthless Removal - AAPL")


def embedded(clock, prices, **options):
    """A paper broker on a directory of prices, in-process."""
    session = requests.Session()
    paper = open_paper(clock=clock, prices=prices, **options)
    session.mount("http://paper.invalid", PaperAdapter(paper))
    return Rig(paper, clock, session, "http://paper.invalid")


def test_an_action_by_hand_outlives_the_process_and_happens_once(tmp_path):
    (tmp_path / "AAPL.csv").write_text(
        "timestamp,open,high,low,close,volume\n2013-01-02T00:00:00Z,150,150,150,150,100\n", encoding="utf-8"
    )
    now, state = datetime(2013, 1, 2, 16, 0, tzinfo=UTC), tmp_path / "state.sqlite3"
    first = embedded(RecordedClock(now), tmp_path, state=state, options=Options(partial_fill_rate=Decimal(0)))
    first.buy(qty="10")
    first.announce(**TWO_FOR_ONE)
    first.paper.close()
    for _ in range(2):
        again = embedded(RecordedClock(now), tmp_path, state=state)
        again.go_to("2013-01-03T14:00:00Z")
        assert again.position()["qty"] == "20"
        assert len(rows(again, "SPLIT")) == 2
        again.paper.close()


def test_made_up_prices_follow_a_split_as_well(tmp_path):
    (tmp_path / "XYZ.csv").write_text(
        "timestamp,open,high,low,close,volume\n2013-01-02T00:00:00Z,80,80,80,80,100\n", encoding="utf-8"
    )
    bids = {}
    for name in ("whole", "split"):
        clock = RecordedClock(datetime(2013, 1, 2, 16, 0, tzinfo=UTC))
        rig = embedded(clock, tmp_path, options=Options(synthetic=True))
        if name == "split":
            rig.announce(**TWO_FOR_ONE, symbol="XYZ", ex_date="2013-01-04")
        bids[name] = []
        for at in ("2013-01-03T15:00:00Z", "2013-01-04T15:00:00Z"):
            rig.go_to(at)
            bids[name].append(Decimal(str(rig.get("/v2/stocks/quotes/latest", symbols="XYZ")["quotes"]["XYZ"]["bp"])))
    assert bids["split"][0] == bids["whole"][0]
    assert bids["whole"][1] / 2 - Decimal("0.01") < bids["split"][1] <= bids["whole"][1] / 2


@pytest.fixture
def apple(tmp_path):
    """AAPL on recorded minutes, 7 for 1 as 9 June 2014 begins: 645.57 at Friday's close, 92.69 at Monday's open."""
    if not MINUTES.exists():
        pytest.skip("the recorded minutes are not there")
    shutil.copy(MINUTES, tmp_path)
    split = {"type": "forward_split", "symbol": "AAPL", "ex_date": "2014-06-09", "old_rate": 1, "new_rate": 7}
    (tmp_path / "corporate_actions.json").write_text(json.dumps([split]), encoding="utf-8")
    clock = RecordedClock(datetime(2014, 6, 6, 14, 0, tzinfo=UTC))
    return embedded(clock, tmp_path, options=Options(partial_fill_rate=Decimal(0)))


def test_apples_split_leaves_the_equity_as_it_was(apple):
    apple.buy(qty="10")
    cash = Decimal(apple.get("/v2/account")["cash"])
    apple.go_to("2014-06-09T03:59:59Z")
    before = equity(apple)
    assert before[1] == cash + 10 * Decimal("645.57")
    apple.go_to("2014-06-09T04:00:00Z")
    assert apple.position()["qty"] == "70"
    assert equity(apple) == before
    apple.go_to("2014-06-09T13:30:00Z")
    # 92.69 is half a percent above a seventh of 645.57.
    assert Decimal("0.004") < Decimal(apple.position()["change_today"]) < Decimal("0.007")


def test_apples_split_fires_an_unadjusted_stop_at_the_open(apple):
    apple.buy(qty="10")
    parent = apple.oco(target="700", stop="630")
    apple.go_to("2014-06-09T13:31:00Z")
    stop = apple.order(parent["legs"][0]["id"])
    assert (stop["status"], stop["filled_qty"]) == ("filled", "10")
    assert Decimal("92.50") <= Decimal(stop["filled_avg_price"]) <= Decimal("92.95")
    assert apple.position()["qty"] == "60"
