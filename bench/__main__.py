"""How long a stage takes to start, and to find nothing to do, against what Python and its libraries take.

Then what a pass costs as live orders grow, from ten to ten thousand, and what a look over many grids does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import grids, growth
from bench.checkout import SetUpError
from bench.rows import report
from bench.stages import measurements
from bench.timing import RunError, modules_of, take_turns


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; return 1 when a limit is broken."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="runs of each command (default: 9)")
    rounds = max(1, parser.parse_args(arguments).rounds)
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        try:
            with measurements(Path(directory)) as rows:
                commands = {id(each): each for row in rows for each in (row.against, row.measured)}
                take_turns(tuple(commands.values()), rounds)
                loaded = {row.measured.name: modules_of(row.measured) for row in rows}
            all_hold = report(rows, loaded)
            print(f"medians of {rounds} runs of each, in turns, against:")
            for name in dict.fromkeys(row.against.name for row in rows):
                print(f"  {name}")
            print()
            is_linear = growth.report(growth.measure(Path(directory) / "growth"))
            print()
            is_linear = grids.report(grids.measure(Path(directory) / "grids")) and is_linear
        except (SetUpError, RunError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0 if all_hold and is_linear else 1


if __name__ == "__main__":
    sys.exit(main())
