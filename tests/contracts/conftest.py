import pytest

from lib.paper_broker.server import serving
from lib.paper_broker.transport import PaperAdapter
from tests.broker.desk import STALL_S, Desk, Door


@pytest.fixture(scope="module")
def http():
    door = Door()
    with serving(door, stall_s=STALL_S) as url:
        yield Desk(door, url, None)


@pytest.fixture(params=["in_process", pytest.param("http", marks=pytest.mark.slow)])
def desk(request):
    if request.param == "http":
        return request.getfixturevalue("http")
    door = Door()
    return Desk(door, "https://paper.invalid", PaperAdapter(door))
