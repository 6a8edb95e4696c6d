"""A proof over several processes: what is counted, what is kept, where it goes on, and its page."""

import io
import json
from dataclasses import replace

import pytest

from lib.render.proof import proof_html
from lib.render.text import page_text
from lib.simulation.proof import campaign as campaigns
from lib.simulation.proof.campaign import Wanted, run
from lib.simulation.proof.page import proof_page
from lib.simulation.proof.tasks import GRIDS, LIFE, PAIRS, ROWS, Result, Task, tasks
from lib.simulation.proof.writing import counting_bar

BROKEN = ("'life 3' 35.0:person_trades#482", ("I2: AAPL: 5 shares to protect, 0 under a live stop",))


def result(task, **changes):
    counts = {"points": {"broker.submit crash_after": 2}, "uncovered": {"symbol_halted": 1}}
    spans = {"until the next look|300": 3, "symbol_halted|1800": 1}
    plain = Result(
        key=task.key,
        kind=task.kind,
        seconds=0.5,
        schedules=10,
        same=1,
        joined=8,
        passes=25,
        spans=spans,
        convergence={"0": 7, "1": 3},
        profiles={},
        reasons={},
        **counts,
    )
    return replace(plain, **changes)


def play_one(task):
    return result(task, broken=(BROKEN,) if task.number == 3 else ())


def five_parts(seed):
    return iter([Task(LIFE, "", seed + n) for n in range(5)])


def wanted(directory, **changes):
    return replace(Wanted(minutes=1, runs=None, seed=1, jobs=1, directory=directory), **changes)


def played(directory, **changes):
    told = []
    done = run(wanted(directory, **changes), told.append, parts=five_parts, play=play_one)
    return done, [each.key for each in told]


@pytest.mark.slow
def test_a_proof_ends_after_so_many_schedules_and_goes_on_where_it_was_stopped(tmp_path):
    first, told = played(tmp_path, minutes=None, runs=15)
    assert told == ["life  1", "life  2"]
    second, told = played(tmp_path)
    assert told == ["life  3", "life  4", "life  5"]
    assert [each.key for each in second.results] == ["life  1", "life  2", "life  3", "life  4", "life  5"]
    assert second.wall_s >= first.wall_s
    assert second.results[2].broken == (BROKEN,)


@pytest.mark.slow
def test_a_line_cut_off_by_a_crash_is_played_again(tmp_path):
    first, _ = played(tmp_path, minutes=None, runs=15)
    first.file.write_text(first.file.read_text()[:-40])
    _, told = played(tmp_path)
    assert told[0] == "life  2"
    assert len([json.loads(line) for line in first.file.read_text().splitlines()]) == 5


@pytest.mark.prove
def test_another_seed_has_a_file_of_its_own(tmp_path):
    first, _ = played(tmp_path, minutes=None, runs=1)
    other, told = played(tmp_path, minutes=None, runs=1, seed=9)
    assert (told, other.file != first.file) == (["life  9"], True)


def test_pairs_come_first_then_lives_with_grids_and_rows_among_them():
    found = tasks(100)
    kinds, numbers, grids = [], [], []
    for task in found:
        kinds.append(task.kind)
        numbers += [task.number] if task.kind == LIFE else []
        grids += [task.number] if task.kind == GRIDS else []
        if kinds.count(ROWS) == 2:
            break
    assert kinds.index(LIFE) == kinds.count(PAIRS)  # no pairs after the first life
    assert numbers == list(range(100, 140))
    assert grids == list(range(100, 100 + 20 * 25, 25))  # every seed once


@pytest.mark.slow
def test_the_page_adds_up_what_was_played_and_names_what_broke(tmp_path):
    parts = [Task(PAIRS, "gap", 0), Task(LIFE, "", 3), Task(GRIDS, "", 7), Task(ROWS, "", 4)]
    results = [
        result(parts[0]),
        play_one(parts[1]),
        result(parts[2], schedules=50, seconds=1.5),
        result(parts[3], schedules=0, same=0, joined=0, passes=0, rows=5000),
    ]
    done = campaigns.Campaign(
        commit="abc", seed=1, jobs=2, wall_s=90, results=tuple(results), file=tmp_path / "abc.jsonl"
    )
    page = proof_page(done, command="python -m lib.prove", files=(str(done.file),))
    assert (page.holds, page.wall_minutes, str(page.per_second)) == (False, pytest.approx(1.5), "28.0")
    assert [(line.what, line.schedules, line.rows, line.broken) for line in page.lines] == [
        ("single faults and pairs", 10, 0, 0),
        ("random schedules", 10, 0, 1),
        ("random grids", 50, 0, 0),
        ("fuzzed decision rows", 0, 5000, 0),
    ]
    assert [(c.name, c.count) for c in page.convergence] == [("0", 28), ("1", 12)]
    text = page_text(page, width=120)
    assert "1 schedules broke something" in text
    assert "--again 'life 3' 35.0:person_trades#482" in text
    assert "symbol_halted, up to 30 min" in text
    web = proof_html(page)
    assert web.count("<svg") == 2
    assert "35.0:person_trades#482" in web


def test_a_log_hears_of_a_long_proof_once_a_minute(tmp_path):
    moments = iter([0, 30, 61, 61])
    out = io.StringIO()
    with counting_bar(wanted(tmp_path), out, lambda: next(moments)) as tell:
        tell(result(Task(LIFE, "", 1)))
        tell(play_one(Task(LIFE, "", 3)))
    assert out.getvalue() == "1 min: 20 schedules, 1 broken\n"
