"""The command line of `python -m lib.prove`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lib.config import REPOSITORY
from lib.errors import ConfigError
from lib.simulation.proof.campaign import MINUTES, Wanted

ABOUT = """Play schedules of trouble against the real stages and the built-in broker, in simulated time, and count
what they break. First every pair of faults at every call of the core lifecycles, then lives and schedules drawn from
the seed: several days and trades, crashes, lost answers, short and stale lists, a full disk, a second host, people.
Between them grids, spot and reverse, with prices, fills in parts, looks and faults drawn from the seed.
Results are kept as they come: started again with the same commit and seed, it goes on where it was stopped."""

EXAMPLE = f"""examples:
  python -m lib.prove                          {MINUTES:g} minutes, all cores
  python -m lib.prove --minutes 90
  python -m lib.prove --runs 100000 --seed 7
  python -m lib.prove --again 'life 12' 35.0:person_trades#482 40.4:any#469
  python -m lib.prove --again 'grid 9'         both grids of a seed, as they were played

The page is written to the directory as text and as HTML with plots (which need matplotlib: `make prove` brings it).
What it promises and where its limits are: docs/proof.md

exit codes: 0 nothing was broken; 1 something was, and each schedule that did is named; 2 usage; 130 interrupted"""


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    main = argparse.ArgumentParser(
        prog="python -m lib.prove",
        description=ABOUT,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--minutes", type=_above_zero, metavar="M", help="begin nothing new after so many minutes")
    main.add_argument("--runs", type=int, metavar="N", help="begin nothing new after so many schedules")
    main.add_argument("--seed", type=int, default=1, metavar="S", help="the first seed (default: 1)")
    main.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="J", help="processes (default: one a core)")
    main.add_argument(
        "--out", type=Path, default=REPOSITORY / "var" / "prove", metavar="DIR", help="default: var/prove"
    )
    main.add_argument("--again", nargs="+", metavar="WORD", help="play one schedule anew: its life, then its faults")
    main.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return main


def wanted(options: argparse.Namespace) -> Wanted:
    """Return what to play. Raises ConfigError for numbers that make no sense."""
    for name in ("runs", "seed", "jobs"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} {value}: a whole number from 1")
    return Wanted(
        minutes=options.minutes, runs=options.runs, seed=options.seed, jobs=options.jobs, directory=options.out
    )


def _above_zero(raw: str) -> float:
    try:
        minutes = float(raw)
    except ValueError:
        minutes = 0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{raw!r} is no number of minutes above 0")
    return minutes
