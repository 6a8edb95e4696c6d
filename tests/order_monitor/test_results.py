"""What a trade came to where shares came and went that nobody traded: no sale, and no reason of its end."""

import pytest

from lib.domain.money import D
from lib.planning.booking.results import exit_values, fees_of, result
from tests.builders import NOW, book, change, exit_order, fill, order, trade

WHOLE = {"order_status": "filled", "filled_qty": D("10")}
BOUGHT = fill(qty=D("10"), price=D("150"))
STOPPED = fill(id=2, activity_id="F2", order_id=2, side="sell", qty=D("10"), price=D("145"), transaction_time=NOW)


def ended(*changes, fills=(BOUGHT, STOPPED)):
    kept = trade(status="POSITION")
    return book(order(**WHOLE), exit_order(**WHOLE), trade=kept, fills=fills, changes=changes)


@pytest.mark.parametrize("cause", ["SPLIT", "RENAME", "FEE_IN_KIND", "DUST"])
def test_what_leaves_without_a_price_is_no_sale_and_no_end(cause):
    """Bought for 1500, stopped out at 1450; the last thing that left is not what ended it."""
    told = ended(change(cause=cause, delta=D("-1"), price=None, at=NOW.replace(hour=20), activity_id="X"))
    assert exit_values(told) == {"exit_qty": D("10"), "exit_price": D("145")}
    values = result(told)
    assert (values["actual_pnl"], values["exit_reason"], values["exit_time"]) == (D("-50"), "STOPPED_OUT", NOW)
    assert values["exit_evidence"] == "F2"


def test_a_fraction_that_a_reverse_split_paid_out_is_a_sale():
    paid = change(cause="SPLIT", delta=D("-0.5"), price=D("600"), at=NOW.replace(hour=20), activity_id="X")
    values = result(ended(paid))
    assert (values["actual_pnl"], values["exit_reason"]) == (D("250"), "CORPORATE_ACTION")  # -50 + 300


def test_fees_in_coins_are_no_dollars():
    fills = (fill(fee=D("0.0025"), commission_asset="BTC"), fill(id=2, fee=D("0.07"), commission_asset="USD"))
    assert fees_of(ended(fills=fills)) == D("0.07")
