"""python -m lib.control: what each verb writes, says and refuses."""

import io
import json
import re
from datetime import UTC, datetime
from functools import partial

import pytest

from lib.control import main
from lib.domain.records import Account, Control
from lib.intake import control_desk
from lib.render.text import page_text
from lib.store import queries
from lib.views.control import MEANING, UNKNOWN, control_page
from tests.store.build import insert_account, insert_control, write, write_trade

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
BECAUSE = ["--reason", "the news"]


@pytest.fixture
def control(run):
    """Run a verb of control."""
    return partial(run, main)


@pytest.fixture
def states(sql):
    """Return (account, scope, state, reason) of every control row."""
    return lambda: sql("SELECT account, scope, state, reason FROM control ORDER BY id")


@pytest.fixture
def second_account(store):
    write(store, insert_account("other"))


# halt, reduce, freeze


@pytest.mark.parametrize(("verb", "state"), [("halt", "HALTED"), ("reduce", "REDUCING"), ("freeze", "FROZEN")])
@pytest.mark.parametrize(
    ("words", "scope"),
    [
        ([], "all"),
        (["--account", "main"], "account:main"),
        (["--symbol", "aapl", "--yes"], "symbol:main:AAPL"),
    ],
)
def test_each_stop_is_one_row_of_its_scope_and_one_event(control, states, sql, verb, state, words, scope):
    code, out, err = control(verb, *words, *BECAUSE)
    assert (code, err) == (0, "")
    assert out.startswith(f"{scope} is now {state}\n")
    assert MEANING[state] in " ".join(out.split())
    assert "the news" in out
    assert states() == [("main", scope, state, "the news")]
    ((run_id, op, columns),) = sql("SELECT run_id, op, columns FROM event WHERE table_name = 'control'")
    assert (run_id[:8], op, json.loads(columns)["state"]) == ("control-", "insert", state)


def test_halting_twice_says_so_and_changes_nothing(control, states, sql):
    control("halt", *BECAUSE)
    code, out, _ = control("halt", "--reason", "again")
    assert code == 0
    assert out.startswith("all is HALTED already; nothing was changed\n")
    assert states() == [("main", "all", "HALTED", "the news")]
    assert sql("SELECT count(*) FROM event WHERE table_name = 'control'") == [(1,)]


def test_a_stricter_stop_takes_the_place_and_a_looser_one_only_on_purpose(control, states):
    control("reduce", *BECAUSE)
    assert control("halt", "--reason", "worse")[0] == 0
    code, out, err = control("reduce", "--reason", "better")
    assert (code, out) == (2, "")
    assert "all is HALTED, which stops more than REDUCING; nothing was changed" in err
    assert states() == [("main", "all", "HALTED", "worse")]
    assert control("reduce", "--reason", "better", "--yes")[0] == 0
    assert states() == [("main", "all", "REDUCING", "better")]


def test_a_word_written_by_hand_is_shown_for_what_it_is_read_as_and_can_be_replaced(control, states, sql, store):
    write(store, insert_control("all", "halted, please"))
    _, out, _ = control("list")
    assert UNKNOWN in " ".join(out.split())
    assert control("halt", *BECAUSE)[0] == 0
    assert states() == [("main", "all", "HALTED", "the news")]


def test_a_stop_without_a_reason_is_refused(control, states):
    with pytest.raises(SystemExit) as ended:
        control("halt")
    assert ended.value.code == 2
    code, _, err = control("halt", "--reason", "  ")
    assert (code, "--reason is empty" in err) == (2, True)
    assert states() == []


def test_everything_is_one_row_whoever_wrote_it_first(control, states, store, second_account):
    write(store, insert_control("all", "ACTIVE", account="other"))
    control("halt", *BECAUSE)
    assert states() == [("other", "all", "HALTED", "the news")]
    assert [c.state for c in store.controls("main")] == ["HALTED"]


def test_two_rows_of_everything_are_both_set(control, states, store, second_account):
    write(store, insert_control("all", "HALTED"))
    write(store, insert_control("all", "REDUCING", account="other"))
    code, out, _ = control("resume")
    assert (code, out.count("all is now ACTIVE")) == (0, 2)
    assert {row[2] for row in states()} == {"ACTIVE"}


def test_a_symbol_without_an_account_is_stopped_in_each_in_one_transaction(control, states, second_account):
    control("halt", "--symbol", "AAPL", "--yes", *BECAUSE)
    assert [row[:3] for row in states()] == [
        ("main", "symbol:main:AAPL", "HALTED"),
        ("other", "symbol:other:AAPL", "HALTED"),
    ]
    control("resume", "--symbol", "AAPL", "--account", "other")
    assert [row[2] for row in states()] == ["HALTED", "ACTIVE"]


# what is not there


def test_a_symbol_that_nothing_names_is_refused_unless_it_is_meant(control, decide, states):
    code, out, err = control("halt", "--symbol", "APPL", *BECAUSE)
    assert (code, out) == (2, "")
    assert "no decision, trade or stop names APPL; nothing was changed" in err
    assert control("resume", "--symbol", "APPL")[0] == 2
    assert states() == []
    decide("add", "--symbol", "AAPL", "--entry", "150", "--stop", "145", "--target", "160")
    assert control("halt", "--symbol", "AAPL", *BECAUSE)[0] == 0
    assert control("resume", "--symbol", "AAPL")[0] == 0
    assert [row[2] for row in states()] == ["ACTIVE"]


def test_the_symbol_of_a_trade_is_known(control, store):
    write_trade(store, 1, "new")
    symbol = queries.journal(store, "main")[0].symbol
    assert control("halt", "--symbol", symbol, *BECAUSE)[0] == 0


@pytest.mark.parametrize("symbol", ["", "A:B", "=1+1", "\x1b[2J", "A" * 21, "ÄÖ"])
def test_what_is_no_symbol_is_refused_even_when_meant(control, states, symbol):
    code, out, err = control("halt", "--symbol", symbol, "--yes", *BECAUSE)
    assert (code, out) == (2, "")
    assert "is not a symbol" in err
    assert "\x1b" not in err
    assert states() == []


@pytest.mark.parametrize(
    "words", [["halt", *BECAUSE], ["reduce", *BECAUSE], ["freeze", *BECAUSE], ["resume"], ["list"], ["pin", "PA1"]]
)
def test_an_account_that_is_not_there_is_refused(control, states, words):
    code, out, err = control(*words, "--account", "typo")
    assert (code, out) == (2, "")
    assert "no account 'typo'" in err
    assert states() == []


# resume, list, the file


def test_resume_ends_the_stop_of_its_scope_and_shows_what_is_left(control, states, tmp_path):
    control("halt", *BECAUSE)
    control("halt", "--account", "main", "--reason", "two positions vanished")
    (tmp_path / "HALT").touch()
    code, out, _ = control("resume", "--reason", "all is well")
    assert code == 0
    assert out.startswith("all is now ACTIVE\n")
    assert states()[0] == ("main", "all", "ACTIVE", "all is well")
    flat = out.replace("\n", "")
    assert "account:main" in flat
    assert "two positions vanished" in flat
    assert f"rm{tmp_path / 'HALT'}" in flat.replace("rm ", "rm")


def test_resuming_what_is_not_stopped_says_so(control, states):
    code, out, _ = control("resume")
    assert (code, states()) == (0, [])
    assert out.startswith("all is ACTIVE already; nothing was changed\n\nnothing is stopped\n")


def test_a_list_as_json_has_every_stop_and_the_file_as_one_of_them(control, tmp_path):
    control("halt", "--account", "main", *BECAUSE)
    (tmp_path / "HALT").touch()
    page = json.loads(control("list", "--json")[1])
    assert [(row["scope"], row["state"]) for row in page["stopped"]] == [("account:main", "HALTED"), ("all", "HALTED")]
    assert page["stopped"][0]["reason"] == "the news"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", page["stopped"][0]["since"])
    assert str(tmp_path / "HALT") in page["stopped"][1]["reason"]
    assert page["accounts"] == [{"account": "main", "account_number": None, "broker": None, "environment": None}]


def test_a_list_of_one_account_leaves_out_what_does_not_bind_it(control, second_account):
    control("halt", "--account", "other", *BECAUSE)
    control("reduce", *BECAUSE)
    page = json.loads(control("list", "--account", "main", "--json")[1])
    assert [row["scope"] for row in page["stopped"]] == ["all"]
    assert [row["account"] for row in page["accounts"]] == ["main"]


def test_a_halt_names_the_entries_that_are_still_to_be_cancelled(control, store):
    write_trade(store, 1, "new")
    (order,) = queries.orders_of(store, 1)
    _, out, _ = control("halt", *BECAUSE)
    said = " ".join(out.split())
    assert f"trade 1 {order.symbol}: its entry for" in said
    assert "order_monitor cancels it at its next look" in said
    assert "at its next look" not in " ".join(control("reduce", "--yes", *BECAUSE)[1].split())


def test_a_stop_is_not_hidden_by_a_row_that_cannot_be_read(control, store, sql):
    write_trade(store, 1, "new")
    sql("UPDATE order_execution SET qty = 'ten'")
    code, out, _ = control("halt", *BECAUSE)
    assert code == 0
    assert "all is now HALTED" in out
    assert "which entries rest cannot be told: table order_execution, row 1" in " ".join(out.split())


def test_a_stop_does_not_wait_for_a_pass_that_holds_the_account(control, store, states):
    with store.hold_account("main", wait_s=0) as held:
        assert held
        assert control("halt", *BECAUSE)[0] == 0
    assert states() == [("main", "all", "HALTED", "the news")]


def test_a_row_that_a_pass_writes_meanwhile_is_read_again(store, tmp_path):
    class Meanwhile:
        """A store in which a pass halts the account right before the first write."""

        def __init__(self):
            self.moved = False

        def __getattr__(self, name):
            return getattr(store, name)

        def write(self, changes, **named):
            if not self.moved:
                self.moved = True
                write(store, insert_control("account:main", "HALTED"))
            return store.write(changes, **named)

    desk = control_desk.Desk(store=Meanwhile(), state_dir=tmp_path, now=NOW)
    page = control_desk.stop(desk, "halt", "main", None, reason="the news", sure=False)
    assert page.done == ("account:main is HALTED already; nothing was changed",)
    assert [(c.scope, c.version) for c in store.controls("main")] == [("account:main", 1)]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_page_stays_within_the_width(width):
    row = Control(
        id=1, account="main", version=1, scope="symbol:main:AAPL", state="HALTED", reason="\x1b[2J" * 30, since=NOW
    )
    ours = Account(id=1, account="main", version=1, namespace="ns", account_number="PA1", environment="paper")
    out = page_text(control_page([row], [ours], done=["symbol:main:AAPL is now HALTED"]), width=width)
    assert max(len(line) for line in out.splitlines()) <= width
    assert "\x1b" not in out
    assert "2026-11-20 14:00 UTC" in out or width == 40


# pin


@pytest.fixture
def number(sql):
    return lambda: sql("SELECT account_number, environment FROM account WHERE account = 'main'")[0]


def test_pin_records_the_number_typed_by_hand(control, number, sql):
    code, out, err = control("pin", "PA3XYZ")
    assert (code, err) == (0, "")
    assert out.startswith("account main is now pinned to PA3XYZ\n")
    assert number() == ("PA3XYZ", "paper")
    assert sql("SELECT op FROM event WHERE table_name = 'account' ORDER BY id")[-1] == ("update",)
    code, out, _ = control("pin", "PA3XYZ")
    assert (code, out.startswith("account main is pinned to PA3XYZ already\n")) == (0, True)
    assert len(sql("SELECT op FROM event WHERE table_name = 'account'")) == 2


def test_another_number_takes_the_place_only_on_purpose(control, number, store, monkeypatch):
    write_trade(store, 1, "new")
    control("pin", "PA1")
    monkeypatch.setattr("sys.stdin", io.StringIO("PA2\n"))  # no terminal: nobody is asked
    code, out, err = control("pin", "PA2")
    assert (code, out, number()[0]) == (2, "", "PA1")
    assert "is pinned to PA1: its 1 trades, 1 of them open, belong there" in err
    assert control("pin", "PA2", "--yes")[0] == 0
    assert number()[0] == "PA2"


@pytest.mark.parametrize(("typed", "pinned"), [("PA2", "PA2"), ("yes", "PA1"), ("", "PA1")])
def test_on_a_terminal_the_new_number_is_asked_for_once_more(control, number, monkeypatch, typed, pinned):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    control("pin", "PA1")
    monkeypatch.setattr("sys.stdin", Terminal(f"{typed}\n"))
    code, _, err = control("pin", "PA2")
    assert (code, number()[0]) == (0 if pinned == "PA2" else 2, pinned)
    assert "warning: account main is pinned to PA1" in err
    assert "type PA2 again to go on: " in err


def test_the_number_of_another_account_is_refused(control, number, second_account):
    control("pin", "PA1")
    code, out, err = control("pin", "PA1", "--account", "other", "--yes")
    assert (code, out) == (2, "")
    assert err == "error: the account main is pinned to PA1; each account needs one of its own\n"


@pytest.mark.parametrize("typed", ["", "PA 1", "PA1;", "x" * 41])
def test_what_is_no_account_number_is_refused(control, number, typed):
    code, _, err = control("pin", typed)
    assert (code, number()[0]) == (2, None)
    assert "is no account number" in err


# the rim


@pytest.mark.parametrize("verb", [[], ["halt"], ["reduce"], ["freeze"], ["resume"], ["list"], ["pin"]])
def test_help_explains_itself(capsys, verb):
    with pytest.raises(SystemExit) as ended:
        main([*verb, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 120
    if not verb:
        assert "examples:" in out
        assert "HALTED" in out
