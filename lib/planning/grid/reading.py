"""Strategies as people write them: read strictly, refused in words, stamped once approved.

A strategy is checked whole before it starts. One that has started is only read: a limit that moved since must not make
a grid unreadable that holds shares.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from lib.domain.bodies import SYMBOL, is_coin
from lib.domain.facts import Asset
from lib.domain.grids import OVER, Grid, GridKind, GridStatus, OutOfRange, Spacing, Straddle, Strategy
from lib.domain.limits import Limits
from lib.domain.money import ONE, ZERO, D, NotMoney, text, tick_size, whole_down
from lib.domain.records import Order
from lib.planning.deciding.broker_rules import HARD_TO_BORROW
from lib.planning.deciding.decisions import SHOWN_MAX, Refused, is_ticked
from lib.planning.grid.levels import break_even_ratio, collapsed, level, levels
from lib.planning.protecting.coins import COST_MIN, SHARE_MIN, STEP

STRATEGY_COLUMNS = (
    "symbol",
    "kind",
    "lower_price",
    "upper_price",
    "levels",
    "spacing",
    "quantity_per_grid",
    "capital",
    "straddle",
    "stop_price",
    "take_profit_price",
    "out_of_range",
    "trailing",
    "trailing_limit",
)
"""What a person writes and an approval binds: the digest is taken over these, in this order."""

LEVELS_MAX = 500
"""As many orders of one symbol as a page of the broker's list holds."""

SHIFT_MAX = 100_000
"""Beyond any range: each cell that a range moved by is gone through, so that a number typed here would stop a pass."""

SHORT_MARGIN = Decimal("0.5")
"""The part of a short sale's value that the account has to have itself (Regulation T)."""

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})

_Words = dict[str, str]
_Numbers = dict[str, Decimal | None]


def strategy_digest(strategy: Strategy) -> str:
    """Return the fingerprint of everything that an approval binds: where the range stands too, for no hand moves it."""
    values = [*(getattr(strategy, column) for column in STRATEGY_COLUMNS), strategy.shift]
    return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()


def is_edited(strategy: Strategy) -> bool:
    """Say whether a strategy was changed after its approval was seen, which each had that has begun."""
    if strategy.approved_digest is None:
        return strategy.started_at is not None
    return strategy.approved_digest != strategy_digest(strategy)


def is_approved(strategy: Strategy) -> bool:
    """Say whether a strategy has its tick, and is as it was when that was seen."""
    return is_ticked(strategy.approve) and not is_edited(strategy)


def status_of(strategy: Strategy) -> GridStatus:
    """Return where a strategy stands; a word that cannot be true is WAITING before the start, and PAUSED after it.

    So no word in the column makes a grid trade that was not started, or starts one a second time.
    """
    word, has_begun = _word(strategy.status).upper(), strategy.started_at is not None
    if word in set(GridStatus) and (word in OVER or (word != GridStatus.WAITING) == has_begun):
        return GridStatus(word)
    return GridStatus.PAUSED if has_begun else GridStatus.WAITING


def symbol_of(strategy: Strategy) -> str:
    """Return the symbol as the broker writes it; what is no symbol is returned too."""
    return _word(strategy.symbol).upper()


def opens(strategy: Strategy, orders: Sequence[Order]) -> str:
    """Return the side of the orders that make a grid larger, which its first one did; `orders` are all, oldest first.

    Before its first one by its kind; of a word that nobody knows, as of a spot grid.
    """
    if orders:
        return orders[0].side
    return "sell" if _word(strategy.kind).upper() == GridKind.REVERSE else "buy"


def read_grid(strategy: Strategy, asset: Asset | None, limits: Limits) -> Grid | Refused:
    """Read a strategy and check all that can be known of it without a price; `asset` None: nothing is known of it."""
    grid = parse_grid(strategy, asset, limits)
    if isinstance(grid, Refused):
        return grid
    return next(refusals(grid, asset, limits), grid)


def refusals(grid: Grid, asset: Asset | None, limits: Limits) -> Iterator[Refused]:
    """Go through all that is wrong with a strategy that could be read, as far as no price is needed for it."""
    yield from (refused for check in _CHECKS if (refused := check(grid, asset)) is not None)
    beyond = cell_beyond_limits(grid, limits)
    if beyond is not None:
        yield beyond


def parse_grid(strategy: Strategy, asset: Asset | None, limits: Limits) -> Grid | Refused:
    """Read a strategy's words and numbers; what follows of them for money is not asked."""
    symbol = symbol_of(strategy)
    if not SYMBOL.fullmatch(symbol):
        return Refused(code="GRID_SYMBOL", reason=f"{_quoted(strategy.symbol)} is not a symbol")
    kind = _word(strategy.kind).upper()
    if kind not in set(GridKind):
        return Refused(code="GRID_KIND", reason=f"the kind {_quoted(strategy.kind)} is neither SPOT nor REVERSE")
    words, wrong = _words(strategy)
    if wrong:
        return Refused(code="GRID_WORDS", reason="; ".join(wrong))
    numbers, wrong = _numbers(strategy)
    if wrong:
        return Refused(code="GRID_NUMBERS", reason="; ".join(wrong))
    return _grid(strategy, symbol, GridKind(kind), words, numbers, asset=asset, limits=limits)


def _grid(
    strategy: Strategy,
    symbol: str,
    kind: GridKind,
    words: _Words,
    numbers: _Numbers,
    *,
    asset: Asset | None,
    limits: Limits,
) -> Grid | Refused:
    lower, upper, count, qty = (numbers[name] or ZERO for name in REQUIRED)
    if count != whole_down(count) or not 2 <= count <= LEVELS_MAX:
        reason = f"levels {text(count)} is no whole number from 2 to {LEVELS_MAX}: both ends count"
        return Refused(code="GRID_LEVELS", reason=reason)
    if abs(strategy.shift) > SHIFT_MAX:
        return Refused(code="GRID_NUMBERS", reason=f"shift {strategy.shift} is no number of cells a range has moved by")
    if lower >= upper:
        return Refused(code="GRID_PRICES", reason=f"lower_price {text(lower)} is not below upper_price {text(upper)}")
    coin, whole = is_coin(symbol), qty == whole_down(qty)
    cells = int(count) - 1
    return Grid(
        id=strategy.id,
        account=strategy.account,
        symbol=symbol,
        kind=kind,
        lower=lower,
        upper=upper,
        levels=int(count),
        spacing=Spacing(words["spacing"]),
        qty=qty,
        capital=numbers["capital"] or qty * upper * cells,
        straddle=Straddle(words["straddle"]),
        tick=((asset and asset.price_increment) or STEP) if coin else tick_size(lower),
        increment=((asset and asset.min_trade_increment) or STEP) if coin else ONE if whole else STEP,
        qty_min=((asset and asset.min_order_size) or STEP) if coin else ONE if whole else STEP,
        notional_min=COST_MIN if coin else ZERO if whole else SHARE_MIN,
        stop=numbers["stop_price"],
        take_profit=numbers["take_profit_price"],
        out_of_range=OutOfRange(words["out_of_range"]),
        trailing=words["trailing"] in _YES,
        trailing_limit=numbers["trailing_limit"],
        shift=strategy.shift,
        fee_bps=limits.grid_fee_bps_coin if coin else limits.grid_fee_bps_stock,
    )


REQUIRED = ("lower_price", "upper_price", "levels", "quantity_per_grid")
_OPTIONAL = ("capital", "stop_price", "take_profit_price", "trailing_limit")

_CHOICES: dict[str, tuple[type[StrEnum], StrEnum]] = {
    "spacing": (Spacing, Spacing.ARITHMETIC),
    "straddle": (Straddle, Straddle.NEAREST),
    "out_of_range": (OutOfRange, OutOfRange.HOLD),
}
"""What each column of words may say, and what an empty one says."""


def _words(strategy: Strategy) -> tuple[_Words, list[str]]:
    found: _Words = {}
    wrong: list[str] = []
    for column, (words, default) in _CHOICES.items():
        raw = _word(getattr(strategy, column)) or default.value
        chosen = next((word.value for word in words if word.value.lower() == raw.lower()), None)
        if chosen is None:
            wrong.append(f"{column} {_quoted(raw)} is none of {', '.join(words)}")
        found[column] = chosen or default.value
    found["trailing"] = _word(strategy.trailing).lower()
    if found["trailing"] not in _YES | _NO:
        wrong.append(f"trailing {_quoted(strategy.trailing)} is neither yes nor no")
    return found, wrong


def _numbers(strategy: Strategy) -> tuple[_Numbers, list[str]]:
    found: _Numbers = {}
    wrong: list[str] = []
    for column in (*REQUIRED, *_OPTIONAL):
        raw = _word(getattr(strategy, column))
        found[column] = None
        if not raw:
            if column in REQUIRED:
                wrong.append(f"{column} is missing")
            continue
        try:
            found[column] = D(raw)
        except NotMoney:
            wrong.append(f"{column} {_quoted(raw)} is not a plain, finite number")
            continue
        if (found[column] or ZERO) <= 0:
            wrong.append(f"{column} {raw[:SHOWN_MAX]} is not above zero")
    return found, wrong


def _tradable(grid: Grid, asset: Asset | None) -> Refused | None:
    if asset is not None and not asset.tradable:
        return Refused(code="NOT_TRADABLE", reason=f"{grid.symbol} is not tradable at the broker", final=False)
    return None


def _shortable(grid: Grid, asset: Asset | None) -> Refused | None:
    """Refuse what cannot be sold short: coins at all (Alpaca), other stocks for now."""
    if grid.kind is not GridKind.REVERSE:
        return None
    if is_coin(grid.symbol):
        return Refused(
            code="GRID_SHORT", reason=f"a REVERSE grid sells short, and {grid.symbol} cannot be: coins are only bought"
        )
    if asset is not None and not asset.shortable:
        return Refused(code="NOT_SHORTABLE", reason=f"{grid.symbol} cannot be sold short at the broker", final=False)
    if asset is not None and asset.borrow_status == HARD_TO_BORROW:
        reason = f"{grid.symbol} is hard to borrow: the broker wants a locate first, which is not offered"
        return Refused(code="NOT_SHORTABLE", reason=reason, final=False)
    return None


def _on_ticks(grid: Grid, asset: Asset | None) -> Refused | None:
    del asset
    for name, price in (("lower_price", grid.lower), ("upper_price", grid.upper)):
        tick = grid.tick if is_coin(grid.symbol) else tick_size(price)
        if price % tick:
            reason = f"{name} {text(price)} is no multiple of {text(tick)}, the step of prices there"
            return Refused(code="GRID_PRICES", reason=reason)
    return None


def _distinct(grid: Grid, asset: Asset | None) -> Refused | None:
    del asset
    if collapsed(grid):
        reason = f"{grid.levels} levels from {text(grid.lower)} to {text(grid.upper)} lie closer than a price step of "
        return Refused(code="GRID_LEVELS", reason=f"{reason}{text(grid.tick)}: take fewer levels or a wider range")
    return None


def _earns(grid: Grid, asset: Asset | None) -> Refused | None:
    """Refuse a step that the fees of buying and selling take whole."""
    del asset
    if grid.fee_bps == 0:
        return None
    least = break_even_ratio(grid.fee_bps)
    for low, high in pairwise(levels(grid)):
        if high <= low * least:
            reason = (
                f"the step from {text(low)} to {text(high)} is {(high / low - 1) * 100:.3f} %, and the fees of buying "
                f"and selling take {(least - 1) * 100:.3f} %: take fewer levels or a wider range"
            )
            return Refused(code="GRID_STEP", reason=reason)
    return None


def _sized(grid: Grid, asset: Asset | None) -> Refused | None:
    """Refuse a quantity that the broker would refuse in one of the grid's orders."""
    qty, whole, cheapest = grid.qty, grid.qty == whole_down(grid.qty), level(grid, grid.cells[0])
    reason = None
    if grid.kind is GridKind.REVERSE and not whole:
        reason = f"{text(qty)} shares: only whole shares can be sold short"
    elif not is_coin(grid.symbol) and not whole and asset is not None and not asset.fractionable:
        reason = f"{text(qty)} shares: the broker trades only whole shares of {grid.symbol}"
    elif qty % grid.increment:
        reason = f"{text(qty)} is no multiple of {text(grid.increment)}, the step of quantities"
    elif qty < grid.qty_min:
        reason = f"{text(qty)} is less than the broker's smallest order of {text(grid.qty_min)}"
    elif qty * cheapest < grid.notional_min:
        reason = (
            f"{text(qty)} at {text(cheapest)} is worth {text(qty * cheapest)}, less than the broker's smallest order "
            f"of {text(grid.notional_min)} dollars"
        )
    return None if reason is None else Refused(code="GRID_QTY", reason=f"quantity_per_grid {reason}")


def _funded(grid: Grid, asset: Asset | None) -> Refused | None:
    """Refuse what the capital does not cover where the range is written: where it trails to, its cash has to."""
    del asset
    need = capital_need(replace(grid, shift=0))
    if need <= grid.capital:
        return None
    what = "all cells bought at their lower levels cost" if grid.kind is GridKind.SPOT else "all cells sold short need"
    return Refused(code="GRID_CAPITAL", reason=f"{what} {text(need)}, and capital is {text(grid.capital)}")


def capital_need(grid: Grid) -> Decimal:
    """Return what a grid may need at most, wherever the price is at its start: its cost, or the margin of shorts."""
    prices = levels(grid)
    if grid.kind is GridKind.SPOT:
        return grid.qty * sum(prices[:-1], ZERO)
    return grid.qty * sum(prices[1:], ZERO) * SHORT_MARGIN


def _ordered(grid: Grid, asset: Asset | None) -> Refused | None:
    """Refuse a stop, a take profit or a trailing limit that lies on the wrong side of the range.

    The first two by the range as it lies now; a limit is for the range as it is written, which may have come up to it.
    """
    del asset
    now = (level(grid, grid.shift), level(grid, grid.shift + grid.levels - 1))
    asked = (("stop_price", grid.stop, grid.sign, now), ("take_profit_price", grid.take_profit, -grid.sign, now))
    for name, price, sign, (low, high) in (
        *asked,
        ("trailing_limit", grid.trailing_limit, -grid.sign, (grid.lower, grid.upper)),
    ):
        end, word = (low, "below lower_price") if sign > 0 else (high, "above upper_price")
        if price is not None and sign * (price - end) >= 0:
            moved = ", where the range lies now" if end not in {grid.lower, grid.upper} else ""
            return Refused(code="GRID_STOP", reason=f"{name} {text(price)} is not {word} {text(end)}{moved}")
    return None


def cell_beyond_limits(grid: Grid, limits: Limits) -> Refused | None:
    """Refuse a cell whose one order is beyond the limits of an order: no change of the price mends that."""
    cost = grid.qty * max(level(grid, number if grid.sign > 0 else number + 1) for number in grid.cells)
    if not is_coin(grid.symbol) and grid.qty > limits.order_qty_max:
        reason = f"{text(grid.qty)} shares in one order are more than the limit of {text(limits.order_qty_max)}"
        return Refused(code="QTY", reason=reason)
    if cost > limits.order_notional_max:
        reason = f"one of its orders costs {text(cost)}, the limit is {text(limits.order_notional_max)}"
        return Refused(code="NOTIONAL", reason=reason)
    return None


_Check = Callable[[Grid, Asset | None], Refused | None]
_CHECKS: tuple[_Check, ...] = (_shortable, _tradable, _on_ticks, _distinct, _ordered, _sized, _earns, _funded)
"""In this order, and the first refusal counts."""


def _word(value: object) -> str:
    """Trim and fold look-alike characters to their plain form."""
    return unicodedata.normalize("NFKC", str(value)).strip() if value is not None else ""


def _quoted(value: object) -> str:
    """Show what a cell holds, cut where nobody would read on."""
    if value is None:
        return "(nothing)"
    shown = str(value)
    return repr(shown) if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]!r} and {len(shown) - SHOWN_MAX} more"
