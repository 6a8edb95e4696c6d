"""The files of deploy/ for one directory: crontab, systemd units, logrotate; and the commands that install them."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lib.config import Settings
from lib.crontab import ASKS, block
from lib.errors import file_errors
from lib.logs import FOLDER_MODE

PRIVATE = 0o600


@file_errors()
def make_env(home: Path) -> str:
    """Make .env from its example, for its owner alone; one that is there is never touched. Say what there is."""
    env = home / ".env"
    quoted = shlex.quote(str(env))
    try:
        descriptor = os.open(env, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except FileExistsError:
        if env.exists() and env.stat().st_mode & 0o077:
            return f"kept {env}, which others may read: chmod 600 {quoted}"
        return f"kept {env}"
    with os.fdopen(descriptor, "wb") as file:  # where it ends half written it sets nothing: all of it is comments
        file.write((home / ".env.example").read_bytes())
    return f"made {env}: nothing is set in it yet"


@file_errors()
def fill(home: Path, settings: Settings) -> tuple[str, list[str]]:
    """Write var/crontab, var/systemd and var/logrotate.conf for this directory.

    Returns the crontab's lines as they are written, and the names of the units. Raises ConfigError for a directory
    that cannot be named in them or written to.
    """
    lines = block((home / "crontab").read_text(encoding="utf-8"), str(home), live=settings.live)
    var, deploy = home / "var", home / "deploy"
    (var / "log").mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    (var / "systemd").mkdir(exist_ok=True)
    _replace(var / "crontab", lines)
    units = {f"{unit.stem}-{tag(home)}{unit.suffix}": unit for unit in sorted((deploy / "systemd").iterdir())}
    for name, unit in units.items():
        text = _filled(unit, home, settings)
        _replace(var / "systemd" / name, text.replace(ASKS, f"{ASKS} --live") if settings.live else text)
    _replace(var / "logrotate.conf", _filled(deploy / "logrotate.conf", home, settings))
    return lines, list(units)


def tag(home: Path) -> str:
    """Return what tells the files of this directory from those of another copy, in folders that all of them share."""
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:6]


def cron_command(home: Path, *, drop: bool = False) -> str:
    """Return the one command that puts the block into the user's crontab, or takes it out; twice is as good as once."""
    program, lines, fresh = (shlex.quote(str(home / name)) for name in PLACES)
    option = "-v drop=1 " if drop else ""
    taken = f"crontab -l 2>/dev/null | awk {option}-f {program} {lines} - >{fresh}"
    return f"(umask 077; {taken} && crontab {fresh} && rm {fresh})"  # the user's own lines are for nobody else's eyes


PLACES = ("deploy/crontab.awk", "var/crontab", "var/crontab.new")


def systemd_command(home: Path, units: list[str]) -> str:
    """Return the one command that installs the units of systemd and starts their timers."""
    folder = shlex.quote(str(home / "var" / "systemd"))
    return (
        f"sudo cp {folder}/*-{tag(home)}.* /etc/systemd/system/ && sudo systemctl daemon-reload && "
        "sudo systemctl enable --now " + (" ".join(unit for unit in units if unit.endswith(".timer")))
    )


def systemd_removal(units: list[str]) -> str:
    """Return the one command that stops the timers and takes the units away."""
    timers = " ".join(unit for unit in units if unit.endswith(".timer"))
    files = " ".join(f"/etc/systemd/system/{unit}" for unit in units)
    return f"sudo systemctl disable --now {timers}; sudo rm -f {files}; sudo systemctl daemon-reload"


def _filled(template: Path, home: Path, settings: Settings) -> str:
    user, group = str(os.getuid()), str(os.getgid())
    with suppress(KeyError):  # a user without a name, as in some containers
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    text = template.read_text(encoding="utf-8").replace("@DIRECTORY@", str(home))
    logs = "\n".join(f'"{folder}/*.log"' for folder in _log_folders(home, settings))
    return text.replace("@USER@", user).replace("@GROUP@", group).replace("@LOGS@", logs)


def _log_folders(home: Path, settings: Settings) -> Iterator[Path]:
    """Name where logs are: cron's own beside the program, the stages' in STATE_DIR."""
    of_cron, of_stages = home / "var" / "log", settings.state_dir / "log"
    yield of_cron
    if of_stages != of_cron:
        yield of_stages


def _replace(path: Path, text: str) -> None:
    """Write a file whole: whoever reads it meets the old one or the new one."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
