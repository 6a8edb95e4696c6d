"""How many shares: what the risk, the account and the buying power allow, whichever is least."""

from __future__ import annotations

from decimal import Decimal

from lib.domain.facts import AccountFacts
from lib.domain.limits import Limits
from lib.domain.money import ZERO, whole_down
from lib.planning.decisions import NewTrade


def risk_per_share(trade: NewTrade) -> Decimal:
    """Return what one share loses from entry to stop, or to the trail where that is wider."""
    trail = trade.entry * (trade.trail_percent or ZERO) / 100
    return max(trade.entry - trade.stop, trail)


def size(trade: NewTrade, account: AccountFacts, buying_power: Decimal, limits: Limits) -> Decimal:
    """Return the whole shares to buy; zero if nothing can be afforded. `qty` on the decision wins."""
    if trade.qty is not None:
        return trade.qty
    return whole_down(
        min(
            limits.risk_per_trade * account.equity / risk_per_share(trade),
            limits.position_share_max * account.equity / trade.entry,
            buying_power / trade.entry,
        )
    )
