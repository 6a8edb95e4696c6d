"""The rows of the tables, as frozen records. Field names are the columns' names (`approve` is `Approve`).

Only `Decision`, and `Strategy` of `domain.grids`, hold raw text: people, AIs and spreadsheets write those tables, so
their numbers are parsed by a rule (`planning.deciding.decisions`) that can refuse them, not by the store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from lib.domain.grids import RoundTrip, Strategy
from lib.domain.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One row of `analysis_decision`, as written: numbers and words are raw text or None."""

    id: int
    account: str
    version: int
    symbol: str | None
    action: str | None
    planned_entry: str | None
    planned_sl: str | None
    planned_tp: str | None
    trade_style: str | None
    side: str | None
    qty: str | None
    trail_percent: str | None
    target_decision_id: str | None = None
    close_price: str | None = None
    expires_at: str | None = None
    approve: object = None  # only True or the integer 1 approves
    executed: object = None
    approved_digest: str | None = None
    approved_seen_at: datetime | None = None
    executed_at: datetime | None = None
    execution_status: str | None = None
    execution_note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One row of `trade_journal`: a trade from its order to its close, with a frozen copy of the numbers."""

    id: int
    account: str
    version: int
    decision_id: int
    symbol: str
    side: str
    trade_style: str
    status: str
    planned_entry: Decimal
    planned_sl: Decimal
    planned_tp: Decimal | None
    trail_percent: Decimal | None
    planned_qty: Decimal
    created_at: datetime
    actual_entry: Decimal | None = None
    actual_qty: Decimal | None = None
    entry_time: datetime | None = None
    exit_price: Decimal | None = None
    exit_qty: Decimal | None = None
    exit_time: datetime | None = None
    exit_reason: str | None = None
    exit_evidence: str | None = None
    actual_pnl: Decimal | None = None
    fees: Decimal | None = None
    fees_final: bool | None = None
    net_pnl: Decimal | None = None
    wanted: str | None = None
    note: str | None = None
    decided_at: datetime | None = None  # its approval was first seen
    entry_submitted_at: datetime | None = None
    entry_acknowledged_at: datetime | None = None
    entry_filled_at: datetime | None = None  # last fill so far; `entry_time` is the first
    protected_at: datetime | None = None  # all owned shares were covered for the first time
    arrival_bid: Decimal | None = None  # the quote that was seen when the entry was sent
    arrival_ask: Decimal | None = None
    arrival_quote_time: datetime | None = None
    entry_slippage: Decimal | None = None  # money; like all slippage a cost where positive
    entry_slippage_bps: Decimal | None = None
    exit_reference: Decimal | None = None  # average of the levels that the exits were to get
    exit_slippage: Decimal | None = None
    exit_slippage_bps: Decimal | None = None
    slippage: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One row of `order_execution`: a broker order wanted or had; the stop leg of an OCO is a row too.

    It is a trade's or a grid's: one of `trade_id` and `strategy_id` is None.
    """

    id: int
    account: str
    version: int
    trade_id: int | None
    client_order_id: str
    order_type: str  # the spec's name for the order's role: ENTRY, STOP_LOSS, TAKE_PROFIT, EXIT; GRID
    kind: str  # the broker's type: limit, market, stop, trailing_stop
    side: str
    symbol: str
    qty: Decimal
    time_in_force: str
    order_status: str
    created_at: datetime
    parent_id: int | None = None
    payload: str | None = None  # the request body as frozen in the intent; legs have none
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    alpaca_order_id: str | None = None
    filled_qty: Decimal = ZERO
    filled_avg_price: Decimal | None = None
    filled_at: datetime | None = None
    reject_reason: str | None = None
    replaces: int | None = None
    expires_at: datetime | None = None
    strategy_id: int | None = None
    cell: int | None = None  # None for a grid's first and closing orders
    attempt: int = 1
    submitted_at: datetime | None = None
    acknowledged_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    replace_requested_at: datetime | None = None
    missing_at: datetime | None = None  # first time the broker said that it has no such order
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One row of `fill`: one execution at the broker; of its columns only the fee comes later."""

    id: int
    account: str
    activity_id: str
    order_id: int
    trade_id: int | None  # None for an order of a grid
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    transaction_time: datetime
    version: int = 1
    fee: Decimal | None = None
    commission_asset: str | None = None
    is_maker: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One row of `position_tracking`: the open position of one trade."""

    id: int
    account: str
    version: int
    trade_id: int
    symbol: str
    qty: Decimal
    avg_entry_price: Decimal
    cost_basis: Decimal
    covered_qty: Decimal
    current_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    last_updated: datetime | None = None
    quote_time: datetime | None = None
    stale: bool = False
    stop_loss_order_id: int | None = None
    take_profit_order_id: int | None = None
    missing_since: datetime | None = None  # first look at which the broker held less than this


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityChange:
    """One row of `quantity_change`: a change of quantity that is no fill of ours.

    `trade_id` None is the external bucket: shares the user holds outside this system.
    """

    id: int
    account: str
    symbol: str
    delta: Decimal
    cause: str
    at: datetime
    trade_id: int | None = None
    price: Decimal | None = None
    activity_id: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One row of `protection_coverage`: an interval in which the cover of one trade did not change.

    `to_time` None is the interval that is still on. `seconds_uncovered` is its length if shares were uncovered, 0 if
    none was; None while it is on. `cause` says why shares were uncovered, where the reason is known.
    """

    id: int
    account: str
    version: int
    trade_id: int
    symbol: str
    from_time: datetime
    owned_qty: Decimal
    covered_qty: Decimal
    to_time: datetime | None = None
    seconds_uncovered: int | None = None
    cover_dies_at: datetime | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One row of `control`: what may be done in a scope (`all`, `account:NAME` or `symbol:NAME:SYMBOL`)."""

    id: int
    account: str
    version: int
    scope: str
    state: str
    reason: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One row of `account`: a broker account as pinned."""

    id: int
    account: str
    version: int
    namespace: str
    broker: str | None = None
    environment: str | None = None
    account_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """One row of `stage_run`: one pass of one stage over one account."""

    id: int
    account: str
    stage: str
    run_id: str
    started_at: datetime
    finished_at: datetime
    outcome: str  # done, incomplete, skipped
    complete: bool  # claimed all new trades of its session's window (order_executor without --decision)
    rounds: int = 0
    actions: int = 0
    failed: int = 0
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a pass reads from the store, for one account.

    `trades` are those a pass can still change: ORDERED, POSITION, and CANCELLED or CLOSED ones that have an
    order which is live or still watched; `grids` those neither STOPPED nor REJECTED, and others with such an order.
    `orders` and `fills` are all rows of both, `positions` of those trades. `changes` are those trades' and the
    external bucket's. `decisions` are the approved rows still unexecuted and the claimed rows of `trades`.
    """

    account: Account
    decisions: tuple[Decision, ...] = ()
    trades: tuple[Trade, ...] = ()
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    positions: tuple[Position, ...] = ()
    changes: tuple[QuantityChange, ...] = ()
    coverage: tuple[Coverage, ...] = ()  # of those trades, the intervals that are still on
    controls: tuple[Control, ...] = ()
    last_runs: tuple[StageRun, ...] = ()  # newest clean run of each stage, and newest complete executor run
    traded_decision_ids: frozenset[int] = field(default_factory=frozenset)  # of `decisions`: has a journal row
    today: tuple[Trade, ...] = ()  # made or ended in the session that is on; order_executor alone reads them
    namespaces: frozenset[str] = field(default_factory=frozenset)  # older ones of the account; a backfill reads them
    grids: tuple[Strategy, ...] = ()
    round_trips: frozenset[tuple[str, str]] = field(default_factory=frozenset)  # of `grids`: entry and exit fill
    trips: tuple[RoundTrip, ...] = ()  # the same rows whole; a history alone has them
