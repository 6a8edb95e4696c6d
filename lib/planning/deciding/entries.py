"""Approved decisions become entry orders, or a written reason why not."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Action, Insert, Plan, Ref, Submit, Update
from lib.domain.bodies import Body, entry_body
from lib.domain.facts import Quote, Snapshot
from lib.domain.hours import first_window_close, in_entry_window
from lib.domain.ids import entry_id
from lib.domain.money import text
from lib.domain.records import Decision, Rows
from lib.domain.states import PENDING, REJECTED, UNSENT, DecisionStatus, Role, TradeStatus
from lib.planning.context import Context
from lib.planning.deciding.answers import edited, is_open, refusal
from lib.planning.deciding.checks import refuse
from lib.planning.deciding.claims import finish_claims
from lib.planning.deciding.daily_loss import reduce_for_the_day
from lib.planning.deciding.decisions import NewTrade, Refused, is_request, is_ticked, read_decision, stamp_approvals
from lib.planning.deciding.exposure import World, is_open_trade, money_for, price_of, qty_step, world_of
from lib.planning.deciding.number_checks import refuse_numbers
from lib.planning.deciding.requests import answer_requests
from lib.planning.deciding.resting import entry_row, entry_tif, rests_until
from lib.planning.deciding.sizing import size
from lib.planning.grid.starting import approvals, awaits_start, plan_starts
from lib.planning.skew import is_bearable


def plan_order_executor(rows: Rows, snapshot: Snapshot, context: Context) -> Plan:
    """Answer every approved decision: claim it and send its entry, refuse it, or let it wait."""
    stamps = stamp_approvals(rows, context.now)
    finishing, problems = finish_claims(rows, snapshot, context)
    world = world_of(rows, snapshot, context, decisions_at_once=len(candidates(rows, context)))
    day = reduce_for_the_day(world, rows, context)
    answers, world = answer_requests(rows, snapshot.quotes, world, context)
    claims, notes = _claim(rows, world, context)
    grids, said = ((), ()) if day or claims else plan_starts(rows, world, context)  # in a round of their own
    return Plan(
        actions=(*stamps, *approvals(rows, context), *day, *finishing, *answers, *claims, *grids),
        problems=problems,
        notes=(*notes, *said),
    )


def candidates(rows: Rows, context: Context) -> tuple[Decision, ...]:
    """Return the decisions this pass has to answer, oldest first.

    New ones are claimed by the session's first complete run; WAITING ones are tried again until the window
    closes; `--decision` names one that is taken at any time of the window.
    """
    fresh_allowed = not _claimed_this_window(rows, context)
    return tuple(
        d
        for d in sorted(rows.decisions, key=lambda d: d.id)
        if is_open(d, rows)
        and not is_request(d)
        and (
            fresh_allowed
            or d.execution_status == DecisionStatus.WAITING
            or d.id == context.only_decision
            or _expired(d, context)
        )
        and (context.only_decision in {None, d.id})
    )


def _claimed_this_window(rows: Rows, context: Context) -> bool:
    session = context.session
    return session is not None and any(
        run.stage == "order_executor" and run.complete and run.started_at >= session.entry_open
        for run in rows.last_runs
    )


def is_unfinished(rows: Rows) -> bool:
    """Say whether the executor has to look at each tick: something waits, a grid is to start, or a trade is open."""
    waiting = any(d.execution_status == DecisionStatus.WAITING and is_open(d, rows) for d in rows.decisions)
    claimed = {d.id: d.execution_status for d in rows.decisions}
    told: dict[int | None, str | None] = {t.id: claimed.get(t.decision_id) for t in rows.trades}
    unresolved = any(
        o.order_status == PENDING
        or (o.order_status in {REJECTED, UNSENT} and told.get(o.trade_id) == DecisionStatus.ORDERED)
        for o in rows.orders
        if o.order_type == Role.ENTRY
    )
    asked = any(is_request(d) and d.execution_status == DecisionStatus.ORDERED for d in rows.decisions)
    return waiting or unresolved or asked or awaits_start(rows) or any(is_open_trade(trade) for trade in rows.trades)


def _claim(rows: Rows, world: World | None, context: Context) -> tuple[list[Action], tuple[str, ...]]:
    open_now = candidates(rows, context)
    named = context.only_decision
    taken = {d.id for d in rows.decisions if is_request(d)} | {d.id for d in open_now}
    later = [d.id for d in rows.decisions if named is None and is_open(d, rows) and d.id not in taken]
    notes = [
        f"decision {d.id} cannot be carried out: its version is no number; write a new decision"
        for d in rows.decisions
        if d.version < 0 and is_ticked(d.approve)
    ]
    if named is not None and named not in rows.traded_decision_ids | taken:
        notes.append(f"decision {named}: nothing to carry out; it is not there, not approved, or has been answered")
    if later:
        listed = ", ".join(str(i) for i in later)
        notes.append(
            f"approved after this session's claim, for the next session (or order_executor.py --decision ID): {listed}"
        )
    if not open_now:
        return [], tuple(notes)
    actions: list[Action] = []
    for decision in open_now:
        action, world = _decide(decision, rows, world, context)
        if action is not None:
            actions.append(action)
    if not in_entry_window(context.session, context.now):
        notes.append(f"{len(open_now)} approved, outside the entry window: {_when(context)}")
    return actions, tuple(notes)


def _when(context: Context) -> str:
    coming = next((h for h in context.calendar if h.entry_close >= context.now), None)
    return "the calendar names no session" if coming is None else f"it opens at {coming.entry_open:%Y-%m-%d %H:%M} UTC"


def _decide(
    decision: Decision, rows: Rows, world: World | None, context: Context
) -> tuple[Action | None, World | None]:
    """Answer one decision; the world grows by the order it becomes."""
    refused = _refuse_as_written(decision, context)
    trade = read_decision(decision)
    if refused is None and world is not None and isinstance(trade, NewTrade):
        if not in_entry_window(context.session, context.now):
            return None, world
        quote = world.quotes.get(trade.symbol)
        qty = size(
            trade,
            world.account,
            money_for(trade, world),
            world.limits,
            price=price_of(trade, quote),
            step=qty_step(trade, world.assets.get(trade.symbol)),
        )
        refused = refuse(trade, qty, world)
        if refused is None:
            return _entry(decision, trade, qty, rows, context, quote=quote), world.plus(trade, qty)
    return (None if refused is None else refusal(decision, refused, context)), world


def _refuse_as_written(decision: Decision, context: Context) -> Refused | None:
    changed = edited(decision)
    if changed is not None:
        return changed
    trade = read_decision(decision)
    if not isinstance(trade, NewTrade):
        return trade if isinstance(trade, Refused) else None
    numbers = refuse_numbers(trade, context.limits)
    if numbers is not None:
        return numbers
    if _expired(decision, context):
        waited = f"; it was waiting: {decision.execution_note}" if decision.execution_note else ""
        return Refused(code="EXPIRED", reason=f"its entry window has closed{waited}")
    return None


def _expired(decision: Decision, context: Context) -> bool:
    trade = read_decision(decision)
    if not isinstance(trade, NewTrade) or decision.approved_seen_at is None or not is_bearable(context.clock_skew):
        return False  # a clock that is off must not end what can still be carried out
    ends = trade.expires_at or first_window_close(context.calendar, decision.approved_seen_at)
    return ends is not None and context.now > ends


def _entry(
    decision: Decision, trade: NewTrade, qty: Decimal, rows: Rows, context: Context, *, quote: Quote | None
) -> Submit:
    """Claim a decision: its tick, its journal row and its order row are one transaction, before the order."""
    body = entry_body(
        entry_id(rows.account.namespace, decision.id),
        trade.symbol,
        qty,
        trade.entry,
        side=trade.side,
        time_in_force=entry_tif(trade.symbol, qty, context.limits.entry_tif),
    )
    claimed = {
        "executed": True,
        "executed_at": context.now,
        "execution_status": DecisionStatus.ORDERED,
        "execution_note": f"ordered {text(qty)} at {text(trade.entry)} or better",
    }
    account = rows.account.account
    return Submit(
        intent=(
            Update(table="analysis_decision", id=decision.id, version=decision.version, values=claimed),
            Insert(
                table="trade_journal",
                values=_journal_row(account, trade, qty, context.now) | _as_decided(decision, quote),
                ref="trade",
            ),
            Insert(
                table="order_execution",
                values=_order_row(account, trade, body, context),
                ref="order",
            ),
        ),
        body=body,
        why=f"decision {decision.id}: {body['side']} {text(qty)} {trade.symbol} at {text(trade.entry)} or better",
        symbol=trade.symbol,
        increases_exposure=True,
        order_refs=(Ref("order"),),
    )


def _journal_row(account: str, trade: NewTrade, qty: Decimal, now: datetime) -> dict[str, object]:
    return {
        "account": account,
        "decision_id": trade.id,
        "symbol": trade.symbol,
        "side": trade.side,
        "trade_style": trade.style,
        "status": TradeStatus.ORDERED,
        "planned_entry": trade.entry,
        "planned_sl": trade.stop,
        "planned_tp": trade.target,
        "trail_percent": trade.trail_percent,
        "planned_qty": qty,
        "created_at": now,
    }


def _as_decided(decision: Decision, quote: Quote | None) -> dict[str, object]:
    """Keep what the cost of a trade is measured from: nobody can tell later which quote its order was sent into."""
    values: dict[str, object] = {"decided_at": decision.approved_seen_at}
    if quote is not None:
        values |= {"arrival_bid": quote.bid, "arrival_ask": quote.ask, "arrival_quote_time": quote.at}
    return values


def _order_row(account: str, trade: NewTrade, body: Body, context: Context) -> dict[str, object]:
    row = entry_row(account, Ref("trade"), body, context)
    return row | {"expires_at": rests_until(trade, str(body["time_in_force"]), context)}
