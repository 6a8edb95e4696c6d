"""Read the reference tables of tests/grids/tables: text as it was printed becomes Decimals, fills and orders tuples.

Each file is one table of the reference page, cell by cell; what it was played with is in tests/grids/catalogue.py.
"""

import csv
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("tables")
FILL = re.compile(r"(buy|sell) ([\d.]+)@([\d.]+) ?\(c(\d+)\)")
ORDER = re.compile(r"([BS])([\d.]+)\(c(\d+)\)")
SIDES = {"B": "buy", "S": "sell"}
NUMBERS = ("cash", "inv", "matched", "initial", "unreal", "interval_gross", "fees", "equity", "trips")


class Filled(NamedTuple):
    side: str
    qty: Decimal
    price: Decimal
    cell: int


class Resting(NamedTuple):
    qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table S, R, C or B. `step` is t0, t1, … or CLOSE; orders are the lowest price first."""

    step: str
    price: Decimal
    fills: tuple[Filled, ...]
    buys: tuple[Resting, ...]
    sells: tuple[Resting, ...]
    cash: Decimal
    inv: Decimal
    matched: Decimal
    initial: Decimal
    unreal: Decimal
    interval_gross: Decimal
    fees: Decimal
    equity: Decimal
    trips: Decimal


def raw(name: str) -> list[dict[str, str]]:
    """Return the rows of any table by the names of its columns."""
    with (FOLDER / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rows(name: str) -> tuple[Row, ...]:
    """Return the rows of a table with the columns of `Row`."""
    return tuple(
        Row(
            step=each["step"],
            price=Decimal(each["price"]),
            fills=fills(each["fills"]),
            buys=resting(each["buys"]),
            sells=resting(each["sells"]),
            **{column: Decimal(each[column]) for column in NUMBERS},
        )
        for each in raw(name)
    )


def fills(words: str) -> tuple[Filled, ...]:
    """Read `buy 5@90 (c1); buy 5@80 (c0)`; `-` is none."""
    found = tuple(Filled(side, Decimal(q), Decimal(p), int(cell)) for side, q, p, cell in FILL.findall(words))
    assert len(found) == (0 if words == "-" else words.count(";") + 1), words
    return found


def resting(words: str) -> tuple[Resting, ...]:
    """Read `5@80 5@90`; `-` is none."""
    pairs = [] if words == "-" else [each.split("@") for each in words.split()]
    return tuple(Resting(Decimal(qty), Decimal(price)) for qty, price in pairs)


def orders(words: str) -> tuple[tuple[str, Decimal, int], ...]:
    """Read `B80(c0) S120(c3)` as (side, price, cell)."""
    return tuple((SIDES[side], Decimal(price), int(cell)) for side, price, cell in ORDER.findall(words))


def amounts(words: str) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Read `B80x5 S120x5` as (side, price, quantity)."""
    pairs = [each.split("x") for each in words.split()]
    return tuple((SIDES[first[0]], Decimal(first[1:]), Decimal(qty)) for first, qty in pairs)
