"""The files beside the exchanged ones, moved to another commit and back, whatever a git that died left behind."""

import pytest

from lib.upgrading import PARTS, Place, UnderWay, begin, check_out, repair
from tests.deploy.conftest import git

pytestmark = pytest.mark.slow


@pytest.fixture
def halfway(tmp_path):
    """A repository at its old commit; the new one exchanges a file and a directory, and a git died in between."""
    git(tmp_path, "init", "--quiet")
    for commit, file, inner in (("old", "one", "two/inner"), ("new", "two", "one/inner")):
        for name in (file, inner):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(commit, encoding="utf-8")
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", commit)
        git(tmp_path, "tag", commit)
        if commit == "old":
            git(tmp_path, "rm", "-r", "--quiet", ".")
    git(tmp_path, "reset", "--quiet", "--hard", "old")
    (tmp_path / "lib").mkdir()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".upgrade").mkdir()
    (tmp_path / ".git" / "info" / "exclude").write_text("/.upgrade/\n/lib/\n/.venv/\n", encoding="utf-8")
    return Place(tmp_path)


def test_a_file_that_became_a_directory_and_back_is_checked_out(halfway):
    check_out(halfway, git(halfway.home, "rev-parse", "new"), 2, instead_of="old")
    assert (halfway.home / "two").read_text() == (halfway.home / "one" / "inner").read_text() == "new"
    assert git(halfway.home, "status", "--porcelain") == ""
    check_out(halfway, git(halfway.home, "rev-parse", "old"), 2, instead_of="new")
    assert (halfway.home / "one").read_text() == (halfway.home / "two" / "inner").read_text() == "old"
    assert git(halfway.home, "status", "--porcelain") == ""


def test_the_locks_of_a_git_that_died_with_the_upgrade_do_not_stand_in_the_way_of_its_repair(halfway):
    old, new = git(halfway.home, "rev-parse", "old"), git(halfway.home, "rev-parse", "new")
    inodes = {part: halfway.inode(part) for part in PARTS}
    begin(halfway, UnderWay(old=old, new=new, inodes=inodes, database="none", schema=None))
    check_out(halfway, new, 2, instead_of=old)
    for name in ("index", "HEAD", "refs/heads/main"):
        (halfway.home / ".git" / f"{name}.lock").touch()
    assert repair(halfway, 2) == "the old version is in place as it was"
    assert git(halfway.home, "rev-parse", "HEAD") == old
    assert git(halfway.home, "status", "--porcelain") == ""
