"""The lines for a user's crontab, and the command that puts them there and takes them away."""

import shlex
from pathlib import Path

import pytest

from deploy.filling import cron_command
from lib.config import REPOSITORY
from lib.crontab import block, read_crontab
from lib.errors import ConfigError

SHIPPED = (REPOSITORY / "crontab").read_text(encoding="utf-8")
OWN = "MAILTO=me@example.com\n0 3 * * * backup  # mine\n"
JOBS = 3


@pytest.fixture
def place(tmp_path):
    """Make a directory with the block in it and the program that installs it."""

    def make(name):
        home = tmp_path / name
        (home / "var").mkdir(parents=True)
        (home / "deploy").symlink_to(REPOSITORY / "deploy")
        (home / "var" / "crontab").write_text(block(SHIPPED, str(home)), encoding="utf-8")
        return home

    return make


def block_of(home):
    return (home / "var" / "crontab").read_text(encoding="utf-8")


def test_the_block_names_the_directory_in_quotes_and_holds_the_shipped_jobs_word_for_word():
    lines = block(SHIPPED, "/srv/a path").splitlines()
    assert lines[0] == "# trading-monitor begin /srv/a path"
    assert lines[1:3] == ["SHELL=/bin/sh", 'TRADING_MONITOR="/srv/a path"']
    assert lines[3:-1] == [line for line in SHIPPED.splitlines() if line.startswith("*")]
    assert lines[-1] == "# trading-monitor end /srv/a path"
    assert len(lines[3:-1]) == JOBS


def test_the_block_is_read_like_the_crontab_it_was_made_of(tmp_path):
    (tmp_path / "block").write_text(block(SHIPPED, "/srv/a path"), encoding="utf-8")
    assert read_crontab(tmp_path / "block") == read_crontab(REPOSITORY / "crontab")


def test_the_stages_of_a_live_account_are_told_so(tmp_path):
    (tmp_path / "block").write_text(block(SHIPPED, "/srv/live", live=True), encoding="utf-8")
    assert [job.flags for job in read_crontab(tmp_path / "block")] == [("--if-due", "--live")] * JOBS
    assert "--live" not in block(SHIPPED, "/srv/live")


@pytest.mark.parametrize("path", ['/a"b', "/a\\b", "/a%b", "/a$b", "/a\nb", "/a`b"])
def test_a_path_that_no_crontab_can_hold_is_a_sentence(path):
    with pytest.raises(ConfigError, match="which a crontab cannot hold: move the directory"):
        block(SHIPPED, path)


@pytest.mark.parametrize("name", ["plain", "a path", "it's"])
def test_the_command_adds_the_block_behind_the_users_lines_and_twice_is_as_good_as_once(user, place, name):
    home = place(name)
    user.crontab.write_text(OWN, encoding="utf-8")
    for _ in range(2):
        user.shell(cron_command(home))
        assert user.crontab.read_text(encoding="utf-8") == OWN + block_of(home)


def test_the_command_works_where_there_is_no_crontab_yet(user, place):
    home = place("a path")
    user.shell(cron_command(home))
    assert user.crontab.read_text(encoding="utf-8") == block_of(home)


def test_an_older_block_of_the_same_directory_is_replaced_whatever_it_holds(user, place):
    home = place("a path")
    older = block_of(home).replace("*/5", "*/7").replace("SHELL=/bin/sh\n", "")
    user.crontab.write_text("# first\n" + older + OWN, encoding="utf-8")
    user.shell(cron_command(home))
    assert user.crontab.read_text(encoding="utf-8") == "# first\n" + OWN + block_of(home)


def test_two_copies_of_the_program_have_a_block_each(user, place):
    paper, live = place("monitor"), place("monitor 2")
    for home in (paper, live, paper):
        user.shell(cron_command(home))
    assert user.crontab.read_text(encoding="utf-8") == block_of(live) + block_of(paper)


def test_a_block_without_its_end_takes_no_line_of_the_user_with_it(user, place):
    home = place("a path")
    torn = block_of(home).rsplit("# trading-monitor end", 1)[0]
    user.crontab.write_text(torn + OWN, encoding="utf-8")
    user.shell(cron_command(home))
    assert user.crontab.read_text(encoding="utf-8") == torn + OWN + block_of(home)


def test_the_command_for_leaving_takes_the_block_away_and_nothing_else(user, place):
    home = place("a path")
    user.crontab.write_text(block_of(home) + OWN, encoding="utf-8")
    for _ in range(2):
        user.shell(cron_command(home, drop=True))
        assert user.crontab.read_text(encoding="utf-8") == OWN


def test_nothing_is_installed_where_the_block_is_not_there(user, place):
    home = place("a path")
    user.crontab.write_text(OWN, encoding="utf-8")
    (home / "var" / "crontab").unlink()
    outcome = user.shell(f"{cron_command(home)} || echo refused")
    assert (outcome, user.crontab.read_text(encoding="utf-8")) == ("refused\n", OWN)


def test_the_command_names_every_file_by_its_whole_path():
    words = shlex.split(cron_command(Path("/srv/a path")))
    files = [word.lstrip(">").rstrip(")") for word in words if "/srv" in word]
    fresh = "/srv/a path/var/crontab.new"
    assert files == ["/srv/a path/deploy/crontab.awk", "/srv/a path/var/crontab", fresh, fresh, fresh]


def test_the_users_own_lines_are_left_in_no_file(user, place):
    home = place("a path")
    user.crontab.write_text(OWN, encoding="utf-8")
    user.shell(cron_command(home))
    assert [file.name for file in (home / "var").iterdir()] == ["crontab"]
