"""`make upgrade` across a change of the schema: with a pass at work, when something fails, and killed on the way."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pytest

from lib.crontab import block
from lib.store.sqlite import open_store
from lib.store.tables import SCHEMA_VERSION
from tests.deploy.conftest import SHIPPED, git
from tests.scripts.desk import ROOT

pytestmark = pytest.mark.slow

UPGRADE_S_MAX = 120
NEW_SCHEMA = "9999"
MIGRATION = f"""import sqlalchemy as sa
from alembic import op

revision = "{NEW_SCHEMA}"
down_revision = "{SCHEMA_VERSION}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stage_run", sa.Column("added_later", sa.Text))
"""
# How the new version's `init` dies, or lets the upgrade die, where a file in var asks for it: not in the trial.
DYING = """
def _die(point):
    import os, signal, time
    from lib.config import REPOSITORY
    if (REPOSITORY / "var" / point).exists():
        (REPOSITORY / "var" / point).unlink()
        if point == "refuse":
            raise ConfigError("this migration cannot be")
        os.kill(os.getppid(), signal.SIGKILL)
        if point == "before":
            os._exit(1)
        time.sleep(2)


"""


def edit(path, *changes):
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A repository with two versions, the tags old and new; their .venv has the libraries of the tests' own."""
    folder = tmp_path_factory.mktemp("origin")
    for name in ("lib", "deploy", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*SHIPPED, ".gitignore"):
        shutil.copy2(ROOT / name, folder)
    (folder / "var" / "log").mkdir(parents=True)
    shutil.copy2(ROOT / "var" / "log" / ".gitignore", folder / "var" / "log")
    libraries = sysconfig.get_paths()["purelib"]
    venv = "@$(PYTHON) -m venv --clear $(VENV)"
    linked = f'rmdir site-packages && ln -s "{libraries}" site-packages'
    ours = f"@$(PYTHON) -m venv --without-pip --clear $(VENV) && cd $(VENV)/lib/python* && {linked}"
    edit(folder / "Makefile", ("PIP := ", "PIP := true "), (venv, ours))
    (folder / "gone.md").write_text("only in the old version\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "old")
    git(folder, "tag", "old")
    edit(folder / "lib" / "store" / "tables.py", (f'"{SCHEMA_VERSION}"', f'"{NEW_SCHEMA}"'))
    (folder / "lib" / "store" / "migrations" / "versions" / f"{NEW_SCHEMA}_more.py").write_text(MIGRATION)
    edit(
        folder / "lib" / "store" / "init.py",
        ("def initialise(", f"{DYING}def initialise("),
        (
            "                migrate(store)\n",
            "".join(
                f"                {line}\n"
                for line in ("_die('refuse')", "_die('before')", "_die('during')", "migrate(store)", "_die('after')")
            ),
        ),
    )
    (folder / "gone.md").unlink()
    (folder / "came.md").write_text("only in the new version\n", encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "new")
    git(folder, "tag", "new")
    return folder


@pytest.fixture(scope="module")
def worked(origin, tmp_path_factory):
    """The old version, installed, and its program compiled by one tick."""
    folder = tmp_path_factory.mktemp("worked")
    git(folder, "clone", "--quiet", str(origin), "clone")
    git(folder / "clone", "reset", "--quiet", "--hard", "old")
    (folder / "clone" / ".env").write_text("PAPER_ALWAYS_OPEN=1\n", encoding="utf-8")
    (folder / "clone" / ".env").chmod(0o600)
    place = placed(folder / "clone")
    made = place.make("install")
    assert made.returncode == 0, made.stdout + made.stderr
    assert place.tick() == ([0, 0, 0], "")
    return folder / "clone"


@pytest.fixture
def installed(worked, tmp_path):
    """The old version at work in a directory with a blank; the new one is at its origin."""
    shutil.copytree(worked, tmp_path / "a path" / "trading-monitor", symlinks=True)
    return placed(tmp_path / "a path" / "trading-monitor")


def placed(home):
    """What a user, and cron, can do with the program in a directory."""
    environ = {"PATH": os.environ["PATH"], "HOME": "", "TZ": "Asia/Kolkata"}
    database = home / "var" / "trading.db"

    def make(target, *words):
        return subprocess.run(
            ["make", "--no-print-directory", "-C", str(home), target, f"PYTHON={sys.executable}", *words],
            cwd="/", env=environ, capture_output=True, text=True, check=False, timeout=UPGRADE_S_MAX,
        )  # fmt: skip

    def start(*words):
        return subprocess.Popen(
            [str(home / ".venv" / "bin" / "python"), *words],
            cwd=home, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tick():
        """Start the three jobs as cron does; return (exit code, what the logs of cron say) of each."""
        lines = block((home / "crontab").read_text(encoding="utf-8"), str(home)).splitlines()[3:-1]
        cron = {"PATH": "/usr/bin:/bin", "TRADING_MONITOR": str(home)}
        jobs = [line.split(None, 5)[5] for line in lines]
        (home / "var" / "due.json").unlink(missing_ok=True)  # without it everything is due, as it is after an interval
        log = home / "var" / "log" / "cron.log"
        log.unlink(missing_ok=True)
        running = [subprocess.Popen(["/bin/sh", "-c", job], cwd="/", env=cron) for job in jobs]
        return [job.wait(UPGRADE_S_MAX) for job in running], log.read_text(encoding="utf-8")

    def sql(statement):
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def passing():
        """Hold the account, as a pass does that is at work."""
        store = open_store(f"sqlite:///{database}", home / "var")
        with closing(store), store.hold_account("main", wait_s=0) as held:
            assert held
            yield

    place = SimpleNamespace(home=home, make=make, start=start, tick=tick, sql=sql, passing=passing)
    place.version = lambda: version(place)
    return place


def version(place):
    """Name the version that code, database and files agree on."""
    code = re.search(r'^SCHEMA_VERSION = "(\d+)"', (place.home / "lib/store/tables.py").read_text(), re.MULTILINE)[1]
    ((schema,),) = place.sql("SELECT version_num FROM alembic_version")
    name = {SCHEMA_VERSION: "old", NEW_SCHEMA: "new"}[code]
    assert schema == code
    assert git(place.home, "rev-parse", "HEAD") == git(place.home, "rev-parse", name)
    assert git(place.home, "branch", "--show-current") == "main"
    assert git(place.home, "status", "--porcelain") == ""
    assert (place.home / "came.md").exists() == (name == "new")
    assert (place.home / "gone.md").exists() == (name == "old")
    return name


def trades_as(place, name):
    """One tick of cron, and all three stages have ended clean, as this version, at a broker's account of its own."""
    before = place.sql("SELECT count(*) FROM stage_run WHERE outcome = 'done'")[0][0]
    codes, log = place.tick()
    assert codes == [0, 0, 0], log
    assert place.sql("SELECT count(*) FROM stage_run WHERE outcome = 'done'") == [(before + 3,)]
    assert place.version() == name
    assert not (place.home / ".upgrade" / "under-way.json").exists()
    return log


def read_until(process, words):
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return
    pytest.fail(seen + process.stderr.read())


def test_an_upgrade_waits_for_the_pass_at_work_backs_up_and_trades_on_as_the_new_version(installed):
    with installed.passing():
        upgrade = installed.start("-m", "deploy.upgrade")
        read_until(upgrade, "waiting for the passes")
        stage = installed.start("order_monitor.py")  # of the old version, waiting for the same account
        time.sleep(2)
        assert installed.version() == "old"
        assert upgrade.poll() is None
    out, err = upgrade.communicate(timeout=UPGRADE_S_MAX)
    assert upgrade.returncode == 0, out + err
    assert "upgraded from old to new" in out
    _, said = stage.communicate(timeout=UPGRADE_S_MAX)
    # It had the account before the upgrade, or finds that it is of yesterday, or was so slow to start that it is of the
    # new version and met the old schema; either way it does nothing.
    refused = ("error: the program was upgraded while this waited", "its schema is 0004, this code needs 9999")
    assert stage.returncode == 0 or any(words in said for words in refused)
    assert trades_as(installed, "new") == ""
    (backup,) = (installed.home / "var" / "backups").iterdir()
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(SCHEMA_VERSION,)]
    activate = (installed.home / ".venv" / "bin" / "activate").read_text(encoding="utf-8")
    assert f"{installed.home}/.venv" in activate
    assert ".upgrade" not in activate
    again = installed.make("upgrade")
    assert (again.returncode, again.stdout) == (0, "fetching\nalready at new\n"), again.stderr
    assert sorted(file.name for file in (installed.home / ".upgrade").iterdir()) == ["lock"]


@pytest.mark.prove
@pytest.mark.parametrize(("point", "stays"), [("before", "old"), ("during", "new"), ("after", "new")])
def test_an_upgrade_killed_around_its_migration_is_settled_by_the_next_tick(point, stays, installed):
    (installed.home / "var" / point).touch()
    upgrade = installed.start("-m", "deploy.upgrade")
    _, err = upgrade.communicate(timeout=UPGRADE_S_MAX)
    assert upgrade.returncode == -signal.SIGKILL, err
    assert (installed.home / ".upgrade" / "under-way.json").exists()
    # `during`: the migration goes on though the upgrade is dead, and the stages have to wait for its end.
    assert "an upgrade ended in its middle" in trades_as(installed, stays)
    assert trades_as(installed, stays) == ""


@pytest.mark.prove
def test_an_upgrade_killed_while_it_waits_for_a_pass_has_changed_nothing(installed):
    with installed.passing():
        upgrade = installed.start("-m", "deploy.upgrade")
        read_until(upgrade, "waiting for the passes")
        upgrade.kill()
        upgrade.communicate()
    assert trades_as(installed, "old") == ""
    assert installed.make("upgrade", "TO=new").returncode == 0
    assert trades_as(installed, "new") == ""


BETWEEN = """
from deploy import upgrade
from lib import upgrading
upgrading.HERE.folder.mkdir()
old, new = upgrade._commits("new")
upgrade._prepare(new)
inodes = {part: upgrading.HERE.inode(part) for part in upgrading.PARTS}
database = str(upgrading.HERE.home / "var" / "trading.db")
note = upgrading.UnderWay(old=old, new=new, inodes=inodes, database=database, schema=SCHEMA)
upgrading.begin(upgrading.HERE, note)
for part in upgrading.PARTS[:EXCHANGED]:
    upgrading._exchange(upgrading.HERE, part)
"""


@pytest.mark.prove
@pytest.mark.parametrize("exchanged", [1, 2])
def test_an_upgrade_that_died_between_two_exchanges_is_taken_back(exchanged, installed):
    inodes = [(installed.home / part).stat().st_ino for part in (".venv", "lib")]
    words = BETWEEN.replace("SCHEMA", repr(SCHEMA_VERSION)).replace("EXCHANGED", str(exchanged))
    died = installed.start("-c", words)
    _, err = died.communicate(timeout=UPGRADE_S_MAX)
    assert died.returncode == 0, err
    moved = [(installed.home / part).stat().st_ino for part in (".venv", "lib")]
    assert [was != now for was, now in zip(inodes, moved, strict=True)] == [exchanged > 0, exchanged > 1]
    assert "the old version is in place as it was" in trades_as(installed, "old")
    assert [(installed.home / part).stat().st_ino for part in (".venv", "lib")] == inodes


@pytest.mark.prove
def test_a_migration_that_fails_leaves_the_old_version_and_says_so(installed):
    (installed.home / "var" / "refuse").touch()
    failed = installed.make("upgrade")
    assert failed.returncode == 2
    assert "the upgrade failed: the old version is in place as it was" in failed.stderr
    assert "this migration cannot be" in failed.stderr
    assert trades_as(installed, "old") == ""


@pytest.mark.prove
def test_a_new_version_whose_doctor_finds_something_is_not_put_in_place(origin, installed):
    git(installed.home, "fetch", "--quiet")
    other = installed.home.parent / "other"
    git(installed.home, "worktree", "add", "--quiet", "-b", "ill", str(other), "new")
    edit(
        other / "lib" / "checkup" / "host.py",
        (
            "def disk(",
            'def disk(*_):\n    yield Finding(name="disk", what="is odd", level=PERSON, do="x")\n\n\ndef _disk(',
        ),
    )
    git(other, "commit", "--quiet", "--all", "--message", "ill")
    refused = installed.make("upgrade", "TO=ill")
    assert refused.returncode == 2
    assert "the new version's doctor finds what the old one's does not" in refused.stderr
    assert "disk: is odd" in refused.stderr
    assert trades_as(installed, "old") == ""


@pytest.mark.prove
def test_a_new_version_whose_stages_cannot_start_is_not_put_in_place(installed):
    git(installed.home, "fetch", "--quiet")
    other = installed.home.parent / "other"
    git(installed.home, "worktree", "add", "--quiet", "-b", "broken", str(other), "new")
    edit(other / "lib" / "apply.py", ("import annotations\n", "import annotations\nimport nothing_of_this_name\n"))
    git(other, "commit", "--quiet", "--all", "--message", "broken")
    refused = installed.make("upgrade", "TO=broken")
    assert refused.returncode == 2
    assert "order_executor of the new version failed" in refused.stderr
    assert "nothing_of_this_name" in refused.stderr
    assert trades_as(installed, "old") == ""


WAITED = """
import fcntl
import shutil
from pathlib import Path
from lib.store.sqlite import open_store
from lib.upgrading import exchange
store = open_store("sqlite:///var/trading.db", Path("var"))
with store.hold_account("main", wait_s=0) as held:
    print("held before", held)
shutil.copytree("lib", "var/lib")
exchange(Path("lib"), Path("var/lib"))
with open("var/locks/main", "w") as other:
    fcntl.flock(other, fcntl.LOCK_EX if HELD else fcntl.LOCK_UN)
    with store.hold_account("main", wait_s=0):
        print("went on")
"""


@pytest.mark.parametrize("held", [False, True])
def test_a_process_whose_program_was_replaced_meanwhile_gets_no_account(held, installed):
    late = installed.start("-c", WAITED.replace("HELD", str(held)))
    out, err = late.communicate(timeout=UPGRADE_S_MAX)
    assert out == "held before True\n"
    assert "CodeReplaced: the program was upgraded while this waited for its account; start it again" in err
    if not held:
        assert trades_as(installed, "old") == ""  # who comes later is of the code in place


@pytest.mark.prove
def test_what_cannot_be_upgraded_is_a_sentence(installed):
    (installed.home / "lib" / "mine.py").touch()
    assert "lib/mine.py" in installed.make("upgrade").stderr
    (installed.home / "lib" / "mine.py").unlink()
    assert "error: git knows no v99" in installed.make("upgrade", "TO=v99").stderr
    assert installed.make("upgrade", "TO=new").returncode == 0
    assert "error: old does not follow new" in installed.make("upgrade", "TO=old").stderr
    assert json.loads((installed.home / "var" / "due.json").read_text())["accounts"].keys() == {"main"}
    assert trades_as(installed, "new") == ""
