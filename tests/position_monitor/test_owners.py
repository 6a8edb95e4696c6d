"""Whose shares were sold or bought outside this system, for longs and for shorts alike; and what befalls all alike."""

import pytest

from lib.domain.money import D
from lib.planning.outside.owners import Ledger


def dealt(external, trades, delta):
    ledger = Ledger(D(external), {number: D(qty) for number, qty in trades.items()})
    return ledger.deal(D(delta)), (ledger.external, ledger.trades)


@pytest.mark.case("fail-E10", "fail-E13")
@pytest.mark.parametrize(
    ("external", "trades", "delta", "parts"),
    [
        # a sale: the user's own shares first, then the oldest trade's
        ("15", {7: "10"}, "-12", [(None, "-12")]),
        ("5", {7: "10", 8: "10"}, "-12", [(None, "-5"), (7, "-7")]),
        ("0", {7: "10", 8: "10"}, "-12", [(7, "-10"), (8, "-2")]),
        # a purchase: the user's own short first, then the oldest short trade's
        ("-15", {7: "-10"}, "12", [(None, "12")]),
        ("-5", {7: "-10", 8: "-10"}, "12", [(None, "5"), (7, "7")]),
        ("0", {7: "-10", 8: "-10"}, "12", [(7, "10"), (8, "2")]),
        # a short trade gives nothing to a sale, a long one nothing to a purchase: what is left is the user's
        ("0", {7: "-10"}, "-4", [(None, "-4")]),
        ("0", {7: "10"}, "4", [(None, "4")]),
        # what goes beyond all that there is turns the user's account round, and never a trade
        ("0", {7: "10"}, "-15", [(7, "-10"), (None, "-5")]),
        ("0", {7: "-10"}, "15", [(7, "10"), (None, "5")]),
    ],
)
def test_a_trade_of_the_user_s_takes_from_the_user_first_and_then_from_the_oldest_trade(external, trades, delta, parts):
    found, _ = dealt(external, trades, delta)
    assert found == [(owner, D(qty)) for owner, qty in parts]


@pytest.mark.case("fail-E12")
def test_a_flipped_position_leaves_the_trade_with_nothing_and_the_rest_with_the_user():
    _, left = dealt("0", {7: "10"}, "-15")
    assert left == (D("-5"), {7: D("0")})


@pytest.mark.parametrize(
    ("external", "trades", "delta", "parts"),
    [
        ("0", {7: "10"}, "60", [(7, "60")]),
        ("5", {7: "10", 8: "20"}, "210", [(None, "30"), (7, "60"), (8, "120")]),
        ("0", {7: "-10"}, "-60", [(7, "-60")]),
        ("0", {7: "15"}, "-13.5", [(7, "-13.5")]),
        # a third each has no end: nine decimals, and the newest trade has what is left over
        ("0", {7: "1", 8: "1", 9: "1"}, "1", [(7, "0.333333333"), (8, "0.333333333"), (9, "0.333333334")]),
    ],
)
def test_what_befalls_every_share_is_dealt_out_by_what_each_owner_has(external, trades, delta, parts):
    ledger = Ledger(D(external), {number: D(qty) for number, qty in trades.items()})
    assert ledger.share(D(delta)) == [(owner, D(qty)) for owner, qty in parts]
