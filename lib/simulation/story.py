"""What a replay is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What to replay: a directory of prices, a table of decisions, the days, the seed, where the result goes."""

    prices: Path
    decisions: Path
    first: date
    last: date
    seed: int
    directory: Path

    @property
    def database(self) -> Path:
        """Where the tables of the replay lie."""
        return self.directory / "trading.db"
