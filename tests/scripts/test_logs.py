"""What the real scripts leave in STATE_DIR/log, what they leave out of it, and who is told that all is well."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.runner.test_heartbeat import listening
from tests.scripts.desk import EXECUTOR, KEY, MONITOR, SECRET

pytestmark = pytest.mark.slow  # each starts real processes

PASSWORDS = ("ALERTPASSWORD77", "heartbeat-uuid-4711")


def log_of(desk, stage=MONITOR):
    return (desk.state / "log" / stage.replace(".py", ".log")).read_text(encoding="utf-8").splitlines()


def test_a_stage_writes_its_log_into_the_state_directory_and_on_stderr(desk):
    _, _, err = desk.run(MONITOR)
    assert log_of(desk) == err.splitlines()
    assert [line.split()[1] for line in log_of(desk)] == ["stage.finished"]


def test_under_cron_nothing_is_written_twice_and_an_error_is_in_both_places(desk):
    code, out, err = desk.run(MONITOR, "--if-due")
    assert (code, err) == (0, "")
    assert out.endswith("0 failed\n")
    desk.sql("UPDATE account SET account_number = 'PA3OTHER', version = version + 1")
    code, _, err = desk.run(MONITOR)
    assert code == 2
    assert "error: account main is pinned to the broker account PA3OTHER" in err
    errors = [line for line in log_of(desk) if " error " in line]
    assert len(errors) == 1
    assert "account=main exit_code=2" in errors[0]


def test_a_log_that_cannot_be_written_is_on_stderr_and_stops_no_pass(desk):
    (desk.state / "log").touch()
    code, _, err = desk.run(MONITOR, "--if-due")
    assert code == 0
    assert " stage.finished " in err


def test_a_dry_run_leaves_no_log(desk):
    desk.done(MONITOR, "--dry-run")
    assert not (desk.state / "log").exists()


# Secrets


@contextmanager
def parrot(status, body_of):
    """Serve a host that answers everything with what it was sent, as a proxy's page of errors does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = body_of(dict(self.headers), self.path).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_words(headers, path):
    return json.dumps({"code": 40310000, "message": f"denied: {path} {headers}"})


def as_page(headers, path):
    return f"<html>{path} {headers}</html>"


def as_account(headers, path):
    return json.dumps({"account_number": headers.get("APCA-API-KEY-ID"), "equity": "1", "cash": "1"})


@pytest.mark.case("fail-N4")
@pytest.mark.parametrize(
    ("status", "body_of"),
    [
        (403, as_words),
        pytest.param(502, as_page, marks=pytest.mark.prove),
        pytest.param(200, as_account, marks=pytest.mark.prove),
    ],
    ids=["403", "502", "200"],
)
def test_a_host_that_repeats_the_keys_gets_them_into_no_log_no_row_and_no_output(desk, unused_port, status, body_of):
    desk.decide()
    with parrot(status, body_of) as url:
        settings = {
            "BROKER": "alpaca",
            "ALPACA_BASE_URL": url,
            "ALPACA_API_KEY": KEY,
            "ALPACA_SECRET_KEY": SECRET,
            "ALERT_URLS": f"json://user:{PASSWORDS[0]}@127.0.0.1:{unused_port}/{PASSWORDS[0]}",
            "HEARTBEAT_URL": f"http://127.0.0.1:{unused_port}/{PASSWORDS[1]}",
        }
        codes = [desk.run(*words, **settings)[0] for words in ((EXECUTOR,), (MONITOR, "--json"), ("-m", "lib.doctor"))]
    assert codes == [1, 1, 2]
    assert "repeats our keys" in "\n".join(log_of(desk))
    nothing_shows(desk)


def nothing_shows(desk):
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if any(word.encode() in path.read_bytes() for word in PASSWORDS)] == []
    assert [said for said in desk.said if any(word in said for word in PASSWORDS)] == []
    assert desk.keys_shown() == []


def test_a_bug_that_a_pass_meets_shows_no_secret_in_its_traceback(desk, unused_port):
    desk.sql("ALTER TABLE stage_run RENAME TO stage_run_away")
    code, _, err = desk.run(
        MONITOR,
        ALERT_URLS=f"json://user:{PASSWORDS[0]}@127.0.0.1:{unused_port}/",
        HEARTBEAT_URL=f"http://127.0.0.1:{unused_port}/{PASSWORDS[1]}",
    )
    assert (code, "stage_run" in err) == (3, True)
    nothing_shows(desk)


# The heartbeat


def test_a_clean_run_of_order_monitor_over_all_accounts_is_told_once(desk):
    with listening() as (url, asked):
        desk.done(EXECUTOR, HEARTBEAT_URL=url)
        desk.done(MONITOR, "--dry-run", HEARTBEAT_URL=url)
        desk.done(MONITOR, "--account", "main", HEARTBEAT_URL=url)
        assert asked == []
        desk.done(MONITOR, HEARTBEAT_URL=url)
        assert asked == ["/secret-uuid"]
        desk.sql("UPDATE account SET account_number = 'PA3OTHER', version = version + 1")
        assert desk.run(MONITOR, HEARTBEAT_URL=url)[0] == 2
        assert asked == ["/secret-uuid"]


def test_a_heartbeat_that_fails_is_a_log_line_and_no_more(desk, unused_port):
    desk.done(MONITOR, HEARTBEAT_URL=f"http://127.0.0.1:{unused_port}/{PASSWORDS[1]}")
    assert [line.split(" ", 1)[1] for line in log_of(desk)][-1] == "heartbeat.failed why=ConnectionError"
    nothing_shows(desk)
