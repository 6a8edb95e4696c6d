"""How many shares: what the risk, the limits and the buying power allow, whichever is least."""

from __future__ import annotations

from decimal import Decimal

from lib.domain.facts import AccountFacts
from lib.domain.limits import Limits
from lib.domain.money import ONE, ZERO, step_down
from lib.planning.deciding.decisions import NewTrade


def risk_per_share(trade: NewTrade) -> Decimal:
    """Return what one share loses from entry to stop, or to the trail where that is wider."""
    trail = trade.entry * (trade.trail_percent or ZERO) / 100
    return max(abs(trade.entry - trade.stop), trail)


def size(
    trade: NewTrade,
    account: AccountFacts,
    buying_power: Decimal,
    limits: Limits,
    *,
    price: Decimal | None = None,
    step: Decimal = ONE,
) -> Decimal:
    """Return how many to enter with, in whole steps; zero if nothing can be afforded. `qty` on the decision wins.

    `price` is what one share costs the account, where that is not the entry: a short sale is held to cost more.
    """
    if trade.qty is not None:
        return trade.qty
    cost = trade.entry if price is None else price
    most = min(
        limits.risk_per_trade * account.equity / risk_per_share(trade),
        limits.position_share_max * account.equity / cost,
        limits.order_notional_max / trade.entry,
        buying_power / cost,
    )
    return step_down(most, step)
