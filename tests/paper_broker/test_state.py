import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.state import StateError
from lib.paper_broker.transport import PaperAdapter
from tests.paper_broker.rig import WEDNESDAY_OPEN, oco_body, order_body

SPAWN = multiprocessing.get_context("spawn")
PRICES = [(WEDNESDAY_OPEN + timedelta(minutes=minute), Decimal(150 + minute % 13 - 6)) for minute in range(390)]


def opened(file=None, now=WEDNESDAY_OPEN, **options):
    clock = RecordedClock(now)
    feed = ScriptedFeed({"AAPL": PRICES})
    return open_paper(clock=clock, prices=feed, state=file, options=Options(**options))


def send(paper, method, path, query="", **body):
    response = paper.respond(Request(method, path, query, body=json.dumps(body).encode()))
    return json.loads(response.body) if response.body else None


def trade(paper):
    """A little of everything."""
    for minute in range(60):
        send(paper, "POST", "/v2/orders", **order_body(type="limit", limit_price=str(145 + minute % 9)))
        send(paper, "POST", "/v2/orders", **oco_body(qty="3"))
        send(paper, "POST", "/paper/clock", advance_s=300)
        if minute % 7 == 6:
            send(paper, "DELETE", "/v2/orders")


def everything(paper):
    paths = ("/v2/account", "/v2/positions", "/v2/account/activities/FILL", "/paper")
    shown = [send(paper, "GET", path) for path in paths]
    return [*shown, send(paper, "GET", "/v2/orders", "status=all&limit=500&nested=true")]


def dump(file):
    with sqlite3.connect(file) as connection:
        text = list(connection.iterdump())
    connection.close()
    return text


def test_the_same_seed_and_the_same_requests_give_the_same_state_to_the_byte(tmp_path):
    files = [tmp_path / name for name in ("one", "two", "three")]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        paper = opened(file, seed=seed)
        trade(paper)
        paper.close()
    one, two, three = map(dump, files)
    assert one == two
    assert one != three


@pytest.mark.slow
def test_memory_and_file_give_the_same_answers(tmp_path):
    in_memory, in_file = opened(), opened(tmp_path / "state")
    for paper in (in_memory, in_file):
        trade(paper)
    assert everything(in_memory) == everything(in_file)
    in_file.close()


def test_a_file_opened_again_goes_on_where_it_was_with_its_own_seed_and_cash(tmp_path):
    file = tmp_path / "state"
    paper = opened(file, seed=5, cash=Decimal(50_000))
    trade(paper)
    before = everything(paper)
    paper.close()
    again = opened(file, seed=6, cash=Decimal(1))
    assert everything(again) == before
    again.close()


def test_two_openings_of_one_file_see_each_others_work(tmp_path):
    one, two = (opened(tmp_path / "state", partial_fill_rate=Decimal(0)) for _ in range(2))
    order = send(one, "POST", "/v2/orders", **order_body())
    assert send(two, "GET", f"/v2/orders/{order['id']}")["status"] == "filled"
    exit_order = send(two, "POST", "/v2/orders", **oco_body(stop="100"))
    assert send(one, "GET", "/v2/positions/AAPL")["qty_available"] == "0"
    send(one, "DELETE", f"/v2/orders/{exit_order['id']}")
    assert send(two, "GET", "/v2/positions/AAPL")["qty_available"] == "10"
    send(two, "POST", "/v2/orders", **order_body(side="sell"))
    assert send(one, "GET", "/v2/positions") == []
    assert everything(one) == everything(two)
    one.close()
    two.close()


def test_a_process_whose_clock_runs_ahead_misses_no_price_of_anothers_orders(tmp_path):
    dip = [(WEDNESDAY_OPEN + timedelta(minutes=minute), Decimal(price)) for minute, price in ((0, 150), (40, 140))]
    clocks = RecordedClock(WEDNESDAY_OPEN), RecordedClock(WEDNESDAY_OPEN)
    feed, options = ScriptedFeed({"AAPL": dip}), Options(partial_fill_rate=Decimal(0))
    ahead, behind = (
        open_paper(clock=clock, prices=feed, state=tmp_path / "state", options=options) for clock in clocks
    )
    clocks[0].move_to(WEDNESDAY_OPEN + timedelta(minutes=60))
    send(ahead, "GET", "/v2/account")
    order = send(behind, "POST", "/v2/orders", **order_body(type="limit", limit_price="145"))
    assert send(ahead, "GET", f"/v2/orders/{order['id']}")["status"] == "filled"
    ahead.close()
    behind.close()


def test_looking_at_what_does_not_change_writes_nothing(tmp_path):
    file = tmp_path / "state"
    paper = opened(file)
    send(paper, "POST", "/v2/orders", **order_body(type="limit", limit_price="10"))
    before = dump(file)
    for path in ("/v2/account", "/v2/orders", "/v2/positions", "/v2/clock"):
        send(paper, "GET", path)
    assert dump(file) == before
    paper.close()


def test_a_long_walk_is_written_down_so_that_the_next_process_need_not_repeat_it(tmp_path):
    file = tmp_path / "state"
    now = [datetime(2013, 1, 2, 15, 0, tzinfo=UTC)]
    prices = [(WEDNESDAY_OPEN + timedelta(seconds=20 * place), Decimal(150)) for place in range(1000)]
    paper = open_paper(clock=lambda: now[0], prices=ScriptedFeed({"AAPL": prices}), state=file, options=Options())
    send(paper, "POST", "/v2/orders", **order_body(type="limit", limit_price="10"))
    before = dump(file)
    now[0] += timedelta(minutes=10)
    send(paper, "GET", "/v2/clock")
    assert dump(file) == before
    now[0] += timedelta(hours=3)
    send(paper, "GET", "/v2/clock")
    assert dump(file) != before
    paper.close()


def test_who_only_looks_sees_what_happened_and_leaves_the_file_as_it_is(tmp_path):
    file = tmp_path / "state"
    now = [datetime(2013, 1, 2, 15, 0, tzinfo=UTC)]
    prices = ScriptedFeed({"AAPL": [(WEDNESDAY_OPEN, Decimal(150)), (now[0] + timedelta(minutes=5), Decimal(10))]})
    paper = open_paper(clock=lambda: now[0], prices=prices, state=file, options=Options())
    send(paper, "POST", "/v2/orders", **order_body(type="limit", limit_price="11"))
    before = dump(file)
    now[0] += timedelta(minutes=10)
    looking = open_paper(clock=lambda: now[0], prices=prices, state=file, look=True, options=Options())
    filled = [order["status"] for order in send(looking, "GET", "/v2/orders", "status=all")]
    assert (filled, send(looking, "GET", "/v2/orders", "status=open"), dump(file)) == (["filled"], [], before)
    assert [order["status"] for order in send(paper, "GET", "/v2/orders", "status=all")] == filled
    assert dump(file) != before
    looking.close()
    paper.close()


def test_a_server_has_the_file_to_itself(tmp_path):
    file = tmp_path / "state"
    one, other = opened(file), opened(file)
    with pytest.raises(StateError, match="is in use by another process; a server needs it for itself"):
        one.take_alone()
    other.close()
    one.take_alone()
    with pytest.raises(StateError, match="is served by another process; use its address"):
        opened(file)
    one.close()
    opened(file).close()


class FullDisk:
    """A connection whose next commit finds no room, and leaves the transaction open as SQLite may."""

    def __init__(self, connection):
        self._connection, self.full = connection, True

    @property
    def in_transaction(self):
        return self._connection.in_transaction

    def execute(self, sql, *values):
        if sql == "COMMIT" and self.full:
            self.full = False
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(sql, *values)


def test_what_could_not_be_committed_was_never_there(tmp_path):
    file = tmp_path / "paper.db"
    paper = opened(file)
    before = everything(paper)
    paper._state._connection = FullDisk(paper._state._connection)
    with pytest.raises(StateError, match="full"):
        send(paper, "POST", "/v2/orders", **order_body(client_order_id="lost"))
    assert everything(paper) == before
    assert send(paper, "POST", "/v2/orders", **order_body(client_order_id="lost"))["client_order_id"] == "lost"
    paper.close()
    assert [order["client_order_id"] for order in everything(opened(file))[-1]] == ["lost"]


def test_who_asks_in_process_hears_nothing_from_a_file_that_takes_nothing(tmp_path):
    paper = opened(tmp_path / "paper.db")
    paper._state._connection = FullDisk(paper._state._connection)
    session = requests.Session()
    session.mount("http://paper.local", PaperAdapter(paper))
    with pytest.raises(requests.exceptions.ConnectionError, match="full"):
        session.get("http://paper.local/v2/clock")
    assert session.get("http://paper.local/v2/clock").status_code == 200
    paper.close()


def test_a_file_that_is_something_else_is_refused(tmp_path):
    file = tmp_path / "state"
    file.write_bytes(b"a letter to a friend, long enough to be mistaken for a database" * 20)
    with pytest.raises(StateError, match="not a paper broker's state"):
        opened(file)
    other = tmp_path / "other"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE friends (name TEXT)")
    connection.close()
    with pytest.raises(StateError, match="not a paper broker's state"):
        opened(other)


def _buy_many(file, name, count):
    paper = opened(file, partial_fill_rate=Decimal(0))
    for place in range(count):
        send(paper, "POST", "/v2/orders", **order_body(qty="1", client_order_id=f"{name}-{place}"))
    paper.close()


@pytest.mark.slow
def test_three_processes_at_once_lose_nothing(tmp_path):
    file = tmp_path / "state"
    processes = [SPAWN.Process(target=_buy_many, args=(file, name, 15)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    paper = opened(file)
    assert len(send(paper, "GET", "/v2/orders", "status=all&limit=500")) == 45
    assert send(paper, "GET", "/v2/positions/AAPL")["qty"] == "45"
    paper.close()


def test_kill_9_leaves_the_state_whole(tmp_path):
    file = tmp_path / "state"
    root = Path(__file__).parents[2]
    script = (
        "import sys, pathlib; from tests.paper_broker.test_state import _buy_many; "
        "_buy_many(pathlib.Path(sys.argv[1]), 'k', 100000)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(file)], cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (file.exists() and _orders(file) > 20):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    paper = opened(file)
    orders = _orders(file)
    assert orders > 20
    account, fills = send(paper, "GET", "/v2/account"), _count(file, "activities")
    assert fills == orders
    held = send(paper, "GET", "/v2/positions/AAPL")
    assert held["qty"] == str(orders)
    assert Decimal(account["cash"]) + Decimal(held["cost_basis"]) == 100_000
    paper.close()


def _orders(file):
    try:
        return _count(file, "orders")
    except sqlite3.OperationalError:
        return 0


def _count(file, table):
    with sqlite3.connect(file) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - two names of ours
    connection.close()
    return count
