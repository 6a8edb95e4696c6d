"""What schemathesis draws from Alpaca's documents, all operations mixed, on one account that lives through it.

Each answer is held against the documents (see Rig); none may be the server's fault. Four seeds over two transports
are the 2,000 requests of `make test`; `make prove` has the other forty.
"""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN
from tests.specs.fuzzing import cases, sensible

REQUESTS = 250
RAW_OF_TEN = 2
SEEDS = [*range(2), *(pytest.param(one, marks=pytest.mark.prove) for one in range(2, 44))]
QUICK = settings(
    max_examples=REQUESTS,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def trader(open_rig):
    """An account with something of everything, while prices move."""
    minutes = [WEDNESDAY_OPEN + timedelta(minutes=minute) for minute in range(120)]
    feed = ScriptedFeed(
        {
            "AAPL": [(at, Decimal(150) + place % 7) for place, at in enumerate(minutes)],
            "MSFT": [(at, Decimal(30) - place % 3) for place, at in enumerate(minutes)],
            "BTC/USD": [(at, Decimal(20000) + 10 * (place % 11)) for place, at in enumerate(minutes)],
        }
    )
    rig = open_rig(feed=feed, partial_fill_rate=Decimal("0.3"))
    for symbol in ("AAPL", "MSFT"):
        rig.buy("20", symbol=symbol)
    rig.advance(600)  # what filled in part at first has filled by then
    rig.sell("1", type="limit", limit_price="500", time_in_force="gtc")
    return rig


@pytest.mark.slow
@pytest.mark.parametrize("number", SEEDS)
def test_what_the_documents_allow_is_never_the_servers_fault_and_mostly_granted(trader, number):
    answers = Counter()

    @seed(number)
    @QUICK
    @given(case=cases(narrowed=True), raw=cases(narrowed=False), die=st.integers(0, 9))
    def send(case, raw, die):
        drawn = raw if die < RAW_OF_TEN else case
        answers[_send(trader, drawn, narrowed=drawn is case, turn=answers.total()) // 100] += 1

    send()
    assert answers.total() == REQUESTS
    assert answers[2] >= REQUESTS // 2, answers


def _send(rig, case, *, narrowed, turn):
    if turn % 10 == 0:
        rig.advance(20)
    names = _known(rig) if narrowed else {}
    case.path_parameters = {name: names.get(name, value) for name, value in (case.path_parameters or {}).items()}
    if narrowed and (case.method, case.path) == ("POST", "/v2/orders"):
        case.body = sensible(case.body)
    request = case.as_transport_kwargs(base_url=rig.url)
    path = request.pop("url").removeprefix(rig.url)
    response = rig.request(request.pop("method"), path, timeout=10, **request)
    assert response.status_code < 500, (case.method, path, response.text)
    return response.status_code


def _known(rig):
    """Return names for the places in a path that the account knows."""
    orders = rig.get("/v2/orders", status="all", limit=1)
    return {
        "order_id": orders[0]["id"],
        "symbol_or_asset_id": "AAPL",
        "symbol": "AAPL",
        "activity_type": "FILL",
        "market": "NYSE",
    }
