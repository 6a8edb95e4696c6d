"""How values stand in the columns: exact numbers and times as text, raw words as whoever wrote them.

A column that only the system writes refuses what it cannot read (Unreadable, which `fetch` turns into a
sentence naming row and column). A column that people write never refuses: what it holds is judged by a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from sqlalchemy import Boolean, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

from lib.domain import money

T = TypeVar("T")

NO_VERSION = -1
"""Read in place of a version that is no number: no row has it, so no change is ever applied to such a row."""


class Unreadable(ValueError):
    """A stored value is not what its column holds."""


class _Column(TypeDecorator[T]):
    """A type whose `read` alone turns what is stored into a value: the reader of `impl` is left out."""

    cache_ok = True

    @staticmethod
    def read(value: Any) -> Any:
        """Turn what is stored into a value, or raise Unreadable."""
        raise NotImplementedError

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:  # noqa: ARG002
        """Return the one reader, called for every value of every row: nothing stands in between."""
        return self.read


class ExactDecimal(_Column[Decimal]):
    """A Decimal as its canonical text; floats and more than 18 significant digits are refused on the way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write a Decimal."""
        return None if value is None else money.text(money.D(value))

    @staticmethod
    def read(value: Any) -> Decimal | None:
        """Read a Decimal."""
        if value is None:
            return None
        try:
            number = Decimal(value) if type(value) is str else None
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite():
            raise Unreadable(repr(value))
        return number


class UtcDateTime(_Column[datetime]):
    """An aware time as fixed-width text in UTC, so that the order of the texts is the order of the times."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write a time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone, so it names no instant")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    @staticmethod
    def read(value: Any) -> datetime | None:
        """Read a time."""
        if value is None:
            return None
        try:
            time = datetime.fromisoformat(value) if type(value) is str else None
            if time is not None and time.tzinfo is not None:
                return time.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise Unreadable(repr(value))


class Words(_Column[str]):
    """Text that only the system writes."""

    impl = Text
    cache_ok = True

    @staticmethod
    def read(value: Any) -> str | None:
        """Read text."""
        if value is None or type(value) is str:
            return value
        raise Unreadable(repr(value))


class Whole(_Column[int]):
    """An integer that only the system writes."""

    impl = Integer
    cache_ok = True

    @staticmethod
    def read(value: Any) -> int | None:
        """Read an integer."""
        if value is None or type(value) is int:
            return value
        raise Unreadable(repr(value))


class Flag(_Column[bool]):
    """A truth value that only the system writes."""

    impl = Boolean
    cache_ok = True

    @staticmethod
    def read(value: Any) -> bool | None:
        """Read a truth value."""
        if value is None:
            return None
        if type(value) in {bool, int} and value in {0, 1}:
            return bool(value)
        raise Unreadable(repr(value))


class Tick(TypeDecorator[object]):
    """A box that people tick: whatever stands there comes back untouched, and only a rule says whether it is a yes.

    Declared BOOLEAN so that table editors show a box. Comparisons bind their values untouched too.
    """

    impl = Boolean
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Write as given."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Read as stored."""


class RawText(_Column[str]):
    """A cell that people, AIs and spreadsheets write: its text, or the text of whatever else stands there."""

    impl = Text
    cache_ok = True

    @staticmethod
    def read(value: Any) -> str | None:
        """Read anything."""
        if value is None or type(value) is str:
            return value
        return repr(value) if isinstance(value, bytes) else str(value)


class RawTime(UtcDateTime):
    """A time of ours in a table that people write: what cannot be read was never stamped."""

    cache_ok = True

    @staticmethod
    def read(value: Any) -> datetime | None:
        """Read a time or nothing."""
        try:
            return UtcDateTime.read(value)
        except Unreadable:
            return None


class RawDecimal(ExactDecimal):
    """A number of ours in a table that people write: what cannot be read was never written."""

    cache_ok = True

    @staticmethod
    def read(value: Any) -> Decimal | None:
        """Read a Decimal or nothing."""
        try:
            return ExactDecimal.read(value)
        except Unreadable:
            return None


class RawCount(_Column[int]):
    """A count of ours in a table that people write: what cannot be read is none yet."""

    impl = Integer
    cache_ok = True

    @staticmethod
    def read(value: Any) -> int:
        """Read an integer, or 0."""
        return value if type(value) is int else 0


class RawVersion(_Column[int]):
    """A version in a table that people write."""

    impl = Integer
    cache_ok = True

    @staticmethod
    def read(value: Any) -> int:
        """Read a version, or one that no row has."""
        return value if type(value) is int else NO_VERSION
