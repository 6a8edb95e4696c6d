from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from lib import sessions
from lib.paper_broker.exchange.book import new_account
from lib.paper_broker.exchange.hours import Hours, Phase
from lib.paper_broker.exchange.market import Market
from lib.paper_broker.exchange.records import HandQuote
from tests.paper_broker.rig import at

# A Monday in winter, with a bar before the open, two in the session, one after the close and one of the late evening.
MINUTES = """\
2018-11-26T13:00:00Z,10,10,10,10,100
2018-11-26T14:30:00Z,20,20,20,20,200
2018-11-26T14:31:00Z,21,21,21,21,300
2018-11-26T21:00:00Z,30,30,30,30,400
2018-11-27T00:59:00Z,40,40,40,40,500
"""


@pytest.fixture
def hours():
    return Hours(sessions.load(), always_open=False)


@pytest.fixture
def market(feed_of, hours):
    return Market(feed_of(AAA_1Min=MINUTES), hours)


@pytest.fixture
def account():
    return new_account(1, Decimal(100_000), at("2018-11-26T00:00"))


@pytest.mark.parametrize(
    ("instant", "phase"),
    [
        ("2018-11-26T00:59:59", "closed"),  # Sunday in New York
        ("2018-11-26T01:00", "overnight"),
        ("2018-11-26T08:59:59", "overnight"),
        ("2018-11-26T09:00", "pre"),
        ("2018-11-26T14:29:59", "pre"),
        ("2018-11-26T14:30", "core"),
        ("2018-11-26T20:59:59", "core"),
        ("2018-11-26T21:00", "post"),
        ("2018-11-27T00:59:59", "post"),
        ("2018-11-27T01:00", "overnight"),  # Tuesday's
        ("2018-07-02T07:59:59", "overnight"),  # in summer all is an hour earlier
        ("2018-07-02T08:00", "pre"),
        ("2018-07-02T13:30", "core"),
        ("2018-03-11T23:59:59", "closed"),  # the Sunday on which summer time began
        ("2018-03-12T00:00", "overnight"),
        ("2018-11-22T01:00", "closed"),  # the evening before Thanksgiving
        ("2018-11-23T01:00", "overnight"),  # the evening of Thanksgiving, before a half day
        ("2018-11-23T17:59:59", "core"),
        ("2018-11-23T18:00", "post"),
        ("2018-11-23T21:59:59", "post"),
        ("2018-11-23T22:00", "closed"),
    ],
)
def test_a_trading_day_of_stocks_has_four_parts(hours, instant, phase):
    now = at(instant)
    assert hours.phase_at(now) == phase
    assert (hours.extended_at(now) is None) == (phase in ("core", "closed"))
    assert (hours.at(now) is None) == (phase != "core")


def test_between_two_trading_days_the_next_one_is_told(hours):
    day = hours.trading_day(at("2018-11-24T12:00"))
    assert (day.overnight.open, day.post.close) == (at("2018-11-26T01:00"), at("2018-11-27T01:00"))


def test_coins_trade_at_every_instant_in_sessions_of_a_utc_day(hours):
    sunday = at("2018-11-25T03:00")
    for name in ("BTC/USD", "crypto"):
        coins = hours.of(name)
        assert (coins.at(sunday).open, coins.at(sunday).close) == (at("2018-11-25"), at("2018-11-26"))
        assert (coins.lives_in(sunday).close, coins.last_close(sunday)) == (at("2018-11-26"), at("2018-11-25"))
        assert (coins.phase_at(sunday), coins.extended_at(sunday)) == (Phase.CORE, None)
    for name in ("AAPL", "us_equity"):
        assert hours.of(name) is hours


def test_recorded_bars_outside_the_session_are_quotes_that_only_extended_hours_trade_with(market, account):
    def bids(instant):
        seen = market.quote(account, "AAA", at(instant))
        usual = market.quote_of_session(account, "AAA", at(instant))
        extended = market.quote_of_session(account, "AAA", at(instant), extended=True)
        return tuple(quote and quote.bid for quote in (seen, usual, extended))

    assert bids("2018-11-26T12:59") == (None, None, None)
    assert bids("2018-11-26T13:30") == (10, None, 10)
    assert bids("2018-11-26T14:30") == (20, 20, 20)
    assert bids("2018-11-26T20:59:59") == (21, 21, 21)
    assert bids("2018-11-26T21:00") == (30, None, 30)
    assert bids("2018-11-27T00:59:30") == (40, None, 40)
    assert bids("2018-11-27T01:00") == (40, None, None)  # the overnight part has no quote of its own


def test_a_walk_sees_the_extended_hours_when_asked_for_them_alone(market, account):
    def minutes(**how):
        steps = market.steps(account, "AAA", at("2018-11-26T00:00"), at("2018-11-27T02:00"), **how)
        return [instant.strftime("%H:%M") for instant, _ in steps if instant.second == 0]

    assert minutes() == ["14:30", "14:31"]
    assert minutes(extended=True) == ["13:00", "14:30", "14:31", "21:00", "00:59"]


def test_the_close_is_the_sessions_last_price_whatever_is_paid_after_it(market):
    assert market.close_price("AAA", at("2018-11-26T21:00")) == 21
    monday, friday = (market.hours.of("AAA").last_close(at(f"2018-11-{day}T15:00")) for day in (27, 26))
    assert market.close_price("AAA", monday) == 21
    assert market.close_price("AAA", friday) is None  # Friday is not recorded


def test_made_up_prices_begin_with_the_close_and_not_with_what_was_paid_after_it(feed_of):
    feed = feed_of(AAA_1Min=MINUTES, synthetic=True)
    assert feed.price("AAA", at("2018-11-26T21:30")) == 21
    steps = feed.steps("AAA", at("2018-11-26T20:00"), at("2018-11-27T14:31"))
    assert [instant for instant, _ in steps] == [at("2018-11-27T14:30"), at("2018-11-27T14:31")]


def test_a_quote_by_hand_stands_in_the_extended_hours_of_trading_days_alone(hours, feed_of, account):
    account = replace(account, by_hand=(("AAA", HandQuote(bid=Decimal(5), ask=Decimal(6))),))
    market = Market(feed_of(AAA_1Min=MINUTES), hours)
    friday, monday = at("2018-11-23T17:00"), at("2018-11-26T15:00")

    def minutes(**how):
        return [instant for instant, _ in market.steps(account, "AAA", friday, monday, **how)]

    # What is left of the half day, and half an hour of Monday's session.
    assert len(minutes()) == 59 + 31
    extended = minutes(extended=True)
    assert len(extended) == 59 + 4 * 60 + (13 * 60 + 30) + 31
    gap = max(later - earlier for earlier, later in pairwise(extended))
    assert gap == at("2018-11-26T01:00") - at("2018-11-23T21:59")


def test_the_first_opening_is_found_in_the_first_lines_of_long_files(feed_of):
    early = [at("2018-11-26T09:00") + timedelta(minutes=minute) for minute in range(3000)]
    rows = "".join(f"{instant:%Y-%m-%dT%H:%M:%SZ},1,1,1,1,1\n" for instant in early)
    assert feed_of(AAA_1Min=rows + "nonsense,1,1,1,1,1\n").first_open() == at("2018-11-26T14:30")
