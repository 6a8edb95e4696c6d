"""What the broker says, as frozen records: the half of a plan's input that is not ours to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The account's money and standing."""

    account_number: str
    equity: Decimal
    cash: Decimal
    buying_power: Decimal
    blocked: bool = False


class Refusal(StrEnum):
    """The broker's definite noes, as far as a plan tells them apart."""

    STOP_THROUGH = "STOP_THROUGH"  # the stop is at or above the market
    TARGET_THROUGH = "TARGET_THROUGH"  # the target is at or below the market
    NOT_BOOKED = "NOT_BOOKED"  # no position the exit could close: not booked yet, or gone
    SHARES_RESERVED = "SHARES_RESERVED"  # other orders hold the shares
    WASH_TRADE = "WASH_TRADE"  # an own opposite order would match it
    BUYING_POWER = "BUYING_POWER"
    RATE_LIMIT = "RATE_LIMIT"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something a person should know, that makes the pass incomplete (exit code 1) while it lasts."""

    code: str
    message: str
    symbol: str | None = None
    uncovered_qty: Decimal | None = None
