"""Write data/*.csv: half a year of recorded daily bars, from the public-domain table in the package bokeh_sampledata.

The source holds trades off the exchange at fractions of a cent, which no order on the exchange could have had. A high
is therefore cut down and a low raised to the next whole cent, so that no bar reaches a price that was not traded;
open and close go to the nearest cent inside the bar.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from importlib import import_module
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
FIRST, LAST = "2012-09-04", "2013-03-01"
HEADER = "timestamp,open,high,low,close,volume"
CENT = Decimal("0.01")


def table(symbol: str) -> list[str]:
    """Return a symbol's lines, header first."""
    source = getattr(import_module("bokeh_sampledata.stocks"), symbol)
    prices = zip(*(source[name] for name in ("open", "high", "low", "close")), strict=True)
    rows = zip(source["date"], prices, source["volume"], strict=True)
    return [HEADER, *(line(*row) for row in rows if FIRST <= row[0] <= LAST)]


def line(date: str, prices: tuple[float, float, float, float], volume: int) -> str:
    """Return one bar on the tick; a bar whose open or close lies outside its range is refused."""
    opening, top, bottom, close = (Decimal(repr(price)) for price in prices)
    if not bottom <= min(opening, close) <= max(opening, close) <= top:
        message = f"the bar of {date} is contradictory"
        raise ValueError(message)
    top, bottom = top.quantize(CENT, ROUND_FLOOR), bottom.quantize(CENT, ROUND_CEILING)
    first, last = (min(max(price.quantize(CENT, ROUND_HALF_EVEN), bottom), top) for price in (opening, close))
    return f"{date}T00:00:00Z,{first},{top},{bottom},{last},{volume}"


if __name__ == "__main__":
    for name in SYMBOLS:
        (DATA / f"{name}.csv").write_text("\n".join(table(name)) + "\n", encoding="ascii")
