"""What a quiet look over grids costs, by order, as grids grow: each is folded from its rows and compared with the book.

A look at one grid that reads the rows of all would show as several times as much by order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.growth import HEADS, Cost
from bench.many_grids import many_grids

CELLS = 40
FEW, MANY, TIMES = 5, 20, 1.5
ROUNDS = 9
STAGE = "order_monitor"


def measure(directory: Path) -> Iterator[Cost]:
    """Time quiet looks, over few grids and over many."""
    for grids in (FEW, MANY):
        with many_grids(directory / str(grids), grids=grids, cells=CELLS) as account:
            account.run(STAGE)
            taken = [account.run(STAGE) for _ in range(ROUNDS)]
            yield Cost(
                stage=STAGE,
                listed=grids * CELLS,
                seconds=median(seconds for _, _, seconds in taken),
                requests=max(len(requests) for _, requests, _ in taken),
            )


def report(costs: Iterator[Cost]) -> bool:
    """Print the table, the ratio being to the time by order of few grids; say whether it is within its limit."""
    print(HEADS.replace("live orders", "grids"))
    few, many = costs
    ratio = many.by_order_s / few.by_order_s
    for cost, compared in ((few, ""), (many, f"{ratio:>7.2f}")):
        words = f"{cost.stage}, {cost.listed // CELLS} grids of {CELLS} cells"
        by_order = f"{cost.by_order_s * 1e6:>8.0f} us"
        print(f"{words:<48} {cost.seconds * 1000:>4.0f} ms {by_order} {compared:>7}   {cost.requests}")
    holds = ratio <= TIMES
    words = f"{STAGE}, by order of {MANY} grids against {FEW}"
    print(f"{words:<48} {ratio:>27.2f}   limit {TIMES} x   {'holds' if holds else 'BROKEN'}")
    return holds
