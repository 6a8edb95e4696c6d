"""The server as a program: who may reach it, whom it believes, and what a kill leaves behind."""

import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from lib.paper_broker.__main__ import main
from tests.paper_broker.rig import order_body

ROOT = Path(__file__).parents[2]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the warning is about


@contextmanager
def started(prices, *words):
    """Start the server; give its process and its address. It is killed in the end."""
    command = [sys.executable, "-u", "-m", "lib.paper_broker", "--port", "0", "--prices", str(prices), *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert re.search(r"http://\S+", line), process.stderr.read()
        process.url = re.search(r"http://\S+", line).group().replace(EVERYWHERE, "127.0.0.1")
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
        process.stderr.close()


def local_session():
    session = requests.Session()
    session.trust_env = False
    return session


# Who may reach it


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "warned"),
    [
        ((), False),
        (("--host", EVERYWHERE), True),
        (("--host", EVERYWHERE, "--api-key", "k", "--secret-key", "s"), False),
    ],
)
def test_only_an_open_door_is_warned_of(prices, words, warned):
    with started(prices, *words) as process:
        with local_session() as session:
            session.get(f"{process.url}/v2/clock", timeout=5)
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert process.stderr.read().startswith(f"warning: {EVERYWHERE} may be reached from other machines") is warned


# Whom it believes

RIGHT = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}


@pytest.fixture
def guarded(open_rig):
    return open_rig(api_key="k", secret_key="s")


@pytest.mark.parametrize(
    "headers",
    [
        RIGHT | {"APCA-API-SECRET-KEY": "wrong"},
        RIGHT | {"APCA-API-KEY-ID": "wrong"},
        {"APCA-API-KEY-ID": "k"},
        {"APCA-API-SECRET-KEY": "s"},
        {"APCA-API-KEY-ID": "", "APCA-API-SECRET-KEY": ""},
    ],
)
@pytest.mark.parametrize("path", ["/v2/account", "/v2/nothing", "/paper"])
def test_wrong_keys_are_unauthorized_without_a_code(guarded, headers, path):
    response = guarded.request("GET", path, headers=headers)
    assert (response.status_code, response.json()) == (401, {"message": "unauthorized."})


@pytest.mark.parametrize("path", ["/v2/account", "/v2/nothing", "/paper"])
def test_without_any_key_the_proxy_in_front_answers_with_a_page(guarded, path):
    response = guarded.session.get(guarded.url + path, timeout=5)
    assert (response.status_code, response.headers["Content-Type"]) == (401, "text/html")
    assert "<title>401 Authorization Required</title>" in response.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--api-key", "k"], "secret_key is missing: keys are asked for as a pair or not at all"),
        (["--secret-key", "s"], "api_key is missing: keys are asked for as a pair or not at all"),
        (["--api-key", "", "--secret-key", "s"], "a key that clients must show cannot be empty"),
    ],
)
def test_half_a_pair_of_keys_is_refused_at_the_start(prices, words, told, capsys):
    assert main(["--prices", str(prices), *words]) == 2
    assert capsys.readouterr().err == f"error: {told}\n"


# What a kill leaves behind


class Desk(threading.Thread):
    """Sends orders, buys and sells, until the server is gone; remembers those that were answered with 200."""

    def __init__(self, url, name, seed):
        super().__init__()
        self.url, self.sender, self.dice, self.taken = url, name, random.Random(seed), {}

    def run(self):
        with local_session() as session:
            for place in range(1000):
                side, kind = self.dice.choice(("buy", "buy", "sell")), self.dice.choice(("market", "limit"))
                name = f"{self.sender}-{place}"
                order = order_body(side=side, type=kind, qty=str(self.dice.randrange(1, 9)), client_order_id=name)
                if kind == "limit":
                    order["limit_price"] = {"buy": "101.50", "sell": "99"}[side]
                try:
                    # A fill in parts leaves a rest, which would have every later order on the other side refused.
                    session.delete(f"{self.url}/v2/orders", timeout=5)
                    response = session.post(f"{self.url}/v2/orders", json=order, timeout=5)
                except requests.exceptions.RequestException:
                    return
                if response.status_code == 200:
                    self.taken[name] = response.json()["id"]


def account_adds_up(url):
    """Check cash and positions against all fills; return the number of fills."""
    with local_session() as session:
        fills, token = [], None
        while True:
            params = {"direction": "asc", "page_size": 100} | ({"page_token": token} if token else {})
            page = session.get(f"{url}/v2/account/activities/FILL", params=params, timeout=5).json()
            fills += page
            if len(page) < 100:
                break
            token = page[-1]["id"]
        cash, held = Decimal(100_000), Counter()
        for fill in fills:
            signed = Decimal(fill["qty"]) * (1 if fill["side"] == "buy" else -1)
            cash -= signed * Decimal(fill["price"])
            held[fill["symbol"]] += signed
        positions = session.get(f"{url}/v2/positions", timeout=5).json()
        assert {row["symbol"]: Decimal(row["qty"]) for row in positions} == {s: q for s, q in held.items() if q}
        assert Decimal(session.get(f"{url}/v2/account", timeout=5).json()["cash"]) == cash
        assert len({fill["id"] for fill in fills}) == len(fills)
        return len(fills)


@pytest.mark.slow
def test_a_server_that_is_killed_at_any_moment_has_kept_every_order_it_answered(prices, tmp_path):
    file, dice, taken = tmp_path / "state", random.Random(7), {}
    for turn in range(6):
        with started(prices, "--state", str(file)) as process:
            desks = [Desk(process.url, f"{turn}-{name}", f"{turn}{name}") for name in "abc"]
            for desk in desks:
                desk.start()
            while not all(desk.taken for desk in desks) and any(desk.is_alive() for desk in desks):
                time.sleep(0.002)
            time.sleep(dice.uniform(0, 0.5))
            process.kill()
            for desk in desks:
                desk.join(20)
                assert desk.taken
                taken |= desk.taken
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            kept = connection.execute("SELECT client_order_id, id FROM orders").fetchall()
        connection.close()
        assert taken.items() <= dict(kept).items()
        assert len({order_id for _, order_id in kept}) == len(dict(kept)) == len(kept)
    with started(prices, "--state", str(file)) as process:
        assert account_adds_up(process.url) > 20
