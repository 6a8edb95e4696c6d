"""Run the conformance table on Alpaca's paper host: `make conformance-alpaca`.

Reads CONFORMANCE_API_KEY and CONFORMANCE_SECRET_KEY and nothing else; the keys are those of a paper account that has
neither a position nor an open order. Orders that the table sends are far from the market and are canceled.

Exit status: 0 when every row that ran was as expected; 1 when one was not, or an order or a position is left; 2 when it
may not run.
"""

from __future__ import annotations

import os
import sys
import time

from requests import RequestException

from tests.conformance.alpaca import HOST, Alpaca, Refused
from tests.conformance.running import run
from tests.conformance.table import load

KEYS = ("CONFORMANCE_API_KEY", "CONFORMANCE_SECRET_KEY")
CLOSED = "the market is closed"


def main(argv, environ, rows=None, **target):
    """Run the rows and print how it went; `target` is passed on to Alpaca."""
    missing = [name for name in KEYS if not environ.get(name)]
    if argv:
        return _refuse("takes no arguments; its keys are in " + " and ".join(KEYS))
    if missing:
        return _refuse(f"set {' and '.join(missing)} to the keys of an empty Alpaca paper account")
    try:
        alpaca = Alpaca(*(environ[name] for name in KEYS), **target)
        alpaca.check_empty()
        print(f"{HOST}: orders of this run are called {alpaca.mark}-…")
        return _run_all(load() if rows is None else rows, alpaca)
    except Refused as refused:
        return _refuse(str(refused))
    except RequestException as trouble:
        # The words of the exception may hold an address, never a header; its kind says enough.
        return _refuse(f"{HOST} does not answer: {type(trouble).__name__}")


def _run_all(rows, alpaca):
    is_open = alpaca.is_open()
    failed, passed, skipped = 0, 0, []
    try:
        for row in rows:
            reason = row.not_on_alpaca or (CLOSED if row.in_session and not is_open else None)
            if reason is not None:
                skipped.append(f"skipped {row.id}: {reason}")
                continue
            problems = _run_one(row, alpaca)
            failed, passed = failed + bool(problems), passed + (not problems)
            for line in problems:
                print(f"FAILED {row.id}: {line}\n       {row.rule} ({row.source})")
    finally:
        left = alpaca.clean_up()
    print(*skipped, sep="\n")
    print(f"{passed} rows as expected, {failed} not, {len(skipped)} skipped")
    held = alpaca.positions()
    if left:
        print(f"still open, cancel by hand: {', '.join(left)}")
    if held:
        print(f"an order filled that should have been refused, close by hand: {', '.join(held)}")
    return 1 if failed or left or held else 0


def _run_one(row, alpaca):
    try:
        return run(row, alpaca)
    except (LookupError, TypeError, ValueError) as trouble:
        return [f"an answer lacks what a later request needs: {trouble!r}"]
    finally:
        if any(step.sends_an_order for step in row.steps):
            alpaca.clean_up()


def _refuse(message):
    print(f"conformance: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, pause=time.sleep))
