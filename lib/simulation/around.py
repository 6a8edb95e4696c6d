"""Trouble around a pass rather than at one of its calls: people, a second host, a clock that is wrong, a missed start.

Each kind carries a number from which what it does is drawn (`person_trades#17`), so that it can be played again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from lib.clock import Clock, SimulatedClock
from lib.domain.facts import BrokerOrder
from lib.domain.states import ENDED
from lib.errors import PipelineError
from lib.paper_broker.message import Request, write_json
from lib.passes import run_pass
from lib.simulation import points
from lib.simulation.evidence import ledger
from lib.simulation.world import World
from lib.tools import Tools

SKEW_MAX_S = 90


class HostClock:
    """The clock of the host that the stages run on: simulated time, and what it is wrong by."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """Return what this host takes for the present."""
        return self._clock.now() + self.ahead

    def sleep(self, seconds: float | Decimal) -> None:
        """Let time go by."""
        self._clock.sleep(seconds)


class _Elsewhere:
    """The database as another host has it: who holds an account here holds nothing there."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def hold_account(self, account: str, wait_s: float) -> Iterator[bool]:  # noqa: ARG002 - the port's names
        """Hold it on that host."""
        yield True


def second_host(bare: Tools, dice: Random) -> None:
    """Run a pass of a host that knows nothing of this one's lock."""
    tools = replace(bare, store=_Elsewhere(bare.store), state_dir=bare.state_dir / "second-host")
    try:
        run_pass(dice.choice(("order_monitor", "position_monitor", "order_executor")), tools)
    except PipelineError:
        return  # it says so to its own cron; the next pass repairs


def person_cancels(world: World, _: Random) -> None:
    """Cancel every order in the broker's app."""
    world.user_cancels_all()


def person_trades(world: World, dice: Random) -> None:
    """Buy or sell a few shares of a symbol at the market, in the app; never through zero, which is another story."""
    seen = ledger(world)
    symbols = sorted({o.symbol for o in seen.orders if "/" not in o.symbol})
    if not symbols:
        return
    symbol = dice.choice(symbols)
    held = seen.positions.get(symbol)
    # Who sells what a trade holds and buys anew has a knot that only a person can undo: one side a symbol and schedule.
    grows = len(symbol) % 2 == 0
    long = held is None or held.qty > 0
    side = "buy" if grows == long else "sell"
    qty = dice.choice((1, 3, 99))
    if not grows:
        qty = min(qty, int(abs(held.qty))) if held is not None else 0
    if dice.random() < 0.7 or not grows:
        world.user_cancels_all()
    if qty > 0:
        world.user_order({"symbol": symbol, "qty": str(qty), "side": side, "type": "market", "time_in_force": "day"})


def person_edits_order(world: World, dice: Random) -> None:
    """Move a level of one of the live orders, in the app."""
    listed = [o for parent in ledger(world).orders for o in (parent, *parent.legs) if o.status not in ENDED]
    if listed:
        order = dice.choice(listed)
        request = Request(
            "PATCH",
            f"/v2/orders/{order.id}",
            headers={"Content-Type": "application/json"},
            body=write_json(_moved(order, dice)).encode(),
        )
        world.paper.respond(request)  # it may be refused


def _moved(order: BrokerOrder, dice: Random) -> dict[str, str]:
    moved = Decimal(dice.randrange(985, 1016)) / 1000
    if order.trail_percent is not None:
        return {"trail": "1.5"}
    name = "limit_price" if order.limit_price is not None else "stop_price"
    return {name: f"{(getattr(order, name) or Decimal(1)) * moved:.2f}"}


def person_edits_row(world: World, dice: Random) -> None:
    """Write something into a decision that is there, or a new one that makes no sense, with an SQL client."""
    column, value = dice.choice(
        (("planned_sl", "149"), ("qty", "NaN"), ("symbol", "'; DROP"), ("planned_entry", "1e9"), ("Approve", 0))
    )
    with world.store.writing() as connection:
        if dice.random() < 0.5:
            row = 'INSERT INTO analysis_decision (account, symbol, action, planned_entry, qty, "Approve") '
            connection.exec_driver_sql(row + "VALUES ('main', 'AAPL', 'NEW_TRADE', ?, '-1', 1)", (value,))
        else:
            connection.exec_driver_sql(f'UPDATE analysis_decision SET "{column}" = ?', (value,))  # noqa: S608 - of five


PEOPLE: dict[str, Callable[[World, Random], None]] = {
    "person_cancels": person_cancels,
    "person_trades": person_trades,
    "person_edits_order": person_edits_order,
    "person_edits_row": person_edits_row,
}
MISSED, SKEWED = "missed", "skewed"
AROUND = (*PEOPLE, points.SECOND_HOST, MISSED, SKEWED)
"""What may befall a step before its first call."""


def dice_of(kind: str) -> tuple[str, Random]:
    """Split a kind from the number that it is drawn by."""
    name, _, number = kind.partition("#")
    return name, Random(int(number or 0))


def skew(clock: Clock, dice: Random) -> None:
    """Put the host's clock wrong by up to a minute and a half."""
    if isinstance(clock, HostClock):
        clock.ahead = timedelta(seconds=dice.randrange(-SKEW_MAX_S, SKEW_MAX_S + 1))
