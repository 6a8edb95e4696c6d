"""The tables with columns of their own, through the real stages: trailing, missed looks, fills in parts, N1."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.planning.grid.levels import levels
from lib.planning.grid.reading import capital_need
from tests.grids import tables
from tests.grids.acceptance.driver import SECOND, played, structure
from tests.grids.acceptance.troubles import Allowed
from tests.grids.catalogue import M1_PATH, OTHERS

pytestmark = pytest.mark.slow

D = Decimal


def told(play, *columns):
    """Return these columns of a table as rows and broker have them."""
    ledger, price = play.book.ledger, play.price
    has = {
        "cash": ledger.cash,
        "inv": ledger.inventory,
        "matched": ledger.matched,
        "initial": ledger.initial,
        "unreal": ledger.unrealised(price),
        "equity": ledger.equity(price),
    }
    assert (play.cash, play.position) == (ledger.cash, ledger.inventory)
    return {column: has[column] for column in columns or has}


def says(row, *columns):
    return {column: D(row[column]) for column in columns or ("cash", "inv", "matched", "initial", "unreal", "equity")}


def by_name(play):
    """Live orders as (side, price, cell)."""
    mine = {o.alpaca_order_id: o for o in play.book.orders}
    found = play.broker.live_orders()
    return {(o.side, o.limit_price, mine[o.id].cell) for o in found if o.id in mine}


def test_a_grid_trails_up_by_one_cell_and_says_why_not_by_another(tmp_path):
    with played(tmp_path, OTHERS["T1"]) as play:
        play.start()
        play.new_fills()
        for row in tables.raw("T1"):
            play.go(D(row["price"]))
            play.look()
            book = play.book
            assert play.new_fills() == {(f.side, f.price, f.cell): f.qty for f in tables.fills(row["fills"])}
            assert levels(book.grid) == tuple(map(D, row["levels"].split()))
            buys, sells = tables.resting(row["buys"]), tables.resting(row["sells"])
            assert play.live == {("buy", o.price): o.qty for o in buys} | {("sell", o.price): o.qty for o in sells}
            assert told(play, "cash", "inv", "initial", "equity") == says(row, "cash", "inv", "initial", "equity")
        need, cash = capital_need(replace(book.grid, shift=2)), book.ledger.cash
        assert f"buys need {need}, cash {cash}" in row["trail"]
        assert play.strategy.reason == f"it does not trail to 140: its entries would need {need}, its cash is {cash}"


@pytest.mark.slow
@pytest.mark.parametrize("straddle", ["flat", "held", "nearest"])
@pytest.mark.parametrize("policy", ["drop", "dup"])
def test_on_the_path_of_the_counter_example_no_inventory_is_ever_uncovered(policy, straddle, tmp_path):
    with played(tmp_path, replace(OTHERS["N1"], straddle=straddle)) as play:
        play.start()
        path = [D(row["price"]) for row in tables.raw("N1") if row["policy"] == policy]
        assert len(path) == 5
        for price in path:

            def look():
                play.look()
                assert structure(play) == []
                assert sum(qty for (side, _), qty in play.live.items() if side == "sell") == play.position <= 20
                assert len(play.live) == 4

            play.go(price, at_each=look)


@pytest.mark.slow
@pytest.mark.parametrize("row", tables.raw("M1"), ids=lambda row: row["poll_every_n_prints"])
def test_missed_looks_lose_opportunities_and_nothing_else(row, tmp_path):
    with played(tmp_path, OTHERS["M1"]) as play:
        play.start()
        first = len(play.book.fills)
        for number, price in enumerate(M1_PATH, 1):
            play.go(price)
            if number % int(row["poll_every_n_prints"]) == 0:
                play.look()
        play.look()
        assert structure(play) == []
        book = play.book
        fills = book.fills[first:]
        created = {o.id: o.created_at for o in book.orders}
        assert len(fills) == int(row["fills"])
        assert sum(f.transaction_time - created[f.order_id] < SECOND for f in fills) == int(row["late(taker)"])
        assert book.ledger.relabelled / book.grid.qty == D(row["lots_relabelled"])
        assert book.ledger.arbitrages == D(row["trips"])
        assert told(play) == says(row)
        assert by_name(play) == set(tables.orders(row["orders"]))


@pytest.mark.parametrize("kind", ["spot", pytest.param("reverse", marks=pytest.mark.slow)])
def test_when_both_sides_filled_between_two_looks_a_lot_is_moved_and_nothing_is_refused(kind, tmp_path):
    missed, first, second = [row for row in tables.raw("M2") if row["kind"] == kind]
    with played(tmp_path, OTHERS[f"M2 {kind}"]) as play:
        play.start()
        for price in missed["step"].removesuffix(", no poll in between").split(" -> ")[1:]:
            play.go(D(price))
        assert by_name(play) == set(tables.orders(first["live before poll"]))
        assert play.cash == D(missed["cash"])
        assert play.position == D(missed["inv"])
        seen = len(play.book.fills)
        play.look()  # one pass looks as often as it takes: both polls of the table are in it
        (at_once,) = tables.fills(first["filled at once"])
        *missed_fills, last = play.book.fills[seen:]
        assert (last.side, last.qty, last.price) == at_once[:3]
        assert len(missed_fills) == 2
        rest = tables.orders(second["live before poll"]) + tables.orders(second["desired"])
        assert by_name(play) == set(rest)
        ledger = play.book.ledger
        assert f"{ledger.relabelled} c" in first["relabelled"]
        assert told(play) == says(second)
        assert {o.order_status for o in play.book.orders} <= {"filled", "new"}
        assert structure(play) == []


def test_partial_fills_of_both_sides_are_moved_by_quantity(tmp_path):
    allowed = Allowed()
    rows = tables.raw("P3")
    with played(tmp_path, OTHERS["P3"], options={"fill_plan": allowed}) as play:
        allowed.quantities["start-buy"] = 10
        play.start()

        def check(row, *columns):
            live = {(side, price): qty for side, price, qty in tables.amounts(row["live"])}
            assert play.live == live
            assert (play.cash, play.position) == (D(row["cash"]), D(row["inv"]))

        check(rows[0])
        allowed.quantities["c2-sell"] = 3
        play.go(D(110))
        check(rows[1])
        allowed.quantities["c1-buy"] = 2
        play.go(D(90))
        check(rows[2])
        before = len(play.book.orders)
        play.go(D(104))
        play.look()
        check(rows[4])
        assert told(play) == says(rows[4])
        assert [str(qty) for qty in play.book.ledger.held.values()] == rows[4]["held c0 c1 c2 c3"].split()
        assert play.book.ledger.relabelled == 2  # "move 2 c1->c2; 3 broker calls"
        assert len(play.book.orders) - before == 3
        assert structure(play) == []
        allowed.quantities |= {"c2-sell": 2}
        play.go(D(110))
        allowed.quantities |= {"c2-sell": 2}
        play.quote(D(110))
        play.look()
        check(rows[5])
        assert told(play) == says(rows[5])


def entry(play, cell=1):
    """What of one cell is bought, covered by live exits at the broker, and left to buy there; and what it cost."""
    book = play.book
    mine = {o.alpaca_order_id: o for o in book.orders}
    live = [o for o in play.broker.live_orders() if mine[o.id].cell == cell]
    left = {side: sum((o.qty - o.filled_qty for o in live if o.side == side), D(0)) for side in ("buy", "sell")}
    lots = [lot for lot in book.ledger.lots if lot.cell == cell]
    return book.ledger.held[cell], left["sell"], left["buy"], sum((lot.cost for lot in lots), D(0))


@pytest.mark.slow
@pytest.mark.parametrize(("lots", "ends"), [("1", "cancelled"), ("0.1", "expired")], ids=["GTC", "DAY"])
def test_partial_fills_replays_and_an_expiry_leave_the_lot_covered_and_the_rest_wanted(lots, ends, tmp_path):
    """Whole shares rest until the broker cancels them after ninety days; tenths of the lot expire with their day."""
    allowed, lots = Allowed(), D(lots)
    scenario = replace(OTHERS["P1"], qty=str(5 * lots), capital=str(2000 * lots))
    with played(tmp_path, scenario, options={"fill_plan": allowed}) as play:
        allowed.quantities["start-buy"] = 10 * lots
        play.start()
        total = {}
        bought = covered = D(0)
        for row in tables.raw("P1"):
            order, event = row["event"].split()[0], row["event"]
            cum = re.search(r"cum=(\d+)", event)
            average = re.search(r"avg=([\d.]+)", event)
            if average:
                known, paid = total.get(order, (D(0), D(0)))
                money = D(cum[1]) * D(average[1])
                total[order] = D(cum[1]), money
                allowed.quantities["c1-buy"] = (D(cum[1]) - known) * lots
                play.quote((money - paid) / (D(cum[1]) - known))
            elif "expired" in event:
                play.price = D(95)
                play.until(play.world.clock.now() + timedelta(days=91))
            play.look()  # a replay is a look that shows it again
            qty, exits, left, cost = entry(play)
            has = {
                "delta_qty": qty - bought,
                "new_exit_qty": exits - covered,
                "bought": qty,
                "covered_by_exits": exits,
                "entry_left": left,
                "cost": cost,
            }
            assert has == {column: D(row[column]) * lots for column in has}, event
            bought, covered = qty, exits
        ended = [o for o in play.book.orders if o.cell == 1 and o.side == "buy"]
        assert [(o.order_status, o.filled_qty) for o in ended] == [(ends, 4 * lots), ("filled", 1 * lots)]


@pytest.mark.slow
def test_partial_fills_of_coins_wait_as_dust_until_an_exit_of_them_may_be_placed(tmp_path):
    allowed = Allowed()
    with played(tmp_path, replace(OTHERS["P2"], capital="3000"), options={"fill_plan": allowed}) as play:
        allowed.quantities["start-buy"] = "0.02"
        play.start()
        seen = covered = D(0)
        for row in tables.raw("P2"):
            cum = D(re.search(r"cum=([\d.]+)", row["event"])[1])
            if cum > seen:
                allowed.quantities["c1-buy"] = cum - seen
                play.go(D(62000))
            play.look()
            _, exits, _, _ = entry(play)
            has = {
                "delta_gross": cum - seen,
                "sellable_total": play.book.ledger.net[1],
                "new_exit_qty": exits - covered,
                "exit_covered": exits,
                "uncovered_dust": play.book.ledger.net[1] - exits,
            }
            assert has == {column: D(row[column]) for column in has}, row["event"]
            seen, covered = cum, exits
