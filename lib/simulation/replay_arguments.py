"""The command line of `python -m lib.replay`."""

from __future__ import annotations

import argparse
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from lib.config import REPOSITORY
from lib.domain.grids import Spacing
from lib.errors import ConfigError
from lib.simulation.story import GridOfStory, Story

ABOUT = """Run the whole system over recorded prices, in simulated time: the decisions of a CSV file become orders on
the built-in paper broker, the three stages run as the crontab has them, and the journal is printed at the end. The
last line counts cash and results again from the broker's own fills. The same seed gives the same fills."""

EXAMPLE = """examples:
  python -m lib.replay --demo --seed 2
  python -m lib.replay --prices data --decisions mine.csv --from 2013-01-22 --to 2013-01-29

The CSV has the columns of `python -m lib.decide import`, and `at`: when a decision is written and approved.
Prices are CSV files named after their symbol: timestamp,open,high,low,close,volume in UTC, daily to minute bars.

exit codes: 0 done; 1 the recount or a promise does not hold; 2 the table, the prices or the days cannot be used"""

DEMO: dict[str, Any] = {
    "prices": REPOSITORY / "data",
    "decisions": REPOSITORY / "data" / "demo" / "decisions.csv",
    "first": date(2013, 1, 22),
    "last": date(2013, 1, 29),
    "out": REPOSITORY / "var" / "demo",
}

DEMO_GRIDS = (
    GridOfStory(
        symbol="ACME",
        levels=13,
        spacing=Spacing.ARITHMETIC,
        reach=Decimal(2),
        qty=Decimal(4),
        begins=3,
        ends=False,
    ),
    GridOfStory(
        symbol="BTC/USD",
        levels=9,
        spacing=Spacing.GEOMETRIC,
        reach=Decimal("2.5"),
        qty=Decimal("0.02"),
        begins=5,
        ends=True,
    ),
)
"""The demo's grids. Nothing of theirs is recorded: their prices are made up (`data/assets.json`).

The coins have one night: they are looked after round the clock, and a demo has no time for more.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    main = argparse.ArgumentParser(
        prog="python -m lib.replay",
        description=ABOUT,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument(
        "--demo", action="store_true", help="replay the week, the decisions and the grids that come with this project"
    )
    main.add_argument("--prices", type=Path, metavar="DIR", help="the directory of price files")
    main.add_argument("--decisions", type=Path, metavar="FILE.csv", help="the decisions")
    main.add_argument("--from", dest="first", type=_day, metavar="DATE", help="the first day, such as 2013-01-22")
    main.add_argument("--to", dest="last", type=_day, metavar="DATE", help="the last day")
    main.add_argument("--seed", type=int, default=1, metavar="N", help="another seed gives other fills (default: 1)")
    main.add_argument("--out", type=Path, metavar="DIR", help="where database and report go (default: var/replay)")
    main.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return main


def story_of(options: argparse.Namespace) -> Story:
    """Return what to replay; raises ConfigError naming what is missing."""
    given = {name: getattr(options, name) for name in ("prices", "decisions", "first", "last", "out")}
    defaults: dict[str, Any] = DEMO if options.demo else {"out": REPOSITORY / "var" / "replay"}
    chosen: dict[str, Any] = {name: value if value is not None else defaults.get(name) for name, value in given.items()}
    flags = {"prices": "--prices", "decisions": "--decisions", "first": "--from", "last": "--to"}
    missing = [flag for name, flag in flags.items() if chosen[name] is None]
    if missing:
        raise ConfigError(f"{', '.join(missing)} missing; --demo needs none of them")
    if chosen["last"] < chosen["first"]:
        raise ConfigError(f"--to {chosen['last']} is before --from {chosen['first']}")
    return Story(
        prices=chosen["prices"],
        decisions=chosen["decisions"],
        first=chosen["first"],
        last=chosen["last"],
        seed=options.seed,
        directory=chosen["out"],
        grids=DEMO_GRIDS if options.demo and options.prices is None else (),
    )


def _day(raw: str) -> date:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{raw!r} is not a day like 2013-01-22") from None
