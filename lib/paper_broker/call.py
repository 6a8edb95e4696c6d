"""What a handler is given: the request, the exchange walked up to now, and readers of its parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.hours import midnight
from lib.paper_broker.exchange.refusal import malformed

if TYPE_CHECKING:
    from lib.paper_broker.clocks import RecordedClock
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.message import Request


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler."""

    request: Request
    exchange: Exchange
    clock: RecordedClock | None  # none that may be moved: it is real time, or a test's
    names: dict[str, str] = field(default_factory=dict)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number between two bounds, both included."""
        number = read_whole(self.request.params().get(name, str(default)), least, most)
        if number is None:
            raise malformed(f"{name} must be between {least} and {most}")
        return number

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Read one of several words."""
        value = self.request.params().get(name)
        if value is not None and value.lower() not in choices:
            raise malformed(f"invalid {name}: {value}")
        return value.lower() if value is not None else None

    def truth(self, name: str) -> bool:
        """Read a yes or no; alpaca-py sends `True`."""
        return self.choice(name, ("true", "false", "1", "0")) in ("true", "1")

    def words(self, name: str) -> frozenset[str] | None:
        """Read a list with commas."""
        value = self.request.params().get(name)
        return frozenset(filter(None, value.split(","))) if value is not None else None

    def time(self, name: str) -> datetime | None:
        """Read an instant; one without a zone is in UTC."""
        value = self.request.params().get(name)
        return read_instant(name, value) if value is not None else None

    def day(self, name: str) -> date | None:
        """Read a date, alone or at the front of an instant."""
        at = self.time(name)
        return at.date() if at else None

    def utc_day(self, name: str) -> tuple[datetime, datetime] | None:
        """Read a date as the instants at which it begins and ends."""
        day = self.day(name)
        if day is None:
            return None
        start = midnight(day, UTC)
        if day == date.max:
            raise malformed(f"invalid {name}: {day}")
        return start, start + timedelta(days=1)


def read_whole(value: str, least: int, most: int) -> int | None:
    """Read a whole number between two bounds, both included; None of anything else."""
    digits = value.isascii() and value.isdigit() and len(value) <= len(str(most))
    return int(value) if digits and least <= int(value) <= most else None


def read_instant(name: str, value: object) -> datetime:
    """Read an instant from text, or refuse it."""
    try:
        # A plus sign that was not encoded arrives as a space.
        at = datetime.fromisoformat(str(value).replace(" ", "+"))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise malformed(f"invalid {name}: {value}") from None
