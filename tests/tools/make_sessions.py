"""Write lib/sessions.csv: every NYSE session that exchange_calendars knows, opening and closing time in UTC.

The end is fixed, so that a second run changes the file only when the exchange announced something new.
"""

import warnings
from datetime import date
from pathlib import Path

import exchange_calendars

FIRST = date(2000, 1, 3)
LAST = date(2030, 12, 31)
TABLE = Path(__file__).parents[2] / "lib" / "sessions.csv"


def lines() -> list[str]:
    """Return the table's lines, header first, read from the calendar's own arrays."""
    with warnings.catch_warnings():
        # The calendar library leans on parts of pandas that are about to change; its own releases follow them.
        warnings.simplefilter("ignore")
        calendar = exchange_calendars.get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat())
        rows = zip(calendar.sessions, calendar.opens, calendar.closes, strict=True)
        return ["date,open,close", *(f"{day:%Y-%m-%d},{opens:%H:%M},{closes:%H:%M}" for day, opens, closes in rows)]


if __name__ == "__main__":
    TABLE.write_text("\n".join(lines()) + "\n", encoding="ascii")
