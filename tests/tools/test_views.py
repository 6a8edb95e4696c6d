"""The journal as a page, as text and as JSON."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lib.domain.records import Trade
from lib.render.as_json import page_json
from lib.render.table import printable
from lib.render.text import page_text, render_page
from lib.views.journal import JournalTotals, journal_page

AT = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)


def trade(number, symbol, status, **values):
    numbers = {"planned_entry": "150", "planned_sl": "145", "planned_tp": "160", "planned_qty": "10", **values}
    words = ("exit_reason", "note", "trade_style")
    exact = {name: value if name in words or value is None else Decimal(value) for name, value in numbers.items()}
    return Trade(
        id=number, account="main", version=1, decision_id=number + 10, symbol=symbol, side="long", status=status,
        **{"trade_style": "SWING", "trail_percent": None, "created_at": AT, **exact},
    )  # fmt: skip


STOPPED = trade(1, "AAPL", "CLOSED", actual_entry="149.98", actual_qty="10", exit_price="144.9", exit_qty="10",
                exit_reason="STOPPED_OUT", actual_pnl="-50.8")  # fmt: skip
TAKEN = trade(2, "MSFT", "CLOSED", planned_entry="30", planned_sl="28", planned_tp="33", planned_qty="7",
              actual_entry="30", actual_qty="7", exit_price="33", exit_qty="7", exit_reason="PROFIT_TAKEN",
              actual_pnl="21")  # fmt: skip
HELD = trade(3, "IBM", "POSITION", planned_entry="200.5", planned_sl="190", planned_tp=None, trade_style="TREND",
             actual_entry="200.123456789", actual_qty="4", note="the rest of the entry was cancelled")  # fmt: skip
UNFILLED = trade(4, "GOOG", "CANCELLED", planned_entry="0.1234", planned_sl="0.1", planned_tp="0.2",
                 note="the entry order ended unfilled: expired")  # fmt: skip
EVEN = trade(5, "AAPL", "CLOSED", actual_entry="150", actual_qty="10", exit_price="150", exit_reason="FLATTENED",
             actual_pnl="0")  # fmt: skip
JOURNAL = (STOPPED, TAKEN, HELD, UNFILLED)


def test_the_totals_count_by_status_and_sum_what_has_a_result():
    assert journal_page((*JOURNAL, EVEN)).totals == JournalTotals(
        trades=5,
        by_status={"POSITION": 1, "CLOSED": 3, "CANCELLED": 1},
        gross_pnl=Decimal("-29.8"),
        wins=1,
        losses=1,
        even=1,
    )


def test_a_status_nobody_knew_is_counted_after_the_others():
    assert list(journal_page((trade(1, "A", "odd"), STOPPED)).totals.by_status) == ["CLOSED", "odd"]


def test_a_row_shows_what_was_bought_or_else_what_is_wanted():
    page = journal_page(JOURNAL)
    assert [(row.qty, row.planned_qty) for row in page.rows] == [(10, 10), (7, 7), (4, 10), (10, 10)]


EXPECTED_80 = """\
id symbol style status        qty  entry   stop target   bought   sold    P&L
 1 AAPL   SWING STOPPED_OUT    10 150.00 145.00 160.00   149.98 144.90 -50.80
 2 MSFT   SWING PROFIT_TAKEN    7  30.00  28.00  33.00    30.00  33.00  21.00
 3 IBM    TREND POSITION     4/10 200.50 190.00      – 200.1235      –      –
 4 GOOG   SWING CANCELLED      10 0.1234   0.10   0.20        –      –      –
  3 IBM: the rest of the entry was cancelled
  4 GOOG: the entry order ended unfilled: expired
4 trades: 1 POSITION, 2 CLOSED, 1 CANCELLED
gross P&L -29.80 from 2 results: 1 won, 1 lost
"""

EXPECTED_120 = """\
id  symbol  style  status      qty   entry    stop  target    bought    sold     P&L  reason        note
 1  AAPL    SWING  CLOSED       10  150.00  145.00  160.00    149.98  144.90  -50.80  STOPPED_OUT   –
 2  MSFT    SWING  CLOSED        7   30.00   28.00   33.00     30.00   33.00   21.00  PROFIT_TAKEN  –
 3  IBM     TREND  POSITION   4/10  200.50  190.00       –  200.1235       –       –  –             the rest of the
                                                                                                    entry was cancelled
 4  GOOG    SWING  CANCELLED    10  0.1234    0.10    0.20         –       –       –  –             the entry order
                                                                                                    ended unfilled:
                                                                                                    expired
4 trades: 1 POSITION, 2 CLOSED, 1 CANCELLED
gross P&L -29.80 from 2 results: 1 won, 1 lost
"""


@pytest.mark.parametrize(("width", "expected"), [(80, EXPECTED_80), (120, EXPECTED_120)])
def test_the_journal_fits_the_width(width, expected):
    assert page_text(journal_page(JOURNAL), width=width) == expected


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_no_line_is_ever_wider_than_asked_for_and_no_number_loses_a_digit(width):
    vast = trade(123456, "BRK.A", "CLOSED", planned_entry="712345.67", planned_sl="700000.5", planned_tp="800000",
                 planned_qty="100000", actual_qty="99999", actual_entry="712345.67", exit_price="700000.5",
                 actual_pnl="-1234517000.0001", note="word " * 60)  # fmt: skip
    text = page_text(journal_page([vast]), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    if width == 200:
        assert "-1234517000.0001" in text
        assert "99999/100000" in text


def test_an_empty_journal_is_said_to_be_empty():
    assert page_text(journal_page([])) == "the journal has no trades yet\n"


def test_even_trades_are_named_only_where_there_are_some():
    assert page_text(journal_page([EVEN])).endswith("gross P&L 0.00 from 1 result: 0 won, 0 lost, 1 even\n")


def test_slippage_is_summed_over_the_trades_that_have_a_result():
    measured = replace(STOPPED, slippage=Decimal("5.125"))
    page = journal_page([measured, TAKEN, replace(HELD, slippage=Decimal(100))])
    assert page_text(page).splitlines()[-1] == "slippage in it 5.125, a cost where positive"
    assert json.loads(page_json(page))["rows"][2]["slippage"] == "100"


def test_a_stream_that_is_no_terminal_gets_no_colour():
    stream = io.StringIO()
    render_page(journal_page(JOURNAL), stream, width=80)
    assert stream.getvalue() == EXPECTED_80


def test_a_terminal_gets_colour(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    render_page(journal_page(JOURNAL), terminal, width=80)
    assert "\x1b[31m-50.80\x1b[0m" in terminal.getvalue()
    assert "\x1b[32m 21.00\x1b[0m" in terminal.getvalue()


def test_a_stream_that_knows_no_dash_gets_a_question_mark():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    render_page(journal_page([UNFILLED]), stream, width=80)
    stream.seek(0)
    assert " 0.1234 0.10   0.20      ?    ?   ?\n" in stream.read()


@pytest.mark.case("fail-N7")
def test_what_strangers_wrote_cannot_steer_the_terminal():
    page = journal_page([trade(1, "A", "CLOSED", note="\x1b[2J[red]bold[/red]\u202e\r\n")])
    assert "  1 A: \\x1b[2J[red]bold[/red]\\u202e\\r\\n\n" in page_text(page)


def test_an_endless_cell_ends():
    assert printable("x" * 50, 40) == "x" * 39 + "…"
    assert printable("x" * 40, 40) == "x" * 40


def test_json_keeps_every_digit_and_writes_times_in_utc():
    page = json.loads(page_json(journal_page([HELD])))
    (row,) = page["rows"]
    assert (row["actual_entry"], row["qty"], row["pnl"]) == ("200.123456789", "4", None)
    assert (row["ordered_at"], row["id"], row["decision_id"]) == ("2026-11-20T14:45:00Z", 3, 13)
    assert page["totals"] == {
        "trades": 1, "by_status": {"POSITION": 1}, "gross_pnl": "0", "wins": 0, "losses": 0, "even": 0, "slippage": None
    }  # fmt: skip
