"""What a container is made of, read by a linter and held against what is there: no Docker engine is needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lib.crontab import read_crontab
from tests.scripts.desk import ROOT
from tests.tools.make_commands import COMMANDS

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]["stages"]


def instructions(name):
    """Return what follows each instruction of this name, continued lines joined."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


@pytest.mark.slow
def test_the_linter_has_nothing_to_say():
    linter = Path(sys.executable).with_name("hadolint")
    said = subprocess.run([linter, ROOT / "deploy" / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_what_is_copied_is_there_is_named_one_by_one_and_passes_the_ignore_file():
    copied = [word for line in instructions("COPY") for word in line.split()[:-1]]
    assert {"lib", "data", "crontab", "requirements.txt", "order_monitor.py"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    everything, *let_in = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert everything == "*"
    assert sorted(line.removeprefix("!") for line in let_in if line.startswith("!")) == sorted(copied)


def test_every_stage_of_the_crontab_is_in_the_image():
    copied = " ".join(instructions("COPY"))
    assert [job.stage for job in read_crontab(ROOT / "crontab") if f"{job.stage}.py" not in copied] == []


def test_the_user_is_not_root_and_owns_the_volume_alone():
    (user,) = instructions("USER")
    (made,) = [line for line in instructions("RUN") if "useradd" in line]
    assert user.isdecimal()
    assert f"useradd --uid {user} " in made
    assert re.findall(r"chown -R \w+ (\S+)", made) == ["var"]
    assert instructions("VOLUME") == ['["/opt/trading-monitor/var"]']
    assert instructions("WORKDIR") == ["/opt/trading-monitor"]


def test_it_starts_the_loop_and_asks_the_command_for_monitors_whether_all_is_well():
    (started,) = instructions("ENTRYPOINT")
    assert "python -m lib.store init && exec python -m lib.loop" in started
    (health,) = instructions("HEALTHCHECK")
    assert 'CMD ["python", "-m", "lib.health"]' in health
    assert {"-m lib.loop", "-m lib.store"} <= set(COMMANDS)


def test_the_python_is_one_that_the_program_runs_on():
    (base,) = instructions("FROM")
    major, minor = map(int, re.match(r"python:(\d+)\.(\d+)-", base).groups())
    assert (major, minor) >= (3, 11)


def test_the_compose_file_keeps_var_and_lets_a_stage_finish():
    assert (ROOT / "deploy" / COMPOSE["build"]["context"] / COMPOSE["build"]["dockerfile"]).is_file()
    assert COMPOSE["volumes"] == ["var:/opt/trading-monitor/var"]
    longest = max(job.limit_s + job.kill_after_s for job in read_crontab(ROOT / "crontab"))
    assert int(COMPOSE["stop_grace_period"].removesuffix("s")) > longest
    assert COMPOSE["cap_drop"] == ["ALL"]
    assert COMPOSE["env_file"] == [{"path": "../.env", "required": False}]


def test_no_key_can_get_into_the_image():
    assert not re.search(r"\.env\b(?! and)|ALPACA|SECRET", "\n".join(instructions("(?:COPY|ADD|ENV|ARG|RUN)")))
