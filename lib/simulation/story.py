"""What a replay is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from lib.domain.grids import Spacing


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOfStory:
    """A SPOT grid that begins in the session of number `begins`, its range around the price of that moment.

    `reach` is how far the range goes to either side, in per cent. One that `ends` is stopped at the close of the last
    session, and what it holds is closed.
    """

    symbol: str
    levels: int
    spacing: Spacing
    reach: Decimal
    qty: Decimal
    begins: int
    ends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What to replay: a directory of prices, a table of decisions, the days, the seed, where the result goes."""

    prices: Path
    decisions: Path
    first: date
    last: date
    seed: int
    directory: Path
    grids: tuple[GridOfStory, ...] = ()

    @property
    def database(self) -> Path:
        """Where the tables of the replay lie."""
        return self.directory / "trading.db"
