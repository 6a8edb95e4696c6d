"""Lives that the market alone decides: a limit, a stop, a target, a gap, an order that expires."""

from __future__ import annotations

from lib.domain.limits import Limits
from lib.simulation.lifecycles.days import FOUR_ALONE, MORNING, held_overnight
from lib.simulation.lifecycles.shape import at

TREND_AAPL = {"symbol": "AAPL", "trade_style": "TREND", "planned_entry": "150", "planned_sl": "145", "qty": "10"}

LIMIT = held_overnight(
    "limit: good till cancelled, four bought today and six tomorrow, each part covered",
    (MORNING, "149.80"),
    bought=FOUR_ALONE,
    limits=Limits(entry_tif="gtc"),
)

STOP_OUT = held_overnight(
    "stop-out: a plain stop, for which the rest of the entry is cancelled first",
    (MORNING, "144.95"),
    bought=FOUR_ALONE,
    decisions=(TREND_AAPL,),
)

TARGET = held_overnight("target: bought in two parts, each sold at its target", (MORNING, "161"))

GAP = held_overnight("gap through the stop: opens below it, and is sold there", (at(17, 14, 30), "143.20"))

EXPIRY = held_overnight(
    "expiry: four are bought, the rest of the day's entry expires, the four go on", bought=FOUR_ALONE
)
