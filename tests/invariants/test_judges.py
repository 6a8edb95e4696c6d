"""The judges whose second half no single broken row shows: the day's loss, ends that are known, alerts, answers."""

import json
from dataclasses import replace

import pytest

from lib.domain.grids import Strategy
from lib.domain.money import D
from lib.domain.story import Audited, Event
from lib.invariants import allowed, attended, settled, trail
from lib.invariants.evidence import Books, Evidence, Ledger
from tests.builders import (
    CALENDAR,
    CLOSE,
    MINUTE,
    NOW,
    OPEN,
    broker_order,
    control,
    decision,
    fill,
    held,
    order,
    position,
    stage_run,
    trade,
)

SENT = trade().created_at
LOST = position(trade_id=6, symbol="MSFT", unrealized_pnl=D("-1200"), quote_time=SENT - MINUTE)
EQUITY = Ledger(last_equity=D(20_000))  # of which a session may lose five per cent, a tenth of that is room


def seen(*, ledger=EQUITY, now=NOW, since=SENT, **books):
    return Evidence(now=now, books=Books(namespace="ns", **books), ledger=ledger, calendar=CALENDAR, sent_since=since)


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 1),
        ({"positions": (replace(LOST, unrealized_pnl=D("-1099")),)}, 0),
        ({"positions": (replace(LOST, stale=True),)}, 0),
        ({"positions": (replace(LOST, quote_time=SENT - 16 * MINUTE),)}, 0),
        ({"controls": (control(state="ACTIVE", reason="Daily loss accepted", since=OPEN),)}, 0),
        ({"runs": (stage_run(stage="position_monitor", finished_at=SENT + MINUTE),)}, 0),
        ({"since": None}, 0),
    ],
    ids=["lost", "less", "stale", "old mark", "accepted", "valued since", "limits unknown"],
)
def test_an_entry_sent_into_a_loss_is_named_where_the_rows_are_as_they_were_then(changes, count):
    told = list(allowed.loss_kept(seen(**({"trades": (trade(),), "positions": (LOST,)} | changes))))
    assert len(told) == count


def test_a_loss_that_is_booked_counts_like_one_that_is_marked():
    ended = trade(id=6, status="CLOSED", created_at=SENT - 5 * MINUTE, exit_time=SENT - MINUTE, actual_pnl=D("-1200"))
    assert len(list(allowed.loss_kept(seen(trades=(ended, trade()))))) == 1
    yesterday = replace(ended, exit_time=OPEN - MINUTE)
    assert list(allowed.loss_kept(seen(trades=(yesterday, trade())))) == []


def test_entries_of_a_session_are_counted_in_all_and_by_symbol():
    six = [trade(id=n, decision_id=n) for n in range(6)]
    others = [trade(id=n, decision_id=n, symbol=f"S{n}") for n in range(6, 51)]
    told = ["51 entries in this session, the limit is 50", "6 entries in AAPL in this session, the limit is 5"]
    assert list(allowed.counts_kept(seen(trades=(*six, *others)))) == told
    assert list(allowed.counts_kept(seen(trades=(*six[1:], *others)))) == []
    assert list(allowed.counts_kept(seen(trades=(*six, *others), since=None))) == []


GRID = Strategy(
    id=3,
    account="main",
    version=1,
    symbol="SPY",
    kind="SPOT",
    lower_price="95",
    upper_price="105",
    levels="11",
    spacing=None,
    quantity_per_grid="10",
    capital=None,
    status="RUNNING",
)
OF_GRID = {
    "trade_id": None,
    "strategy_id": 3,
    "order_type": "GRID",
    "symbol": "SPY",
    "order_status": "filled",
    "filled_qty": D(10),
}
BOUGHT = (
    order(id=11, client_order_id="ns-g3-start-buy-1", alpaca_order_id="B11", **OF_GRID),
    order(id=12, client_order_id="ns-g3-c4-sell-2", alpaca_order_id="B12", side="sell", cell=4, **OF_GRID),
)
FILLS = tuple(
    fill(id=n, activity_id=f"F{n}", order_id=n, trade_id=None, symbol="SPY", side=side, qty=D(qty))
    for n, side, qty in ((11, "buy", 10), (12, "sell", 4))
)


@pytest.mark.parametrize(
    ("held_by_broker", "status", "count"),
    [("6", "RUNNING", 0), ("6", "PAUSED", 0), ("10", "RUNNING", 1), ("6", "STOPPED", 1)],
    ids=["agrees", "agrees while paused", "apart", "what a stopped grid kept is in the external bucket"],
)
def test_what_the_broker_holds_counts_the_fills_of_grids_that_work(held_by_broker, status, count):
    ledger = Ledger(positions={"SPY": held(held_by_broker, symbol="SPY")})
    evidence = seen(ledger=ledger, orders=BOUGHT, fills=FILLS, grids=(replace(GRID, status=status),))
    assert len(list(settled.quantities_agree(evidence))) == count


@pytest.mark.parametrize(("of_grid", "count"), [(True, 0), (False, 1)])
def test_a_grids_market_order_covers_no_trade_and_lacks_none(of_grid, count):
    live = broker_order(id="B11", symbol="SPY", kind="market", side="sell", client_order_id="ns-g3-close-sell-1")
    row = BOUGHT[0] if of_grid else replace(BOUGHT[0], strategy_id=None, trade_id=7, order_type="EXIT")
    evidence = seen(ledger=Ledger(orders=(live,)), orders=(row,), grids=(GRID,))
    assert len(list(settled.every_share_covered(evidence))) == count


ENDED = broker_order(status="cancelled", ended_at=NOW - 12 * MINUTE)


@pytest.mark.parametrize(
    ("minutes", "status", "count"),
    [((10, 5), "new", 1), ((15, 5), "new", 0), ((5,), "new", 0), ((10, 5), "cancelled", 0)],
    ids=["two passes since", "one pass since", "one pass at all", "known"],
)
def test_an_end_is_known_after_two_clean_passes(minutes, status, count):
    runs = tuple(stage_run(stage="order_monitor", started_at=NOW - m * MINUTE) for m in minutes)
    evidence = seen(ledger=Ledger(orders=(ENDED,)), orders=(order(order_status=status),), runs=runs)
    assert len(list(settled.ends_are_known(evidence))) == count


def alert(key, number=1, op="raised"):
    said = {"key": key, "code": key.split()[0], "message": "m", "stage": "order_monitor", "since": NOW.isoformat()}
    return Event(
        id=number,
        account="main",
        at=NOW,
        run_id="r",
        table_name="alert",
        row_id=1,
        op=op,
        columns=json.dumps(said | {"after": 0}),
    )


STOPPED = control(state="HALTED", since=OPEN)


@pytest.mark.parametrize(
    ("alerts", "count"),
    [
        ((), 1),
        ((alert("HALTED account:main"),), 0),
        ((alert("HALTED account:other"),), 1),
        ((alert("HALTED account:main"), alert("HALTED account:main", 2, "ended")), 1),
        (None, 0),
    ],
)
def test_what_a_stage_stopped_is_an_open_alert(alerts, count):
    evidence = seen(stopped=(STOPPED,), runs=(stage_run(),), alerts=alerts)
    assert len(list(attended.concerns_are_alerts(evidence))) == count


def test_what_was_stopped_after_the_newest_pass_is_told_by_the_next():
    later = replace(STOPPED, since=stage_run().finished_at)
    assert list(attended.concerns_are_alerts(seen(stopped=(later,), runs=(stage_run(),), alerts=()))) == []


WINDOW_OVER = stage_run(started_at=CLOSE - 29 * MINUTE)


@pytest.mark.parametrize(
    ("row", "run", "count"),
    [
        ({}, WINDOW_OVER, 1),
        ({"execution_status": "WAITING"}, WINDOW_OVER, 1),
        ({"execution_status": "EXPIRED"}, WINDOW_OVER, 0),
        ({"expires_at": "2026-12-01"}, WINDOW_OVER, 0),
        ({"approve": False}, WINDOW_OVER, 0),
        ({}, stage_run(started_at=CLOSE - 31 * MINUTE), 0),
        ({}, replace(WINDOW_OVER, outcome="incomplete"), 0),
        ({}, replace(WINDOW_OVER, stage="order_monitor"), 0),
        ({"action": "CLOSE"}, WINDOW_OVER, 0),
        ({"action": "CLOSE"}, stage_run(started_at=CLOSE + MINUTE), 1),
    ],
)
def test_a_decision_has_its_answer_once_its_window_is_over_and_was_looked_at(row, run, count):
    assert len(list(attended.decisions_are_answered(seen(decisions=(decision(**row),), runs=(run,))))) == count


def step(number, run_id="order_monitor-1", **columns):
    return replace(alert("x", number, "update"), run_id=run_id, columns=json.dumps(columns))


@pytest.mark.parametrize(
    ("events", "now", "count"),
    [
        ((step(1, order_status="new", filled_qty="4"), step(2, order_status="new", filled_qty="3")), None, 1),
        ((step(1, order_status="filled", filled_qty="4"), step(2, order_status="new", filled_qty="4")), None, 1),
        ((step(1, order_status="cancelled", filled_qty="0"), step(2, order_status="filled", filled_qty="4")), None, 0),
        ((step(1, order_status="filled", filled_qty="4"),), {"order_status": "new", "filled_qty": "4"}, 1),
        (
            (
                step(1, order_status="filled", filled_qty="4"),
                step(2, "backfill-1", order_status="new", filled_qty="0"),
                step(3, order_status="filled", filled_qty="3"),
            ),
            None,
            0,
        ),
    ],
    ids=["fell", "rose again", "a late fill", "by hand", "taken back by a backfill"],
)
def test_events_and_the_row_as_it_is_only_move_forward(events, now, count):
    row = Audited(
        table="order_execution",
        id=1,
        version=len(events),
        columns=events[-1].columns if now is None else json.dumps(now),
        events=events,
    )
    assert len(list(trail.rows_moved_forward(seen(audited=(row,))))) == count
