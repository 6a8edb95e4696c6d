"""What is said of keys, account number, clock and quotes."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lib.checkup.broker import at_the_broker, clock, data, failed, number
from lib.domain.facts import AccountFacts
from lib.domain.records import Account
from lib.errors import BrokerUnavailable, KeysRefused, WrongAccount
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import at, steps
from lib.simulation.world import world
from lib.views.checkup import LATER, OK, PERSON
from tests.builders import NOW, quote

AGE_MAX = timedelta(minutes=15)


def facts(**changes):
    money = dict.fromkeys(("equity", "cash", "buying_power"), Decimal(100_000))
    return AccountFacts(**({"account_number": "PA1"} | money | changes))


def row(account_number):
    return Account(id=1, account="main", version=1, namespace="ns", account_number=account_number)


@pytest.mark.parametrize(
    ("found", "pinned", "environment", "level", "words"),
    [
        (facts(), "PA1", "paper", OK, "paper account PA1, pinned"),
        (facts(), None, "paper", OK, "not pinned yet: the first pass pins it"),
        (facts(), None, "live", PERSON, "live account PA1, not pinned"),
        (facts(), "PA2", "paper", PERSON, "the database is pinned to PA2"),
        (facts(blocked=True), "PA1", "paper", PERSON, "the broker has blocked it"),
    ],
)
def test_the_account_that_the_keys_reach_is_held_against_the_one_that_is_pinned(
    found, pinned, environment, level, words
):
    finding = number(found, row(pinned), environment)
    assert (finding.level, words in finding.what) == (level, True)


@pytest.mark.case("fail-I-7")
@pytest.mark.parametrize(
    ("seconds", "level"), [(0, OK), (5, OK), (-6, LATER), (60, LATER), (61, PERSON), (-61, PERSON)]
)
def test_a_clock_that_is_off_is_told_as_a_pass_tells_it(seconds, level):
    assert clock(timedelta(seconds=seconds), "main").level == level


def test_an_error_counts_by_its_exit_code():
    assert failed("keys", KeysRefused("the keys are refused"), "main").level == PERSON
    assert failed("keys", WrongAccount("another account"), "main").level == PERSON
    assert failed("keys", BrokerUnavailable("no answer"), "main").level == LATER


def test_quotes_have_to_be_fresh_while_the_exchange_trades():
    old = quote(at=NOW - timedelta(minutes=16))
    fresh = quote(at=NOW - timedelta(seconds=3))
    assert data((old,), NOW, AGE_MAX, "main", trading=True).level == LATER
    assert data((old,), NOW, AGE_MAX, "main", trading=False).level == OK
    assert data((old, fresh), NOW, AGE_MAX, "main", trading=True).level == OK
    assert data((), NOW, AGE_MAX, "main", trading=False).level == LATER


def test_a_broker_that_answers_is_asked_for_its_account_and_quotes_alone(tmp_path):
    feed = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"))})
    with world(tmp_path, at(16, 14, 43), feed) as made:
        found = list(at_the_broker(made.tools, made.store.account("main"), "paper"))
    assert [each.name for each in found] == ["keys", "account", "clock", "quotes"]
    assert {each.level for each in found[:3]} == {OK}


class Silent:
    """A broker that answers nothing."""

    time_outs = 0
    where = "broker alpaca paper"

    def account(self):
        raise BrokerUnavailable("no answer within the time-out")


def test_a_broker_that_does_not_answer_is_one_line(tmp_path):
    from dataclasses import replace

    with world(tmp_path, at(16, 14, 43), ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"))})) as made:
        (found,) = at_the_broker(replace(made.tools, broker=Silent()), made.store.account("main"), "paper")
    assert (found.name, found.level, found.what) == ("keys", LATER, "no answer within the time-out")
