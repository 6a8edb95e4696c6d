"""The reference tables, row by row, from the rules alone: ledger, desired orders, and an exchange of pure values."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from lib.planning.grid.desired import desired, hole
from lib.planning.grid.levels import cells_held_at_start, level, levels
from lib.planning.grid.lots import Part
from lib.planning.grid.reading import capital_need
from tests.grids import catalogue, tables
from tests.grids.exchange import Exchange
from tests.grids.tables import Filled, Resting

D = Decimal


def resting(exchange, side):
    wants = [want for want in desired(exchange.grid, exchange.ledger) if want.side == side]
    return tuple(Resting(want.qty, want.price) for want in wants)


def by_cell(side, quantities, price):
    """An order of the whole grid as the tables print it: a part for each cell."""
    return tuple(Filled(side, qty, price, cell) for cell, qty in quantities.items() if qty)


def play(scenario):
    """Yield the exchange and the fills of each row of a scenario's table."""
    grid = scenario.grid
    exchange = Exchange(grid, D(scenario.start))
    opens, closes = ("buy", "sell") if grid.sign > 0 else ("sell", "buy")
    for row in tables.rows(scenario.name):
        seen = len(exchange.fills)
        if row.step == "t0":
            exchange.start()
            yield row, exchange, by_cell(opens, exchange.ledger.held, row.price)
            continue
        if row.step == "CLOSE":
            held, exchange.price = exchange.ledger.net, row.price
            exchange.close()
            yield row, exchange, by_cell(closes, held, row.price)
            continue
        if scenario.gap:
            exchange.jump(row.price)
        else:
            exchange.move(row.price, looks=True)
        exchange.settle()
        yield row, exchange, tuple(exchange.fills[seen:])


@pytest.mark.parametrize("name", catalogue.ROWS)
def test_every_row_of_the_table_is_reproduced_exactly(name):
    played = 0
    for row, exchange, fills in play(catalogue.ROWS[name]):
        book = exchange.ledger
        assert fills == row.fills, row.step
        if row.step != "CLOSE":  # a grid that was closed wants nothing more
            assert (resting(exchange, "buy"), resting(exchange, "sell")) == (row.buys, row.sells), row.step
        assert (book.cash, book.inventory) == (row.cash, row.inv), row.step
        assert (book.matched, book.initial, book.unrealised(row.price)) == (row.matched, row.initial, row.unreal), (
            row.step
        )
        assert (book.interval_gross, book.fees, book.arbitrages) == (row.interval_gross, row.fees, row.trips), row.step
        assert book.equity(row.price) == row.equity
        assert row.equity - exchange.grid.capital == row.matched + row.initial + row.unreal
        assert (book.relabelled, book.excess) == (0, 0)
        played += 1
    assert played == len(tables.raw(name))


def test_a_grid_trails_up_by_one_cell_and_is_refused_the_second():
    exchange = Exchange(catalogue.OTHERS["T1"].grid, D(100))
    exchange.start()
    for row in tables.raw("T1"):
        seen = len(exchange.fills)
        exchange.move(D(row["price"]), looks=True)
        beyond = replace(exchange.grid, shift=exchange.grid.shift + 1)
        need = capital_need(beyond)
        if row["trail"].startswith("cancel"):
            assert need <= exchange.ledger.cash
            exchange.trail(beyond.shift)
        elif row["trail"] != "-":
            assert f"buys need {need}, cash {exchange.ledger.cash}" in row["trail"]
            assert need > exchange.ledger.cash
        book = exchange.ledger
        assert tuple(exchange.fills[seen:]) == tables.fills(row["fills"])
        assert levels(exchange.grid) == tuple(D(price) for price in row["levels"].split())
        assert resting(exchange, "buy") == tables.resting(row["buys"])
        assert resting(exchange, "sell") == tables.resting(row["sells"])
        assert [book.cash, book.inventory, book.initial, book.equity(exchange.price)] == [
            D(row[column]) for column in ("cash", "inv", "initial", "equity")
        ]


def test_after_a_trailing_shift_the_fold_knows_old_cells_from_new_ones():
    exchange = Exchange(catalogue.OTHERS["T1"].grid, D(100))
    exchange.start()
    exchange.move(D(130), looks=True)
    exchange.trail(1)
    exchange.move(D(110), looks=True)  # buys 120 (c4) and 110 (c3)
    exchange.move(D(120), looks=True)  # sells what was bought at 110
    book = exchange.ledger
    assert book.held == {1: 0, 2: 0, 3: 0, 4: 5}
    assert (book.matched, book.initial, book.interval_gross, book.relabelled) == (50, 150, 150, 0)


@pytest.mark.parametrize("straddle", ["flat", "held", "nearest"])
@pytest.mark.parametrize("policy", ["drop", "dup"])
def test_on_the_path_of_the_counter_example_no_inventory_is_ever_uncovered(policy, straddle):
    scenario = replace(catalogue.OTHERS["N1"], straddle=straddle)
    exchange = Exchange(scenario.grid, D(scenario.start))
    exchange.start()
    path = [row for row in tables.raw("N1") if row["policy"] == policy]
    assert len(path) == 5
    for row in path:
        exchange.move(D(row["price"]), looks=True)
        sells = sum(order.qty for order in resting(exchange, "sell"))
        assert sells == exchange.ledger.inventory <= 20
        assert len(exchange.live) == 4
        assert hole(exchange.grid, exchange.ledger) is not None


@pytest.mark.parametrize("row", tables.raw("M1"), ids=lambda row: row["poll_every_n_prints"])
def test_missed_polls_lose_opportunities_and_nothing_else(row):
    exchange = Exchange(catalogue.OTHERS["M1"].grid, D(100))
    exchange.start()
    for number, price in enumerate(catalogue.M1_PATH, 1):
        exchange.move(price)
        if number % int(row["poll_every_n_prints"]) == 0:
            exchange.settle()
    exchange.settle()
    book = exchange.ledger
    expected = {
        "fills": len(exchange.fills),
        "late(taker)": exchange.late,
        "lots_relabelled": book.relabelled / exchange.grid.qty,
        "trips": book.arbitrages,
        "matched": book.matched,
        "initial": book.initial,
        "unreal": book.unrealised(D(107)),
        "cash": book.cash,
        "inv": book.inventory,
        "equity": book.equity(D(107)),
    }
    assert expected == {column: D(row[column]) for column in expected}
    wants = desired(exchange.grid, book)
    assert tuple((want.side, want.price, want.cell) for want in wants) == tables.orders(row["orders"])


def by_label(exchange):
    """What each cell would hold if a lot stayed where it was bought: the state before lots are moved."""
    grid = exchange.grid
    held = dict.fromkeys(grid.cells, D(0))
    for cell in cells_held_at_start(grid, D(100)):
        held[cell] = grid.qty
    for fill in exchange.fills:
        opens = (fill.side == "buy") == (grid.sign > 0)
        held[fill.cell] += fill.qty if opens else -fill.qty
    return held


def naive(exchange):
    """The counters of a grid that does not move lots, as (side, price, cell)."""
    grid, held = exchange.grid, by_label(exchange)
    enter = {cell: grid.qty - qty for cell, qty in held.items()}
    buys, sells = (enter, held) if grid.sign > 0 else (held, enter)
    return [("buy", level(grid, cell), cell, buys[cell]) for cell in grid.cells if buys[cell]] + [
        ("sell", level(grid, cell + 1), cell, sells[cell]) for cell in grid.cells if sells[cell]
    ]


def live(exchange):
    return {(side, exchange.limit(side, cell), cell) for side, cell in exchange.live}


def crosses(orders):
    buys = [price for side, price, *_ in orders if side == "buy"]
    sells = [price for side, price, *_ in orders if side == "sell"]
    return bool(buys) and bool(sells) and max(buys) >= min(sells)


@pytest.mark.parametrize("kind", ["spot", "reverse"])
def test_when_both_sides_filled_between_two_looks_a_lot_is_moved_and_nothing_crosses(kind):
    missed, *polls = [row for row in tables.raw("M2") if row["kind"] == kind]
    exchange = Exchange(catalogue.OTHERS[f"M2 {kind}"].grid, D(100))
    exchange.start()
    for price in missed["step"].removesuffix(", no poll in between").split(" -> ")[1:]:
        exchange.move(D(price))
    assert {order[:3] for order in naive(exchange)} == set(tables.orders(missed["desired"]))
    assert crosses(naive(exchange))
    moved = exchange.ledger.relabelled
    assert f"{moved} c" in polls[0]["relabelled"]
    compare(missed, exchange)
    for row in polls:
        assert live(exchange) == set(tables.orders(row["live before poll"]))
        before, seen = dict(exchange.live), len(exchange.fills)
        exchange.look()
        new = {(fill.side, exchange.limit(fill.side, fill.cell), fill.cell) for fill in exchange.fills[seen:]} | {
            (side, exchange.limit(side, cell), cell) for side, cell in exchange.live.keys() - before.keys()
        }
        assert new == set(tables.orders(row["desired"]))
        assert tuple(exchange.fills[seen:]) == tables.fills(row["filled at once"])
        assert not crosses(live(exchange))
        assert exchange.ledger.relabelled == moved
        compare(row, exchange)


def compare(row, exchange):
    book = exchange.ledger
    told = {
        "cash": book.cash,
        "inv": book.inventory,
        "matched": book.matched,
        "initial": book.initial,
        "unreal": book.unrealised(exchange.price),
        "equity": book.equity(exchange.price),
    }
    assert told == {column: D(row[column]) for column in told}


def test_partial_fills_of_both_sides_are_moved_by_quantity():
    rows = tables.raw("P3")
    exchange = Exchange(catalogue.OTHERS["P3"].grid, D(100))
    exchange.start()

    def check(row, held):
        assert " ".join(str(qty) for qty in held.values()) == row["held c0 c1 c2 c3"]
        left = {(side, exchange.limit(side, cell), qty) for (side, cell), qty in exchange.live.items()}
        assert left == set(tables.amounts(row["live"]))
        compare(row, exchange)

    check(rows[0], exchange.ledger.held)
    exchange.move(D(110), part=lambda qty: D(3))
    check(rows[1], by_label(exchange))
    exchange.move(D(90), part=lambda qty: D(2))
    check(rows[2], by_label(exchange))
    crossing = {(side, price, qty) for side, price, _, qty in naive(exchange)}
    assert {("buy", D(100), D(3)), ("sell", D(100), D(2))} <= crossing
    assert {("buy", D(100), D(3)), ("sell", D(100), D(2))} <= set(tables.amounts(rows[3]["live"]))
    exchange.price, calls = D(104), exchange.calls
    exchange.settle()
    assert (exchange.calls - calls, exchange.ledger.relabelled) == (3, 2)  # "poll: move 2 c1->c2; 3 broker calls"
    check(rows[4], exchange.ledger.held)
    exchange.move(D(110))
    exchange.settle()
    check(rows[5], exchange.ledger.held)


def partials(name):
    """Play the events of a table: the broker tells totals of an order, what is new of one is an execution."""
    scenario = catalogue.OTHERS[name]
    exchange = Exchange(scenario.grid, D(scenario.start))
    exchange.start()
    totals = {}
    for row in tables.raw(name):
        known, spent = totals.get(row["event"].split()[0], (D(0), D(0)))
        told = re.search(r"cum=([\d.]+)", row["event"])
        average = re.search(r"avg=([\d.]+)", row["event"])
        new = max(D(0), D(told[1]) - known) if told else D(0)
        if new:
            money = D(told[1]) * (D(average[1]) if average else level(exchange.grid, 1))
            exchange.execute(Part.ENTRY, 1, new, (money - spent) / new)
            totals[row["event"].split()[0]] = (D(told[1]), money)
        wants = {want.opens: want.qty for want in desired(exchange.grid, exchange.ledger) if want.cell == 1}
        yield row, new, exchange.ledger, wants.get(False, D(0)), wants.get(True, D(0))


def test_partial_fills_replays_and_an_expiry_leave_the_lot_covered_and_the_rest_wanted():
    covered = D(0)
    for row, new, book, exits, entry in partials("P1"):
        told = {
            "delta_qty": new,
            "new_exit_qty": exits - covered,
            "bought": book.held[1],
            "covered_by_exits": exits,
            "entry_left": entry,
            "cost": sum(lot.cost for lot in book.lots if lot.cell == 1),
        }
        assert told == {column: D(row[column]) for column in told}, row["event"]
        covered = exits


def test_partial_fills_of_coins_wait_as_dust_until_an_exit_of_them_may_be_placed():
    covered = D(0)
    for row, new, book, exits, _ in partials("P2"):
        told = {
            "delta_gross": new,
            "sellable_total": book.net[1],
            "new_exit_qty": exits - covered,
            "exit_covered": exits,
            "uncovered_dust": book.net[1] - exits,
        }
        assert told == {column: D(row[column]) for column in told}, row["event"]
        covered = exits
