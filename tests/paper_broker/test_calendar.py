from datetime import UTC, datetime

import pytest

NYSE = {"acronym": "NYSE", "mic": "XNYS", "name": "New York Stock Exchange", "timezone": "America/New_York"}


def refused(rig, path, **params):
    response = rig.request("GET", path, params=params)
    return response.status_code, response.json()["message"]


def test_the_clock_tells_new_york_time_and_the_next_session(rig):
    assert rig.get("/v2/clock") == {
        "timestamp": "2013-01-02T10:00:00-05:00",
        "is_open": True,
        "next_open": "2013-01-03T09:30:00-05:00",
        "next_close": "2013-01-02T16:00:00-05:00",
    }
    rig.go_to("2013-01-04T21:00:00Z")
    clock = rig.get("/v2/clock")
    assert (clock["is_open"], clock["next_open"], clock["next_close"]) == (
        False,
        "2013-01-07T09:30:00-05:00",
        "2013-01-07T16:00:00-05:00",
    )


def test_the_calendar_knows_holidays_half_days_and_settlement(rig):
    days = rig.get("/v2/calendar", start="2018-11-21", end="2018-11-26")
    assert [(day["date"], day["open"], day["close"]) for day in days] == [
        ("2018-11-21", "09:30", "16:00"),
        ("2018-11-23", "09:30", "13:00"),
        ("2018-11-26", "09:30", "16:00"),
    ]
    hours = [(day["session_open"], day["session_close"], day["settlement_date"]) for day in days]
    assert hours == [
        ("0400", "2000", "2018-11-23"),
        ("0400", "1700", "2018-11-26"),
        ("0400", "2000", "2018-11-27"),
    ]


def test_a_calendar_may_be_asked_by_the_day_of_settlement(rig):
    asked = {"start": "2018-11-23", "end": "2018-11-25"}
    by_trade = rig.get("/v2/calendar", **asked, date_type="TRADING")
    by_settlement = rig.get("/v2/calendar", **asked, date_type="SETTLEMENT")
    assert [day["date"] for day in by_trade] == ["2018-11-23"]
    assert [day["date"] for day in by_settlement] == ["2018-11-21"]
    assert refused(rig, "/v2/calendar", **asked, date_type="MOON")[0] == 422


def test_after_the_last_session_that_is_known_the_clock_says_so(open_rig):
    ended = open_rig(now=datetime(2030, 12, 31, 22, tzinfo=UTC))
    told = "the session table ends before the next session after 2030-12-31T22:00:00+00:00"
    assert refused(ended, "/v2/clock") == (500, told)
    assert ended.get("/v2/account")["cash"] == "100000"


@pytest.mark.parametrize(
    ("now", "phase", "until", "opens", "closes", "market_day"),
    [
        # Wednesday the 21st, Thanksgiving, and the half day after it.
        ("2018-11-21T08:59:59", "closed", "2018-11-21T04:00:00", "2018-11-21T09:30:00", "2018-11-21T16:00:00", True),
        ("2018-11-21T09:00:00", "pre", "2018-11-21T09:30:00", "2018-11-21T09:30:00", "2018-11-21T16:00:00", True),
        ("2018-11-21T14:30:00", "core", "2018-11-21T16:00:00", "2018-11-23T09:30:00", "2018-11-21T16:00:00", True),
        ("2018-11-21T21:00:00", "post", "2018-11-21T20:00:00", "2018-11-23T09:30:00", "2018-11-23T13:00:00", True),
        ("2018-11-22T01:00:00", "closed", "2018-11-23T04:00:00", "2018-11-23T09:30:00", "2018-11-23T13:00:00", True),
        ("2018-11-22T15:00:00", "closed", "2018-11-23T04:00:00", "2018-11-23T09:30:00", "2018-11-23T13:00:00", False),
        ("2018-11-23T18:00:00", "post", "2018-11-23T17:00:00", "2018-11-26T09:30:00", "2018-11-26T16:00:00", True),
    ],
)
def test_a_markets_clock_tells_its_phase(open_rig, now, phase, until, opens, closes, market_day):
    rig = open_rig(now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    (clock,) = rig.get("/v3/clock", markets="NYSE")["clocks"]
    assert clock["market"] == NYSE
    assert (clock["phase"], clock["phase_until"], clock["is_market_day"]) == (phase, f"{until}-05:00", market_day)
    assert (clock["next_market_open"], clock["next_market_close"]) == (f"{opens}-05:00", f"{closes}-05:00")


def test_a_clock_can_be_asked_for_another_time_than_now(rig):
    (clock,) = rig.get("/v3/clock", markets="XNAS", time="2018-07-03T16:59:59Z")["clocks"]
    assert (clock["timestamp"], clock["phase"]) == ("2018-07-03T12:59:59-04:00", "core")
    assert clock["phase_until"] == "2018-07-03T13:00:00-04:00"
    assert refused(rig, "/v3/clock", time="2199-01-01T00:00:00Z")[0] == 400
    assert refused(rig, "/v3/clock", time="1247-04-15T00:20:55Z")[0] == 400


def test_without_names_every_market_has_a_clock(rig):
    clocks = rig.get("/v3/clock")["clocks"]
    assert [clock["market"]["acronym"] for clock in clocks] == ["IEX", "NASDAQ", "NYSE", "OTC"]
    assert {clock["phase"] for clock in clocks} == {"core"}


def test_always_open_a_markets_clock_is_in_its_core_and_the_calendar_stays_real(open_rig):
    rig = open_rig(always_open=True, now=datetime(2013, 1, 6, 12, 0, tzinfo=UTC))
    (clock,) = rig.get("/v3/clock", markets="NYSE")["clocks"]
    assert (clock["phase"], clock["phase_until"]) == ("core", "2013-01-06T19:00:00-05:00")
    assert rig.get("/v3/calendar/NYSE", start="2013-01-06", end="2013-01-06")["calendar"] == []


def test_a_markets_calendar_has_the_parts_of_each_day(rig):
    asked = {"start": "2018-11-22", "end": "2018-11-23"}
    assert rig.get("/v3/calendar/XNYS", **asked) == {
        "market": NYSE,
        "calendar": [
            {
                "date": "2018-11-23",
                "pre_start": "2018-11-23T04:00:00-05:00",
                "pre_end": "2018-11-23T09:30:00-05:00",
                "core_start": "2018-11-23T09:30:00-05:00",
                "core_end": "2018-11-23T13:00:00-05:00",
                "post_start": "2018-11-23T13:00:00-05:00",
                "post_end": "2018-11-23T17:00:00-05:00",
                "settlement_date": "2018-11-26",
            }
        ],
    }
    (day,) = rig.get("/v3/calendar/NYSE", **asked, timezone="UTC")["calendar"]
    assert (day["core_start"], day["core_end"]) == ("2018-11-23T14:30:00+00:00", "2018-11-23T18:00:00+00:00")


def test_a_markets_calendar_is_of_the_coming_week_unless_told(rig):
    days = rig.get("/v3/calendar/NASDAQ")["calendar"]
    assert [day["date"][-2:] for day in days] == ["02", "03", "04", "07", "08", "09"]


@pytest.mark.parametrize("path", ["/v3/calendar/MOON", "/v3/clock?markets=NYSE,MOON"])
def test_an_unknown_market_is_refused(rig, path):
    assert refused(rig, path) == (400, "invalid market: MOON")
