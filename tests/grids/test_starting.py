"""How a grid starts: checked whole, claimed with its first order in one transaction; or refused, or left waiting."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lib.domain.actions import Insert, Submit, Update, Write
from lib.domain.facts import Asset
from lib.domain.limits import CONFIRM_MISSING, Limits
from lib.domain.money import D
from lib.domain.records import Control
from lib.planning.deciding.entries import plan_order_executor
from lib.planning.grid.books import grid_books
from lib.planning.grid.starting import approvals, grids_as_stamped, plan_starting, symbols_to_start
from tests.builders import MINUTE, NOW, OPEN, account, context, quote, trade
from tests.grids.builders import grid_fill, grid_order, held, rows, snapshot, strategy, unsent, waiting

AAPL = Asset(symbol="AAPL", tradable=True, fractionable=True, shortable=True, borrow_status="easy_to_borrow")
BTC = Asset(
    symbol="BTC/USD",
    tradable=True,
    min_order_size=D("0.0001"),
    min_trade_increment=D("0.000000001"),
    price_increment=D("1"),
)
BEFORE = OPEN - timedelta(hours=1)


def plan(*grids, bid="100", ask="100", now=NOW, money=None, limits=None, **changes):
    asset = changes.pop("asset", AAPL)
    seen = snapshot(
        at=now,
        account=money or account(shorting_enabled=True),
        assets={"AAPL": asset},
        quotes={"AAPL": quote(bid, ask, at=changes.pop("quoted", now))} if bid else {},
        positions=changes.pop("positions", {}),
        market_open=True,
    )
    return plan_order_executor(rows(*grids, **changes), seen, context(now=now, limits=limits or Limits()))


def refused(planned):
    """Return status and reason as they are written of the one strategy; nothing else may be asked for."""
    (write,) = planned.actions
    assert isinstance(write, Write)
    (change,) = write.changes
    return change.values.get("status"), change.values["reason"]


def test_a_start_is_one_transaction_claim_price_and_first_order_before_anything_is_sent():
    (submit,) = plan(waiting()).actions
    assert isinstance(submit, Submit)
    claim, row = submit.intent
    assert isinstance(claim, Update)
    assert (claim.values["status"], claim.values["start_price"], claim.values["started_at"]) == ("STARTING", 100, NOW)
    assert isinstance(row, Insert)
    assert (row.values["strategy_id"], row.values["cell"], row.values["attempt"]) == (3, None, 1)
    assert row.values["trade_id"] is None
    assert submit.body == {
        "client_order_id": "ns-g3-start-buy-1",
        "symbol": "AAPL",
        "qty": "10",  # the cells 100 to 110 and 110 to 120
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "position_intent": "buy_to_open",
    }
    assert submit.increases_exposure


def test_a_reverse_grid_sells_the_cells_below_the_price_short():
    (submit,) = plan(waiting(kind="REVERSE", capital="2500")).actions
    body = submit.body
    assert (body["side"], body["qty"], body["position_intent"]) == ("sell", "10", "sell_to_open")
    assert body["client_order_id"] == "ns-g3-start-sell-1"


@pytest.mark.parametrize(("straddle", "qty"), [("flat", "10"), ("held", "15"), ("nearest", "10")])
def test_the_cell_that_the_price_stands_in_goes_by_straddle(straddle, qty):
    # 96 is nearer to 100 than to 90: what is bought there would be sold at once.
    (submit,) = plan(waiting(straddle=straddle), bid="95.90", ask="96.10").actions
    assert submit.body["qty"] == qty


def test_above_the_range_a_grid_starts_without_an_order():
    (write,) = plan(waiting(), bid="130", ask="130").actions
    assert isinstance(write, Write)
    (change,) = write.changes
    assert (change.values["status"], change.values["start_price"]) == ("STARTING", 130)


def test_a_strategy_is_stamped_first_and_answered_in_the_next_round():
    (write,) = plan(waiting(stamped=False)).actions
    (change,) = write.changes
    assert set(change.values) == {"approved_digest", "approved_seen_at"}
    assert approvals(rows(waiting(stamped=False, approve=None)), context()) == ()
    assert approvals(rows(waiting()), context()) == ()


def test_a_dry_run_looks_past_its_own_stamp():
    shown = grids_as_stamped(rows(waiting(stamped=False)), NOW)
    seen = snapshot(account=account(), assets={"AAPL": AAPL}, quotes={"AAPL": quote("100", "100")}, market_open=True)
    (submit,) = plan_order_executor(shown, seen, context()).actions
    assert isinstance(submit, Submit)


@pytest.mark.parametrize("approve", [None, False, 0, "1", "yes", 2])
def test_only_a_tick_approves(approve):
    assert plan(waiting(approve=approve)).actions == ()


def test_what_the_broker_did_not_take_is_sent_again_under_a_new_name():
    refused = grid_order(1, qty="10", order_status="rejected", attempt=1)
    (submit,) = plan(waiting(), orders=(refused,)).actions
    assert submit.body["client_order_id"] == "ns-g3-start-buy-2"
    assert plan(waiting(), orders=(replace(refused, order_status="cancelled"),)).actions == ()
    twice = replace(refused, submitted_at=refused.created_at + timedelta(minutes=1))
    assert plan(waiting(), orders=(twice,)).actions == ()


@pytest.mark.parametrize("status", ["STARTING", "RUNNING", "PAUSED", "STOPPING", "STOPPED", "REJECTED"])
@pytest.mark.case("fail-B1")
def test_what_was_claimed_once_is_never_started_again(status):
    assert plan(strategy(status=status)).actions == ()


def test_what_is_to_stop_before_it_began_is_not_started():
    assert plan(waiting(wanted="flatten")).actions == ()


@pytest.mark.case("fail-J4")
def test_an_edit_after_the_approval_ends_it():
    assert refused(plan(replace(waiting(), quantity_per_grid="50"))) == (
        "REJECTED",
        "EDITED_AFTER_APPROVAL: the row was changed after its approval; write a new strategy",
    )


FINAL = [
    (waiting(capital="1000"), {}, "GRID_CAPITAL: all cells bought"),
    (waiting(straddle="held", capital="1900"), {"bid": "109", "ask": "109"}, "GRID_CAPITAL: at 109"),  # 1090 + 850
    (waiting(), {"asset": None}, "GRID_SYMBOL: the broker knows no AAPL"),
    (waiting(), {"limits": Limits(symbols_denied=frozenset({"AAPL"}))}, "SYMBOL_DENIED"),
    (waiting(), {"limits": Limits(order_qty_max=D(4))}, "QTY: 5 shares in one order are more than the limit of 4"),
    (waiting(), {"limits": Limits(order_notional_max=D(549))}, "NOTIONAL: one of its orders costs 550"),  # 5 x 110
]
HALTED = Control(id=1, account="main", version=1, scope="all", state="HALTED", reason="a person")
FOR_NOW = [
    ({"bid": None}, "QUOTE: no usable quote"),
    ({"quoted": NOW - 20 * MINUTE}, "QUOTE: no usable quote"),
    ({"bid": "101", "ask": "100"}, "QUOTE: no usable quote"),
    ({"bid": "90", "ask": "110"}, "SPREAD"),
    ({"controls": (HALTED,)}, "CONTROL: all is HALTED: a person"),
    ({"money": account(blocked=True)}, "ACCOUNT: the broker has blocked"),
    ({"money": account(buying_power="1849")}, "BUYING_POWER: its orders need 1850"),  # 10 x 100 + 5 x (80 + 90)
    ({"trades": (trade(status="POSITION"),)}, "SYMBOL_BUSY: AAPL belongs to trade 7"),
    ({"positions": held("1")}, "SYMBOL_BUSY: the account already holds AAPL"),
    ({"asset": replace(AAPL, tradable=False)}, "NOT_TRADABLE"),
    ({"limits": Limits(order_qty_max=D(9))}, "SIZE: its first order, of 10 for 1000, is beyond the limits"),
    ({"limits": Limits(order_notional_max=D(999))}, "SIZE: its first order, of 10 for 1000, is beyond the limits"),
    ({"money": account(equity="9249")}, "POSITION: 1850 could be in AAPL, the limit is 1849.8"),  # a fifth
    (
        {"limits": Limits(gross_exposure_max=D("0.0184"))},
        "EXPOSURE: 1850 could be at stake in all, the limit is 1840",
    ),
]


@pytest.mark.parametrize(("grid", "world", "words"), FINAL, ids=lambda value: str(value)[:30])
def test_what_can_never_start_is_rejected_with_the_reason(grid, world, words):
    status, reason = refused(plan(grid, **world))
    assert status == "REJECTED"
    assert reason.startswith(words)


@pytest.mark.parametrize(("world", "words"), FOR_NOW, ids=lambda value: str(value)[:30])
def test_what_cannot_start_now_waits_with_the_reason_said_once(world, words):
    status, reason = refused(plan(waiting(), **world))
    assert status is None
    assert reason.startswith(words)
    assert plan(waiting(reason=reason), **world).actions == ()


ENDS_AT_ONCE = [
    ({"stop_price": "75"}, "75", "stop price 75 reached, the bid is 75"),
    ({"take_profit_price": "130"}, "130", "take profit price 130 reached, the bid is 130"),
    ({"out_of_range": "flatten"}, "79", "out of the range 80 to 120, the bid is 79"),
]


@pytest.mark.parametrize(("columns", "price", "why"), ENDS_AT_ONCE, ids=lambda value: str(value)[:30])
def test_a_grid_that_would_end_at_once_is_not_started(columns, price, why):
    _, reason = refused(plan(waiting(**columns), bid=price, ask=price))
    assert reason == f"STOP_THROUGH: it would end at once: {why}"


def test_what_a_running_grid_has_not_placed_yet_is_held_back_from_the_next_start():
    first = grid_order(1, qty="10", order_status="filled", filled_qty=D(10))
    seen = snapshot(
        account=account(buying_power="2600"),  # less 5 x (80 + 90): no entry of grid 3 is at the broker
        assets={"MSFT": replace(AAPL, symbol="MSFT")},
        quotes={"MSFT": quote("100", "100", symbol="MSFT")},
    )
    given = rows(strategy(), waiting(id=4, symbol="MSFT"), orders=(first,), fills=(grid_fill(1, first, price="100"),))
    (write,) = plan_order_executor(given, seen, context()).actions
    assert write.changes[0].values["reason"] == "BUYING_POWER: its orders need 1850, the buying power left is 1750"


def test_a_short_sale_that_the_account_may_not_make_waits():
    _, reason = refused(plan(waiting(kind="REVERSE"), money=account()))
    assert reason == "NOT_SHORTABLE: the account is not allowed to sell short"


def test_a_symbol_that_another_grid_has_is_busy_be_it_started_in_the_same_run():
    first, second = plan(waiting(), waiting(id=4)).actions
    assert isinstance(first, Submit)
    (change,) = second.changes
    assert change.values["reason"] == "SYMBOL_BUSY: AAPL belongs to grid 3"
    assert refused(plan(strategy(), waiting(id=4), positions=held("10")))[1] == change.values["reason"]


def test_what_one_start_needs_the_next_has_no_more():
    msft = waiting(id=4, symbol="MSFT")
    seen = snapshot(
        account=account(buying_power="3000"),
        assets={name: replace(AAPL, symbol=name) for name in ("AAPL", "MSFT")},
        quotes={name: quote("100", "100", symbol=name) for name in ("AAPL", "MSFT")},
    )
    first, second = plan_order_executor(rows(waiting(), msft), seen, context()).actions
    assert isinstance(first, Submit)
    assert second.changes[0].values["reason"] == "BUYING_POWER: its orders need 1850, the buying power left is 1150"


def test_outside_the_session_a_stock_waits_unasked_and_a_coin_starts():
    coin = waiting(id=4, symbol="BTC/USD")
    assert symbols_to_start(rows(waiting(), coin), context(now=BEFORE)) == ("BTC/USD",)
    assert plan_order_executor(rows(waiting()), snapshot(), context(now=BEFORE)).notes == (
        "grid 3 is approved and starts in a session",
    )


def test_coins_are_bought_good_till_cancelled_and_without_an_intent():
    coin = waiting(symbol="BTC/USD", lower_price="60000", upper_price="68000", quantity_per_grid="0.01", capital="3000")
    seen = snapshot(
        at=BEFORE,
        account=account(),
        assets={"BTC/USD": BTC},
        quotes={"BTC/USD": quote("64000", "64000", symbol="BTC/USD", at=BEFORE)},
        market_open=False,  # the market of stocks
    )
    (submit,) = plan_order_executor(rows(coin), seen, context(now=BEFORE)).actions
    assert (submit.body["qty"], submit.body["time_in_force"]) == ("0.02", "gtc")
    assert "position_intent" not in submit.body


def test_a_run_for_one_decision_starts_no_grid():
    planned = plan_order_executor(rows(waiting()), snapshot(account=account()), context(only_decision=12))
    assert planned.actions == ()


def follow(order, *, asked, now=NOW, fills=()):
    (book,) = grid_books(rows(strategy(status="STARTING"), orders=(order,), fills=fills))
    return plan_starting(book, asked, context(now=now))


ABSENT = unsent(1, qty="10", missing_at=NOW - CONFIRM_MISSING)
NOT_THERE = {"ns-g3-start-buy-1": None}


def test_a_first_order_twice_confirmed_absent_is_sent_again_under_its_own_id():
    (again,), problems = follow(ABSENT, asked=NOT_THERE)
    assert (again.body["client_order_id"], again.order.id, again.increases_exposure) == ("ns-g3-start-buy-1", 1, True)
    assert problems == ()


@pytest.mark.parametrize(
    ("order", "asked", "now", "told"),
    [
        (replace(ABSENT, missing_at=None), NOT_THERE, NOW, []),
        (ABSENT, {}, NOW, []),
        (replace(ABSENT, missing_at=NOW), NOT_THERE, NOW, ["OUTCOME_UNKNOWN"]),
        (replace(ABSENT, missing_at=BEFORE - MINUTE), NOT_THERE, BEFORE, ["OUTCOME_UNKNOWN"]),
        (grid_order(1, qty="10"), {}, NOW, []),
    ],
    ids=["one look", "not looked up", "too close", "no session", "live"],
)
def test_before_that_it_is_not(order, asked, now, told):
    actions, problems = follow(order, asked=asked, now=now)
    assert actions == ()
    assert [p.code for p in problems] == told


def test_with_a_fill_there_is_nothing_to_send_again():
    done = grid_order(1, qty="10", order_status="filled", filled_qty=D(10))
    assert follow(done, asked={}, fills=(grid_fill(1, done, price="100"),)) == ((), ())
