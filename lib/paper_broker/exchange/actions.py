"""Corporate actions as they are announced: what, of which symbol, from which day on.

An action takes effect at midnight in New York as its ex-date begins, before anything trades on that day: Alpaca's own
example of a reverse split has `executed_at` there (docs.alpaca.markets, "SSE Events", non-trade activities).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from lib.domain.money import ONE, ZERO
from lib.paper_broker.exchange.hours import NEW_YORK, midnight

if TYPE_CHECKING:
    from collections.abc import Sequence


class ActionKind(StrEnum):
    """The kinds of actions, in the words of Alpaca's market data."""

    FORWARD_SPLIT = "forward_split"
    REVERSE_SPLIT = "reverse_split"
    CASH_DIVIDEND = "cash_dividend"
    STOCK_DIVIDEND = "stock_dividend"
    NAME_CHANGE = "name_change"
    CASH_MERGER = "cash_merger"
    WORTHLESS_REMOVAL = "worthless_removal"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """One announced action."""

    id: str
    kind: ActionKind
    symbol: str
    ex_date: date
    old_rate: Decimal = ONE  # so many shares become ...
    new_rate: Decimal = ONE  # ... so many
    rate: Decimal = ZERO  # per share: money of a dividend or a merger, new shares of a stock dividend
    new_symbol: str | None = None
    record_date: date | None = None
    payable_date: date | None = None
    announced_at: datetime | None = None  # None: known since ever
    cusip: str = ""
    new_cusip: str = ""
    special: bool = False
    foreign: bool = False

    @property
    def begins(self) -> datetime:
        """Return when it takes effect."""
        return start_of(self.ex_date)

    @property
    def pays(self) -> datetime:
        """Return when its money comes: on the day that was announced, else at once."""
        return max(start_of(self.payable_date), self.begins) if self.payable_date else self.begins

    @property
    def shares(self) -> Decimal:
        """Return how many shares there are afterwards for one before."""
        if self.kind is ActionKind.STOCK_DIVIDEND:
            return ONE + self.rate
        return self.new_rate / self.old_rate

    def known(self, now: datetime) -> bool:
        """Say whether it has been announced."""
        return self.announced_at is None or self.announced_at <= now


@cache
def start_of(day: date) -> datetime:
    """Return the instant at which a day begins in New York."""
    return midnight(day, NEW_YORK)


def factor(actions: Sequence[CorporateAction], symbol: str, since: datetime, until: datetime) -> Decimal:
    """Return how many shares one share of `since` is at `until`; a price of `since` is divided by it."""
    return earlier(actions, symbol, since, until)[1]


def earlier(actions: Sequence[CorporateAction], symbol: str, since: datetime, until: datetime) -> tuple[str, Decimal]:
    """Return what a symbol of `until` was called at `since`, and how many shares one share of then is now.

    The actions are in the order in which they took effect; what came before a new name was of the old one.
    """
    shares = ONE
    for action in reversed(actions):
        if not since < action.begins <= until:
            continue
        if action.new_symbol == symbol:
            symbol = action.symbol
        elif action.symbol == symbol:
            shares *= action.shares
    return symbol, shares
