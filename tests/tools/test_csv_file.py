"""The CSV of decisions: what a header may name, what a line becomes, what is refused and where."""

from datetime import UTC, datetime

import pytest

from lib.errors import ConfigError
from lib.intake.csv_file import CsvProblem, CsvRow, load_csv, read_csv, written_at

HEADER = "symbol,trade_style,planned_entry,planned_sl"


def read(text):
    return read_csv(text, name="moves.csv")


def test_a_line_becomes_the_columns_of_the_table_and_a_missing_action_is_a_new_trade():
    assert read(f"{HEADER}\nAAPL,SWING,150,145\n").rows == (
        CsvRow(
            line=2,
            columns={
                "action": "NEW_TRADE",
                "symbol": "AAPL",
                "trade_style": "SWING",
                "planned_entry": "150",
                "planned_sl": "145",
            },
        ),
    )


def test_columns_stand_in_any_order_and_an_empty_cell_is_nothing():
    (row,) = read("qty,planned_sl,planned_entry,trade_style,symbol\n,145,150,SWING,AAPL\n").rows
    assert (row.columns["symbol"], row.columns["planned_sl"], row.columns["qty"]) == ("AAPL", "145", None)


def test_capitals_and_spaces_in_the_header_do_not_matter():
    (row,) = read("Symbol, Trade_Style ,PLANNED_ENTRY,planned_sl,Approve\nAAPL,SWING,150,145,TRUE\n").rows
    assert row.columns["approve"] is True


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path):
    file = tmp_path / "moves.csv"
    file.write_bytes(f"\ufeff{HEADER}\r\nAAPL,SWING,150,145\r\n\r\nIBM,SWING,200,190\r\n".encode())
    assert [(row.line, row.columns["symbol"]) for row in load_csv(file).rows] == [(2, "AAPL"), (4, "IBM")]


def test_a_quoted_cell_may_hold_commas_and_lines_and_the_number_is_where_the_record_begins():
    rows = read(f'{HEADER}\n"A,\nB",SWING,150,145\nIBM,SWING,200,190\n').rows
    assert [(row.line, row.columns["symbol"]) for row in rows] == [(2, "A,\nB"), (4, "IBM")]


def test_garbage_comes_through_unjudged():
    (row,) = read(f"{HEADER}\n=cmd|'/c calc'!A1,SWING,NaN,-1e999\n").rows
    assert row.columns["symbol"] == "=cmd|'/c calc'!A1"
    assert (row.columns["planned_entry"], row.columns["planned_sl"]) == ("NaN", "-1e999")


@pytest.mark.parametrize(
    ("word", "ticked"), [("1", True), ("true", True), ("Yes", True), ("", False), ("0", False), ("FALSE", False)]
)
def test_a_tick_is_read_from_what_spreadsheets_write(word, ticked):
    (row,) = read(f"{HEADER},Approve\nAAPL,SWING,150,145,{word}\n").rows
    assert row.columns["approve"] is ticked


def test_a_line_that_is_no_decision_is_a_problem_and_the_others_go_on():
    file = read(f"{HEADER},Approve\nAAPL,SWING,150\nIBM,SWING,200,190,maybe\nGOOG,SWING,90,85,1\n")
    assert file.problems == (
        CsvProblem(line=2, reason="3 cells under 5 columns"),
        CsvProblem(line=3, reason="Approve 'maybe' is neither true nor false"),
    )
    assert [row.line for row in file.rows] == [4]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "moves.csv: it is empty"),
        ("\n\n", "moves.csv: it is empty"),
        (f"{HEADER},stop,executed\n", "unknown column 'stop', 'executed'; a decision has symbol, action"),
        (f"{HEADER},\n", "unknown column ''"),
        (f"{HEADER},Symbol\n", "column symbol is there twice"),
        ("symbol,trade_style\n", "no column planned_entry, planned_sl"),
        ("symbol;trade_style;planned_entry;planned_sl\n", "not separated by commas"),
        (f'{HEADER}\n"AAPL,SWING,150,145\nIBM,SWING,200,190\n', "moves.csv, line 2: unexpected end of data"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_is_refused_in_one_line(text, sentence):
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    latin = tmp_path / "latin.csv"
    latin.write_bytes(HEADER.encode() + b"\nM\xfcller,SWING,1,1\n")
    with pytest.raises(ConfigError, match=f"byte {len(HEADER) + 2} is not UTF-8"):
        load_csv(latin)
    with pytest.raises(ConfigError, match="No such file"):
        load_csv(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_csv(tmp_path)


@pytest.mark.parametrize(
    ("at", "instant"),
    [
        ("2013-01-07", datetime(2013, 1, 7, tzinfo=UTC)),
        ("2013-01-07T14:00", datetime(2013, 1, 7, 14, tzinfo=UTC)),
        ("2013-01-07T14:00:00Z", datetime(2013, 1, 7, 14, tzinfo=UTC)),
        ("2013-01-07T09:00:00-05:00", datetime(2013, 1, 7, 14, tzinfo=UTC)),
    ],
)
def test_replay_reads_when_a_decision_is_written(at, instant):
    file = read(f"{HEADER},at\nAAPL,SWING,150,145,{at}\n")
    assert file.has_at
    assert written_at(file.rows[0]) == instant
    assert "at" not in file.rows[0].columns


def test_no_time_is_none_and_a_wrong_one_is_refused_with_its_line():
    first, second = read(f"{HEADER},at\nAAPL,SWING,150,145,\nIBM,SWING,200,190,soon\n").rows
    assert written_at(first) is None
    with pytest.raises(ConfigError, match="line 3: at 'soon' is neither a date nor a time"):
        written_at(second)
