"""One account against the invariants: its rows, their events, and the broker's own record of the last days.

The broker is read in pages: the account, live orders, orders and fills of the last week, positions. That is five
requests, and one more for each further 500 orders or 100 fills. Nothing is changed, there or here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from lib import sessions
from lib.checkup.broker import failed
from lib.config import SQLITE, Settings
from lib.domain.hours import Hours
from lib.domain.records import Account
from lib.errors import PipelineError
from lib.invariants.catalogue import AT_REST, AUDIT, ON_ROWS, PASSING, check
from lib.invariants.evidence import Evidence, Ledger, Violation, books_of
from lib.invariants.promises import promise_of
from lib.planning.skew import BEARABLE
from lib.store import queries
from lib.store.auditing import audited
from lib.store.sql import SqlStore
from lib.tools import Tools
from lib.views.checkup import LATER, PERSON, Finding

ROWS_BACK = timedelta(days=30)
"""So far back the rows of trades that have ended are looked through."""

BROKER_BACK = timedelta(days=7)
"""So far back the broker is asked for orders that have ended, and for fills."""

RUNS_BACK = 200
DECISIONS_BACK = 1000
SHOWN_MAX = 3
"""Of one invariant so many violations are told; where there are more, they have one cause."""

SECRET_CHARS_MIN = 8
"""What is shorter may stand anywhere by chance; Alpaca's keys have twenty characters and more."""

BLOCK = 1 << 20


def promised(
    store: SqlStore, row: Account, settings: Settings, now: datetime, tools: Tools | None
) -> Iterator[Finding]:
    """Hold one account against all that must be true of it; without tools, as far as its own rows go."""
    name, ledger, judges = row.account, Ledger(), {**ON_ROWS, **AUDIT}
    before = _newest_run(store, name)
    if tools is not None:
        try:
            ledger, judges = _ledger(tools, now), AT_REST
        except PipelineError as error:
            yield failed("rows", error, name)
    seen = _evidence(store, row, settings, ledger, now)
    if ledger.account_number not in {None, row.account_number} and row.account_number is not None:
        judges = {"I21": AT_REST["I21"]}  # whatever else differs, differs for that reason
    elif store.held_since(name) is not None or _newest_run(store, name) != before:
        judges = {**ON_ROWS, **AUDIT}
        what = "a pass is at work: not held against the broker now, run this again in a minute"
        yield Finding(name="rows", what=what, account=name)
    found = check(judges, seen)
    yield from _told(found, name)
    if not found:
        against = f", and the broker's record of {BROKER_BACK.days}" if judges is AT_REST else ""
        what = (
            f"{len(seen.books.trades)} trades of the last {ROWS_BACK.days} days hold what must always be true{against}"
        )
        yield Finding(name="rows", what=what, account=name)


def broken(name: str, message: str, account: str | None = None) -> Finding:
    """Say what is broken by its id, in words, and what to do."""
    promise = promise_of(name)
    level = LATER if name in PASSING else PERSON
    return Finding(
        name="rows", what=f"{promise.id}: {message} - {promise.holds}", level=level, do=promise.do, account=account
    )


def _told(found: Sequence[Violation], account: str) -> Iterator[Finding]:
    by_id: dict[str, list[Violation]] = {}
    for each in found:
        by_id.setdefault(each.id, []).append(each)
    for name, violations in by_id.items():
        for each in violations[:SHOWN_MAX]:
            yield broken(name, each.message, account)
        if len(violations) > SHOWN_MAX:
            yield broken(name, f"and {len(violations) - SHOWN_MAX} more of these", account)


def _newest_run(store: SqlStore, account: str) -> int:
    runs = queries.runs(store, account, limit=1)
    return runs[0].id if runs else 0


def _ledger(tools: Tools, now: datetime) -> Ledger:
    """Read the broker in the order that a pass reads it; an order that both lists show counts as shown last."""
    broker, since = tools.broker, now - BROKER_BACK
    live = broker.live_orders()
    orders = {order.id: order for order in (*live, *broker.orders_since(since))}
    fills, positions, account = broker.fills(since), broker.positions(), broker.account()
    return Ledger(
        orders=tuple(orders.values()),
        positions=positions,
        fills=fills,
        since=since,
        account_number=account.account_number,
        equity=account.equity,
        last_equity=account.last_equity,
    )


def _evidence(store: SqlStore, row: Account, settings: Settings, ledger: Ledger, now: datetime) -> Evidence:
    name = row.account
    shown = {order.id for parent in ledger.orders for order in (parent, *parent.legs)}
    rows = store.history(name, since=now - ROWS_BACK, broker_order_ids=shown)
    external = [change for change in queries.changes(store, name) if change.trade_id is None]
    runs, alerts = queries.runs(store, name, limit=RUNS_BACK), store.alerts(name)
    books = replace(
        books_of(rows),
        decisions=queries.decisions(store, name, limit=DECISIONS_BACK),
        changes=(*rows.changes, *external),
        runs=runs,
        alerts=alerts.events,
        stopped=alerts.stopped,
        account_number=row.account_number,
    )
    ids = {
        "trade_journal": [t.id for t in rows.trades],
        "order_execution": [o.id for o in rows.orders],
        "fill": [f.id for f in rows.fills],
        "quantity_change": [c.id for c in books.changes],
    }
    window = () if settings.always_open else sessions.load().between((now - ROWS_BACK).date(), now.date())
    return Evidence(
        now=now,
        books=replace(books, audited=audited(store, name, ids)),
        ledger=ledger,
        calendar=tuple(Hours(open=s.open, close=s.close) for s in window),
        limits=settings.limits,
        sent_since=max((s.open for s in window if s.open <= now), default=None),
        clocks_apart=BEARABLE,
        leaks=tuple(_leaks(settings, Path(settings.database_url.removeprefix(SQLITE)))),
    )


def _leaks(settings: Settings, database: Path) -> Iterator[str]:
    """Search the database and the logs for what only the settings may hold."""
    secrets = [key for access in settings.access.values() for key in (access.api_key, access.secret_key)]
    secrets += [address for address in (*settings.alert_urls, settings.heartbeat_url) if address]
    needles = [secret.encode() for secret in secrets if len(secret) >= SECRET_CHARS_MIN]
    logs = sorted((settings.state_dir / "log").glob("*"))
    for file in (database, database.with_name(f"{database.name}-wal"), *logs):
        if needles and file.is_file() and _holds(file, needles):
            yield str(file)


def _holds(file: Path, needles: Iterable[bytes]) -> bool:
    kept, longest = b"", max(map(len, needles))
    with file.open("rb") as source:
        while block := source.read(BLOCK):
            text = kept + block
            if any(needle in text for needle in needles):
                return True
            kept = text[-longest:]
    return False
