"""What `make upgrade` does: the new version is built and tried beside the old one, then takes its place.

Until the last moments the stages go on as ever. Then, with every account held so that no pass is under way: backup,
exchange of `lib` and `.venv`, migration, all other files. What fails or dies on the way leaves the old version in
place; from the migration on, the new one (lib/upgrading.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from lib import due
from lib.bootstrap import open_database
from lib.clock import WallClock
from lib.config import SQLITE, Settings, load_settings
from lib.errors import ConfigError, StoreUnavailable
from lib.runner import guarded
from lib.store import backups, sqlite_files
from lib.store.queries import accounts
from lib.store.sql import SqlStore
from lib.upgrading import HERE, PARTS, UnderWay, begin, check_out, end, exchange, git, locked, put_in_place, repair
from lib.upgrading import settle as settle_first

UPSTREAM = "@{upstream}"
HOLD_WAIT_S = 300
HOLD_TOGETHER_S = 30
PERSON = 2
OF_THE_DIRECTORY = frozenset({"python", "schedule"})
"""Lines of doctor that tell of the directory it is started in, which is not yet the right one."""

STOPPED = "the version that is running stays as it is"


def main() -> int:
    """Upgrade to the commit, tag or branch named, or else to what the remote branch is at; return the exit code."""
    return guarded(lambda: _run(sys.argv[1] if len(sys.argv) > 1 else UPSTREAM))


def _run(wanted: str) -> int:
    if due.upgrade_under_way():
        settle_first()
    with locked(HERE, 0) as lock:
        if lock is None:
            raise ConfigError("another upgrade is running")
        old, new = _commits(wanted)
        if old == new:
            _say(f"already at {_named(new)}")
            return 0
        settings = load_settings()
        try:
            _prepare(new)
            _upgrade(settings, old, new, lock)
        finally:
            if not HERE.note.exists():
                shutil.rmtree(HERE.beside, ignore_errors=True)
        _say(f"upgraded from {_named(old)} to {_named(new)}")
        changed = git(HERE, "diff", "--name-only", old, new, "--", "crontab", "deploy")
        if changed:
            _say("the lines for cron or systemd may have changed: make install prints them")
        return 0


def _commits(wanted: str) -> tuple[str, str]:
    """Return the commit in place and the one wanted; raises ConfigError where one cannot follow the other."""
    if not (HERE.home / ".git").exists():
        raise ConfigError(f"{HERE.home} is no clone made by git: nothing tells what is newer; {STOPPED}")
    changed = git(HERE, "status", "--porcelain")
    if changed:
        raise ConfigError(f"files here are not those of the version in place: commit them or move them away\n{changed}")
    if git(HERE, "remote"):
        _say("fetching")
        git(HERE, "fetch", "--quiet", "--tags")
    old = git(HERE, "rev-parse", "HEAD")
    new = _commit(wanted)
    if git(HERE, "merge-base", old, new) != old:
        raise ConfigError(f"{_named(new)} does not follow {_named(old)}: only what is newer can be upgraded to")
    return old, new


def _commit(wanted: str) -> str:
    """Return what a name stands for; of a branch what the remote has of it, not what it was here."""
    for name in (f"refs/tags/{wanted}", f"refs/remotes/origin/{wanted}", wanted):
        with suppress(ConfigError):
            return git(HERE, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    unknown = "the branch here follows none of a remote" if wanted == UPSTREAM else f"git knows no {wanted}"
    raise ConfigError(f"{unknown}: make upgrade TO=NAME names a tag, branch or commit")


def _named(commit: str) -> str:
    return git(HERE, "describe", "--tags", "--always", commit)


def _prepare(new: str) -> None:
    """Put the files of the new version beside the old ones, with a .venv of their own."""
    beside = HERE.beside
    archive = beside / "files.tar"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    git(HERE, "archive", "--format=tar", f"--output={archive}", new)
    _child(["tar", "--no-same-owner", "--no-same-permissions", "-xf", archive.name], beside, _clean(), "unpacking")
    archive.unlink()
    exchange(beside / "lib", beside / "deploy")  # what this system cannot do shows here, where nothing is at stake
    exchange(beside / "lib", beside / "deploy")
    if (HERE.home / ".env").exists():
        (beside / ".env").symlink_to(HERE.home / ".env")
    _say("building .venv beside the one in place")
    python = os.environ.get("PYTHON") or Path(sys.executable).resolve()
    _child(["make", "--no-print-directory", f"PYTHON={python}", ".venv/.requirements"], beside, _clean(), "building")
    for script in (beside / ".venv" / "bin").iterdir():  # they name the directory that they were made in
        if not script.is_symlink():
            made = script.read_bytes()
            script.write_bytes(made.replace(os.fsencode(f"/{beside.relative_to(HERE.home)}/.venv"), b"/.venv"))


def _upgrade(settings: Settings, old: str, new: str, lock: int) -> None:
    with closing(open_database(settings)) as store:
        names = [row.account for row in accounts(store)]
        init = ["-m", "lib.store", "init", *(["--account", names[0]] if names else [])]
        _say("trying it on a copy of the database")
        _try(settings, init)
        _say("waiting for the passes that are under way")
        with _held(store, names):
            made = backups.backup(settings.database_url, settings.state_dir, now=WallClock().now())
            _say(made.text().rstrip())
            inodes = {part: HERE.inode(part) for part in PARTS}
            begin(HERE, UnderWay(old=old, new=new, inodes=inodes, database=_file(settings), schema=made.schema))
            try:
                put_in_place(HERE)
                _python(HERE.home, init, _clean(), "the migration", lock=lock)
                check_out(HERE, new, lock, instead_of=old)
            except BaseException:
                sys.stderr.write(f"the upgrade failed: {repair(HERE, lock)}\n")
                raise
            end(HERE)


def _file(settings: Settings) -> str:
    return settings.database_url.removeprefix(SQLITE)


def _try(settings: Settings, init: list[str]) -> None:
    """Let the new version migrate a copy, its doctor find nothing that the old one's does not, its stages plan."""
    before = _acts(HERE.home, _clean())
    trial = HERE.folder / "trial.db"
    sides = [trial.with_name(trial.name + suffix) for suffix in ("", *sqlite_files.SIDE_FILES)]
    for path in sides:
        path.unlink(missing_ok=True)
    try:
        sqlite_files.copy(Path(_file(settings)), trial)
        environ = _clean() | {"DATABASE_URL": f"{SQLITE}{trial}", "STATE_DIR": str(settings.state_dir)}
        _python(HERE.beside, init, environ, "the migration of a copy")
        after = _acts(HERE.beside, environ)
        _rehearse(environ)
    finally:
        for path in sides:
            path.unlink(missing_ok=True)
    worse = [what for name, what in after.items() if name not in before]
    if worse:
        raise ConfigError("\n".join((f"the new version's doctor finds what the old one's does not; {STOPPED}", *worse)))


def _rehearse(environ: Mapping[str, str]) -> None:
    """Let each stage of the new version plan a round; one that fails must do so as the old one does."""
    for stage in due.STAGES:
        words = [".venv/bin/python", f"{stage}.py", "--dry-run"]
        done = _start(HERE.beside, words, environ)
        if done.returncode and done.returncode != _start(HERE.home, words, _clean()).returncode:
            raise ConfigError(f"{stage} of the new version failed; {STOPPED}\n{done.stderr.strip()}")


def _acts(home: Path, environ: Mapping[str, str]) -> dict[tuple[str, str | None], str]:
    """Return what a version's doctor says a person must do."""
    done = _start(home, [".venv/bin/python", "-m", "lib.doctor", "--json"], environ)
    if done.returncode not in {0, 1, PERSON}:
        raise ConfigError(f"the doctor of {home} failed; {STOPPED}\n{done.stderr.strip()}")
    found = json.loads(done.stdout)["findings"]
    return {
        (each["name"], each["account"]): f"{each['name']}: {each['what']}"
        for each in found
        if each["level"] == PERSON and each["name"] not in OF_THE_DIRECTORY
    }


@contextmanager
def _held(store: SqlStore, names: list[str]) -> Iterator[None]:
    """Hold every account; wait for longer than cron lets a pass run, and meanwhile keep none of them from its pass."""
    give_up = time.monotonic() + HOLD_WAIT_S
    while True:
        with ExitStack() as stack:
            holds = (stack.enter_context(store.hold_account(name, wait_s=HOLD_TOGETHER_S)) for name in sorted(names))
            if all(holds):
                yield
                return
        if time.monotonic() > give_up:
            raise StoreUnavailable(f"a pass holds an account and does not end; {STOPPED}")


def _python(home: Path, words: list[str], environ: Mapping[str, str], what: str, lock: int | None = None) -> None:
    _child([".venv/bin/python", *words], home, environ, what, lock)


def _child(words: list[str], home: Path, environ: Mapping[str, str], what: str, lock: int | None = None) -> None:
    done = _start(home, words, environ, lock)
    if done.returncode:
        raise ConfigError(f"{what} failed; {STOPPED}\n{(done.stderr or done.stdout).strip()}")


def _start(
    home: Path, words: list[str], environ: Mapping[str, str], lock: int | None = None
) -> subprocess.CompletedProcess[str]:
    fds = () if lock is None else (lock,)
    return subprocess.run(  # noqa: S603 - our own words
        words, cwd=home, env=environ, capture_output=True, text=True, check=False, pass_fds=fds
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _clean() -> dict[str, str]:
    """Leave out what a make around this one tells its children."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


if __name__ == "__main__":
    sys.exit(main())
