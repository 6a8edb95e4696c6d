"""Of which hours a day's bar is made, and that no answer knows the future."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from lib.paper_broker.exchange import chance


def test_a_days_prices_are_of_its_regular_session_and_its_volume_of_all_of_it(open_rig, feed_of):
    # A minute before the open, one in the session, one after the close, and another one early on the next day.
    rows = (
        "2013-01-02T14:00:00Z,90,91,89,90,10\n2013-01-02T15:00:00Z,100,104,98,101,20\n"
        "2013-01-02T22:00:00Z,120,121,119,120,40\n2013-01-03T14:00:00Z,130,130,130,130,1\n"
    )
    rig = open_rig(feed=feed_of(AAA_1Min=rows), now=datetime(2013, 1, 3, 14, 15, tzinfo=UTC))
    (day,) = rig.get("/v2/stocks/AAA/bars", timeframe="1Day", start="2013-01-01")["bars"]
    assert [day[name] for name in "tohlcv"] == ["2013-01-02T05:00:00Z", 100, 104, 98, 101, 70]
    assert len(rig.get("/v2/stocks/AAA/bars", timeframe="1Hour", start="2013-01-01")["bars"]) == 4
    assert rig.get("/v2/stocks/AAA/snapshot")["dailyBar"] == day


@pytest.mark.parametrize("number", range(3))
def test_no_answer_has_anything_that_is_newer_than_now(open_rig, feed_of, number):
    seconds = chance.below(14 * 24 * 3600, "look ahead", number)
    now = datetime(2013, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)
    coin = "".join(f"2013-01-{day:02}T06:00:00Z,9,12,8,11,100\n" for day in range(1, 17))
    minutes = "2013-01-07T14:00:00Z,90,91,89,90,10\n2013-01-07T15:00:00Z,100,104,98,101,20\n"
    daily = "".join(f"2013-01-{day:02},100,104,98,101,1000\n" for day in (2, 3, 4, 8, 9, 10))
    feed = feed_of(AAA_1Day=daily, AAA_1Min=minutes, XYZUSD=coin, synthetic=True)
    rig = open_rig(feed=feed, now=now)
    span = {"start": "2013-01-01", "end": "2014-01-01", "sort": "desc", "limit": 50}
    bars_of = ({"timeframe": frame} for frame in ("1Min", "1Hour", "1Day", "1Week"))
    asked = [({}, "latest/quotes"), ({}, "latest/trades"), ({}, "latest/bars"), ({}, "snapshots")]
    asked += [(span, "quotes"), (span, "trades"), *((span | more, "bars") for more in bars_of)]
    seen = []
    for params, what in asked:
        stocks = "/".join(reversed(what.split("/")))
        told = rig.get(f"/v2/stocks/{stocks}", symbols="AAA", **params)
        told_of_coins = rig.get(f"/v1beta3/crypto/us/{what}", symbols="XYZ/USD", **params)
        for shown in (told, told_of_coins):
            seen += re.findall(r"'t': '([^']+)'", str(shown))
    assert len(seen) > 100
    assert max(map(datetime.fromisoformat, seen)) <= now
