"""Write the table of invariants into docs/proof.md, between its two markers: each in words, from lib/invariants."""

from pathlib import Path

from lib.invariants.production import OF_BROKER, OF_ROWS
from lib.invariants.promises import PROMISES, Promise

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
BEGIN, END = "<!-- invariants: made by make docs -->\n", "<!-- end of invariants -->\n"
HEADING = "| id | what holds | when | how it is judged | what to do when it is broken |\n|---|---|---|---|---|\n"


def page() -> str:
    """Return the page with its table made anew."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"{PAGE} lacks the line {BEGIN!r} or {END!r}"
        raise ValueError(message)
    return before + begin + table() + end + after


def table() -> str:
    """Return the table, what does not apply below it, and what every pass asserts."""
    rows = "".join(_row(promise) for promise in PROMISES.values() if not promise.absent)
    absent = "".join(f"- **{p.id}** does not apply: {p.absent}. ({p.holds})\n" for p in PROMISES.values() if p.absent)
    broker = [name for judges in OF_BROKER.values() for name in judges]
    compared = " and ".join(sorted(broker))
    words = (
        "Every pass asserts I21 before anything else, which freezes the account. At its end it asserts I10, "
        f"{', '.join(OF_ROWS)} by its own rows: what is broken halts the account at once. order_monitor and "
        f"position_monitor hold {compared} against the broker's answers: what is broken in two passes a minute apart, "
        "and by reads of that symbol alone, halts the symbol. A halt cancels entries that rest, never a stop.\n"
    )
    return f"\n{HEADING}{rows}\n{absent}\n{words}\n"


def _row(promise: Promise) -> str:
    cells = (promise.id, promise.holds, promise.when, promise.judged, promise.do)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
