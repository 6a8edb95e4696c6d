"""The commands where there are two accounts: each shows and changes the one that it is asked about."""

import json
from functools import partial

import pytest

from lib import control, explain, status
from tests.store.build import insert_account, write, write_trade

LEVELS = ("--entry", "30", "--stop", "20", "--target", "60", "--qty", "10")


@pytest.fixture
def two(store):
    write(store, insert_account("swing", "s1s2s3"))
    return store


def ids(printed):
    return [row["id"] for row in json.loads(printed)["rows"]]


def test_decisions_are_written_listed_and_approved_in_the_account_named(two, decide, ticks):
    decide("add", "--symbol", "AAPL", *LEVELS)
    decide("add", "--account", "swing", "--symbol", "MSFT", *LEVELS)
    assert ids(decide("list", "--json")[1]) == [1]
    assert ids(decide("list", "--account", "swing", "--json")[1]) == [2]
    code, _, err = decide("approve", "2")
    assert (code, "2" in err) == (2, True)
    assert decide("approve", "2", "--account", "swing")[0] == 0
    assert [bool(ticked) for _, ticked in ticks()] == [False, True]


def test_a_decision_of_an_account_that_is_not_there_is_refused(two, decide, count):
    code, _, err = decide("add", "--account", "typo", "--symbol", "AAPL", *LEVELS)
    assert (code, count()) == (2, 0)
    assert "lib.store init --account typo" in err


def test_a_stop_of_one_account_binds_that_one_alone(two, run):
    run(control.main, "halt", "--account", "swing", "--reason", "the news")
    assert [c.scope for c in two.controls("swing")] == ["account:swing"]
    assert two.controls("main") == ()


def test_status_shows_both_and_explain_finds_a_trade_of_either(two, run):
    write_trade(two, 1, "new", account="main", symbol="AAPL")
    trade = write_trade(two, 2, "new", account="swing", symbol="MSFT")
    shown = partial(run, status.main)
    page = json.loads(shown("--json")[1])
    assert {each["name"]: len(each["trades"]) for each in page["accounts"]} == {"main": 1, "swing": 1}
    assert [each["name"] for each in json.loads(shown("--account", "swing", "--json")[1])["accounts"]] == ["swing"]
    assert run(explain.main, trade)[0] == 0
