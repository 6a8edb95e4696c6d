"""Requests to replace an order."""


def patch(rig, order_id, **body):
    response = rig.request("PATCH", f"/v2/orders/{order_id}", json=body)
    return response.status_code, response.json()


def replaced(rig, order_id, **body):
    status, order = patch(rig, order_id, **body)
    assert status == 200, order
    return order


def refused(rig, order_id, code, **body):
    status, answer = patch(rig, order_id, **body)
    assert (status, answer.get("code")) == (422, code), answer
    return answer["message"]
