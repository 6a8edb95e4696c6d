"""What the broker would refuse, named before anything is sent.

Each rule is Alpaca's own; where no document has it, users were answered so (docs/decisions.md). The broker stays the
judge: what slips through here it refuses, and the decision says so in its words.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.bodies import is_coin
from lib.domain.money import text, whole_down
from lib.domain.records import Order
from lib.domain.states import HELD, Role, Side
from lib.planning.deciding.decisions import NewTrade, Refused
from lib.planning.protecting.coins import COST_MIN, SHARE_MIN

if TYPE_CHECKING:
    from lib.planning.deciding.exposure import World

COIN_COST_MAX = Decimal(200_000)
HARD_TO_BORROW = "hard_to_borrow"
LIMITED = frozenset({"limit", "stop_limit"})


def tradable(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse symbols that the broker does not know; one it does not trade now may be traded later (check-R13)."""
    del qty
    asset = world.assets.get(trade.symbol)
    if asset is None:
        return Refused(code="SYMBOL", reason=f"the broker knows no {trade.symbol}")
    if not asset.tradable:
        return Refused(code="NOT_TRADABLE", reason=f"{trade.symbol} is not tradable at the broker", final=False)
    return None


def short_allowed(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse a short sale that the account or the stock does not allow; both may change."""
    del qty
    asset = world.assets.get(trade.symbol)
    if trade.side != Side.SHORT or asset is None:
        return None
    reason = ""
    if not world.account.shorting_enabled:
        reason = "the account is not allowed to sell short"
    elif not asset.shortable:
        reason = f"{trade.symbol} cannot be sold short at the broker"
    elif asset.borrow_status == HARD_TO_BORROW:
        reason = f"{trade.symbol} is hard to borrow: the broker wants a locate first, which is not offered"
    return Refused(code="NOT_SHORTABLE", reason=reason, final=False) if reason else None


def size_step(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse a fraction of what is traded whole, and steps and prices finer than a coin's (check-R1)."""
    asset = world.assets.get(trade.symbol)
    if asset is None:
        return None
    if not is_coin(trade.symbol):
        if qty != whole_down(qty) and not asset.fractionable:
            return Refused(code="QTY", reason=f"{text(qty)} shares: the broker trades only whole shares of it")
        return None
    if asset.min_trade_increment and qty % asset.min_trade_increment:
        reason = f"{text(qty)} is no multiple of {text(asset.min_trade_increment)}, the coin's step"
        return Refused(code="QTY", reason=reason)
    for price in (trade.entry, trade.stop, trade.target):
        if price is not None and asset.price_increment and price % asset.price_increment:
            return Refused(code="TICK", reason=f"{text(price)} is finer than {text(asset.price_increment)}")
    return None


def cost_bounds(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse an order that is worth too little, or for a coin too much, for the broker."""
    asset, cost = world.assets.get(trade.symbol), qty * trade.entry
    if not is_coin(trade.symbol):
        if qty != whole_down(qty) and cost < SHARE_MIN:
            reason = f"worth {text(cost)}, less than the broker's {text(SHARE_MIN)} dollar for a part of a share"
            return Refused(code="COST", reason=reason)
        return None
    least = asset.min_order_size if asset is not None else None
    if least is not None and qty < least:
        return Refused(code="COST", reason=f"{text(qty)} is less than the broker's smallest order of {text(least)}")
    if not COST_MIN <= cost <= COIN_COST_MAX:
        reason = (
            f"worth {text(cost)}: the broker takes from {text(COST_MIN)} to {text(COIN_COST_MAX)} dollars of a coin"
        )
        return Refused(code="COST", reason=reason)
    return None


def wash_trade(trade: NewTrade, qty: Decimal, world: World) -> Refused | None:
    """Refuse an entry that an own resting order could match, or that opens the other way than one (User Protection).

    A leg that is `held` is not in the book. Whether a resting OCO lets the order pass is not documented: it does not.
    """
    del qty
    verb = "sell" if trade.side == Side.SHORT else "buy"
    for order in world.own_orders:
        if order.symbol == trade.symbol and order.side != verb and order.order_status != HELD and _meets(order, trade):
            price = order.limit_price or order.stop_price
            at = "" if price is None else f" at {text(price)}"
            reason = f"a wash trade: our own {order.side} {order.kind}{at} rests ({order.client_order_id})"
            return Refused(code="WASH_TRADE", reason=reason, final=False)
    return None


def _meets(order: Order, trade: NewTrade) -> bool:
    limit = order.limit_price
    if order.kind not in LIMITED or order.order_type == Role.ENTRY or limit is None:
        return True
    return limit >= trade.entry if trade.side == Side.SHORT else limit <= trade.entry
