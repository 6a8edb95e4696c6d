"""What the broker says, as frozen records: the half of a plan's input that is not ours to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from lib.domain.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """One order at the broker. Words are Alpaca's (`canceled` spelled `cancelled`); absent values are None."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    kind: str  # the broker's `type`
    order_class: str  # "simple" for Alpaca's empty text
    status: str
    time_in_force: str
    qty: Decimal | None
    filled_qty: Decimal = ZERO
    filled_avg_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    submitted_at: datetime | None = None
    filled_at: datetime | None = None
    ended_at: datetime | None = None  # cancelled, expired or failed
    expires_at: datetime | None = None
    replaces: str | None = None
    replaced_by: str | None = None
    legs: tuple[BrokerOrder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FillActivity:
    """One FILL row of the broker's ledger."""

    id: str
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    transaction_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One row of the broker's ledger that is no fill: a fee, a dividend, a split, a new name, a transfer.

    `qty` is what the position gained or, below zero, lost; `net_amount` the same in dollars. The date is New York's.
    """

    id: str
    kind: str  # Alpaca's activity_type: FEE, CFEE, DIV, SPLIT, NC, REORG, …
    date: date
    symbol: str | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    net_amount: Decimal | None = None
    order_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One corporate action as announced. A split turns `old_rate` shares into `new_rate`; dates are New York's."""

    kind: str  # forward_split, reverse_split, name_change, worthless_removal, cash_merger, …
    symbol: str
    ex_date: date
    old_rate: Decimal | None = None
    new_rate: Decimal | None = None
    new_symbol: str | None = None
    rate: Decimal | None = None  # dollars a share, of a merger or removal for cash


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """One position at the broker; `qty` is positive for long and negative for short."""

    symbol: str
    qty: Decimal
    qty_available: Decimal
    avg_entry_price: Decimal | None = None
    asset_class: str = "us_equity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The latest bid and ask of a symbol; a side without a quote is None (Alpaca writes 0)."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What the broker says of a symbol."""

    symbol: str
    tradable: bool
    fractionable: bool = False
    shortable: bool = False
    borrow_status: str | None = None  # Alpaca's word; "hard_to_borrow" takes DAY orders only
    min_order_size: Decimal | None = None  # coins: the least quantity, its step and that of the price
    min_trade_increment: Decimal | None = None
    price_increment: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The account's money and standing."""

    account_number: str
    equity: Decimal
    cash: Decimal
    buying_power: Decimal
    blocked: bool = False
    shorting_enabled: bool = False
    last_equity: Decimal | None = None  # at the close of the previous session
    at: datetime | None = None  # the broker's clock as it answered, cut to the second; None if it did not say


class Refusal(StrEnum):
    """The broker's definite noes, as far as a plan tells them apart."""

    STOP_THROUGH = "STOP_THROUGH"  # the stop is at or above the market
    TARGET_THROUGH = "TARGET_THROUGH"  # the target is at or below the market
    NOT_BOOKED = "NOT_BOOKED"  # no position the exit could close: not booked yet, or gone
    SHARES_RESERVED = "SHARES_RESERVED"  # other orders hold the shares
    WASH_TRADE = "WASH_TRADE"  # an own opposite order would match it
    BUYING_POWER = "BUYING_POWER"
    RATE_LIMIT = "RATE_LIMIT"
    NOT_TRADABLE = "NOT_TRADABLE"  # the broker trades the symbol no more, or not now
    SYMBOL_HALTED = "SYMBOL_HALTED"  # trading in it is halted, and an order at market is refused
    DAY_ONLY = "DAY_ONLY"  # a hard-to-borrow asset, or a fraction: GTC is refused
    NO_SUCH_STATE = "NO_SUCH_STATE"  # a cancel or replacement came too late or too early for the order's state
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The broker took the request. A cancel carries no order: it is a request, not an end."""

    order: BrokerOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A definite no to this very request."""

    refusal: Refusal
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """It may have happened: time-out, 5xx, reset, unreadable answer, or an id already in use."""

    message: str


Outcome = Accepted | Rejected | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One look at the broker, read in this order: live orders, targeted reads, fills, positions, the rest.

    `by_client_id` holds the look-ups of orders whose outcome is unknown (None: the broker says 404);
    `by_id` the targeted reads of orders that the live list did not show; `position_reads` the targeted
    reads of positions that looked absent. Maps that were not read are empty.
    """

    at: datetime
    live: tuple[BrokerOrder, ...] = ()
    by_id: Mapping[str, BrokerOrder] = field(default_factory=dict)
    by_client_id: Mapping[str, BrokerOrder | None] = field(default_factory=dict)
    fills: tuple[FillActivity, ...] = ()
    positions: Mapping[str, BrokerPosition] = field(default_factory=dict)
    position_reads: Mapping[str, BrokerPosition | None] = field(default_factory=dict)
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    assets: Mapping[str, Asset | None] = field(default_factory=dict)
    account: AccountFacts | None = None
    market_open: bool | None = None  # the broker's word at this moment; None if it was not asked
    activities: tuple[Activity, ...] = ()
    fees_from: date | None = None  # first day whose fees `activities` has whole; None: they were not asked for
    announcements: tuple[Announcement, ...] = ()
    announcements_read: bool | None = None  # None: not asked for; False: the broker did not tell them


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something a person should know, that makes the pass incomplete (exit code 1) while it lasts."""

    code: str
    message: str
    symbol: str | None = None
    uncovered_qty: Decimal | None = None
    cause: str | None = None  # of uncovered shares: what the broker imposes, if it is that
