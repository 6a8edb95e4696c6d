"""Symbols that the broker trades no more: no order is taken, and to ask in each pass would end in as many noes."""

from __future__ import annotations

from datetime import timedelta

from lib.domain.facts import Refusal
from lib.domain.states import REJECTED
from lib.planning.books import TradeBook, exits
from lib.planning.context import Context

AGAIN = timedelta(hours=1)
"""So long after a no, the symbol is tried again: it may trade once more, under this name."""


def refused_as_untradable(book: TradeBook, context: Context) -> str | None:
    """Return the broker's words if it refused the trade's newest exit as one in a symbol that is not traded."""
    tops = [o for o in exits(book) if o.parent_id is None]
    if not tops or tops[-1].order_status != REJECTED or context.now - tops[-1].created_at >= AGAIN:
        return None
    code, _, words = (tops[-1].reject_reason or "").partition(": ")
    return words if code == Refusal.NOT_TRADABLE else None
