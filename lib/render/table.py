"""What the text pages are made of: tables, lines, numbers; nothing in them moves a terminal's cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import text

if TYPE_CHECKING:
    from rich.console import Console

NOTHING = "–"
WIDE = 110
"""From this width on there is room for words beside the numbers."""

CELL_CHARS_MAX = 40
NOTE_CHARS_MAX = 400
AVERAGE_SHOWN = Decimal("0.0001")
EXACT_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Column:
    """A column: numbers stand to the right; `style` gives a cell its colour, where there is colour."""

    head: str
    right: bool = False
    style: Callable[[str], str] = lambda _: ""


def gain_or_loss(cell: str) -> str:
    """Give a sum of money its colour."""
    return "" if cell == NOTHING else "red" if cell.startswith("-") else "green"


def write_table(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    notes: Sequence[tuple[str, str | None]],
    *,
    chars_max: int = CELL_CHARS_MAX,
) -> None:
    """Write a table; its notes stand in a last column where there is room, and below it where there is not."""
    from rich.table import Table
    from rich.text import Text

    wide = console.width >= WIDE
    beside = wide and any(note for _, note in notes)
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="bold")
    for column in (*columns, Column("note")) if beside else columns:
        table.add_column(Text(column.head), justify="right" if column.right else "left", overflow="fold")
    for index, row in enumerate(rows):
        shown = [printable(cell, chars_max) for cell in row]
        cells = [Text(cell, style=c.style(cell)) for cell, c in zip(shown, columns, strict=True)]
        if beside:
            cells.append(Text(printable(notes[index][1] or NOTHING, NOTE_CHARS_MAX)))
        table.add_row(*cells)
    console.print(table)
    for whose, note in notes:
        if note and not beside:
            say(console, f"{whose}: {note}", indent=2)


def say(console: Console, line: str, *, indent: int = 0, style: str = "") -> None:
    """Write one line of words, folded where it is too long."""
    from rich.padding import Padding
    from rich.text import Text

    words = Text(printable(line, NOTE_CHARS_MAX + CELL_CHARS_MAX), overflow="fold", style=style)
    console.print(Padding(words, (0, 0, 0, indent), expand=False))


def printable(value: str, chars_max: int) -> str:
    """Return text that cannot move the cursor or change the colours of a terminal, and that has an end."""
    short = value if len(value) <= chars_max else value[: chars_max - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in short)


def money(value: Decimal | None) -> str:
    """Write a price or a sum with its cents, and with more decimals only where it has them."""
    if value is None:
        return NOTHING
    whole, _, cents = text(value).partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def average(price: Decimal | None) -> str:
    """Write an average price to four decimals; JSON has it as it is."""
    if price is None or not -EXACT_DECIMALS < price.adjusted() < EXACT_DECIMALS:
        return money(price)
    return money(price.quantize(AVERAGE_SHOWN))


def count(number: int, what: str) -> str:
    """Write a number of things."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
