"""Which orders and activities a list shows, and in what order.

A cursor is a place in the sequence in which orders came in, not a time: the members of a group share one
`submitted_at`, so time cursors can drop siblings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.records import LIVE, NonTrade, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.records import Activity, Order

OPEN = LIVE - {Status.HELD}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders a list shows; the bounds are exclusive."""

    status: str
    limit: int
    after: datetime | None
    until: datetime | None
    ascending: bool
    nested: bool
    symbols: frozenset[str] | None
    side: str | None
    asset_classes: frozenset[str] | None
    after_seq: int | None
    before_seq: int | None
    as_of: datetime | None  # lists that lag show orders as they stood then


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """Which activities a list shows; the bounds are exclusive, and go by when a row was written, not by its day."""

    page_size: int
    page_token: str | None
    ascending: bool
    after: datetime | None
    until: datetime | None
    day: tuple[datetime, datetime] | None
    shows: Callable[[str], bool]
    """Whether it shows activities of a kind."""


def list_orders(book: Book, wanted: OrderFilter) -> list[Order]:
    """Return the orders that the filter lets through, legs beside their parents or, nested, not at all."""
    matching = (order for order in _candidates(book, wanted) if _shows(book, order, wanted))
    return list(islice(matching, wanted.limit))


def list_activities(book: Book, wanted: ActivityFilter) -> list[Activity | NonTrade]:
    """Return the activities that the filter lets through; they are kept in order of time."""
    ids = book.activity_ids()
    if wanted.page_token is not None:
        place = ids.index(wanted.page_token)
        ids = ids[place + 1 :] if wanted.ascending else ids[:place]
    if wanted.after is not None:
        ids = ids[bisect_right(ids, wanted.after, key=book.activity_time) :]
    if wanted.until is not None:
        ids = ids[: bisect_left(ids, wanted.until, key=book.activity_time)]
    if wanted.day is not None:
        first, last = (bisect_left(ids, bound, key=book.activity_time) for bound in wanted.day)
        ids = ids[first:last]
    found = map(book.activity, ids if wanted.ascending else reversed(ids))
    shown = (one for one in found if wanted.shows(_kind(one)))
    return list(islice(shown, wanted.page_size))


def _kind(activity: Activity | NonTrade) -> str:
    return activity.kind if isinstance(activity, NonTrade) else "FILL"


def seen(book: Book, order_ids: Iterable[str], as_of: datetime | None) -> Iterator[Order]:
    """Go through orders as lists show them: as they stood at `as_of`, without those that were not there yet."""
    for order in filter(None, map(book.order, order_ids)):
        version = order if as_of is None else _version(order, as_of)
        if version is not None:
            yield version


def _version(order: Order, as_of: datetime) -> Order | None:
    return next((version for version in (order, *reversed(order.earlier)) if version.updated_at <= as_of), None)


def _candidates(book: Book, wanted: OrderFilter) -> Iterator[Order]:
    # Lists that lag show orders as open that are not: any may be one.
    live = wanted.status == "open" and wanted.as_of is None
    ids = [order.id for order in _live_groups(book)] if live else book.order_ids()
    # Only the orders between the cursors are read: the older ones may be many, and are text still.
    if wanted.after_seq is not None:
        ids = ids[bisect_right(ids, wanted.after_seq, key=book.seq) :]
    if wanted.before_seq is not None:
        ids = ids[: bisect_left(ids, wanted.before_seq, key=book.seq)]
    return seen(book, ids if wanted.ascending else reversed(ids), wanted.as_of)


def _live_groups(book: Book) -> list[Order]:
    found: dict[str, Order] = {}
    for order in book.live():
        # A replacement that is not done yet is no member of the group.
        found[order.id] = order
        if order.parent_id is not None or order.leg_ids:
            found.update((member.id, member) for member in book.group(order))
    return sorted(found.values(), key=lambda order: order.seq)


def _shows(book: Book, order: Order, wanted: OrderFilter) -> bool:
    if wanted.nested and order.parent_id is not None:
        return False
    if wanted.symbols is not None and order.symbol not in wanted.symbols:
        return False
    if wanted.side is not None and order.side != wanted.side:
        return False
    if wanted.asset_classes is not None and order.asset_class not in wanted.asset_classes:
        return False
    if not _has_status(book, order, wanted):
        return False
    if wanted.after is not None and order.created_at <= wanted.after:
        return False
    return wanted.until is None or order.created_at < wanted.until


def _has_status(book: Book, order: Order, wanted: OrderFilter) -> bool:
    if wanted.status == "all":
        return True
    # A group is open while any member is; `held` legs are seen under their parent alone.
    group = seen(book, (order.id, *order.leg_ids), wanted.as_of)
    is_open = any(member.live for member in group) if wanted.nested else order.status in OPEN
    return is_open if wanted.status == "open" else not is_open and order.status is not Status.HELD
