"""Pre-trade checks: a list of small functions, each answering None or why not.

Final refusals are about the decision itself; refusals for now are about the world, and are tried again
until the entry window closes. The first refusal is the one written on the row. Nothing known means no: a missing
quote, asset or account is a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from lib.domain.bodies import is_coin
from lib.domain.money import ZERO, text
from lib.domain.states import Side
from lib.planning.deciding.broker_rules import cost_bounds, short_allowed, size_step, tradable, wash_trade
from lib.planning.deciding.daily_loss import loss_in_words, lost_too_much
from lib.planning.deciding.decisions import NewTrade, Refused
from lib.planning.deciding.exposure import World, money_for, price_of
from lib.planning.deciding.sharing import OCO, refuse_beside
from lib.planning.deciding.sizing import risk_per_share
from lib.planning.protecting.halts import in_force, in_words


def symbol_allowed(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse symbols that the settings leave out (check-R13)."""
    del qty
    return symbol_listed(trade.symbol, world)


def symbol_listed(symbol: str, world: World) -> Refused | None:
    """Refuse the same for whatever is to be entered."""
    allowed, denied = world.limits.symbols_allowed, world.limits.symbols_denied
    if symbol in denied:
        return Refused(code="SYMBOL_DENIED", reason=f"{symbol} is in SYMBOLS_DENIED")
    if allowed and symbol not in allowed:
        return Refused(code="SYMBOL_DENIED", reason=f"{symbol} is not in SYMBOLS_ALLOWED")
    return None


def control(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse entries while a halt is on, or while account, calendar or clock are not as they should be (check-R15)."""
    del qty
    return may_enter(trade.symbol, world)


def may_enter(symbol: str, world: World) -> Refused | None:
    """Refuse the same for whatever is to be entered."""
    blocking = in_force(world.controls, symbol)
    if blocking is not None:
        return Refused(code="CONTROL", reason=in_words(blocking), final=False)
    if world.account.blocked:
        return Refused(code="ACCOUNT", reason="the broker has blocked trading in this account", final=False)
    if world.account_number not in {None, world.account.account_number}:
        reason = f"the broker answers for account {world.account.account_number}, not for the one that is pinned"
        return Refused(code="ACCOUNT", reason=reason, final=False)
    if not world.calendar_agreed:
        reason = "the broker's calendar and ours name different sessions"
        return Refused(code="CALENDAR", reason=reason, final=False)
    if world.market_open is False and not is_coin(symbol):
        reason = "the broker says that the market is closed now, and its calendar that it is open"
        return Refused(code="CALENDAR", reason=reason, final=False)
    if not world.clock_agreed:
        reason = "this host's clock is over a minute off the broker's"
        return Refused(code="CLOCK", reason=reason, final=False)
    return None


def daily_loss(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse entries once the day has lost too much (check-R8)."""
    del trade, qty
    if not lost_too_much(world):
        return None
    return Refused(code="DAILY_LOSS", reason=loss_in_words(world), final=False)


def duplicate(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse what another decision had sent in this session already: symbol, side, price and quantity (check-R10).

    Without a quantity it is the stop that tells: how many are left to be had changes with each order.
    """
    for sent in world.sent_today:
        same = (sent.symbol, sent.side, sent.entry) == (trade.symbol, trade.side, trade.entry)
        same = same and (sent.qty == qty or (trade.qty is None and sent.stop == trade.stop))
        if same and sent.decision_id != trade.id:
            reason = f"decision {sent.decision_id} sent the same order in this session; change it to send another"
            return Refused(code="DUPLICATE", reason=reason)
    return None


def symbol_free(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse a second owner of a symbol, unless it may be shared: the broker nets by symbol, we do not."""
    owner = world.owners.get(trade.symbol)
    if owner is not None and world.limits.symbol_sharing == OCO:
        return refuse_beside(trade, qty, world.neighbours.get(trade.symbol, ()))
    if owner is not None:
        return Refused(code="SYMBOL_BUSY", reason=f"{trade.symbol} belongs to {owner}", final=False)
    if trade.symbol in world.positions:
        reason = f"the account already holds {trade.symbol} outside this system"
        return Refused(code="SYMBOL_BUSY", reason=reason, final=False)
    return None


def order_size(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse orders for nothing, or beyond the limits of shares and money (check-R2, check-R3)."""
    limits, cost = world.limits, qty * trade.entry
    if qty <= 0:
        reason = f"risk, limits and buying power leave room for none at {text(trade.entry)}"
        return Refused(code="SIZE", reason=reason, final=False)
    if qty > limits.order_qty_max and not is_coin(trade.symbol):
        reason = f"{text(qty)} shares are more than the limit of {text(limits.order_qty_max)}"
        return Refused(code="QTY", reason=reason)
    if cost > limits.order_notional_max:
        reason = f"the order costs {text(cost)}, the limit is {text(limits.order_notional_max)}"
        return Refused(code="NOTIONAL", reason=reason)
    return None


def counts(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse too many decisions, trades or orders at once, today, or in one symbol (check-R6, check-R9, check-R11)."""
    del qty
    limits, mine = world.limits, sum(1 for sent in world.sent_today if sent.symbol == trade.symbol)
    today = len(world.sent_today)
    trips = world.round_trips_today.get(trade.symbol, 0)
    if world.decisions_at_once > limits.decisions_at_once_max:
        reason = (
            f"{world.decisions_at_once} decisions are approved at once, the limit is {limits.decisions_at_once_max}: "
            "none is sent"
        )
        return Refused(code="TOO_MANY_DECISIONS", reason=reason, final=False)
    if world.open_trades >= limits.open_trades_max:
        reason = f"{world.open_trades} trades are open, the limit is {limits.open_trades_max}"
        return Refused(code="OPEN_TRADES", reason=reason, final=False)
    if world.orders_this_run >= limits.orders_per_run_max:
        reason = f"{world.orders_this_run} entries in this run, the limit is {limits.orders_per_run_max}"
        return Refused(code="ORDERS_PER_RUN", reason=reason, final=False)
    if today >= limits.orders_per_day_max:
        reason = f"{today} entries in this session, the limit is {limits.orders_per_day_max}"
        return Refused(code="ORDERS_PER_DAY", reason=reason, final=False)
    if mine >= limits.orders_per_symbol_max:
        reason = f"{mine} entries in {trade.symbol} in this session, the limit is {limits.orders_per_symbol_max}"
        return Refused(code="ORDERS_PER_SYMBOL", reason=reason, final=False)
    if trips >= limits.round_trips_max:
        reason = f"{trips} trades of {trade.symbol} were closed in this session, the limit is {limits.round_trips_max}"
        return Refused(code="ROUND_TRIPS", reason=reason, final=False)
    return None


def money(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse what the account should not risk or cannot pay: risk, position, all positions, buying power.

    check-R12, check-R6, check-R7. A given quantity is held to the limits that a sized one is made by. Of an amended
    entry `qty` is what is left to send, while all of its total is at risk.
    """
    limits, equity = world.limits, world.account.equity
    cost = qty * price_of(trade, world.quotes.get(trade.symbol))
    risk, most = (trade.qty or qty) * risk_per_share(trade), limits.risk_per_trade * equity
    if risk > most:
        reason = f"{text(risk)} would be at risk, the limit is {text(most)}"
        return Refused(code="RISK", reason=reason, final=False)
    held = sum((e.value for e in world.exposures if e.symbol == trade.symbol), ZERO) + cost
    if held > limits.position_share_max * equity:
        reason = f"{text(held)} would be in {trade.symbol}, the limit is {text(limits.position_share_max * equity)}"
        return Refused(code="POSITION", reason=reason, final=False)
    gross = sum((e.value for e in world.exposures), ZERO) + cost
    if gross > limits.gross_exposure_max * equity:
        reason = f"{text(gross)} would be at stake in all, the limit is {text(limits.gross_exposure_max * equity)}"
        return Refused(code="EXPOSURE", reason=reason, final=False)
    left = money_for(trade, world)
    if cost > left:
        reason = f"the order costs {text(cost)}, the buying power left is {text(left)}"
        return Refused(code="BUYING_POWER", reason=reason, final=False)
    return None


def quoted(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse an entry without a fresh quote, or far through it (check-R5): a slipped digit costs money."""
    del qty
    limits, quote = world.limits, world.quotes.get(trade.symbol)
    if quote is None or not quote.ask or not quote.bid or quote.bid > quote.ask:
        return Refused(code="QUOTE", reason=f"no usable quote for {trade.symbol}", final=False)
    if world.now - quote.at > limits.quote_age_max:
        return Refused(
            code="QUOTE", reason=f"the quote of {trade.symbol} is from {quote.at:%Y-%m-%d %H:%M} UTC", final=False
        )
    short = trade.side == Side.SHORT
    near, name = (quote.ask, "ask") if short else (quote.bid, "bid")
    if near >= trade.stop if short else near <= trade.stop:
        where = "at or above" if short else "at or below"
        reason = f"the {name} {text(near)} is {where} the stop {text(trade.stop)}: it would be closed at once"
        return Refused(code="STOP_THROUGH", reason=reason, final=False)
    if short and trade.entry < quote.bid * (1 - limits.price_collar):
        reason = f"the entry {text(trade.entry)} is far below the bid {text(quote.bid)}"
        return Refused(code="COLLAR", reason=reason, final=False)
    if not short and trade.entry > quote.ask * (1 + limits.price_collar):
        reason = f"the entry {text(trade.entry)} is far above the ask {text(quote.ask)}"
        return Refused(code="COLLAR", reason=reason, final=False)
    if 2 * (quote.ask - quote.bid) > limits.spread_max * (quote.ask + quote.bid):
        reason = f"bid {text(quote.bid)} and ask {text(quote.ask)} are over {text(limits.spread_max * 100)} % apart"
        return Refused(code="SPREAD", reason=reason, final=False)
    return None


Check = Callable[[NewTrade, Decimal, World], Refused | None]
CHECKS: tuple[Check, ...] = (
    symbol_allowed,
    tradable,
    control,
    daily_loss,
    duplicate,
    symbol_free,
    order_size,
    size_step,
    cost_bounds,
    counts,
    money,
    short_allowed,
    wash_trade,
    quoted,
)
"""In this order, and the first refusal counts."""


def refuse(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Return the first refusal that looks at the account and the market."""
    return next((refused for check in CHECKS if (refused := check(trade, qty, world)) is not None), None)
