from decimal import Decimal

import pytest
import requests

from lib.paper_broker.faults import LAST, Fault, FaultKind, Faults, FaultsError, read_faults
from lib.paper_broker.message import Request
from tests.paper_broker.rig import order_body

ROUTE = "POST /v2/orders"


def send(rig, **kwargs):
    body = order_body(client_order_id="mine", type="limit", limit_price="100")
    return rig.request("POST", "/v2/orders", json=body, timeout=0.3, **kwargs)


def arrived(rig):
    return rig.request("GET", "/v2/orders:by_client_order_id", params={"client_order_id": "mine"}).status_code == 200


def troubled(open_rig, kind, **how):
    return open_rig(faults=Faults([Fault(ROUTE, 1, FaultKind(kind), **how)]))


@pytest.mark.parametrize(("kind", "effect"), [("timeout_before", False), ("timeout_after", True)])
def test_a_time_out_reaches_the_client_as_one_with_and_without_effect(open_rig, kind, effect):
    rig = troubled(open_rig, kind)
    with pytest.raises(requests.exceptions.ReadTimeout):
        send(rig)
    assert arrived(rig) is effect


@pytest.mark.parametrize(("kind", "effect"), [("reset_before", False), ("reset", True)])
def test_a_reset_reaches_the_client_as_a_connection_error(open_rig, kind, effect):
    rig = troubled(open_rig, kind)
    with pytest.raises(requests.exceptions.ConnectionError):
        send(rig)
    assert arrived(rig) is effect


@pytest.mark.parametrize(
    ("kind", "status", "effect"),
    [
        ("http_500", 500, False),
        ("http_502_after", 502, True),
        ("http_503", 503, False),
        ("http_504", 504, False),
        ("http_504_after", 504, True),
    ],
)
def test_a_server_error_is_a_page_of_html(open_rig, kind, status, effect):
    rig = troubled(open_rig, kind)
    response = send(rig)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "text/html")
    assert response.text.startswith("<html>")
    assert arrived(rig) is effect


def test_the_rate_limit_is_429_with_its_code_and_headers(open_rig):
    rig = troubled(open_rig, "rate_limit")
    response = send(rig)
    assert (response.status_code, response.json()["code"]) == (429, 42910000)
    assert response.headers["X-Ratelimit-Remaining"] == "0"
    assert not arrived(rig)


def test_a_garbled_answer_had_its_effect_and_cannot_be_read(open_rig):
    rig = troubled(open_rig, "garbled")
    response = send(rig)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r".+"):
        response.json()
    assert arrived(rig)


def test_an_answer_without_a_body_cannot_be_garbled(open_rig):
    rig = open_rig(faults=Faults([Fault("DELETE *", 1, FaultKind.GARBLED)]))
    order_id = send(rig).json()["id"]
    assert rig.cancel(order_id) == (204, None)


@pytest.mark.parametrize(("seconds", "in_time"), [("0.05", True), ("1", False)])
def test_a_slow_answer_comes_late_and_to_the_impatient_not_at_all(open_rig, seconds, in_time):
    rig = troubled(open_rig, "slow", seconds=Decimal(seconds))
    if in_time:
        assert send(rig).json()["client_order_id"] == "mine"
    else:
        with pytest.raises(requests.exceptions.ReadTimeout):
            send(rig)
    assert arrived(rig)


def test_a_request_delivered_twice_is_carried_out_twice(open_rig):
    rig = troubled(open_rig, "duplicate")
    first = rig.buy(type="limit", limit_price="100")
    both = rig.get("/v2/orders", direction="asc")
    assert [order["id"] == first["id"] for order in both] == [True, False]


@pytest.mark.parametrize(("kind", "status"), [("duplicate", 200), ("duplicate_second", 422)])
def test_a_client_order_id_keeps_a_second_delivery_from_making_a_second_order(open_rig, kind, status):
    rig = troubled(open_rig, kind)
    response = send(rig)
    assert response.status_code == status
    assert status == 200 or response.json()["message"] == "client_order_id must be unique"
    assert [order["client_order_id"] for order in rig.get("/v2/orders")] == ["mine"]


def test_the_nth_request_of_a_route_is_meant_and_no_other(open_rig):
    faults = Faults([Fault("GET /v2/orders/{id}", 2, FaultKind.HTTP_500), Fault("* *", 1, FaultKind.HTTP_500)])
    rig = open_rig(faults=faults)
    path = "/v2/orders/c0ffee00-0000-4000-8000-000000000000"
    statuses = [rig.request("GET", at).status_code for at in ("/v2/clock", path, "/v2/orders", path, path)]
    assert statuses == [500, 404, 200, 500, 404]


def test_what_moves_the_clock_meets_no_trouble_and_is_not_counted(open_rig):
    rig = open_rig(faults=Faults([Fault("* *", 2, FaultKind.HTTP_500)]))
    paths = ["/v2/clock", "/paper", "/v2/clock", "/paper"]
    assert [rig.request("GET", path).status_code for path in paths] == [200, 200, 500, 200]


def test_a_share_of_the_requests_follows_from_the_seed_and_differs_by_kind():
    def met(kind, seed):
        faults = Faults([Fault("* *", 1, kind, to=LAST, rate=Decimal("0.1"))], seed=seed)
        return [bool(faults.meet(Request("GET", "/v2/clock"))) for _ in range(2000)]

    drawn = met(FaultKind.RESET, 1)
    assert drawn == met(FaultKind.RESET, 1)
    assert drawn != met(FaultKind.RESET, 2)
    assert drawn != met(FaultKind.GARBLED, 1)
    assert 140 <= sum(drawn) <= 260  # 200 are expected; the bounds are 4.5 standard deviations away


# Files

ENTRIES = [
    ('"n": 2', [2]),
    ('"n": "every"', [1, 2, 3, 4, 5, 6]),
    ('"from": 3', [3, 4, 5, 6]),
    ('"to": 2', [1, 2]),
    ('"from": 2, "to": 4', [2, 3, 4]),
    ('"rate": 1', [1, 2, 3, 4, 5, 6]),
    ('"rate": 1.0, "from": 5', [5, 6]),
    ('"rate": "0.000000000001"', []),
]


@pytest.mark.parametrize(("which", "met"), ENTRIES)
def test_an_entry_says_which_requests_meet_it(tmp_path, which, met):
    file = tmp_path / "faults.json"
    file.write_text(f'[{{"route": "POST /v2/orders", "kind": "reset", {which}}}]')
    faults = Faults(read_faults(file))
    numbers = [number for number in range(1, 7) if faults.meet(Request("POST", "/v2/orders"))]
    assert numbers == met
    assert faults.meet(Request("GET", "/v2/orders")) is None


def test_a_slow_entry_says_for_how_long(tmp_path):
    file = tmp_path / "faults.json"
    file.write_text(
        '[{"route": "* *", "kind": "slow", "n": 1, "seconds": 0.25}, {"route": "* *", "kind": "slow", "n": 2}]'
    )
    assert [fault.seconds for fault in read_faults(file)] == [Decimal("0.25"), Decimal(5)]


WRONG_FILES = [
    ("{", "not JSON"),
    ('{"route": "GET /"}', "not a list of faults"),
    ("[1]", "entry 1: not an object"),
    ('[{"route": "POST", "n": 1, "kind": "reset"}]', "entry 1: route: a method and a path"),
    ('[{"n": 1, "kind": "reset"}]', "entry 1: route: a method and a path"),
    ('[{"route": "* *", "n": 1, "kind": "bang"}]', "entry 1: kind: 'bang' is none of timeout_before,"),
    ('[{"route": "* *", "n": 1}]', "entry 1: kind: None is none of"),
    ('[{"route": "* *", "kind": "reset"}]', "entry 1: n: which request is meant?"),
    ('[{"route": "* *", "n": 1, "kind": "reset"}, {"route": "* *", "n": 0, "kind": "reset"}]', "entry 2: n: a whole"),
    ('[{"route": "* *", "n": true, "kind": "reset"}]', "entry 1: n: a whole number from 1"),
    ('[{"route": "* *", "n": "all", "kind": "reset"}]', 'entry 1: n: a whole number from 1 or "every"'),
    ('[{"route": "* *", "n": 1, "from": 1, "kind": "reset"}]', "entry 1: n: excludes from and to"),
    ('[{"route": "* *", "from": 5, "to": 4, "kind": "reset"}]', "entry 1: to: 4 is before 5"),
    ('[{"route": "* *", "from": 1.5, "kind": "reset"}]', "entry 1: from: a whole number from 1"),
    ('[{"route": "* *", "rate": 2, "kind": "reset"}]', "entry 1: rate: 2 is more than 1"),
    ('[{"route": "* *", "rate": 0, "kind": "reset"}]', "entry 1: rate: 0 is not above 0"),
    ('[{"route": "* *", "rate": "half", "kind": "reset"}]', "entry 1: rate: 'half' is not a number"),
    ('[{"route": "* *", "n": 3, "rate": 0.5, "kind": "reset"}]', "entry 1: rate: of one request"),
    ('[{"route": "* *", "n": 1, "kind": "reset", "seconds": 3}]', "entry 1: seconds: only slow"),
    ('[{"route": "* *", "n": 1, "kind": "reset", "when": 3}]', "entry 1: when: no such field"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_FILES)
def test_a_wrong_file_is_told_by_entry_and_field(tmp_path, text, told):
    file = tmp_path / "faults.json"
    file.write_text(text)
    with pytest.raises(FaultsError) as caught:
        read_faults(file)
    assert str(caught.value).startswith(f"{file}: {told}")
