"""The one text form of a record: a line of JSON. Reading follows the types that the record declares."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

R = TypeVar("R")


def write(record: object) -> str:
    """Write a record; the same record always gives the same text, and what is at its default is left out."""
    return json.dumps(_plain(record), separators=(",", ":"))


def read(kind: type[R], text: str) -> R:
    """Read what `write` wrote of a record of this kind."""
    return _reader(kind)(json.loads(text))  # type: ignore[no-any-return, arg-type]


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        defaults = _defaults(type(value))
        pairs = ((name, getattr(value, name)) for name in defaults)
        return {name: _plain(part) for name, part in pairs if part != defaults[name]}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, date):  # an instant is a date too
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else value


@cache
def _defaults(kind: type[Any]) -> Mapping[str, object]:
    return {item.name: item.default for item in fields(kind)}


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return what turns the JSON form of a type into a value of it."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        readers = {item.name: _reader(hints[item.name]) for item in fields(kind)}
        return lambda row: kind(**{name: readers[name](value) for name, value in row.items()})
    if get_origin(kind) in (Union, UnionType):
        return _reader(next(part for part in get_args(kind) if part is not type(None)))
    if get_origin(kind) is tuple:
        return _tuple_reader(get_args(kind))
    if kind in (datetime, date):
        return kind.fromisoformat  # type: ignore[no-any-return]
    if kind is Decimal or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return kind
    return lambda value: value


def _tuple_reader(parts: tuple[Any, ...]) -> Callable[[Any], Any]:
    if parts[-1] is ...:
        # Asked for when it is needed: a record may hold records of its own kind.
        return lambda values: tuple(_reader(parts[0])(value) for value in values)
    readers = tuple(map(_reader, parts))
    return lambda values: tuple(read_part(value) for read_part, value in zip(readers, values, strict=True))
