"""Fees that the broker posts for the fills of grids: on the fills, in the ledger, in the rows of round trips."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.actions import Insert, Update
from lib.domain.facts import Activity
from lib.domain.grids import RoundTrip
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.planning.booking.fees import plan_fees
from lib.planning.grid.booking import book_grids
from lib.planning.grid.books import book_of, grid_rows
from lib.planning.grid.posting import plan_grid_fees
from lib.store import queries
from tests import builders
from tests.grids import test_ending
from tests.grids.builders import START, filled, grid_fill, rows, snapshot, strategy
from tests.grids.catalogue import ROWS
from tests.grids.test_stages import MINUTE, play, start

DAY = START.date()
LIMITS = Limits(grid_fee_bps_stock=D(0))


def fee(name, amount=None, *, kind="FEE", **more):
    values = {"id": name, "kind": kind, "date": DAY, "net_amount": None if amount is None else -D(amount)}
    return Activity(**(values | more))


BUY = filled(2, cell=1, side="buy", price="90")
SELL = filled(3, cell=1, side="sell", price="100")
BOUGHT = grid_fill(1, BUY, price="90")
SOLD = grid_fill(2, SELL, price="100", minute=2)


def kept(given):
    """Return the rows with the round trips that booking writes for them."""
    (write,) = book_grids(given, snapshot(), START, LIMITS).writes
    trips = [RoundTrip(id=n, **c.values) for n, c in enumerate(write.changes, 1) if c.table == "round_trip"]
    pairs = frozenset((trip.entry_fill, trip.exit_fill) for trip in trips)
    return replace(given, trips=tuple(trips), round_trips=pairs)


def posted(given, *activities):
    look = snapshot(activities=activities, fees_from=DAY)
    return plan_grid_fees(given, given, look, LIMITS)


def updates(writes, table):
    return [(c.id, c.values) for w in writes for c in w.changes if isinstance(c, Update) and c.table == table]


def after(given, writes):
    """Return the rows after the writes, versions counted up."""
    fills, trips = {f.id: f for f in given.fills}, {t.id: t for t in given.trips}
    for change in (c for w in writes for c in w.changes):
        found = fills if change.table == "fill" else trips
        if isinstance(change, Insert):
            number = len(trips) + 1
            trips[number] = RoundTrip(id=number, **change.values)
        else:
            old = found[change.id]
            assert change.version == old.version
            found[change.id] = replace(old, version=old.version + 1, **change.values)
    return replace(given, fills=tuple(fills.values()), trips=tuple(trips.values()))


@pytest.mark.parametrize("status", ["RUNNING", "STOPPED"])
def test_a_day_s_fee_is_on_the_fills_of_a_grid_and_in_its_round_trip(status):
    """450 and 500 dollars bear 19 cents as nine and ten; 50 made of 450 are then 49.81: 1106.888889 basis points."""
    given = kept(rows(strategy(status=status), orders=(BUY, SELL), fills=(BOUGHT, SOLD)))
    writes = posted(given, fee("A1", "0.19"))
    assert len(writes) == 1
    dollars = {"commission_asset": "USD"}
    assert updates(writes, "fill") == [(1, {"fee": D("0.09")} | dollars), (2, {"fee": D("0.10")} | dollars)]
    told = {"fees": D("0.19"), "net": D("49.81"), "pnl_bps": D("1106.888888889")}
    assert updates(writes, "round_trip") == [(1, told)]
    assert posted(after(given, writes), fee("A1", "0.19")) == ()


def test_a_grid_and_a_trade_of_one_day_share_its_fee_and_nothing_of_it_is_lost():
    """The trade's 1500 and 2500 and the grid's 450 and 500 bear 99 cents: 30 and 50, nine and ten."""
    bought = builders.fill(id=11, activity_id="T1", order_id=11, symbol="MSFT")
    sold = replace(bought, id=12, activity_id="T2", order_id=12, side="sell", price=D("250"))
    orders = (builders.order(id=11), builders.exit_order(id=12))
    given = kept(rows(strategy(), orders=(BUY, SELL), fills=(BOUGHT, SOLD)))
    given = replace(
        given,
        trades=(builders.trade(status="CLOSED", symbol="MSFT", actual_pnl=D("1000")),),
        orders=(*given.orders, *orders),
        fills=(*given.fills, bought, sold),
    )
    look = snapshot(activities=(fee("A1", "0.99"),), fees_from=DAY)
    of_trades = plan_fees(given, given, look, START)
    booked = updates((*of_trades, *posted(given, fee("A1", "0.99"))), "fill")
    assert {number: values["fee"] for number, values in booked} == {
        11: D("0.30"),
        12: D("0.50"),
        1: D("0.09"),
        2: D("0.10"),
    }


def test_fees_of_a_grid_that_nobody_can_read_are_on_its_fills_all_the_same():
    given = rows(strategy(levels="many"), orders=(BUY, SELL), fills=(BOUGHT, SOLD))
    writes = posted(given, fee("A1", "0.19"))
    assert [number for number, _ in updates(writes, "fill")] == [1, 2]


BITCOIN = {
    "symbol": "BTC/USD",
    "lower_price": "60000",
    "upper_price": "68000",
    "quantity_per_grid": "0.1",
    "capital": "20000",
}


def coin_rows(*, fees=(None, None)):
    """Bought 0.1 and 0.1 at 62000, less 0.00025 each as is assumed. 0.09975 sold at 64000, the rest at 63000."""
    buys = [filled(n, "0.1", cell=c, side="buy", price="62000", symbol="BTC/USD") for n, c in ((2, 1), (3, 0))]
    sell = filled(4, "0.09975", cell=0, side="sell", price="64000", symbol="BTC/USD")
    close = filled(5, "0.09995", side="sell", symbol="BTC/USD")
    fills = [grid_fill(n, o, price="62000", minute=n) for n, o in enumerate(buys, 1)]
    fills = [replace(f, fee=x and D(x), commission_asset=x and "BTC") for f, x in zip(fills, fees, strict=True)]
    sales = [grid_fill(3, sell, price="64000", minute=3), grid_fill(4, close, price="63000", minute=4)]
    return rows(strategy(status="STOPPED", **BITCOIN), orders=(*buys, sell, close), fills=(*fills, *sales))


def test_coins_sold_beyond_the_assumed_fee_were_not_taken_and_nothing_is_held():
    """199700 millionths were sold, 199500 should have been left: 0.0002 of the newest purchase's fee was not taken."""
    book = book_of(grid_rows(coin_rows())[0], Limits(grid_fee_bps_coin=D(25)))
    assert (book.ledger.inventory, book.ledger.excess, book.ledger.lots) == (0, 0, ())
    assert sum((t.entry_qty - t.qty for t in book.ledger.trips), D(0)) == D("0.0003")


def test_once_its_fees_are_posted_a_grid_closes_none_of_the_user_s_coins():
    first, bought = test_ending.coin_rows("0.02", fee=D("0.00005"))
    seen = builders.snapshot(positions={"BTC/USD": test_ending.held("0.01997", symbol="BTC/USD")})
    step = test_ending.plan(test_ending.coins(first, fills=(bought,)), seen=seen)
    assert test_ending.body_of(step)["qty"] == "0.01995"


def test_posted_coins_bring_the_round_trips_of_a_stopped_grid_to_what_its_cash_gained():
    """15 basis points: 0.00015 of each; 12400 paid, 6384 and 6296.85 received less fees of 15.96 and 15.75."""
    given = kept(coin_rows())
    coins = {"kind": "CFEE", "symbol": "BTCUSD", "qty": D("-0.00015"), "price": D("62000")}
    look = (fee("A1", **coins), fee("A2", **coins), fee("A3", "15.96", kind="CFEE"), fee("A4", "15.75", kind="CFEE"))
    writes = posted(given, *look)
    now = after(given, writes)
    assert [f.fee for f in now.fills[:2]] == [D("0.00015"), D("0.00015")]
    assert sum(f.fee for f in now.fills[2:]) == D("31.71")
    gained = D("6384") + D("6296.85") - D("31.71") - D("12400")
    assert sum(t.net for t in now.trips) == gained
    ledger = book_of(grid_rows(now)[0], LIMITS).ledger
    assert (ledger.inventory, ledger.matched + ledger.initial) == (0, gained)
    assert posted(now, *look) == ()


def test_a_round_trip_that_fees_undo_keeps_its_row_with_nothing_in_it_and_one_they_make_gets_a_row():
    given = kept(coin_rows())
    coins = {"kind": "CFEE", "symbol": "BTCUSD", "qty": D("-0.00015"), "price": D("62000")}
    look = (fee("A1", **coins), fee("A2", **coins))
    right = after(given, posted(given, *look))
    undone = replace(right.trips[0], id=9, entry_fill="F9")
    missing, *others = [t for t in right.trips if t.exit_fill == "F4"]
    wrong = replace(right, trips=(*(t for t in right.trips if t is not missing), undone))
    assert others
    now = after(wrong, posted(wrong, *look)).trips
    (empty,) = (t for t in now if t.entry_fill == "F9")
    assert {empty.qty, empty.gross, empty.fees, empty.net, empty.pnl_bps} == {0}
    assert sum(t.net for t in now) == sum(t.net for t in right.trips)
    assert {(t.entry_fill, t.exit_fill) for t in now} == {(t.entry_fill, t.exit_fill) for t in (*right.trips, empty)}


@pytest.mark.slow
def test_a_coin_grid_that_was_stopped_has_made_to_the_cent_what_the_account_gained_once_fees_are_posted(tmp_path):
    scenario = replace(ROWS["C1"], fee_bps="25")
    with play(tmp_path, scenario) as found:
        start(found)
        for price in ("62000", "64000", "62000", "64000"):
            found.go(Decimal(price))
            found.settle("order_monitor")
        found.sql("UPDATE grid_strategy SET wanted = 'flatten', version = version + 1")
        for _ in range(4):
            found.wait(2 * MINUTE)
            found.settle("order_monitor")
        world = found.world
        (ended,) = queries.grids(world.store, "main")
        assert (ended.status, world.tools.broker.positions()) == ("STOPPED", {})
        found.wait(timedelta(days=1))
        found.settle("position_monitor")
        kept_rows = queries.all_rows(world.store, "main")
        gained = world.tools.broker.account().cash - world.cash_start
        (book,) = (book_of(each, world.tools.limits) for each in grid_rows(kept_rows))
        taken = [f.fee for f in kept_rows.fills if f.side == "buy"]
        assert taken == [D("0.00005"), D("0.000015"), D("0.000015")]  # 25 basis points of 0.02, 15 of what rested
        assert (book.ledger.inventory, book.ledger.excess) == (0, 0)
        assert book.ledger.matched + book.ledger.initial == book.ledger.cash - book.grid.capital == gained
        assert sum(t.net for t in queries.round_trips(world.store, "main", ended.id)) == gained
