import pytest

from lib.simulation.evidence import Watch
from lib.simulation.world import world


@pytest.fixture(params=["in_process", pytest.param("http", marks=pytest.mark.slow)])
def over_http(request):
    return request.param == "http"


@pytest.fixture
def make_world(tmp_path, over_http):
    """Make worlds whose every pass is watched; at the end nothing may have been broken."""
    watch = Watch()
    opened = []

    def make(now, prices, **named):
        entered = world(tmp_path, now, prices, over_http=over_http, **named)
        opened.append(entered)
        made = entered.__enter__()
        made.observers.append(watch)
        return made

    yield make
    for entered in opened:
        entered.__exit__(None, None, None)
    assert [str(violation) for violation in watch.violations] == []
