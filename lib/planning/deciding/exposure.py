"""What the account has at stake, as the pre-trade checks see it; it grows as a run plans its orders.

An order of unknown outcome counts as filled, and so does what a live entry may still fill: the checks must hold
whatever becomes of them. "Today" is the session that is on.

A grid counts with what it holds at its last price and with all that its cells may still enter, resting or not; its
orders are no entries of a session, for it works by its own budget. To the day's result it adds the round trips that
ended today, and what it holds at a fresh price against its cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from lib.domain.bodies import is_coin
from lib.domain.facts import AccountFacts, Asset, BrokerPosition, Quote, Snapshot
from lib.domain.grids import OVER, Grid, GridStatus
from lib.domain.limits import Limits
from lib.domain.money import ONE, ZERO
from lib.domain.records import Control, Order, Position, Rows, Trade
from lib.domain.states import PENDING, ControlState, Role, Side, TradeStatus
from lib.planning.booking.results import gained_since
from lib.planning.books import TradeBook, books, bought_qty, entries, is_live, live, owned_qty
from lib.planning.context import Context
from lib.planning.deciding.amending import awaits_generation
from lib.planning.deciding.decisions import NewTrade
from lib.planning.deciding.sharing import Neighbour, as_neighbour, grid_as_neighbour, neighbours, owns_symbol
from lib.planning.grid.books import GridBook, grid_books, was_split
from lib.planning.grid.desired import to_enter
from lib.planning.grid.health import SPLIT
from lib.planning.grid.holdings import Holding, holdings
from lib.planning.grid.reading import status_of, symbol_of
from lib.planning.skew import is_bearable
from lib.planning.terms import entry_of, total_of

SHORT_SLACK = Decimal("1.03")
"""A short sale is held to cost three per cent above the ask (Alpaca, "Placing Orders")."""

MARK_LASTS = timedelta(minutes=15)
"""A mark lasts until the next one, and a while longer: position_monitor looks every ten minutes."""

LOSS_ACCEPTED = "daily loss accepted"
"""The reason with which a person resumes an account whose day has lost too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Dollars of one trade in one symbol: what its shares are worth, or what its entry may still fill (`resting`).

    Of a grid, which no decision made, `decision_id` is None.
    """

    decision_id: int | None
    symbol: str
    value: Decimal
    resting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One entry of today: what the next one is compared with."""

    decision_id: int
    symbol: str
    side: str
    qty: Decimal
    entry: Decimal
    stop: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the checks look at besides the decision; it grows as a run plans its orders."""

    now: datetime
    limits: Limits
    account: AccountFacts
    buying_power: Decimal
    owners: Mapping[str, str]  # symbol -> the trade that owns it, in words
    neighbours: Mapping[str, tuple[Neighbour, ...]] = field(default_factory=dict)  # symbol -> all trades that have it
    open_trades: int
    orders_this_run: int = 0
    decisions_at_once: int = 0
    controls: tuple[Control, ...] = ()
    assets: Mapping[str, Asset | None]
    quotes: Mapping[str, Quote]
    positions: Mapping[str, BrokerPosition]
    exposures: tuple[Exposure, ...] = ()
    sent_today: tuple[Sent, ...] = ()
    round_trips_today: Mapping[str, int] = field(default_factory=dict)  # symbol -> trades opened and closed again
    result_today: Decimal = ZERO  # realised today, and unrealised at fresh marks
    loss_accepted: bool = False  # by a person, in this session
    own_orders: tuple[Order, ...] = ()  # live ones of this system
    account_number: str | None = None  # as pinned
    calendar_agreed: bool = True
    clock_agreed: bool = True
    market_open: bool | None = None  # the broker's word; None if it was not asked

    def plus(self, trade: NewTrade, qty: Decimal) -> World:
        """Return the world after one more order of this run, as if it had filled."""
        cost = qty * price_of(trade, self.quotes.get(trade.symbol))
        exposure = Exposure(decision_id=trade.id, symbol=trade.symbol, value=cost, resting=True)
        sent = Sent(
            decision_id=trade.id, symbol=trade.symbol, side=trade.side, qty=qty, entry=trade.entry, stop=trade.stop
        )
        return replace(
            self,
            buying_power=self.buying_power - cost,
            owners={**self.owners, trade.symbol: f"decision {trade.id}"},
            neighbours={
                **self.neighbours,
                trade.symbol: (*self.neighbours.get(trade.symbol, ()), as_neighbour(trade)),
            },
            open_trades=self.open_trades + 1,
            orders_this_run=self.orders_this_run + 1,
            exposures=(*self.exposures, exposure),
            sent_today=(*self.sent_today, sent),
        )

    def started(self, grid: Grid, need: Decimal) -> World:
        """Return the world after the start of a grid that may come to need so much, in this run."""
        name, symbol = f"grid {grid.id}", grid.symbol
        return replace(
            self,
            buying_power=self.buying_power - need,
            owners={**self.owners, symbol: name},
            neighbours={**self.neighbours, symbol: (*self.neighbours.get(symbol, ()), grid_as_neighbour(grid))},
            exposures=(*self.exposures, Exposure(decision_id=None, symbol=symbol, value=need, resting=True)),
        )

    def without(self, book: TradeBook) -> World:
        """Return the world as if a trade had no entry: its next order takes the place of the one it has."""
        symbol = book.trade.symbol
        return replace(
            self,
            owners={named: owner for named, owner in self.owners.items() if named != symbol},
            positions={named: held for named, held in self.positions.items() if named != symbol},
            open_trades=self.open_trades - 1,
            buying_power=self.buying_power + to_come(book, self.now),
            exposures=self._without_entry(book.trade),
            own_orders=tuple(o for o in self.own_orders if o.trade_id != book.trade.id),
        )

    def asked(self, before: TradeBook, after: TradeBook) -> World:
        """Return the world after this run has written what a trade is to want, before order_monitor carries it out."""
        return replace(
            self,
            buying_power=self.buying_power + to_come(before, self.now) - to_come(after, self.now),
            exposures=(*self._without_entry(after.trade), *_resting(after, self.now)),
        )

    def _without_entry(self, trade: Trade) -> tuple[Exposure, ...]:
        return tuple(e for e in self.exposures if not (e.resting and e.decision_id == trade.decision_id))


def to_come(book: TradeBook, now: datetime) -> Decimal:
    """Return what a trade's entry may still cost: its live orders, or where it is more the next one it is amended to.

    Of the two only one is ever live, and nobody knows yet which of them fills.
    """
    standing = _standing(book)
    if not awaits_generation(book, now):
        return standing
    return max(standing, (total_of(book.trade) - bought_qty(book)) * entry_of(book.trade))


def _standing(book: TradeBook) -> Decimal:
    price = entry_of(book.trade)
    return sum(((o.qty - o.filled_qty) * (o.limit_price or price) for o in live(entries(book))), ZERO)


def _resting(book: TradeBook, now: datetime) -> Iterator[Exposure]:
    value, trade = to_come(book, now), book.trade
    if value > 0:
        yield Exposure(decision_id=trade.decision_id, symbol=trade.symbol, value=value, resting=True)


def price_of(trade: NewTrade, quote: Quote | None) -> Decimal:
    """Return what one share costs the account: its limit, for a short sale at least three per cent above the ask."""
    if trade.side != Side.SHORT or quote is None or quote.ask is None:
        return trade.entry
    return max(trade.entry, quote.ask * SHORT_SLACK)


def money_for(trade: NewTrade, world: World) -> Decimal:
    """Return the buying power for an entry, its reserve left alone; coins are paid in cash, they have no margin."""
    reserve = world.limits.buying_power_reserve * world.account.equity
    spent = world.account.buying_power - world.buying_power
    left = min(world.buying_power, world.account.cash - spent) if is_coin(trade.symbol) else world.buying_power
    return max(left - reserve, ZERO)


def qty_step(trade: NewTrade, asset: Asset | None) -> Decimal:
    """Return what a sized quantity is a multiple of: whole shares, or a coin's own increment."""
    if not is_coin(trade.symbol):
        return ONE
    step = asset.min_trade_increment if asset is not None else None
    return step or Decimal("0.000000001")


def world_of(rows: Rows, snapshot: Snapshot, context: Context, *, decisions_at_once: int = 0) -> World | None:
    """Gather what is at stake; None if the account was not asked, because nothing is to be checked."""
    if snapshot.account is None:
        return None
    shelf, needs = books(rows), _needs_of_grids(rows, context.limits)
    grids = [(each, needs.get(each.strategy.id, ZERO)) for mine in holdings(rows).values() for each in mine]
    owning = {o.trade_id for o in rows.orders if is_live(o)}
    open_now = [t for t in rows.trades if is_open_trade(t) or t.id in owning]
    marks = {p.trade_id: p for p in rows.positions if is_fresh(p, context)}
    entering = [o for o in rows.orders if o.order_type == Role.ENTRY]
    return World(
        now=context.now,
        limits=context.limits,
        account=snapshot.account,
        buying_power=snapshot.account.buying_power
        - _not_held_back(shelf, context.now)
        - sum((_unplaced(each, need) for each, need in grids), ZERO),
        owners=_owned_by_grids(rows) | {t.symbol: f"trade {t.id}" for t in open_now},
        neighbours=neighbours(open_now, rows.grids),
        open_trades=len(open_now),
        orders_this_run=sum(1 for o in entering if o.created_at >= context.pass_started_at),
        decisions_at_once=decisions_at_once,
        controls=rows.controls,
        assets=snapshot.assets,
        quotes=snapshot.quotes,
        positions=snapshot.positions,
        exposures=(
            *(e for book in shelf for e in _exposures(book, marks.get(book.trade.id), context.now)),
            *(e for each, need in grids for e in _of_grid(each, need)),
        ),
        sent_today=tuple(_sent(t) for t in rows.today if since_open(t.created_at, context)),
        round_trips_today=Counter(t.symbol for t in rows.today if _is_round_trip(t, context)),
        result_today=result_today(rows, context),
        loss_accepted=is_loss_accepted(rows, context),
        own_orders=tuple(o for o in rows.orders if is_live(o)),
        account_number=rows.account.account_number,
        calendar_agreed=context.calendar_agreed,
        clock_agreed=is_bearable(context.clock_skew),
        market_open=snapshot.market_open,
    )


def is_open_trade(trade: Trade) -> bool:
    """Say whether a trade has an entry or a position."""
    return trade.status in {TradeStatus.ORDERED, TradeStatus.POSITION}


def is_fresh(position: Position, context: Context) -> bool:
    """Say whether a position's value may be gone by."""
    at = position.quote_time
    return not position.stale and at is not None and context.now - at <= max(context.limits.quote_age_max, MARK_LASTS)


def result_today(rows: Rows, context: Context) -> Decimal:
    """Add up what the trades closed in this session made, what part of an open one was sold for, and fresh marks.

    A position without a fresh mark counts for nothing more: no value is invented.
    """
    realised = (t.actual_pnl for t in rows.today if t.exit_time is not None and since_open(t.exit_time, context))
    marked = (p.unrealized_pnl for p in rows.positions if is_fresh(p, context))
    sold = (
        gained_since(book, book.position.avg_entry_price, context.session.open)
        for book in books(rows)
        if book.position is not None and context.session is not None
    )
    grids = (_result_of(book, rows, context) for book in grid_books(rows, context.limits))
    return sum((value for value in (*realised, *marked, *sold, *grids) if value is not None), ZERO)


def _result_of(book: GridBook, rows: Rows, context: Context) -> Decimal:
    """Return what the round trips of a grid made that ended in this session, and its open lots at a fresh price.

    What a grid left that has ended is its user's. Of shares that were split, or may have been, nobody knows a cost.
    """
    strategy = book.strategy
    split = (strategy.reason or "").startswith(SPLIT) or was_split(strategy, book.grid.symbol, rows.changes)
    marked = status_of(strategy) not in OVER and not split
    ended = sum((trip.net for trip in book.ledger.trips if since_open(trip.closed_at, context)), ZERO)
    at, price, lasts = strategy.quote_time, strategy.last_price, max(context.limits.quote_age_max, MARK_LASTS)
    fresh = price is not None and at is not None and context.now - at <= lasts and marked
    return ended + book.ledger.unrealised(price) if price is not None and fresh else ended


def is_loss_accepted(rows: Rows, context: Context) -> bool:
    """Say whether a person resumed in this session and took the day's loss upon himself."""
    scopes = {"all", f"account:{rows.account.account}"}
    return any(
        c.scope in scopes
        and c.state == ControlState.ACTIVE
        and LOSS_ACCEPTED in (c.reason or "").lower()
        and c.since is not None
        and since_open(c.since, context)
        for c in rows.controls
    )


def since_open(at: datetime, context: Context) -> bool:
    """Say whether something happened in the session that is on."""
    return context.session is not None and at >= context.session.open


def _not_held_back(shelf: Iterable[TradeBook], now: datetime) -> Decimal:
    """Return what entries may cost that the broker's buying power may not know of: unsent, or of unknown outcome."""
    unknown = (o for book in shelf for o in entries(book) if o.order_status == PENDING)
    unsent = (to_come(book, now) - _standing(book) for book in shelf)
    return sum((o.qty * (o.limit_price or ZERO) for o in unknown), ZERO) + sum(unsent, ZERO)


def _exposures(book: TradeBook, mark: Position | None, now: datetime) -> Iterator[Exposure]:
    trade, owned = book.trade, owned_qty(book)
    price = mark.current_price if mark is not None and mark.current_price is not None else entry_of(trade)
    if owned > 0:
        yield Exposure(decision_id=trade.decision_id, symbol=trade.symbol, value=owned * price)
    yield from _resting(book, now)


def _owned_by_grids(rows: Rows) -> dict[str, str]:
    return {symbol_of(each): f"grid {each.id}" for each in rows.grids if owns_symbol(each)}


def _needs_of_grids(rows: Rows, limits: Limits) -> Mapping[int, Decimal]:
    """Return what the cells of each grid may still cost; one that ends enters none."""
    going_on = (book for book in grid_books(rows, limits) if status_of(book.strategy) is not GridStatus.STOPPING)
    return {book.strategy.id: to_enter(book.grid, book.ledger) for book in going_on}


def _unplaced(grid: Holding, need: Decimal) -> Decimal:
    """Return what a grid's entries may cost that the broker's buying power may not know of."""
    unknown = (o for o in grid.orders if o.order_status == PENDING and o.side == grid.opens)
    lost = sum((o.qty * (o.limit_price or grid.price) for o in unknown), ZERO)
    return max(need - grid.to_come, ZERO) + lost


def _of_grid(grid: Holding, need: Decimal) -> Iterator[Exposure]:
    held, resting = abs(grid.qty) * grid.price, max(grid.to_come, need)
    if held > 0:
        yield Exposure(decision_id=None, symbol=grid.symbol, value=held)
    if resting > 0:
        yield Exposure(decision_id=None, symbol=grid.symbol, value=resting, resting=True)


def _sent(trade: Trade) -> Sent:
    return Sent(
        decision_id=trade.decision_id,
        symbol=trade.symbol,
        side=trade.side,
        qty=total_of(trade),
        entry=entry_of(trade),
        stop=trade.planned_sl,
    )


def _is_round_trip(trade: Trade, context: Context) -> bool:
    ended = trade.exit_time if trade.status == TradeStatus.CLOSED else None
    return ended is not None and since_open(ended, context)
