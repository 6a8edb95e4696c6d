from dataclasses import replace

import pytest

from lib.errors import KeysRefused
from lib.paper_broker.options import Options
from lib.simulation.lifecycles import SWING_AAPL, at
from lib.simulation.world import world
from tests.runner.alarms import FEED, Moody, Phone, Taken, monitor, trail


@pytest.fixture
def made(tmp_path):
    def wrap(tools):
        return replace(tools, broker=Moody(tools.broker), store=Taken(tools.store))

    with world(tmp_path, at(16, 14, 43), FEED, options=Options(partial_fill_rate=0), wrap=wrap) as made:
        yield made


@pytest.fixture
def owned(made):
    """Ten shares bought at 15:02 that no stop protects yet, because the broker refuses it."""
    made.decide(**SWING_AAPL)
    made.clock.advance_to(at(16, 14, 46))
    made.run("order_executor")
    made.tools.broker.refuses_stops = True
    made.clock.advance_to(at(16, 15, 5))
    return made


@pytest.fixture
def alarmed(made):
    """A pass at 15:00 has raised one alert, which nobody was told."""
    made.tools.broker.error = KeysRefused("the broker does not take these keys")
    monitor(made, at(16, 15, 0))
    assert trail(made) == [("raised", "PERSON_NEEDED order_monitor")]
    return made


@pytest.fixture
def phone():
    return Phone()
