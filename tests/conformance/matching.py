"""Whether an answer is what a row expects.

"150.01", 403, true     exactly this, type and all: "1" is not 1; numbers compare by value
{ code = 1, … }         an object with at least these; an error's body (status 400 and up) has no others
[ …, … ]                a list of exactly these, in this order
"~new|accepted"         text that the regular expression matches from end to end
"<null>"                null; likewise <absent>, <maybe> (there or not), <present> (there and not null), <text>,
                        <uuid>, <instant> (RFC 3339), <decimal> (a number in a string), <number>, <bool>
"$fields" = [ … ]       in an object: it has these fields and no others
"$each" = …             for a list: every element, of which there is one at least
"$length" = 3           for a list: how many
"$one_of" = [ …, … ]    any of these
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

ABSENT = object()


def mismatches(expected: object, got: object, place: str = "answer", *, closed: bool = False) -> list[str]:
    """Return one line for each part of `got` that is not as expected; `closed` lets an object have no other fields."""
    if isinstance(expected, str):
        return [] if _is_text(expected, got) else [_line(place, expected, got)]
    if isinstance(expected, list):
        return _of_list(expected, got, place)
    if isinstance(expected, dict):
        return _of_table(expected, got, place, closed=closed)
    return [] if _same(expected, got) else [_line(place, expected, got)]


def _of_table(expected: dict, got: object, place: str, *, closed: bool) -> list[str]:
    if "$one_of" in expected:
        fits = any(not mismatches(choice, got, place) for choice in expected["$one_of"])
        return [] if fits else [_line(place, expected, got)]
    if expected.keys() & {"$each", "$length"}:
        return _of_many(expected, got, place)
    if not isinstance(got, dict):
        return [_line(place, expected, got)]
    named = {key: value for key, value in expected.items() if key != "$fields"}
    found = []
    for key, value in named.items():
        found += mismatches(value, got.get(key, ABSENT), f"{place}.{key}")
    allowed = expected.get("$fields", named if closed else None)
    if allowed is not None:
        found += [f"{place}.{key}: not expected, got {got[key]!r}" for key in sorted(got.keys() - set(allowed))]
    found += [f"{place}.{key}: not there" for key in expected.get("$fields", ()) if key not in got]
    return found


def _of_list(expected: list, got: object, place: str) -> list[str]:
    if not isinstance(got, list) or len(got) != len(expected):
        return [_line(place, expected, got)]
    pairs = enumerate(zip(expected, got, strict=True))
    return [line for index, (want, have) in pairs for line in mismatches(want, have, f"{place}[{index}]")]


def _of_many(expected: dict, got: object, place: str) -> list[str]:
    if not isinstance(got, list):
        return [_line(place, expected, got)]
    if "$length" in expected and len(got) != expected["$length"]:
        return [f"{place}: expected {expected['$length']} elements, got {len(got)}: {got!r}"]
    if "$each" not in expected:
        return []
    if not got:
        return [f"{place}: expected one element at least, got none"]
    each = expected["$each"]
    return [line for index, part in enumerate(got) for line in mismatches(each, part, f"{place}[{index}]")]


def _is_text(expected: str, got: object) -> bool:
    if expected.startswith("~"):
        return isinstance(got, str) and re.fullmatch(expected[1:], got) is not None
    kind = KINDS.get(expected)
    return kind(got) if kind else _same(expected, got)


def _same(expected: object, got: object) -> bool:
    numbers = int | Decimal
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, numbers) and isinstance(got, numbers):
        return expected == got
    return type(expected) is type(got) and expected == got


def _is_uuid(got: object) -> bool:
    with suppress(ValueError):
        return isinstance(got, str) and str(UUID(got)) == got
    return False


def _is_instant(got: object) -> bool:
    with suppress(ValueError):
        return isinstance(got, str) and datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", got)).tzinfo is not None
    return False


def _is_decimal(got: object) -> bool:
    with suppress(InvalidOperation):
        return isinstance(got, str) and Decimal(got).is_finite()
    return False


KINDS = {
    "<maybe>": lambda got: True,
    "<null>": lambda got: got is None,
    "<absent>": lambda got: got is ABSENT,
    "<present>": lambda got: got is not ABSENT and got is not None,
    "<text>": lambda got: isinstance(got, str) and got != "",
    "<uuid>": _is_uuid,
    "<instant>": _is_instant,
    "<decimal>": _is_decimal,
    "<number>": lambda got: isinstance(got, int | Decimal) and not isinstance(got, bool),
    "<bool>": lambda got: isinstance(got, bool),
}


def _line(place: str, expected: object, got: object) -> str:
    return f"{place}: expected {expected!r}, got {'nothing' if got is ABSENT else repr(got)}"
