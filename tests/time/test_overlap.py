"""Two passes at once: one acts, the other waits or is skipped, and what is skipped twice is seen."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries
from lib.store.sqlite import open_store
from tests.scripts.desk import EXECUTOR, MONITOR, ROOT, in_window
from tests.time.seeing import attention

FEED = ScriptedFeed({"AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))})


HANGS = """
import signal, sys, time
from pathlib import Path
from lib.store.sqlite import open_store
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open_store(sys.argv[1], Path(sys.argv[2])).hold_account("main", wait_s=0):
    print("held", flush=True)
    time.sleep(600)
"""


class Impatient:
    """A store that does not wait for the account: a minute of waiting is no part of what is shown here."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def hold_account(self, account, wait_s):
        return self._store.hold_account(account, wait_s=0)


@pytest.mark.case("fail-I-1", "fail-I-2")
def test_a_pass_that_finds_the_account_held_does_nothing_and_the_next_one_acts(tmp_path):
    def impatient(tools):
        return replace(tools, store=Impatient(tools.store))

    other = open_store("sqlite://", tmp_path)  # another process, as far as the account's lock can tell
    with world(tmp_path, at(16, 14, 45), FEED, wrap=impatient) as made:
        made.decide(**SWING_AAPL)
        with other.hold_account("main", wait_s=0) as held:
            assert held
            skipped = [made.run("order_executor") for _ in range(2)]
        assert [(ran.exit_code, ran.result.outcome, ran.result.applied) for ran in skipped] == [(0, "skipped", [])] * 2
        assert queries.journal(made.store, "main") == ()
        assert "SKIPPED" in attention(made)
        assert made.run("order_executor").result.outcome == "done"
        assert [trade.status for trade in queries.journal(made.store, "main")] == ["ORDERED"]
    other.close()


@pytest.mark.slow
@pytest.mark.case("fail-I-2", "fail-I-3")
def test_a_process_that_hangs_with_the_account_in_its_hand_is_killed_and_the_account_is_free(desk):
    """As the crontab has it, with two seconds for 270; the lock is the system's and ends with the process."""
    words = ["timeout", "-k", "1", "2", sys.executable, "-c", HANGS, desk.url, str(desk.state)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as hung:
        assert hung.stdout.readline() == "held\n"
        assert "done" in desk.done(MONITOR)
        assert hung.wait() in {124, 137, -signal.SIGKILL}
    assert desk.sql("SELECT stage, outcome FROM stage_run") == [("order_monitor", "done")]


@pytest.mark.slow
@pytest.mark.case("fail-I-1")
@pytest.mark.parametrize("stage", [EXECUTOR, MONITOR])
def test_two_processes_of_one_stage_that_start_together_act_once(desk, stage):
    in_window()
    desk.price("AAPL", "150", "150.02")
    desk.decide()
    if stage == MONITOR:
        desk.done(EXECUTOR)
        desk.price("AAPL", "150", "150.02")
    started = [desk.start(stage) for _ in range(2)]
    ended = [desk.end(process) for process in started]
    assert [code for code, *_ in ended] == [0, 0], desk.said[-2:]
    acted = [out for _, out, _ in ended if "send " in out]
    assert len(acted) == 1
    assert len(desk.orders()) == (1 if stage == EXECUTOR else 2)
    outcomes = desk.sql("SELECT outcome FROM stage_run WHERE stage = ?", stage.removesuffix(".py"))
    assert outcomes == [("done",), ("done",)]
