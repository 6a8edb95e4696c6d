"""Decisions as they were typed: read strictly, refused in words, never an exception."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.money import D
from lib.planning.deciding.decisions import (
    DECISION_COLUMNS,
    NewTrade,
    Refused,
    digest,
    is_ticked,
    read_decision,
    stamp_approvals,
)
from tests.builders import NOW, decision, new_trade, rows, trade

anything = (
    st.none()
    | st.text()
    | st.from_regex(r"[-+0-9.eE_,:TZ ]{0,25}")
    | st.sampled_from(["NaN", "Infinity", "1e999999", "\x00"])
)


def test_a_whole_decision_is_read_exactly():
    row = decision(planned_entry=" 150.00 ", symbol="aapl", action="new_trade", trade_style="swing", side="LONG")
    assert read_decision(row) == new_trade()


@pytest.mark.slow
@pytest.mark.case("fail-J1")
@given(st.fixed_dictionaries(dict.fromkeys(DECISION_COLUMNS, anything)))
def test_no_garbage_in_any_column_raises(columns):
    row = decision(stamped=False, **columns)
    assert isinstance(read_decision(row), NewTrade | Refused)
    assert len(digest(row)) == 64


@pytest.mark.slow
@given(st.sampled_from([c for c in DECISION_COLUMNS if c != "action"]), anything)
def test_no_garbage_in_an_otherwise_good_row_raises(column, value):
    assert isinstance(read_decision(decision(stamped=False, **{column: value})), NewTrade | Refused)


@pytest.mark.case("fail-J1")
@pytest.mark.parametrize("column", ["planned_entry", "planned_sl", "planned_tp", "qty", "trail_percent"])
@pytest.mark.parametrize("value", ["abc", "NaN", "inf", "-150", "0", "1,000", "1_000", "$150", "1e400", "１5x", "1 5"])
def test_a_number_that_is_none_is_refused_and_its_column_named(column, value):
    refused = read_decision(decision(**{column: value}))
    assert (refused.code, refused.final) == ("NUMBERS", True)
    assert column in refused.reason


@pytest.mark.case("fail-J8")
@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"action": "SELL"}, "ACTION", "'SELL'"),
        ({"action": None}, "ACTION", "None"),
        ({"symbol": ""}, "SYMBOL", "''"),
        ({"symbol": "AA PL"}, "SYMBOL", "AA PL"),
        ({"symbol": "АAPL"}, "SYMBOL", "not a symbol"),  # a Cyrillic А
        ({"symbol": "ABCDEFGHIJK"}, "SYMBOL", "ABCDEFGHIJK"),
        ({"symbol": "../x"}, "SYMBOL", "../x"),
        ({"side": "both"}, "NUMBERS", "side 'both'"),
        ({"trade_style": " "}, "NUMBERS", "trade_style is missing"),
        ({"planned_entry": None}, "NUMBERS", "planned_entry is missing"),
        ({"planned_sl": ""}, "NUMBERS", "planned_sl is missing"),
        ({"expires_at": "tomorrow"}, "NUMBERS", "tomorrow"),
        ({"expires_at": "2026-11-20T20:00:00"}, "NUMBERS", "no time zone"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "NUMBERS", "is not a time"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "NUMBERS", "is not a time"),
    ],
)
def test_words_that_are_not_known_are_refused_for_good(changes, code, says):
    refused = read_decision(decision(**changes))
    assert (refused.code, refused.final) == (code, True)
    assert says in refused.reason


def test_every_wrong_column_is_named_at_once():
    reason = read_decision(decision(planned_entry="x", qty="y", side="both", expires_at="z")).reason
    assert [name for name in ("planned_entry", "qty", "side", "expires_at") if name not in reason] == []


@pytest.mark.parametrize("column", ["planned_tp", "qty", "trail_percent", "expires_at"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_optional_may_be_left_empty(column, value):
    assert isinstance(read_decision(decision(**{column: value})), NewTrade)


@pytest.mark.case("fail-I-8")
def test_an_expiry_in_any_zone_is_read_as_the_same_instant():
    read = read_decision(decision(expires_at="2026-11-20T15:30:00-05:00"))
    assert read.expires_at == datetime(2026, 11, 20, 20, 30, tzinfo=UTC)


@pytest.mark.case("fail-J8")
def test_a_full_width_letter_is_the_letter():
    assert read_decision(decision(symbol="ＡＡＰＬ")).symbol == "AAPL"


@pytest.mark.case("fail-H12")
@pytest.mark.parametrize("value", [True, 1])
def test_only_true_and_one_are_ticks(value):
    assert is_ticked(value)


@pytest.mark.case("fail-H12")
@pytest.mark.parametrize("value", [False, 0, None, "true", "1", "yes", 1.0, D("1"), 2, b"1", [1]])
def test_nothing_else_is_a_tick(value):
    assert not is_ticked(value)


@pytest.mark.parametrize("column", DECISION_COLUMNS)
def test_the_digest_changes_with_every_column_that_an_approval_binds(column):
    assert digest(decision(**{column: "7"})) != digest(decision(**{column: "8"}))
    assert digest(decision(**{column: None})) != digest(decision(**{column: "None"}))


def test_the_digest_does_not_see_the_columns_of_ours():
    assert digest(decision()) == digest(decision(approve=None, execution_note="x", version=9))


def stamped(row, **kwargs):
    writes = stamp_approvals(rows(decisions=(row,), **kwargs), NOW)
    return dict(writes[0].changes[0].values) if writes else None


def test_a_row_seen_approved_for_the_first_time_is_stamped():
    row = decision(stamped=False)
    assert stamped(row) == {"approved_digest": digest(row), "approved_seen_at": NOW}


@pytest.mark.parametrize(
    "row",
    [
        decision(),
        decision(stamped=False, approve=False),
        decision(stamped=False, approve="yes"),
        decision(stamped=False, executed=True),
        decision(stamped=False, version=-1),
    ],
    ids=["stamped before", "not approved", "not quite approved", "executed", "cannot be written"],
)
def test_no_other_row_is_stamped(row):
    assert stamped(row) is None


def test_a_row_that_has_its_trade_is_never_stamped_again():
    assert stamped(decision(stamped=False), trades=(trade(),)) is None


def test_a_lost_time_is_stamped_again_and_a_lost_digest_without_touching_the_other():
    assert stamped(decision(approved_digest="d", approved_seen_at=None)) == {"approved_seen_at": NOW}
    row = decision(stamped=False, approved_seen_at=NOW)
    assert stamped(row) == {"approved_digest": digest(row)}
