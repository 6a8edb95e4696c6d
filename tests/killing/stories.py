"""The lives that are killed into: prices, decisions, and the ticks of cron that are played.

Each tick at which something happens is followed by one in which a pass that was killed is made up for. Of the quiet
hours of a night only the ticks are played at which something is due.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import SWING_AAPL, at, steps


@dataclass(frozen=True, kw_only=True)
class Story:
    """One life. `asked` are the decisions, each approved right before a tick of cron."""

    name: str
    about: str
    prices: tuple[tuple[datetime, str], ...]
    asked: dict[datetime, dict[str, str | None]]
    ticks: tuple[datetime, ...]
    fill_plan: dict[str, tuple[Decimal, ...]] = field(default_factory=dict)

    @property
    def start(self):
        return min(self.asked) - timedelta(minutes=2)

    @property
    def feed(self):
        return ScriptedFeed({"AAPL": steps(*self.prices)})

    @property
    def options(self):
        return Options(partial_fill_rate=Decimal(0), fill_plan=self.fill_plan)


def every(minutes, first, last):
    """Return the ticks from `first` to `last`."""
    return tuple(
        first + n * timedelta(minutes=minutes) for n in range((last - first) // timedelta(minutes=minutes) + 1)
    )


TARGET = Story(
    name="target",
    about="bought in two parts, each covered by itself, then sold at the target",
    prices=((at(16, 14, 40), "151"), (at(16, 14, 52), "149.50"), (at(16, 15, 2), "149"), (at(16, 15, 12), "161")),
    asked={at(16, 14, 45): SWING_AAPL},
    ticks=every(5, at(16, 14, 45), at(16, 15, 25)),
    fill_plan={"sim-d1-entry-1": (Decimal(4),)},
)

GAP = Story(
    name="gap",
    about="asked for on a stale quote, bought at 149.50 a tick later, sold the next morning by a gap through the stop",
    prices=((at(16, 14, 40), "151"), (at(16, 20, 22), "149.50"), (at(17, 14, 30), "144.90")),
    asked={at(16, 20, 20): SWING_AAPL},
    ticks=(
        *every(5, at(16, 20, 20), at(16, 20, 30)),
        *every(10, at(16, 20, 40), at(16, 21, 0)),
        at(16, 23, 0),
        at(16, 23, 20),
        at(17, 14, 15),
        *every(5, at(17, 14, 30), at(17, 14, 45)),
    ),
)

CLOSE = Story(
    name="close",
    about="bought at 149.50, then closed at market by a decision: the cover is cancelled, the shares are sold",
    prices=((at(16, 14, 40), "151"), (at(16, 14, 52), "149.50"), (at(16, 15, 2), "151")),
    asked={
        at(16, 14, 45): SWING_AAPL,
        at(16, 15, 5): {"action": "CLOSE", "trade_style": None, "target_decision_id": "1"},
    },
    ticks=every(5, at(16, 14, 45), at(16, 15, 20)),
)

STORIES = {story.name: story for story in (TARGET, GAP, CLOSE)}
