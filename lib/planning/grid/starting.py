"""How a grid starts: checked whole, then one market order for the cells that begin held, or none if none does.

The claim, the price it was made at and the order's row are one transaction before the order goes out; a grid that is
STARTING is never claimed again, so there is one first order at most. What comes of it order_monitor books.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Action, Insert, Ref, Submit, Update, Write
from lib.domain.bodies import is_coin, market_entry_body, readable
from lib.domain.facts import Problem, Quote, Snapshot
from lib.domain.grids import Grid, GridKind, GridStatus, Strategy
from lib.domain.ids import grid_id
from lib.domain.limits import CONFIRM_MISSING
from lib.domain.money import ZERO, text
from lib.domain.records import Order, Rows
from lib.domain.states import PENDING, Side
from lib.planning.context import Context
from lib.planning.deciding.checks import may_enter, symbol_listed
from lib.planning.deciding.decisions import Refused, is_ticked
from lib.planning.deciding.exposure import SHORT_SLACK, World, world_of
from lib.planning.deciding.sharing import grid_refused_beside
from lib.planning.grid.books import GridBook, grid_rows, initial_orders, may_have_traded, opening_side
from lib.planning.grid.changes import strategy_write
from lib.planning.grid.diff import gave_up, order_row, sent_again, unknown
from lib.planning.grid.ending import reached
from lib.planning.grid.levels import cells_held_at_start, level
from lib.planning.grid.reading import is_edited, read_grid, status_of, strategy_digest, symbol_of
from lib.planning.protecting.steps import trades_now
from lib.planning.protecting.watching import usable

START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a grid begins with."""

    grid: Grid
    price: Decimal  # the middle of the quote
    qty: Decimal  # of the first order
    need: Decimal  # dollars that it takes if every order fills


def unstamped(rows: Rows) -> tuple[Strategy, ...]:
    """Return the strategies that wait for their start and whose approval was not seen yet."""
    ticked = (each for each in rows.grids if is_ticked(each.approve) and each.version >= 0)
    return tuple(e for e in ticked if e.approved_digest is None and status_of(e) is GridStatus.WAITING)


def approvals(rows: Rows, context: Context, *, but: Collection[int] = ()) -> tuple[Write, ...]:
    """Stamp strategies seen approved, so that later edits show; `but` are those whose rows this round writes anyway."""
    return tuple(
        _write(each, {"approved_digest": strategy_digest(each), "approved_seen_at": context.now}, "approval seen")
        for each in unstamped(rows)
        if each.id not in but
    )


def grids_as_stamped(rows: Rows, now: datetime) -> Rows:
    """Return the rows as they are after their approvals are stamped: a dry run looks past its own first write."""
    seen = {each.id for each in unstamped(rows)}
    grids = tuple(
        replace(each, approved_digest=strategy_digest(each), approved_seen_at=now) if each.id in seen else each
        for each in rows.grids
    )
    return replace(rows, grids=grids)


def to_start(rows: Rows) -> tuple[Strategy, ...]:
    """Return the strategies that wait for their start, oldest first.

    One that may have traded was started before.
    """
    begun = {each.strategy.id for each in grid_rows(rows) if may_have_traded(each.orders)}
    return tuple(
        each
        for each in sorted(rows.grids, key=lambda s: s.id)
        if status_of(each) is GridStatus.WAITING
        and is_ticked(each.approve)
        and each.version >= 0
        and not (each.wanted or "").strip()
        and each.id not in begun
    )


def awaits_start(rows: Rows) -> bool:
    """Say whether order_executor has a grid to start."""
    return bool(to_start(rows))


def symbols_to_start(rows: Rows, context: Context) -> tuple[str, ...]:
    """Return the symbols of which the start of a grid needs asset and quote now."""
    if context.only_decision is not None:
        return ()
    return tuple(symbol for each in to_start(rows) if trades_now(symbol := symbol_of(each), context) and symbol)


def plan_starts(rows: Rows, world: World | None, context: Context) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """Answer every approved strategy that waits: start it, refuse it, or say why it waits."""
    actions: list[Action] = []
    notes: list[str] = []
    for strategy in to_start(rows) if context.only_decision is None else ():
        if strategy.approved_digest is None:
            continue  # stamped in this round, answered in the next
        if world is None or not trades_now(symbol_of(strategy), context):
            notes.append(f"grid {strategy.id} is approved and starts in a session")
            continue
        start = _start_of(strategy, world, context)
        if isinstance(start, Refused):
            actions.extend(_refusal(strategy, start))
            continue
        attempt = 1 + max((o.attempt for o in rows.orders if o.strategy_id == strategy.id), default=0)
        actions.append(_started(strategy, start, rows.account.namespace, context, attempt=attempt))
        world = world.started(start.grid, start.need)
    return tuple(actions), tuple(notes)


def _start_of(strategy: Strategy, world: World, context: Context) -> Start | Refused:
    if is_edited(strategy):
        reason = "the row was changed after its approval; write a new strategy"
        return Refused(code="EDITED_AFTER_APPROVAL", reason=reason)
    symbol = symbol_of(strategy)
    asset = world.assets.get(symbol)
    grid = read_grid(strategy, asset, world.limits)
    if isinstance(grid, Refused):
        return grid
    if asset is None:
        return Refused(code="GRID_SYMBOL", reason=f"the broker knows no {symbol}")
    refused = symbol_listed(symbol, world) or may_enter(symbol, world) or _taken(grid, world)
    if refused is not None:
        return refused
    quote = usable(world.quotes.get(symbol), symbol, context)
    if quote is None or not quote.bid or not quote.ask:
        return Refused(code="QUOTE", reason=f"no usable quote for {symbol}", final=False)
    if 2 * (quote.ask - quote.bid) > world.limits.spread_max * (quote.ask + quote.bid):
        reason = f"bid {text(quote.bid)} and ask {text(quote.ask)} are too far apart"
        return Refused(code="SPREAD", reason=reason, final=False)
    ending = reached(grid, quote, context)
    if ending is not None:
        return Refused(code="STOP_THROUGH", reason=f"it would end at once: {ending[1]}", final=False)
    start = counted(grid, quote)
    return _beyond_limits(start, quote, world) or _unaffordable(start, world) or start


def _taken(grid: Grid, world: World) -> Refused | None:
    """Refuse a symbol that others have, and a short sale that the account may not make."""
    others, position = world.neighbours.get(grid.symbol, ()), world.positions.get(grid.symbol)
    refused = grid_refused_beside(grid, others, position, world.limits.symbol_sharing)
    if refused is None and grid.kind is GridKind.REVERSE and not world.account.shorting_enabled:
        return Refused(code="NOT_SHORTABLE", reason="the account is not allowed to sell short", final=False)
    return refused


def counted(grid: Grid, quote: Quote) -> Start:
    """Work out what begins held at the middle of the quote, and what everything costs if it fills."""
    assert quote.bid is not None
    assert quote.ask is not None
    price = (quote.bid + quote.ask) / 2
    held = cells_held_at_start(grid, price)
    qty = grid.qty * len(held)
    flat = [cell for cell in grid.cells if cell not in held]
    if grid.kind is GridKind.SPOT:
        need = qty * quote.ask + grid.qty * sum((level(grid, cell) for cell in flat), ZERO)
    else:
        least = quote.ask * SHORT_SLACK  # the broker holds no less for a short sale, whatever its limit
        need = qty * least + grid.qty * sum((max(level(grid, cell + 1), least) for cell in flat), ZERO)
    return Start(grid=grid, price=price, qty=qty, need=need)


def _beyond_limits(start: Start, quote: Quote, world: World) -> Refused | None:
    """Refuse what the limits forbid, as of a decision; a grid counts with all that it may come to hold (check-R2, R3).

    For good what a change of the price cannot mend: the orders of its cells.
    """
    grid, limits = start.grid, world.limits
    assert quote.ask is not None
    first = start.qty * quote.ask
    if first > limits.order_notional_max or (not is_coin(grid.symbol) and start.qty > limits.order_qty_max):
        reason = f"its first order, of {text(start.qty)} for {text(first)}, is beyond the limits of one order"
        return Refused(code="SIZE", reason=reason, final=False)
    return _beyond_shares(grid.symbol, start.need, world)


def _beyond_shares(symbol: str, need: Decimal, world: World) -> Refused | None:
    """Refuse what would be too large a part of the account in one symbol, or in all."""
    limits, equity = world.limits, world.account.equity
    held = sum((e.value for e in world.exposures if e.symbol == symbol), ZERO) + need
    if held > limits.position_share_max * equity:
        reason = f"{text(held)} could be in {symbol}, the limit is {text(limits.position_share_max * equity)}"
        return Refused(code="POSITION", reason=reason, final=False)
    gross = sum((e.value for e in world.exposures), ZERO) + need
    if gross > limits.gross_exposure_max * equity:
        reason = f"{text(gross)} could be at stake in all, the limit is {text(limits.gross_exposure_max * equity)}"
        return Refused(code="EXPOSURE", reason=reason, final=False)
    return None


def resumes(strategy: Strategy) -> bool:
    """Say whether a grid that was paused is approved again: pausing took its tick away."""
    return status_of(strategy) is GridStatus.PAUSED and is_ticked(strategy.approve)


def resumes_edited(rows: Rows) -> bool:
    """Say whether a grid that has begun is approved with other numbers: what it may cost is judged by the account."""
    return any(resumes(each) and is_edited(each) for each in rows.grids)


def refused_as_edited(book: GridBook, rows: Rows, snapshot: Snapshot, context: Context) -> Refused | None:
    """Judge a grid that has begun and was changed as one that is to start, as far as no price is needed for it.

    Whether there is buying power for each of its orders the broker says.
    """
    read = read_grid(book.strategy, snapshot.assets.get(book.grid.symbol), context.limits)
    if isinstance(read, Refused):
        return read
    world = world_of(rows, snapshot, context)
    if world is None:
        return None
    return _beyond_shares(book.grid.symbol, ZERO, world)  # it is among the exposures, with all it may come to hold


def _unaffordable(start: Start, world: World) -> Refused | None:
    grid, reserve = start.grid, world.limits.buying_power_reserve * world.account.equity
    spent = world.account.buying_power - world.buying_power
    left = min(world.buying_power, world.account.cash - spent) if is_coin(grid.symbol) else world.buying_power
    left = max(left - reserve, ZERO)
    if start.need > left:
        reason = f"its orders need {text(start.need)}, the buying power left is {text(left)}"
        return Refused(code="BUYING_POWER", reason=reason, final=False)
    if grid.kind is GridKind.SPOT and start.need > grid.capital:
        reason = f"at {text(start.price)} its orders need {text(start.need)}, and capital is {text(grid.capital)}"
        return Refused(code="GRID_CAPITAL", reason=reason)
    return None


def _refusal(strategy: Strategy, refused: Refused) -> tuple[Write, ...]:
    values: dict[str, object] = {"reason": str(refused)}
    if refused.final:
        values["status"] = GridStatus.REJECTED
    if all(getattr(strategy, name) == value for name, value in values.items()):
        return ()  # said before
    word = GridStatus.REJECTED if refused.final else GridStatus.WAITING
    return (_write(strategy, values, f"{word}: {refused}"),)


def _started(strategy: Strategy, start: Start, namespace: str, context: Context, *, attempt: int) -> Action:
    """Claim a strategy: its status, its price and its first order's row are one transaction, before the order."""
    grid = start.grid
    claimed: dict[str, object] = {
        "status": GridStatus.STARTING,
        "reason": None,
        "start_price": start.price,
        "started_at": context.now,
    }
    if start.qty == 0:
        return _write(strategy, claimed, f"starts at {text(start.price)} with nothing held")
    side = opening_side(grid)
    body = market_entry_body(
        grid_id(namespace, grid.id, START, side, attempt),
        grid.symbol,
        start.qty,
        side=Side.LONG if grid.kind is GridKind.SPOT else Side.SHORT,
    )
    return Submit(
        intent=(
            Update(table="grid_strategy", id=strategy.id, version=strategy.version, values=claimed),
            Insert(
                table="order_execution",
                values=order_row(grid, body, None, attempt=attempt, now=context.now),
                ref="order",
            ),
        ),
        body=body,
        why=f"grid {grid.id} starts at {text(start.price)}: {side} {text(start.qty)} {grid.symbol} at market",
        symbol=grid.symbol,
        increases_exposure=True,
        order_refs=(Ref("order"),),
    )


def plan_starting(
    book: GridBook, looked_up: Mapping[str, object], context: Context
) -> tuple[tuple[Action, ...], tuple[Problem, ...]]:
    """Follow the first order of a grid: one of unknown outcome is sent again once it is twice confirmed absent.

    It is wanted until a stop is asked for, so it waits for a session; booking tells what came of it.
    """
    unresolved = [o for o in initial_orders(book, book.grid) if o.order_status == PENDING]
    if not unresolved:
        return (), ()
    order = unresolved[0]
    return _resolve(order, looked_up, context)


def _resolve(
    order: Order, looked_up: Mapping[str, object], context: Context
) -> tuple[tuple[Action, ...], tuple[Problem, ...]]:
    body = readable(order.payload)
    if order.missing_at is None or body is None or looked_up.get(order.client_order_id, order) is not None:
        return (), ()
    confirmed = context.now - order.missing_at >= CONFIRM_MISSING
    if not confirmed or not context.time_is_sure or not trades_now(order.symbol, context):
        return (), (unknown(order),)
    if not is_coin(order.symbol) and context.session is not None and order.created_at < context.session.open:
        return (gave_up(order, context.now),), ()  # it was meant for the price of a session that is over
    return (sent_again(order, body, context.now, opens=True),), ()


def _write(strategy: Strategy, values: Mapping[str, object], why: str) -> Write:
    return replace(strategy_write(strategy, values, why), answers_decision=True)
