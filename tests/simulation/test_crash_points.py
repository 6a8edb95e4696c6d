"""Every effect of a lifecycle broken in turn: the end is the same, and no invariant breaks on the way."""

from dataclasses import replace

import pytest

from lib.simulation.evidence import Watch, at_rest
from lib.simulation.faults import Faults, Kind, with_faults
from lib.simulation.lifecycles import PARTIAL_FILLS_THEN_TARGET
from lib.simulation.world import world
from lib.store import queries
from tests.tools.sampling import some

EFFECTS_AT_LEAST = 12
OF_THE_MOMENT = (
    "entry_time",
    "exit_evidence",
    "entry_submitted_at",
    "entry_acknowledged_at",
    "entry_filled_at",
    "arrival_bid",
    "arrival_ask",
    "arrival_quote_time",
    "entry_slippage",
    "entry_slippage_bps",
    "slippage",
)
"""Columns of the journal that a fault may change: it delays a step, and what is claimed later sees another quote."""


def run(lifecycle, directory, plan):
    faults = Faults(plan, [])
    watch = Watch()
    with world(
        directory, lifecycle.start, lifecycle.feed, options=lifecycle.options, wrap=lambda t: with_faults(t, faults)
    ) as made:
        made.observers.append(watch)
        for columns in lifecycle.decisions:
            made.decide(**columns)
        made.run_until(lifecycle.end)
        broken = [str(v) for v in (*watch.violations, *at_rest(made))]
        return end_state(made), broken, faults.effects


def end_state(made):
    positions = made.tools.broker.positions()
    return {
        "journal": [
            replace(
                trade,
                id=0,
                version=0,
                created_at=made.began,
                protected_at=trade.protected_at and made.began,
                **dict.fromkeys(OF_THE_MOMENT),
            )
            for trade in queries.journal(made.store, "main")
        ],
        "cash": made.tools.broker.account().cash,
        "held": {symbol: (p.qty, p.qty_available) for symbol, p in positions.items()},
        "decisions": [(d.execution_status, bool(d.executed)) for d in queries.decisions(made.store, "main")],
    }


@pytest.mark.case("fail-G1", "fail-H5")
@pytest.mark.parametrize("kind", some(Kind, 2))
@pytest.mark.slow
def test_every_single_fault_of_a_partial_fill_leads_to_the_same_end(kind, tmp_path, record_property):
    lifecycle = PARTIAL_FILLS_THEN_TARGET
    clean, broken, effects = run(lifecycle, tmp_path / "clean", {})
    assert broken == []
    orders_and_bookings = [effect for effect in effects if effect != "store.record_run"]
    record_property(
        "said",
        f"{kind}: {len(effects)} effects broken in turn, {len(orders_and_bookings)} of them broker writes "
        f"and bookings: {lifecycle.name}",
    )
    assert len(orders_and_bookings) >= EFFECTS_AT_LEAST
    assert orders_and_bookings.count("broker.submit") >= 3  # the entry, and an OCO for each of its two parts
    wrong = {}
    for number, effect in enumerate(effects, start=1):
        end, broken, _ = run(lifecycle, tmp_path / str(number), {number: kind})
        if end != clean or broken:
            wrong[f"{kind} {number} {effect}"] = (end if end != clean else "same end", broken)
    assert wrong == {}
