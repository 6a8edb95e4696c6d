"""A copy of the program in a directory whose path has a blank, for `make install`, with the .venv of the tests."""

import os
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from tests.scripts.desk import ROOT, STAGES

MAKE_S_MAX = 120
GIT = ("git", "-c", "user.name=Someone", "-c", "user.email=someone@example.com", "-c", "init.defaultBranch=main")
SHIPPED = ("crontab", "Makefile", ".env.example", "requirements.txt", "requirements-dev.txt", *STAGES)
FAKE_CRONTAB = """#!/bin/sh
# Keeps one user's crontab in the file CRONTAB_FILE, as the real one keeps it in its spool.
case "$1" in
-l) [ -f "$CRONTAB_FILE" ] && cat "$CRONTAB_FILE" || { echo "no crontab for you" >&2; exit 1; } ;;
*) cat "$1" >"$CRONTAB_FILE" ;;
esac
"""


def git(folder, *words):
    return subprocess.run([*GIT, "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def user(tmp_path):
    """A user whose crontab is a file of ours; `environ` is all that the user's shell has set."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "crontab").write_text(FAKE_CRONTAB, encoding="utf-8")
    (tools / "crontab").chmod(0o755)
    file = tmp_path / "spool"
    environ = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": "", "CRONTAB_FILE": str(file)}

    def shell(command, **named):
        return subprocess.run(
            ["sh", "-c", command], cwd="/", env=environ | named, capture_output=True, text=True, check=True
        ).stdout

    return SimpleNamespace(environ=environ, crontab=file, shell=shell)


@pytest.fixture
def copy(tmp_path, user):
    """The copy: `home`, and `make` to run a target of it from `/`."""
    home = tmp_path / "a path" / "trading-monitor"
    for folder in ("lib", "deploy"):
        shutil.copytree(ROOT / folder, home / folder)
    for name in SHIPPED:
        shutil.copy2(ROOT / name, home)
    (home / "data").symlink_to(ROOT / "data")
    (home / ".venv").symlink_to(ROOT / ".venv")

    def make(target, **environ):
        # .venv is as old as it is: nothing is to be installed into that of the checkout.
        words = ["make", "--no-print-directory", "-o", ".venv/.requirements", "-C", str(home), target]
        return subprocess.run(
            words, cwd="/", env=user.environ | environ, capture_output=True, text=True, check=False, timeout=MAKE_S_MAX
        )

    return SimpleNamespace(home=home, make=make)
