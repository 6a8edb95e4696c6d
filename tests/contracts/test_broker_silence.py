"""What every broker must count: requests that nobody answers, by which a pass knows when to end."""

import pytest

from lib.errors import BrokerUnavailable
from lib.paper_broker.faults import FaultKind
from lib.paper_broker.server import serving
from lib.paper_broker.transport import PaperAdapter
from tests.broker.desk import STALL_S, Desk, Door, resting

NOBODY = "00000000-0000-0000-0000-000000000007"


@pytest.fixture(params=["in_process", pytest.param("http", marks=pytest.mark.slow)])
def desk(request):
    door = Door()
    if request.param == "in_process":
        yield Desk(door, "https://paper.invalid", PaperAdapter(door))
        return
    with serving(door, stall_s=STALL_S) as url:
        yield Desk(door, url, None)


@pytest.mark.parametrize(
    ("kind", "silent"),
    [
        (FaultKind.TIMEOUT_BEFORE, 1),
        (FaultKind.RESET, 1),
        (FaultKind.HTTP_503, 0),
        (FaultKind.RATE_LIMIT, 0),
        (FaultKind.GARBLED, 0),
    ],
)
def test_silence_is_counted_once_a_request_and_an_answer_of_any_kind_is_none(desk, kind, silent):
    desk.open(faults=[("GET *", n, kind) for n in (1, 2, 3, 4, 5)] + [("POST *", 1, kind), ("DELETE *", 1, kind)])
    broker = desk.meeting(kind)
    assert broker.time_outs == 0
    with pytest.raises(BrokerUnavailable):
        broker.positions()
    assert broker.time_outs == silent
    broker.account()  # its third try is answered
    assert broker.time_outs == silent
    broker.submit(resting())
    broker.cancel(NOBODY)
    assert broker.time_outs == 3 * silent
