"""The shipped crontab as data, and how a line of it is read."""

from datetime import UTC, datetime, timedelta

import pytest

from lib.config import REPOSITORY
from lib.crontab import read_crontab

SUNDAY = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)


def line(tmp_path, text):
    path = tmp_path / "crontab"
    path.write_text(text, encoding="utf-8")
    return read_crontab(path)


def minutes(job, day=SUNDAY):
    return [at for at in (day + timedelta(minutes=n) for n in range(24 * 60)) if job.fires(at)]


def test_the_shipped_lines_name_the_three_stages_that_ask_whether_they_are_due():
    jobs = read_crontab(REPOSITORY / "crontab")
    assert [job.stage for job in jobs] == ["order_executor", "order_monitor", "position_monitor"]
    assert {job.flags for job in jobs} == {("--if-due",)}
    assert all((REPOSITORY / f"{job.stage}.py").is_file() for job in jobs)


def test_the_shipped_lines_fire_by_interval_on_every_day_of_any_zone():
    assert [len(minutes(job)) for job in read_crontab(REPOSITORY / "crontab")] == [288, 288, 144]


def test_a_job_has_the_limits_that_its_line_gives_to_timeout(tmp_path):
    assert {(job.limit_s, job.kill_after_s) for job in read_crontab(REPOSITORY / "crontab")} == {(270, 30)}
    (job,) = line(tmp_path, "* * * * * timeout -k 5 60 .venv/bin/python order_monitor.py --if-due\n")
    assert (job.limit_s, job.kill_after_s) == (60, 5)


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ("* * * * *", 1440),
        ("*/15 * * * *", 96),
        ("5 9-15 * * *", 7),
        ("0 9-15/2 * * *", 4),
        ("0,30 9 * * *", 2),
        ("0 12 22 11 *", 1),
        ("0 12 23 11 *", 0),
        ("0 12 * * 0", 1),
        ("0 12 * * 1-5", 0),
    ],
)
def test_fields_are_read_as_cron_reads_them(tmp_path, fields, count):
    (job,) = line(tmp_path, f"{fields} cd / && .venv/bin/python order_monitor.py --if-due >>log 2>&1\n")
    assert len(minutes(job)) == count


def test_comments_settings_and_empty_lines_are_no_jobs(tmp_path):
    assert line(tmp_path, "# a comment\n\nSHELL=/bin/sh\nTRADING_MONITOR=/opt\n") == ()


@pytest.mark.parametrize(
    "text",
    [
        "nonsense\n",
        "* * * * python order_monitor.py\n",
        "* * * * * echo hello\n",
        "60 * * * * python order_monitor.py\n",
        "* 24 * * * python order_monitor.py\n",
        "* * 0 * * python order_monitor.py\n",
        "x * * * * python order_monitor.py\n",
        "*/0 * * * * python order_monitor.py\n",
        "9-5 * * * * python order_monitor.py\n",
    ],
)
def test_a_line_that_is_no_job_is_an_error(tmp_path, text):
    with pytest.raises(ValueError, match=r".+"):
        line(tmp_path, text)
