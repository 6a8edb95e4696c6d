"""Lives in which a person asks for something: CANCEL, AMEND, CLOSE, a second trade in the symbol."""

from __future__ import annotations

from datetime import datetime

from lib.domain.limits import Limits
from lib.simulation.lifecycles.days import FOUR_ALONE, MORNING, held_overnight
from lib.simulation.lifecycles.plain import SWING_AAPL
from lib.simulation.lifecycles.shape import Act, at

FIVE_MORE = {"symbol": "AAPL", "planned_entry": "150", "planned_sl": "140", "planned_tp": "170", "qty": "5"}


def ask(when: datetime, action: str, **columns: str) -> Act:
    """Write down a request about trade 1."""
    asked = {"action": action, "trade_style": None, "target_decision_id": "1", **columns}
    return Act(at=when, verb="decide", columns=asked)


CANCEL = held_overnight(
    "cancel: the rest of an entry that has filled in part",
    (MORNING, "161"),
    bought=FOUR_ALONE,
    acts=(ask(at(16, 15, 14), "CANCEL"),),
)

AMEND = held_overnight(
    "amend: the stop of what filled is moved, then its target, and the new stop ends it",
    (at(17, 14, 30), "150"),
    (at(17, 14, 49), "146.90"),
    bought=FOUR_ALONE,
    acts=(ask(MORNING, "AMEND", planned_sl="147", planned_tp="158"),),
    end=at(17, 15, 6),
)

CLOSE = held_overnight(
    "close: both parts are sold at the market, their cover out of the way first",
    (at(17, 14, 30), "150.20"),
    acts=(ask(MORNING, "CLOSE"),),
)

TWO_IN_A_SYMBOL = held_overnight(
    "two trades in a symbol: one is sold at its target, the other stays under its own cover",
    (MORNING, "161"),
    decisions=(SWING_AAPL, FIVE_MORE),
    limits=Limits(symbol_sharing="oco"),
)
