"""Lives with what nobody of ours asked for: a sale in the app, a split, a cover that the broker refuses."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from lib.simulation.lifecycles.days import MORNING, held_overnight
from lib.simulation.lifecycles.shape import Act, at

TWO_FOR_ONE = {"type": "forward_split", "symbol": "AAPL", "ex_date": "2024-01-17", "old_rate": "1", "new_rate": "2"}


def in_the_app(when: datetime, side: str, qty: str, **how: str) -> Act:
    """Write down an order of the account's owner, at the market for the day unless told otherwise."""
    body = {"symbol": "AAPL", "side": side, "qty": qty, "type": "market", "time_in_force": "day", **how}
    return Act(at=when, verb="user_order", columns={"body": body})


def halted(when: datetime, *, halted: bool) -> Act:
    """Write down that trading in the symbol is halted, or goes on."""
    return Act(at=when, verb="asset", columns={"symbol": "AAPL", "halted": halted})


MANUAL_SALE = held_overnight(
    "manual sale: four of ten sold in the app, the rest at its target",
    (at(17, 14, 30), "149"),
    (at(17, 14, 49), "161"),
    acts=(Act(at=MORNING, verb="user_cancels_all"), in_the_app(MORNING, "sell", "4")),
    end=at(17, 15, 6),
)

SPLIT = held_overnight(
    "split: two for one overnight, nothing rests in the night, covered at the new price before the open",
    (at(16, 20, 49), "149"),
    (at(17, 14, 30), "75"),
    (MORNING, "81"),
    acts=(Act(at=at(16, 14, 44), verb="corporate_action", columns=TWO_FOR_ONE),),
)

FELL = at(16, 15, 4).replace(second=20)

COVER_REFUSED = held_overnight(
    "cover refused: through its stop in a trading halt, nothing is taken; the stop goes in once both are over",
    (MORNING, "161"),
    bought=((at(16, 15, 4), "149.50"), (FELL, "144"), (at(16, 15, 14), "149")),
    acts=(halted(FELL, halted=True), halted(at(16, 15, 14), halted=False)),
    parts={"sim-d1-entry-1": (Decimal(4), Decimal(0))},
)
