"""The owner's worked example, through the real stages: AAPL 150 / 145 / 160, stopped out by a gap at 144.90.

The path is a file of minute bars; what is paid is computed by the exchange from it. The bar of 15:03 goes from 150.10
to 149.80, the first price whose ask, a cent above, is within the limit of 150: bought at 149.81. The next session opens
at 144.90, below the stop: sold there. (144.90 - 149.81) x 10 = -49.10.
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lib.simulation.evidence import at_rest
from lib.store import queries

PATHS = Path(__file__).parent / "paths"
BEGIN = datetime(2024, 1, 16, 14, 0, tzinfo=UTC)
END = datetime(2024, 1, 17, 14, 50, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.sample
def test_the_worked_example_is_booked_to_the_cent(make_world):
    made = make_world(BEGIN, PATHS)
    made.decide(symbol="AAPL", planned_entry="150.00", planned_sl="145.00", planned_tp="160.00", qty="10")

    made.run_until(END)

    (trade,) = queries.journal(made.store, "main")
    assert (trade.status, trade.exit_reason) == ("CLOSED", "STOPPED_OUT")
    assert (trade.actual_qty, trade.actual_entry) == (Decimal(10), Decimal("149.81"))
    assert (trade.exit_qty, trade.exit_price) == (Decimal(10), Decimal("144.90"))
    assert trade.actual_pnl == trade.net_pnl == Decimal("-49.10")
    # Sent at 09:45 into 150.50 / 150.51: (149.81 - 150.505) x 10, of 1505.05. Stop 145, sold at 144.90.
    assert (trade.arrival_bid, trade.arrival_ask) == (Decimal("150.50"), Decimal("150.51"))
    assert (trade.entry_slippage, trade.entry_slippage_bps) == (Decimal("-6.95"), Decimal("-46.18"))
    assert (trade.exit_slippage, trade.exit_slippage_bps) == (Decimal("1.00"), Decimal("6.90"))
    assert trade.slippage == Decimal("-5.95")
    steps = (trade.decided_at, trade.entry_submitted_at, trade.entry_time, trade.protected_at)
    assert [f"{at:%H:%M}" for at in steps] == ["14:00", "14:45", "15:03", "15:05"]
    assert trade.entry_time.replace(second=0, microsecond=0) == datetime(2024, 1, 16, 15, 3, tzinfo=UTC)
    assert trade.exit_time == datetime(2024, 1, 17, 14, 30, tzinfo=UTC)
    assert [(o.order_type, o.order_status) for o in queries.orders_of(made.store, trade.id)] == [
        ("ENTRY", "filled"),
        ("TAKE_PROFIT", "cancelled"),
        ("STOP_LOSS", "filled"),
    ]
    assert made.tools.broker.account().cash == Decimal("99950.90")
    assert made.store.rows("main").positions == ()
    assert [ran for ran in made.history if ran.exit_code] == []
    assert at_rest(made) == ()


@pytest.mark.case("fail-E4", "fail-A12")
@pytest.mark.slow
def test_between_entry_and_exit_every_share_is_under_a_live_oco(make_world):
    made = make_world(BEGIN, PATHS)
    made.decide(symbol="AAPL", planned_entry="150.00", planned_sl="145.00", planned_tp="160.00", qty="10")

    made.run_until(datetime(2024, 1, 16, 15, 6, tzinfo=UTC))

    (target,) = made.tools.broker.live_orders()
    (stop,) = target.legs
    assert (target.kind, target.limit_price, target.qty) == ("limit", Decimal(160), Decimal(10))
    assert (stop.kind, stop.stop_price, stop.status) == ("stop", Decimal(145), "held")
    (position,) = made.store.rows("main").positions
    assert (position.qty, position.covered_qty) == (Decimal(10), Decimal(10))


@pytest.mark.slow
def test_the_position_is_valued_at_the_mid_of_the_quote(make_world):
    made = make_world(BEGIN, PATHS)
    made.decide(symbol="AAPL", planned_entry="150.00", planned_sl="145.00", planned_tp="160.00", qty="10")

    made.run_until(datetime(2024, 1, 16, 15, 12, tzinfo=UTC))

    (position,) = made.store.rows("main").positions
    assert position.current_price == Decimal("150.155")  # bid 150.15, ask 150.16
    assert position.unrealized_pnl == Decimal("3.45")  # (150.155 - 149.81) x 10
    assert position.stale is False
