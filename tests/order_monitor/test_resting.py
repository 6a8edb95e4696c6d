"""How long an entry rests: its time in force, its own end, and the cancel that comes after it."""

from datetime import timedelta

import pytest

from lib.domain.limits import Limits
from lib.domain.money import D
from lib.planning.booking.sync import new_values
from lib.planning.deciding.resting import cancel_expired_entries, entry_tif, rests_until
from tests.builders import (
    CLOSE,
    MINUTE,
    NOW,
    SECOND,
    book,
    broker_order,
    context,
    exit_order,
    kinds,
    new_trade,
    order,
    trade,
)

WINDOW_CLOSE = CLOSE - 30 * MINUTE
RESTS = context(limits=Limits(entry_tif="gtc"))


@pytest.mark.parametrize(
    ("symbol", "qty", "wanted", "tif"),
    [
        ("AAPL", "10", "day", "day"),
        ("AAPL", "10", "gtc", "gtc"),
        ("AAPL", "10.5", "gtc", "day"),
        ("BTC/USD", "0.5", "day", "gtc"),
        ("BTC/USD", "2", "gtc", "gtc"),
    ],
)
def test_coins_know_gtc_alone_and_fractions_day_alone(symbol, qty, wanted, tif):
    assert entry_tif(symbol, D(qty), wanted) == tif


def test_an_entry_ends_with_its_window_unless_it_may_rest():
    expires = NOW + timedelta(days=2)
    assert rests_until(new_trade(expires_at=expires), "day", RESTS) == WINDOW_CLOSE
    assert rests_until(new_trade(expires_at=expires), "gtc", context()) == WINDOW_CLOSE
    assert rests_until(new_trade(expires_at=expires), "gtc", RESTS) == expires
    assert rests_until(new_trade(), "gtc", RESTS) == NOW + timedelta(days=90)


NEVER_SHOWN = {"order_status": "pending", "alpaca_order_id": None}


@pytest.mark.parametrize(
    ("entry", "planned"),
    [
        ({"expires_at": NOW}, []),
        ({"expires_at": NOW - SECOND}, ["Cancel"]),
        ({"expires_at": None}, []),
        ({"expires_at": NOW - SECOND, "time_in_force": "day"}, []),  # the broker ends it
        ({"expires_at": NOW - SECOND, "order_status": "filled"}, []),
        ({"expires_at": NOW - SECOND, "order_status": "pending_cancel"}, []),
        ({"expires_at": NOW - SECOND, "time_in_force": "day", **NEVER_SHOWN, "missing_at": NOW - MINUTE}, ["Write"]),
        ({"expires_at": NOW - SECOND, "time_in_force": "day", **NEVER_SHOWN}, []),  # nobody has looked for it yet
        ({"expires_at": NOW, **NEVER_SHOWN, "missing_at": NOW - MINUTE}, []),
    ],
)
def test_what_rests_beyond_its_time_is_cancelled(entry, planned):
    entry = order(**({"time_in_force": "gtc"} | entry))
    assert kinds(cancel_expired_entries(book(entry, trade=trade()), context())) == planned


def test_the_broker_s_ninety_days_do_not_take_the_place_of_an_entry_s_own_end():
    shown = broker_order(time_in_force="gtc", status="filled", expires_at=NOW + timedelta(days=90))
    ours = order(time_in_force="gtc", expires_at=WINDOW_CLOSE)
    assert "expires_at" not in new_values(ours, shown, NOW)[0]
    assert new_values(exit_order(alpaca_order_id="B1"), shown, NOW)[0]["expires_at"] == shown.expires_at
