"""Whole lives of trades, as data. Replayed clean, and with every fault in turn."""

from lib.simulation.lifecycles.asked import AMEND, CANCEL, CLOSE, TWO_IN_A_SYMBOL
from lib.simulation.lifecycles.causes import BROKER_DOWN, FOREIGN_ORDER, PENDING_CANCEL, UNCOVERABLE
from lib.simulation.lifecycles.kinds import COIN, FRACTION, SHORT, TRAIL
from lib.simulation.lifecycles.market import EXPIRY, GAP, LIMIT, STOP_OUT, TARGET
from lib.simulation.lifecycles.plain import (
    NEVER_FILLED,
    PARTIAL_FILLS_THEN_TARGET,
    PLAIN_STOP_OF_A_PARTIAL_FILL,
    STOPPED_OUT_BY_A_GAP,
    SWING_AAPL,
)
from lib.simulation.lifecycles.shape import Act, Lifecycle, Steps, at, steps
from lib.simulation.lifecycles.surprises import COVER_REFUSED, MANUAL_SALE, SPLIT

CORE = (PARTIAL_FILLS_THEN_TARGET, STOPPED_OUT_BY_A_GAP, PLAIN_STOP_OF_A_PARTIAL_FILL, NEVER_FILLED)
"""Those whose faults the proof plays in pairs too."""

CANONICAL = (
    *(LIMIT, STOP_OUT, TARGET, GAP, CANCEL, AMEND, CLOSE, MANUAL_SALE),
    *(SPLIT, EXPIRY, TWO_IN_A_SYMBOL, COVER_REFUSED),
)
"""Twelve, each with a partial fill and a night: every single fault of theirs is played by `make test`."""

KINDS_OF_TRADE = (SHORT, COIN, TRAIL, FRACTION)
CAUSES = {
    "broker_pending_cancel": PENDING_CANCEL,
    "symbol_halted": COVER_REFUSED,
    "foreign_order": FOREIGN_ORDER,
    "corporate_action": SPLIT,
    "uncoverable": UNCOVERABLE,
    "broker_down": BROKER_DOWN,
}
"""A life for each cause for which shares may stay uncovered; those that are not among the twelve are small."""

ALL = (*CORE, *CANONICAL, *KINDS_OF_TRADE, PENDING_CANCEL, FOREIGN_ORDER, UNCOVERABLE, BROKER_DOWN)

__all__ = [
    "ALL",
    "CANONICAL",
    "CAUSES",
    "CORE",
    "KINDS_OF_TRADE",
    "NEVER_FILLED",
    "PARTIAL_FILLS_THEN_TARGET",
    "PLAIN_STOP_OF_A_PARTIAL_FILL",
    "STOPPED_OUT_BY_A_GAP",
    "SWING_AAPL",
    "Act",
    "Lifecycle",
    "Steps",
    "at",
    "steps",
]
