"""Every row of the table on the paper broker, and the table itself."""

import pytest

from tests.conformance.running import run
from tests.conformance.table import MARKET_DATA, TableError, flaws, load, read

ROWS = load()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_paper_broker_answers_as_alpaca_does(row, open_target):
    problems = run(row, open_target(row))
    assert not problems, "\n".join([f"{row.rule} ({row.source})", *problems])


def test_the_table_is_large_enough_and_says_each_rule_once():
    assert flaws(ROWS) == []


ROW = """
[[row]]
id = "a"
rule = "R."
source = "facts 1"
request = "GET /v2/account"
status = 200
answer = { cash = "<decimal>" }
"""
ORDER = '{ symbol = "AAPL", qty = "1", side = "buy", type = "limit", time_in_force = "day", limit_price = "10" }'


def flaws_of(*texts):
    return "\n".join(flaws(tuple(row for text in texts for row in read(text, "orders"))))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([ROW], "1 rows, 120 are the least"),
        ([ROW], "crypto: 0 rows, 12 are the least"),
        ([ROW, ROW.replace("R.", "S.")], "orders/a is the id of 2 rows"),
        ([ROW, ROW.replace('"a"', '"b"').replace("R.", "r")], "is the rule of 2 rows"),
        ([ROW, ROW.replace('"a"', '"b"').replace("R.", "S.")], "orders/b: asks the same as another"),
        ([ROW.replace('answer = { cash = "<decimal>" }', "")], "orders/a: nothing that is answered could break it"),
        ([ROW.replace('{ cash = "<decimal>" }', "{}")], "orders/a: nothing that is answered could break it"),
    ],
)
def test_a_flaw_of_the_table_is_named(texts, expected):
    assert expected in flaws_of(*texts)


@pytest.mark.parametrize(
    ("request_line", "body", "expected"),
    [
        ("POST /v2/orders", ORDER.replace('"10"', '"140"'), "orders/a: could fill"),
        ("POST /v2/orders", ORDER.replace('"limit"', '"market"'), "orders/a: only a limit order that buys"),
        ("POST /v2/orders", ORDER.replace('"buy"', '"sell"'), "orders/a: only a limit order that buys"),
        (
            "POST /v2/orders",
            ORDER.replace("{", '{ client_order_id = "mine",'),
            "orders/a: would not be known as an order",
        ),
        ("DELETE /v2/orders", "{}", "orders/a: would end more than its own orders"),
        ("DELETE /v2/positions/AAPL", "{}", "orders/a: would end more than its own orders"),
        ("PATCH /v2/account/configurations", "{}", "orders/a: would change the account's settings"),
    ],
)
def test_a_row_that_would_leave_something_at_alpaca_is_a_flaw(request_line, body, expected):
    row = ROW.replace("GET /v2/account", request_line) + f"body = {body}\n"
    assert expected in flaws_of(row)
    assert expected not in flaws_of(row + 'paper_only = "ends what it should not"\n')


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ("", None),
        ('options = { booking_lag_s = "1" }', "asks the paper broker for options"),
        ('paper_only = "needs a position"', "needs a position"),
        ('given = [{ request = "POST /paper/clock", body = { advance_s = 1 } }]', "moves the paper broker's clock"),
        (f'given = [{{ request = "GET {MARKET_DATA[0]}bars" }}]', "market data has another host"),
    ],
)
def test_a_row_says_by_what_it_does_that_it_cannot_run_on_alpaca(changed, reason):
    (row,) = read(ROW + changed + "\n", "orders")
    assert row.not_on_alpaca == reason or row.not_on_alpaca.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        ROW.replace("rule", "sentence"),
        ROW.replace('source = "facts 1"', ""),
        ROW.replace("GET /v2/account", "/v2/account"),
        ROW + 'given = [{ request = "GET /v2/clock", wait = true }]\n',
    ],
)
def test_a_row_that_cannot_be_read_is_refused(text):
    with pytest.raises(TableError):
        read(text, "orders")
