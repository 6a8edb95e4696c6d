"""What a pass costs as live orders grow: in this process, warm, without the time that the paper broker takes itself.

A pass reads, translates, plans and writes; each of these is to cost as much for the ten-thousandth order as for the
first. So its time by order is compared within one run, in time of the processor, of which a busy machine gives no
more: a loop in a loop shows as several times as much.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.live_orders import LiveOrders, live_orders

STAGES = ("order_monitor", "position_monitor")
ROUNDS = {10: 9, 100: 9, 1_000: 3, 10_000: 2}
"""Live orders, and the passes of each stage that are timed; a twentieth of the orders cover a position each."""
BASE, LARGEST, TIMES = 1_000, 10_000, 2.5
HEADS = f"{'a pass of, live orders':<48} {'median':>7} {'by order':>11} {'ratio':>7}   requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one stage's pass over so many live orders takes, and how often it asks the broker."""

    stage: str
    listed: int
    seconds: float
    requests: int

    @property
    def by_order_s(self) -> float:
        """The time of a pass, shared out over the orders, in seconds."""
        return self.seconds / self.listed


def measure(directory: Path) -> Iterator[Cost]:
    """Time the passes, one size after the other."""
    for listed, rounds in ROUNDS.items():
        with live_orders(directory / str(listed), listed=listed, held=max(1, listed // 20)) as account:
            for stage in STAGES:
                _run(account, stage)
            for stage in STAGES:
                taken = [_run(account, stage) for _ in range(rounds)]
                yield Cost(
                    stage=stage,
                    listed=listed,
                    seconds=median(seconds for seconds, _ in taken),
                    requests=max(requests for _, requests in taken),
                )


def _run(account: LiveOrders, stage: str) -> tuple[float, int]:
    began = time.process_time()
    _, requests = account.run(stage)
    return time.process_time() - began - account.counted.seconds, len(requests)


def report(costs: Iterator[Cost]) -> bool:
    """Print the table, the ratio being to the time by order at 100; say whether the largest is within its limit."""
    print(HEADS)
    by_order: dict[tuple[str, int], float] = {}
    for cost in costs:
        by_order[cost.stage, cost.listed] = cost.by_order_s
        against = by_order.get((cost.stage, 100))
        ratio = f"{cost.by_order_s / against:>7.2f}" if against else f"{'':>7}"
        print(
            f"{f'{cost.stage}, {cost.listed:,} live orders':<48} {cost.seconds * 1000:>4.0f} ms"
            f" {cost.by_order_s * 1e6:>8.0f} us {ratio}   {cost.requests}"
        )
    holding = True
    for stage in STAGES:
        ratio = by_order[stage, LARGEST] / by_order[stage, BASE]
        holds = ratio <= TIMES
        holding = holding and holds
        words = f"{stage}, by order at {LARGEST:,} against {BASE:,}"
        print(f"{words:<48} {ratio:>27.2f}   limit {TIMES} x   {'holds' if holds else 'BROKEN'}")
    return holding
