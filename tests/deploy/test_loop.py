"""python -m lib.loop: the crontab's jobs as processes, their limits, and how it stops."""

import io
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from schedule import Scheduler

from lib.bootstrap import simulated_store
from lib.clock import SimulatedClock
from lib.crontab import read_crontab
from lib.jobs import Jobs
from lib.logs import Log
from lib.loop import plan
from tests.scripts.desk import ROOT

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
WAIT_S_MAX = 60
EXECUTOR, MONITOR, VALUER = "order_executor", "order_monitor", "position_monitor"
NOTES = "import os, sys, time; open('began', 'a').write(sys.argv[0] + ' ' + ' '.join(sys.argv[1:]) + '\\n')\n"
WAITS = (
    NOTES + "open('ready', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.02)\nopen('ended', 'w').close()\n"
)
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS


def until(holds):
    ends = time.monotonic() + WAIT_S_MAX
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.fixture
def desk(tmp_path):
    """Jobs in a folder whose stages note that they began; `crontab` and `stage` write others."""
    clock, log = SimulatedClock(NOW), io.StringIO()
    (tmp_path / "crontab").write_text((ROOT / "crontab").read_text(encoding="utf-8"), encoding="utf-8")

    def stage(name, program):
        (tmp_path / f"{name}.py").write_text(program, encoding="utf-8")

    def jobs(*flags, edit=lambda text: text):
        lines = (tmp_path / "crontab").read_text(encoding="utf-8")
        (tmp_path / "crontab").write_text(edit(lines), encoding="utf-8")
        made.append(Jobs(read_crontab(tmp_path / "crontab"), tmp_path, clock, Log(log), flags=flags))
        return made[-1]

    def began():
        file = tmp_path / "began"
        return sorted(file.read_text(encoding="utf-8").splitlines()) if file.exists() else []

    def ended(running):
        running.look()
        return not running.running

    made = []
    for name in (EXECUTOR, MONITOR, VALUER):
        stage(name, NOTES)
    yield SimpleNamespace(folder=tmp_path, clock=clock, log=log, stage=stage, jobs=jobs, began=began, ended=ended)
    for each in made:
        each.end_now()
        until(partial(ended, each))


def events(desk):
    return [line.split(" ", 1)[1] for line in desk.log.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("minute", "stages"),
    [(0, [EXECUTOR, MONITOR, VALUER]), (5, [EXECUTOR, MONITOR]), (10, [EXECUTOR, MONITOR, VALUER]), (7, [])],
)
def test_a_tick_starts_what_the_crontab_has_in_that_minute(desk, minute, stages):
    jobs = desk.jobs()
    desk.clock.advance_to(NOW + timedelta(minutes=minute, seconds=1))
    jobs.tick()
    assert jobs.running == tuple(stages)
    until(lambda: desk.ended(jobs))
    assert desk.began() == [f"{name}.py --if-due" for name in stages]


def test_the_flags_of_the_loop_are_handed_to_each_stage(desk):
    jobs = desk.jobs("--live", "--json")
    jobs.tick()
    until(lambda: desk.ended(jobs))
    assert desk.began() == [f"{name}.py --if-due --live --json" for name in (EXECUTOR, MONITOR, VALUER)]


@pytest.mark.case("fail-I-1")
def test_a_stage_that_is_still_at_work_is_not_started_a_second_time(desk):
    desk.stage(MONITOR, WAITS)
    jobs = desk.jobs()
    jobs.tick()
    until((desk.folder / "ready").exists)
    desk.clock.advance_to(NOW + timedelta(minutes=5))
    jobs.tick()
    (desk.folder / "go").touch()
    until(lambda: desk.ended(jobs))
    assert desk.began().count("order_monitor.py --if-due") == 1
    assert "loop.still_running stage=order_monitor" in events(desk)


def test_how_a_stage_ended_badly_is_told_and_the_next_tick_starts_it_again(desk):
    desk.stage(MONITOR, NOTES + "sys.exit(2)\n")
    jobs = desk.jobs()
    for minutes in (0, 5):
        desk.clock.advance_to(NOW + timedelta(minutes=minutes))
        jobs.tick()
        until(lambda: desk.ended(jobs))
    assert events(desk) == ["loop.ended stage=order_monitor exit_code=2"] * 2
    assert desk.began().count("order_monitor.py --if-due") == 2


@pytest.mark.slow
@pytest.mark.case("fail-I-2")
def test_a_stage_that_takes_too_long_is_asked_to_end_and_one_that_does_not_is_killed(desk):
    desk.stage(MONITOR, WAITS)
    desk.stage(EXECUTOR, DEAF.replace("ready", "deaf"))
    jobs = desk.jobs(edit=lambda text: text.replace("timeout -k 30 270", "timeout -k 1 1"))
    jobs.start([line for line in read_crontab(desk.folder / "crontab") if line.stage != VALUER])
    until(lambda: (desk.folder / "ready").exists() and (desk.folder / "deaf").exists())
    until(lambda: desk.ended(jobs))
    assert not (desk.folder / "ended").exists()
    assert sorted(events(desk)) == [
        "loop.ended stage=order_executor exit_code=-9",
        "loop.ended stage=order_monitor exit_code=-15",
        "loop.killed stage=order_executor",
        "loop.too_long stage=order_executor seconds=1",
        "loop.too_long stage=order_monitor seconds=1",
    ]


def test_the_next_tick_is_never_more_than_a_minute_away_though_the_clock_goes_back_an_hour(desk):
    minutes, jobs = Scheduler(), desk.jobs()
    plan(minutes, jobs)
    (planned,) = minutes.jobs
    assert -1 < minutes.idle_seconds <= 60
    assert planned.next_run.second == 0
    plan(minutes, jobs)
    assert minutes.jobs == [planned]
    planned.next_run += timedelta(hours=1)  # what a clock that went back an hour looks like
    plan(minutes, jobs)
    (anew,) = minutes.jobs
    assert anew is not planned
    assert -1 < minutes.idle_seconds <= 60


@pytest.fixture
def loop(copy):
    """Start the loop of a copy whose database is there; what it printed is in `said`."""
    var = copy.home / "var"
    var.mkdir()
    simulated_store(f"sqlite:///{var / 'trading.db'}", var, NOW).close()

    @contextmanager
    def start(*flags, **environ):
        environ = {"PATH": "/usr/bin:/bin", "HOME": "", "PYTHONPATH": str(copy.home)} | environ
        process = subprocess.Popen(
            [sys.executable, "-m", "lib.loop", *flags],
            cwd="/",
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    return SimpleNamespace(home=copy.home, start=start)


def stop(process, *signals):
    for number in signals:
        process.send_signal(number)
        time.sleep(1)
    return (*process.communicate(timeout=WAIT_S_MAX), process.returncode)


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "number"), [("UTC", signal.SIGTERM), ("Asia/Kolkata", signal.SIGINT)])
def test_it_runs_the_stages_at_once_and_a_signal_lets_the_one_at_work_finish(loop, zone, number):
    (loop.home / "order_monitor.py").write_text(WAITS, encoding="utf-8")
    with loop.start(TZ=zone) as process:
        kept = loop.home / "var" / "log"
        until(lambda: (kept / "position_monitor.log").exists() and (kept / "order_executor.log").exists())
        until((loop.home / "ready").exists)
        process.send_signal(number)
        until(lambda: "loop.stopping" in (kept / "loop.log").read_text(encoding="utf-8"))
        assert process.poll() is None
        (loop.home / "go").touch()
        out, err = process.communicate(timeout=WAIT_S_MAX)
    assert process.returncode == 0
    assert (loop.home / "ended").exists()
    assert "position_monitor: broker local paper account PA" in out
    assert re.search(r"loop\.stopping waiting_for=.*order_monitor", err)
    assert err.splitlines()[-1].endswith("Z loop.stopped")
    assert (kept / "loop.log").read_text(encoding="utf-8") == err


@pytest.mark.slow
def test_a_second_signal_ends_the_stages_too(loop):
    (loop.home / "order_monitor.py").write_text(WAITS, encoding="utf-8")
    with loop.start() as process:
        until((loop.home / "ready").exists)
        _, err, code = stop(process, signal.SIGINT, signal.SIGINT)
    assert code == 0
    assert not (loop.home / "ended").exists()
    assert "loop.ended stage=order_monitor exit_code=-15" in err


@pytest.mark.slow
def test_what_a_person_has_to_mend_ends_it_with_2_before_anything_is_started(loop):
    for environ, flags, said in (
        ({"BROKER": "elsewhere"}, (), "error: BROKER: 'elsewhere' is not known"),
        ({"DATABASE_URL": "sqlite:///var/none.db"}, (), "lib.store init"),
        ({}, ("--live",), "error: --live was given and these settings are for paper trading"),
    ):
        with loop.start(*flags, **environ) as process:
            out, err = process.communicate(timeout=WAIT_S_MAX)
        assert (process.returncode, out) == (2, "")
        assert said in err
    assert not (loop.home / "var" / "log" / "loop.log").exists()


@pytest.mark.prove
def test_it_starts_the_stages_again_at_the_next_full_minute_that_the_crontab_names(loop):
    text = (loop.home / "crontab").read_text(encoding="utf-8")
    (loop.home / "crontab").write_text(re.sub(r"^\*/(5|10) ", "* ", text, flags=re.MULTILINE), encoding="utf-8")
    (loop.home / "order_monitor.py").write_text(NOTES, encoding="utf-8")
    with loop.start() as process:
        ends = time.monotonic() + 2 * WAIT_S_MAX + 10
        while not (loop.home / "began").exists() or len((loop.home / "began").read_text().splitlines()) < 3:
            assert time.monotonic() < ends
            time.sleep(0.2)
        *_, code = stop(process, signal.SIGTERM)
    assert code == 0
