"""The zone of the host decides nothing: not the gate, not cron's ticks, not what a whole stage writes."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lib import due, sessions
from lib.config import REPOSITORY
from lib.crontab import read_crontab
from tests.scripts.desk import EXECUTOR, MONITOR, ROOT, VALUER, Desk, in_window
from tests.tools.sampling import some

ZONES = ("UTC", "Pacific/Auckland", "Pacific/Honolulu", "Asia/Kolkata", "America/St_Johns")
CHANGES = [  # of the clocks: New York's, Auckland's, St John's with New York
    datetime(2026, 3, 8, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),
    datetime(2026, 9, 26, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
]
ASK = """
import json, sys, time
from datetime import datetime
from lib import due
state, instants = due.read(sys.argv[1]), json.loads(sys.argv[2])
print(time.localtime(0).tm_gmtoff)
print([[due.is_due(stage, datetime.fromisoformat(at), state) for stage in due.STAGES] for at in instants])
"""


def asked_in(zone, directory, instants):
    """Ask the gate in a process whose host is in `zone`; return its offset in 1970, and its answers."""
    told = json.dumps([at.isoformat() for at in instants])
    run = subprocess.run(
        [sys.executable, "-c", ASK, str(directory), told],
        cwd=ROOT,
        env={"TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    offset, answers = run.stdout.splitlines()
    return int(offset), json.loads(answers.lower())


@pytest.mark.case("fail-I-5")
@pytest.mark.sample
def test_the_gate_answers_alike_from_auckland_to_honolulu(tmp_path):
    friday = datetime(2026, 10, 30, 19, 45, tzinfo=UTC)  # 15:45 in New York, whose clocks go back on Sunday
    for stage in due.STAGES:
        known = sessions.load().window(friday, due.AHEAD)
        due.write(tmp_path, account="main", stage=stage, started_at=friday, unfinished=False, sessions=known)
    monday = datetime(2026, 11, 2, tzinfo=UTC)
    instants = [
        friday + timedelta(minutes=4),
        friday + timedelta(minutes=15),  # the close
        monday.replace(hour=13, minute=45),  # 8:45: 9:45 by last week's clock
        monday.replace(hour=14, minute=44),
        monday.replace(hour=14, minute=45),
    ]
    answers = dict(asked_in(zone, tmp_path, instants) for zone in ZONES)
    assert len(answers) == len(ZONES)  # each process did keep another time
    # The monitors owe Friday's last looks from the close on; entries are due at 9:45 of Monday, 14:45 UTC, alone.
    expected = [[False, False, False], *[[False, True, True]] * 3, [True, True, True]]
    assert [found for found in answers.values() if found != expected] == []


@pytest.mark.case("fail-I-5")
@pytest.mark.parametrize("zone", ZONES)
def test_the_shipped_lines_fire_in_the_same_minutes_of_utc_wherever_the_host_is(zone):
    for line in read_crontab(REPOSITORY / "crontab"):
        every = 10 if line.stage == "position_monitor" else 5
        for day in CHANGES:
            minutes = [day + timedelta(minutes=n) for n in range(48 * 60)]
            fired = [at for at in minutes if line.fires(at.astimezone(ZoneInfo(zone)))]
            assert fired == [at for at in minutes if at.minute % every == 0]


@pytest.mark.slow
@pytest.mark.case("fail-I-5", "fail-I-8")
@pytest.mark.parametrize("zone", some(["Pacific/Auckland", "Pacific/Honolulu", "America/St_Johns"], 3))
def test_whole_stages_do_and_write_the_same_in_every_zone(zone, tmp_path):
    in_window()
    desk = Desk(tmp_path)
    desk.make_database()
    desk.price("AAPL", "150", "150.02")
    desk.decide()
    began = datetime.now(UTC) - timedelta(seconds=1)
    code, out, _ = desk.run(EXECUTOR, TZ=zone)
    assert (code, "send buy 10 AAPL limit 150.02 day" in out) == (0, True)
    desk.price("AAPL", "150", "150.02")  # one fill in ten is partial; the rest comes with the next quote
    assert [desk.run(stage, TZ=zone)[0] for stage in (MONITOR, VALUER)] == [0, 0]
    assert desk.sql("SELECT symbol, qty, covered_qty FROM position_tracking") == [("AAPL", "10", "10")]
    rows = desk.sql("SELECT created_at, entry_time FROM trade_journal") + desk.sql(
        "SELECT started_at, finished_at FROM stage_run"
    )
    times = [datetime.fromisoformat(text) for row in rows for text in row]
    assert len(times) == 8
    now = datetime.now(UTC)
    assert [at for at in times if not began <= (at if at.tzinfo else at.replace(tzinfo=UTC)) <= now] == []
