"""python -m lib.decide import: good lines are written once, bad ones are named; and when the stages take them."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from lib.domain.hours import Hours
from lib.domain.records import StageRun
from lib.intake import desk, schedule
from lib.intake.csv_file import read_csv
from lib.store import queries

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # a Friday, 09:00 in New York
HEADER = "symbol,trade_style,planned_entry,planned_sl,planned_tp"
AAPL = f"{HEADER}\nAAPL,SWING,150,145,160\n"


def test_import_writes_the_good_rows_and_names_the_bad_ones_by_line(decide, csv, sql):
    file = csv(f"{AAPL}IBM,SWING,200,210,220\nGOOG,SWING,=1+1,85,95\nMSFT,SWING,30\nMSFT,SWING,30,28,33\n")
    code, out, err = decide("import", file)
    assert (code, err) == (1, "")
    assert re.findall(r"^ +(\d) .*(written|refused)$", out, re.MULTILINE) == [
        ("2", "written"), ("3", "refused"), ("4", "refused"), ("5", "refused"), ("6", "written")
    ]  # fmt: skip
    assert "  line 3: LEVELS: the stop 210 is not below the entry 200" in out
    assert "  line 4: NUMBERS: planned_entry '=1+1' is not a plain, finite number" in out
    assert "  line 5: 3 cells under 5 columns" in out
    assert "2 written, 3 refused\nnext: .venv/bin/python -m lib.decide approve 1 2\n" in out
    assert sql("SELECT id, symbol, Approve FROM analysis_decision") == [(1, "AAPL", 0), (2, "MSFT", 0)]


def test_importing_a_file_again_writes_nothing(decide, csv, ticks):
    assert decide("import", csv(AAPL), "--approve")[0] == 0
    code, out, _ = decide("import", csv(f"{HEADER}\naapl,swing,150.00,145.0,160\n"))
    assert code == 0
    assert "1 already there" in out
    assert "as decision 1 (approved)" in out
    assert ticks() == [(1, 1)]


def test_a_line_that_repeats_another_of_the_file_is_written_once(decide, csv, count):
    code, out, _ = decide("import", csv(f"{AAPL}AAPL,SWING,150.00,145,160\n"))
    assert code == 0
    assert "  line 3: as line 2" in out
    assert count() == 1


def test_import_does_not_tick_again_what_a_person_left_without_a_tick(decide, csv, ticks):
    decide("import", csv(AAPL))
    _, out, _ = decide("import", csv(AAPL), "--approve")
    assert "as decision 1 (not approved)" in out
    assert ticks() == [(1, 0)]


def test_the_column_approve_ticks_and_so_does_the_flag(decide, csv, ticks):
    file = csv(f"{HEADER},Approve\nAAPL,SWING,150,145,160,TRUE\nIBM,SWING,200,190,220,\n")
    _, out, _ = decide("import", file)
    assert "1 written and approved, 1 written\n" in out
    assert ticks() == [(1, 1), (2, 0)]


def test_columns_that_mean_nothing_to_a_new_trade_are_written_as_they_stand(decide, sql, csv):
    decide("import", csv(f"{HEADER},close_price,target_decision_id\nAAPL,SWING,150.0,145,160,9.90,x\n"))
    row = sql("SELECT planned_entry, close_price, target_decision_id FROM analysis_decision")
    assert row == [("150", "9.90", "x")]


def test_the_column_of_replay_is_not_used_and_that_is_said(decide, csv, count):
    code, out, _ = decide("import", csv(f"{HEADER},at\nAAPL,SWING,150,145,160,nonsense\n"))
    assert code == 0
    assert "note: the column `at` is for replay; it was not used" in out
    assert count() == 1


def test_a_file_without_decisions_is_no_error(decide, csv):
    assert decide("import", csv(f"{HEADER}\n")) == (0, "no decision in it\n", "")


@pytest.mark.parametrize("text", [f"{HEADER},foo\nAAPL,SWING,150,145,160,1\n", ""])
def test_a_file_with_a_wrong_header_writes_nothing(decide, csv, text, count):
    code, out, err = decide("import", csv(text))
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: .*moves\.csv: .+\n", err)
    assert count() == 0


def test_import_as_json_names_lines_and_ids(decide, csv):
    page = json.loads(decide("import", csv(f"{AAPL}IBM,SWING,x,1,2\n"), "--json")[1])
    assert page["counts"] == {"written": 1, "refused": 1}
    assert [(each["line"], each["id"], each["outcome"]) for each in page["outcomes"]] == [
        (2, 1, "written"),
        (3, None, "refused"),
    ]


DAY_BEFORE, SAME_DAY = NOW - timedelta(days=1), NOW - timedelta(hours=8)  # 01:00 in New York: the same day


@pytest.mark.parametrize(
    ("status", "answered_at", "traded", "again"),
    [
        (None, None, None, False),
        ("WAITING", DAY_BEFORE, None, False),
        ("EXPIRED", SAME_DAY, None, False),
        ("EXPIRED", DAY_BEFORE, None, True),
        ("REJECTED", DAY_BEFORE, None, True),
        ("REJECTED", None, None, False),
        ("DONE", DAY_BEFORE, "CANCELLED", True),
        ("DONE", SAME_DAY, "CANCELLED", False),
        ("DONE", DAY_BEFORE, "CLOSED", False),
        ("ORDERED", DAY_BEFORE, "POSITION", False),
    ],
)
def test_only_what_came_to_nothing_on_an_earlier_day_is_imported_again(store, status, answered_at, traded, again, sql):
    at = desk.Desk(store=store, account="main", now=NOW)
    file = read_csv(AAPL, name="moves.csv")
    desk.bring_in(at, file, approve=True)
    stamp = None if answered_at is None else answered_at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    sql("UPDATE analysis_decision SET execution_status = ?, executed_at = ?", status, stamp)
    if traded is not None:
        sql(
            "INSERT INTO trade_journal (account, version, decision_id, symbol, side, trade_style, status,"
            " planned_entry, planned_sl, planned_qty, created_at)"
            " VALUES ('main', 1, 1, 'AAPL', 'long', 'SWING', ?, '150', '145', '10', ?)",
            traded,
            stamp,
        )
    (outcome,) = desk.bring_in(at, file, approve=True).page.outcomes
    assert outcome.outcome == ("written and approved" if again else "already there")
    assert len(queries.decisions(store, "main")) == (2 if again else 1)


def test_an_expired_line_that_was_imported_before_is_already_there_not_refused(store):
    file = read_csv(f"{HEADER},expires_at\nAAPL,SWING,150,145,160,2026-11-20T20:00:00Z\n", name="moves.csv")
    desk.bring_in(desk.Desk(store=store, account="main", now=NOW), file, approve=True)
    later = desk.Desk(store=store, account="main", now=NOW + timedelta(days=1))
    (outcome,) = desk.bring_in(later, file, approve=True).page.outcomes
    assert outcome.outcome == "already there"


FRIDAY = Hours(open=datetime(2026, 11, 20, 14, 30, tzinfo=UTC), close=datetime(2026, 11, 20, 21, tzinfo=UTC))
MONDAY = Hours(open=datetime(2026, 11, 23, 14, 30, tzinfo=UTC), close=datetime(2026, 11, 23, 21, tzinfo=UTC))


@pytest.mark.parametrize(
    ("hour", "claimed", "sentence"),
    [
        (14, False, "order_executor takes approved decisions at 2026-11-20 09:45 ET"),
        (16, False, "order_executor takes approved decisions at its next run, until 2026-11-20 15:30 ET"),
        (16, True, "to send one before 2026-11-20 15:30 ET: python order_executor.py --decision 4"),
        (21, True, "order_executor takes approved decisions at 2026-11-23 09:45 ET"),
    ],
)
def test_what_happens_next_depends_on_the_hour_and_on_what_ran(hour, claimed, sentence):
    at = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)
    run = StageRun(id=1, account="main", stage="order_executor", run_id="r", started_at=at, finished_at=at,
                   outcome="done", complete=claimed)  # fmt: skip
    now = datetime(2026, 11, 20, hour, tzinfo=UTC)
    assert schedule.next_claim(now, (FRIDAY, MONDAY), (run,), [4]).endswith(sentence)


def test_the_calendar_is_our_table_or_every_day_when_the_paper_broker_never_rests():
    assert schedule.hours_around(NOW, always_open=False)[1:] == (FRIDAY, MONDAY)
    today, tomorrow = schedule.hours_around(NOW, always_open=True)
    assert (today.open, tomorrow.close) == (datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
