"""Trades that were lived through the real stages, and what may happen to their rows behind everybody's back."""

from contextlib import contextmanager
from dataclasses import fields
from datetime import date
from decimal import Decimal

from sqlalchemy import text as sql

from lib.domain.records import Fill
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.faults import with_faults
from lib.simulation.lifecycles import (
    NEVER_FILLED,
    PARTIAL_FILLS_THEN_TARGET,
    STOPPED_OUT_BY_A_GAP,
    SWING_AAPL,
    at,
    steps,
)
from lib.simulation.world import world
from lib.store import queries
from tests.simulation.test_edits import edit, live

SINCE = date(2024, 1, 16)
FALLING = ((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))
ENTRY_EDITED = (*FALLING, (at(16, 15, 12), "148.50"), (at(16, 15, 32), "161"))

NO_FILLS = "DELETE FROM fill"
NO_RESULTS = (
    "UPDATE trade_journal SET exit_price=NULL, exit_qty=NULL, exit_time=NULL, exit_reason=NULL, exit_evidence=NULL, "
    "actual_pnl=NULL, net_pnl=NULL, actual_qty=NULL, actual_entry=NULL"
)
WRONG_RESULTS = (
    "UPDATE trade_journal SET exit_price='1', actual_pnl='99999', net_pnl='99999', exit_reason='MANUAL_EXIT'"
)
NOTHING_FILLED = "UPDATE order_execution SET filled_qty='0', filled_avg_price=NULL, filled_at=NULL"
ALL_LIVE = "UPDATE order_execution SET order_status='new', ended_at=NULL WHERE alpaca_order_id IS NOT NULL"
ALL_CANCELLED = "UPDATE order_execution SET order_status='cancelled' WHERE alpaca_order_id IS NOT NULL"
TOO_MUCH_FILLED = "UPDATE order_execution SET filled_qty='99' WHERE filled_qty != '0'"
OPEN_AGAIN = "UPDATE trade_journal SET status='POSITION'"
ORDERED_AGAIN = "UPDATE trade_journal SET status='ORDERED'"


@contextmanager
def worlds(folder):
    """Yield a function that begins a world with one decision; rows are broken on purpose, so nobody watches."""
    opened = []

    def begin(prices, *, faults=None, **options):
        feed = ScriptedFeed({"AAPL": steps(*prices)}) if isinstance(prices, tuple) else prices
        entered = world(
            folder,
            at(16, 14, 43),
            feed,
            options=Options(**({"partial_fill_rate": Decimal(0)} | options)),
            wrap=lambda tools: tools if faults is None else with_faults(tools, faults),
        )
        opened.append(entered)
        made = entered.__enter__()
        made.decide(**SWING_AAPL)
        return made

    try:
        yield begin
    finally:
        for entered in opened:
            entered.__exit__(None, None, None)


def look(made, *moments):
    """Run order_monitor at these moments, and at no other."""
    for moment in moments:
        made.clock.advance_to(moment)
        assert made.run("order_monitor").exit_code == 0


def ordered(make, prices, **named):
    made = make(prices, **named)
    made.clock.advance_to(at(16, 14, 45))
    made.run("order_executor")
    return made


def target(make, **named):
    """Bought in two parts, each with its own cover, sold at the target."""
    plan = PARTIAL_FILLS_THEN_TARGET.options.fill_plan
    made = ordered(make, PARTIAL_FILLS_THEN_TARGET.feed, fill_plan=plan, **named)
    look(made, at(16, 15, 5), at(16, 15, 20), at(16, 15, 35))
    return made


def stop(make):
    """Bought on the 16th, gapped through its stop on the 17th."""
    made = ordered(make, STOPPED_OUT_BY_A_GAP.feed)
    look(made, at(16, 15, 5), at(17, 14, 35))
    return made


def never_filled(make):
    made = ordered(make, NEVER_FILLED.feed)
    look(made, at(17, 14, 35))
    return made


def edited(make):
    """Four shares bought at 149.51; then the entry is moved to 149, where it buys six; all are sold at 161."""
    made = ordered(make, ENTRY_EDITED, fill_plan={"sim-d1-entry-1": (Decimal(4), Decimal(0))})
    made.clock.advance_to(at(16, 15, 2))
    edit(made, live(made, "buy", "limit"), limit_price="149")
    look(made, at(16, 15, 5), at(16, 15, 15), at(16, 15, 35))
    return made


def rows_of(made):
    """Return every row that a backfill may touch, without versions and without the ids of fills."""

    def plain(record):
        hidden = {"version", "id"} if isinstance(record, Fill) else {"version"}
        return {f.name: getattr(record, f.name) for f in fields(record) if f.name not in hidden}

    store = made.store
    trades = queries.journal(store, "main")
    return {
        "trades": [plain(t) for t in trades],
        "orders": [plain(o) for t in trades for o in queries.orders_of(store, t.id)],
        "fills": sorted(
            (plain(f) for t in trades for f in queries.fills_of(store, t.id)), key=lambda f: f["activity_id"]
        ),
        "positions": [plain(p) for p in store.rows("main").positions],
    }


def damage(made, *statements):
    with made.store.writing() as connection:
        for statement in statements:
            connection.execute(sql(statement))


def events(made):
    return len(queries.events(made.store, "main"))
