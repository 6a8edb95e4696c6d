"""What is asked of a short trade: sold at 150 or better, bought back."""

from decimal import Decimal

from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import at
from tests.lifecycles.desk import answer, ask, begin, look, resting, trade_of

SHORT_AAPL = {
    "symbol": "AAPL", "side": "short", "planned_entry": "150", "planned_sl": "155", "planned_tp": "140", "qty": "10",
}  # fmt: skip
SOLD = ((at(16, 14, 40), "149"), (at(16, 15, 0), "150.50"), (at(16, 15, 3), "149"))


def test_its_levels_are_amended_and_it_is_bought_back_at_market(make_world):
    made = begin(make_world, *SOLD, decision=SHORT_AAPL)
    asked = ask(made, "AMEND", planned_sl="152")
    look(made)
    assert resting(made) == [("buy", "limit", "10", "140"), ("buy", "stop", "10", "152")]
    closing = ask(made, "CLOSE")
    look(made)
    look(made)
    trade = trade_of(made)
    # sold at 150.50, bought back at the ask of 149.01
    assert (trade.status, trade.exit_reason, trade.actual_pnl) == ("CLOSED", "DECISION_EXIT", Decimal("14.90"))
    assert (answer(made, asked)[0], answer(made, closing)[0]) == ("DONE", "DONE")
    assert at_rest(made) == ()
