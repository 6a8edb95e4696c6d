"""Collect the evidence for the invariants from a World: our rows, and the broker's own record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lib import sessions
from lib.broker import translate
from lib.domain.hours import Hours
from lib.invariants.catalogue import AFTER_CLEAN_ORDER_MONITOR, ALWAYS, AT_REST, check, lost_rows
from lib.invariants.evidence import Books, Evidence, Ledger, Violation
from lib.paper_broker.message import Request
from lib.store import queries

if TYPE_CHECKING:
    from lib.simulation.world import Ran, World


def books(world: World) -> Books:
    """Read all rows of the account, past the ports and their faults."""
    store = world.store
    trades = queries.journal(store, "main")
    rows = store.rows("main")
    return Books(
        namespace=rows.account.namespace,
        decisions=queries.decisions(store, "main"),
        trades=trades,
        orders=tuple(o for t in trades for o in queries.orders_of(store, t.id)),
        fills=tuple(f for t in trades for f in queries.fills_of(store, t.id)),
        positions=rows.positions,
        changes=queries.changes(store, "main"),
    )


def ledger(world: World) -> Ledger:
    """Read all that the paper broker has on record."""
    pages = tuple(_pages(world, "/v2/orders", "status=all&nested=true&direction=asc&limit=500", "after_order_id", 500))
    fills = _pages(world, "/v2/account/activities/FILL", "direction=asc&page_size=100", "page_token", 100)
    positions = (translate.position(row) for row in _get(world, "/v2/positions", ""))
    return Ledger(
        orders=tuple(translate.order(row) for row in pages),
        positions={p.symbol: p for p in positions},
        fills=tuple(translate.fill(row) for row in fills),
        cash_start=world.cash_start,
        cash=Decimal(_get(world, "/v2/account", "")["cash"]),
    )


def evidence(world: World) -> Evidence:
    """Collect both sides now."""
    now = world.clock.now()
    window = sessions.load().between(world.began.date(), now.date())
    return Evidence(
        now=now,
        books=books(world),
        ledger=ledger(world),
        calendar=tuple(Hours(open=s.open, close=s.close) for s in window),
    )


def _get(world: World, path: str, query: str) -> Any:
    return json.loads(world.paper.respond(Request("GET", path, query)).body)


def _pages(world: World, path: str, query: str, cursor: str, size: int) -> Iterator[Any]:
    last = ""
    while True:
        page = _get(world, path, f"{query}{last}")
        yield from page
        if len(page) < size:
            return
        last = f"&{cursor}={page[-1]['id']}"


class Watch:
    """Checks what must hold after each pass, and remembers what was broken and when."""

    def __init__(self) -> None:
        """Begin without a look."""
        self.violations: list[Violation] = []
        self._before: Books | None = None

    def __call__(self, world: World, ran: Ran) -> None:
        """Judge the world after one pass."""
        seen = evidence(world)
        found = check(ALWAYS, seen)
        if ran.stage == "order_monitor" and ran.result is not None and ran.result.outcome == "done":
            found += check(AFTER_CLEAN_ORDER_MONITOR, seen)
        if self._before is not None:
            found += lost_rows(self._before, seen.books)
        self._before = seen.books
        self.violations += [
            Violation(id=v.id, message=f"after {ran.stage} at {ran.at:%Y-%m-%d %H:%M}: {v.message}") for v in found
        ]


def at_rest(world: World) -> tuple[Violation, ...]:
    """Judge a world that has come to rest."""
    return check(AT_REST, evidence(world))
