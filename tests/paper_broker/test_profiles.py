"""What a profile changes, seen from outside; and switches read from the command line."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.faults import Faults
from lib.paper_broker.message import Request, Trouble
from lib.paper_broker.options import Options, OptionsError
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.profiles import PROFILES, read_switch, switches
from lib.paper_broker.program import open_paper
from tests.paper_broker.rig import WEDNESDAY_OPEN


@pytest.fixture
def behaving(open_rig):
    def opened(name, **options):
        profile = PROFILES[name]
        return open_rig(**(dict(profile.switches) | options), faults=Faults(profile.faults))

    return opened


def in_parts(rig):
    """Buy forty times at a market that is there; count the orders that did not fill whole at the first price."""
    orders = [rig.buy(qty="2") for _ in range(40)]
    rig.advance(1)
    return sum(rig.order(order["id"])["status"] == "partially_filled" for order in orders)


@pytest.mark.parametrize(("name", "kinds"), [("ideal", set()), ("alpaca-paper", {"CAT", "REG", "TAF"})])
def test_only_alpacas_paper_charges_the_regulatory_fees_of_stocks(behaving, name, kinds):
    rig = behaving(name, partial_fill_rate=Decimal(0))
    rig.buy()
    rig.advance(60)
    rig.sell(qty="1")
    rig.go_to("2013-01-03T02:00:00Z")
    assert {row["activity_sub_type"] for row in rig.get("/v2/account/activities/FEE")} == kinds


@pytest.mark.parametrize(("name", "some"), [("ideal", False), ("alpaca-paper", True)])
def test_fills_are_in_parts_on_alpacas_paper_and_never_in_the_ideal(behaving, name, some):
    assert (in_parts(behaving(name)) > 0) is some


def test_in_the_ideal_everything_is_visible_at_once(behaving):
    rig = behaving("ideal")
    rig.buy()
    assert rig.position()["qty"] == "10"
    resting = rig.buy(type="limit", limit_price="100")
    assert [order["id"] for order in rig.get("/v2/orders")] == [resting["id"]]
    rig.cancel(resting["id"])
    assert rig.order(resting["id"])["status"] == "canceled"


def test_on_alpacas_paper_orders_positions_lists_and_cancels_take_part_of_a_second(behaving):
    rig = behaving("alpaca-paper", partial_fill_rate=Decimal(0))
    bought = rig.buy()
    assert rig.order(bought["id"])["status"] == "pending_new"
    rig.advance(0.11)
    assert rig.order(bought["id"])["status"] == "filled"
    assert rig.get("/v2/positions") == []
    assert rig.get("/v2/orders", status="all") == []
    rig.advance(1)
    assert rig.position()["qty"] == "10"
    assert [order["status"] for order in rig.get("/v2/orders", status="all")] == ["filled"]
    resting = rig.sell(type="limit", limit_price="200")
    rig.advance(1)
    rig.cancel(resting["id"])
    assert rig.order(resting["id"])["status"] == "pending_cancel"
    rig.advance(0.02)
    assert rig.order(resting["id"])["status"] == "canceled"
    assert rig.position()["qty_available"] == "0"
    rig.advance(0.07)
    assert rig.position()["qty_available"] == "10"


@pytest.mark.parametrize(("name", "refused"), [("ideal", 0), ("alpaca-paper", 5)])
def test_alpacas_paper_takes_200_requests_a_minute(behaving, name, refused):
    rig = behaving(name)
    statuses = [rig.request("GET", "/v2/clock").status_code for _ in range(205)]
    assert statuses.count(429) == refused


def trouble(name):
    """Ask for the clock once a second, and tell what came of it."""
    profile = PROFILES[name]
    clock = RecordedClock(WEDNESDAY_OPEN)
    options = Options(**profile.switches, faults=Faults(profile.faults))
    paper = open_paper(clock=clock, prices=ScriptedFeed({"AAPL": [(WEDNESDAY_OPEN, Decimal(150))]}), options=options)
    found = set()
    for _ in range(600):
        clock.move_to(clock() + timedelta(seconds=2))
        answer = paper.respond(Request("GET", "/v2/clock"))
        late = "late" if answer.late_s else answer.status
        found.add(answer.trouble or late)
    return found


def test_only_a_hostile_broker_makes_trouble_and_it_makes_all_of_it():
    assert trouble("hostile") == {200, 429, 500, 502, 503, 504, "late", Trouble.TIMEOUT, Trouble.RESET}
    assert trouble("alpaca-paper") == trouble("ideal") == {200}


# Switches


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_sets_switches_that_there_are(name):
    assert Options(**PROFILES[name].switches)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("partial_fill_rate=0.25", ("partial_fill_rate", Decimal("0.25"))),
        ("list_lag_s=0", ("list_lag_s", Decimal(0))),
        ("wash_trade_resting_complex_exempt=true", ("wash_trade_resting_complex_exempt", True)),
        ("wash_trade_resting_complex_exempt=False", ("wash_trade_resting_complex_exempt", False)),
        ("rate_limit_per_minute=60", ("rate_limit_per_minute", 60)),
        ("rate_limit_per_minute=none", ("rate_limit_per_minute", None)),
    ],
)
def test_a_switch_is_read_by_name_and_kind(text, read):
    assert read_switch(text) == read


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("partial_fill_rate", "'partial_fill_rate' is no switch; write it like partial_fill_rate=0"),
        ("partial_fill_rate=", "partial_fill_rate: '' is not a number"),
        ("partial_fill_rate=2", "partial_fill_rate: 2 is not from 0 to 1"),
        ("list_lag_s=-1", "list_lag_s: -1 is below 0"),
        ("list_lag_s=NaN", "list_lag_s: 'NaN' is not finite"),
        ("wash_trade_resting_complex_exempt=1", "wash_trade_resting_complex_exempt: true or false, not '1'"),
        ("rate_limit_per_minute=0", "rate_limit_per_minute: a whole number from 1, not '0'"),
    ],
)
def test_a_wrong_switch_is_told_in_a_sentence(text, told):
    with pytest.raises(OptionsError) as caught:
        read_switch(text)
    assert str(caught.value) == told


@pytest.mark.parametrize("name", ["speed", "cash", "api_key", "faults", "fill_plan", ""])
def test_what_is_no_switch_is_answered_with_those_that_there_are(name):
    with pytest.raises(OptionsError, match=r"no such switch; there are partial_fill_rate, .*list_lag_s"):
        read_switch(f"{name}=1")


def test_every_option_is_a_switch_but_those_that_have_words_of_their_own():
    own = {"seed", "cash", "fill_plan", "always_open", "synthetic", "api_key", "secret_key", "faults"}
    assert {item.name for item in dataclasses.fields(Options)} - own == dict(switches()).keys()
