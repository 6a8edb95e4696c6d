"""What most lives begin with: an entry of ten at 150 that fills in parts, is covered, and is held over a night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from lib.domain.limits import Limits
from lib.paper_broker.options import Options
from lib.simulation.lifecycles.plain import SWING_AAPL
from lib.simulation.lifecycles.shape import Act, Lifecycle, at, steps

THREE_LOOKS = timedelta(minutes=11)
"""As `watched`: three ticks, enough for what one fault spoils."""

FOUR_THEN_SIX = ((at(16, 15, 4), "149.50"), (at(16, 15, 14), "149"))
"""Four are bought at 149.51, six at 149.01, for 1492.10."""
FOUR_ALONE = ((at(16, 15, 4), "149.50"), (at(16, 15, 6), "151"))
"""Four are bought at 149.51, for 598.04; then the price is above the limit again."""
MORNING = at(17, 14, 34)
END = at(17, 14, 56)

Moment = tuple[datetime, str]


def held_overnight(
    name: str,
    *later: Moment,
    first: str = "151",
    bought: tuple[Moment, ...] = FOUR_THEN_SIX,
    decisions: tuple[Mapping[str, str], ...] = (SWING_AAPL,),
    acts: tuple[Act, ...] = (),
    end: datetime = END,
    limits: Limits | None = None,
    parts: Mapping[str, tuple[Decimal, ...]] | None = None,
    **options: object,
) -> Lifecycle:
    """Write down a life of AAPL from the entry on the 16th to what comes on the 17th, `later` being its prices then."""
    symbol = decisions[0]["symbol"]
    plan = parts or {"sim-d1-entry-1": (Decimal(4),)}
    return Lifecycle(
        name=name,
        start=at(16, 14, 43),
        end=end,
        watched=THREE_LOOKS,
        prices={symbol: steps((at(16, 14, 40), first), *bought, *later)},
        decisions=decisions,
        acts=acts,
        options=Options(**({"partial_fill_rate": Decimal(0), "fill_plan": plan} | options)),  # type: ignore[arg-type]
        limits=limits or Limits(),
    )
