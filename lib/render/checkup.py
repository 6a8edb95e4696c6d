"""What `doctor` and `health` found, as text: one line a thing, what to do below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.render.table import NOTE_CHARS_MAX, count, printable
from lib.views.checkup import LATER, OK, PERSON, CheckupPage

if TYPE_CHECKING:
    from rich.console import Console

MARKS = {OK: ("ok  ", "green"), LATER: ("wait", "yellow"), PERSON: ("ACT ", "bold red")}
SUMMARY = {
    OK: "all is well",
    LATER: "nothing is urgent: the next passes repair what waits, or its line says what to do",
    PERSON: "a person must act",
}


def write_checkup(page: CheckupPage, console: Console) -> None:
    """Write the findings, then what they come to."""
    for each in page.findings:
        mark, style = MARKS[each.level]
        whose = f" of {each.account}" if each.account is not None else ""
        _line(console, f"{mark}  {each.name}{whose}: {each.what}", "" if each.level == OK else style)
        if each.do is not None:
            _line(console, f"      to do: {each.do}")
    bad = sum(each.level != OK for each in page.findings)
    _line(console, f"{count(len(page.findings), 'thing')} looked at, {bad} not well: {SUMMARY[page.exit_code]}")


def _line(console: Console, line: str, style: str = "") -> None:
    """Write one line as one line, however long: monitors and grep go by lines."""
    from rich.text import Text

    console.print(Text(printable(line, NOTE_CHARS_MAX), style=style), soft_wrap=True)
