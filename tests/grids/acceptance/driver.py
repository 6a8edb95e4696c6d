"""One grid in a World: real stages, a paper broker, and a price that is set by hand, level by level.

A table's row is the price that is gone to, what fills on the way, and one look of order_monitor. What is compared is
what the rows of the store fold to, and beside it what the broker itself has: its orders, its cash, its position.
"""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from lib.domain.actions import Insert
from lib.domain.bodies import is_coin
from lib.domain.states import ENDED
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.planning.grid.books import grid_books
from lib.planning.grid.desired import desired
from lib.planning.grid.levels import EXACT, cells_held_at_start, level, levels
from lib.simulation.evidence import Watch
from lib.simulation.points import Points
from lib.simulation.snapshots import begin_again, save
from lib.simulation.world import world
from lib.store import queries
from tests.grids import tables

D = Decimal
BEGIN = datetime(2024, 11, 20, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
LOOKS_APART = timedelta(seconds=35)
"""Two looks so far apart tell that an order was never there."""
LOOKS_MAX = 6
CASH = D(1_000_000)
FINE = 15
"""Digits after the point of a coin's fee: enough that no fee of the tables is rounded."""


class Play:
    """A World with one grid, and the price it is at."""

    def __init__(self, made, broker, scenario, columns):
        self.world, self.scenario, self.columns = made, scenario, columns
        self.broker = broker  # without what is put around the one that stages have
        self.price = D(scenario.start)
        self.watch = Watch()
        self.seen = 0

    # The clock and the price

    def quote(self, price):
        self.price = price
        self.world.price(self.scenario.symbol, str(price), str(price))

    def wait(self, time):
        """Let time go by; the price is quoted anew, for an old quote is none."""
        self.world.clock.sleep(time.total_seconds())
        self.quote(self.price)

    def way(self, price):
        """Return the prices on the way to `price`: each level between, unless the price jumps."""
        grid = self.book.grid if self.scenario.trailing else self.scenario.grid
        low, high = sorted((self.price, price))
        between = [each for each in sorted(levels(grid), reverse=price < self.price) if low < each < high]
        return [*([] if self.scenario.gap else between), price]

    def go(self, price, *, at_each=lambda: None):
        """Let the price go a minute later to `price`; no two of its steps are in one instant."""
        self.world.clock.sleep(MINUTE.total_seconds())
        for stop in self.way(price):
            self.world.clock.sleep(SECOND.total_seconds())
            self.quote(stop)
            at_each()

    def until(self, at):
        """Let time go by to `at` without a quote: nothing fills meanwhile, orders grow old."""
        self.world._post("/paper/price", {"symbol": self.scenario.symbol, "clear": True})
        self.world.clock.advance_to(at)
        self.quote(self.price)

    # Looks

    def run(self, stage="order_monitor"):
        return self.world.run(stage)

    def look(self, stage="order_monitor"):
        """Run a stage until it ends well, as often as it takes."""
        for _ in range(LOOKS_MAX):
            ran = self.run(stage)
            if ran.exit_code == 0:
                return
            self.wait(LOOKS_APART)
        raise AssertionError(ran.error or ran.result.problems or ran.result.notes)

    def start(self):
        self.look("order_executor")
        self.look()
        while any(o.cell is None and o.order_status not in ENDED for o in self.book.orders):
            assert all(o.cell is None for o in self.book.orders)  # nothing rests before the first order has ended
            self.wait(SECOND)
            self.look()
        assert self.strategy.status == "RUNNING", self.strategy.reason

    def close(self):
        """End the grid: at its stop price if it has one, else because a person wants it to."""
        if "stop_price" not in self.columns:
            self.sql("UPDATE grid_strategy SET wanted = 'flatten'")
        self.look()
        for _ in range(LOOKS_MAX):
            if self.strategy.status == "STOPPED":
                return
            self.wait(MINUTE)
            self.look()
        raise AssertionError(self.strategy.status)

    def row(self, row, *, at_each=lambda: None, befalls=lambda: None, look=None):
        """Play one row of a table: its price, what befalls then, and a look."""
        if row.step != "t0":
            self.go(row.price, at_each=at_each)
        befalls()
        if row.step == "t0":
            self.start()
        elif row.step == "CLOSE":
            self.close()
        else:
            (look or self.look)()

    # What it has come to

    @property
    def strategy(self):
        (found,) = queries.all_rows(self.world.store, "main").grids
        return found

    @property
    def book(self):
        symbol = self.scenario.symbol
        rows = queries.all_rows(self.world.store, "main")
        (found,) = grid_books(rows, self.world.tools.limits, {symbol: self.broker.asset(symbol)})
        return found

    @property
    def live(self):
        """What is left of live orders at the broker, by (side, price)."""
        found = {}
        for order in self.broker.live_orders():
            key = order.side, order.limit_price
            found[key] = found.get(key, 0) + order.qty - order.filled_qty
        return found

    @property
    def cash(self):
        """The broker's cash, as of an account that had the grid's capital alone."""
        return self.broker.account().cash - CASH + self.book.grid.capital

    @property
    def position(self):
        found = self.broker.positions().get(self.scenario.symbol)
        return D(0) if found is None else found.qty

    def sql(self, text):
        with self.world.store.writing() as connection:
            connection.execute(sa.text(text))

    def trips(self):
        """The table of round trips as a set, and the same of the fold."""
        with self.world.store.reading() as connection:
            found = connection.execute(sa.text("SELECT entry_fill, exit_fill, cell, qty, net FROM round_trip")).all()
        stored = {(a, b, cell, D(qty), D(net)) for a, b, cell, qty, net in found}
        assert len(stored) == len(found)
        return stored, {(t.entry, t.exit, t.cell, t.qty, t.net) for t in self.book.ledger.trips}

    def new_fills(self):
        """What has filled since the last question; parts of an order at one price are one."""
        book = self.book
        orders = {o.id: o for o in book.orders}
        found = {}
        for fill in book.fills[self.seen :]:
            key = fill.side, fill.price, orders[fill.order_id].cell
            found[key] = found.get(key, 0) + fill.qty
        self.seen = len(book.fills)
        return found

    def differences(self, row):
        """Return by column what rows and broker have, and what the table says."""
        book = self.book
        ledger = book.ledger
        has = {name: getattr(ledger, name) for name in ("cash", "matched", "initial", "interval_gross", "fees")}
        has |= {"inv": ledger.inventory, "unreal": ledger.unrealised(row.price), "equity": ledger.equity(row.price)}
        has |= {"trips": ledger.arbitrages, "live": self.live, "fills": self.new_fills()}
        has |= {"cash at the broker": self.cash, "position": self.position}
        says = {name: getattr(row, name) for name in tables.NUMBERS}
        says["live"] = {("buy", o.price): o.qty for o in row.buys} | {("sell", o.price): o.qty for o in row.sells}
        says["fills"] = as_ordered(row)
        says |= {"cash at the broker": row.cash, "position": row.inv}
        wrong = {name: (has[name], says[name]) for name in says if has[name] != says[name]}
        if row.step == "t0" and self.held() != {fill.cell: fill.qty for fill in row.fills}:
            wrong["held"] = self.held(), row.fills
        if row.equity - book.grid.capital != ledger.matched + ledger.initial + ledger.unrealised(row.price):
            wrong["identity"] = row.equity
        return wrong

    def held(self):
        return {cell: qty for cell, qty in self.book.ledger.held.items() if qty}

    # Put aside and begun again

    def save(self):
        return save(self.world, Points(), [self.world.paper]), self.price, self.seen, self.watch

    def begin_again(self, saved):
        kept, self.price, self.seen, _ = saved
        begin_again(self.world, Points(), [self.world.paper], kept)
        self.world.history.clear()
        self.watch_anew()

    def watch_anew(self):
        self.watch = Watch()
        self.world.observers[:] = [self.watch]

    def unwatched(self):
        self.watch = None
        self.world.observers.clear()

    def broken(self):
        return [str(violation) for violation in self.watch.violations] if self.watch is not None else []


def as_ordered(row):
    """The fills of a row by (side, price, cell): those of a first or last order as one, and of no cell."""
    found = {}
    for side, qty, price, cell in row.fills:
        key = side, price, None if row.step in {"t0", "CLOSE"} else cell
        found[key] = found.get(key, 0) + qty
    return found


@contextmanager
def played(directory, scenario, *, wrap=lambda tools: tools, begin=BEGIN, options=None, **columns):
    """Open a World with the grid of a scenario, approved and not started; `wrap` may put something around its ports."""
    directory.mkdir(parents=True, exist_ok=True)
    coin = is_coin(scenario.symbol)
    fee = D(scenario.fee_bps)
    rates = {"crypto_taker_bps": fee, "crypto_maker_bps": fee} if coin else {"stock_fee_bps": fee}
    digits = -D(scenario.increment).as_tuple().exponent
    calm = Options(
        partial_fill_rate=D(0), cash=CASH, crypto_fee_coin_digits=digits or 9, crypto_fee_money_digits=FINE, **rates
    )
    # Older than any session that is played: of the feed itself nothing ever fills.
    feed = ScriptedFeed({scenario.symbol: [(begin - timedelta(days=5), D(scenario.start))]})

    bare = []

    def wrapped(tools):
        bare.append(tools.broker)
        name = "grid_fee_bps_coin" if coin else "grid_fee_bps_stock"
        return wrap(replace(tools, limits=replace(tools.limits, **{name: fee})))

    with world(directory, begin, feed, options=replace(calm, **(options or {})), wrap=wrapped) as made:
        if coin:
            steps = {"min_trade_increment": scenario.increment, "min_order_size": scenario.qty_min}
            made.asset(symbol=scenario.symbol, price_increment=scenario.tick, **steps)
        row = {
            "account": "main",
            "symbol": scenario.symbol,
            "kind": scenario.kind,
            "lower_price": scenario.lower,
            "upper_price": scenario.upper,
            "levels": str(scenario.levels),
            "spacing": scenario.spacing,
            "quantity_per_grid": scenario.qty,
            "capital": scenario.capital,
            "straddle": scenario.straddle,
            "trailing": "yes" if scenario.trailing else None,
            "approve": True,
        }
        made.store.write((Insert(table="grid_strategy", values=row | columns),), run_id="person", at=made.clock.now())
        play = Play(made, bare[0], scenario, columns)
        play.watch_anew()
        play.quote(play.price)
        yield play
        assert play.broken() == [], play.broken()


def plays(play, table, **named):
    """Play a table to its end and compare every row."""
    wrong = {}
    for row in table:
        play.row(row, **named)
        if differs := play.differences(row):
            wrong[row.step] = differs
    assert wrong == {}, wrong
    stored, folded = play.trips()
    assert stored == folded, stored ^ folded


def structure(play):
    """What holds after any look whatever was missed (grid-I2 to I7): say what does not."""
    book, position = play.book, play.position
    grid, ledger = book.grid, book.ledger
    wrong = []
    live = play.live
    wants = {}
    for want in desired(grid, ledger):
        wants[want.side, want.price] = wants.get((want.side, want.price), 0) + want.qty
    if live != wants:
        wrong.append(f"I5: {live} rest, {wants} are wanted")
    quantities = list(ledger.held.values())[:: 1 if grid.sign < 0 else -1]  # from the far end
    full = [qty == grid.qty for qty in quantities]
    partial = [qty for qty in quantities if 0 < qty < grid.qty]
    if len(partial) > 1 or full != sorted(full, reverse=True) or any(quantities[full.count(True) + 1 :]):
        wrong.append(f"I3: {quantities}")
    if not partial and len(live) != grid.levels - 1:
        wrong.append(f"I2: {len(live)} orders of {grid.levels - 1} cells")
    buys = [price for side, price in live if side == "buy"]
    sells = [price for side, price in live if side == "sell"]
    if buys and sells and max(buys) >= min(sells):
        wrong.append(f"I4: a buy at {max(buys)}, a sell at {min(sells)}")
    exits = sum(qty for (side, _), qty in live.items() if side == ("sell" if grid.sign > 0 else "buy"))
    if not exits == abs(ledger.inventory) == grid.sign * position:
        wrong.append(f"I6: exits {exits}, inventory {ledger.inventory}, position {position}")
    if play.cash != ledger.cash:
        wrong.append(f"I8: cash {ledger.cash}, at the broker {play.cash}")
    price = play.price
    total = ledger.matched + ledger.initial + ledger.unrealised(price)
    if EXACT.subtract(ledger.equity(price), grid.capital) != total:
        wrong.append(f"I7: {ledger.equity(price)}, {total}")
    return wrong


def closed_form(play):
    """The two sides of grid-I12, of a grid without fees, open lots counted at the level they were to be bought at."""
    book = play.book
    grid, ledger = book.grid, book.ledger
    sign = grid.sign
    limits = {o.id: o.limit_price for o in book.orders}
    orders = {o.id: o for o in book.orders}

    def entry(cell):
        return level(grid, cell if sign > 0 else cell + 1)

    start = book.strategy.start_price
    improved = sum(
        fill.qty * (limits[fill.order_id] - fill.price) * (1 if fill.side == "buy" else -1)
        for fill in book.fills
        if orders[fill.order_id].cell is not None
    )
    initially = sum(sign * (entry(cell) - start) * grid.qty for cell in cells_held_at_start(grid, start))
    open_lots = sum(sign * entry(cell) * qty for cell, qty in ledger.held.items())
    return ledger.cash - grid.capital + open_lots, ledger.interval_gross + improved + initially
