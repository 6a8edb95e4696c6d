"""Who starts the stages: cron's tables and systemd's timers, as far as this user may read them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lib.due import STAGES
from lib.views.checkup import LATER, PERSON, Finding

CRONTAB_S_MAX = 5
INSTALL = "make install prints the lines, and the command that installs them"
SYSTEM_TABLES = (Path("/etc/crontab"), Path("/etc/cron.d"))
UNITS = (Path("/etc/systemd/system"), Path(".config/systemd/user"))  # the second below the user's home

SETTING = re.compile(r"""\s*(\w+)\s*=\s*(["']?)(.*?)\2\s*$""")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
GOES_TO = re.compile(r"""\bcd\s+(?:"([^"]+)"|'([^']+)'|(\S+))""")
STARTS = re.compile(r"\b(\w+)\.py\b(.*)")
FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A line that starts a stage of this directory, and where it stands."""

    stage: str
    where: str
    live: bool


def schedule(jobs: Iterable[Job], *, live: bool, passes_come: bool) -> Finding:
    """Say whether each stage is started once, and with the flag that the settings want.

    `passes_come`: none was missed. Then what starts them may be something that cannot be seen from here.
    """
    found = tuple(jobs)
    missing = [stage for stage in STAGES if stage not in {job.stage for job in found}]
    twice = [stage for stage in STAGES if len({job.where for job in found if job.stage == stage}) > 1]
    wrong = sorted({job.stage for job in found if job.live != live})
    where = ", ".join(dict.fromkeys(job.where for job in found))
    if missing and passes_come:
        what = "nothing in cron or systemd starts the stages in this directory, and no pass is missing yet"
        do = f"{INSTALL}, unless another user's cron starts them"
        return Finding(name="schedule", what=what, level=LATER, do=do)
    if missing:
        what = f"nothing starts {', '.join(missing)} in this directory"
        return Finding(name="schedule", what=what, level=PERSON, do=INSTALL)
    if twice:
        do = "keep one of them: cron's lines, systemd's timers or lib.loop"
        return Finding(name="schedule", what=f"{', '.join(twice)}: started from {where}", level=PERSON, do=do)
    if wrong:
        what = f"{', '.join(wrong)}: the lines say {'nothing of --live' if live else '--live'} ({where})"
        return Finding(name="schedule", what=what, level=PERSON, do=f"{INSTALL} for these settings")
    return Finding(name="schedule", what=f"the three stages are started from {where}")


def installed(repository: Path, home: Path) -> Iterator[Job]:
    """Read every table and timer that is to be seen from here."""
    own = _own_crontab()
    yield from cron_jobs(own, repository, "crontab -l", of_system=False)
    for path in SYSTEM_TABLES:
        for file in sorted(path.glob("*")) if path.is_dir() else [path]:
            yield from cron_jobs(_text(file), repository, str(file), of_system=True)
    for folder in UNITS:
        yield from timers(home / folder, repository)  # an absolute folder stays what it is


def cron_jobs(text: str, repository: Path, where: str, *, of_system: bool) -> Iterator[Job]:
    """Return the jobs of this directory in a crontab; those of the system name a user before the command."""
    variables: dict[str, str] = {}
    for line in text.splitlines():
        setting = SETTING.match(line)
        if setting is not None and not line.lstrip().startswith("#"):
            variables[setting.group(1)] = setting.group(3)
            continue
        words = line.split(None, FIELDS + of_system)
        if line.lstrip().startswith(("#", "@")) or len(words) <= FIELDS + of_system:
            continue
        command = VARIABLE.sub(lambda name: variables.get(name.group(1) or name.group(2), name.group()), words[-1])
        goes_to = GOES_TO.search(command)
        folder = next((each for each in goes_to.groups() if each), "") if goes_to else ""
        if _is(folder, repository):
            yield from _job(command, where)


def timers(folder: Path, repository: Path) -> Iterator[Job]:
    """Return the enabled timers whose service starts a stage in this directory."""
    for link in sorted(folder.glob("timers.target.wants/*.timer")):
        lines = _text(folder / f"{link.stem}.service").splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        if _is(values.get("WorkingDirectory", ""), repository):
            yield from _job(values.get("ExecStart", ""), f"systemd's {link.name}")


def _job(command: str, where: str) -> Iterator[Job]:
    starts = next((each for each in STARTS.finditer(command) if each.group(1) in STAGES), None)
    if starts is not None:
        yield Job(stage=starts.group(1), where=where, live="--live" in starts.group(2).split())


def _is(folder: str, repository: Path) -> bool:
    return bool(folder) and Path(folder).is_absolute() and Path(folder).resolve() == repository.resolve()


def _own_crontab() -> str:
    try:
        answer = subprocess.run(
            ["crontab", "-l"],  # noqa: S607 - wherever the system keeps it
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=CRONTAB_S_MAX,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
