import json
from datetime import timedelta
from decimal import Decimal

import pytest

from lib import sessions
from lib.paper_broker.exchange.book import new_account
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.exchange.market import Market, quote_tick
from lib.paper_broker.history.bars import PricesError
from tests.paper_broker.rig import at

SATURDAY = "2018-11-24"
DAILY = f"{SATURDAY},50000,50400,49000.5,50100.25,7.5\n2018-11-25,50100,50200,50000,50150,3\n"
STOCK = "2018-11-23,100,104,98,101,390\n2018-11-26,102,103,99,100,390\n"


def market_on(feed):
    return Market(feed, Hours(sessions.load(), always_open=False))


@pytest.fixture
def account():
    return new_account(1, Decimal(100_000), at("2018-11-24"))


def test_a_file_of_btcusd_has_the_prices_of_the_pair_that_orders_name(feed_of):
    feed = feed_of(BTCUSD=DAILY, ETHBTC_1Min_2018_11=DAILY, AAPL=STOCK)
    assert feed.symbols() == ("AAPL", "BTC/USD", "ETH/BTC")


def test_a_coins_day_bar_is_a_path_over_the_utc_day_of_a_weekend(feed_of, account):
    market = market_on(feed_of(BTCUSD=DAILY))
    steps = list(market.steps(account, "BTC/USD", at(SATURDAY) - timedelta(minutes=1), at("2018-11-24T23:59:59")))
    assert [instant for instant, _ in steps] == [at(SATURDAY) + timedelta(minutes=minute) for minute in range(1440)]
    bids = [quote.bid for _, quote in steps]
    assert (bids[0], max(bids), min(bids), bids[-1]) == (50000, 50400, Decimal("49000.5"), Decimal("50100.25"))
    assert all(bid % Decimal("0.01") == 0 for bid in bids)
    assert len(set(bids)) > 200


def test_a_coins_minute_bars_trade_at_every_hour(feed_of, account):
    rows = f"{SATURDAY}T03:00:00Z,10,12,9,11,1\n{SATURDAY}T03:02:00Z,11,11,11,11,1\n"
    market = market_on(feed_of(BTCUSD_1Min=rows))
    steps = list(market.steps(account, "BTC/USD", at(SATURDAY), at("2018-11-25")))
    assert [instant.strftime("%H:%M:%S") for instant, _ in steps[:5]] == [
        "03:00:00",
        "03:00:15",
        "03:00:30",
        "03:00:45",
        "03:02:00",
    ]


def test_a_coins_days_may_begin_at_another_hour_as_alpacas_do(feed_of, account):
    """Midnight in Chicago, and summer time ends on 2018-11-04: that day begins at 5:00, the next at 6:00 UTC."""
    rows = (
        "2018-11-03T05:00:00Z,10,11,9,10,24\n2018-11-04T05:00:00Z,20,21,19,20,24\n2018-11-05T06:00:00Z,30,31,29,30,24\n"
    )
    market = market_on(feed_of(BTCUSD_1Day=rows))
    steps = [instant for instant, _ in market.steps(account, "BTC/USD", at("2018-11-04T03:00"), at("2018-11-04T07:00"))]
    assert steps == [at("2018-11-04T03:01") + timedelta(minutes=minute) for minute in range(240)]
    assert market.feed.price("BTC/USD", at("2018-11-04T04:59")) == 10
    assert market.feed.price("BTC/USD", at("2018-11-04T05:00")) == 20
    assert market.feed.price("BTC/USD", at("2018-11-05T05:30")) == 20
    assert market.feed.volume("BTC/USD", at("2018-11-04T00:00"), at("2018-11-04T06:00")) == 6


def test_a_day_of_23_hours_is_a_day_all_the_same(feed_of):
    """Summer time began in Chicago on 2018-03-11."""
    rows = (
        "2018-03-10T06:00:00Z,10,11,9,10,24\n2018-03-11T06:00:00Z,20,21,19,20,23\n2018-03-12T05:00:00Z,30,31,29,30,24\n"
    )
    for feed in (feed_of(BTCUSD=rows), feed_of(ETHUSD_1Day=rows)):
        for symbol in feed.symbols():
            steps = [instant for instant, _ in feed.steps(symbol, at("2018-03-11T05:59"), at("2018-03-12T05:59"))]
            assert steps == [at("2018-03-11T06:00") + timedelta(minutes=minute) for minute in range(24 * 60)]
            assert feed.price(symbol, at("2018-03-12T04:59")) == 20
            assert feed.volume(symbol, at("2018-03-11"), at("2018-03-12T05:00")) == Decimal(29)


def test_a_coins_quote_stands_over_midnight_for_a_day(feed_of, account):
    rows = f"{SATURDAY}T23:50:00Z,10,10,10,10,1\n{SATURDAY}T23:51:00Z,10,10,10,10,1\n"
    market = market_on(feed_of(BTCUSD_1Min=rows))
    quote = market.quote_of_session(account, "BTC/USD", at("2018-11-25T12:00:30"))
    assert (quote.bid, quote.at) == (10, at("2018-11-25T12:00"))
    assert market.quote_of_session(account, "BTC/USD", at("2018-11-25T23:52")) is None
    assert market.quote(account, "BTC/USD", at("2018-11-25T23:52")).bid == 10


def test_a_coins_last_day_ends_at_midnight_utc(feed_of):
    market = market_on(feed_of(BTCUSD=DAILY))
    close = market.hours.of("BTC/USD").last_close(at("2018-11-25T15:00"))
    assert market.close_price("BTC/USD", close) == Decimal("50100.25")


@pytest.mark.parametrize(
    ("symbol", "price", "tick"),
    [
        ("BTC/USD", "50000", "0.01"),
        ("DOGE/USD", "1", "0.01"),
        ("DOGE/USD", "0.99999", "0.00001"),
        ("DOGE/USD", "0.08", "0.000001"),
        ("SHIB/USD", "0.00001234", "0.000000001"),
        ("PEPE/USD", "0.0000001", "0.000000001"),
        ("AAPL", "150", "0.01"),
        ("AAPL", "0.08", "0.0001"),
    ],
)
def test_bid_and_ask_lie_a_tick_apart(symbol, price, tick):
    assert quote_tick(symbol, Decimal(price)) == Decimal(tick)


def test_a_tiny_coins_prices_are_kept_to_nine_decimals_and_never_leave_the_bar(feed_of, account):
    market = market_on(feed_of(SHIBUSD=f"{SATURDAY},0.00001234,0.00001300,0.000012,0.0000125,1000000\n"))
    steps = market.steps(account, "SHIB/USD", at(SATURDAY) - timedelta(minutes=1), at("2018-11-24T23:59:59"))
    quotes = [quote for _, quote in steps]
    bids = [quote.bid for quote in quotes]
    assert (bids[0], max(bids), min(bids), bids[-1]) == tuple(
        map(Decimal, ("0.00001234", "0.000013", "0.000012", "0.0000125"))
    )
    assert {quote.ask - quote.bid for quote in quotes} == {Decimal("0.000000001")}
    assert all(bid % Decimal("0.000000001") == 0 for bid in bids)


def test_a_coins_recorded_prices_are_finer_than_its_quotes_where_the_file_is(feed_of, account):
    market = market_on(feed_of(BTCUSD=f"{SATURDAY},96123.045,96123.045,96000,96001.5,1\n"))
    quote = market.quote(account, "BTC/USD", at(SATURDAY))
    assert (quote.bid, quote.ask) == (Decimal("96123.045"), Decimal("96123.055"))


def test_a_coins_made_up_prices_go_on_round_the_clock_from_its_last_bar(feed_of, account):
    feed = feed_of(SHIBUSD=f"{SATURDAY},0.00001234,0.000013,0.000012,0.0000125,1\n", AAPL=STOCK, synthetic=True)
    sunday = at("2018-11-25")
    assert feed.price("SHIB/USD", sunday) == Decimal("0.0000125")
    assert (feed.is_synthetic("SHIB/USD", sunday), feed.is_synthetic("AAPL", sunday)) == (True, False)
    steps = list(market_on(feed).steps(account, "SHIB/USD", sunday - timedelta(minutes=2), sunday + timedelta(hours=6)))
    assert [instant for instant, _ in steps] == [sunday + timedelta(minutes=minute) for minute in range(-1, 361)]
    made_up = [quote.bid for _, quote in steps[1:]]
    assert all(Decimal("0.00001") < bid < Decimal("0.000015") and bid % Decimal("0.000000001") == 0 for bid in made_up)
    assert len(set(made_up)) > 10


def test_a_symbol_without_a_file_is_made_up_when_asked_for(feed_of, tmp_path, open_rig):
    (tmp_path / "assets.json").write_text(json.dumps({"DOGEUSD": {"synthetic_from": "0.08"}}))
    feed = feed_of(AAPL=STOCK)
    assert feed.symbols() == ("AAPL", "DOGE/USD")
    now = at("2026-03-01T03:00")
    assert Decimal("0.02") < feed.price("DOGE/USD", now) < Decimal("0.32")
    assert feed.quote_time("DOGE/USD", now + timedelta(seconds=30)) == now
    rig = open_rig(feed=feed, now=at("2018-11-24T03:00"))
    assert rig.get("/paper")["prices"] == {"AAPL": "recorded", "DOGE/USD": "synthetic"}


@pytest.mark.parametrize(
    "facts", ['{"DOGE/USD": {"synthetic_from": "0"}}', '{"DOGE/USD": {"synthetic_from": "x"}}', "["]
)
def test_a_wrong_assets_file_is_named(feed_of, tmp_path, facts):
    (tmp_path / "assets.json").write_text(facts)
    with pytest.raises(PricesError, match=r"assets\.json: "):
        feed_of(AAPL=STOCK)


def test_a_coins_price_is_set_by_hand_at_any_hour_under_both_of_its_names(open_rig, feed_of):
    rig = open_rig(feed=feed_of(BTCUSD=DAILY, AAPL=STOCK), now=at("2018-11-24T03:00"))
    for name in ("BTC/USD", "BTCUSD"):
        assert rig.price("60000", symbol=name)["symbol"] == "BTC/USD"
    assert rig.get("/paper")["prices"] == {"AAPL": "recorded", "BTC/USD": "by hand"}
    rig.post("/paper/price", symbol="BTCUSD", clear=True)
    assert rig.get("/paper")["prices"]["BTC/USD"] == "recorded"


def test_volume_adds_up_from_minutes_to_the_day(feed_of):
    feed = feed_of(AAPL="2018-11-26,102,103,99,100,1000\n", BTCUSD=DAILY)
    opened, minute = at("2018-11-26T14:30"), timedelta(minutes=1)
    minutes = [feed.volume("AAPL", opened + n * minute, opened + (n + 1) * minute) for n in range(390)]
    # 1000 shares over 390 minutes: two or three whole shares in each.
    assert set(minutes) == {2, 3}
    assert sum(minutes) == 1000
    assert feed.volume("AAPL", at("2018-11-26"), at("2018-11-27")) == 1000
    assert feed.volume("AAPL", at("2018-11-26T21:00"), at("2018-11-27T14:30")) == 0
    assert feed.volume("BTC/USD", at("2018-11-24T12:00"), at("2018-11-25T12:00")) == Decimal("5.25")
    assert feed.volume("MSFT", at("2018-11-24"), at("2018-11-25")) == 0


def test_a_file_that_tells_no_volume_has_none(tmp_path, feed_of):
    (tmp_path / "BBB.csv").write_text("timestamp,open,high,low,close\n2018-11-26,1,1,1,1\n")
    (tmp_path / "CCC.csv").write_text("timestamp,open,high,low,close,adjusted\n2018-11-26,1,1,1,1,7\n")
    feed = feed_of(AAA="2018-11-26,1,1,1,1,\n")
    days = (at("2018-11-26"), at("2018-11-27"))
    assert [feed.volume(symbol, *days) for symbol in ("AAA", "BBB", "CCC")] == [0, 0, 0]


def test_prices_are_as_they_were_paid_over_a_split(feed_of, account):
    """AAPL was split 7:1 on 2014-06-09: 645 a share on the Friday, 92 on the Monday."""
    rows = "2014-06-06T19:58:00Z,645,645,645,645,7\n2014-06-06T19:59:00Z,645.5,645.5,645.5,645.5,7\n"
    rows += "2014-06-09T13:30:00Z,92.7,92.7,92.7,92.7,7\n2014-06-09T13:31:00Z,93,93,93,93,7\n"
    feed = feed_of(AAPL_1Min_2014_06=rows, synthetic=True)
    market, before = market_on(feed), at("2014-06-09T13:29:59")
    assert market.close_price("AAPL", market.hours.of("AAPL").last_close(at("2014-06-09T15:00"))) == Decimal("645.5")
    assert feed.quote_time("AAPL", before) == at("2014-06-06T19:59:45")
    assert market.quote_of_session(account, "AAPL", before) is None
    assert market.quote_of_session(account, "AAPL", before + timedelta(seconds=1)).bid == Decimal("92.7")
    assert feed.price("AAPL", at("2014-06-09T20:00")) == 93
    day_later = feed.price("AAPL", at("2014-06-10T15:00"))
    assert feed.is_synthetic("AAPL", at("2014-06-10T15:00"))
    assert 85 < day_later < 101
