"""docs/kill-table.md: what each kill came to, as a page."""

import re
from collections import Counter

from tests.killing.cycles import QUIET
from tests.killing.rig import ROOT
from tests.killing.stories import STORIES

PAGE = ROOT / "docs" / "kill-table.md"
HEAD = """\
# Killed at every point

Written by `python -m tests.killing`; do not edit. The real scripts run as processes on a real SQLite file against the
paper broker as a server of its own that lives on. Each row is one run of its own: a stage was killed with SIGKILL at
that point, between two of its effects (a request to the broker, a read like a write; a commit; the gate's file put in
its place), and cron's next ticks went on. What is after one effect is before the next.

After every pass the invariants were judged from the database and the server's own record, and every closed trade was
counted again from the broker's activities. Nothing was broken in any row{but}.

- **orders, rows**: right after the kill, orders at the broker (legs included), and rows of trades and orders in the
  journal. A row without its order is an intent that was stored before the request; an order is never without its row.
- **uncovered**: how many seconds longer shares were without a stop than in the same life without a kill. The next tick
  is five minutes later.
- **passes**: how many passes any one stage made after the kill until books and broker were as without it; 0 where the
  kill took nothing away. A valuation by position_monitor that was lost waits for the next fresh quote, which in `gap`
  comes the next morning: nothing trades on it.
"""
COLUMNS = ("after", "before", "orders", "rows", "uncovered", "passes")


def page(results):
    """Write the page from (life, [(point, outcome)]) of each story."""
    outcomes = [outcome for _, pairs in results for _, outcome in pairs]
    broken = sum(bool(outcome.broken) for outcome in outcomes)
    parts = [HEAD.format(but=f" but {broken}, marked BROKEN" if broken else ""), *_summary(outcomes)]
    for life, pairs in results:
        parts += ["", f"## {life.story.name}", "", f"{life.story.about[0].upper()}{life.story.about[1:]}."]
        for step in life.steps:
            rows = [(point, outcome) for point, outcome in pairs if point.step == step]
            if rows:
                parts += ["", f"### {title(life.story.name, step)}", "", line(COLUMNS), line("-" * 3 for _ in COLUMNS)]
                parts += [line(cells(point, outcome)) for point, outcome in rows]
    return "\n".join(parts) + "\n"


def _summary(outcomes):
    passes = Counter(str(outcome.passes) for outcome in outcomes)
    uncovered = Counter(outcome.uncovered_s for outcome in outcomes)
    return [
        f"{len(outcomes)} kills. Passes to repair: "
        + "; ".join(f"{number} in {count}" for number, count in sorted(passes.items()))
        + ". Seconds more without a stop: "
        + "; ".join(f"{seconds} in {count}" for seconds, count in sorted(uncovered.items()))
        + "."
    ]


def title(story, step):
    return f"{story}: {step.stage}, {step.tick:%d January %H:%M} UTC"


def cells(point, outcome):
    passes = "never" if outcome.passes is None else outcome.passes
    mark = " BROKEN" if outcome.broken else ""
    return (*place(point), outcome.orders, outcome.rows, outcome.uncovered_s, f"{passes}{mark}")


def place(point):
    """Return the two cells that say where a kill was."""
    return tuple(name if name == QUIET else f"`{name}`" for name in (point.done, point.following))


def line(words):
    return f"| {' | '.join(map(str, words))} |"


def points_on(text):
    """Return (title, after, before) of each row of a page."""
    found, heading = [], None
    for row in text.splitlines():
        if row.startswith("### "):
            heading = row[4:]
        elif heading and (cells := re.match(r"\| (nothing|`[^|]+`) \| (nothing|`[^|]+`) \| \d", row)):
            found.append((heading, *cells.groups()))
    return found


def points_of(life):
    """Return the same of the points that a life has."""
    return [(title(life.story.name, point.step), *place(point)) for point in life.points]


__all__ = ["PAGE", "STORIES", "page", "points_of", "points_on"]
