"""The shipped crontab under Debian's real cron, in the foreground and in namespaces of its own.

The host's crontabs are out of sight there, and nothing outside the test's folder is written. The lines are the shipped
ones but for what the operator edits, and for the minute: each fires every minute, so that one is enough to see.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from tests.scripts.desk import ROOT, STAGES, Desk, in_window

pytestmark = [pytest.mark.prove, pytest.mark.case("fail-I-5")]

FIRED_S_MAX = 150  # cron wakes at the next full minute; a pass may wait for the account for another
SYSTEM_PATHS = "/usr/sbin:/sbin:/usr/bin:/bin"
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
IN_PRIVATE = """
set -e
mount --make-rprivate /
for folder in /run /var/spool /etc/cron.d; do [ ! -d $folder ] || mount -t tmpfs tmpfs $folder; done
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
mkdir -p -m 1730 /var/spool/cron/crontabs
install -m 600 "$1" /var/spool/cron/crontabs/root
exec env -i TZ="$2" PATH=/usr/bin:/bin "$3" -f
"""


@pytest.fixture
def cron():
    """Debian's cron and the right to run it apart from the host's."""
    found = shutil.which("cron", path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATHS}")
    if found is None:
        pytest.skip(
            "Debian's cron is not here: apt-get install cron (or, installing nothing: apt-get download cron && "
            "dpkg -x cron_*.deb DIR, and DIR/usr/sbin into PATH)"
        )
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not here: apt-get install util-linux")
    if subprocess.run([*NAMESPACES, "true"], check=False, capture_output=True).returncode:
        pytest.skip("namespaces of one's own need root: sudo make prove (in a container: --cap-add SYS_ADMIN)")
    return found


@pytest.fixture
def installed(tmp_path):
    """The program as an operator has it in a directory of its own, with settings, a database and one decision."""
    home = tmp_path / "trading-monitor"
    shutil.copytree(ROOT / "lib", home / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    for stage in STAGES:
        shutil.copy(ROOT / stage, home)
    (home / ".venv").symlink_to(sys.prefix)
    (home / "data").symlink_to(ROOT / "data")
    (home / "var" / "log").mkdir(parents=True)
    desk = Desk(home)
    desk.make_database()
    named = ("DATABASE_URL", "STATE_DIR", "BROKER", "PAPER_ALWAYS_OPEN")
    (home / ".env").write_text("".join(f"{name}={desk.environ[name]}\n" for name in named), encoding="utf-8")
    desk.price("AAPL", "150", "150.02")
    desk.decide()
    return desk


def edited(crontab, home):
    """Edit the one line that an operator has to, and make every job fire each minute."""
    text, homes = re.subn(r"^TRADING_MONITOR=.*$", f"TRADING_MONITOR={home}", crontab, flags=re.MULTILINE)
    text, jobs = re.subn(r"^\*/(5|10) ", "* ", text, flags=re.MULTILINE)
    assert (homes, jobs) == (1, len(STAGES))
    return text


def logs_of(home):
    """Return what each stage wrote into its log, and what cron kept of what never got there."""
    files = {stage.removesuffix(".py"): home / "state" / "log" / f"{stage.removesuffix('.py')}.log" for stage in STAGES}
    files["cron"] = home / "var" / "log" / "cron.log"
    return {name: file.read_text(encoding="utf-8") if file.exists() else "" for name, file in files.items()}


@contextmanager
def running(cron, crontab, zone):
    process = subprocess.Popen(
        [*NAMESPACES, "sh", "-c", IN_PRIVATE, "sh", str(crontab), zone, cron],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        with process:
            process.kill()


@pytest.mark.parametrize("zone", ["Pacific/Auckland"])
def test_the_shipped_crontab_trades_and_logs_on_a_host_far_from_new_york(cron, installed, tmp_path, zone):
    in_window()
    home = installed.folder
    crontab = tmp_path / "crontab"
    crontab.write_text(edited((ROOT / "crontab").read_text(encoding="utf-8"), home), encoding="utf-8")
    began, ends = datetime.now(UTC), time.monotonic() + FIRED_S_MAX
    with running(cron, crontab, zone) as process:
        while not all("stage.finished" in text for name, text in logs_of(home).items() if name != "cron"):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < ends, logs_of(home)
            time.sleep(0.5)
    logs = logs_of(home)
    assert logs.pop("cron") == ""
    assert [text for text in logs.values() if " error " in text or " problem " in text] == []
    assert all("broker local paper account PA" in text for text in logs.values())
    assert {stage for (stage,) in installed.sql("SELECT stage FROM stage_run WHERE outcome = 'done'")} == set(logs)
    assert "buy 10 AAPL limit 150.02 day" in logs["order_executor"]
    assert installed.orders()[0]["side"] == "buy"
    ((told,),) = installed.sql("SELECT submitted_at FROM order_execution WHERE order_type = 'ENTRY'")
    assert began <= datetime.fromisoformat(told).replace(tzinfo=UTC) <= datetime.now(UTC)
