"""What the account is worth, what its positions bind of that, and what is left to buy with.

From docs.alpaca.markets, "Margin and Short Selling" and the account's fields in Alpaca's specification:

    equity          cash + long market value + short market value (below zero)
    initial margin  half of what marginable positions are worth, all of what others are; never less than maintenance
                    (no source for the last part: a purchase would meet a margin call at once)
    maintenance     long: 30 % (the asset's own figure), all below $2.50 a share
                    short: the larger of 30 % and $5.00 a share; below $5.00 a share, of 100 % and $2.50 a share
    multiplier      2; 1 with less than $2,000 of equity, and then no shorts
    buying power    multiplier x (equity - initial margin); with a multiplier of 4, 4 x (equity - maintenance margin)

Open orders that open or enlarge a position take their value from the buying power. Coins, and what else is not
marginable, are paid for with cash alone. Nobody is called for margin or sold out here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ONE, ZERO
from lib.paper_broker.exchange import holdings
from lib.paper_broker.exchange.assets import describe
from lib.paper_broker.exchange.postings import moved
from lib.paper_broker.exchange.records import Side

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.assets import Asset
    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market
    from lib.paper_broker.exchange.records import Order, Position
    from lib.paper_broker.exchange.rules import Rules

HUNDRED = Decimal(100)
MARGIN_EQUITY_MIN = Decimal(2000)
USUAL_MAINTENANCE = Decimal("0.3")
REG_T, DAY_TRADER = Decimal(2), Decimal(4)
LONG_CHEAP = Decimal("2.50")
SHORT_CHEAP = Decimal(5)
SHORT_PER_SHARE_CHEAP, SHORT_PER_SHARE = Decimal("2.50"), Decimal(5)


Stake = tuple["Asset", Decimal, Decimal]
"""An asset, the quantity held and what it is worth, both below zero for a short position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the account is worth at one instant, and what its positions bind."""

    cash: Decimal
    long_value: Decimal
    short_value: Decimal  # not above zero
    initial_margin: Decimal
    maintenance_margin: Decimal
    multiplier: Decimal

    @property
    def equity(self) -> Decimal:
        """Return what would be left if every position were closed."""
        return self.cash + self.long_value + self.short_value

    @property
    def excess(self) -> Decimal:
        """Return the equity that no position binds."""
        bound = self.maintenance_margin if self.multiplier == DAY_TRADER else self.initial_margin
        return self.equity - bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What new orders may still cost, in money."""

    multiplier: Decimal
    free: Decimal  # equity that neither positions nor open orders bind
    cash: Decimal  # what coins, and what else is not marginable, may cost
    reg_t: Decimal

    @property
    def buying_power(self) -> Decimal:
        """Return what marginable assets may cost."""
        return self.multiplier * self.free


def standing(book: Book, market: Market, rules: Rules, now: datetime) -> Standing:
    """Return what the account is worth now; a position without any price counts at cost."""
    stakes = [_stake(book, market, position, now) for position in holdings.owned(book).values()]
    return _standing(book, rules, book.account.cash, stakes)


def last_standing(book: Book, market: Market, rules: Rules, now: datetime) -> Standing:
    """Return what the account was worth at the last close: what has happened since is taken back."""
    close, cash = market.hours.last_close(now), book.account.cash
    held = defaultdict[str, Decimal](Decimal, {symbol: owned.qty for symbol, owned in holdings.owned(book).items()})
    for activity in book.latest_activities():
        if close is not None and activity.at < close:
            break
        qty, money = moved(activity)
        cash -= money
        if activity.symbol is not None:
            held[activity.symbol] -= qty
    if close is None:
        return _standing(book, rules, cash, [])
    prices = ((symbol, qty, market.close_price(symbol, close)) for symbol, qty in sorted(held.items()) if qty)
    stakes = [(asset_of(book, market, symbol), qty, qty * price) for symbol, qty, price in prices if price is not None]
    return _standing(book, rules, cash, stakes)


def power(book: Book, market: Market, rules: Rules, now: datetime, *, without: Order | None = None) -> Power:
    """Return what new orders may cost; `without` leaves out one open order, which another is to replace."""
    at = standing(book, market, rules, now)
    needs = _needs(book, market, at.multiplier, without)
    bound, spent = sum((need for need, _ in needs), ZERO), sum((cost for _, cost in needs), ZERO)
    free = max(at.excess - bound, ZERO)
    return Power(
        multiplier=at.multiplier,
        free=free,
        cash=max(min(free, at.cash - spent), ZERO),
        reg_t=min(at.multiplier, REG_T) * max(at.equity - at.initial_margin - bound, ZERO),
    )


def order_margin(asset: Asset, side: Side, qty: Decimal, price: Decimal, multiplier: Decimal) -> Decimal:
    """Return the equity that an order which opens a position needs: its value, less what is lent."""
    value = qty * price
    if not asset.marginable:
        return value
    kept = _maintenance(asset, qty if side is Side.BUY else -qty, value)
    # With a multiplier of 4 the usual 30 % would let no order be worth 4 x the equity.
    return max(value / multiplier, kept if kept > USUAL_MAINTENANCE * value else ZERO)


def _needs(book: Book, market: Market, multiplier: Decimal, without: Order | None) -> list[tuple[Decimal, Decimal]]:
    """Return of each open order that opens a position the equity it needs, and the cash it spends."""
    largest: dict[str, tuple[Decimal, Decimal]] = {}
    # Orders may be many, and mostly of few symbols.
    assets = {symbol: asset_of(book, market, symbol) for symbol in book.live_symbols()}
    for order in book.live():
        if not order.position_intent.endswith("_to_open") or (without is not None and order.id == without.id):
            continue
        place = holdings.place_of(book, order)
        qty, price = holdings.open_qty(book, order), order.reserve_price
        need = order_margin(assets[order.symbol], order.side, qty, price, multiplier)
        spent = qty * price if order.side is Side.BUY else ZERO
        largest[place] = max(largest.get(place, (ZERO, ZERO)), (need, spent))
    return list(largest.values())


def asset_of(book: Book, market: Market, symbol: str) -> Asset:
    """Return what is known of an asset, even of one that has lost its prices."""
    return market.asset(book.account, symbol) or describe(symbol, {})


def may_short(book: Book, rules: Rules, at: Standing) -> bool:
    """Say whether the account may sell short: it must trade on margin, and its owner must not forbid it."""
    return rules.shorting and at.multiplier > ONE and not book.account.configuration.no_shorting


def _standing(book: Book, rules: Rules, cash: Decimal, stakes: list[Stake]) -> Standing:
    longs, shorts = (sum((max(sign * value, ZERO) for _, _, value in stakes), ZERO) for sign in (1, -1))
    multiplier = _multiplier(book, rules, cash + longs - shorts)
    return Standing(
        cash=cash,
        long_value=longs,
        short_value=-shorts,
        initial_margin=sum((_initial(*stake, multiplier) for stake in stakes), ZERO),
        maintenance_margin=sum((_maintenance(*stake) for stake in stakes), ZERO),
        multiplier=multiplier,
    )


def _stake(book: Book, market: Market, position: Position, now: datetime) -> Stake:
    price = holdings.last_price(book, market, position.symbol, now)
    value = position.cost if price is None else position.qty * price
    return asset_of(book, market, position.symbol), position.qty, value


def _multiplier(book: Book, rules: Rules, equity: Decimal) -> Decimal:
    if equity < MARGIN_EQUITY_MIN:
        return ONE
    return min(rules.multiplier, Decimal(book.account.configuration.max_margin_multiplier))


def _initial(asset: Asset, qty: Decimal, value: Decimal, multiplier: Decimal) -> Decimal:
    if not asset.marginable:
        return abs(value)
    return max(abs(value) / min(multiplier, REG_T), _maintenance(asset, qty, value))


def _maintenance(asset: Asset, qty: Decimal, value: Decimal) -> Decimal:
    """Return what holding a position takes; quantity and value are signed alike."""
    shares, worth = abs(qty), abs(value)
    if not asset.marginable:
        return worth
    if qty > 0:
        return worth if worth < LONG_CHEAP * shares else worth * asset.margin_requirement_long / HUNDRED
    if worth < SHORT_CHEAP * shares:
        return max(worth, SHORT_PER_SHARE_CHEAP * shares)
    return max(worth * asset.margin_requirement_short / HUNDRED, SHORT_PER_SHARE * shares)
