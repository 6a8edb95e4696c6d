"""python -m lib.grid: preview, add, approve, list, status, stop; each refusal, each exit code."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

from lib.domain.actions import Update
from lib.domain.grids import GridStatus
from lib.grid import main
from lib.planning.grid.reading import STRATEGY_COLUMNS, strategy_digest
from lib.store import queries, tables
from tests.tools.conftest import NOW

PAGE = (Path(__file__).parents[2] / "docs" / "grids.md").read_text(encoding="utf-8")
GOOD = ("AAPL", "--kind", "spot", "--lower", "80", "--upper", "120", "--levels", "5", "--qty", "5")


@pytest.fixture
def grid(run):
    return partial(run, main)


@pytest.fixture
def begun(grid, store):
    """Write a strategy and put it where the stages would have brought it."""

    def write(*words, **values):
        grid("add", *GOOD, *words, "--approve")
        row = queries.grids(store, "main")[-1]
        values = {"started_at": NOW, "approved_digest": strategy_digest(row), **values}
        store.write([Update(table="grid_strategy", id=row.id, version=row.version, values=values)], run_id="t", at=NOW)
        return row.id

    return write


def columns(sql, *names):
    return sql(f"SELECT {', '.join(names)} FROM grid_strategy")  # noqa: S608 - the names are the test's


def test_preview_writes_nothing(grid, sql):
    code, out, err = grid("preview", *GOOD, "--price", "104")
    assert (code, err) == (0, "")
    assert "from 104.00, as given" in out
    assert out.endswith("nothing was written\n")
    assert columns(sql, "count(*)") == [(0,)]


@pytest.mark.slow
def test_preview_asks_the_broker_for_the_price_it_was_not_given(grid, sql):
    code, out, _ = grid("preview", *GOOD)
    assert code == 0
    assert "the broker's bid" in out
    assert columns(sql, "count(*)") == [(0,)]


def test_preview_names_what_is_wrong_and_ends_with_two(grid):
    code, out, err = grid("preview", *GOOD, "--price", "100", "--stop", "90", "--capital", "100")
    assert code == 2
    assert [line.split(":")[1].strip() for line in err.splitlines()] == ["GRID_STOP", "GRID_CAPITAL"]
    assert "refused: GRID_STOP" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "begins"), [("g.svg", b"<?xml"), ("g.png", b"\x89PNG"), ("g.html", b"<!doctype html>")]
)
def test_preview_draws_a_picture_by_the_name_of_the_file(grid, tmp_path, name, begins):
    file = tmp_path / name
    assert grid("preview", *GOOD, "--price", "104", "--picture", file)[0] == 0
    assert file.read_bytes().startswith(begins)


@pytest.mark.slow
def test_a_picture_of_another_kind_or_place_is_refused(grid, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        grid("preview", *GOOD, "--picture", "grid.doc")
    assert stopped.value.code == 2
    assert "ends in none of .svg, .png, .html" in capsys.readouterr().err
    code, _, err = grid("preview", *GOOD, "--price", "104", "--picture", tmp_path / "nowhere" / "g.svg")
    assert code == 2
    assert "the picture could not be written" in err


def test_add_writes_each_value_in_its_plain_form_unapproved(grid, sql):
    code, out, _ = grid("add", "aapl", "--kind", "spot", "--lower", "80.00", "--upper", "1.2e2", "--levels", "5",
                        "--qty", "5.0", "--spacing", "geometric", "--trailing",
                        "--trailing-limit", "140.0")  # fmt: skip
    assert code == 0
    assert "written as grid 1\nnext: .venv/bin/python -m lib.grid approve 1\n" in out
    written = columns(sql, "symbol", "kind", "lower_price", "upper_price", "levels", "spacing", "quantity_per_grid",
                      "capital", "trailing", "trailing_limit", "Approve", "status", "account")  # fmt: skip
    assert written == [
        ("AAPL", "SPOT", "80", "120", "5", "GEOMETRIC", "5", None, "true", "140", 0, None, "main"),
    ]


def test_add_writes_nothing_that_could_never_start(grid, sql):
    code, out, err = grid("add", *GOOD, "--capital", "100")
    assert code == 2
    assert "GRID_CAPITAL: all cells bought at their lower levels cost 1900, and capital is 100" in err
    assert "nothing was written" in out
    assert columns(sql, "count(*)") == [(0,)]


def test_approve_binds_the_numbers_that_were_shown(grid, store):
    grid("add", *GOOD)
    code, out, _ = grid("approve", "1")
    assert code == 0
    assert "grid 1 is approved\n" in out
    assert "order_executor starts it" in out
    row = queries.grid(store, 1)
    assert row.approve == 1
    assert row.approved_digest == strategy_digest(row)
    assert "grid 1 is approved already" in grid("approve", "1")[1]
    assert queries.grid(store, 1).version == row.version


def test_approve_refuses_what_is_wrong_and_what_has_ended(grid, sql, begun):
    grid("add", *GOOD)
    sql("UPDATE grid_strategy SET levels = 'many'")
    code, _, err = grid("approve", "1")
    assert code == 2
    assert "grid 1 is not approved: GRID_NUMBERS: levels 'many'" in err
    assert columns(sql, "Approve") == [(0,)]
    number = begun(status="STOPPED", approve=False)
    assert "it is STOPPED; write a new one" in grid("approve", number)[2]
    number = begun(status="PAUSED", approve=False, wanted="keep")
    assert "its stop was asked for" in grid("approve", number)[2]
    assert "account main has no grid 9" in grid("approve", "9")[2]


def test_approve_lets_a_paused_grid_go_on_wherever_it_has_trailed(grid, begun, store):
    number = begun("--capital", "1900", status="PAUSED", approve=False, shift=1)  # its range costs 2100 now
    code, out, _ = grid("approve", number)
    assert code == 0
    assert "order_monitor resumes it" in out
    assert queries.grid(store, number).approve == 1


def test_a_grid_that_was_changed_while_it_runs_is_paused_first(grid, begun, sql):
    number = begun(status="RUNNING")
    sql("UPDATE grid_strategy SET quantity_per_grid = '6'")
    assert "it was changed while it runs" in grid("approve", number)[2]


def test_stop_takes_back_what_has_not_started(grid, sql):
    grid("add", *GOOD, "--approve")
    code, out, _ = grid("stop", "1", "--flatten")
    assert code == 0
    assert "grid 1 is taken back" in out
    assert columns(sql, "status", "reason", "wanted", "Approve") == [
        ("STOPPED", "taken back before it was started", None, 0)
    ]
    assert "grid 1 has ended already" in grid("stop", "1")[1]


def test_stop_keeps_what_is_held_unless_told_to_close_it(grid, begun, sql):
    number = begun(status="RUNNING")
    assert grid("stop", number)[0] == 0
    assert columns(sql, "wanted", "status") == [("keep", "RUNNING")]
    assert "what it holds is closed at market" in grid("stop", number, "--flatten")[1]
    assert columns(sql, "wanted", "status") == [("flatten", "RUNNING")]


def test_list_and_status_name_every_grid_and_say_when_there_is_none(grid, begun):
    assert "account main has no grids" in grid("list")[1]
    assert "no grid of account main is at work" in grid("status")[1]
    begun(status="RUNNING")
    grid("add", *GOOD)
    page = json.loads(grid("list", "--json")[1])
    assert [(row["id"], row["status"], row["approved"]) for row in page["rows"]] == [
        (2, "WAITING", False),
        (1, "RUNNING", True),
    ]
    shown = json.loads(grid("status", "--json")[1])
    assert [each["id"] for each in shown["grids"]] == [1]
    assert shown["grids"][0]["profit"]["total"] is None
    assert shown["grids"][0]["started_at"] == "2026-11-20T14:00:00Z"
    assert "it has not started" in grid("status", "2")[1]


@pytest.mark.parametrize("verb", ["preview", "add", "approve", "list", "status", "stop"])
def test_each_verb_teaches_with_an_example(grid, capsys, verb):
    with pytest.raises(SystemExit) as stopped:
        grid(verb, "--help")
    assert stopped.value.code == 0
    assert f"python -m lib.grid {verb}" in capsys.readouterr().out.partition("example")[2]


# docs/grids.md


def first_cells(heading):
    """Return the words in code type of the first column of the table under a heading."""
    _, _, after = PAGE.partition(heading)
    rows = re.findall(r"^\| (`.*?) \|", after.partition("\n## ")[0], re.MULTILINE)
    return [word for row in rows for word in re.findall(r"`(\w+)`", row)]


def test_the_page_tells_every_column_and_status():
    told = first_cells("## The table `grid_strategy`\n")
    assert sorted(told) == sorted(column.name for column in tables.grid_strategy.columns)
    assert set(STRATEGY_COLUMNS) < set(told)
    assert first_cells("## Where it stands\n") == list(GridStatus)


def test_the_queries_of_the_page_work_as_written(sql):
    queries_told = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert len(queries_told) == 4
    assert [sql(each) for each in queries_told] == [[], [], [], []]


def test_every_reason_for_which_a_grid_is_paused_is_explained():
    told = first_cells("**Paused.**")
    rules = Path(__file__).parents[2] / "lib" / "planning"
    code = "".join(path.read_text(encoding="utf-8") for path in rules.rglob("*.py"))
    found = set(re.findall(r"f\"(GRID_[A-Z]+): |DRIFT, FOREIGN, SPLIT = \"(\w+)\", \"(\w+)\", \"(\w+)\"", code))
    words = {word for each in found for word in each if word}
    assert {"GRID_DRIFT", "GRID_REFUSED"} <= words
    assert words - {"GRID_CAPITAL"} <= set(told)
