"""Worlds for tests: every pass is watched, and at the end every closed trade is counted again.

`make_world` is imported by the conftest of each folder that plays whole lives of trades.
"""

import json

import pytest

from lib.paper_broker.message import Request
from lib.simulation.evidence import Watch
from lib.simulation.world import world
from lib.store import queries
from tests.tools.recount import profits

PAGE = 100
BY_HAND = {"UNEXPLAINED", "SPLIT", "RENAME", "TRANSFER", "LIQUIDATION", "DUST"}
"""Changes of quantity that no fill explains: what a trade got for them, its own test counts."""


@pytest.fixture
def make_world(tmp_path, over_http):
    """Make worlds whose every pass is watched; at the end nothing may have been broken, and every cent is there."""
    watch = Watch()
    opened, worlds = [], []

    def make(now, prices, **named):
        entered = world(tmp_path, now, prices, over_http=over_http, **named)
        opened.append(entered)
        made = entered.__enter__()
        made.observers.append(watch)
        worlds.append(made)
        return made

    yield make
    wrong = [line for each in worlds for line in miscounted(each)]
    for entered in opened:
        entered.__exit__(None, None, None)
    broken = [str(violation) for violation in watch.violations]
    assert broken == [], "\n".join(broken)
    assert wrong == []


def broker_activities(made):
    """Return every activity of the paper broker, as it sends them."""
    rows, last = [], ""
    while True:
        query = f"direction=asc&page_size={PAGE}{last}"
        page = json.loads(made.paper.respond(Request("GET", "/v2/account/activities", query)).body)
        rows += page
        if len(page) < PAGE:
            return rows
        last = f"&page_token={page[-1]['id']}"


def miscounted(made):
    """Name each closed trade whose result in the journal is not what the broker's activities come to."""
    trades = [t for t in queries.journal(made.store, "main") if t.status == "CLOSED"]
    changes = queries.changes(made.store, "main")
    asked = {t.id: t for t in trades if not any(c.trade_id == t.id and c.cause in BY_HAND for c in changes)}
    activities = broker_activities(made)
    orders = {
        o.alpaca_order_id: o.trade_id
        for t in queries.journal(made.store, "main")
        for o in queries.orders_of(made.store, t.id)
        if o.alpaca_order_id is not None
    }
    order_of = {row["id"]: row["order_id"] for row in activities if row["activity_type"] == "FILL"}
    shared = {}
    for change in changes:
        if change.activity_id in order_of:
            shared.setdefault(order_of[change.activity_id], []).append((change.trade_id, abs(change.delta)))
    counted = profits(activities, orders | shared)
    return [
        f"trade {t.id} {t.symbol}: the journal says {t.actual_pnl}, the broker's activities come to {counted.get(t.id)}"
        for t in asked.values()
        if t.actual_pnl != counted.get(t.id)
    ]
