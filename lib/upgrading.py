"""One version of the program put in the place of another, whole, and what an upgrade that died left behind.

What the stages run is `lib` and `.venv`: each changes places with its successor in one step of the file system. From
the first step to the last a note, `.upgrade/under-way.json`, says what there was, and the lock beside it is held by
the upgrade and its children. A stage that finds the note waits for the lock; where it gets it, nobody is at work any
more, and it settles what was begun before it does anything else. Whether the schema has changed decides: then the new
version stays, else the old one does. All of it can be done again.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from lib import due
from lib.errors import ConfigError, StoreUnavailable, Unavailable

PARTS = (".venv", "lib")
"""In this order they are exchanged, and in the other one taken back: where `lib` is the new one, so is `.venv`."""

STAMPS = (".made", ".requirements")
GIT_S_MAX = 120
LOCK_WAIT_S = 60
LOCK_RETRY_S = 0.1
AT_FDCWD = -100
RENAME_EXCHANGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """What there was before the first step: commits old and new, inodes of the old parts, the old schema."""

    old: str
    new: str
    inodes: Mapping[str, int]
    database: str
    schema: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of the program, and within it what an upgrade works on."""

    home: Path

    @property
    def folder(self) -> Path:
        """Where an upgrade keeps its files: on the same file system as the program."""
        return self.home / ".upgrade"

    @property
    def beside(self) -> Path:
        """The new version before the exchange, the old one after it."""
        return self.folder / "beside"

    @property
    def note(self) -> Path:
        """What says that an upgrade is under way."""
        return self.home / due.UNDER_WAY

    def inode(self, part: str) -> int:
        """Tell one version of a part from another."""
        return (self.home / part).lstat().st_ino


HERE = Place(Path(due.REPOSITORY))


def settle(place: Place = HERE) -> NoReturn:
    """Wait for the upgrade that is under way, or end the one that died; then start this process anew.

    Raises Unavailable where it takes too long: the next tick looks again.
    """
    with locked(place, LOCK_WAIT_S) as lock:
        if lock is None:
            raise Unavailable("an upgrade is under way: the next pass is of the version that stays")
        if place.note.exists():
            sys.stderr.write(f"an upgrade ended in its middle: {repair(place, lock)}\n")
            sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the code here may be another now


@contextmanager
def locked(place: Place, wait_s: float) -> Iterator[int | None]:
    """Hold the lock of upgrades; yields its descriptor, for children to hold too, or None if others kept it."""
    place.folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(place.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    give_up = time.monotonic() + wait_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up:
                    yield None
                    return
                time.sleep(LOCK_RETRY_S)
            else:
                yield descriptor
                return
    finally:
        os.close(descriptor)


def begin(place: Place, under_way: UnderWay) -> None:
    """Write the note, on the disk before anything that it tells of."""
    os.sync()
    fresh = place.note.with_suffix(".tmp")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(asdict(under_way), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(place.note)
    _flush(place.folder)


def end(place: Place) -> None:
    """Take the note away: what stands is what stays."""
    place.note.unlink()
    _flush(place.folder)


def put_in_place(place: Place) -> None:
    """Exchange every part with the one beside it."""
    for part in PARTS:
        _exchange(place, part)


def repair(place: Place, lock: int) -> str:
    """Make the version whole that the database belongs to; return in words which one that is."""
    under_way = UnderWay(**json.loads(place.note.read_text(encoding="utf-8")))
    if _is_new(place, under_way):
        commit, other, told = under_way.new, under_way.old, "the database is the new version's, which is in place now"
    else:
        for part in reversed(PARTS):
            if place.inode(part) != under_way.inodes[part]:
                _exchange(place, part)
        commit, other, told = under_way.old, under_way.new, "the old version is in place as it was"
    try:
        _unlock(place)
        check_out(place, commit, lock, instead_of=other)
    except (ConfigError, OSError) as error:  # what the stages run is in place: other files that lag stop none of them
        told += f"; other files may not be, mend them by git reset --hard {commit}: {error}"
    end(place)
    return told


def check_out(place: Place, commit: str, lock: int, *, instead_of: str) -> None:
    """Move the branch and all other files to a commit; files that are as they should be are not written again."""
    git(place, "reset", "--quiet", commit, lock=lock)
    git(place, "checkout", "--quiet", "--", ".", lock=lock)
    gone = git(place, "diff", "--name-only", "--no-renames", "--diff-filter=D", "-z", instead_of, commit, lock=lock)
    for name in filter(None, gone.split("\0")):
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):  # a directory here now, or its parent
            (place.home / name).unlink()
    for stamp in STAMPS:  # else make would take requirements.txt for newer than what was installed from it
        if (place.home / ".venv" / stamp).exists():
            (place.home / ".venv" / stamp).touch()


def _unlock(place: Place) -> None:
    """Take away the locks of a git that died at our work; it would be alive if another had the lock of upgrades."""
    for name in ("index", "HEAD", git(place, "rev-parse", "--symbolic-full-name", "HEAD")):
        (place.home / git(place, "rev-parse", "--git-path", f"{name}.lock")).unlink(missing_ok=True)


def git(place: Place, *words: str, lock: int | None = None) -> str:
    """Run git on the program's directory; return what it printed. Raises ConfigError with its last words."""
    fds = () if lock is None else (lock,)
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            ["git", "-C", str(place.home), *words],  # noqa: S607 - wherever this host has it
            capture_output=True,
            text=True,
            check=False,
            timeout=GIT_S_MAX,
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"git {words[0]}: {error}") from error
    if done.returncode:
        raise ConfigError(f"git {words[0]}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout.strip()


def exchange(one: Path, other: Path) -> None:
    """Let two names change places in one step. Raises ConfigError where this system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    wrong = errno.ENOSYS
    if rename is not None:
        failed = rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
        wrong = ctypes.get_errno() if failed else 0
    if wrong:
        raise ConfigError(f"{one} and {other} cannot change places in one step here: {os.strerror(wrong)}")


def _exchange(place: Place, part: str) -> None:
    exchange(place.beside / part, place.home / part)
    _flush(place.home)
    _flush(place.beside)


def _is_new(place: Place, under_way: UnderWay) -> bool:
    """Say whether the new version stays: it is whole, and has moved the database along, which none can take back."""
    if place.inode("lib") == under_way.inodes["lib"]:
        return False
    from lib.store.sqlite_files import schema_of

    try:
        return schema_of(Path(under_way.database)) != under_way.schema
    except StoreUnavailable as error:
        error.add_note("an upgrade ended in its middle; it is settled as soon as the database can be read")
        raise


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
