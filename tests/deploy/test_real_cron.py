"""The block that `make install` writes, under Debian's real cron: the jobs start in a quoted path with a blank."""

import re
import time

import pytest

from lib.crontab import block
from tests.scripts.desk import ROOT, STAGES
from tests.time.test_cron import FIRED_S_MAX, cron, running

__all__ = ["cron"]
pytestmark = pytest.mark.prove

NOTES = "import os, sys; open('began', 'a').write(f'{os.getcwd()} {sys.argv[0]}\\n')\n"


def test_the_jobs_of_the_block_start_in_the_directory_that_it_names(cron, tmp_path):
    home = tmp_path / "it's a path"
    (home / "var" / "log").mkdir(parents=True)
    (home / ".venv").symlink_to(ROOT / ".venv")
    for stage in STAGES:
        (home / stage).write_text(NOTES, encoding="utf-8")
    lines = block((ROOT / "crontab").read_text(encoding="utf-8"), str(home))
    (tmp_path / "crontab").write_text(re.sub(r"^\*/(5|10) ", "* ", lines, flags=re.MULTILINE), encoding="utf-8")
    began, ends = home / "began", time.monotonic() + FIRED_S_MAX
    with running(cron, tmp_path / "crontab", "Asia/Kolkata") as process:
        while not began.exists() or len(began.read_text(encoding="utf-8").splitlines()) < len(STAGES):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < ends
            time.sleep(0.5)
    assert sorted(began.read_text(encoding="utf-8").splitlines()[: len(STAGES)]) == [f"{home} {s}" for s in STAGES]
