"""python -m lib.decide: add, approve, list; each refusal, each exit code."""

import json
import re

import pytest

from lib.decide import main
from lib.intake import preview
from lib.planning.deciding import checks, number_checks
from lib.planning.deciding.decisions import digest
from lib.store import queries

GOOD = ["--symbol", "AAPL", "--entry", "150", "--stop", "145", "--target", "160"]


# add


def test_add_shows_the_checks_writes_the_row_and_says_what_is_next(decide, ticks):
    code, out, err = decide("add", *GOOD)
    assert (code, err) == (0, "")
    assert "buy AAPL at 150, stop 145, target 160" in out
    assert re.search(r"^levels +ok +145 < 150 < 160: 5 a share at risk, 10 to gain$", out, re.MULTILINE)
    assert len(re.findall(r"at the claim .*\w", out)) == len(checks.CHECKS)
    assert "written as decision 1\nnext: .venv/bin/python -m lib.decide approve 1\norder_executor " in out
    assert ticks() == [(1, 0)]


def test_add_writes_each_value_in_its_plain_form(decide, sql):
    decide("add", "--symbol", "brk.b", "--style", "trend", "--entry", "150.00", "--stop", "145.0",
           "--qty", "1e1", "--trail-percent", "2.0", "--expires-at", "2099-01-02T15:00:00-05:00")  # fmt: skip
    row = sql(
        "SELECT symbol, action, side, trade_style, planned_entry, planned_sl, planned_tp, qty, trail_percent,"
        " expires_at, account FROM analysis_decision",
    )
    assert row == [
        ("BRK.B", "NEW_TRADE", "long", "TREND", "150", "145", None, "10", "2", "2099-01-02T20:00:00Z", "main")
    ]


def test_add_can_approve_at_once(decide, ticks):
    code, out, _ = decide("add", *GOOD, "--approve")
    assert code == 0
    assert "written as decision 1, approved" in out
    assert "next:" not in out
    assert ticks() == [(1, 1)]


def test_add_refuses_what_could_never_be_ordered_naming_every_wrong_column(decide, count):
    code, out, err = decide("add", "--symbol", "=1+1", "--entry", "NaN", "--stop", "-5", "--qty", "x",
                            "--target", "inf", "--trail-percent", "0", "--style", "@SUM(A1)",
                            "--expires-at", "soon")  # fmt: skip
    assert code == 2
    assert "not written" in out
    for name in ("planned_entry", "planned_sl", "planned_tp", "qty", "trail_percent", "trade_style", "expires_at"):
        assert len(re.findall(rf"^error: .*\b{name}\b", err, re.MULTILINE)) == 1, name
    assert "error: SYMBOL: '=1+1' is not a symbol\n" in err
    assert len(err.splitlines()) == 8
    assert count() == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--stop", "151"], "LEVELS: the stop 151 is not below the entry 150"),
        (["--target", "150"], "LEVELS: the target 150 is not above the entry 150"),
        (["--entry", "150.001"], "TICK: planned_entry 150.001 is finer than 0.01"),
        (["--trail-percent", "2"], "STYLE: a SWING has a fixed stop and target"),
        (
            ["--side", "short", "--stop", "155", "--target", "140", "--qty", "1.5"],
            "QTY: 1.5 shares: only whole shares are",
        ),
        (["--qty", "100001"], "QTY: 100001 shares are more than the limit of 100000"),
        (["--expires-at", "2020-01-02T20:00:00Z"], "EXPIRED: expires_at 2020-01-02 20:00 UTC has passed"),
        (["--expires-at", "2099-01-02T20:00:00"], "has no time zone"),
        (["--symbol", "\x1b[2J"], r"SYMBOL: '\x1b[2J' is not a symbol"),
    ],
)
def test_each_check_refuses_in_its_own_words(decide, words, sentence, count):
    code, out, err = decide("add", *GOOD, *words)
    assert code == 2
    assert sentence in err
    assert "\x1b" not in out + err
    assert count() == 0


def test_all_failing_checks_are_named_not_only_the_first(decide):
    _, _, err = decide("add", "--symbol", "AAPL", "--entry", "150", "--stop", "160", "--qty", "100001")
    assert [line.split(":")[1] for line in err.splitlines()] == [" LEVELS", " STYLE", " QTY"]


def test_add_as_json_is_one_object_also_when_it_refuses(decide):
    code, out, _ = decide("add", *GOOD, "--json")
    page = json.loads(out)
    assert (code, page["id"], page["approved"], page["decision"]) == (
        0, 1, False, "buy AAPL at 150, stop 145, target 160"
    )  # fmt: skip
    code, out, err = decide("add", *GOOD, "--stop", "155", "--json")
    page = json.loads(out)
    assert (code, page["id"]) == (2, None)
    assert {"check": "levels", "result": "refused", "says": "LEVELS: the stop 155 is not below the entry 150"} in page[
        "checks"
    ]
    assert err == "error: LEVELS: the stop 155 is not below the entry 150\n"


def test_add_says_that_an_open_decision_says_the_same_and_writes_all_the_same(decide, count):
    decide("add", *GOOD)
    code, out, _ = decide("add", *GOOD, "--entry", "150.00")
    assert code == 0
    assert "note: decision 1 (not approved) says the same" in out
    assert count() == 2


# approve


def test_approve_ticks_shows_what_is_approved_and_may_be_repeated(decide, sql, ticks):
    decide("add", *GOOD)
    code, out, _ = decide("approve", 1)
    assert code == 0
    assert re.search(r"^ 1 buy AAPL at 150, stop 145, target 160 approved$", out, re.MULTILINE)
    assert "145 < 150 < 160" in out
    code, out, _ = decide("approve", 1, 1)
    assert code == 0
    assert "1 already approved" in out
    assert ticks() == [(1, 1)]
    assert sql("SELECT op FROM event WHERE table_name = 'analysis_decision'") == [("insert",), ("update",)]


def test_an_approval_binds_the_numbers_at_once_not_at_the_next_pass(decide, store, sql):
    decide("add", "--symbol", "AAPL", "--entry", "150", "--stop", "145", "--target", "160")
    decide("approve", 1)
    shown = queries.decision(store, 1)
    sql("UPDATE analysis_decision SET planned_entry = '151'")
    assert shown.approved_digest == digest(shown) != digest(queries.decision(store, 1))
    assert shown.approved_seen_at is not None


def test_an_unknown_id_stops_the_approval_of_all(decide, ticks):
    decide("add", *GOOD)
    code, out, err = decide("approve", 1, 7, 9)
    assert (code, out) == (2, "")
    assert err == "error: account main has no decision 7, 9; nothing was approved\n"
    assert ticks() == [(1, 0)]


def test_a_decision_of_another_account_is_unknown(decide, sql):
    decide("add", *GOOD)
    sql("UPDATE analysis_decision SET account = 'other'")
    code, _, err = decide("approve", 1)
    assert (code, err) == (2, "error: account main has no decision 1; nothing was approved\n")


def test_rows_typed_in_by_hand_are_approved_only_if_they_hold(decide, sql, ticks):
    insert = (
        "INSERT INTO analysis_decision (symbol, action, trade_style, planned_entry, planned_sl, planned_tp) VALUES "
    )
    sql(f"{insert} ('aapl', 'NEW_TRADE', 'SWING', 150, 145.5, '160'), ('IBM', 'BUY', 'x', 'abc', NULL, '')")
    code, out, _ = decide("approve", 2, 1)
    assert code == 1
    assert re.search(r"^ 1 buy AAPL at 150, stop 145.5, target 160 +approved$", out, re.MULTILINE)
    assert re.search(r"^ 2 IBM / abc / – / – +refused$", out, re.MULTILINE)
    for words in ("the action 'BUY' is not known", "planned_entry 'abc'", "planned_sl is missing"):
        assert words in " ".join(out.split())
    assert ticks() == [(1, 1), (2, None)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("executed = 1, execution_status = 'ORDERED'", "it has been answered already (ORDERED)"),
        ("execution_status = 'REJECTED'", "it has been answered already (REJECTED)"),
        ("approved_digest = 'of other numbers'", "it was changed after an earlier approval"),
        ("version = 'x'", "its column version holds no number"),
    ],
)
def test_what_an_approval_could_not_mend_is_not_approved(decide, change, reason, sql, ticks):
    decide("add", *GOOD)
    sql(f"UPDATE analysis_decision SET {change}")  # noqa: S608 - from the list above
    code, out, _ = decide("approve", 1)
    assert code == 1
    assert reason in " ".join(out.split())
    assert ticks() == [(1, 0)]


@pytest.mark.parametrize("words", [["approve", "0"], ["approve", "x"], ["approve", "9" * 30], ["approve"], []])
def test_usage_is_exit_code_2(decide, words):
    with pytest.raises(SystemExit) as ended:
        decide(*words)
    assert ended.value.code == 2


# list


def test_list_shows_the_newest_first_and_says_that_there_are_more(decide):
    for symbol in ("AAPL", "IBM", "GOOG"):
        decide("add", *GOOD, "--symbol", symbol)
    code, out, _ = decide("list", "--limit", "2")
    assert code == 0
    assert re.findall(r"GOOG|IBM|AAPL|--all", out) == ["GOOG", "IBM", "--all"]
    assert re.findall(r"GOOG|IBM|AAPL|--all", decide("list", "--all")[1]) == ["GOOG", "IBM", "AAPL"]


def test_an_empty_table_is_said_to_be_empty(decide):
    assert decide("list") == (0, "account main has no decisions\n", "")


GARBAGE = [
    ("\x1b[31mRED\x07", "NEW_TRADE", b"\xff\xfe", float("inf"), "12,5", "=1+1", 7, "yes"),
    (None, None, None, None, None, None, None, None),
    ("[bold]AAPL[/bold]", "ＡＰＰＬＥ" * 50, "line\nbreak", 1e300, "NaN", "", -3, 3.5),
]


@pytest.mark.parametrize("width", [80, 120, 30])
def test_garbage_in_the_table_is_shown_and_stays_within_the_width(decide, monkeypatch, width, sql):
    monkeypatch.setenv("COLUMNS", str(width))
    for row in GARBAGE:
        sql(
            "INSERT INTO analysis_decision (symbol, action, trade_style, planned_entry, planned_sl, planned_tp, qty,"
            " Approve, execution_note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'a note')",
            *row,
        )
    code, out, err = decide("list")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "\x07" not in out
    assert max(len(line) for line in out.splitlines()) <= width
    if width == 120:
        assert "=1+1" in out
        assert "no ('yes')" in " ".join(out.split()) or "('yes')" in out


def test_garbage_is_in_the_json_as_it_stands(decide, sql):
    sql("INSERT INTO analysis_decision (symbol, planned_entry, Approve) VALUES (?, ?, 'yes')", "=A1", 1.5)
    (row,) = json.loads(decide("list", "--json")[1])["rows"]
    assert (row["symbol"], row["entry"], row["stop"], row["approved"], row["tick"]) == (
        "=A1",
        "1.5",
        None,
        False,
        "'yes'",
    )


# the rim


@pytest.mark.parametrize("verb", [["add", *GOOD], ["approve", "1"], ["list"], ["import", "x.csv"]])
def test_an_account_that_is_not_there_is_refused(decide, verb):
    code, out, err = decide(*verb, "--account", "typo")
    assert (code, out) == (2, "")
    assert "typo" in err


def test_a_database_that_is_not_there_is_one_line_and_exit_code_2(decide, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    code, out, err = decide("list")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: .*none\.db does not exist.*lib\.store init.*\n", err)


def test_a_wrong_setting_is_one_line_and_exit_code_2(decide, monkeypatch):
    monkeypatch.setenv("BROKER", "nasdaq")
    code, _, err = decide("list")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "BROKER: 'nasdaq'" in err


@pytest.mark.parametrize("verb", [[], ["add"], ["cancel"], ["amend"], ["close"], ["approve"], ["list"], ["import"]])
def test_help_explains_itself(capsys, verb):
    with pytest.raises(SystemExit) as ended:
        main([*verb, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 120
    if verb not in (["approve"], ["list"]):
        assert "example" in out


def test_the_preview_knows_every_check():
    assert set(preview.NUMBER_CHECK_NAMES) == set(number_checks.NUMBER_CHECKS)
    assert set(preview.CLAIM_CHECKS) == set(checks.CHECKS)
