"""What the exchange keeps about orders, executions, other activities, positions and the account.

Records are frozen: a change makes a new one and puts it in the book. Facts of Alpaca that belong to an answer and not
to a record (which fields, which are strings) are in `answers/`; the text form of records is in `rows.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from lib.domain.money import ZERO
from lib.paper_broker.exchange.actions import CorporateAction
from lib.paper_broker.exchange.assets import AssetClass

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER = datetime.max.replace(tzinfo=UTC)


class Status(StrEnum):
    """The order states this exchange uses, spelled as Alpaca spells them."""

    PENDING_NEW = "pending_new"  # received in the session, the venue has not answered yet
    ACCEPTED = "accepted"  # received outside the session, works from the next open
    NEW = "new"  # in the book
    PARTIALLY_FILLED = "partially_filled"  # in the book, part of it filled
    HELD = "held"  # a leg that waits beside its parent, not in the book
    PENDING_CANCEL = "pending_cancel"  # a cancel was taken but is not done; may still fill
    PENDING_REPLACE = "pending_replace"  # a replacement was taken but is not done; may still fill
    FILLED = "filled"
    CANCELED = "canceled"  # may have filled in part
    EXPIRED = "expired"  # may have filled in part
    REPLACED = "replaced"  # may have filled in part; another order goes on
    REJECTED = "rejected"  # refused after it was taken


LIVE = frozenset(
    {
        Status.PENDING_NEW,
        Status.ACCEPTED,
        Status.NEW,
        Status.PARTIALLY_FILLED,
        Status.HELD,
        Status.PENDING_CANCEL,
        Status.PENDING_REPLACE,
    }
)
WORKING = LIVE - {Status.ACCEPTED, Status.PENDING_NEW}


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Kind(StrEnum):
    """The order types."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


LIMITED = frozenset({Kind.LIMIT, Kind.STOP_LIMIT})
STOPS = frozenset({Kind.STOP, Kind.STOP_LIMIT, Kind.TRAILING_STOP})
FIXED_STOPS = STOPS - {Kind.TRAILING_STOP}
"""The types whose stop stays where their sender put it."""


class OrderClass(StrEnum):
    """How orders hang together."""

    SIMPLE = "simple"
    BRACKET = "bracket"
    OCO = "oco"
    OTO = "oto"


ENTERING = frozenset({OrderClass.BRACKET, OrderClass.OTO})
"""The classes whose first order is an entry, and the legs its exits."""


class TimeInForce(StrEnum):
    """How long an order lives."""

    DAY = "day"
    GTC = "gtc"
    OPG = "opg"  # the opening auction
    CLS = "cls"  # the closing auction
    IOC = "ioc"  # what does not fill at once is canceled
    FOK = "fok"  # all at once or nothing


class Role(StrEnum):
    """What a leg is for."""

    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order as it stands."""

    id: str
    seq: int
    client_order_id: str
    symbol: str
    side: Side
    kind: Kind
    order_class: OrderClass
    time_in_force: TimeInForce
    position_intent: str
    qty: Decimal
    status: Status
    created_at: datetime
    updated_at: datetime
    works_from: datetime
    expires_at: datetime
    asset_class: AssetClass = AssetClass.US_EQUITY
    notional: Decimal | None = None  # money asked for instead of a quantity; qty is then what it comes to
    extended_hours: bool = False
    filled_qty: Decimal = ZERO
    filled_notional: Decimal = ZERO
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    reserve_price: Decimal = ZERO  # what an order that opens a position sets aside per share
    evaluations: int = 0  # fills it was eligible for so far; the key of its next draw
    parent_id: str | None = None
    role: Role | None = None
    leg_ids: tuple[str, ...] = ()
    replaces: str | None = None
    replaced_by: str | None = None
    elected_at: datetime | None = None
    cancel_at: datetime | None = None  # when a cancel that was taken is done
    replace_at: datetime | None = None  # when a replacement that was taken is done
    filled_at: datetime | None = None
    canceled_at: datetime | None = None
    expired_at: datetime | None = None
    replaced_at: datetime | None = None
    failed_at: datetime | None = None
    earlier: tuple[Order, ...] = ()  # what lists still show of it, oldest first

    @property
    def remaining(self) -> Decimal:
        """Return what has not filled."""
        return self.qty - self.filled_qty

    @property
    def live(self) -> bool:
        """Say whether it may still fill."""
        return self.status in LIVE

    @property
    def waiting(self) -> bool:
        """Say whether it stands for no shares yet: a leg until its entry has filled, a replacement until it is done."""
        return self.works_from == NEVER

    @property
    def root_id(self) -> str:
        """Return the id of the group's first order, its own when it stands alone."""
        return self.parent_id or self.id

    @property
    def complex(self) -> bool:
        """Say whether it is one of the kinds that the wash-trade rule exempts."""
        return self.order_class is not OrderClass.SIMPLE or self.kind is Kind.TRAILING_STOP


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One execution."""

    id: str
    seq: int
    order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime
    cum_qty: Decimal
    leaves_qty: Decimal
    fee: Decimal = ZERO  # of a coin's execution, in what was received: coins bought or money


@dataclass(frozen=True, slots=True, kw_only=True)
class NonTrade:
    """One activity that is no execution: a fee, a dividend, a split, a new name."""

    id: str
    seq: int
    kind: str  # FEE, CFEE, DIV, SPLIT, NC, ...
    at: datetime
    day: date
    net_amount: Decimal = ZERO
    symbol: str | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    per_share_amount: Decimal | None = None
    sub_kind: str | None = None
    group_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares held, below zero when sold short, and what they cost, with the same sign."""

    symbol: str
    qty: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbooked:
    """A fill that positions do not show yet."""

    due: datetime
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasing:
    """Shares that a canceled order still sets aside."""

    due: datetime
    symbol: str
    side: Side
    qty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitled:
    """A dividend that was earned and is not paid yet."""

    due: datetime
    symbol: str
    qty: Decimal
    rate: Decimal
    record_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class HandQuote:
    """A quote set by hand; zero means that nobody bids or offers."""

    bid: Decimal
    ask: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the account's owner has set."""

    suspend_trade: bool = False
    no_shorting: bool = False
    fractional_trading: bool = True
    max_margin_multiplier: str = "4"
    trade_confirm_email: str = "all"
    ptp_no_exception_entry: bool = False
    disable_overnight_trading: bool = False
    max_options_trading_level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account, the fills it has yet to book, and what was set by hand about the market."""

    id: str
    number: str
    seed: int
    created_at: datetime
    cash: Decimal
    counter: int = 0
    unbooked: tuple[Unbooked, ...] = ()
    by_hand: tuple[tuple[str, HandQuote], ...] = ()
    configuration: Configuration = Configuration()
    facts_by_hand: tuple[tuple[str, str], ...] = ()
    """What was said of assets by hand: symbol, and a JSON object that overrides what is known of it."""
    releasing: tuple[Releasing, ...] = ()
    fees_due: datetime | None = None  # when fees are posted next
    announced: tuple[CorporateAction, ...] = ()
    """Corporate actions announced by hand, beside those of the price directory."""
    acted: tuple[CorporateAction, ...] = ()
    """Those that have changed quantities or names, so that older prices can be read."""
    acted_until: datetime | None = None
    entitled: tuple[Entitled, ...] = ()

    def hand_quote(self, symbol: str) -> HandQuote | None:
        """Return the quote set by hand, if there is one."""
        return dict(self.by_hand).get(symbol)

    def with_hand_quote(self, symbol: str, quote: HandQuote | None) -> Account:
        """Return the account with a quote set by hand, or without one."""
        others = {name: held for name, held in self.by_hand if name != symbol}
        if quote is not None:
            others[symbol] = quote
        return replace(self, by_hand=tuple(sorted(others.items())))

    def asset_facts(self, symbol: str) -> dict[str, object]:
        """Return what was said of an asset by hand."""
        said = dict(self.facts_by_hand).get(symbol)
        return dict(json.loads(said)) if said else {}

    def with_asset_facts(self, symbol: str, facts: Mapping[str, object] | None) -> Account:
        """Return the account with what is said of an asset by hand, or with nothing said of it."""
        others = {name: said for name, said in self.facts_by_hand if name != symbol}
        if facts:
            others[symbol] = json.dumps(dict(sorted(facts.items())))
        return replace(self, facts_by_hand=tuple(sorted(others.items())))
