"""The interpreter, who may read and write our files, the disk, the age of backups."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from lib.checkup import host
from lib.views.checkup import LATER, OK, PERSON

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
GIB = 1024**3


@pytest.mark.parametrize(
    ("version", "prefix", "level"),
    [
        ((3, 11, 2), "{}/.venv", OK),
        ((3, 14, 0), "{}/.venv.new", OK),
        ((3, 11, 2), "/usr", PERSON),
        ((3, 10, 9), "{}/.venv", PERSON),
    ],
)
def test_the_python_of_the_stages_is_new_enough_and_of_this_directory(tmp_path, version, prefix, level):
    (tmp_path / ".venv").mkdir()
    assert host.interpreter(tmp_path, version=version, prefix=prefix.format(tmp_path)).level == level


def test_where_there_is_no_venv_any_python_that_is_new_enough_will_do(tmp_path):
    assert host.interpreter(tmp_path, version=(3, 11, 2), prefix="/usr/local").level == OK


@pytest.mark.case("fail-N4")
@pytest.mark.parametrize(("mode", "level"), [(0o600, OK), (0o640, PERSON), (0o604, PERSON)])
def test_nobody_else_may_read_the_settings(tmp_path, mode, level):
    dotenv = tmp_path / "with a space" / ".env"
    dotenv.parent.mkdir()
    dotenv.touch()
    dotenv.chmod(mode)
    finding = next(iter(host.file_modes(dotenv, tmp_path, None)))
    assert finding.level == level
    assert finding.do == (None if level == OK else f"chmod 600 '{dotenv}'")


@pytest.mark.parametrize(("mode", "level"), [(0o755, OK), (0o700, OK), (0o775, PERSON), (0o757, PERSON)])
def test_nobody_else_may_write_the_state(tmp_path, mode, level):
    state, database = tmp_path / "state", tmp_path / "trading.db"
    state.mkdir()
    state.chmod(mode)
    database.touch(0o644)
    levels = {each.name: each.level for each in host.file_modes(tmp_path / ".env", state, database)}
    assert levels == {".env": OK, "STATE_DIR": level, "database": OK}


def test_a_state_directory_that_is_not_there_yet_is_made_by_the_first_pass(tmp_path):
    _, state = host.file_modes(tmp_path / ".env", tmp_path / "state", tmp_path / "trading.db")
    assert (state.level, "not there yet" in state.what) == (OK, True)


@pytest.mark.parametrize(("free", "level"), [(2 * GIB, OK), (GIB, OK), (GIB - 1, LATER), (GIB // 10 - 1, PERSON)])
def test_room_on_the_disk(tmp_path, free, level):
    assert host.room(tmp_path, free).level == level


def test_a_disk_is_told_once_and_a_place_that_is_not_there_yet_by_its_parent(tmp_path):
    (finding,) = host.disk((tmp_path / "a" / "b", tmp_path))
    assert finding.what.endswith(f"GiB free at {tmp_path}")


def test_who_makes_no_backups_is_told_how_and_no_more(tmp_path):
    finding = host.backups(tmp_path, NOW)
    assert (finding.level, "python -m lib.store backup" in finding.what) == (OK, True)


@pytest.mark.parametrize(("hours", "level"), [(3, OK), (48, OK), (49, PERSON)])
def test_the_newest_backup_is_at_most_two_days_old(tmp_path, hours, level):
    (tmp_path / "backups").mkdir()
    for name, age in (("trading-20261101T000000Z.db", 400), ("trading-20261118T000000Z.db", hours)):
        made = tmp_path / "backups" / name
        made.touch()
        at = (NOW - timedelta(hours=age)).timestamp()
        os.utime(made, (at, at))
    finding = host.backups(tmp_path, NOW)
    assert (finding.level, finding.what) == (level, f"the newest is {hours} h old")


def test_a_path_that_this_user_may_not_even_look_at_stops_nothing(tmp_path):
    hidden = tmp_path / ("x" * 300)  # the host refuses to look, as it does below a folder that belongs to others
    assert [each.level for each in host.file_modes(hidden, tmp_path, hidden)] == [OK, OK]
    assert len(list(host.disk((hidden, tmp_path)))) == 1
    assert host.backups(hidden, NOW).level == LATER
