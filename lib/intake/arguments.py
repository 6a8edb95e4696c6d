"""The command line of `python -m lib.decide`."""

from __future__ import annotations

import argparse
from pathlib import Path

SHOWN = 20
ID_MAX = 2**63 - 1

ABOUT = """Write, approve, list and import trading decisions.

A decision is one row of the table analysis_decision. order_executor turns approved ones into orders, or into what a
trade wants from then on; nothing is done before its approval, and a row that is changed after it is rejected."""

EXAMPLE = """example, from an idea to an approved decision:
  python -m lib.decide add --symbol AAPL --entry 150 --stop 145 --target 160
  python -m lib.decide list
  python -m lib.decide approve 1

exit codes: 0 done; 1 some were refused, the others are done, or the database did not answer; 2 nothing was done,
            a person must act; 3 a bug; 130 interrupted"""

ADD = """Write one decision to buy, or to sell short, after a preview of the checks. What could never be ordered is not
written. Checks that need the account or the market are made when order_executor takes the decision."""

ADD_EXAMPLE = """examples:
  buy 10 shares at 150 or better, guarded by a stop at 145 and a target at 160:
    python -m lib.decide add --symbol AAPL --entry 150 --stop 145 --target 160 --qty 10
  as many shares as the risk limit allows, with a stop that trails the price by 2 %, approved at once:
    python -m lib.decide add --symbol IBM --style TREND --entry 200 --stop 190 --trail-percent 2 --approve"""

CANCEL = """Write a CANCEL: what of a trade's entry has not filled yet is cancelled. What has filled stays, with its
stop. A position is ended by `close`."""

CANCEL_EXAMPLE = """example:
  take back the entry of decision 12:
    python -m lib.decide cancel --decision 12 --approve"""

AMEND = """Write an AMEND: another stop or target, or, while the entry has not filled whole, another price or quantity
of it. What is not named stays. A stop or target is moved within the session, the stop first; an entry is cancelled and,
within the entry window, sent anew for what is left."""

AMEND_EXAMPLE = """examples:
  raise the stop of the trade in AAPL to 152:
    python -m lib.decide amend --symbol AAPL --stop 152
  buy 20 in all at 149 or better, where decision 12 said 10 at 150:
    python -m lib.decide amend --decision 12 --entry 149 --qty 20"""

CLOSE = """Write a CLOSE: the whole trade is closed in the session, at market or at a price or better. Until a price is
reached the stop stays beside it. What has not filled of the entry is cancelled first."""

CLOSE_EXAMPLE = """examples:
  close the trade of decision 12 now, at market:
    python -m lib.decide close --decision 12 --approve
  close the trade in AAPL at 158 or better:
    python -m lib.decide close --symbol AAPL --close-price 158"""

APPROVE = """Tick Approve on decisions, after the same checks. An unknown id stops all of them (exit code 2). One that
could never be ordered, has been answered, or was changed after an earlier approval is not approved and is named with
the reason; the others are (exit code 1). Approving twice changes nothing."""

LIST = "Show decisions as they stand in the table, newest first, whatever stands there."

IMPORT = """Write the decisions of a CSV file in UTF-8. Its first line names columns of the table, in any order: symbol,
trade_style, planned_entry and planned_sl, and as needed planned_tp, qty, trail_percent, expires_at, side, action
(NEW_TRADE without it, or CANCEL, AMEND, CLOSE), Approve (true or false), target_decision_id, close_price. A column
`at` is for replay and is not used. A column of any other name stops the import (exit code 2).

Bad lines are named with the reason and left out; good ones are written (exit code 1 if any was bad). Importing a file
again writes nothing twice: a line that says the same as a decision which is still open, has traded, or ended today is
already there. One that came to nothing on an earlier day is written again. To repeat a trade on purpose, use add."""

IMPORT_EXAMPLE = """example of a file:
  symbol,trade_style,planned_entry,planned_sl,planned_tp,qty
  AAPL,SWING,150,145,160,10
  IBM,TREND,200,190,,"""


def parser() -> argparse.ArgumentParser:
    """Return the parser; `verb` names what was asked for."""
    main = _formatted(argparse.ArgumentParser(prog="python -m lib.decide", description=ABOUT, epilog=EXAMPLE))
    verbs = main.add_subparsers(dest="verb", required=True, metavar="add|cancel|amend|close|approve|list|import")

    add = _verb(verbs, "add", "write one decision", ADD, ADD_EXAMPLE)
    add.add_argument("--symbol", required=True, metavar="AAPL", help="what to buy, or to sell short")
    add.add_argument("--side", choices=("long", "short"), default="long", help="buy it (default), or sell it short")
    add.add_argument("--entry", required=True, metavar="PRICE", help="buy at this price or better")
    add.add_argument("--stop", required=True, metavar="PRICE", help="sell when the price falls to this")
    add.add_argument("--target", metavar="PRICE", help="sell when the price rises to this; a SWING needs it")
    add.add_argument(
        "--style",
        default="SWING",
        metavar="WORD",
        help="SWING (default), or another word for a trade with a stop alone",
    )
    add.add_argument("--qty", metavar="SHARES", help="how many shares or coins; without it the risk limit decides")
    add.add_argument("--trail-percent", metavar="PERCENT", help="let the stop follow the price; not for SWING")
    add.add_argument("--expires-at", metavar="ISO", help="order it until then, such as 2026-11-21T20:00:00Z")
    add.add_argument("--approve", action="store_true", help="approve it at once")

    requests = _requests(verbs)

    approve = _verb(verbs, "approve", "tick Approve on decisions", APPROVE, None)
    approve.add_argument(
        "ids", nargs="+", type=whole_number, metavar="ID", help="the decision's id, as add and list show it"
    )

    listing = _verb(verbs, "list", "show decisions, newest first", LIST, None)
    how_many = listing.add_mutually_exclusive_group()
    how_many.add_argument(
        "--limit", type=whole_number, default=SHOWN, metavar="N", help="show the newest N (%(default)s)"
    )
    how_many.add_argument("--all", action="store_true", help="show all of them")

    bring_in = _verb(verbs, "import", "write the decisions of a CSV file", IMPORT, IMPORT_EXAMPLE)
    bring_in.add_argument("file", type=Path, metavar="FILE.csv", help="the file")
    bring_in.add_argument("--approve", action="store_true", help="approve what is written, whatever the file says")

    for each in (add, *requests, approve, listing, bring_in):
        each.add_argument("--account", default="main", metavar="NAME", help="the account (default: main)")
        each.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return main


def _requests(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> tuple[argparse.ArgumentParser, ...]:
    """Add the verbs that ask something of a trade that is there."""
    cancel = _verb(verbs, "cancel", "write a CANCEL of an entry", CANCEL, CANCEL_EXAMPLE)
    amend = _verb(verbs, "amend", "write an AMEND of an entry or of a position's levels", AMEND, AMEND_EXAMPLE)
    close = _verb(verbs, "close", "write a CLOSE of a position", CLOSE, CLOSE_EXAMPLE)
    for each in (cancel, amend, close):
        each.add_argument("--decision", dest="target_decision_id", metavar="ID", help="the trade of this decision")
        each.add_argument("--symbol", metavar="AAPL", help="the trade in this symbol, where exactly one is live")
    amend.add_argument("--entry", dest="planned_entry", metavar="PRICE", help="the entry's new limit")
    amend.add_argument("--qty", metavar="SHARES", help="the trade's new total, filled shares included")
    amend.add_argument("--stop", dest="planned_sl", metavar="PRICE", help="the new stop")
    amend.add_argument("--target", dest="planned_tp", metavar="PRICE", help="the new target")
    close.add_argument("--close-price", metavar="PRICE", help="close at this price or better; without it at market")
    for each in (cancel, amend, close):
        each.add_argument("--expires-at", metavar="ISO", help="take it until then, such as 2026-11-21T20:00:00Z")
        each.add_argument("--approve", action="store_true", help="approve it at once")
    return cancel, amend, close


def columns_of(options: argparse.Namespace) -> dict[str, str | bool | None]:
    """Return what `add`, `cancel`, `amend` or `close` was given, by column."""
    if options.verb != "add":
        named = ("target_decision_id", "symbol", "planned_entry", "planned_sl", "planned_tp", "qty", "close_price")
        asked = {column: getattr(options, column, None) for column in (*named, "expires_at")}
        return {"action": options.verb.upper(), **asked}
    return {
        "symbol": options.symbol,
        "action": "NEW_TRADE",
        "side": options.side,
        "trade_style": options.style,
        "planned_entry": options.entry,
        "planned_sl": options.stop,
        "planned_tp": options.target,
        "qty": options.qty,
        "trail_percent": options.trail_percent,
        "expires_at": options.expires_at,
    }


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, line: str, about: str, example: str | None
) -> argparse.ArgumentParser:
    return _formatted(verbs.add_parser(name, help=line, description=about, epilog=example))


def _formatted(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def whole_number(raw: str) -> int:
    number = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 20 else 0
    if not 0 < number < ID_MAX:
        raise argparse.ArgumentTypeError(f"{raw!r} is not a whole number above zero")
    return number
