"""Log lines: where they go, who may read them, one line an event."""

import io
import logging
import stat
from datetime import UTC, datetime

import pytest

from lib.logs import Log, library_lines, log_file

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
LINE = '2026-11-20T15:00:00Z submit why="no stop"\n'


@pytest.fixture
def file(tmp_path):
    return log_file(tmp_path / "with a space", "order_monitor")


def test_an_event_is_on_the_stream_and_in_the_file(file):
    stream = io.StringIO()
    Log(stream, file).event(NOW, "submit", why="no stop")
    assert (stream.getvalue(), file.read_text()) == (LINE, LINE)


def test_under_cron_the_stream_gets_only_what_the_file_did_not_take(file):
    stream = io.StringIO()
    log = Log(stream, file, quiet=True)
    log.event(NOW, "submit", why="no stop")
    assert (stream.getvalue(), file.read_text()) == ("", LINE)
    file.unlink()
    file.mkdir()
    log.event(NOW, "submit", why="no stop")
    assert stream.getvalue() == LINE


@pytest.mark.case("fail-N4")
def test_other_users_cannot_read_a_log(file):
    Log(None, file).event(NOW, "submit")
    assert [stat.S_IMODE(path.stat().st_mode) & 0o027 for path in (file, file.parent)] == [0, 0]


def test_a_file_that_is_rotated_away_is_begun_anew_by_the_next_line(file):
    log = Log(None, file)
    log.event(NOW, "first")
    file.rename(file.with_suffix(".log.1"))
    log.event(NOW, "second")
    assert file.read_text() == "2026-11-20T15:00:00Z second\n"


def test_an_event_is_one_line_whatever_is_in_it(file):
    Log(None, file).event(NOW, "error", message="one\ntwo\r\x1b[2J\u2028a\\b é")
    line = '2026-11-20T15:00:00Z error message="one\\ntwo\\r\\x1b[2J\\u2028a\\\\b é"\n'
    assert file.read_text(encoding="utf-8") == line


def test_what_stderr_says_in_other_words_is_kept_in_the_file_alone(file):
    stream = io.StringIO()
    Log(stream, file).keep(NOW, "error", exit_code=2)
    assert (stream.getvalue(), file.read_text()) == ("", "2026-11-20T15:00:00Z error exit_code=2\n")


def test_what_our_modules_say_through_logging_is_an_event_while_a_stage_runs(file):
    ours = logging.getLogger("lib.broker.wire")
    with library_lines(Log(None, file), lambda: NOW):
        ours.warning("read.retry tries=%d", 1)
    assert file.read_text() == '2026-11-20T15:00:00Z warning message="read.retry tries=1"\n'
    assert ours.parent.handlers == []
