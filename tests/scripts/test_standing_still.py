"""Running any stage twice with clock and quotes standing still: no order, and no row but `stage_run`."""

import pytest
from sqlalchemy import text

from lib.simulation.lifecycles import CORE, PARTIAL_FILLS_THEN_TARGET
from lib.simulation.world import world
from lib.store import tables

NAMES = ("order_executor", "order_monitor", "position_monitor")


OVER = [(each, False) for each in CORE] + [(PARTIAL_FILLS_THEN_TARGET, True)]
MOMENTS = 8


@pytest.mark.slow
@pytest.mark.parametrize(("lifecycle", "over_http"), OVER, ids=lambda each: getattr(each, "name", each))
def test_a_second_pass_with_nothing_changed_does_nothing(lifecycle, over_http, tmp_path):
    with world(tmp_path, lifecycle.start, lifecycle.feed, options=lifecycle.options, over_http=over_http) as made:
        for columns in lifecycle.decisions:
            made.decide(**columns)
        statuses = set()
        for _ in range(MOMENTS):
            made.run_until(made.clock.now() + (lifecycle.end - lifecycle.start) / MOMENTS)
            for stage in NAMES:
                settled(made, stage)
                before = state_of(made)
                ran = made.run(stage)
                assert (ran.error, ran.result.applied) == (None, [])
                assert state_of(made) == before
            statuses |= {row["status"] for row in before["trade_journal"]}
    assert statuses & {"CLOSED", "CANCELLED"}


def settled(made, stage):
    """Run a stage until it has nothing left to do at this instant."""
    for _ in range(3):
        ran = made.run(stage)
        if ran.result is not None and not ran.result.applied:
            return
    pytest.fail(f"{stage} is not done after three passes at {ran.at}")


def state_of(made):
    """Return every row but `stage_run`'s, and every order the broker ever had."""
    names = [name for name in tables.metadata.tables if name != "stage_run"]
    with made.store.reading() as connection:
        rows = {name: connection.execute(text(f'SELECT * FROM "{name}"')).mappings().all() for name in names}  # noqa: S608
    listed = made.tools.broker
    return {name: [dict(row) for row in found] for name, found in rows.items()} | {
        "live orders": listed.live_orders(),
        "positions": dict(listed.positions()),
        "fills": listed.fills(made.began),
    }
