"""Order states: what may follow what, and what an unknown word counts as."""

import pytest

from lib.domain import states
from lib.domain.states import BROKER_ENDED, BROKER_LIVE, ENDED, Move, TradeStatus, order_move

ALPACA = [
    "new",
    "partially_filled",
    "filled",
    "done_for_day",
    "cancelled",
    "expired",
    "replaced",
    "pending_cancel",
    "pending_replace",
    "accepted",
    "pending_new",
    "accepted_for_bidding",
    "stopped",
    "rejected",
    "suspended",
    "calculated",
    "held",
    "pending_review",
]


def test_every_word_that_alpaca_documents_is_either_live_or_ended():
    assert set(ALPACA) == BROKER_LIVE | BROKER_ENDED
    assert not BROKER_LIVE & BROKER_ENDED


@pytest.mark.parametrize("status", [*ALPACA, "pending", "unsent", "never seen before"])
def test_a_status_seen_again_is_the_same(status):
    assert order_move(status, status) is Move.SAME


@pytest.mark.parametrize("known", [*sorted(BROKER_LIVE), "pending", "never seen before"])
@pytest.mark.parametrize("seen", ["new", "filled", "cancelled", "another new word"])
def test_an_order_that_may_still_fill_can_go_anywhere(known, seen):
    assert order_move(known, seen) in {Move.STEP, Move.SAME}


@pytest.mark.parametrize("known", sorted(BROKER_ENDED))
@pytest.mark.parametrize("seen", [*sorted(BROKER_LIVE), "never seen before"])
def test_a_live_word_for_an_ended_order_is_an_old_read(known, seen):
    assert order_move(known, seen) is Move.STALE


@pytest.mark.parametrize(
    ("known", "seen", "move"),
    [
        ("cancelled", "filled", Move.STEP),
        ("expired", "filled", Move.STEP),
        ("replaced", "filled", Move.STEP),
        ("replaced", "cancelled", Move.STEP),
        ("unsent", "new", Move.STEP),
        ("unsent", "filled", Move.STEP),
        ("unsent", "cancelled", Move.STEP),
        ("filled", "cancelled", Move.UNKNOWN),
        ("filled", "expired", Move.UNKNOWN),
        ("cancelled", "expired", Move.UNKNOWN),
        ("rejected", "filled", Move.UNKNOWN),
    ],
)
def test_ends_change_only_in_the_ways_that_really_happen(known, seen, move):
    assert order_move(known, seen) is move


def test_a_closed_trade_stays_closed_and_only_a_late_fill_revives_a_cancelled_one():
    assert states.TRADE_TRANSITIONS[TradeStatus.CLOSED] == frozenset()
    assert states.TRADE_TRANSITIONS[TradeStatus.CANCELLED] == {TradeStatus.POSITION}
    assert set(states.TRADE_TRANSITIONS) == set(TradeStatus)


def test_what_we_gave_up_counts_as_ended_and_what_we_do_not_know_as_live():
    assert "unsent" in ENDED
    assert "pending" not in ENDED
