"""python -m lib.decide cancel, amend, close: what is asked of a trade that is there."""

import pytest


@pytest.mark.parametrize(
    ("argv", "row", "words"),
    [
        (["cancel", "--decision", "12"], ("CANCEL", None, "12", None, None, None, None, None),
         "cancel the entry of decision 12"),
        (["amend", "--symbol", "aapl", "--stop", "152.00"], ("AMEND", "AAPL", None, None, "152", None, None, None),
         "amend the live AAPL: stop 152"),
        (["amend", "--decision", "12", "--entry", "149", "--qty", "20", "--target", "165"],
         ("AMEND", None, "12", "149", None, "165", "20", None),
         "amend decision 12: entry 149, target 165, qty in all 20"),
        (["close", "--decision", "12"], ("CLOSE", None, "12", None, None, None, None, None),
         "close decision 12 at market"),
        (["close", "--symbol", "AAPL", "--close-price", "158"], ("CLOSE", "AAPL", None, None, None, None, None, "158"),
         "close the live AAPL at 158 or better"),
    ],
)  # fmt: skip
def test_each_verb_writes_its_row_and_says_what_it_would_do_and_when(decide, sql, argv, row, words):
    code, out, err = decide(*argv)
    assert (code, err) == (0, "")
    assert words in out
    assert "every 5 minutes of the session" in out
    written = sql(
        "SELECT action, symbol, target_decision_id, planned_entry, planned_sl, planned_tp, qty, close_price"
        " FROM analysis_decision"
    )
    assert written == [row]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["cancel"], "target_decision_id and symbol are missing"),
        (["amend", "--decision", "12"], "nothing is asked for"),
        (["amend", "--decision", "12", "--stop", "1,5"], "planned_sl '1,5' is not a plain, finite number"),
        (["close", "--decision", "x"], "target_decision_id 'x' is not a plain, finite number"),
        (["close", "--decision", "12", "--expires-at", "2020-01-02T15:00:00Z"], "has passed"),
    ],
)
def test_what_could_never_be_carried_out_is_not_written(decide, count, argv, said):
    code, _, err = decide(*argv)
    assert code == 2
    assert said in err
    assert count() == 0


def test_a_request_is_approved_like_any_decision_and_listed(decide, ticks):
    decide("close", "--decision", "12", "--approve")
    assert ticks() == [(1, 1)]
    code, out, _ = decide("list")
    assert code == 0
    assert "CLOSE" in out


def test_a_request_of_a_file_is_written_once(decide, count, tmp_path):
    file = tmp_path / "asked.csv"
    file.write_text(
        "symbol,trade_style,planned_entry,planned_sl,action,target_decision_id\n,,,152,AMEND,12\n,,,,CANCEL,\n",
        encoding="utf-8",
    )
    code, out, _ = decide("import", str(file))
    assert (code, count()) == (1, 1)
    assert "amend decision 12: stop 152" in out
    code, out, _ = decide("import", str(file))
    assert count() == 1
    assert "already there" in out


def test_a_short_sale_is_written_with_its_levels_the_other_way_round(decide, sql):
    code, out, _ = decide("add", "--symbol", "AAPL", "--side", "short", "--entry", "150", "--stop", "155",
                          "--target", "140", "--qty", "10")  # fmt: skip
    assert code == 0
    assert "sell short 10 AAPL at 150, stop 155, target 140" in out
    assert "155 > 150 > 140: 5 a share at risk, 10 to gain" in out
    assert sql("SELECT side FROM analysis_decision") == [("short",)]
