"""The trade journal as a page: one row a trade, and what they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lib.domain.money import ZERO
from lib.domain.records import Trade
from lib.domain.states import TradeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One trade. `qty` is what was bought, or what is wanted while nothing was; `exit` is the average price.

    Slippage is a cost where positive.
    """

    id: int
    decision_id: int
    symbol: str
    style: str
    status: str
    qty: Decimal
    planned_qty: Decimal
    planned_entry: Decimal
    planned_stop: Decimal
    planned_target: Decimal | None
    actual_entry: Decimal | None
    exit: Decimal | None
    reason: str | None
    pnl: Decimal | None
    note: str | None
    ordered_at: datetime
    entry_time: datetime | None
    exit_time: datetime | None
    decided_at: datetime | None
    entry_submitted_at: datetime | None
    entry_acknowledged_at: datetime | None
    entry_filled_at: datetime | None
    protected_at: datetime | None
    arrival_bid: Decimal | None
    arrival_ask: Decimal | None
    arrival_quote_time: datetime | None
    entry_slippage: Decimal | None
    entry_slippage_bps: Decimal | None
    exit_reference: Decimal | None
    exit_slippage: Decimal | None
    exit_slippage_bps: Decimal | None
    slippage: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalTotals:
    """What the rows add up to. P&L is gross; a trade without a result yet is in no sum.

    `slippage` is that of the trades in `gross_pnl`, None while it was measured for none of them.
    """

    trades: int
    by_status: Mapping[str, int]
    gross_pnl: Decimal
    wins: int
    losses: int
    even: int
    slippage: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """The journal."""

    rows: tuple[JournalRow, ...]
    totals: JournalTotals


def journal_page(trades: Iterable[Trade]) -> JournalPage:
    """Lay out trades in the order in which they come."""
    rows = tuple(_row(trade) for trade in trades)
    return JournalPage(rows=rows, totals=_totals(rows))


def _row(trade: Trade) -> JournalRow:
    return JournalRow(
        id=trade.id,
        decision_id=trade.decision_id,
        symbol=trade.symbol,
        style=trade.trade_style,
        status=trade.status,
        qty=trade.actual_qty or trade.planned_qty,
        planned_qty=trade.planned_qty,
        planned_entry=trade.planned_entry,
        planned_stop=trade.planned_sl,
        planned_target=trade.planned_tp,
        actual_entry=trade.actual_entry,
        exit=trade.exit_price,
        reason=trade.exit_reason,
        pnl=trade.actual_pnl,
        note=trade.note,
        ordered_at=trade.created_at,
        entry_time=trade.entry_time,
        exit_time=trade.exit_time,
        decided_at=trade.decided_at,
        entry_submitted_at=trade.entry_submitted_at,
        entry_acknowledged_at=trade.entry_acknowledged_at,
        entry_filled_at=trade.entry_filled_at,
        protected_at=trade.protected_at,
        arrival_bid=trade.arrival_bid,
        arrival_ask=trade.arrival_ask,
        arrival_quote_time=trade.arrival_quote_time,
        entry_slippage=trade.entry_slippage,
        entry_slippage_bps=trade.entry_slippage_bps,
        exit_reference=trade.exit_reference,
        exit_slippage=trade.exit_slippage,
        exit_slippage_bps=trade.exit_slippage_bps,
        slippage=trade.slippage,
    )


def _totals(rows: tuple[JournalRow, ...]) -> JournalTotals:
    counted = Counter(row.status for row in rows)
    known = [status.value for status in TradeStatus]
    order = [*known, *sorted(counted.keys() - set(known))]
    results = [row.pnl for row in rows if row.pnl is not None]
    measured = [row.slippage for row in rows if row.pnl is not None and row.slippage is not None]
    return JournalTotals(
        trades=len(rows),
        by_status={status: counted[status] for status in order if counted[status]},
        gross_pnl=sum(results, ZERO),
        wins=sum(1 for pnl in results if pnl > 0),
        losses=sum(1 for pnl in results if pnl < 0),
        even=sum(1 for pnl in results if pnl == 0),
        slippage=sum(measured, ZERO) if measured else None,
    )
