"""python -m lib.status: the page of a database that the real stages made, and the command around it."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from lib.clock import new_york
from lib.domain.actions import Insert
from lib.domain.money import D
from lib.domain.records import Account, Rows, StageRun
from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.render.as_json import page_json
from lib.render.text import page_text
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.standing import standing
from lib.status import main
from lib.views.advice import ADVICE
from lib.views.status import Standing, status_page
from tests.builders import NOW, position, trade

STAGES = ("order_executor", "order_monitor", "position_monitor")
EXECUTOR, MONITOR, VALUER = zip(STAGES, (at(17, 14, 45), at(16, 16, 5), at(16, 16, 10)), strict=True)
"""What each stage missed, and when, if nothing ran after 11:00 on the 16th, New York's time."""

ROOT = Path(__file__).parents[2]
FEED = ScriptedFeed(
    {
        "AAPL": steps((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(16, 15, 40), "152")),
        "IBM": steps((at(16, 14, 40), "205")),
    }
)
IBM = {"symbol": "IBM", "planned_entry": "200", "planned_sl": "190", "planned_tp": "220", "qty": "5", "approve": False}


def after_the_entry(kind):
    """Answer the entry, and meet whatever is sent to cover it with a fault."""
    faults = [Fault(route="POST /v2/orders", n=n, kind=kind) for n in range(2, 50)]
    return Options(partial_fill_rate=Decimal(0), faults=Faults(faults))


@pytest.fixture
def covered(left_by):
    """A trade with its stop, nothing else."""
    return left_by("covered", FEED, at(16, 15, 51), SWING_AAPL)


@pytest.fixture
def uncovered(left_by):
    """A trade whose stop the broker refused."""
    return left_by("uncovered", FEED, at(16, 15, 6), SWING_AAPL, options=after_the_entry(FaultKind.RATE_LIMIT))


@pytest.fixture
def idle(left_by):
    """An hour and a quarter without a decision."""
    return left_by("idle", FEED, at(16, 16, 0))


def account_of(left, now=None):
    (account,) = page_of(left, now).accounts
    return account


def page_of(left, now=None):
    now = now or left.now
    return status_page([standing(left.store, "main", left.state_dir, now)], now=now, local=new_york)


def ran(store, stage, when, outcome, note=None):
    store.record_run(
        StageRun(id=0, account="main", stage=stage, run_id=f"{stage} {when}", started_at=when, finished_at=when,
                 outcome=outcome, complete=False, note=note)
    )  # fmt: skip


def codes(account):
    return [each.code for each in account.attention]


def test_a_covered_trade_is_shown_with_its_orders_and_nothing_needs_attention(covered):
    account = account_of(covered)
    (trade,) = account.trades
    assert (trade.owned, trade.covered, trade.uncovered) == (10, 10, 0)
    assert (trade.entry, trade.stop, trade.target) == (Decimal("149.51"), 145, 160)
    # 10 bought at 149.51; position_monitor's mid of 152 and 152.01 at 15:50
    assert (trade.price, trade.pnl, trade.stale) == (Decimal("152.005"), Decimal("24.95"), False)
    assert [(o.client_order_id, o.order, o.status) for o in trade.orders] == [
        ("sim-t1-exit-1", "sell 10 AAPL limit 160 gtc", "new"),
        ("sim-t1-exit-1-stop", "sell 10 AAPL stop 145 gtc", "held"),
    ]
    assert account.attention == ()
    assert account.account_number.startswith("PA")
    assert account.cover_as_of == at(16, 15, 50)
    assert [(p.stage, p.last, p.outcome, p.missed_since) for p in account.passes] == [
        ("order_executor", at(16, 15, 50), "done", None),
        ("order_monitor", at(16, 15, 50), "done", None),
        ("position_monitor", at(16, 15, 50), "done", None),
    ]


def test_an_uncovered_trade_is_named_once_and_loudly_with_the_reason_and_what_to_do(uncovered):
    account = account_of(uncovered)
    assert (account.trades[0].covered, account.trades[0].uncovered) == (0, 10)
    (said,) = account.attention
    assert said.code == "UNCOVERED"
    assert said.what.startswith("trade 1 AAPL: 10 shares without a stop: the broker refused the stop: RATE_LIMIT")
    assert said.do == ADVICE["UNCOVERED"]
    text = page_text(page_of(uncovered))
    assert "1 thing to look at:\n  ! UNCOVERED: trade 1 AAPL: 10 shares without a stop" in text
    assert re.search(r"^ 1 AAPL +SWING +10 +ONLY 0 ", text, re.MULTILINE)
    assert "1 AAPL: UNCOVERED: 10 shares have no stop" in text
    assert "last pass without a problem: 2024-01-16 10:00 ET" in " ".join(text.split())


@pytest.mark.slow
def test_an_order_of_unknown_outcome_is_listed_and_leaves_its_shares_uncovered_by_the_rows(left_by):
    options = after_the_entry(FaultKind.HTTP_500)
    left = left_by("unknown", FEED, at(16, 15, 6), SWING_AAPL, options=options)
    account = account_of(left)
    (order,) = account.unknown
    assert (order.client_order_id, order.order) == ("sim-t1-exit-1", "sell 10 AAPL limit 160 gtc")
    assert [(a.code, a.what) for a in account.attention] == [
        ("UNCOVERED", "trade 1 AAPL: 10 of 10 shares have no stop"),
        ("INCOMPLETE", "left: book trade 1 AAPL"),  # after the eighth request its absence was still to be written down
    ]
    assert "1 order of unknown outcome" in page_text(page_of(left))


def test_halts_are_listed_whether_by_row_or_by_file_and_waiting_decisions_say_why(tmp_path):
    with world(tmp_path, at(16, 14, 43), FEED) as made:
        (tmp_path / "HALT").touch()
        halted = {"account": "main", "scope": "symbol:main:IBM", "state": "HALTED", "reason": "by hand"}
        made.store.write((Insert(table="control", values=halted),), run_id="person", at=made.clock.now())
        made.decide(**SWING_AAPL)
        made.run_until(at(16, 14, 51))
        page = page_of(SimpleNamespace(store=made.store, state_dir=tmp_path, now=made.clock.now()))
    (account,) = page.accounts
    assert [(c.scope, c.state, c.reason) for c in account.controls] == [
        ("symbol:main:IBM", "HALTED", "by hand"),
        ("all", "HALTED", f"the file {tmp_path / 'HALT'} is there"),
    ]
    assert codes(account) == ["HALTED", "HALTED"]
    (waiting,) = account.waiting
    assert (waiting.id, waiting.status, waiting.reason.partition(":")[0]) == (1, "WAITING", "CONTROL")
    assert "1 decision waiting:" in page_text(page)


def test_an_approved_decision_waits_also_before_a_pass_has_seen_its_tick(left_by):
    left = left_by("two decisions", FEED, at(16, 14, 44), SWING_AAPL, IBM)
    assert [(w.id, w.symbol, w.status) for w in account_of(left).waiting] == [(1, "AAPL", "approved")]


@pytest.mark.parametrize(
    ("now", "missed"),
    [
        (at(16, 16, 9), ()),  # 11:05 was due four minutes ago: cron may be at it
        (at(16, 16, 15), (MONITOR,)),  # position_monitor's 11:10 is five minutes old
        (at(16, 16, 20), (MONITOR, VALUER)),
        (at(17, 16, 0), (EXECUTOR, MONITOR, VALUER)),
    ],
    ids=["in time", "one", "two", "next day"],
)  # fmt: skip
@pytest.mark.slow
def test_a_pass_is_missed_by_the_rule_of_the_gate(idle, now, missed):
    account = account_of(idle, now)
    assert {p.stage: p.missed_since for p in account.passes if p.missed_since} == dict(missed)
    assert codes(account) == ["MISSED"] * len(missed)


def test_nothing_is_missed_over_a_weekend(idle):
    for stage in STAGES:
        ran(idle.store, stage, datetime(2024, 1, 19, 23, 20, tzinfo=UTC), "done")
    monday = datetime(2024, 1, 22, 14, 24, tzinfo=UTC)
    assert account_of(idle, monday).attention == ()
    assert codes(account_of(idle, monday + timedelta(minutes=1))) == ["MISSED"]  # 9:15 was ten minutes ago


def test_a_stage_that_never_ran_is_missed(left_by):
    account = account_of(left_by("nothing", FEED, at(16, 14, 44)))
    assert [(a.code, a.what) for a in account.attention] == [("MISSED", f"{stage} has never run") for stage in STAGES]


def test_two_skipped_passes_in_a_row_need_attention(idle):
    for minute in (5, 10):
        ran(idle.store, "order_monitor", at(16, 16, minute), "skipped")
    account = account_of(idle, at(16, 16, 11))
    assert codes(account) == ["SKIPPED"]
    assert account.cover_as_of == at(16, 16, 0)  # a skipped pass has looked at nothing


def test_what_a_pass_could_not_do_is_named_even_without_a_code(idle):
    ran(idle.store, "position_monitor", at(16, 16, 1), "incomplete", "the broker did not answer")
    (said,) = account_of(idle, at(16, 16, 2)).attention
    assert (said.code, said.what, said.do) == ("INCOMPLETE", "the broker did not answer", ADVICE["INCOMPLETE"])


def test_a_change_nobody_explained_needs_attention_for_a_week(idle):
    change = {"account": "main", "symbol": "IBM", "delta": Decimal(-3), "cause": "UNEXPLAINED", "at": at(16, 15, 59)}
    idle.store.write((Insert(table="quantity_change", values=change),), run_id="r", at=idle.now)
    (attention,) = account_of(idle).attention
    assert (attention.code, attention.what) == ("UNEXPLAINED", "IBM: -3 shares outside any trade on 2024-01-16")
    assert "UNEXPLAINED" not in codes(account_of(idle, at(23, 16, 0)))


def test_a_stale_value_is_marked_and_its_age_is_its_quotes():
    open_trade = trade(status="POSITION", trail_percent=D("2"), trade_style="TREND", planned_tp=None)
    held = position(covered_qty=D("10"), stale=True, quote_time=NOW - timedelta(hours=26, minutes=5), missing_since=NOW)
    rows = Rows(
        account=Account(id=1, account="main", version=1, namespace="ns"), trades=(open_trade,), positions=(held,)
    )
    page = status_page([Standing(rows=rows)], now=NOW, local=new_york)
    assert page.accounts[0].attention == ()
    text = page_text(page, width=120)
    assert re.search(r"145.00 \(2 %\) .* 1 d 2 h STALE", text)
    assert "missing at the broker since 2026-11-20 10:00 ET" in " ".join(text.split())


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.slow
def test_no_line_of_the_page_is_wider_than_asked_for(uncovered, width):
    text = page_text(page_of(uncovered, at(19, 15, 0)), width=width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_the_json_has_every_figure_and_times_in_utc(covered):
    (account,) = json.loads(page_json(page_of(covered)))["accounts"]
    assert account["cover_as_of"] == "2024-01-16T15:50:00Z"
    assert (account["trades"][0]["pnl"], account["trades"][0]["covered"]) == ("24.95", "10")
    assert "cover as order_monitor last saw it: 2024-01-16 10:50 ET" in page_text(page_of(covered))


# the command


def test_the_command_shows_all_accounts_or_the_one_asked_for(idle, capsys):
    second = Insert(table="account", values={"account": "second", "namespace": "sec"})
    idle.store.write((second,), run_id="init", at=idle.now)
    for words, names in (([], ["main", "second"]), (["--account", "second"], ["second"])):
        assert main([*words, "--json"]) == 0
        assert [a["name"] for a in json.loads(capsys.readouterr().out)["accounts"]] == names
    assert main([]) == 0
    assert "account second: no broker account pinned yet" in capsys.readouterr().out


def test_the_command_changes_nothing_and_opens_no_broker(uncovered):
    def everything():
        names = ("event", "stage_run", "position_tracking", "order_execution", "trade_journal", "control", "account")
        with uncovered.store.reading() as connection:
            rows = [connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in names]  # noqa: S608
        return rows, {path.name for path in uncovered.state_dir.iterdir()}

    before = everything()
    assert main([]) == 0  # whatever it found
    assert everything() == before
    assert "paper.db" not in before[1]  # where the embedded broker would have been opened


def test_what_cannot_be_read_is_one_line_and_exit_code_2(idle, monkeypatch, tmp_path, capsys):
    assert main(["--account", "typo"]) == 2
    assert "typo" in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert main([]) == 2
    assert re.fullmatch(r"error: .*none\.db does not exist.*\n", capsys.readouterr().err)


@pytest.mark.slow
def test_neither_command_loads_alpaca_or_pandas():
    modules = "lib.bootstrap, lib.standing, lib.render.text, lib.status, lib.explain, lib.store.queries"
    code = f"import sys, {modules}; print(sorted({{'alpaca', 'pandas', 'numpy', 'requests'}} & sys.modules.keys()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout == "[]\n"


def test_the_advice_is_what_the_page_of_operations_says():
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").replace("`", "")
    tables = page.partition("## Looking\n")[2].partition("## Why a decision was not taken\n")[0]
    rows = dict(re.findall(r"^\| ([A-Z_]+) \| .* \| (.*) \|$", tables, re.MULTILINE))
    assert {"UNCOVERED", "MISSED"} <= ADVICE.keys()
    assert {code: rows.get(code) for code in ADVICE} == dict(ADVICE)
