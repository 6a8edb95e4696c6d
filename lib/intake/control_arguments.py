"""The command line of `python -m lib.control`."""

from __future__ import annotations

import argparse

ABOUT = """Stop the system, let it go on, and pin the broker account it belongs to.

A stop has a scope: everything, one account, one symbol. Where several bind a symbol the strictest counts.
  REDUCING  no new entries; entries that rest at the broker stay
  HALTED    no new entries; entries that rest at the broker are cancelled by the next order_monitor pass
  FROZEN    no request that changes anything: no order, no cancel, no stop
Except in FROZEN, what is owned stays covered and is closed as planned.

It takes effect at once, also in a pass that is running: control is read again right before each order. The file HALT
in STATE_DIR (`touch var/HALT`) halts everything as well, whatever this command says."""

EXAMPLE = """examples:
  python -m lib.control list
  python -m lib.control halt --reason "the market is mad"
  python -m lib.control halt --symbol AAPL --reason "earnings tonight"
  python -m lib.control resume --symbol AAPL

exit codes: 0 done, or it was so already; 1 the database did not answer; 2 nothing was changed, a person must act;
            3 a bug; 130 interrupted"""

HALT = """Set HALTED: nothing that adds to a position leaves, and the next order_monitor pass cancels the entries that
rest at the broker (start it by hand, or wait five minutes). What filled before stays, covered as planned."""

REDUCE = "Set REDUCING: nothing new that adds to a position leaves; entries that rest at the broker stay."

FREEZE = """Set FROZEN: no request that changes anything leaves. Stops that rest at the broker stay there; what fills
without one stays without one. For an account that is not what it should be; to stop trading, use halt."""

STOPS = (
    ("halt", "no new entries, and cancel those that rest", HALT),
    ("reduce", "no new entries; those that rest may still fill", REDUCE),
    ("freeze", "send nothing at all, not even stops", FREEZE),
)
RESUME = """Set ACTIVE again. It ends the stop of exactly this scope: those of other scopes, and the file HALT, stay and
are named. Resuming what is not stopped changes nothing."""

LIST = "Show what is stopped and what it means, and which broker account each account is pinned to."

PIN = """Record by hand which broker account an account of this database belongs to. A pass that reaches any other sends
nothing and ends with exit code 2. A paper account that is not pinned is pinned by the first pass that reaches it; a
live one is pinned by this command alone, and until its number is typed no pass sends anything.

Where another number is pinned already, the trades, orders and positions of the database belong to that one: the
command asks for the new number once more, or takes --yes."""


def parser() -> argparse.ArgumentParser:
    """Return the parser; `verb` names what was asked for."""
    main = _formatted(argparse.ArgumentParser(prog="python -m lib.control", description=ABOUT, epilog=EXAMPLE))
    verbs = main.add_subparsers(dest="verb", required=True, metavar="halt|reduce|freeze|resume|list|pin")
    for name, line, about in STOPS:
        stop = _verb(verbs, name, line, about)
        _scope(stop)
        stop.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever reads it later")
        stop.add_argument(
            "--yes", action="store_true", help="also a symbol that nothing here names, or less than is stopped now"
        )
    resume = _verb(verbs, "resume", "end the stop of a scope", RESUME)
    _scope(resume)
    resume.add_argument("--reason", metavar="TEXT", help="why, for whoever reads it later")
    listing = _verb(verbs, "list", "show what is stopped", LIST)
    listing.add_argument("--account", metavar="NAME", help="only what binds this account")
    pin = _verb(verbs, "pin", "record the broker's account number by hand", PIN)
    pin.add_argument("number", metavar="NUMBER", help="the account number, as the broker shows it")
    pin.add_argument("--account", default="main", metavar="NAME", help="the account (default: main)")
    pin.add_argument("--yes", action="store_true", help="put it in the place of another number without asking")
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return main


def _scope(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--account", metavar="NAME", help="this account; with no scope given: everything")
    verb.add_argument("--symbol", metavar="AAPL", help="this symbol, in the account named or else in each")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, line: str, about: str
) -> argparse.ArgumentParser:
    return _formatted(verbs.add_parser(name, help=line, description=about))


def _formatted(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser
