"""Small lives in which shares stay uncovered for a cause of the closed list.

`symbol_halted` is in COVER_REFUSED, `corporate_action` in SPLIT: a life of its own each, longer than these.
"""

from __future__ import annotations

from decimal import Decimal

from lib.simulation.lifecycles.asked import ask
from lib.simulation.lifecycles.days import held_overnight
from lib.simulation.lifecycles.kinds import BITCOIN
from lib.simulation.lifecycles.shape import Act, at
from lib.simulation.lifecycles.surprises import in_the_app

ALL_TEN = ((at(16, 15, 4), "149.50"),)
NOT_IN_PARTS = {"sim-d1-entry-1": ()}

PENDING_CANCEL = held_overnight(
    "broker_pending_cancel: the broker takes seven minutes over the cancel of a stop",
    (at(16, 15, 24), "149.50"),
    bought=ALL_TEN,
    parts=NOT_IN_PARTS,
    acts=(ask(at(16, 15, 14), "CLOSE"),),
    end=at(16, 15, 36),
    cancel_latency_s=Decimal(420),
)

FOREIGN_ORDER = held_overnight(
    "foreign_order: an order of the owner's holds four shares until it is cancelled in the app",
    bought=ALL_TEN,
    parts=NOT_IN_PARTS,
    acts=(
        in_the_app(at(16, 15, 4).replace(second=30), "sell", "4", type="limit", limit_price="190", time_in_force="gtc"),
        Act(at=at(16, 15, 14), verb="user_cancels_all"),
    ),
    end=at(16, 15, 26),
)

UNCOVERABLE = held_overnight(
    "uncoverable: the first part of a coin is worth less than the broker takes an order for",
    first="60100",
    bought=((at(16, 15, 4), "59900"), (at(16, 15, 14), "59800")),
    decisions=(BITCOIN,),
    parts={"sim-d1-entry-1": (Decimal("0.0001"),)},
    end=at(16, 15, 36),
)

NO_ORDERS_TAKEN = ("POST /v2/orders",)

BROKER_DOWN = held_overnight(
    "broker_down: orders are neither answered nor found again for ten minutes",
    bought=ALL_TEN,
    parts=NOT_IN_PARTS,
    acts=(
        Act(at=at(16, 15, 4), verb="outage", values=NO_ORDERS_TAKEN),
        Act(at=at(16, 15, 14), verb="outage"),
    ),
    end=at(16, 15, 36),
)
