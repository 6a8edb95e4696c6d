"""The forms of values in Alpaca's answers.

Quantities, prices and money are JSON strings; only market data has numbers. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import UTC
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import text

if TYPE_CHECKING:
    from datetime import datetime


NINE_PLACES = Decimal("0.000000001")

Json = dict[str, object]


def instant(at: datetime | None) -> str | None:
    """Write an instant as Alpaca does."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def number(value: Decimal | None) -> str | None:
    """Write a quantity, a price or money as a string."""
    return text(value) if value is not None else None


def rounded(value: Decimal) -> str:
    """Write a quotient: nine decimals, as Alpaca keeps them."""
    return text(value.quantize(NINE_PLACES, rounding=ROUND_HALF_EVEN))
