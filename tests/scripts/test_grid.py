"""A grid by its commands and the real stages, from its preview to its end."""

import json

import pytest

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
