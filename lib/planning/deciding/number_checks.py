"""Checks of a decision's own numbers: what they refuse is wrong for good, whatever the market does.

Prices and levels are checked in the trade's own direction: a short is a long seen in a mirror.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from lib.domain.bodies import is_coin
from lib.domain.limits import Limits
from lib.domain.money import CENT, is_on_tick, text, tick_size, whole_down
from lib.domain.states import Side
from lib.planning.deciding.decisions import NewTrade, Refused
from lib.planning.protecting.coins import STEP, stepped


def gain(trade: NewTrade, price: Decimal) -> Decimal:
    """Return what one share has gained at `price`, below zero for a loss."""
    return trade.entry - price if trade.side == Side.SHORT else price - trade.entry


def price_bounds(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse prices beyond any share's, and prices finer than the exchange's tick or a coin's (check-R1)."""
    found = (refuse_price(name, price, trade.symbol, limits) for name, price in _prices(trade))
    return next((refused for refused in found if refused is not None), None)


def refuse_price(name: str, price: Decimal, symbol: str, limits: Limits) -> Refused | None:
    """Refuse one price by its bounds; `name` is its column."""
    if price > limits.price_max:
        return Refused(code="NUMBERS", reason=f"{name} {text(price)} is above {text(limits.price_max)}")
    on_tick, tick = (price == stepped(price), STEP) if is_coin(symbol) else _exchange_tick(price)
    return None if on_tick else Refused(code="TICK", reason=f"{name} {text(price)} is finer than {text(tick)}")


def _exchange_tick(price: Decimal) -> tuple[bool, Decimal]:
    return is_on_tick(price), tick_size(price)


def _prices(trade: NewTrade) -> Iterator[tuple[str, Decimal]]:
    pairs = (("planned_entry", trade.entry), ("planned_sl", trade.stop), ("planned_tp", trade.target))
    return ((name, price) for name, price in pairs if price is not None)


def levels(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse levels out of order: stop below entry below target, above and below for a short (check-R12).

    From a dollar up they are a cent apart by their tick; below, Alpaca asks for the cent all the same.
    """
    del limits
    below, above = ("above", "below") if trade.side == Side.SHORT else ("below", "above")
    if gain(trade, trade.stop) >= 0:
        reason = f"the stop {text(trade.stop)} is not {below} the entry {text(trade.entry)}"
        return Refused(code="LEVELS", reason=reason)
    if trade.target is not None and gain(trade, trade.target) <= 0:
        reason = f"the target {text(trade.target)} is not {above} the entry {text(trade.entry)}"
        return Refused(code="LEVELS", reason=reason)
    for name, level in (("stop", trade.stop), ("target", trade.target)):
        if level is not None and not is_coin(trade.symbol) and abs(gain(trade, level)) < CENT:
            reason = f"the {name} {text(level)} is less than a cent from the entry: the broker asks for one"
            return Refused(code="LEVELS", reason=reason)
    return None


def style(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse a SWING without a target, a trail that is no trail or wider than the stop, and what coins have not."""
    del limits
    if is_coin(trade.symbol) and trade.side == Side.SHORT:
        return Refused(code="COIN", reason=f"{trade.symbol} cannot be sold short: the broker lends no coins")
    if is_coin(trade.symbol) and trade.trail_percent is not None:
        return Refused(code="COIN", reason="coins take no trailing stop; leave trail_percent out")
    if trade.style == "SWING":
        if trade.target is None:
            return Refused(code="STYLE", reason="a SWING needs a target (planned_tp)")
        if trade.trail_percent is not None:
            return Refused(
                code="STYLE", reason="a SWING has a fixed stop and target; trail_percent does not go with it"
            )
    return _trail(trade)


def _trail(trade: NewTrade) -> Refused | None:
    trail = trade.trail_percent
    if trail is None:
        return None
    if not Decimal("0.1") <= trail < 100:
        return Refused(code="TRAIL", reason=f"trail_percent {text(trail)} is not between 0.1 and 100")
    if trade.entry * trail / 100 > abs(trade.entry - trade.stop):
        beyond = "above" if trade.side == Side.SHORT else "below"
        return Refused(code="TRAIL", reason=f"a trail of {text(trail)} % starts {beyond} the stop {text(trade.stop)}")
    if trade.qty is not None and trade.qty != whole_down(trade.qty):
        return Refused(code="TRAIL", reason=f"{text(trade.qty)} shares: a fraction of a share takes no trailing stop")
    return None


def given_qty(trade: NewTrade, limits: Limits) -> Refused | None:
    """Refuse a given quantity that is too fine or beyond the limit (check-R1, check-R2)."""
    if trade.qty is None:
        return None
    if trade.qty != stepped(trade.qty):
        return Refused(code="QTY", reason=f"{text(trade.qty)} has more than nine decimals")
    if trade.side == Side.SHORT and trade.qty != whole_down(trade.qty):
        return Refused(code="QTY", reason=f"{text(trade.qty)} shares: only whole shares are sold short")
    if not is_coin(trade.symbol) and trade.qty > limits.order_qty_max:
        reason = f"{text(trade.qty)} shares are more than the limit of {text(limits.order_qty_max)}"
        return Refused(code="QTY", reason=reason)
    return None


NumberCheck = Callable[[NewTrade, Limits], Refused | None]
NUMBER_CHECKS: tuple[NumberCheck, ...] = (price_bounds, levels, style, given_qty)
"""Final checks that need nothing but the decision: also what `decide` shows as a preview."""


def refuse_numbers(trade: NewTrade, limits: Limits) -> Refused | None:
    """Return the first refusal that needs only the decision."""
    return next((refused for check in NUMBER_CHECKS if (refused := check(trade, limits)) is not None), None)
