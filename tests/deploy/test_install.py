"""`make install` and `make uninstall` as a user starts them: from `/`, in a path with a blank, with an empty HOME."""

import re
import stat
import subprocess
from datetime import UTC, datetime

import pytest

from lib import due
from lib.bootstrap import simulated_store
from lib.crontab import block
from tests.scripts.desk import ROOT, STAGES, Desk, in_window

pytestmark = pytest.mark.slow

ANY_TIME = datetime(2026, 11, 2, tzinfo=UTC)
OWN = "0 3 * * * backup\n"
CRON_COMMAND = re.compile(r"^ +(\(umask 077; crontab -l .*\))$", re.MULTILINE)


@pytest.mark.case("fail-N4", "fail-I-5")
@pytest.mark.parametrize("zone", ["UTC", pytest.param("Asia/Kolkata", marks=pytest.mark.prove)])
def test_install_makes_what_is_missing_and_the_command_it_prints_starts_the_stages(zone, copy, user):
    first = copy.make("install", TZ=zone)
    assert (first.returncode, first.stderr) == (0, "")
    env = copy.home / ".env"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert env.read_text(encoding="utf-8") == (ROOT / ".env.example").read_text(encoding="utf-8")
    assert (copy.home / "var" / "trading.db").is_file()
    assert stat.S_IMODE((copy.home / "var" / "log").stat().st_mode) & 0o007 == 0
    lines = block((ROOT / "crontab").read_text(encoding="utf-8"), str(copy.home))
    assert lines in first.stdout

    user.crontab.write_text(OWN, encoding="utf-8")
    (command,) = CRON_COMMAND.findall(first.stdout)
    user.shell(command)
    assert user.crontab.read_text(encoding="utf-8") == OWN + lines

    for job in lines.splitlines()[3:-1]:  # as cron starts them: sh, almost no environment, the home of the user
        words = job.split(None, 5)[5]
        cron = {"PATH": "/usr/bin:/bin", "TRADING_MONITOR": str(copy.home), "TZ": zone}
        done = subprocess.run(["/bin/sh", "-c", words], cwd="/", env=cron, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    kept = {file.name for file in (copy.home / "var" / "log").iterdir()}
    assert {stage.replace(".py", ".log") for stage in STAGES} <= kept


def test_install_again_changes_nothing_and_never_touches_env(copy):
    copy.make("install")
    env = copy.home / ".env"
    env.write_text("PAPER_ALWAYS_OPEN=1\n", encoding="utf-8")
    env.chmod(0o644)
    before = (copy.home / "var" / "crontab").read_bytes()
    again = copy.make("install")
    assert again.returncode == 0
    assert f"kept {env}, which others may read: chmod 600 '{env}'" in again.stdout
    assert "already at" in again.stdout
    assert env.read_text(encoding="utf-8") == "PAPER_ALWAYS_OPEN=1\n"
    assert stat.S_IMODE(env.stat().st_mode) == 0o644
    assert (copy.home / "var" / "crontab").read_bytes() == before


def test_install_says_what_this_shell_alone_has_set(copy):
    said = copy.make("install", DATABASE_URL="sqlite:///var/other.db").stdout
    assert "Only this shell sets DATABASE_URL, and cron does not see it: write it into .env." in said
    assert (copy.home / "var" / "other.db").is_file()


def test_install_with_settings_that_are_wrong_is_a_sentence_and_leaves_env_to_be_mended(copy):
    (copy.home / ".env").write_text("BROKER=elsewhere\n", encoding="utf-8")
    refused = copy.make("install")
    assert refused.returncode == 2
    assert "error: BROKER: 'elsewhere' is not known" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (copy.home / "var" / "trading.db").exists()


@pytest.mark.case("fail-K8")
def test_install_shows_no_line_for_cron_where_the_state_directory_is_that_of_live_trading(copy):
    past = {"account": "main", "stage": "order_monitor", "started_at": None, "unfinished": False, "sessions": ()}
    due.write(copy.home / "var", environment="live", **past)
    refused = copy.make("install")
    assert refused.returncode == 2
    assert f"error: STATE_DIR {copy.home}/var is that of live trading" in refused.stderr
    assert "crontab" not in refused.stdout
    assert not (copy.home / "var" / "crontab").exists()


@pytest.fixture
def owner(copy, tmp_path):
    """A copy whose built-in broker holds ten shares with their stop and target, and one entry that rests."""
    in_window()
    desk = Desk(tmp_path / "desk")
    desk.folder.mkdir()
    desk.state, desk.database = copy.home / "var", copy.home / "var" / "trading.db"
    desk.environ |= {"DATABASE_URL": f"sqlite:///{desk.database}", "STATE_DIR": str(desk.state)}
    desk.state.mkdir()
    simulated_store(desk.url, desk.state, ANY_TIME).close()
    desk.price("AAPL", "150", "150.02")
    desk.price("IBM", "205", "205.02")
    desk.decide()
    desk.decide("IBM", "200", "190", "220", "5")
    desk.done("order_executor.py")
    desk.price("AAPL", "150", "150.02")
    desk.done("order_monitor.py")
    (copy.home / ".env").write_text("PAPER_ALWAYS_OPEN=1\n", encoding="utf-8")
    return desk


def test_uninstall_lists_what_is_open_at_the_broker_and_touches_none_of_it(owner, copy, user):
    before, kept = owner.orders(), owner.tables()
    left = copy.make("uninstall", COLUMNS="120")
    assert (left.returncode, left.stderr) == (0, "")
    assert "positions at the broker: 1" in left.stdout
    assert re.search(r"^AAPL +10 +150\.02 *$", left.stdout, re.MULTILINE)
    assert "orders resting at the broker: 3" in left.stdout
    assert re.search(r"^AAPL +sell +10 +limit +160\.00 +– +gtc +\w+ +this program$", left.stdout, re.MULTILINE)
    assert re.search(r"^AAPL +sell +10 +stop +– +145\.00 +gtc +\w+ +this program$", left.stdout, re.MULTILINE)
    assert re.search(r"^IBM +buy +5 +limit +200\.00 +– +day +\w+ +this program$", left.stdout, re.MULTILINE)
    assert re.search(r"^ +1 +AAPL +POSITION +10$", left.stdout, re.MULTILINE)
    assert re.search(r"^ +2 +IBM +ORDERED +5$", left.stdout, re.MULTILINE)
    assert "Nothing was cancelled, sold or removed." in left.stdout
    assert [(each["id"], each["status"]) for each in owner.orders()] == [
        (each["id"], each["status"]) for each in before
    ]
    assert owner.tables() == kept
    assert (copy.home / ".venv").exists()
    assert (copy.home / ".env").exists()

    user.crontab.write_text(OWN + (copy.home / "var" / "crontab").read_text(encoding="utf-8"), encoding="utf-8")
    (command,) = CRON_COMMAND.findall(left.stdout)
    user.shell(command)
    assert user.crontab.read_text(encoding="utf-8") == OWN


def test_uninstall_where_the_broker_does_not_answer_says_that_nothing_is_known_and_ends_with_1(owner, copy):
    keys = {"BROKER": "alpaca", "ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s", "PAPER_ALWAYS_OPEN": ""}
    left = copy.make("uninstall", ALPACA_BASE_URL="http://127.0.0.1:1", COLUMNS="120", **keys)
    assert left.returncode == 2  # make's word for a recipe that ended with 1
    assert "positions and orders are NOT KNOWN" in left.stdout
    assert re.search(r"^ +1 +AAPL +POSITION +10$", left.stdout, re.MULTILINE)
    assert "1. Stop the stages." in left.stdout
