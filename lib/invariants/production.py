"""What every pass asserts at its end, by rows and answers that it has read anyway.

What our own rows say is certain, and halts the account at once. What is compared with the broker may be torn: it must
be so in two passes a minute apart, and by targeted reads, before it halts the symbol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.domain.facts import AccountFacts, Problem, Snapshot
from lib.domain.limits import BOOKING_LAG_MAX, Limits
from lib.domain.records import Rows
from lib.invariants import allowed, always, settled
from lib.invariants.catalogue import Invariant, check
from lib.invariants.evidence import Evidence, Ledger, Violation, books_of
from lib.invariants.trail import moved_back

OF_ROWS: Mapping[str, Invariant] = {
    "I11": always.rows_agree,
    "I20": allowed.halts_kept,
    "I29": allowed.limits_kept,
}

BySymbol = Callable[[Evidence], Iterator[tuple[str, str]]]
OF_BROKER: Mapping[str, Mapping[str, BySymbol]] = {
    "order_executor": {},
    "order_monitor": {"I3": always.exits_beyond_held},
    "position_monitor": {"I5": settled.quantities_apart},
}
"""By stage: the one that has just put it right, or said why it cannot."""

CONFIRMED = timedelta(seconds=60)
"""Two passes at least this far apart must see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a pass has read: the rows of its first and of its last look, and the broker's last answers."""

    first: Rows
    last: Rows
    snapshot: Snapshot | None
    account: AccountFacts | None = None


def broken_rows(seen: Seen, limits: Limits, *, started: datetime, now: datetime) -> tuple[Violation, ...]:
    """I10, I11, I20, I29 by our own rows."""
    equity = None if seen.account is None else seen.account.equity
    evidence = Evidence(
        now=now, books=books_of(seen.last), ledger=Ledger(equity=equity), limits=limits, sent_since=started
    )
    return (*moved_back(books_of(seen.first), evidence.books), *check(OF_ROWS, evidence))


def apart_from_broker(stage: str, rows: Rows, snapshot: Snapshot) -> tuple[Problem, ...]:
    """I3, I5 by what the broker has just shown; one for each symbol."""
    ledger = Ledger(orders=(*snapshot.live, *snapshot.by_id.values()), positions=snapshot.positions)
    evidence = Evidence(now=snapshot.at, books=books_of(rows), ledger=ledger)
    return tuple(
        Problem(code="DISAGREES", message=f"{name}: {symbol}: {words}", symbol=symbol)
        for name, judge in OF_BROKER[stage].items()
        for symbol, words in judge(evidence)
        if not (_is_users_coin(symbol, rows, snapshot) or _is_fresh(symbol, rows, snapshot))
    )


def _is_fresh(symbol: str, rows: Rows, snapshot: Snapshot) -> bool:
    """Say whether the symbol traded so lately that the position need not show it yet: a busy grid may at every look."""
    return any(f.symbol == symbol and snapshot.at - f.transaction_time < BOOKING_LAG_MAX for f in rows.fills)


def _is_users_coin(symbol: str, rows: Rows, snapshot: Snapshot) -> bool:
    """Say whether a coin is in no book of ours: what the user holds of those is not counted."""
    held = snapshot.positions.get(symbol)
    return held is not None and held.asset_class == "crypto" and not any(p.symbol == symbol for p in rows.positions)
