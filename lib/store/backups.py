"""Backups: whole copies of the database, made while stages run, in STATE_DIR/backups.

A copy is written under another name, checked, and only then gets its own: what is called a backup is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lib.errors import ConfigError
from lib.store import sqlite_files, tables
from lib.store.sql import INIT
from lib.store.sqlite import database_path

KEEP = 14
PART = ".part"
PART_LIVES = timedelta(days=1)
NAME = re.compile(r"trading-\d{8}T\d{6}Z\.db")
"""Backups of this command's naming; a database that a restore kept aside is none, and no `--keep` removes it."""

LEFT = re.compile(rf"(before-restore-)?{NAME.pattern}\.\d+{re.escape(PART)}(-wal|-shm|-journal)?")
"""What a backup or a restore that was killed leaves half written; other programs have files named so too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """One backup that was made, and the older ones that were removed."""

    file: str
    bytes: int
    schema: str
    removed: tuple[str, ...] = ()

    def text(self) -> str:
        """Say it in lines for a person."""
        gone = f"removed {len(self.removed)} older ones\n" if self.removed else ""
        size = f"{self.bytes:,} bytes, schema {self.schema}, checked"
        return f"backed up to {self.file}: {size}\n{gone}"


def folder(state_dir: Path) -> Path:
    """Say where backups are kept unless a person names another place."""
    return state_dir / "backups"


def backup(url: str, state_dir: Path, *, now: datetime, to: Path | None = None, keep: int | None = None) -> BackedUp:
    """Copy the database to `to`, or to its usual place; then remove what is beyond the newest `keep` there.

    Raises ConfigError for a database that is missing or damaged: its backups are then left as they are.
    """
    source = database_path(url)
    if not source.exists():
        raise ConfigError(f"database {source} does not exist: {INIT}")
    target = (to or folder(state_dir) / named(now)).absolute()
    if target.exists():
        raise ConfigError(f"{target} is there already; nothing was written")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        schema = _write(source, target)
    except OSError as error:
        raise ConfigError(f"{target}: {error.strerror}") from error
    removed = () if keep is None else remove(beyond(target.parent, keep, now))
    return BackedUp(file=str(target), bytes=target.stat().st_size, schema=schema, removed=removed)


def named(now: datetime) -> str:
    """Name a backup by its moment, so that names sort by age."""
    return f"trading-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"


def newest(directory: Path) -> Path | None:
    """Return the newest backup of a folder; None if there is none."""
    return max(_backups(directory), default=None)


def beyond(directory: Path, keep: int, now: datetime) -> tuple[Path, ...]:
    """Return the backups older than the newest `keep`, and what was left half written a day ago and more."""
    old = sorted(_backups(directory), reverse=True)[keep:]
    parts = [each for each in directory.glob(f"*{PART}*") if LEFT.fullmatch(each.name)]
    return (*reversed(old), *sorted(each for each in parts if is_older(each, now - PART_LIVES)))


def is_older(file: Path, moment: datetime) -> bool:
    """Say whether a file was last written before a moment; one that has just gone is not."""
    try:
        return file.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False


def remove(files: tuple[Path, ...]) -> tuple[str, ...]:
    """Remove files; one that is gone already is as good. Raises ConfigError for one that may not be removed."""
    for each in files:
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{each} cannot be removed: {error.strerror}") from error
    return tuple(str(each) for each in files)


def checked(path: Path) -> str:
    """Return the schema of a database that is whole and ours; raises ConfigError for any other."""
    wrong = sqlite_files.damage(path)
    if wrong is not None:
        raise ConfigError(f"database {path} is damaged: {wrong}")
    schema = sqlite_files.schema_of(path)
    if schema is None:
        raise ConfigError(f"{path} is no database of trading-monitor: it has no schema version")
    if not schema.isdecimal() or int(schema) > int(tables.SCHEMA_VERSION):
        raise ConfigError(
            f"{path}: its schema is {schema}, from the future of this code, which knows {tables.SCHEMA_VERSION}: "
            "update the code"
        )
    return schema


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield another name to write under: the file gets its own once it is all there, and nothing is left else."""
    part = target.with_name(f"{target.name}.{os.getpid()}{PART}")
    try:
        yield part
        part.rename(target)
        sqlite_files.flush(target.parent)
    finally:
        for suffix in ("", *sqlite_files.SIDE_FILES):
            part.with_name(part.name + suffix).unlink(missing_ok=True)


def _write(source: Path, target: Path) -> str:
    with whole(target) as part:
        sqlite_files.copy(source, part)
        return checked(part)


def _backups(directory: Path) -> list[Path]:
    return [each for each in directory.glob("trading-*.db") if NAME.fullmatch(each.name)]
