"""A price file as `fetch-bars` writes it: lines of text by their timestamps, and always the whole file or nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.paper_broker.history.bars import PricesError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, tzinfo
    from pathlib import Path

    from lib.paper_broker.history.bars import Bar

HEADER = "timestamp,open,high,low,close,volume"


def stamp(at: datetime) -> str:
    """Write an instant as price files do, and as Alpaca reads it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class PriceFile:
    """The bars of one file, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        """Read what is there; raises PricesError of a file that is not written as ours are."""
        self.path = path
        self._lines: dict[datetime, str] = {}
        header, *lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else [HEADER]
        if header != HEADER:
            raise PricesError(f"{path}:1: expected the header {HEADER}")
        for number, line in enumerate(lines, start=2):
            try:
                at = datetime.fromisoformat(line.partition(",")[0]).astimezone(UTC)
            except ValueError:
                raise PricesError(f"{path}:{number}: a line without a timestamp") from None
            self._lines[at] = line

    def __len__(self) -> int:
        """Return how many bars it has."""
        return len(self._lines)

    def ends(self) -> tuple[datetime, datetime] | None:
        """Return when the first and the last bar begin."""
        return (min(self._lines), max(self._lines)) if self._lines else None

    def days(self, zone: tzinfo) -> set[date]:
        """Return the days that have bars, by the calendar of a time zone."""
        return {at.astimezone(zone).date() for at in self._lines}

    def take(self, bars: Iterable[Bar]) -> tuple[int, int]:
        """Put bars in, in place of those that began at the same time; return how many are new and how many changed."""
        new = changed = 0
        for bar in bars:
            numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume)
            line = ",".join((stamp(bar.at), *map(text, numbers)))
            before = self._lines.get(bar.at)
            new += before is None
            changed += before is not None and before != line
            self._lines[bar.at] = line
        return new, changed

    def save(self) -> None:
        """Write the file beside itself and then put it in place, so that nobody ever sees half of it."""
        beside = self.path.with_name(f".{self.path.name}.part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="ascii", newline="\n") as file:
            file.write("\n".join((HEADER, *(self._lines[at] for at in sorted(self._lines)))) + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
