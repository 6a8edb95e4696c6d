"""The broker as the stages see it.

Reads return facts or raise BrokerUnavailable (also for an answer that cannot be read: an error is never an
empty answer), KeysRefused. Writes never raise for what the broker did or did not do: the outcome is a value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from lib.domain.facts import (
    AccountFacts,
    Activity,
    Announcement,
    Asset,
    BrokerOrder,
    BrokerPosition,
    FillActivity,
    Outcome,
    Quote,
)
from lib.sessions import Session


class Broker(Protocol):
    """One account at one broker."""

    def account(self) -> AccountFacts:
        """Return the account's money and number."""

    def is_open(self) -> bool:
        """Say whether the market is open at this moment, whatever the calendar said before."""

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the sessions whose New York date lies in [first, last]."""

    def live_orders(self) -> tuple[BrokerOrder, ...]:
        """Return every live order, legs nested under their parents, `held` ones included; all pages."""

    def order(self, broker_order_id: str) -> BrokerOrder | None:
        """Return one order by the broker's id, legs nested; None for a definite 404."""

    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        """Return the order sent under `client_order_id`, legs nested; None for a definite 404."""

    def orders_since(self, since: datetime) -> tuple[BrokerOrder, ...]:
        """Return every order submitted after `since`, whatever became of it, oldest first, legs nested; all pages."""

    def fills(self, since: datetime) -> tuple[FillActivity, ...]:
        """Return every execution after `since`, oldest first; all pages."""

    def activities(self, kinds: Collection[str], since: datetime) -> tuple[Activity, ...]:
        """Return what moved the account after `since` and is no fill, of these kinds, in order of id; all pages.

        Its rows have a day and often no time of day, so `since` should be some days back.
        """

    def announcements(self, symbols: Sequence[str], first: date, last: date) -> tuple[Announcement, ...]:
        """Return the corporate actions of the symbols that are dated in [first, last], as far as they are known now."""

    def positions(self) -> Mapping[str, BrokerPosition]:
        """Return every open position by symbol."""

    def position(self, symbol: str) -> BrokerPosition | None:
        """Return one position; None for a definite 404."""

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the latest quotes, in one call per 200 symbols; symbols without a quote are absent."""

    def asset(self, symbol: str) -> Asset | None:
        """Return what the broker says of a symbol; None for a definite 404."""

    def submit(self, body: Mapping[str, object]) -> Outcome:
        """Send one order body exactly as given, once; never sent again by itself."""

    def cancel(self, broker_order_id: str) -> Outcome:
        """Ask for the cancel of one order; Accepted means requested, not done."""

    def replace(self, broker_order_id: str, body: Mapping[str, object]) -> Outcome:
        """Ask for other prices of one order, once; Accepted means requested: either order may still fill."""

    @property
    def time_outs(self) -> int:
        """Count the requests so far that met silence: a time-out or a failed connection, a read after its retries."""

    @property
    def where(self) -> str:
        """Say in words which broker and environment this is, for the first line of each result."""
