"""Which further trade a symbol admits with SYMBOL_SHARING=oco, and what each refusal says."""

import pytest

from lib.domain.money import D
from lib.planning.deciding.sharing import as_neighbour, neighbours, refuse_beside
from tests.builders import new_trade, trade

BUSY = "SYMBOL_BUSY: AAPL belongs to trade 7"


def beside(*owners, qty="5", **changes):
    return refuse_beside(new_trade(**changes), D(qty), neighbours(owners)["AAPL"])


@pytest.mark.case("fail-E13")
def test_a_swing_of_whole_shares_short_of_every_target_is_admitted():
    assert beside(trade(), trade(id=8, planned_tp=D("155")), entry=D("154.99")) is None


@pytest.mark.case("fail-E13")
@pytest.mark.parametrize(
    ("owner", "asked", "said"),
    [
        ({}, {"entry": D("160")}, f"{BUSY}: the entry 160 would meet its target 160"),
        ({}, {"style": "TREND"}, f"{BUSY}; only a SWING of whole shares may stand beside another trade"),
        ({}, {"qty": "0.5"}, f"{BUSY}; only a SWING of whole shares may stand beside another trade"),
        ({}, {"side": "short"}, f"{BUSY}: trade 7 is long, and long and short are never mixed"),
        ({"trade_style": "TREND", "planned_tp": None}, {}, f"{BUSY}: the cover of trade 7 is no OCO"),
        ({"planned_qty": D("2.5")}, {}, f"{BUSY}: the cover of trade 7 is no OCO"),
    ],
)
def test_what_is_not_admitted_says_which_rule_it_breaks(owner, asked, said):
    refused = beside(trade(**owner), **asked)
    assert (str(refused), refused.final) == (said, False)


def test_shorts_stand_beside_shorts_above_every_target():
    owner = trade(side="short", planned_sl=D("155"), planned_tp=D("140"))
    assert beside(owner, side="short", entry=D("140.01"), stop=D("156"), target=D("130")) is None
    assert beside(owner, side="short", entry=D("140"), stop=D("156"), target=D("130")) is not None


def test_a_trade_of_the_same_run_is_a_neighbour_like_any_other():
    first = as_neighbour(new_trade(id=12, target=D("152")))
    refused = refuse_beside(new_trade(id=13, entry=D("153")), D("5"), (first,))
    assert str(refused) == "SYMBOL_BUSY: AAPL belongs to decision 12: the entry 153 would meet its target 152"
