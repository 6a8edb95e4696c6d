"""The whole story of one trade on one clock, each line with where it is written and why it happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lib.domain.money import ZERO, notional, text
from lib.domain.records import Fill, QuantityChange, StageRun, Trade
from lib.domain.states import Change, TradeStatus
from lib.domain.story import Event, Story
from lib.views.happenings import in_words, steps

Local = Callable[[datetime], datetime]

MOVED = {
    Change.OPENING: "held when this system first looked",
    Change.FOREIGN_FILL: "traded outside this system",
    Change.SPLIT: "split",
    Change.RENAME: "a new name",
    Change.TRANSFER: "taken away or moved, not traded",
    Change.LIQUIDATION: "liquidated by the broker",
    Change.FEE_IN_KIND: "the fee, taken in the coin",
    Change.DUST: "too little for an order",
    Change.UNEXPLAINED: "gone without an explanation",
}
CODED = re.compile(r"[A-Z][A-Z_]+: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One thing that happened. `source` names the row and the event; `by` is the run or the person who wrote it."""

    at: datetime | None
    what: str
    why: str | None
    source: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """The trade's result added up from the fills and priced changes that the page shows; `agrees` with the journal."""

    bought: Decimal
    paid: Decimal
    sold: Decimal
    received: Decimal
    pnl: Decimal | None
    journal_pnl: Decimal | None
    agrees: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainPage:
    """One trade, from its decision to its end."""

    trade: int
    account: str
    symbol: str
    style: str
    side: str
    status: str
    exit_reason: str | None
    decision: int
    planned_qty: Decimal
    planned_entry: Decimal
    planned_stop: Decimal
    planned_target: Decimal | None
    lines: tuple[StoryLine, ...]
    recount: Recount


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    """A line and its place: by time, then as it was written; what passes said of it comes after."""

    at: datetime
    rank: int
    number: int
    line: StoryLine


def explain_page(story: Story, *, local: Local) -> ExplainPage:
    """Tell a trade's story in the order of time; what has no time on record comes first."""
    trade = story.trade
    told = sorted(
        (
            *_events(story, local),
            *_fills(story, local),
            *_changes(story, local),
            *_coverage(story, local),
            *_runs(story, local),
        ),
        key=lambda each: (each.at, each.rank, each.number),
    )
    return ExplainPage(
        trade=trade.id,
        account=trade.account,
        symbol=trade.symbol,
        style=trade.trade_style,
        side=trade.side,
        status=trade.status,
        exit_reason=trade.exit_reason,
        decision=trade.decision_id,
        planned_qty=trade.planned_qty,
        planned_entry=trade.planned_entry,
        planned_stop=trade.planned_sl,
        planned_target=trade.planned_tp,
        lines=(*_without_a_trail(story), *(each.line for each in told)),
        recount=_recount(trade, story.fills, story.changes),
    )


def _without_a_trail(story: Story) -> Iterator[StoryLine]:
    """Name the rows that another program wrote: the trail does not say when they began."""
    began = {(event.table_name, event.row_id) for event in story.events if event.op == "insert"}
    rows = [("analysis_decision", story.trade.decision_id), ("trade_journal", story.trade.id)]
    rows += [("order_execution", order.id) for order in story.orders]
    for table, number in rows:
        if (table, number) not in began:
            if table == "analysis_decision" and story.decision is None:
                what = "the decision's row is gone"
            else:
                what = "written by another program: when, is not on record"
            yield StoryLine(at=None, what=what, why=None, source=f"{table} {number}", by=None)


def _events(story: Story, local: Local) -> Iterator[_At]:
    for step in steps(story):
        event = step.event
        for what, why in in_words(step, story, local):
            source = f"{event.table_name} {event.row_id}, event {event.id}"
            line = StoryLine(at=local(event.at), what=what, why=why, source=source, by=event.run_id)
            yield _At(at=event.at, rank=0, number=event.id, line=line)


def _fills(story: Story, local: Local) -> Iterator[_At]:
    names = {order.id: order.client_order_id for order in story.orders}
    for fill in story.fills:
        word = "bought" if fill.side == "buy" else "sold"
        what = f"{word} {text(fill.qty)} {fill.symbol} at {text(fill.price)}"
        order = names.get(fill.order_id, f"order {fill.order_id}")
        booked, sent = _began(story, "fill", fill.id), _began(story, "order_execution", fill.order_id)
        source = f"fill {fill.id}{_of(booked)}, activity {fill.activity_id}"
        at, by = fill.transaction_time, booked.run_id if booked else None
        line = StoryLine(at=local(at), what=what, why=f"{order} met the market", source=source, by=by)
        # The broker's clock may be behind ours, or coarser: no fill is told before its order.
        place = max(at, sent.at) if sent else at
        yield _At(at=place, rank=0, number=booked.id if booked else 0, line=line)


def _changes(story: Story, local: Local) -> Iterator[_At]:
    for change in story.changes:
        cause = MOVED[Change(change.cause)] if change.cause in set(Change) else change.cause
        price = f" at {text(change.price)}" if change.price is not None else ""
        what = f"{'+' if change.delta > 0 else ''}{text(change.delta)} {change.symbol}{price}: {cause}"
        booked = _began(story, "quantity_change", change.id)
        activity = f", activity {change.activity_id}" if change.activity_id else ""
        source, by = f"quantity_change {change.id}{_of(booked)}{activity}", booked.run_id if booked else None
        line = StoryLine(at=local(change.at), what=what, why=change.evidence, source=source, by=by)
        yield _At(at=change.at, rank=0, number=booked.id if booked else 0, line=line)


def _began(story: Story, table: str, row_id: int) -> Event | None:
    """Return the event with which a row began, None where another program wrote it."""
    return next((e for e in story.events if (e.table_name, e.row_id, e.op) == (table, row_id, "insert")), None)


def _of(event: Event | None) -> str:
    return f", event {event.id}" if event is not None else ""


def _coverage(story: Story, local: Local) -> Iterator[_At]:
    """Tell for how long and why shares had no stop; when they had one is told where it is booked."""
    for row in story.coverage:
        bare = row.owned_qty - row.covered_qty
        if bare <= 0:
            continue
        lasted = "still" if row.seconds_uncovered is None else f"for {row.seconds_uncovered} s of trading"
        what = f"{text(bare)} of {text(row.owned_qty)} {row.symbol} without a stop, {lasted}"
        line = StoryLine(
            at=local(row.from_time), what=what, why=row.cause, source=f"protection_coverage {row.id}", by=None
        )
        yield _At(at=row.from_time, rank=2, number=row.id, line=line)


def _runs(story: Story, local: Local) -> Iterator[_At]:
    """Tell what passes said of this trade; what they said over and over is one line."""
    heard: dict[str, list[StageRun]] = {}
    for run in story.runs:
        for sentence in (run.note or "").splitlines():
            if _is_about(sentence, story):
                heard.setdefault(sentence, []).append(run)
    for sentence, runs in heard.items():
        first, last = runs[0], runs[-1]
        again = f" (said by {len(runs)} passes, until {local(last.started_at):%Y-%m-%d %H:%M})" if len(runs) > 1 else ""
        source = f"stage_run {first.id}{f' to {last.id}' if last is not first else ''}"
        why = f"the pass ended {first.outcome}"
        line = StoryLine(
            at=local(first.finished_at), what=f"{sentence}{again}", why=why, source=source, by=first.run_id
        )
        yield _At(at=first.finished_at, rank=1, number=first.id, line=line)


def _is_about(sentence: str, story: Story) -> bool:
    trade = story.trade
    names = [rf"trade {trade.id}\b", rf"decision {trade.decision_id}\b"]
    names += [rf"{re.escape(order.client_order_id)}(?![\w-])" for order in story.orders]
    if CODED.match(sentence):
        names.append(rf"{re.escape(trade.symbol)}(?![\w.])")
    return any(re.search(rf"(?<![\w-]){name}", sentence) for name in names)


def _recount(trade: Trade, fills: Iterable[Fill], changes: Iterable[QuantityChange]) -> Recount:
    moved = [(fill.side == "buy", fill.qty, fill.price) for fill in fills]
    moved += [(change.delta > 0, abs(change.delta), change.price) for change in changes if change.price is not None]
    buys = [(qty, price) for is_buy, qty, price in moved if is_buy]
    sells = [(qty, price) for is_buy, qty, price in moved if not is_buy]
    paid, received = notional(buys), notional(sells)
    over = trade.status == TradeStatus.CLOSED
    pnl = received - paid if over else None
    return Recount(
        bought=sum((qty for qty, _ in buys), ZERO),
        paid=paid,
        sold=sum((qty for qty, _ in sells), ZERO),
        received=received,
        pnl=pnl,
        journal_pnl=trade.actual_pnl,
        agrees=pnl == trade.actual_pnl if over else None,
    )
