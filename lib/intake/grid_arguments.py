"""The command line of `python -m lib.grid`."""

from __future__ import annotations

import argparse
from decimal import Decimal
from pathlib import Path

from lib.domain.grids import Ending
from lib.domain.money import D, NotMoney
from lib.intake.arguments import whole_number

PICTURES = (".svg", ".png", ".html")

ABOUT = """Plan, write, approve, follow and stop grids.

A grid cuts a price range into cells and works each of them: a SPOT grid buys a cell's lot at its lower level and sells
it at its upper one, a REVERSE grid sells short at the upper and buys back at the lower one. It earns on prices that go
to and fro, and loses on one that leaves the range on the side where it holds. A grid is one row of the table
grid_strategy; nothing is ordered before its approval. docs/grids.md tells all of it."""

EXAMPLE = """example, from an idea to its end:
  python -m lib.grid preview AAPL --kind spot --lower 80 --upper 120 --levels 5 --qty 5
  python -m lib.grid add AAPL --kind spot --lower 80 --upper 120 --levels 5 --qty 5
  python -m lib.grid approve 1
  python -m lib.grid status 1
  python -m lib.grid stop 1

exit codes: 0 done, or it was so already; 1 the database or the broker did not answer; 2 refused, nothing was done:
            a person must act; 3 a bug; 130 interrupted"""

PREVIEW = """Show what a grid would do from the price there is: the orders at its levels, the first order, what it
needs, what a round trip of one cell earns after fees, what is lost when the price leaves the range, what speaks
against it. It reads the broker's quote and asset, unless --price says from where to reckon, and writes nothing."""

PREVIEW_EXAMPLE = """examples:
  five levels, 5 shares a cell, from the broker's quote:
    python -m lib.grid preview AAPL --kind spot --lower 80 --upper 120 --levels 5 --qty 5
  steps of equal per cent, ended at 75, as a picture, from a price of your own:
    python -m lib.grid preview AAPL --kind spot --lower 80 --upper 120 --levels 9 --qty 5 --spacing geometric \\
        --stop 75 --price 100 --picture grid.svg"""

ADD = """Write one strategy after the checks of preview; what could never start is not written. Nothing is ordered
before it is approved. What needs the account or the market is checked when order_executor starts it."""

ADD_EXAMPLE = """examples:
  a grid of whole shares that ends at 75 and follows the price up to 140:
    python -m lib.grid add AAPL --kind spot --lower 80 --upper 120 --levels 5 --qty 5 --stop 75 \\
        --trailing --trailing-limit 140
  a short grid, approved at once:
    python -m lib.grid add SPY --kind reverse --lower 440 --upper 460 --levels 11 --qty 2 --stop 470 --approve"""

APPROVE = """Tick Approve on a strategy, after the checks of add. One that waits is started by order_executor, in the
session. One that is PAUSED goes on with the numbers it has now; look at its reason first. Approving twice changes
nothing."""

APPROVE_EXAMPLE = """example:
  python -m lib.grid approve 1"""

LIST = "Show every strategy in a line, newest first, whatever stands in the table."

LIST_EXAMPLE = """example:
  python -m lib.grid list"""

STATUS = """Show what grids have earned and how they stand: matched profit, profit of the first order, unrealised, fees
and their sum, which is exactly what equity has changed by; round trips, yearly rates (hidden for the first day),
what rests at each level, what each cell holds, the newest round trips. Without an id: each grid that has begun and
not ended.

It reads the database alone and asks no broker: prices are those of the last pass of position_monitor."""

STATUS_EXAMPLE = """example:
  python -m lib.grid status 1"""

STOP = """Ask for the end of a grid. order_monitor cancels all its orders, waits until each has ended, then leaves what
is held as it is (--keep) or closes exactly that at market (--flatten). One that has not started is taken back.

Without either word what is held is kept: a stop that was asked for in haste sells nothing at market. What is kept is
yours from then on: in no trade, and with no stop."""

STOP_EXAMPLE = """examples:
  python -m lib.grid stop 1
  python -m lib.grid stop 1 --flatten"""


def parser() -> argparse.ArgumentParser:
    """Return the parser; `verb` names what was asked for."""
    main = _formatted(argparse.ArgumentParser(prog="python -m lib.grid", description=ABOUT, epilog=EXAMPLE))
    verbs = main.add_subparsers(dest="verb", required=True, metavar="preview|add|approve|list|status|stop")
    preview = _verb(verbs, "preview", "show what a grid would do; write nothing", PREVIEW, PREVIEW_EXAMPLE)
    add = _verb(verbs, "add", "write one strategy", ADD, ADD_EXAMPLE)
    for each in (preview, add):
        _strategy(each)
    preview.add_argument("--picture", type=_picture, metavar="FILE", help="draw it too, as .svg, .png or .html")
    add.add_argument("--approve", action="store_true", help="approve it at once")
    approve = _verb(verbs, "approve", "tick Approve; a PAUSED one goes on", APPROVE, APPROVE_EXAMPLE)
    approve.add_argument("id", type=whole_number, metavar="ID", help="the grid's id, as add and list show it")
    _verb(verbs, "list", "show every strategy in a line", LIST, LIST_EXAMPLE)
    status = _verb(verbs, "status", "show what grids have earned and how they stand", STATUS, STATUS_EXAMPLE)
    status.add_argument("id", nargs="?", type=whole_number, metavar="ID", help="this grid alone")
    stop = _verb(verbs, "stop", "end a grid", STOP, STOP_EXAMPLE)
    stop.add_argument("id", type=whole_number, metavar="ID", help="the grid's id")
    how = stop.add_mutually_exclusive_group()
    keep, flatten = Ending.KEEP, Ending.FLATTEN
    how.add_argument("--keep", dest="ending", action="store_const", const=keep, help="keep what is held (default)")
    how.add_argument("--flatten", dest="ending", action="store_const", const=flatten, help="close it at market")
    stop.set_defaults(ending=keep)
    for each in verbs.choices.values():
        each.add_argument("--account", default="main", metavar="NAME", help="the account (default: main)")
        each.add_argument("--json", action="store_true", help="print the result as one JSON object; times in UTC")
    return main


def _strategy(verb: argparse.ArgumentParser) -> None:
    """Add what a strategy consists of. Numbers are read where the stages read them."""
    verb.add_argument("symbol", metavar="SYMBOL", help="what it trades, such as AAPL or BTC/USD")
    verb.add_argument(
        "--kind", choices=("spot", "reverse"), required=True, help="buy low first, or sell short high first"
    )
    verb.add_argument("--lower", required=True, metavar="PRICE", help="the lowest level")
    verb.add_argument("--upper", required=True, metavar="PRICE", help="the highest level")
    verb.add_argument("--levels", required=True, metavar="N", help="how many prices, both ends included: one cell less")
    verb.add_argument("--qty", required=True, metavar="QTY", help="shares or coins of each cell")
    verb.add_argument("--capital", metavar="DOLLARS", help="what it may need at most (default: all cells at --upper)")
    verb.add_argument(
        "--spacing", choices=("arithmetic", "geometric"), help="steps of equal dollars (default), or of equal per cent"
    )
    verb.add_argument(
        "--straddle",
        choices=("nearest", "flat", "held"),
        help="the cell the price stands inside starts held if its entry level is nearer (default), never, or always",
    )
    verb.add_argument("--stop", metavar="PRICE", help="close all of it at market beyond the losing end")
    verb.add_argument("--take-profit", metavar="PRICE", help="close all of it at market beyond the other end")
    verb.add_argument(
        "--out-of-range",
        choices=("hold", "stop", "flatten"),
        help="when the price leaves the range: wait (default), stop and keep, or stop and close at market",
    )
    verb.add_argument("--trailing", action="store_true", help="follow the price a cell at a time where nothing is held")
    verb.add_argument("--trailing-limit", metavar="PRICE", help="as far as this")
    verb.add_argument("--price", type=_price, metavar="PRICE", help="reckon from this price; no broker is asked")


def columns_of(options: argparse.Namespace) -> dict[str, str | None]:
    """Return what `preview` or `add` was given, by column."""
    return {
        "symbol": options.symbol,
        "kind": options.kind.upper(),
        "lower_price": options.lower,
        "upper_price": options.upper,
        "levels": options.levels,
        "spacing": None if options.spacing is None else options.spacing.upper(),
        "quantity_per_grid": options.qty,
        "capital": options.capital,
        "straddle": options.straddle,
        "stop_price": options.stop,
        "take_profit_price": options.take_profit,
        "out_of_range": options.out_of_range,
        "trailing": "true" if options.trailing else None,
        "trailing_limit": options.trailing_limit,
    }


def _price(raw: str) -> Decimal:
    try:
        price = D(raw)
    except NotMoney:
        price = Decimal(0)
    if price <= 0:
        raise argparse.ArgumentTypeError(f"{raw!r} is no price above zero")
    return price


def _picture(raw: str) -> Path:
    path = Path(raw)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{raw!r} ends in none of {', '.join(PICTURES)}")
    return path


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, line: str, about: str, example: str
) -> argparse.ArgumentParser:
    return _formatted(verbs.add_parser(name, help=line, description=about, epilog=example))


def _formatted(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser
