"""A matcher that let too much pass would make rows that cannot fail."""

import json
from decimal import Decimal

import pytest

from tests.conformance.matching import mismatches
from tests.conformance.running import Reply, fill, run
from tests.conformance.table import Step, read

UUID = "904837e3-3b76-47ec-b432-046db621571b"

FITS = [
    ("1", "1"),
    (1, 1),
    (150, Decimal("150.0")),
    (True, True),
    ("<null>", None),
    ("<present>", 0),
    ("<uuid>", UUID),
    ("<instant>", "2013-01-02T15:00:00Z"),
    ("<instant>", "2022-08-17T10:19:30.805564086Z"),
    ("<decimal>", "-0.5"),
    ("<number>", Decimal("0.5")),
    ("<bool>", False),
    ("<text>", "x"),
    ("~new|accepted", "new"),
    ({"a": "1"}, {"a": "1", "b": "2"}),
    ({"a": "<absent>"}, {"b": "2"}),
    ({"$fields": ["a"], "a": "1"}, {"a": "1"}),
    (["1", "2"], ["1", "2"]),
    ({"$each": {"a": 1}}, [{"a": 1}, {"a": 1, "b": 2}]),
    ({"$length": 0}, []),
    ({"$one_of": [1, 2]}, 2),
]
DIFFERS = [
    ("1", 1),
    (1, "1"),
    (1, True),
    (True, 1),
    (False, None),
    ("1", None),
    ("<null>", "null"),
    ("<present>", None),
    ("<uuid>", UUID.upper()),
    ("<uuid>", "no-uuid"),
    ("<instant>", "2013-01-02"),
    ("<instant>", "2013-01-02T15:00:00"),
    ("<decimal>", Decimal("0.5")),
    ("<decimal>", "NaN"),
    ("<decimal>", "1,5"),
    ("<number>", "0.5"),
    ("<number>", True),
    ("<bool>", 0),
    ("<text>", ""),
    ("~new|accepted", "renewed"),
    ("~.*", 1),
    ({"a": "1"}, {"b": "1"}),
    ({"a": "1"}, []),
    ({"a": "<absent>"}, {"a": None}),
    ({"a": "<null>"}, {}),
    ({"$fields": ["a"]}, {"a": "1", "b": "2"}),
    ({"$fields": ["a", "b"]}, {"a": "1"}),
    (["1", "2"], ["2", "1"]),
    (["1"], ["1", "2"]),
    ([], {}),
    ({"$each": {"a": 1}}, []),
    ({"$each": {"a": 1}}, [{"a": 1}, {"a": 2}]),
    ({"$each": {"a": 1}}, {"a": 1}),
    ({"$length": 2}, [1]),
    ({"$length": 0}, {}),
    ({"$one_of": [1, 2]}, 3),
]


@pytest.mark.parametrize(("expected", "got"), FITS)
def test_what_fits_is_let_pass(expected, got):
    assert mismatches(expected, got) == []


@pytest.mark.parametrize(("expected", "got"), DIFFERS)
def test_what_differs_is_named(expected, got):
    lines = mismatches(expected, got)
    assert lines
    assert all(line.startswith("answer") for line in lines)


class Scripted:
    """Answers with what it was given, in order, and remembers what it was sent."""

    mark = "here"

    def __init__(self, *replies, patience=0):
        self.replies, self.patience, self.sent = list(replies), patience, []

    def send(self, step):
        self.sent.append(step)
        status, body = self.replies.pop(0)
        return Reply(status, {"X-Request-ID": "1"}, json.dumps(body))

    def try_again(self, step, attempt):
        return attempt <= self.patience


def row(text):
    (found,) = read(f'[[row]]\nid = "a"\nrule = "R."\nsource = "S"\nrequest = "GET /v2/clock"\n{text}', "orders")
    return found


def test_an_errors_body_may_have_no_field_that_is_not_expected():
    refused = row("status = 403\nanswer = { code = 40310000 }")
    assert run(refused, Scripted((403, {"code": 40310000}))) == []
    (line,) = run(refused, Scripted((403, {"code": 40310000, "available": "0"})))
    assert line == "GET /v2/clock: answer.available: not expected, got '0'"


def test_another_status_than_expected_is_named_with_the_body():
    (line,) = run(row("status = 200\nanswer = { a = 1 }"), Scripted((500, {"message": "oh"})))
    assert line == 'GET /v2/clock: expected 200, got 500 {"message": "oh"}'


def test_a_header_is_compared_whatever_its_case():
    assert run(row('status = 200\nheaders = { x-request-id = "~.+" }'), Scripted((200, {}))) == []
    assert run(row('status = 200\nheaders = { x-ratelimit-limit = "200" }'), Scripted((200, {}))) != []


def test_a_step_that_fails_ends_the_row_and_says_which():
    target = Scripted((422, {}))
    (line,) = run(row('status = 200\nanswer = { a = 1 }\ngiven = [{ request = "POST /v2/orders" }]'), target)
    assert line == "given 1 POST /v2/orders: expected 2xx, got 422 {}"
    assert len(target.sent) == 1


def test_names_reach_into_earlier_answers_and_keep_their_type():
    step = Step(
        method="GET",
        path="/v2/orders/{oco.legs.0.id}",
        query={"after": "{oco.id}"},
        body={"client_order_id": "{mark}-1"},
        answer=["~[0-9]{17}::.*", "{oco.count}"],
    )
    filled = fill(step, {"oco": {"id": "x", "count": 3, "legs": [{"id": "y"}]}, "mark": "here"})
    assert (filled.path, filled.query, filled.body) == ("/v2/orders/y", {"after": "x"}, {"client_order_id": "here-1"})
    assert filled.answer == ["~[0-9]{17}::.*", 3]


def test_what_is_not_yet_as_expected_is_asked_again_while_the_target_has_patience():
    waiting = row("status = 200\nanswer = { a = 1 }")
    assert run(waiting, Scripted((200, {"a": 0}), (200, {"a": 1}), patience=1)) == []
    assert run(waiting, Scripted((200, {"a": 0}), (200, {"a": 0}), patience=1)) != []
