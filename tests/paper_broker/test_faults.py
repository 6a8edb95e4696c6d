import pytest
import requests

from lib.paper_broker.faults import Fault, FaultKind, Faults, FaultsError
from tests.paper_broker.rig import order_body

ROUTE = "POST /v2/orders"


def send(rig, **kwargs):
    body = order_body(client_order_id="mine", type="limit", limit_price="100")
    return rig.request("POST", "/v2/orders", json=body, timeout=0.3, **kwargs)


def arrived(rig):
    return rig.request("GET", "/v2/orders:by_client_order_id", params={"client_order_id": "mine"}).status_code == 200


def troubled(open_rig, kind):
    return open_rig(faults=Faults([Fault(ROUTE, 1, FaultKind(kind))]))


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


@pytest.mark.parametrize(("kind", "status", "effect"), [("http_500", 500, False), ("http_502_after", 502, True)])
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


def test_the_nth_request_of_a_route_is_meant_and_no_other(open_rig):
    faults = Faults([Fault("GET /v2/orders/{id}", 2, FaultKind.HTTP_500), Fault("* *", 1, FaultKind.HTTP_500)])
    rig = open_rig(faults=faults)
    path = "/v2/orders/c0ffee00-0000-4000-8000-000000000000"
    statuses = [rig.request("GET", at).status_code for at in ("/v2/clock", path, "/v2/orders", path, path)]
    assert statuses == [500, 404, 200, 500, 404]


def test_faults_are_read_from_a_file(tmp_path):
    file = tmp_path / "faults.json"
    file.write_text('[{"route": "POST /v2/orders", "n": 2, "kind": "timeout_after"}]')
    assert Faults.from_file(file)._faults == (Fault(ROUTE, 2, FaultKind.TIMEOUT_AFTER),)
    for wrong in (
        "{",
        "[1]",
        '[{"route": "POST", "n": 1, "kind": "reset"}]',
        '[{"route": "GET /", "n": 0, "kind": "reset"}]',
    ):
        file.write_text(wrong)
        with pytest.raises(FaultsError, match=r"faults\.json"):
            Faults.from_file(file)
