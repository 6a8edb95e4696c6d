"""The surprises of protection, with every effect of each broken in turn: the end is the clean run's."""

from decimal import Decimal

import pytest

from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import Watch, at_rest
from lib.simulation.faults import Faults, Kind, with_faults
from lib.simulation.lifecycles import at
from lib.simulation.world import world
from tests.lifecycles.opening import AAPL, BITCOIN, SHORT_AAPL, at_entry, look_at, prices, trade_of
from tests.tools.sampling import some

BOUGHT = ("151", (at(16, 15, 2), "149.50"))
STORIES = {
    "both legs filled": (
        AAPL,
        prices(*BOUGHT, (at(16, 15, 31), "161"), (at(16, 15, 31).replace(second=20), "144")),
        {"oco_both_legs_may_fill": True},
    ),
    "a fraction whose target is watched": (AAPL | {"qty": "10.5"}, prices(*BOUGHT, (at(16, 15, 31), "161")), {}),
    "a buy stop that was jumped over": (
        SHORT_AAPL | {"style": "DAY", "target": None},
        prices("149", (at(16, 15, 2), "150.50"), (at(16, 15, 31), "170")),
        {},
    ),
    "a coin's stop that was jumped over": (
        BITCOIN,
        prices("60100", (at(16, 15, 2), "59900"), (at(16, 15, 31), "50000"), symbol="BTC/USD"),
        {},
    ),
}
LOOKS = [at(16, 15, minute) for minute in (5, 10, 35, 40, 45)]


def lived(directory, story, plan):
    """Live a story whose effects are broken as planned; return its end, what was violated, and its effects."""
    terms, feed, rules = STORIES[story]
    faults, watch = Faults(plan, []), Watch()
    options = Options(**({"partial_fill_rate": Decimal(0)} | rules))
    with world(directory, at(16, 14, 43), ScriptedFeed(feed), options=options) as made:
        made.observers.append(watch)
        at_entry(made, **terms)
        made.tools = with_faults(made.tools, faults)
        look_at(made, *LOOKS)
        trade = trade_of(made)
        end = (trade.status, trade.exit_reason, trade.exit_qty, trade.exit_price, trade.actual_pnl)
        held = made.tools.broker.positions()
        return (end, held), [str(v) for v in (*watch.violations, *at_rest(made))], faults.effects


@pytest.mark.slow
@pytest.mark.case("fail-E6")
@pytest.mark.parametrize("kind", some([Kind.CRASH_AFTER, Kind.TIMEOUT_AFTER], 2))
@pytest.mark.parametrize("story", STORIES)
def test_wherever_a_pass_breaks_off_the_next_one_brings_it_to_the_same_end(tmp_path, story, kind):
    clean, broken, effects = lived(tmp_path / "clean", story, {})
    assert broken == []
    assert clean[1] == {}
    for number, effect in enumerate(effects, start=1):
        if effect != "store.record_run":
            end, broken, _ = lived(tmp_path / str(number), story, {number: kind})
            assert (number, effect, end, broken) == (number, effect, clean, [])
