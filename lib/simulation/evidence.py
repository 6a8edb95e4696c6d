"""Collect the evidence for the invariants from a World: our rows, and the broker's own record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from lib import sessions
from lib.broker import translate
from lib.domain.facts import BrokerOrder, FillActivity
from lib.domain.hours import Hours
from lib.due import STAGES
from lib.invariants.attended import is_unattended
from lib.invariants.catalogue import AFTER_CLEAN_ORDER_MONITOR, ALWAYS, AT_REST, check, lost_rows
from lib.invariants.compared import nothing_happened
from lib.invariants.evidence import Books, Evidence, Ledger, Violation
from lib.paper_broker.message import Request
from lib.store import queries
from lib.store.auditing import audited

if TYPE_CHECKING:
    from lib.simulation.world import Ran, World

Looked = TypeVar("Looked")

ORDERS_A_PAGE, FILLS_A_PAGE = 500, 100
ANSWERS_MAX = 256
"""Most passes change nothing at the broker: an answer that is as it was is not taken apart again."""


def books(world: World) -> Books:
    """Read all rows of the account, past the ports and their faults."""
    rows = queries.all_rows(world.store, world.account)
    return Books(
        namespace=rows.account.namespace,
        decisions=rows.decisions,
        trades=rows.trades,
        orders=rows.orders,
        fills=rows.fills,
        positions=rows.positions,
        changes=rows.changes,
        controls=rows.controls,
        runs=rows.last_runs,
        account_number=rows.account.account_number,
        grids=rows.grids,
    )


def ledger(world: World) -> Ledger:
    """Read all that the paper broker has on record."""
    positions = _get(world, "/v2/positions", "", translate.position)
    (account,) = _get(world, "/v2/account", "", translate.account)
    return Ledger(
        orders=tuple(_orders(world)),
        positions={p.symbol: p for p in positions},
        fills=tuple(_fills(world)),
        cash_start=world.cash_start,
        cash=account.cash,
        account_number=account.account_number,
        equity=account.equity,
        last_equity=account.last_equity,
    )


def evidence(world: World) -> Evidence:
    """Collect both sides now.

    Limits never change in a World: what the pass that has just ended sent is held against them. Alerts are read
    where one ought to be there.
    """
    now = world.clock.now()
    window = sessions.load().between(world.began.date(), now.date())
    last = world.history[-1] if world.history else None
    seen = Evidence(
        now=now,
        books=books(world),
        ledger=ledger(world),
        calendar=tuple(Hours(open=s.open, close=s.close) for s in window),
        limits=world.tools.limits,
        sent_since=last.at if last is not None and last.stage == "order_executor" else None,
    )
    return _with_alerts(world, seen) if is_unattended(seen) else seen


def audited_evidence(world: World) -> Evidence:
    """Collect both sides now, and what was written down on the way."""
    seen = _with_alerts(world, evidence(world))
    ids = {
        "trade_journal": [t.id for t in seen.books.trades],
        "order_execution": [o.id for o in seen.books.orders],
        "fill": [f.id for f in seen.books.fills],
        "quantity_change": [c.id for c in seen.books.changes],
    }
    return replace(seen, books=replace(seen.books, audited=audited(world.store, world.account, ids)))


def _with_alerts(world: World, seen: Evidence) -> Evidence:
    alerts = world.store.alerts(world.account)
    return replace(seen, books=replace(seen.books, alerts=alerts.events, stopped=alerts.stopped))


def _get(world: World, path: str, query: str, translated: Callable[[Any], Looked]) -> tuple[Looked, ...]:
    return _read(world.paper.respond(Request("GET", path, query)).body, translated)


@lru_cache(maxsize=ANSWERS_MAX)
def _read(body: bytes, translated: Callable[[Any], Looked]) -> tuple[Looked, ...]:
    found = json.loads(body)
    return tuple(map(translated, found if isinstance(found, list) else [found]))


def _orders(world: World) -> Iterator[BrokerOrder]:
    last = ""
    while True:
        query = f"status=all&nested=true&direction=asc&limit={ORDERS_A_PAGE}{last}"
        page = _get(world, "/v2/orders", query, translate.order)
        yield from page
        if len(page) < ORDERS_A_PAGE:
            return
        last = f"&after_order_id={page[-1].id}"


def _fills(world: World) -> Iterator[FillActivity]:
    last = ""
    while True:
        query = f"direction=asc&page_size={FILLS_A_PAGE}{last}"
        page = _get(world, "/v2/account/activities/FILL", query, translate.fill)
        yield from page
        if len(page) < FILLS_A_PAGE:
            return
        last = f"&page_token={page[-1].id}"


def truth(world: World, look: Callable[[World], Looked]) -> Looked:
    """Look past faults, limits and the lag of lists: what is promised is promised of the broker, not of its lists."""
    paper = world.paper
    if not paper.options.list_lag_s and paper.options.rate_limit_per_minute is None and paper.options.faults is None:
        return look(world)
    world.paper = paper.untroubled()
    try:
        return look(world)
    finally:
        world.paper = paper


class Watch:
    """Checks what must hold after each pass, and remembers what was broken and when."""

    def __init__(self) -> None:
        """Begin without a look."""
        self.violations: list[Violation] = []
        self._before: Books | None = None

    def __call__(self, world: World, ran: Ran) -> None:
        """Judge the world after one pass."""
        seen = truth(world, evidence)
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
    return check(AT_REST, audited_evidence(world))


def after_another_round(world: World) -> tuple[Violation, ...]:
    """Run each stage once more over a world at rest: nothing may come of it (I31)."""
    before = evidence(world)
    for stage in STAGES:
        world.run(stage)
    return nothing_happened(before, evidence(world))
