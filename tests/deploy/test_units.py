"""The units for systemd, filled in as `make install` does it: they say what the crontab says."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from deploy.filling import fill, make_env, systemd_command, systemd_removal, tag
from lib.config import REPOSITORY, Settings
from lib.crontab import read_crontab
from lib.due import STAGES
from lib.errors import ConfigError

LIMITS_S = ("270", "30")
NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = re.compile(r"OnCalendar=(.*)")


@pytest.fixture
def home(tmp_path):
    """A directory with a blank in its path, filled in."""
    folder = tmp_path / "a path"
    folder.mkdir()
    (folder / "deploy").symlink_to(REPOSITORY / "deploy")
    (folder / "crontab").symlink_to(REPOSITORY / "crontab")
    fill(folder, settings(folder))
    return folder


def settings(folder, **named):
    named = {"database_url": "sqlite:///x", "state_dir": folder / "var", "broker": "local"} | named
    return Settings(**named)


def unit(home, stage, kind):
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    name = f"trading-monitor-{stage.replace('_', '-')}-{tag(home)}.{kind}"
    assert parser.read(home / "var" / "systemd" / name, encoding="utf-8")
    return parser


def analyze(*words):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: apt-get install systemd")
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("stage", STAGES)
def test_each_service_starts_its_stage_in_the_directory_with_the_limits_of_the_crontab(home, stage):
    (job,) = [line for line in read_crontab(REPOSITORY / "crontab") if line.stage == stage]
    service = unit(home, stage, "service")["Service"]
    assert service["WorkingDirectory"] == str(home)
    assert service["ExecStart"] == f'"{home}/.venv/bin/python" {stage}.py {" ".join(job.flags)}'
    assert (
        (service["TimeoutStartSec"], service["TimeoutStopSec"])
        == LIMITS_S
        == (
            str(job.limit_s),
            str(job.kill_after_s),
        )
    )
    assert service["Type"] == "oneshot"


@pytest.mark.parametrize("stage", STAGES)
def test_each_timer_goes_by_new_york_and_makes_up_for_what_was_missed(home, stage):
    timer = unit(home, stage, "timer")["Timer"]
    assert timer["OnCalendar"].endswith(" America/New_York")
    assert timer["Persistent"] == "true"


def test_live_units_tell_the_stages_so(home):
    fill(home, settings(home, live=True))
    for stage in STAGES:
        assert unit(home, stage, "service")["Service"]["ExecStart"].endswith(f" {stage}.py --if-due --live")


def test_no_place_is_left_open_in_what_was_filled_in(home):
    files = [home / "var" / "crontab", home / "var" / "logrotate.conf", *(home / "var" / "systemd").iterdir()]
    assert len(files) == 2 + 2 * len(STAGES)
    assert [file.name for file in files if re.search(r"@[A-Z]+@", file.read_text(encoding="utf-8"))] == []


def test_the_logs_that_are_rotated_are_those_of_cron_and_those_of_the_stages(home, tmp_path):
    assert f'"{home}/var/log/*.log" {{' in (home / "var" / "logrotate.conf").read_text(encoding="utf-8")
    fill(home, settings(home, state_dir=tmp_path / "state"))
    text = (home / "var" / "logrotate.conf").read_text(encoding="utf-8")
    assert f'"{home}/var/log/*.log"\n"{tmp_path}/state/log/*.log" {{' in text


def test_what_cannot_be_written_is_a_sentence(home):
    shutil.rmtree(home / "var" / "systemd")
    (home / "var" / "systemd").touch()
    with pytest.raises(ConfigError, match=f"^{home}/var/systemd: File exists$"):
        fill(home, settings(home))
    (home / ".env").symlink_to(home / "nowhere")
    assert make_env(home) == f"kept {home}/.env"
    with pytest.raises(ConfigError, match=r"\.env: No such file or directory$"):
        make_env(home / "nowhere")


def test_two_copies_on_one_host_have_units_of_their_own_and_neither_takes_away_the_others(home, tmp_path):
    other = tmp_path / "live"
    other.mkdir()
    for name in ("deploy", "crontab"):
        (other / name).symlink_to(REPOSITORY / name)
    _, units = fill(home, settings(home))
    _, of_other = fill(other, settings(other))
    assert set(units) & set(of_other) == set()
    assert [name for name in of_other if name in systemd_removal(units)] == []


def test_the_commands_name_every_unit(home):
    _, units = fill(home, settings(home))
    assert len(units) == 2 * len(STAGES)
    assert [name for name in units if name.endswith(".timer") and name not in systemd_command(home, units)] == []
    assert [name for name in units if f"/etc/systemd/system/{name}" not in systemd_removal(units)] == []
    (copied,) = re.findall(rf"sudo cp '{home}/var/systemd'/(\S+) ", systemd_command(home, units))
    (home / "var" / "systemd" / "trading-monitor-order-monitor-0ff1ce.timer").touch()  # the directory was elsewhere
    assert sorted(file.name for file in (home / "var" / "systemd").glob(copied)) == sorted(units)


@pytest.mark.slow
def test_systemd_takes_the_units_as_they_are(home):
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "python").symlink_to("/bin/true")
    checked = analyze("verify", *(str(file) for file in (home / "var" / "systemd").iterdir()))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "moments"),
    [
        ("order_executor", [time(9, 30), time(9, 45), time(12, 5), time(15, 30), time(16, 0)]),
        ("order_monitor", [time(9, 15), time(9, 30), time(12, 5), time(16, 0), time(18, 0), time(3, 25)]),
        ("position_monitor", [time(9, 30), time(12, 10), time(16, 0), time(18, 20), time(15, 20)]),
    ],
)
def test_the_timers_fire_at_every_moment_at_which_a_stage_may_be_due(home, stage, moments):
    """15:15 and 18:15 are no multiples of ten minutes: position_monitor comes five minutes later, as by cron."""
    when = unit(home, stage, "timer")["Timer"]["OnCalendar"]
    for day in (datetime(2026, 10, 30, tzinfo=NEW_YORK), datetime(2026, 11, 2, tzinfo=NEW_YORK)):  # clocks between
        for moment in moments:
            at = datetime.combine(day, moment, tzinfo=NEW_YORK)
            before = (at - timedelta(seconds=1)).astimezone(ZoneInfo("UTC"))
            told = analyze("calendar", f"--base-time={before:%Y-%m-%d %H:%M:%S} UTC", when)
            utc = f"{at.astimezone(ZoneInfo('UTC')):%Y-%m-%d %H:%M:%S} UTC"
            assert told.returncode == 0, told.stderr
            assert utc in told.stdout, (moment, told.stdout)
