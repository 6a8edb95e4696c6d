"""How things stand: each account's trades with their cover, what waits, the last passes, what needs attention.

Everything here is what the rows say. Cover is what the last pass of order_monitor saw; nobody asks the broker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from lib.domain.money import ZERO, text
from lib.domain.records import Control, Decision, Order, Position, QuantityChange, Rows, StageRun, Trade
from lib.domain.states import ENDED, PENDING, ControlState, TradeStatus
from lib.domain.wanted import Wanted, read_wanted
from lib.views.advice import ADVICE
from lib.views.grid import GridLine, going_on

Local = Callable[[datetime], datetime]
"""Puts an instant on the wall clock of the page's reader; JSON puts it back to UTC."""

CODED = re.compile(r"([A-Z][A-Z_]+): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStanding:
    """What is known of one stage of one account: its newest passes, newest first, and what was missed.

    `clean` is the newest pass without a problem; `missed_since` when one should have begun that did not.
    """

    stage: str
    runs: tuple[StageRun, ...] = ()
    clean: StageRun | None = None
    missed_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What `status` reads of one account; `rows.controls` holds the HALT file too, as passes see it."""

    rows: Rows
    waiting: tuple[Decision, ...] = ()
    stages: tuple[StageStanding, ...] = ()
    unexplained: tuple[QuantityChange, ...] = ()  # of the last days
    untold: tuple[datetime, ...] = ()  # since when each alert that could not be delivered waits


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOrder:
    """An order that may still fill, as its row has it."""

    id: int
    client_order_id: str
    broker_order_id: str | None
    role: str
    order: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTrade:
    """A trade that is not over. `covered` is how many of the owned shares a live order would close at the stop."""

    id: int
    symbol: str
    style: str
    status: str
    owned: Decimal
    planned_qty: Decimal
    covered: Decimal
    uncovered: Decimal
    entry: Decimal
    stop: Decimal
    trail_percent: Decimal | None
    target: Decimal | None
    price: Decimal | None
    value: Decimal | None
    pnl: Decimal | None
    valued_at: datetime | None
    stale: bool
    missing_since: datetime | None
    orders: tuple[LiveOrder, ...]
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDecision:
    """An approved decision that has no order yet, and why."""

    id: int
    symbol: str | None
    entry: str | None
    stop: str | None
    target: str | None
    qty: str | None
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOrder:
    """An order of which nobody knows whether the broker has it. `missing_at`: the first look that did not find it."""

    id: int
    trade_id: int | None
    strategy_id: int | None
    client_order_id: str
    order: str
    sent_at: datetime | None
    missing_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLine:
    """A control that is not ACTIVE."""

    scope: str
    state: str
    reason: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePass:
    """The last pass of one stage: when it began, how it ended, what it said; `missed_since` if one is overdue."""

    stage: str
    last: datetime | None
    outcome: str | None
    last_clean: datetime | None
    missed_since: datetime | None
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Something a person should look at, and what to do about it."""

    code: str
    what: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """One account. `cover_as_of` is when order_monitor last looked."""

    name: str
    broker: str | None
    environment: str | None
    account_number: str | None
    attention: tuple[Attention, ...]
    controls: tuple[ControlLine, ...]
    trades: tuple[OpenTrade, ...]
    cover_as_of: datetime | None
    waiting: tuple[WaitingDecision, ...]
    unknown: tuple[UnknownOrder, ...]
    passes: tuple[StagePass, ...]
    grids: tuple[GridLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """All accounts asked for, at one moment. `live`: the settings are for real money."""

    at: datetime
    live: bool = False
    accounts: tuple[AccountStatus, ...] = field(default_factory=tuple)


def status_page(standings: Iterable[Standing], *, now: datetime, local: Local, live: bool = False) -> StatusPage:
    """Lay out accounts in the order in which they come."""
    return StatusPage(at=local(now), live=live, accounts=tuple(_account(each, local) for each in standings))


def _account(standing: Standing, local: Local) -> AccountStatus:
    rows = standing.rows
    trades = tuple(_trade(trade, rows, local) for trade in rows.trades if _is_open(trade, rows))
    controls = tuple(_control(each, local) for each in rows.controls if each.state != ControlState.ACTIVE)
    passes = tuple(_pass(each, local) for each in standing.stages)
    pinned = rows.account
    return AccountStatus(
        name=pinned.account,
        broker=pinned.broker,
        environment=pinned.environment,
        account_number=pinned.account_number,
        attention=tuple(_attention(standing, trades, controls, passes, local)),
        controls=controls,
        trades=trades,
        cover_as_of=_cover_as_of(standing.stages, local),
        waiting=tuple(_waiting(each) for each in standing.waiting),
        unknown=tuple(_unknown(each, local) for each in rows.orders if _is_unknown(each)),
        passes=passes,
        grids=going_on(rows),
    )


def _is_live(order: Order) -> bool:
    return order.order_status not in ENDED


def _is_unknown(order: Order) -> bool:
    return order.order_status == PENDING and order.parent_id is None


def _is_open(trade: Trade, rows: Rows) -> bool:
    over = trade.status in {TradeStatus.CLOSED, TradeStatus.CANCELLED}
    return not over or any(order.trade_id == trade.id and _is_live(order) for order in rows.orders)


def _trade(trade: Trade, rows: Rows, local: Local) -> OpenTrade:
    held = next((each for each in rows.positions if each.trade_id == trade.id), None)
    owned, covered = (held.qty, held.covered_qty) if held is not None else (ZERO, ZERO)
    mine = [order for order in rows.orders if order.trade_id == trade.id and _is_live(order)]
    want = _wanted(trade)
    return OpenTrade(
        id=trade.id,
        symbol=trade.symbol,
        style=trade.trade_style,
        status=trade.status,
        owned=owned,
        planned_qty=trade.planned_qty if want.total is None else want.total,
        covered=covered,
        uncovered=max(abs(owned) - covered, ZERO),
        entry=trade.actual_entry or want.entry or trade.planned_entry,
        stop=want.stop or trade.planned_sl,
        trail_percent=trade.trail_percent,
        target=want.target or trade.planned_tp,
        price=held.current_price if held is not None else None,
        value=held.market_value if held is not None else None,
        pnl=held.unrealized_pnl if held is not None else None,
        valued_at=_valued_at(held, local),
        stale=held is not None and held.stale,
        missing_since=_local(held.missing_since if held is not None else None, local),
        orders=tuple(_live_order(order) for order in mine),
        note=trade.note,
    )


def _wanted(trade: Trade) -> Wanted:
    """Return what later decisions changed of a trade's plan; nothing where a hand made the column unreadable."""
    try:
        return read_wanted(trade.wanted)
    except ValueError:
        return Wanted()


def _valued_at(held: Position | None, local: Local) -> datetime | None:
    """Return how old the price is: its quote's time, or that of the fill it was taken from until there is a quote."""
    return None if held is None else _local(held.quote_time or held.last_updated, local)


def _live_order(order: Order) -> LiveOrder:
    return LiveOrder(
        id=order.id,
        client_order_id=order.client_order_id,
        broker_order_id=order.alpaca_order_id,
        role=order.order_type,
        order=order_in_words(order),
        status=order.order_status,
    )


def order_in_words(order: Order) -> str:
    """Write an order as a trader says it: `sell 10 AAPL stop 145 gtc`."""
    prices = [f"{text(price)}" for price in (order.stop_price, order.limit_price) if price is not None]
    prices += [f"{text(order.trail_percent)} %"] if order.trail_percent is not None else []
    return " ".join(
        (order.side, text(order.qty), order.symbol, order.kind.replace("_", " "), *prices, order.time_in_force)
    )


def _waiting(decision: Decision) -> WaitingDecision:
    return WaitingDecision(
        id=decision.id,
        symbol=decision.symbol,
        entry=decision.planned_entry,
        stop=decision.planned_sl,
        target=decision.planned_tp,
        qty=decision.qty,
        status=decision.execution_status or "approved",
        reason=decision.execution_note,
    )


def _unknown(order: Order, local: Local) -> UnknownOrder:
    return UnknownOrder(
        id=order.id,
        trade_id=order.trade_id,
        strategy_id=order.strategy_id,
        client_order_id=order.client_order_id,
        order=order_in_words(order),
        sent_at=_local(order.submitted_at, local),
        missing_at=_local(order.missing_at, local),
    )


def _control(control: Control, local: Local) -> ControlLine:
    return ControlLine(
        scope=control.scope, state=control.state, reason=control.reason, since=_local(control.since, local)
    )


def _pass(standing: StageStanding, local: Local) -> StagePass:
    newest = standing.runs[0] if standing.runs else None
    return StagePass(
        stage=standing.stage,
        last=_local(newest.started_at if newest else None, local),
        outcome=newest.outcome if newest else None,
        last_clean=_local(standing.clean.started_at if standing.clean else None, local),
        missed_since=_local(standing.missed_since, local),
        said=_said(newest),
    )


def _said(run: StageRun | None) -> tuple[str, ...]:
    return tuple((run.note or "").splitlines()) if run is not None else ()


def _cover_as_of(stages: Iterable[StageStanding], local: Local) -> datetime | None:
    looks = [run for each in stages if each.stage == "order_monitor" for run in each.runs if run.outcome != "skipped"]
    return _local(max((run.finished_at for run in looks), default=None), local)


def _local(at: datetime | None, local: Local) -> datetime | None:
    return None if at is None else local(at)


def _attention(
    standing: Standing,
    trades: Iterable[OpenTrade],
    controls: Iterable[ControlLine],
    passes: Iterable[StagePass],
    local: Local,
) -> Iterable[Attention]:
    """List what a person should look at, the dearest first."""
    said = [line for each in passes if each.outcome == "incomplete" for line in each.said]
    for trade in trades:
        told = any(line.startswith(f"UNCOVERED: trade {trade.id} ") for line in said)
        if trade.uncovered > 0 and not told:
            what = (
                f"trade {trade.id} {trade.symbol}: {text(trade.uncovered)} of {text(trade.owned)} shares have no stop"
            )
            yield Attention(code="UNCOVERED", what=what, do=ADVICE["UNCOVERED"])
    for line in sorted(dict.fromkeys(said), key=lambda line: not line.startswith("UNCOVERED: ")):
        yield _problem(line)
    for control in controls:
        what = f"{control.scope} is {control.state}: {control.reason or 'no reason given'}"
        yield Attention(code=control.state, what=what, do=ADVICE.get(control.state, ADVICE["HALTED"]))
    for change in standing.unexplained:
        yield _unexplained(change)
    if standing.untold:
        yield _undelivered(standing.untold, local)
    for stage in standing.stages:
        yield from _of_stage(stage, passes)


def _problem(line: str) -> Attention:
    coded = CODED.match(line)
    if coded is None:
        return Attention(code="INCOMPLETE", what=line, do=ADVICE["INCOMPLETE"])
    return Attention(code=coded.group(1), what=line[coded.end() :], do=ADVICE.get(coded.group(1), ADVICE["INCOMPLETE"]))


def _unexplained(change: QuantityChange) -> Attention:
    owner = "outside any trade" if change.trade_id is None else f"of trade {change.trade_id}"
    what = f"{change.symbol}: {text(change.delta)} shares {owner} on {change.at:%Y-%m-%d}: {change.evidence or ''}"
    return Attention(code="UNEXPLAINED", what=what.removesuffix(": "), do=ADVICE["UNEXPLAINED"])


def _undelivered(untold: Sequence[datetime], local: Local) -> Attention:
    alerts = "1 alert is" if len(untold) == 1 else f"{len(untold)} alerts are"
    what = f"{alerts} not delivered, since {local(min(untold)):%Y-%m-%d %H:%M} ET"
    return Attention(code="UNDELIVERED", what=what, do=ADVICE["UNDELIVERED"])


def _of_stage(standing: StageStanding, passes: Iterable[StagePass]) -> Iterable[Attention]:
    shown: Mapping[str, StagePass] = {each.stage: each for each in passes}
    missed = shown[standing.stage].missed_since
    if not standing.runs:
        yield Attention(code="MISSED", what=f"{standing.stage} has never run", do=ADVICE["MISSED"])
    elif missed is not None:
        what = f"{standing.stage} was due at {missed:%Y-%m-%d %H:%M} ET and has not run since"
        yield Attention(code="MISSED", what=what, do=ADVICE["MISSED"])
    newest = [run.outcome for run in standing.runs[:2]]
    if newest == ["skipped", "skipped"]:
        what = f"{standing.stage} found its account in use twice in a row"
        yield Attention(code="SKIPPED", what=what, do=ADVICE["SKIPPED"])
