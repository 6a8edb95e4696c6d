"""What a pass prints, where, and what --dry-run and HALT leave undone."""

import json
import re
import signal

import pytest

from tests.scripts.desk import EXECUTOR, KEY, MONITOR, SECRET, STAGES, VALUER, in_window

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [a-z.]+ run=\S+")


@pytest.fixture
def holder(desk):
    """A desk that owns ten shares without cover, and has one more decision seen and approved."""
    in_window()
    desk.price("AAPL", "150", "150.02")
    desk.price("IBM", "200", "200.02")
    desk.decide()
    desk.done(EXECUTOR)
    desk.decide("IBM", "200", "190", "220", "5")
    return desk


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_the_first_line_says_which_account_of_which_broker(desk, stage):
    out = desk.done(stage)
    first, *others = out.splitlines()
    assert re.fullmatch(rf"{stage.removesuffix('.py')}: broker local paper account PA\d{{10}}", first)
    assert others == ["  done: 0 requests, 0 bookings, 0 failed"]


@pytest.mark.slow
def test_stdout_is_the_result_and_stderr_the_log(holder):
    code, out, err = holder.run(MONITOR, "--json")
    assert code == 0
    result = json.loads(out)
    assert re.fullmatch(r"broker local paper account PA\d{10}", result["where"])
    assert [type(result[key]) for key in ("actions", "done", "failed")] == [list, int, int]
    assert (result["outcome"], result["failed"], result["done"]) == ("done", 0, len(result["actions"]))
    (sent,) = [action for action in result["actions"] if action["do"] == "submit"]
    assert (sent["symbol"], sent["order"]["order_class"], sent["outcome"]) == ("AAPL", "oco", "accepted")
    *each_action, last = err.splitlines()
    assert len(each_action) == len(result["actions"])
    assert "stage.finished" in last
    assert [line for line in err.splitlines() if not LOG_LINE.match(line)] == []


@pytest.mark.slow
def test_a_dry_run_tells_each_order_and_why_and_leaves_no_trace(holder):
    holder.done(MONITOR)  # it books, protects, and sees the second approval
    holder.sql("UPDATE stage_run SET complete = 0")  # so that this session's claim is still to come
    holder.price("AAPL", "140", "140.02")
    for lock in (holder.state / "locks").iterdir():
        lock.unlink()
    before = holder.tables(), holder.orders(), (holder.state / "due.json").read_bytes()
    first, *others = holder.done(EXECUTOR, "--dry-run").splitlines()
    assert first.startswith("order_executor: broker local paper account PA")
    assert others == [
        "  would send buy 5 IBM limit 200 day [sim-d2-entry-1]; because decision 2: buy 5 IBM at 200 or better"
    ]
    told = [json.loads(holder.done(EXECUTOR, "--dry-run", "--json")) for _ in range(2)]
    for each in told:
        assert each["dry_run"] is True
        assert each.pop("run_id")
    assert told[0] == told[1]
    for stage in (MONITOR, VALUER):
        holder.done(stage, "--dry-run")
    assert (holder.tables(), holder.orders(), (holder.state / "due.json").read_bytes()) == before
    assert list((holder.state / "locks").iterdir()) == []


@pytest.mark.slow
def test_a_dry_run_shows_the_order_of_a_decision_that_no_pass_has_seen(holder):
    out = holder.done(EXECUTOR, "--dry-run", "--decision", "2")
    assert "would send buy 5 IBM limit 200 day [sim-d2-entry-1]" in out


@pytest.mark.slow
def test_a_dry_run_works_while_a_pass_holds_the_account(desk):
    desk.done(MONITOR)
    with desk.holding():
        assert "nothing to do" in desk.done(VALUER, "--dry-run")


@pytest.mark.slow
def test_a_halt_file_stops_entries_and_nothing_else(holder):
    halt = holder.state / "HALT"
    halt.touch()
    out = holder.done(EXECUTOR, "--decision", "2")
    assert str(halt) in out
    assert [order["symbol"] for order in holder.orders()] == ["AAPL"]
    assert holder.sql("SELECT count(*) FROM trade_journal") == [(1,)]
    assert "send sell 10 AAPL oco 160 / 145" in holder.done(MONITOR)
    halt.unlink()
    assert "send buy 5 IBM" in holder.done(EXECUTOR, "--decision", "2")


@pytest.mark.slow
def test_a_decision_halted_at_the_claim_is_taken_once_the_halt_is_over(desk):
    in_window()
    desk.price("AAPL", "150", "150.02")
    desk.decide()
    halt = desk.state / "HALT"
    halt.touch()
    desk.done(EXECUTOR)
    assert desk.orders() == []
    halt.unlink()
    assert "send buy 10 AAPL" in desk.done(EXECUTOR)


@pytest.mark.slow
def test_a_watch_looks_again_until_it_is_interrupted(desk):
    process = desk.start(MONITOR, "--watch", "1")
    lines = [process.stdout.readline() for _ in range(4)]
    process.send_signal(signal.SIGINT)
    code, _, err = desk.end(process)
    assert lines[:2] == lines[2:]
    *log, last = err.splitlines()
    assert (code, last) == (130, "interrupted")
    assert [line for line in log if not LOG_LINE.match(line)] == []


@pytest.mark.slow
def test_a_watch_outlives_a_broker_that_does_not_answer(desk, unused_port):
    keys = {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET}
    url = f"http://127.0.0.1:{unused_port}"
    process = desk.start(MONITOR, "--watch", "1", BROKER="alpaca", ALPACA_BASE_URL=url, **keys)
    said = []
    for line in iter(process.stderr.readline, ""):
        said += [line] if line.startswith("error: ") else []
        if len(said) == 2:
            break
    process.send_signal(signal.SIGINT)
    assert desk.end(process)[0] == 130
    assert said[0] == said[1]
