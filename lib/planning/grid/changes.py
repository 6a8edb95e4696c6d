"""What is written into the row of a strategy."""

from __future__ import annotations

from collections.abc import Mapping

from lib.domain.actions import RowChange, Update, Write
from lib.domain.grids import GridStatus, Strategy
from lib.planning.grid.reading import symbol_of


def strategy_update(strategy: Strategy, values: Mapping[str, object]) -> Update:
    """Return the change of a strategy's row to new values."""
    return Update(table="grid_strategy", id=strategy.id, version=strategy.version, values=values)


def strategy_write(strategy: Strategy, values: Mapping[str, object], why: str, *more: RowChange) -> Write:
    """Return the write of new values for a strategy, together with other rows that belong to them."""
    changes = (strategy_update(strategy, values), *more)
    return Write(changes=changes, why=f"grid {strategy.id}: {why}", symbol=symbol_of(strategy))


def pause_values(reason: str) -> dict[str, object]:
    """Return what pausing writes: the tick is taken away, and ticking it again goes on."""
    return {"status": GridStatus.PAUSED, "reason": reason, "approve": False}


def pause(strategy: Strategy, reason: str, values: Mapping[str, object] | None = None) -> Write:
    """Return the write that pauses a strategy, and sets other columns of it with that."""
    return strategy_write(strategy, {**(values or {}), **pause_values(reason)}, f"paused: {reason}")
