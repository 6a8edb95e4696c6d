"""Whole lives of trades, as data: prices, decisions, hours. Replayed clean, and with every fault in turn.

Prices hold for a quarter of an hour and more between their steps, so that a pass made up for a few minutes
later meets the same market and must reach the same end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed

Steps = tuple[tuple[datetime, Decimal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """One story: where it starts and ends, what the market does, what was decided."""

    name: str
    start: datetime
    end: datetime
    prices: Mapping[str, Steps]
    decisions: tuple[Mapping[str, str], ...]
    options: Options = field(default_factory=lambda: Options(partial_fill_rate=Decimal(0)))

    @property
    def feed(self) -> ScriptedFeed:
        """The market of this story."""
        return ScriptedFeed(self.prices)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Name an instant of January 2024, in UTC; New York trades from 14:30 to 21:00."""
    return datetime(2024, 1, day, hour, minute, tzinfo=UTC)


def steps(*pairs: tuple[datetime, str]) -> Steps:
    """Write down a path: each price holds until the next."""
    return tuple((instant, Decimal(price)) for instant, price in pairs)


SWING_AAPL = {"symbol": "AAPL", "planned_entry": "150", "planned_sl": "145", "planned_tp": "160", "qty": "10"}

PARTIAL_FILLS_THEN_TARGET = Lifecycle(
    name="entry filled in two parts, each covered, then the target",
    start=at(16, 14, 43),
    end=at(16, 16, 0),
    prices={
        "AAPL": steps(
            (at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 15, 17), "149"), (at(16, 15, 32), "161")
        )
    },
    decisions=(SWING_AAPL,),
    options=Options(partial_fill_rate=Decimal(0), fill_plan={"sim-d1-entry-1": (Decimal(4),)}),
)

STOPPED_OUT_BY_A_GAP = Lifecycle(
    name="bought at 150 or better, gapped through the stop at 145",
    start=at(16, 14, 43),
    end=at(17, 14, 50),
    prices={"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(17, 14, 30), "144.90"))},
    decisions=(SWING_AAPL,),
)

PLAIN_STOP_OF_A_PARTIAL_FILL = Lifecycle(
    name="no target: the rest of a partial fill is cancelled before the stop goes in",
    start=at(16, 14, 43),
    end=at(17, 14, 50),
    prices={
        "AAPL": steps(
            (at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 19, 0), "151"), (at(17, 14, 30), "144")
        )
    },
    decisions=({"symbol": "AAPL", "trade_style": "TREND", "planned_entry": "150", "planned_sl": "145", "qty": "10"},),
    options=Options(partial_fill_rate=Decimal(0), fill_plan={"sim-d1-entry-1": (Decimal(4), Decimal(0))}),
)

NEVER_FILLED = Lifecycle(
    name="the price stays above the entry, the day order expires",
    start=at(16, 14, 43),
    end=at(17, 14, 50),
    prices={"AAPL": steps((at(16, 14, 40), "155"), (at(16, 15, 0), "154"))},
    decisions=(SWING_AAPL,),
)

ALL = (PARTIAL_FILLS_THEN_TARGET, STOPPED_OUT_BY_A_GAP, PLAIN_STOP_OF_A_PARTIAL_FILL, NEVER_FILLED)
