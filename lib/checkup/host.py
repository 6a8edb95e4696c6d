"""The machine: the interpreter, who may read and write our files, room on the disk, the age of backups."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lib.store.backups import folder, newest
from lib.views.checkup import LATER, PERSON, Finding

PYTHON_MIN = (3, 11)
GIB = 1024**3
DISK_LOW = GIB
DISK_FULL = GIB // 10
BACKUP_OLD = timedelta(days=2)

FOREIGN_READS = stat.S_IRWXG | stat.S_IRWXO
FOREIGN_WRITES = stat.S_IWGRP | stat.S_IWOTH


def interpreter(repository: Path, *, version: tuple[int, ...] | None = None, prefix: str | None = None) -> Finding:
    """Say whether this Python is new enough, and belongs to this directory, as the one that cron starts.

    An upgrade examines its new environment beside the old .venv; a container has none, and one Python for all.
    """
    found, home = version or sys.version_info[:3], Path(prefix or sys.prefix)
    shown = ".".join(map(str, found))
    if found[:2] < PYTHON_MIN:
        return Finding(name="python", what=f"{shown} is too old", level=PERSON, do="make PYTHON=python3.11 install")
    venv = repository / ".venv"
    ours = home.resolve() == venv.resolve() or home.parent.resolve() == repository.resolve()
    if venv.exists() and not ours:
        do = "start this with .venv/bin/python; make install makes it"
        return Finding(name="python", what=f"{shown} in {home}, not in .venv", level=PERSON, do=do)
    return Finding(name="python", what=f"{shown} in {home}")


def file_modes(dotenv: Path, state_dir: Path, database: Path | None) -> Iterator[Finding]:
    """Say who may read the settings, and who may write what the stages go by."""
    if _is_there(dotenv):
        yield _private(dotenv)
    else:
        yield Finding(name=".env", what="there is none: settings come from the environment, or are the defaults")
    yield _ours("STATE_DIR", state_dir)
    if database is not None and _is_there(database):  # one that is missing is told with the schema
        yield _ours("database", database)


def _private(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & FOREIGN_READS:
        do = f"chmod 600 {shlex.quote(str(path))}"
        return Finding(name=".env", what=f"mode {mode:04o}: other users can read the keys", level=PERSON, do=do)
    if not os.access(path, os.R_OK):
        return Finding(name=".env", what=f"{path} cannot be read", level=PERSON, do=_own(path))
    return Finding(name=".env", what=f"mode {mode:04o}, nobody else reads it")


def _ours(name: str, path: Path) -> Finding:
    if not _is_there(path):
        return Finding(name=name, what=f"{path} is not there yet: the first pass makes it")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & FOREIGN_WRITES:
        do = f"chmod go-w {shlex.quote(str(path))}"
        return Finding(name=name, what=f"{path}, mode {mode:04o}: other users can write it", level=PERSON, do=do)
    if not os.access(path, os.R_OK | os.W_OK):
        what = f"{path}, mode {mode:04o}: this user cannot write it"
        return Finding(name=name, what=what, level=PERSON, do=_own(path))
    return Finding(name=name, what=f"{path}, mode {mode:04o}")


def _is_there(path: Path) -> bool:
    """Say whether this user finds a file: one in a folder of others is told where it is opened."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def _own(path: Path) -> str:
    return f"start this as the user of the stages, or: sudo chown -R $USER {shlex.quote(str(path))}"


def disk(places: Iterable[Path]) -> Iterator[Finding]:
    """Say how much room is left where database and state are, once for each disk."""
    seen: set[int] = set()
    for place in places:
        there = next(each for each in (place, *place.parents) if _is_there(each))
        device = there.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield room(there, shutil.disk_usage(there).free)


def room(place: Path, free: int) -> Finding:
    """Judge the bytes that are free at a place."""
    level = PERSON if free < DISK_FULL else LATER if free < DISK_LOW else 0
    do = f"make room on the disk of {place}: old backups, old logs, python -m lib.store prune" if level else None
    return Finding(name="disk", what=f"{free / GIB:.1f} GiB free at {place}", level=level, do=do)


def backups(state_dir: Path, now: datetime) -> Finding:
    """Say how old the newest backup is; who makes none is told how, and no more."""
    there = folder(state_dir)
    try:
        made = newest(there)
        at = None if made is None else datetime.fromtimestamp(made.stat().st_mtime, UTC)
    except OSError as error:
        return Finding(name="backups", what=f"{there}: {error.strerror}", level=LATER, do=_own(there))
    if at is None:
        return Finding(name="backups", what=f"none in {there}; python -m lib.store backup makes one")
    age = now - at
    hours = max(age // timedelta(hours=1), 0)
    what = f"the newest is {hours} h old"
    if age > BACKUP_OLD:
        return Finding(name="backups", what=what, level=PERSON, do="python -m lib.store backup, once a day by cron")
    return Finding(name="backups", what=what)
