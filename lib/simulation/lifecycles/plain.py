"""An entry and its end: filled in parts, stopped out, at its target, never filled."""

from __future__ import annotations

from decimal import Decimal

from lib.paper_broker.options import Options
from lib.simulation.lifecycles.shape import A_FEW_LOOKS, Lifecycle, at, steps

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
    watched=A_FEW_LOOKS,
    prices={"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(17, 14, 30), "144.90"))},
    decisions=(SWING_AAPL,),
)

PLAIN_STOP_OF_A_PARTIAL_FILL = Lifecycle(
    name="no target: the rest of a partial fill is cancelled before the stop goes in",
    start=at(16, 14, 43),
    end=at(17, 14, 50),
    watched=A_FEW_LOOKS,
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
    watched=A_FEW_LOOKS,
    prices={"AAPL": steps((at(16, 14, 40), "155"), (at(16, 15, 0), "154"))},
    decisions=(SWING_AAPL,),
)
