"""Which lines of cron and systemd start the stages of this directory, and what follows from them."""

import pytest

from lib.checkup.schedule import Job, cron_jobs, schedule, timers
from lib.config import REPOSITORY
from lib.crontab import block
from lib.views.checkup import LATER, OK, PERSON

STAGES = ("order_executor", "order_monitor", "position_monitor")


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "trading monitor"
    folder.mkdir()
    return folder


def seen(text, home, *, of_system=False):
    return [(job.stage, job.live) for job in cron_jobs(text, home, "crontab -l", of_system=of_system)]


def jobs(*stages, where="crontab -l", live=False):
    return [Job(stage=stage, where=where, live=live) for stage in stages]


@pytest.mark.parametrize("live", [False, True])
def test_the_lines_that_are_installed_are_recognised_in_a_path_with_a_space(home, live):
    text = block((REPOSITORY / "crontab").read_text(encoding="utf-8"), str(home), live=live)
    assert seen(text, home) == [(stage, live) for stage in STAGES]


def test_the_shipped_lines_with_another_directory_are_not_ours(home):
    assert seen((REPOSITORY / "crontab").read_text(encoding="utf-8"), home) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('*/5 * * * * cd "{}" && .venv/bin/python order_monitor.py --if-due', ["order_monitor"]),
        ("*/5 * * * * cd '{}' && .venv/bin/python order_monitor.py --if-due", ["order_monitor"]),
        ('#*/5 * * * * cd "{}" && .venv/bin/python order_monitor.py --if-due', []),
        ('*/5 * * * * cd "{}/var" && .venv/bin/python order_monitor.py', []),
        ('*/5 * * * * cd "{}" && .venv/bin/python -m lib.store backup', []),
        ("*/5 * * * * .venv/bin/python order_monitor.py", []),
        ('@reboot cd "{}" && .venv/bin/python order_monitor.py', []),
        ("", []),
    ],
)
def test_a_line_counts_if_it_goes_to_this_directory_and_starts_a_stage(home, line, found):
    assert [stage for stage, _ in seen(line.format(home), home)] == found


def test_a_line_of_the_systems_crontab_has_a_user_before_the_command(home):
    line = f'*/5 * * * * trader cd "{home}" && .venv/bin/python order_executor.py --if-due\n'
    assert seen(line, home, of_system=True) == [("order_executor", False)]


def test_a_timer_counts_once_it_is_enabled_and_its_service_works_here(home, tmp_path):
    units = tmp_path / "system"
    enabled = units / "timers.target.wants"
    enabled.mkdir(parents=True)
    service = (REPOSITORY / "deploy" / "systemd" / "trading-monitor-order-monitor.service").read_text(encoding="utf-8")
    (units / "a.service").write_text(service.replace("@DIRECTORY@", str(home)), encoding="utf-8")
    (units / "b.service").write_text(service.replace("@DIRECTORY@", "/opt/other"), encoding="utf-8")
    (enabled / "b.timer").touch()
    assert list(timers(units, home)) == []
    (enabled / "a.timer").touch()
    assert [(job.stage, job.where) for job in timers(units, home)] == [("order_monitor", "systemd's a.timer")]


@pytest.mark.parametrize(
    ("found", "live", "passes_come", "level", "words"),
    [
        (jobs(*STAGES), False, True, OK, "started from crontab -l"),
        (jobs(*STAGES), False, False, OK, "started from crontab -l"),
        (jobs(*STAGES[:2]), False, False, PERSON, "nothing starts position_monitor"),
        ([], False, False, PERSON, "nothing starts order_executor, order_monitor, position_monitor"),
        ([], False, True, LATER, "no pass is missing"),
        (jobs(*STAGES) + jobs("order_monitor", where="/etc/cron.d/x"), False, True, PERSON, "order_monitor: started"),
        (jobs(*STAGES), True, True, PERSON, "the lines say nothing of --live"),
        (jobs(*STAGES, live=True), False, True, PERSON, "the lines say --live"),
        (jobs(*STAGES, live=True), True, True, OK, "started from crontab -l"),
    ],
)
def test_what_follows_from_the_lines_that_are_there(found, live, passes_come, level, words):
    finding = schedule(found, live=live, passes_come=passes_come)
    assert (finding.level, words in finding.what) == (level, True)
    assert (finding.do is None) == (level == OK)
