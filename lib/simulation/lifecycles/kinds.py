"""Lives of what is no plain purchase of whole shares: a short, a coin, a trailing stop, a fraction."""

from __future__ import annotations

from decimal import Decimal

from lib.simulation.lifecycles.days import FOUR_ALONE, MORNING, held_overnight
from lib.simulation.lifecycles.plain import SWING_AAPL
from lib.simulation.lifecycles.shape import at

SHORT_AAPL = {**SWING_AAPL, "side": "short", "planned_sl": "155", "planned_tp": "140"}
TRAIL_AAPL = {
    "symbol": "AAPL",
    "trade_style": "TRAIL",
    "planned_entry": "150",
    "planned_sl": "145",
    "trail_percent": "3",
    "qty": "10",
}
BITCOIN = {
    "symbol": "BTC/USD",
    "planned_entry": "60000",
    "planned_sl": "55000",
    "planned_tp": "70000",
    "qty": "0.02",
}

SHORT = held_overnight(
    "short: sold in two parts, each bought back at its target",
    (MORNING, "139"),
    first="149",
    bought=((at(16, 15, 4), "150.50"), (at(16, 15, 14), "151")),
    decisions=(SHORT_AAPL,),
)

COIN = held_overnight(
    "coin: half of it is bought, under a stop that works at night",
    (at(17, 3, 4), "54500"),
    first="60100",
    bought=((at(16, 15, 4), "59900"), (at(16, 15, 6), "60100")),
    decisions=(BITCOIN,),
    parts={"sim-d1-entry-1": (Decimal("0.01"),)},
    end=at(17, 3, 21),
)

TRAIL = held_overnight(
    "trail: a stop that follows the price up and ends it above the plan",
    (at(17, 14, 30), "160"),
    (at(17, 14, 39), "155"),
    bought=FOUR_ALONE,
    decisions=(TRAIL_AAPL,),
)

FRACTION = held_overnight(
    "fraction: half a share is covered day by day, its target watched",
    (MORNING, "161"),
    decisions=({**SWING_AAPL, "qty": "10.5"},),
)
