"""Bars adjusted for corporate actions, so that they show no jump where a split or a dividend made one.

A split divides the prices before it and multiplies their volume; a cash dividend takes from the prices before it the
share that it was of the last one. Adjusted prices come in whole cents, below a dollar in hundredths of them: of cents
there are examples in users' measurements, of less there is no source. Spin-offs are not among the actions kept here,
and Alpaca's document names no adjustment for stock dividends.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ONE, tick_size
from lib.paper_broker.exchange.actions import ActionKind, factor
from lib.paper_broker.exchange.hours import INSTANT

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lib.paper_broker.exchange.actions import CorporateAction
    from lib.paper_broker.exchange.market import Market
    from lib.paper_broker.history.tape import Bar

SPLITS = frozenset({ActionKind.FORWARD_SPLIT, ActionKind.REVERSE_SPLIT})


def adjuster(
    market: Market, actions: tuple[CorporateAction, ...], symbol: str, wanted: frozenset[str], now: datetime
) -> Callable[[Bar], Bar]:
    """Return what adjusts a bar of at most one day for the actions from then until now."""
    own = [action for action in actions if action.symbol == symbol and action.begins <= now and action.known(now)]
    splits = [action for action in own if action.kind in SPLITS and wanted & {"split", "all"}]
    paid = [action for action in own if action.kind is ActionKind.CASH_DIVIDEND and wanted & {"dividend", "all"}]
    dividends = [(action.begins, _left(market, action)) for action in paid]

    def adjusted(bar: Bar) -> Bar:
        shares = factor(splits, symbol, bar.at, now)
        left = ONE
        for begins, share in dividends:
            if bar.at < begins:
                left *= share
        return _times(bar, left / shares, shares) if left / shares != ONE else bar

    return adjusted


def _left(market: Market, action: CorporateAction) -> Decimal:
    """Return the share of a price that a dividend leaves."""
    price = market.feed.price(action.symbol, action.begins - INSTANT)
    return ONE - action.rate / price if price and price > action.rate else ONE


def _times(bar: Bar, times: Decimal, shares: Decimal) -> Bar:
    volume = (bar.volume * shares).to_integral_value(ROUND_HALF_EVEN)
    average = bar.turnover / bar.volume * times if bar.volume else bar.turnover
    return replace(
        bar,
        open=_rounded(bar.open * times),
        high=_rounded(bar.high * times),
        low=_rounded(bar.low * times),
        close=_rounded(bar.close * times),
        volume=volume,
        turnover=average * volume,
    )


def _rounded(price: Decimal) -> Decimal:
    return price.quantize(tick_size(price), ROUND_HALF_EVEN)
