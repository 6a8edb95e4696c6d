"""What every pass asserts at its end, by plain values: what is broken, and what is not held against anybody."""

from dataclasses import replace

import pytest

from lib.domain.facts import AccountFacts, BrokerPosition, Snapshot
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.invariants.production import Seen, apart_from_broker, broken_rows
from tests.builders import MINUTE, NOW, SECOND, bought, broker_exit, control, exit_order, order, position, rows, trade


def broken(first, last, **limits):
    account = AccountFacts(account_number="PA1", equity=D(10_000), cash=D(0), buying_power=D(0))
    seen = Seen(first=first, last=last, snapshot=None, account=account)
    allowed = Limits(**({"position_share_max": D(1)} | limits))
    return [str(v) for v in broken_rows(seen, allowed, started=trade().created_at, now=NOW)]


ORDERED = rows(trades=(trade(),), orders=(order(),))


def test_rows_of_an_entry_that_was_allowed_break_nothing():
    assert broken(rows(), ORDERED) == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"order_notional_max": D(1499)}, "I29: ns-d12-entry-1 costs 1500, the limit is 1499"),
        ({"open_trades_max": 0}, "I29: 1 trades are open, the limit is 0"),
        ({"position_share_max": D("0.13")}, "I29: 1500 are at stake in AAPL, the limit is 1300.00"),
        ({"gross_exposure_max": D("0.13")}, "I29: 1500 are at stake in all, the limit is 1300.00"),
    ],
)
def test_an_entry_of_this_pass_beyond_a_limit_is_named(limits, words):
    assert broken(rows(), ORDERED, **limits) == [words]


def test_an_entry_of_an_earlier_pass_is_not_held_against_limits_that_were_lowered_since():
    older = rows(trades=(trade(created_at=trade().created_at - MINUTE),), orders=(order(),))
    assert broken(rows(), older, order_notional_max=D(1), open_trades_max=0) == []


@pytest.mark.parametrize(
    ("scope", "state", "minutes", "named"),
    [
        ("account:main", "HALTED", 1, True),
        ("account:main", "REDUCING", 1, True),
        ("symbol:main:AAPL", "HALTED", 1, True),
        ("symbol:main:MSFT", "HALTED", 1, False),
        ("account:main", "ACTIVE", 1, False),
        ("account:main", "HALTED", -1, False),
    ],
)
def test_an_entry_that_was_sent_under_a_halt_is_named(scope, state, minutes, named):
    since = order().submitted_at - minutes * MINUTE
    last = replace(ORDERED, controls=(control(scope=scope, state=state, since=since),))
    assert [line[:3] for line in broken(rows(), last)] == ["I20"] * named


def test_a_filled_quantity_that_falls_within_a_pass_is_named():
    fuller = replace(ORDERED, orders=(order(filled_qty=D(4)),))
    assert broken(fuller, ORDERED) == ["I10: ns-d12-entry-1: filled_qty fell from 4 to 0"]


def shown(*live, held):
    there = {"AAPL": BrokerPosition(symbol="AAPL", qty=D(held), qty_available=D(0))} if held else {}
    return Snapshot(at=NOW, live=live, positions=there)


OWNED_TRADE, OWNED_ENTRY, OWNED_FILL = bought()
OWNED = rows(trades=(OWNED_TRADE,), orders=(OWNED_ENTRY, exit_order()), fills=(OWNED_FILL,), positions=(position(),))


@pytest.mark.parametrize(
    ("stage", "held", "told"),
    [
        ("order_monitor", 10, []),
        ("order_monitor", 9, ["I3: AAPL: live exits sell 10 against 9 held"]),
        ("position_monitor", 10, []),
        ("position_monitor", 9, ["I5: AAPL: the books say 10, the broker holds 9"]),
        ("order_executor", 9, []),
    ],
)
def test_each_monitor_holds_against_the_broker_what_it_has_just_put_right(stage, held, told):
    assert [p.message for p in apart_from_broker(stage, OWNED, shown(broker_exit(), held=held))] == told


@pytest.mark.parametrize(("seconds", "doubted"), [(59, False), (60, True)])
@pytest.mark.parametrize("stage", ["order_monitor", "position_monitor"])
def test_what_traded_within_a_minute_is_not_held_against_a_position_that_may_lag(stage, seconds, doubted):
    lately = replace(OWNED, fills=(replace(OWNED_FILL, transaction_time=NOW - seconds * SECOND),))
    assert bool(apart_from_broker(stage, lately, shown(broker_exit(), held=9))) is doubted
