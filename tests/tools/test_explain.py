"""python -m lib.explain: the story of trades that the real stages made, and the command around it."""

import json
import re
import sqlite3
from contextlib import ExitStack
from decimal import Decimal

import pytest

from lib.clock import new_york
from lib.domain.actions import Insert
from lib.explain import main
from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.render.as_json import page_json
from lib.render.text import page_text
from lib.simulation.lifecycles import PARTIAL_FILLS_THEN_TARGET, SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries
from lib.views.explain import explain_page

pytestmark = pytest.mark.slow  # each tells a whole life

FALLING_ENTRY = ((at(16, 14, 40), "151"), (at(16, 15, 2), "149.50"))


@pytest.fixture
def make_world(tmp_path):
    with ExitStack() as stack:
        yield lambda feed, options=None: stack.enter_context(
            world(tmp_path, at(16, 14, 43), feed, options=options, database=f"sqlite:///{tmp_path / 'trading.db'}")
        )


@pytest.fixture
def closed(left_by):
    """A trade bought in two parts and sold at its target."""
    life = PARTIAL_FILLS_THEN_TARGET
    return left_by("closed", life.feed, at(16, 15, 36), SWING_AAPL, options=life.options)


def aapl(*pairs):
    return ScriptedFeed({"AAPL": steps(*FALLING_ENTRY, *pairs)})


def page_of(made):
    return explain_page(queries.story(made.store, 1), local=new_york)


def told(made):
    """Return New York's time and what happened, line by line, the broker's own ids left out."""
    return [(f"{line.at:%H:%M}", re.sub(r", the broker calls it \S+", "", line.what)) for line in page_of(made).lines]


def why(made, beginning):
    return [line.why for line in page_of(made).lines if line.what.startswith(beginning)]


def test_a_trade_is_told_from_its_decision_to_its_close_on_one_clock(closed):
    assert told(closed) == [
        ("09:43", "decision 1 written: NEW_TRADE: 10 AAPL at 150, stop 145, target 160 SWING"),
        ("09:43", "decision 1 approved"),
        ("09:45", "approval seen: the numbers are bound from here on"),
        ("09:45", "decision 1 claimed: it becomes an order"),
        ("09:45", "trade 1 opened: 10 AAPL at 150, stop 145, target 160"),
        ("09:45", "intent stored: buy 10 AAPL limit 150 day [sim-d1-entry-1]"),
        ("09:45", "sim-d1-entry-1 acknowledged: new"),
        ("10:02", "bought 4 AAPL at 149.51"),
        ("10:02", "4 of 4 AAPL without a stop, for 180 s of trading"),
        ("10:05", "sim-d1-entry-1 filled: 4 of 10 at 149.51 on average"),
        ("10:05", "trade 1 is a position: 4 bought at 149.51 on average"),
        ("10:05", "NOT covered: 4 of 4 shares have no stop"),
        ("10:05", "intent stored: sell 4 AAPL limit 160 gtc [sim-t1-exit-1]"),
        ("10:05", "its leg: sell 4 AAPL stop 145 gtc [sim-t1-exit-1-stop]"),
        ("10:05", "sim-t1-exit-1 acknowledged: new"),
        ("10:05", "sim-t1-exit-1-stop acknowledged: held"),
        ("10:05", "covered: 4 of 4 shares have a stop"),
        ("10:17", "bought 6 AAPL at 149.01"),
        ("10:17", "6 of 10 AAPL without a stop, for 180 s of trading"),
        ("10:20", "sim-d1-entry-1 filled: 10 at 149.21 on average"),
        ("10:20", "booked: 10 bought at 149.21 on average"),
        ("10:20", "NOT covered: 6 of 10 shares have no stop"),
        ("10:20", "intent stored: sell 6 AAPL limit 160 gtc [sim-t1-exit-2]"),
        ("10:20", "its leg: sell 6 AAPL stop 145 gtc [sim-t1-exit-2-stop]"),
        ("10:20", "sim-t1-exit-2 acknowledged: new"),
        ("10:20", "sim-t1-exit-2-stop acknowledged: held"),
        ("10:20", "covered: 10 of 10 shares have a stop"),
        ("10:32", "sold 4 AAPL at 161"),
        ("10:32", "sold 6 AAPL at 161"),
        ("10:35", "sim-t1-exit-1 filled: 4 at 161 on average"),
        ("10:35", "sim-t1-exit-1-stop cancelled at 10:32:00"),
        ("10:35", "sim-t1-exit-2 filled: 6 at 161 on average"),
        ("10:35", "sim-t1-exit-2-stop cancelled at 10:32:00"),
        ("10:35", "trade 1 closed, PROFIT_TAKEN: 10 sold at 161 on average, P&L 117.9"),
    ]


def test_each_line_names_its_rows_its_run_and_the_reason_on_record(closed):
    lines = {line.what: line for line in page_of(closed).lines}
    claim = lines["decision 1 claimed: it becomes an order"]
    assert (claim.why, claim.by) == ("ordered 10 at 150 or better", "order_executor-20240116T144500.000000")
    assert claim.source.startswith("analysis_decision 1, event ")
    assert why(closed, "intent stored: sell 6") == ["cover: 6 shares had no stop"]
    assert why(closed, "sim-t1-exit-1-stop cancelled") == ["sim-t1-exit-1, the other leg, filled"]
    assert re.fullmatch(r"fill 1, event \d+, activity \S+", lines["bought 4 AAPL at 149.51"].source)
    (ack,) = [what for what in lines if what.startswith("sim-d1-entry-1 acknowledged")]
    assert queries.orders_of(closed.store, 1)[0].alpaca_order_id in ack


def test_no_fill_is_told_before_its_order_whatever_the_brokers_clock_says(make_world):
    made = make_world(ScriptedFeed({"AAPL": steps((at(16, 14, 40), "149.50"))}))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 14, 46))
    lines = [what for _, what in told(made)]
    intent = lines.index("intent stored: buy 10 AAPL limit 150 day [sim-d1-entry-1]")
    assert lines.index("bought 10 AAPL at 149.51") > intent


def test_the_result_is_added_up_anew_from_the_fills_and_compared_with_the_journal(closed):
    recount = page_of(closed).recount
    # 4 x 149.51 + 6 x 149.01 = 1492.10; 10 x 161 = 1610
    assert (recount.paid, recount.received) == (Decimal("1492.10"), Decimal(1610))
    assert (recount.pnl, recount.journal_pnl, recount.agrees) == (Decimal("117.90"), Decimal("117.90"), True)
    assert "sold 10 for 1610.00: P&L 117.90, as in the journal" in " ".join(page_text(page_of(closed)).split())


def test_a_journal_that_was_changed_by_hand_does_not_agree(closed):
    with sqlite3.connect(closed.state_dir / "trading.db") as connection:
        connection.execute("UPDATE trade_journal SET actual_pnl = '500'")
    connection.close()
    assert page_of(closed).recount.agrees is False
    assert "the journal says 500.00: THEY DO NOT AGREE" in " ".join(page_text(page_of(closed)).split())


def test_an_entry_cancelled_in_the_app_says_that_this_system_did_not_ask_for_it(make_world):
    made = make_world(aapl())
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 14, 46))
    made.user_cancels_all()
    made.run_until(at(16, 14, 51))
    assert told(made)[-2:] == [
        ("09:50", "sim-d1-entry-1 cancelled at 09:46:00"),
        ("09:50", "trade 1 cancelled without a share"),
    ]
    assert why(made, "sim-d1-entry-1 cancelled") == ["this system did not ask for it"]
    assert why(made, "trade 1 cancelled") == ["the entry was cancelled without a fill"]
    assert page_of(made).recount.pnl is None


def test_a_stop_that_was_already_through_tells_refusal_and_flatten(make_world):
    made = make_world(aapl((at(16, 15, 3), "144")))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 20))
    (refused,) = why(made, "sim-t1-exit-1 refused by the broker")
    assert refused.startswith("STOP_THROUGH: ")
    assert why(made, "intent stored: sell 10 AAPL market") == [f"sim-t1-exit-1 was refused: {refused}"]
    assert told(made)[-2][1].startswith("trade 1 closed, FLATTENED: 10 sold at 144 on average")


def test_what_the_passes_said_of_an_uncovered_trade_is_one_line_however_often_they_said_it(make_world):
    faults = Faults([Fault(route="POST /v2/orders", n=n, kind=FaultKind.RATE_LIMIT) for n in range(2, 50)])
    made = make_world(aapl(), Options(partial_fill_rate=Decimal(0), faults=faults))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 16))
    said = [line for line in page_of(made).lines if line.what.startswith("UNCOVERED: trade 1 AAPL: 10 shares")]
    assert len(said) == 1
    assert said[0].what.endswith("(said by 3 passes, until 2024-01-16 10:15)")
    assert re.fullmatch(r"stage_run \d+ to \d+", said[0].source)


def test_an_order_whose_answer_was_lost_tells_the_looks_and_the_second_sending(make_world):
    faults = Faults([Fault(route="POST /v2/orders", n=1, kind=FaultKind.HTTP_500)])
    made = make_world(aapl(), Options(partial_fill_rate=Decimal(0), faults=faults))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 14, 56))
    entry = [what for _, what in told(made) if what.startswith("sim-d1-entry-1")]
    assert entry == [
        "sim-d1-entry-1: the broker has no such order, first look",
        "sim-d1-entry-1 sent again under the same id",
        "sim-d1-entry-1 acknowledged: new",
    ]


def test_a_halt_of_its_symbol_is_part_of_the_story_that_of_another_is_not(make_world):
    made = make_world(aapl())
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 14, 46))
    for symbol in ("AAPL", "IBM"):
        halted = {"account": "main", "scope": f"symbol:main:{symbol}", "state": "REDUCING", "reason": "earnings"}
        made.store.write((Insert(table="control", values=halted),), run_id="person", at=made.clock.now())
    assert told(made)[-1] == ("09:46", "symbol:main:AAPL is REDUCING")
    assert why(made, "symbol:main:") == ["earnings"]


def test_shares_sold_in_the_app_are_part_of_the_story(make_world):
    made = make_world(aapl((at(16, 15, 31), "152")))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 32))
    made.user_cancels_all()
    made.user_order({"symbol": "AAPL", "qty": "10", "side": "sell", "type": "market", "time_in_force": "day"})
    made.run_until(at(16, 16, 0))
    lines = {what: time for time, what in told(made)}
    assert lines["-10 AAPL at 152: traded outside this system"] == "10:32"
    assert why(made, "sim-t1-exit-1 cancelled") == ["this system did not ask for it"]
    assert page_of(made).recount.pnl == Decimal("24.90")  # 10 x (152 - 149.51)


def test_a_decision_that_another_program_wrote_has_no_beginning_on_record(make_world, tmp_path):
    made = make_world(aapl())
    with sqlite3.connect(tmp_path / "trading.db") as connection:
        connection.execute(
            "INSERT INTO analysis_decision (symbol, action, trade_style, planned_entry, planned_sl, planned_tp, qty, "
            "Approve) VALUES ('AAPL', 'NEW_TRADE', 'SWING', 150, 145, 160, 10, 1)"
        )
    connection.close()
    made.run_until(at(16, 14, 46))
    first, second, third = page_of(made).lines[:3]
    assert (first.at, first.source) == (None, "analysis_decision 1")
    assert "when, is not on record" in first.what
    assert (second.what, third.what) == (
        "decision 1 as first seen: NEW_TRADE: 10 AAPL at 150, stop 145, target 160 SWING",
        "decision 1 approved",
    )


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_line_of_the_story_is_wider_than_asked_for(closed, width):
    text = page_text(page_of(closed), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    if width == 140:
        assert re.search(
            r"^09:45:00 +decision 1 claimed: it becomes an order +ordered 10 at 150 or better ", text, re.MULTILINE
        )


# the command


def test_the_command_prints_new_yorks_time_and_the_json_utc(closed, capsys):
    assert main(["1"]) == 0
    assert "2024-01-16\n09:43:00" in capsys.readouterr().out
    assert main(["1", "--json"]) == 0
    out = capsys.readouterr().out
    assert out == page_json(page_of(closed))
    page = json.loads(out)
    assert (page["trade"], page["lines"][0]["at"], page["recount"]["pnl"]) == (1, "2024-01-16T14:43:00Z", "117.9")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("7", "the journal has no trade '7'; it takes a trade's id: the newest trades are 1 (AAPL CLOSED)"),
        ("aapl", "the journal has no trade 'aapl'; it takes a trade's id: AAPL's newest trades are 1 (AAPL CLOSED)"),
        ("9" * 40, "the newest trades are 1 (AAPL CLOSED)"),
        ("-1", "the newest trades are 1 (AAPL CLOSED)"),
    ],
)
def test_a_trade_that_is_not_there_names_those_that_are(closed, capsys, asked, sentence):
    assert main(["--", asked]) == 2
    said = capsys.readouterr()
    assert (said.out, sentence in said.err) == ("", True)


def test_an_empty_journal_is_said_to_be_empty(left_by, capsys):
    left_by("nothing", aapl(), at(16, 14, 44))
    assert main(["1"]) == 2
    assert capsys.readouterr().err == "error: the journal has no trades yet\n"
