"""A grid by its commands and the real stages, from its preview to its end."""

import json
import signal
import time
from contextlib import closing

import pytest

from lib.store.sqlite import open_store
from tests.scripts.desk import EXECUTOR, MONITOR, VALUER, in_window

GRID = ("-m", "lib.grid")
AAPL = ("AAPL", "--kind", "spot", "--lower", "80", "--upper", "120", "--levels", "5", "--qty", "5", "--capital", "2000")


def standing(desk):
    (found,) = json.loads(desk.done(*GRID, "status", "1", "--json"))["grids"]
    return found


@pytest.mark.slow
def test_a_grid_is_previewed_started_followed_and_ended_by_its_commands(desk):
    in_window()
    desk.price("AAPL", "99.99", "100.01")
    before = desk.tables()
    assert "buy 10 at market, for cells 2 to 3" in desk.done(*GRID, "preview", *AAPL)
    assert desk.tables() == before
    desk.done(*GRID, "add", *AAPL)
    assert desk.done(EXECUTOR).endswith("0 requests, 0 bookings, 0 failed\n")  # not approved
    desk.done(*GRID, "approve", "1")
    for stage in (EXECUTOR, MONITOR, VALUER):
        desk.done(stage)
    found = standing(desk)
    assert (found["status"], found["price"], found["profit"]["inventory"]) == ("RUNNING", "100", "10")
    assert [(r["buy"], r["sell"]) for r in found["rungs"]] == [
        ("5", None),
        ("5", None),
        (None, None),
        (None, "5"),
        (None, "5"),
    ]
    assert "grid 1 AAPL SPOT is RUNNING: 80 to 120, price 100.00, 4 orders" in desk.done("-m", "lib.status")
    desk.done(*GRID, "stop", "1", "--flatten")
    desk.done(MONITOR)
    desk.done(MONITOR)
    found = standing(desk)
    assert (found["status"], found["profit"]["inventory"], found["wanted"]) == ("STOPPED", "0", "flatten")
    assert {trip["policy"] for trip in found["trips"]} == {"close"}
    assert found["profit"]["total"] == found["profit"]["initial"]


def resting(desk):
    """(side, price) of what rests at the broker, once a look has been over it."""
    rows = desk.paper("GET", "/v2/orders?status=open&limit=500")
    return sorted((row["side"], float(row["limit_price"])) for row in rows)


def looks(desk):
    return desk.sql("SELECT count(*) FROM stage_run WHERE stage = 'order_monitor' AND outcome = 'done'")[0][0]


def comes(desk, wanted):
    """Wait until this rests, and until one more look has ended."""
    until, before = time.monotonic() + 60, looks(desk)
    while (found := resting(desk)) != wanted or looks(desk) == before:
        assert time.monotonic() < until, found
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.prove), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_one_run_that_watches_keeps_a_grid_look_by_look_until_it_is_ended(desk, number, code):
    in_window()
    desk.price("AAPL", "99.99", "100.01")
    desk.done(*GRID, "add", *AAPL, "--approve")
    desk.done(EXECUTOR)
    process = desk.start(MONITOR, "--watch", "1")
    try:
        comes(desk, [("buy", 80), ("buy", 90), ("sell", 110), ("sell", 120)])
        desk.price("AAPL", "89.99", "90")
        comes(desk, [("buy", 80), ("sell", 100), ("sell", 110), ("sell", 120)])
        with closing(open_store(desk.url, desk.state)) as store, store.hold_account("main", wait_s=30) as held:
            assert held, "between two looks the account is anybody's"
        desk.price("AAPL", "100", "100.01")
        comes(desk, [("buy", 80), ("buy", 90), ("sell", 110), ("sell", 120)])
        assert looks(desk) >= 3
    finally:
        process.send_signal(number)
        ended = desk.end(process)[0]
    assert ended == code
    (trip,) = standing(desk)["trips"]
    assert (trip["cell"], trip["net"], trip["policy"]) == (1, "50", "matched")
    desk.done(MONITOR)  # and what cron starts goes on from there
    assert len(resting(desk)) == 4
