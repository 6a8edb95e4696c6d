"""Replay as a command: the demo, other seeds, real minute bars, and what it refuses."""

import json
import re
from pathlib import Path

import pytest

from lib.config import REPOSITORY
from lib.replay import main
from tests.tools.sampling import some

MINUTES = REPOSITORY.parent / "shared" / "data"
ENDINGS = {"PROFIT_TAKEN", "STOPPED_OUT"}


def demo(tmp_path, capsys, seed, name="out"):
    code = main(["--demo", "--seed", str(seed), "--out", str(tmp_path / name), "--json"])
    page = json.loads(capsys.readouterr().out)
    return code, page


@pytest.mark.slow
@pytest.mark.parametrize("seed", some([1, 2, 3], 3))
def test_the_demo_reaches_every_basic_ending_whatever_the_seed(tmp_path, capsys, seed):
    code, page = demo(tmp_path, capsys, seed)
    assert code == 0
    rows = page["journal"]["rows"]
    assert {row["reason"] for row in rows if row["status"] == "CLOSED"} >= ENDINGS
    assert {row["status"] for row in rows} == {"CLOSED", "CANCELLED", "POSITION"}
    assert "expired" in next(row["note"] for row in rows if row["status"] == "CANCELLED")
    assert {row["status"] for row in page["decisions"]["rows"]} == {"REJECTED"}
    assert all(row["note"] for row in page["decisions"]["rows"])
    assert page["broken"] == []
    assert page["recount"].endswith("agrees")


@pytest.mark.prove
def test_the_same_seed_gives_the_same_page_and_another_seed_other_fills(tmp_path, capsys):
    pages = {}
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        page = demo(tmp_path, capsys, seed, name)[1]
        pages[name] = json.dumps([page["journal"], page["decisions"], page["recount"]])
    assert pages["a"] == pages["b"]
    assert pages["a"] != pages["c"]


@pytest.mark.slow
@pytest.mark.skipif(not MINUTES.is_dir(), reason="the recorded minutes are not there")
def test_recorded_minutes_are_read_as_they_are(tmp_path, capsys):
    """AAPL rose above 649 in the first minutes of 2014-06-05 and came back below 646 later that day."""
    table = tmp_path / "decisions.csv"
    table.write_text(
        "at,symbol,trade_style,planned_entry,planned_sl,planned_tp,qty\n"
        "2014-06-05,AAPL,SWING,646.00,640.00,660.00,10\n"
        "2014-06-05,AAPL,SWING,600.00,590.00,660.00,10\n",
        encoding="utf-8",
    )
    words = ["--prices", str(MINUTES), "--decisions", str(table), "--from", "2014-06-05", "--to", "2014-06-05"]
    code = main([*words, "--out", str(tmp_path / "out"), "--json"])
    page = json.loads(capsys.readouterr().out)
    assert code == 0
    (row,) = page["journal"]["rows"]
    low, high = day_of("AAPL-1Min-2014-06-05_09.csv", "2014-06-05")
    assert low <= float(row["actual_entry"]) <= 646.00 < high
    assert page["recount"].endswith("agrees")


def day_of(name, day):
    rows = [
        line.split(",") for line in (MINUTES / name).read_text(encoding="utf-8").splitlines() if line.startswith(day)
    ]
    regular = [row for row in rows if "13:30" <= row[0][11:16] < "20:00"]
    return min(float(row[3]) for row in regular), max(float(row[2]) for row in regular)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--prices, --decisions, --from, --to missing"),
        (["--demo", "--from", "2013-01-26", "--to", "2013-01-27"], "no session"),
        (["--demo", "--from", "2013-01-29", "--to", "2013-01-22"], "is before"),
        (["--demo", "--decisions", "nowhere.csv"], "nowhere.csv"),
        (["--demo", "--prices", "docs"], "no CSV files"),
    ],
)
@pytest.mark.sample
def test_what_cannot_be_replayed_is_one_line_and_exit_code_2(tmp_path, capsys, words, said):
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_a_database_that_no_replay_made_is_left_alone(tmp_path, capsys):
    precious = tmp_path / "trading.db"
    precious.write_bytes(b"precious")
    assert main(["--demo", "--out", str(tmp_path)]) == 2
    assert re.search(r"no replay made.*--out", capsys.readouterr().err)
    assert precious.read_bytes() == b"precious"


@pytest.mark.slow
def test_the_report_lies_where_the_last_lines_say(tmp_path, capsys):
    words = ["--demo", "--from", "2013-01-22", "--to", "2013-01-22", "--out", str(tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == printed
    assert str(Path(tmp_path / "trading.db")) in printed
    assert printed.splitlines()[-1].startswith("recount from the broker's ")
