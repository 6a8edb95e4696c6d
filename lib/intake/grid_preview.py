"""What a grid costs, earns and may lose, before it is approved: by the rules that read and start it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import pairwise

from lib.domain.bodies import is_coin
from lib.domain.facts import Asset, Quote
from lib.domain.grids import Grid, GridKind, Strategy
from lib.domain.limits import Limits
from lib.domain.money import AVERAGE_PLACES, ZERO, text, whole_down
from lib.planning.deciding.decisions import Refused
from lib.planning.deciding.sharing import Neighbour
from lib.planning.grid.books import opening_side
from lib.planning.grid.desired import desired
from lib.planning.grid.ledger import ledger
from lib.planning.grid.levels import (
    BPS,
    EXACT,
    PER_CENT,
    break_even_ratio,
    cells_held_at_start,
    level,
    levels,
    profit_per_cell,
)
from lib.planning.grid.lots import Execution, Part
from lib.planning.grid.reading import STRATEGY_COLUMNS, capital_need, parse_grid, refusals
from lib.planning.grid.starting import counted
from lib.views.grid import GridPreviewPage, GridSums, LevelLine

STEP_WATCHED = Decimal("0.1")
STEP_WATCHED_COIN = Decimal("0.5")
"""Per cent. Of finer steps looks every five minutes lose fills, by replays of recorded minutes (docs/grids.md)."""

Columns = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of the symbol outside the strategy: a price that was given or a quote, and whose symbol it is."""

    price: Decimal | None = None
    quote: Quote | None = None
    asset: Asset | None = None
    asked: bool = False  # the broker was
    others: tuple[Neighbour, ...] = ()


def as_strategy(account: str, columns: Columns) -> Strategy:
    """Return columns that are in no table yet as the row they would become."""
    values = {name: columns.get(name) for name in STRATEGY_COLUMNS}
    return Strategy(id=0, account=account, version=0, **values)  # type: ignore[arg-type]


def what_is_wrong(strategy: Strategy, asset: Asset | None, limits: Limits) -> tuple[Grid | None, tuple[str, ...]]:
    """Read a strategy; name everything wrong with it, where the stages stop at the first thing."""
    grid = parse_grid(strategy, asset, limits)
    if isinstance(grid, Refused):
        return None, (str(grid),)
    return grid, tuple(str(refused) for refused in refusals(grid, asset, limits))


def preview(strategy: Strategy, seen: Seen, limits: Limits, now: datetime) -> GridPreviewPage:
    """Lay out what a strategy would do from the price that is known, if it is."""
    grid, wrong = what_is_wrong(strategy, seen.asset, limits)
    if grid is None:
        return GridPreviewPage(strategy=as_written(strategy), refused=wrong)
    price, said = _price(seen)
    sums = _sums(grid, price, now)
    if grid.kind is GridKind.SPOT and sums.need is not None and sums.need > grid.capital >= sums.need_max:
        short = f"GRID_CAPITAL: from {_shown(price)} its orders need {text(sums.need)}, and capital is "
        wrong = (*wrong, f"{short}{text(grid.capital)}")
    return GridPreviewPage(
        strategy=in_words(grid),
        price=price,
        price_from=said,
        levels=_orders(grid, price, now),
        sums=sums,
        refused=wrong,
        warnings=tuple(_warnings(grid, sums, seen, limits, now)),
    )


def canonical(grid: Grid, columns: Columns) -> dict[str, str]:
    """Return the columns that were given, each in its one plain form."""
    plain: dict[str, object] = {
        "symbol": grid.symbol,
        "kind": grid.kind,
        "lower_price": grid.lower,
        "upper_price": grid.upper,
        "levels": Decimal(grid.levels),
        "spacing": grid.spacing,
        "quantity_per_grid": grid.qty,
        "capital": grid.capital,
        "straddle": grid.straddle,
        "stop_price": grid.stop,
        "take_profit_price": grid.take_profit,
        "out_of_range": grid.out_of_range,
        "trailing": "true" if grid.trailing else "false",
        "trailing_limit": grid.trailing_limit,
    }
    given = ((name, plain[name]) for name, raw in columns.items() if raw is not None)
    return {name: text(value) if isinstance(value, Decimal) else str(value) for name, value in given}


def in_words(grid: Grid) -> str:
    """Write a grid as a trader says it."""
    reach = f"{grid.levels} levels from {text(grid.lower)} to {text(grid.upper)}, {grid.spacing.lower()}"
    said = [f"{grid.kind} grid {grid.symbol}: {reach}, {text(grid.qty)} a cell"]
    said += [f"stop {text(grid.stop)}"] if grid.stop is not None else []
    said += [f"take profit {text(grid.take_profit)}"] if grid.take_profit is not None else []
    if grid.trailing:
        said.append("trailing" if grid.trailing_limit is None else f"trailing to {text(grid.trailing_limit)}")
    elif grid.out_of_range != "hold":
        said.append(f"{grid.out_of_range} out of range")
    return ", ".join(said)


def as_written(strategy: Strategy) -> str:
    """Write a strategy that cannot be read as it stands."""
    named = ("kind", "symbol", "levels", "lower_price", "upper_price", "quantity_per_grid")
    return " / ".join(str(getattr(strategy, name) or "–") for name in named)


def _shown(price: Decimal | None) -> str:
    return "–" if price is None else text(price)


def _price(seen: Seen) -> tuple[Decimal | None, str | None]:
    """Return the price a start would reckon with, the middle of the quote, and where it is from."""
    if seen.price is not None:
        return seen.price, "as given"
    if seen.quote is None or not seen.quote.bid or not seen.quote.ask:
        return None, None
    bid, ask = seen.quote.bid, seen.quote.ask
    return (bid + ask) / 2, f"the broker's bid {text(bid)}, ask {text(ask)}"


def _orders(grid: Grid, price: Decimal | None, now: datetime) -> tuple[LevelLine, ...]:
    """Return the levels with what rests at each once the first order has filled whole at `price`."""
    wanted = (
        {} if price is None else {want.level: want for want in desired(grid, ledger(grid, _first(grid, price, now)))}
    )
    return tuple(
        LevelLine(
            level=number, price=level(grid, number), side=want.side if want else None, qty=want.qty if want else None
        )
        for number in range(grid.shift, grid.shift + grid.levels)
        for want in (wanted.get(number),)
    )


def _first(grid: Grid, price: Decimal, now: datetime) -> Iterable[Execution]:
    qty = grid.qty * len(cells_held_at_start(grid, price))
    if not qty:
        return ()
    coins = qty * grid.fee_bps / BPS if is_coin(grid.symbol) else ZERO
    return (Execution(activity_id="first", at=now, part=Part.INITIAL, cell=None, qty=qty, price=price, fee_base=coins),)


def _sums(grid: Grid, price: Decimal | None, now: datetime) -> GridSums:
    with localcontext(EXACT):
        pairs = list(pairwise(levels(grid)))
        steps = [(high / low - 1) * PER_CENT for low, high in pairs]
        fee = grid.fee_bps / BPS
        earned = [grid.qty * (high * (1 - fee) - low * (1 + fee)) for low, high in pairs]
        worst, best = profit_per_cell(grid)
        known = GridSums(
            cells=len(pairs),
            qty=grid.qty,
            capital=grid.capital,
            need_max=capital_need(grid),
            fee_bps=grid.fee_bps,
            break_even=_rate((break_even_ratio(grid.fee_bps) - 1) * PER_CENT),
            step_min=_rate(min(steps)),
            step_max=_rate(max(steps)),
            profit_min=_rate(worst),
            profit_max=_rate(best),
            earned_min=min(earned),
            earned_max=max(earned),
        )
        return known if price is None else _from(grid, known, price, now)


def _from(grid: Grid, known: GridSums, price: Decimal, now: datetime) -> GridSums:
    """Add what follows from a price."""
    start = counted(grid, Quote(symbol=grid.symbol, bid=price, ask=price, at=now))
    held = cells_held_at_start(grid, price)
    entered = [price if c in held else level(grid, c if grid.sign > 0 else c + 1) for c in grid.cells]
    end = grid.lower if grid.sign > 0 else grid.upper

    def loss(at: Decimal) -> Decimal:
        return grid.sign * grid.qty * sum((each - at for each in entered), ZERO)

    return replace(
        known,
        need=start.need,
        first_side=opening_side(grid) if start.qty else None,
        first_qty=start.qty,
        first_cells=tuple(held),
        end=end,
        loss_at_end=loss(end),
        stop=grid.stop,
        loss_at_stop=None if grid.stop is None else loss(grid.stop),
    )


def _rate(per_cent: Decimal) -> Decimal:
    return per_cent.quantize(AVERAGE_PLACES).normalize() + ZERO


def _warnings(grid: Grid, sums: GridSums, seen: Seen, limits: Limits, now: datetime) -> Iterable[str]:
    coin, spot = is_coin(grid.symbol), grid.kind is GridKind.SPOT
    watched = STEP_WATCHED_COIN if coin else STEP_WATCHED
    if sums.step_min < watched:
        yield (
            f"the smallest step is {sums.step_min:.3f} %: below {text(watched)} % a look every five minutes misses "
            "round trips; look more often (order_monitor.py --watch 15) or take fewer levels"
        )
    if grid.fee_bps and sums.profit_min * 2 < sums.step_min:
        yield f"fees take more than half of the smallest step: {sums.profit_min:.3f} % of {sums.step_min:.3f} % is left"
    if not coin and grid.qty != whole_down(grid.qty):
        yield (
            "parts of shares are DAY orders at Alpaca: they are placed anew each morning, and none rests overnight; "
            "whole shares rest for 90 days (GTC) and are renewed"
        )
    if coin and not seen.asked:
        yield f"the broker was not asked: its steps of price and quantity for {grid.symbol} may round otherwise"
    price, _ = _price(seen)
    if price is not None and not grid.lower <= price <= grid.upper:
        all_held = (price < grid.lower) is spot
        what = "every cell starts held" if all_held else "no cell starts held, and nothing fills until it comes back"
        yield f"the price {_shown(price)} is outside the range: {what}"
    if seen.price is None and seen.quote is not None and now - seen.quote.at > limits.quote_age_max:
        yield f"the quote is of {seen.quote.at:%Y-%m-%d %H:%M} UTC; the grid starts by a fresh one, in the session"
    if grid.stop is None:
        side, held = ("below", "holds") if spot else ("above", "is short of")
        yield (
            f"no stop price: {side} the range it {held} {text(grid.qty * sums.cells)} {grid.symbol} and waits, "
            "whatever they come to"
        )
    if seen.others:
        named = ", ".join(one.name for one in seen.others)
        yield f"{grid.symbol} belongs to {named}: it starts once the symbol is free (SYMBOL_BUSY), or may be shared"
