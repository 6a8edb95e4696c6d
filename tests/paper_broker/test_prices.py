from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from math import isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import sessions
from lib.domain.money import is_on_tick, tick_size
from lib.paper_broker.exchange import chance
from lib.paper_broker.history.bars import Bar, PricesError
from lib.paper_broker.history.bridge import path_of_day
from tests.paper_broker.rig import at

HALF_DAY = sessions.load().on(date(2018, 11, 23))
DAY = sessions.load().on(date(2018, 11, 26))


def whole_path(feed, symbol="AAA"):
    return list(feed.steps(symbol, at("2000-01-01"), at("2020-01-01")))


DAILY = "2018-11-23,100,104,98.5,101,1\n2018-11-26T00:00:00Z,102,103,99,100,1\n"


@st.composite
def bars(draw):
    low = draw(st.integers(1, 20_000))
    tick = tick_size(Decimal(low) / 100)
    prices = [low + draw(st.integers(0, 400)) for _ in range(3)]
    high = max(prices)
    opened, closed = draw(st.sampled_from(prices)), draw(st.sampled_from(prices))
    scale = Decimal("0.01") if tick == Decimal("0.01") else Decimal("0.0001")
    return Bar(DAY.open, *(value * scale for value in (opened, high, min(low, opened, closed), closed)))


@given(bar=bars(), seed=st.integers(), session=st.sampled_from([DAY, HALF_DAY]))
@settings(max_examples=60, deadline=None)
def test_a_day_is_a_bridge_from_open_through_high_and_low_to_close(bar, seed, session):
    instants, prices = path_of_day(bar, session, (seed, "AAA", session.date))
    assert (prices[0], prices[-1]) == (bar.open, bar.close)
    assert (max(prices), min(prices)) == (bar.high, bar.low)
    assert all(map(is_on_tick, prices))
    assert instants[0] == session.open
    assert instants[-1] == session.close - timedelta(minutes=1)
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(instants))


def test_a_path_follows_from_seed_symbol_and_day_whoever_asks_first(feed_of):
    first, again, other = (feed_of(seed=seed, AAA=DAILY, BBB=DAILY) for seed in (7, 7, 8))
    assert again.price("AAA", at("2018-11-26T16:00")) == first.price("AAA", at("2018-11-26T16:00"))
    assert whole_path(again) == whole_path(first)
    assert whole_path(other) != whole_path(first)
    assert whole_path(first, "BBB") != whole_path(first)


def test_a_half_day_has_half_the_minutes(feed_of):
    path = whole_path(feed_of(AAA=DAILY))
    assert len(path) == 210 + 390
    assert path[0] == (at("2018-11-23T14:30"), Decimal(100))
    assert path[209] == (at("2018-11-23T17:59"), Decimal(101))


def test_recorded_days_stay_in_their_sessions_when_the_market_is_always_open(feed_of):
    path = whole_path(feed_of(AAA=DAILY, always_open=True))
    assert path == whole_path(feed_of(AAA=DAILY))


def test_a_day_moves_about_as_much_as_its_range_allows(feed_of):
    prices = [price for _, price in whole_path(feed_of(AAA=DAILY))][210:]
    assert len(set(prices)) > 50


def test_steps_and_price_agree_at_every_instant(feed_of):
    feed = feed_of(AAA=DAILY)
    for instant, price in whole_path(feed):
        assert feed.price("AAA", instant) == price
    assert feed.price("AAA", at("2018-11-23T14:29:59")) is None
    assert feed.price("AAA", at("2018-11-25T00:00")) == Decimal(101)
    middle = at("2018-11-26T16:00")
    after = [instant for instant, _ in feed.steps("AAA", middle, middle + timedelta(minutes=2))]
    assert after == [middle + timedelta(minutes=1), middle + timedelta(minutes=2)]


def test_a_minute_bar_has_four_prices_in_its_minute(feed_of):
    rows = "2018-11-26T14:30:00Z,10,12,9,11,1\n2018-11-26T14:31:00Z,11,11,11,11,1\n2018-11-26T14:33:00Z,11,11,11,11,1\n"
    path = whole_path(feed_of(AAA_1Min_2018=rows))
    assert [instant.second for instant, _ in path[:4]] == [0, 15, 30, 45]
    prices = [price for _, price in path[:4]]
    assert (prices[0], prices[3], sorted(prices[1:3])) == (10, 11, [9, 12])
    assert [instant.minute for instant, _ in path[::4]] == [30, 31, 33]


def test_an_hour_bar_that_begins_before_the_open_is_spread_over_its_part_in_the_session(feed_of):
    rows = "2018-11-26T14:00:00Z,10,12,9,11,1\n2018-11-26T15:00:00Z,11,11,11,11,1\n"
    path = whole_path(feed_of(AAA_1Hour=rows))
    assert [instant.isoformat()[11:19] for instant, _ in path[:5]] == [
        "14:30:00",
        "14:37:30",
        "14:45:00",
        "14:52:30",
        "15:00:00",
    ]


def test_the_finer_file_wins_the_days_that_two_cover(feed_of):
    minutes = "2018-11-26T14:30:00Z,10,10,10,10,1\n2018-11-26T14:31:00Z,10,10,10,10,1\n"
    path = whole_path(feed_of(AAA_1Day=DAILY, AAA_1Min=minutes))
    assert {price for instant, price in path if instant >= DAY.open} == {Decimal(10)}
    assert path[0][1] == Decimal(100)


def test_a_standing_quote_is_made_anew_each_minute_while_its_session_is_on(feed_of):
    rows = "2018-11-26T14:30:00Z,10,10,10,10,1\n2018-11-26T14:31:00Z,10,10,10,10,1\n"
    feed = feed_of(AAA=rows)
    assert feed.quote_time("AAA", at("2018-11-26T16:00:30")) == at("2018-11-26T16:00")
    assert feed.quote_time("AAA", at("2018-11-26T22:00")) == at("2018-11-26T14:31:45")
    assert feed.quote_time("AAA", at("2018-11-26T14:29")) is None


def test_made_up_prices_go_on_from_the_last_close_with_a_move_of_a_percent_or_two_a_day(feed_of):
    feed = feed_of(AAA=DAILY, synthetic=True)
    end = at("2018-11-26T21:00")
    assert feed.price("AAA", end) == Decimal(100)
    assert not feed.is_synthetic("AAA", end - timedelta(seconds=1))
    assert feed.is_synthetic("AAA", end)
    days = sessions.load().between(date(2026, 1, 1), date(2026, 12, 31))
    closes = [feed.price("AAA", day.close - timedelta(minutes=1)) for day in days]
    moves = sorted(abs(later / earlier - 1) for earlier, later in pairwise(closes))
    assert Decimal("0.004") < moves[len(moves) // 2] < Decimal("0.02")
    assert all(Decimal(50) < close < Decimal(150) and is_on_tick(close) for close in closes)


def test_made_up_prices_are_the_same_whether_walked_to_or_asked_for(feed_of):
    walked, asked = (feed_of(AAA=DAILY, synthetic=True) for _ in range(2))
    steps = list(walked.steps("AAA", at("2018-11-26T20:58"), at("2018-11-28T00:00")))
    assert len(steps) == 1 + 390
    for instant, price in steps[::-7]:
        assert asked.price("AAA", instant) == price
    assert feed_of(seed=2, synthetic=True).price("AAA", steps[-1][0]) != steps[-1][1]


def test_made_up_prices_are_the_sum_of_octaves_that_are_linear_between_their_draws(feed_of):
    def noise(minute):
        total = 0
        for octave in range(18):
            place, between = minute >> octave, minute % (1 << octave)
            before, after = (
                chance.below(1 << 32, "synthetic", "1|AAA", octave, at) - (1 << 31) for at in (place, place + 1)
            )
            total += isqrt(200 * 200 << octave) * (before + ((after - before) * between >> octave))
        return total // (1 << 31)

    feed, epoch = feed_of(AAA=DAILY, synthetic=True), at("1970-01-01")
    start = noise((at("2018-11-26T21:00") - epoch) // timedelta(minutes=1))
    steps = list(feed.steps("AAA", at("2020-03-02T15:00"), at("2020-03-03T15:00")))
    assert len(steps) == 390
    for instant, price in steps[::7]:
        change = noise((instant - epoch) // timedelta(minutes=1)) - start
        assert price == (100 + Decimal(change) / 10_000).quantize(Decimal("0.01"), ROUND_DOWN)


def test_without_sessions_made_up_prices_go_on_round_the_clock(feed_of):
    feed = feed_of(AAA=DAILY, synthetic=True, always_open=True)
    sunday = at("2026-03-01T03:00")
    steps = list(feed.steps("AAA", sunday, sunday + timedelta(hours=1)))
    assert len(steps) == 60
    assert len({price for _, price in steps}) > 5


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("2018-11-26,nothing,1,1,1,1\n", 2),
        ("2018-11-26,1,1,2,1,1\n", 2),
        ("2018-11-26,0,1,0,1,1\n", 2),
        ("2018-11-26,1,1\n", 2),
        ("2018-11-26,1,1,1,1,1\nyesterday,1,1,1,1,1\n", 3),
        ("2018-11-26,1,1,1,1,1\n2018-11-23,1,1,1,1,1\n", 3),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(feed_of, rows, line):
    with pytest.raises(PricesError, match=rf"AAA\.csv:{line}: "):
        feed_of(AAA=rows).price("AAA", at("2018-11-26T16:00"))


def test_a_file_whose_name_says_how_long_its_bars_are_is_taken_at_its_word(feed_of):
    """Two trades of a quiet stock, two minutes apart."""
    rows = "2018-11-26T14:30:00Z,10,10,10,10,1\n2018-11-26T14:32:00Z,10,10,10,10,1\n"
    seconds = {symbol: whole_path(feed_of(AAA_1Min=rows, BBB=rows), symbol)[1][0].second for symbol in ("AAA", "BBB")}
    assert seconds == {"AAA": 15, "BBB": 30}
    with pytest.raises(PricesError, match=r"CCC-1Day\.csv: the bars are closer together than its name says"):
        feed_of(CCC_1Day=rows).price("CCC", DAY.open)


def test_a_directory_without_prices_is_refused(feed_of):
    with pytest.raises(PricesError, match="no CSV files"):
        feed_of()


def test_what_is_special_about_an_asset_stands_in_assets_json(feed_of, tmp_path, open_rig):
    (tmp_path / "assets.json").write_text('{"AAA": {"tradable": false}, "BBB": {"status": "inactive"}}')
    feed = feed_of(AAA=DAILY, BBB=DAILY)
    rig = open_rig(feed=feed, now=at("2018-11-26T16:00"))
    assert rig.get("/v2/assets/AAA")["tradable"] is False
    order = {"qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    assert rig.refused(422, 42210000, symbol="AAA", **order)["message"] == 'asset "AAA" is not tradable'
    assert rig.get("/v2/assets/BBB")["status"] == "inactive"


def test_a_made_up_quote_says_so(feed_of, open_rig):
    rig = open_rig(feed=feed_of(AAA=DAILY, synthetic=True), now=at("2026-03-02T15:00"))
    assert rig.get("/v2/stocks/quotes/latest", symbols="AAA")["quotes"]["AAA"]["c"] == ["synthetic"]
    assert rig.get("/paper")["prices"] == {"AAA": "synthetic"}
    order = rig.post("/v2/orders", symbol="AAA", qty="1", side="buy", type="market", time_in_force="day")
    assert rig.order(order["id"])["filled_at"] is not None
