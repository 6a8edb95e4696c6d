"""Which accounts a run works and what it prints of several: one block or object each, the worst exit code of all."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from lib import due
from lib.accounts import BEGIN_WITHIN, Turn, left_open, to_work, with_keys, work
from lib.bootstrap import open_tools, simulated_store
from lib.clock import SimulatedClock, WallClock
from lib.config import Access, Settings
from lib.domain.actions import Insert, Update
from lib.domain.facts import Problem
from lib.domain.results import PassResult
from lib.errors import BrokerUnavailable, ConfigError, KeysRefused, WrongAccount
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.server import serving
from lib.runner import run_stage
from lib.simulation.lifecycles import at, steps
from lib.store import queries
from tests.store.build import insert_decision, write, write_trade

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
ACCESS = Access(api_key="k", secret_key="s")


@pytest.fixture
def store(tmp_path):
    opened = simulated_store(f"sqlite:///{tmp_path}/trading.db", tmp_path, NOW)
    yield opened
    opened.close()


def settings(tmp_path, *names, broker="alpaca"):
    access = dict.fromkeys(names, ACCESS)
    return Settings(database_url=f"sqlite:///{tmp_path}/trading.db", state_dir=tmp_path, broker=broker, access=access)


def add(store, name, number=None):
    values = {"account": name, "namespace": f"ns{name}", "account_number": number}
    store.write((Insert(table="account", values=values),), run_id="init", at=NOW)


# Which accounts


def test_with_the_embedded_broker_each_row_is_an_account(tmp_path, store):
    add(store, "swing")
    assert to_work(settings(tmp_path, broker="local"), store) == (("main", "swing"), ())


def test_at_alpaca_accounts_with_keys_are_worked_whatever_the_case_of_their_name(tmp_path, store):
    add(store, "Swing")
    assert to_work(settings(tmp_path, "main", "swing"), store) == (("main", "Swing"), ())


def test_main_rests_where_only_another_account_has_keys(tmp_path, store):
    add(store, "swing")
    assert to_work(settings(tmp_path, "swing"), store) == (("swing",), ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lambda store: write_trade(store, 1, "filled", status="POSITION"), "1 trade"),
        (lambda store: write(store, insert_decision(approve=True, executed=None)), "1 approved decision"),
    ],
)
def test_main_without_keys_is_told_of_while_something_of_it_is_open(tmp_path, store, changes, words):
    add(store, "swing")
    changes(store)
    assert left_open(store, "main") == words
    chosen = settings(tmp_path, "swing")
    names, _ = to_work(chosen, store)
    assert names == ("main", "swing")
    assert with_keys(chosen, names) == ("swing",)  # the gate does not wait for what no tick can do
    with pytest.raises(ConfigError) as raised:
        open_tools(chosen, store, "main", WallClock()).broker.account()
    assert str(raised.value) == (
        f"account main has no keys: set ALPACA_API_KEY and ALPACA_SECRET_KEY; nobody looks after its {words}"
    )


def test_a_new_account_whose_keys_were_forgotten_is_told_of_and_one_that_was_retired_rests(tmp_path, store):
    add(store, "swing")
    add(store, "retired", number="PA9")
    assert to_work(settings(tmp_path, "main"), store)[0] == ("main", "swing")
    with pytest.raises(ConfigError, match=r"set ALPACA_API_KEY__SWING and ALPACA_SECRET_KEY__SWING$"):
        open_tools(settings(tmp_path, "main"), store, "swing", WallClock()).broker.account()


def test_keys_without_a_row_name_the_command_that_makes_one(tmp_path, store):
    names, (turn,) = to_work(settings(tmp_path, "main", "swing"), store)
    assert names == ("main",)
    assert (turn.account, turn.exit_code) == ("swing", 2)
    assert str(turn.outcome).startswith("ALPACA_API_KEY__SWING is set and the database has no account swing")
    assert "`.venv/bin/python -m lib.store init --account swing`" in str(turn.outcome)


def test_one_account_that_is_named_is_worked_alone(tmp_path, store):
    add(store, "swing")
    assert to_work(settings(tmp_path, "main"), store, "swing") == (("swing",), ())
    with pytest.raises(ConfigError, match="no account 'typo'"):
        to_work(settings(tmp_path, "main"), store, "typo")


# Turns


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (PassResult(stage="s", account="a", run_id="r"), 0),
        (PassResult(stage="s", account="a", run_id="r", outcome="skipped"), 0),
        (PassResult(stage="s", account="a", run_id="r", outcome="incomplete"), 1),
        (PassResult(stage="s", account="a", run_id="r", problems=(Problem(code="X", message="x"),)), 1),
        (BrokerUnavailable("down"), 1),
        (KeysRefused("no"), 2),
        (WrongAccount("other"), 2),
        (ZeroDivisionError("bug"), 3),
    ],
)
def test_a_turn_has_the_exit_code_of_a_process_with_this_account_alone(outcome, code):
    assert Turn(account="a", outcome=outcome).exit_code == code


def test_what_cannot_begin_in_time_is_left_for_the_next_run():
    clock = SimulatedClock(NOW)

    def one(account):
        clock.sleep(70)
        return PassResult(stage="s", account=account, run_id="r")

    turns = list(work(["a", "b", "c"], one, clock))
    assert [turn.exit_code for turn in turns] == [0, 0, 1]
    assert "left for the next run" in str(turns[2].outcome)
    assert BEGIN_WITHIN + timedelta(seconds=60 + 2 * 41.5) < timedelta(seconds=270)  # a hold, and two reads that hang


# What is printed, through the real stage


@pytest.fixture
def two(tmp_path, store, monkeypatch):
    """Settings for two accounts at the embedded paper broker, which never closes."""
    add(store, "swing")
    for name, value in {
        "DATABASE_URL": f"sqlite:///{tmp_path}/trading.db",
        "STATE_DIR": str(tmp_path),
        "BROKER": "local",
        "PAPER_ALWAYS_OPEN": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return store


def test_several_accounts_are_a_block_each_that_names_account_and_broker(two, tmp_path, capsys):
    assert run_stage("order_monitor", "about", []) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert [re.sub(r"\d{10}", "N", head) for head in heads] == [
        "order_monitor of account main: broker local paper account PAN",
        "order_monitor of account swing: broker local paper account PAN",
    ]
    assert lines.count("  done: 0 requests, 0 bookings, 0 failed") == 2
    assert len({row.account_number for row in queries.accounts(two)}) == 2
    assert {path.name for path in tmp_path.glob("paper*.db")} == {"paper.db", "paper-swing.db"}
    assert set(due.read(tmp_path)["accounts"]) == {"main", "swing"}


def test_one_account_is_printed_as_ever(two, capsys):
    assert run_stage("order_monitor", "about", ["--account", "swing", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["account"], told["actions"], told["done"], told["failed"]) == ("swing", [], 0, 0)
    assert [run.account for run in (*queries.runs(two, "main"), *queries.runs(two, "swing"))] == ["swing"]


def test_several_accounts_are_one_object_with_the_totals_and_the_worst_exit_code(two, capsys):
    row = two.account("swing")
    change = Update(table="account", id=row.id, version=row.version, values={"account_number": "PA1"})
    two.write((change,), run_id="person", at=NOW)
    assert run_stage("order_monitor", "about", ["--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out, printed.err
    told = json.loads(printed.out)
    assert (told["actions"], told["done"], told["failed"]) == ([], 0, 0)
    assert told["accounts"]["main"]["outcome"] == "done"
    assert told["accounts"]["swing"]["outcome"] == "incomplete"
    assert "account swing is pinned to the broker account PA1" in told["accounts"]["swing"]["error"]
    (said,) = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert said.startswith("error: account swing: account swing is pinned to")


def test_a_dry_run_over_several_accounts_leaves_no_trace_at_the_gate(two, tmp_path):
    assert run_stage("order_monitor", "about", ["--dry-run"]) == 0
    assert due.read(tmp_path) is None


def test_a_decision_that_is_named_is_worked_in_its_account_alone(two, capsys):
    write(two, insert_decision("swing", approve=True, executed=None))
    (row,) = queries.decisions(two, "swing")
    run_stage("order_executor", "about", ["--decision", str(row.id), "--json"])
    assert json.loads(capsys.readouterr().out)["account"] == "swing"
    assert queries.runs(two, "main") == ()


@pytest.mark.slow
@pytest.mark.case("fail-K7")
def test_two_accounts_at_two_brokers_over_http_and_one_refuses_the_keys(two, tmp_path, monkeypatch, capsys):
    feed = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"))})
    papers = [
        open_paper(clock=WallClock().now, prices=feed, options=Options(seed=seed, api_key=key, secret_key="secret"))
        for seed, key in ((1, "key-of-main"), (2, "another"))
    ]
    with serving(papers[0]) as of_main, serving(papers[1]) as of_swing:
        for name, value in {
            "BROKER": "alpaca",
            "PAPER_ALWAYS_OPEN": "",
            "ALPACA_API_KEY": "key-of-main",
            "ALPACA_SECRET_KEY": "secret",
            "ALPACA_BASE_URL": of_main,
            "ALPACA_API_KEY__SWING": "key-of-swing",
            "ALPACA_SECRET_KEY__SWING": "secret",
            "ALPACA_BASE_URL__SWING": of_swing,
        }.items():
            monkeypatch.setenv(name, value)
        assert run_stage("order_monitor", "about", ["--json"]) == 2
        told = json.loads(capsys.readouterr().out)["accounts"]
        assert told["main"]["outcome"] == "done"
        assert "does not take the keys" in told["swing"]["error"]
        assert "key-of-swing" not in told["swing"]["error"]
        monkeypatch.setenv("ALPACA_API_KEY__SWING", "another")
        assert run_stage("order_monitor", "about", ["--json"]) == 0
    assert two.account("main").account_number != two.account("swing").account_number
