"""What nobody foresaw: the request fails, the state stays whole, the program goes on."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import requests

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.server import serving
from tests.paper_broker.rig import WEDNESDAY_OPEN, order_body

NOW = WEDNESDAY_OPEN + timedelta(minutes=1)
PRICES = [(WEDNESDAY_OPEN + timedelta(minutes=minute), Decimal(150 - minute)) for minute in range(10)]


class BreakingFeed(ScriptedFeed):
    """Gives the prices of a few minutes and then breaks, in the middle of a walk."""

    broken = True

    def steps(self, symbol, after, until):
        for at, price in super().steps(symbol, after, until):
            if self.broken and price == 146:
                raise ArithmeticError("the feed broke")
            yield at, price


@pytest.fixture(params=["memory", "file"])
def paper(request, tmp_path):
    feed = BreakingFeed({"AAPL": PRICES})
    file = tmp_path / "state" if request.param == "file" else None
    options = Options(partial_fill_rate=Decimal(0))
    opened = open_paper(clock=RecordedClock(NOW), prices=feed, state=file, options=options)
    opened.feed = feed
    yield opened
    opened.close()


def send(paper, method, path, query="", **body):
    answer = paper.respond(Request(method, path, query, body=json.dumps(body).encode()))
    return answer.status, json.loads(answer.body)


def everything(paper):
    paths = ("/v2/account", "/v2/positions", "/v2/account/activities/FILL", "/v2/clock")
    return [send(paper, "GET", path) for path in paths] + [send(paper, "GET", "/v2/orders", "status=all")]


def trade(paper):
    """Hold ten shares, and have two more buys wait: one fills before the feed breaks, the other after."""
    for limit in ("151", "148.50", "146"):
        send(paper, "POST", "/v2/orders", **order_body(type="limit", limit_price=limit))


def test_a_request_that_fails_half_done_reaches_the_caller_and_leaves_everything_as_it_was(paper):
    trade(paper)
    before = everything(paper)
    with pytest.raises(ArithmeticError):
        send(paper, "POST", "/paper/clock", advance_s=240)
    assert everything(paper) == before


def test_the_server_answers_it_with_500_and_tells_of_it(paper, caplog):
    trade(paper)
    with serving(paper) as url:
        response = requests.post(f"{url}/paper/clock", json={"advance_s": 240}, timeout=5)
    assert response.status_code == 500
    assert response.json() == {"code": 50010000, "message": "internal server error occurred"}
    (record,) = caplog.records
    assert record.getMessage() == "paper broker: POST /paper/clock failed"
    assert record.exc_info[0] is ArithmeticError


def test_after_a_failure_the_next_request_is_answered_as_if_there_had_been_none(paper):
    trade(paper)
    with pytest.raises(ArithmeticError):
        send(paper, "POST", "/paper/clock", advance_s=240)
    paper.feed.broken = False
    send(paper, "POST", "/paper/clock", advance_s=240)
    fills = send(paper, "GET", "/v2/account/activities/FILL", "direction=asc")[1]
    # A buy meets the ask, a cent above the price.
    assert [fill["price"] for fill in fills] == ["149.01", "148.01", "145.01"]
    assert len({fill["id"] for fill in fills}) == 3
    assert send(paper, "GET", "/v2/positions/AAPL")[1]["qty"] == "30"
