"""Pre-trade checks: a list of small functions, each answering None or why not.

Final refusals are about the decision itself; refusals for now are about the world, and are tried again
until the entry window closes. The first refusal is the one written on the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from lib.domain.facts import AccountFacts, Asset, BrokerPosition, Quote
from lib.domain.limits import Limits
from lib.domain.money import ZERO, is_on_tick, text, tick_size, whole_down
from lib.domain.records import Control
from lib.planning.decisions import NewTrade, Refused
from lib.planning.halts import in_force, in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the checks look at besides the decision; it grows as a run plans its orders."""

    now: datetime
    limits: Limits
    account: AccountFacts
    buying_power: Decimal
    owners: Mapping[str, str]  # symbol -> the trade that owns it, in words
    open_trades: int
    orders_this_run: int = 0
    controls: tuple[Control, ...] = ()
    assets: Mapping[str, Asset | None]
    quotes: Mapping[str, Quote]
    positions: Mapping[str, BrokerPosition]
    calendar_agreed: bool = True

    def plus(self, trade: NewTrade, qty: Decimal) -> World:
        """Return the world after one more order of this run, as if it had filled."""
        return replace(
            self,
            buying_power=self.buying_power - qty * trade.entry,
            owners={**self.owners, trade.symbol: f"decision {trade.id}"},
            open_trades=self.open_trades + 1,
            orders_this_run=self.orders_this_run + 1,
        )


def price_bounds(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse prices beyond any share's, and prices finer than the exchange's tick."""
    for name, price in _prices(trade):
        if price > limits.price_max:
            return Refused(code="NUMBERS", reason=f"{name} {text(price)} is above {text(limits.price_max)}")
        if not is_on_tick(price):
            return Refused(code="TICK", reason=f"{name} {text(price)} is finer than {text(tick_size(price))}")
    return None


def _prices(trade: NewTrade) -> tuple[tuple[str, Decimal], ...]:
    pairs = (("planned_entry", trade.entry), ("planned_sl", trade.stop), ("planned_tp", trade.target))
    return tuple((name, price) for name, price in pairs if price is not None)


def levels(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse levels out of order: stop below entry below target, at least a tick apart (check-R12)."""
    del limits
    if trade.stop >= trade.entry:
        reason = f"the stop {text(trade.stop)} is not below the entry {text(trade.entry)}"
        return Refused(code="LEVELS", reason=reason)
    if trade.target is not None and trade.target <= trade.entry:
        reason = f"the target {text(trade.target)} is not above the entry {text(trade.entry)}"
        return Refused(code="LEVELS", reason=reason)
    return None


def style(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse a SWING without a target, and a trail that is no trail or wider than the stop."""
    del limits
    if trade.style == "SWING":
        if trade.target is None:
            return Refused(code="STYLE", reason="a SWING needs a target (planned_tp)")
        if trade.trail_percent is not None:
            return Refused(
                code="STYLE", reason="a SWING has a fixed stop and target; trail_percent does not go with it"
            )
    if trade.trail_percent is not None:
        if not Decimal("0.1") <= trade.trail_percent < 100:
            return Refused(code="TRAIL", reason=f"trail_percent {text(trade.trail_percent)} is not between 0.1 and 100")
        if trade.entry * trade.trail_percent / 100 > trade.entry - trade.stop:
            reason = f"a trail of {text(trade.trail_percent)} % starts below the stop {text(trade.stop)}"
            return Refused(code="TRAIL", reason=reason)
    return None


def given_qty(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse a given quantity that is broken or beyond the limit (check-R1, R2)."""
    if trade.qty is None:
        return None
    if trade.qty != whole_down(trade.qty):
        return Refused(code="QTY", reason=f"{text(trade.qty)} shares: whole shares are offered")
    if trade.qty > limits.order_qty_max:
        reason = f"{text(trade.qty)} shares are more than the limit of {text(limits.order_qty_max)}"
        return Refused(code="QTY", reason=reason)
    return None


NumberCheck = Callable[[NewTrade, Limits], Refused | None]
NUMBER_CHECKS: tuple[NumberCheck, ...] = (price_bounds, levels, style, given_qty)
"""Final checks that need nothing but the decision: also what `decide` shows as a preview."""


def symbol_known(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse symbols that the broker does not know; one it does not trade now may be traded later."""
    del qty
    asset = world.assets.get(trade.symbol)
    if asset is None:
        return Refused(code="SYMBOL", reason=f"the broker knows no {trade.symbol}")
    if not asset.tradable:
        return Refused(code="NOT_TRADABLE", reason=f"{trade.symbol} is not tradable at the broker", final=False)
    return None


def symbol_free(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse a second owner of a symbol: the broker nets by symbol, we do not."""
    del qty
    owner = world.owners.get(trade.symbol)
    if owner is not None:
        return Refused(code="SYMBOL_BUSY", reason=f"{trade.symbol} belongs to {owner}", final=False)
    if trade.symbol in world.positions:
        reason = f"the account already holds {trade.symbol} outside this system"
        return Refused(code="SYMBOL_BUSY", reason=reason, final=False)
    return None


def control(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse entries while a halt is on, or while the calendars disagree."""
    del qty
    blocking = in_force(world.controls, trade.symbol)
    if blocking is not None:
        return Refused(code="CONTROL", reason=in_words(blocking), final=False)
    if world.account.blocked:
        return Refused(code="ACCOUNT", reason="the broker has blocked trading in this account", final=False)
    if not world.calendar_agreed:
        reason = "the broker's calendar and ours name different sessions"
        return Refused(code="CALENDAR", reason=reason, final=False)
    return None


def shares(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse an order for no share: the risk limit, the account or the buying power allows none."""
    if qty >= 1:
        return None
    del world
    return Refused(code="SIZE", reason=f"the limits allow not one share at {text(trade.entry)}")


def order_size(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse orders beyond the limits of shares and money (check-R2, R3, R6, R7, R9); a sized one can be as well."""
    limits, cost = world.limits, qty * trade.entry
    if qty > limits.order_qty_max:
        reason = f"{text(qty)} shares are more than the limit of {text(limits.order_qty_max)}"
        return Refused(code="QTY", reason=reason)
    if cost > limits.order_notional_max:
        reason = f"the order costs {text(cost)}, the limit is {text(limits.order_notional_max)}"
        return Refused(code="NOTIONAL", reason=reason)
    if world.open_trades >= limits.open_trades_max:
        return Refused(code="OPEN_TRADES", reason=f"{world.open_trades} trades are open", final=False)
    if world.orders_this_run >= limits.orders_per_run_max:
        return Refused(code="ORDERS_PER_RUN", reason=f"{world.orders_this_run} orders in this run", final=False)
    if cost > world.buying_power:
        reason = f"the order costs {text(cost)}, the buying power left is {text(max(world.buying_power, ZERO))}"
        return Refused(code="BUYING_POWER", reason=reason, final=False)
    return None


def collar(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse an entry without a fresh quote, or far through it (check-R5): a slipped digit costs money."""
    del qty
    quote = world.quotes.get(trade.symbol)
    if quote is None or quote.ask is None or quote.bid is None or quote.bid > quote.ask:
        return Refused(code="QUOTE", reason=f"no usable quote for {trade.symbol}", final=False)
    if world.now - quote.at > world.limits.quote_age_max:
        return Refused(
            code="QUOTE", reason=f"the quote of {trade.symbol} is from {quote.at:%Y-%m-%d %H:%M} UTC", final=False
        )
    if quote.bid <= trade.stop:
        reason = f"the bid {text(quote.bid)} is at or below the stop {text(trade.stop)}: it would be sold at once"
        return Refused(code="STOP_THROUGH", reason=reason, final=False)
    if trade.entry > quote.ask * (1 + world.limits.price_collar):
        reason = f"the entry {text(trade.entry)} is far above the ask {text(quote.ask)}"
        return Refused(code="COLLAR", reason=reason, final=False)
    return None


Check = Callable[[NewTrade, Decimal, World], Refused | None]
CHECKS: tuple[Check, ...] = (symbol_known, control, symbol_free, shares, order_size, collar)


def refuse_numbers(trade: NewTrade, limits: Limits) -> Refused | None:
    """Return the first refusal that needs only the decision."""
    return next((refused for check in NUMBER_CHECKS if (refused := check(trade, limits)) is not None), None)


def refuse(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Return the first refusal that looks at the account and the market."""
    return next((refused for check in CHECKS if (refused := check(trade, qty, world)) is not None), None)
