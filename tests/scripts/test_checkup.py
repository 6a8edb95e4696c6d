"""doctor and health as a user starts them: a path with a space, an empty HOME, from /, in any zone."""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.scripts.desk import MONITOR, STAGES

pytestmark = pytest.mark.slow  # each starts real processes

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60


def findings(out):
    return {each["name"]: each for each in json.loads(out)["findings"]}


def paper(desk):
    with closing(sqlite3.connect(desk.state / "paper.db")) as connection:
        return list(connection.iterdump())


@pytest.fixture
def away(tmp_path):
    """Return a way to start a copy of the program: its path has a space, HOME is empty, the start is from /."""
    home, copy = tmp_path / "no body", tmp_path / "trading monitor"
    home.mkdir()
    shutil.copytree(ROOT / "lib", copy / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", copy / "data")
    for stage in STAGES:
        shutil.copy(ROOT / stage, copy)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    dotenv = copy / ".env"
    dotenv.write_text("PAPER_ALWAYS_OPEN=1\n")
    dotenv.chmod(0o600)

    def start(*words, **environ):
        kept = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(copy), "COLUMNS": "80"}
        return subprocess.run(
            [copy / ".venv" / "bin" / "python", *words],
            cwd="/",
            env=kept | environ,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )

    start.folder, start.home = copy, home
    return start


@pytest.mark.parametrize("zone", [pytest.param("UTC", marks=pytest.mark.prove), "Asia/Kolkata"])
def test_from_an_empty_folder_to_passes_each_step_is_told_with_what_to_do(away, zone):
    first = away("-m", "lib.doctor", "--json", TZ=zone)
    found = findings(first.stdout)
    assert (first.returncode, found["database"]["level"]) == (2, 2)
    assert "lib.store init" in found["database"]["what"]
    assert [found[name]["level"] for name in ("python", ".env", "settings", "disk")] == [0, 0, 0, 0]
    assert not (away.folder / "var").exists()
    assert away("-m", "lib.store", "init", TZ=zone).returncode == 0
    for stage in STAGES:
        assert away(str(away.folder / stage), "--if-due", TZ=zone).returncode == 0
    second = away("-m", "lib.doctor", "--json", TZ=zone)
    left = {name: each["level"] for name, each in findings(second.stdout).items() if each["level"]}
    assert (second.returncode, left) == (1, {"schedule": 1})
    well = away("-m", "lib.health", TZ=zone)
    assert (well.returncode, well.stdout.splitlines()[-1]) == (0, "6 things looked at, 0 not well: all is well")
    assert sorted(path.name for path in (away.folder / "var" / "log").iterdir()) == [
        stage.replace(".py", ".log") for stage in STAGES
    ]
    assert list(away.home.iterdir()) == []


def test_a_look_changes_nothing(desk):
    for stage in STAGES:
        desk.done(stage)
    desk.paper("POST", "/v2/orders", symbol="AAPL", qty="1", side="buy", type="market", time_in_force="day")
    before = desk.tables(), paper(desk)
    desk.run("-m", "lib.doctor")
    desk.run("-m", "lib.health")
    desk.done(MONITOR, "--dry-run")
    assert (desk.tables(), paper(desk)) == before


def test_a_look_before_the_first_pass_makes_no_paper_account(desk):
    desk.run("-m", "lib.doctor")
    assert not (desk.state / "paper.db").exists()


def test_a_dotenv_that_is_no_text_is_told_without_showing_it(away):
    (away.folder / ".env").write_bytes(b"ALPACA_SECRET_KEY=geheim\xfc\n")
    first = away("-m", "lib.doctor", "--json")
    assert (first.returncode, first.stderr, "geheim" in first.stdout) == (2, "", False)
    assert findings(first.stdout)["settings"]["what"].endswith(".env cannot be read: byte 24 is no UTF-8")


def test_every_setting_that_is_wrong_is_a_line_of_its_own(desk):
    code, out, err = desk.run("-m", "lib.doctor", "--json", BROKER="etrade", ENTRY_TIF="never")
    wrong = [each["what"].partition(":")[0] for each in json.loads(out)["findings"] if each["name"] == "settings"]
    assert (code, sorted(wrong), err) == (2, ["BROKER", "ENTRY_TIF"], "")
    assert desk.run("-m", "lib.health", BROKER="etrade")[0] == 2


def test_health_tells_what_is_stopped_held_and_left_undone_by_its_exit_code(desk):
    for stage in STAGES:
        desk.done(stage)
    with desk.holding():
        code, out, _ = desk.run("-m", "lib.health")
        assert (code, "hold of main: held for 0 min" in out) == (0, True)
        os.utime(desk.state / "locks" / "main", (0, 0))
        code, out, _ = desk.run("-m", "lib.health")
        assert (code, "wait  hold of main" in out) == (1, True)
    (desk.state / "HALT").touch()
    code, out, _ = desk.run("-m", "lib.health", "--account", "main")
    assert (code, "ACT   control of main: all is HALTED" in out) == (2, True)


def test_a_loop_that_runs_is_what_starts_the_stages(desk):
    with desk.holding("crontab-loop"):
        _, out, _ = desk.run("-m", "lib.doctor", "--json")
        code, _, said = desk.run("-m", "lib.loop")
    found = findings(out)["schedule"]
    assert (found["level"], found["what"]) == (0, "the three stages are started from lib.loop")
    assert (code, "another lib.loop" in said) == (2, True)


def test_an_account_that_no_pass_can_work_is_told(desk, unused_port):
    """Its keys are gone and it has something open, or they are there and it has no row."""
    desk.sql("INSERT INTO account (account, version, namespace) VALUES ('old', 1, 'nsold')")
    keys = {"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s"}
    keys |= {f"{name}__SWING": f"{value}-swing" for name, value in keys.items()}
    settings = {"BROKER": "alpaca", "ALPACA_BASE_URL": f"http://127.0.0.1:{unused_port}", **keys}
    code, out, _ = desk.run("-m", "lib.health", **settings)
    assert (code, "ACT   account of swing: ALPACA_API_KEY__SWING is set and the database has no" in out) == (2, True)
    assert "passes of old: order_monitor has never run" in out
    _, out, _ = desk.run("-m", "lib.doctor", **settings)
    assert "ACT   keys of old: account old has no keys" in out
    assert "ACT   account of swing: " in out


@pytest.mark.parametrize("name", ["trading.db", "state/paper.db"])
def test_a_damaged_file_is_told_though_no_pass_has_met_the_damage(desk, name):
    desk.done(MONITOR)
    file = desk.folder / name
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        of = "fill" if name == "trading.db" else "account"
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (of,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\xff" * size)
    code, out, err = desk.run("-m", "lib.doctor", "--json")
    found = findings(out)["database" if name == "trading.db" else "keys"]
    assert (code, found["level"], err) == (2, 2, "")
    assert "damaged" in found["what"] or "malformed" in found["what"]


def test_an_account_that_is_not_there_is_told(desk):
    code, out, _ = desk.run("-m", "lib.health", "--account", "swing")
    assert (code, "swing" in out) == (2, True)


def test_another_account_than_the_pinned_one_is_told_and_nothing_is_written(desk):
    desk.done(MONITOR)
    desk.sql("UPDATE account SET account_number = 'PA3OTHER', version = version + 1")
    before = desk.tables()
    code, out, _ = desk.run("-m", "lib.doctor", "--json")
    assert (code, findings(out)["account"]["level"]) == (2, 2)
    assert desk.tables() == before
