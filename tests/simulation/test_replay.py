"""Replay as a command: the demo, other seeds, real minute bars, and what it refuses."""

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from lib.config import REPOSITORY
from lib.domain.money import text
from lib.replay import main
from lib.simulation.replay_arguments import DEMO_GRIDS, parser, story_of
from lib.simulation.replaying import replay
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
    shares, coins = page["grids"]["grids"]
    assert (shares["symbol"], shares["status"], shares["reason"]) == ("ACME", "RUNNING", None)
    assert (
        shares["health"]["open_buys"] + shares["health"]["open_sells"] >= 12
    )  # one for each cell, two for a partly held one
    assert (coins["symbol"], coins["status"], coins["wanted"]) == ("BTC/USD", "STOPPED", "flatten")
    assert coins["trips"]
    assert page["synthetic"] == ["ACME", "BTC/USD"]


@pytest.mark.slow
def test_the_demo_s_grids_work_through_its_days_and_their_money_is_in_the_recount(tmp_path, capsys):
    """In one session alone both grids begin, and the coins end at its close."""
    words = ["--demo", "--from", "2013-01-25", "--to", "2013-01-25", "--out", str(tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "the prices of ACME, BTC/USD are synthetic" in printed
    assert "grid 1 is RUNNING: SPOT grid ACME" in printed
    assert "grid 2 is STOPPED: SPOT grid BTC/USD" in printed
    assert "-m lib.grid status 2" in " ".join(printed.split())
    with closing(sqlite3.connect(tmp_path / "trading.db")) as connection:
        fills = connection.execute(
            "SELECT fill.side, fill.qty, fill.price FROM fill JOIN order_execution o ON o.id = fill.order_id "
            "WHERE o.strategy_id IS NOT NULL"
        ).fetchall()
    moved = sum(Decimal(qty) * Decimal(price) * (1 if side == "sell" else -1) for side, qty, price in fills)
    assert {side for side, _, _ in fills} == {"buy", "sell"}
    assert f"the fills of grids moved {text(moved)} / {text(moved)} in their books" in " ".join(printed.split())
    assert printed.endswith("agrees\n")


@pytest.mark.prove
def test_coins_are_looked_after_round_the_clock_while_they_have_a_grid(tmp_path, capsys):
    words = ["--demo", "--from", "2013-01-28", "--to", "2013-01-29", "--out", str(tmp_path), "--json"]
    early = replace(DEMO_GRIDS[1], begins=1)
    story = replace(story_of(parser().parse_args(words)), grids=(early,))
    assert replay(story).holds
    with closing(sqlite3.connect(tmp_path / "trading.db")) as connection:
        rows = connection.execute("SELECT started_at FROM stage_run WHERE stage = 'order_monitor'").fetchall()
    ran = {at[:16] for (at,) in rows}
    night = [datetime(2013, 1, 29, 1, tzinfo=UTC) + n * timedelta(minutes=5) for n in range(60)]
    missing = [at for each in night if (at := f"{each:%Y-%m-%dT%H:%M}") not in ran]
    assert missing == []


@pytest.mark.prove
def test_the_same_seed_gives_the_same_page_and_another_seed_other_fills(tmp_path, capsys):
    pages = {}
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        page = demo(tmp_path, capsys, seed, name)[1]
        pages[name] = json.dumps([page["journal"], page["decisions"], page["grids"], page["recount"]])
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
