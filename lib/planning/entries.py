"""Approved decisions become entry orders, or a written reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Action, Insert, Plan, Ref, Submit, Update, Write
from lib.domain.bodies import Body, entry_body, freeze, readable
from lib.domain.facts import Problem, Quote, Snapshot
from lib.domain.hours import first_window_close, in_entry_window
from lib.domain.ids import entry_id
from lib.domain.limits import CONFIRM_MISSING
from lib.domain.money import ZERO, text
from lib.domain.records import Decision, Order, Rows, Trade
from lib.domain.states import PENDING, REJECTED, UNSENT, DecisionStatus, Role, TradeStatus
from lib.planning.books import is_live
from lib.planning.checks import World, refuse, refuse_numbers
from lib.planning.context import Context
from lib.planning.decisions import NewTrade, Refused, digest, is_ticked, read_decision, stamp_approvals
from lib.planning.sizing import size
from lib.planning.sync import index


def plan_order_executor(rows: Rows, snapshot: Snapshot, context: Context) -> Plan:
    """Answer every approved decision: claim it and send its entry, refuse it, or let it wait."""
    stamps = stamp_approvals(rows, context.now)
    finishing, problems = _finish_claims(rows, snapshot, context)
    claims, notes = _claim(rows, snapshot, context)
    return Plan(actions=(*stamps, *finishing, *claims), problems=problems, notes=notes)


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
        and (
            fresh_allowed
            or d.execution_status == DecisionStatus.WAITING
            or d.id == context.only_decision
            or _expired(d, context)
        )
        and (context.only_decision in {None, d.id})
    )


def is_open(decision: Decision, rows: Rows) -> bool:
    """Say whether a decision is approved, stamped and not yet answered for good."""
    return (
        is_ticked(decision.approve)
        and decision.version >= 0  # another number was never a version: nothing can be written on such a row
        and decision.approved_seen_at is not None
        and not is_ticked(decision.executed)
        and decision.id not in rows.traded_decision_ids
        and decision.execution_status not in {DecisionStatus.REJECTED, DecisionStatus.EXPIRED}
    )


def _claimed_this_window(rows: Rows, context: Context) -> bool:
    session = context.session
    return session is not None and any(
        run.stage == "order_executor" and run.complete and run.started_at >= session.entry_open
        for run in rows.last_runs
    )


def is_unfinished(rows: Rows) -> bool:
    """Say whether the executor has to look again before the next session: the gate asks."""
    waiting = any(d.execution_status == DecisionStatus.WAITING and is_open(d, rows) for d in rows.decisions)
    claimed = {d.id: d for d in rows.decisions}
    unresolved = any(
        o.order_status == PENDING
        or (o.order_status in {REJECTED, UNSENT} and _status_of(claimed, rows, o) == DecisionStatus.ORDERED)
        for o in rows.orders
        if o.order_type == Role.ENTRY
    )
    return waiting or unresolved


def _status_of(claimed: Mapping[int, Decision], rows: Rows, order: Order) -> str | None:
    trade = next((t for t in rows.trades if t.id == order.trade_id), None)
    decision = claimed.get(trade.decision_id) if trade is not None else None
    return decision.execution_status if decision is not None else None


def _finish_claims(rows: Rows, snapshot: Snapshot, context: Context) -> tuple[list[Action], tuple[Problem, ...]]:
    """Follow up what is claimed: send what never arrived, write refusals back, tick again what was un-ticked."""
    actions: list[Action] = []
    problems: list[Problem] = []
    decisions = {d.id: d for d in rows.decisions}
    for trade in rows.trades:
        decision = decisions.get(trade.decision_id)
        entry = next((o for o in rows.orders if o.trade_id == trade.id and o.order_type == Role.ENTRY), None)
        if decision is None or entry is None:
            continue
        answer = _answer(decision, trade, entry)
        if answer:
            actions.append(_note(decision, answer, f"decision {decision.id}: follow its order"))
        elif entry.order_status == PENDING and trade.status == TradeStatus.ORDERED:
            action, problem = _pending(entry, snapshot, context)
            actions.extend(action)
            problems.extend(problem)
    return actions, tuple(problems)


def _answer(decision: Decision, trade: Trade, entry: Order) -> dict[str, object]:
    values: dict[str, object] = {}
    if not is_ticked(decision.executed):
        values |= {
            "executed": True,
            "execution_note": "already carried out: the tick was taken away by hand, and is back",
        }
    if decision.execution_status == DecisionStatus.ORDERED:
        if entry.order_status == REJECTED:
            values |= {
                "execution_status": DecisionStatus.REJECTED,
                "execution_note": f"BROKER: the broker refused the order: {entry.reject_reason}",
            }
        elif entry.order_status == UNSENT:
            values |= {
                "execution_status": DecisionStatus.EXPIRED,
                "execution_note": "UNSENT: the order never reached the broker before the entry window closed",
            }
        elif trade.status in {TradeStatus.CANCELLED, TradeStatus.CLOSED}:
            values |= {
                "execution_status": DecisionStatus.DONE,
                "execution_note": f"trade {trade.id} is {trade.status}: {trade.exit_reason or trade.note}",
            }
    return values


def _pending(entry: Order, snapshot: Snapshot, context: Context) -> tuple[list[Action], list[Problem]]:
    """Judge an entry of unknown outcome; only one confirmed absent is sent again, under the same id.

    The first 404 is order_monitor's (`missing_at`), the second is this pass's own look-up. An order that was not
    looked up is as unknown as before.
    """
    body = readable(entry.payload)
    if entry.client_order_id in index(snapshot).by_client_id or body is None:
        return [], []  # the broker has it: order_monitor adopts it, or halts the symbol
    in_time = in_entry_window(context.session, context.now) and (
        entry.expires_at is None or context.now <= entry.expires_at
    )
    if not in_time:
        return [], []
    confirmed = entry.missing_at is not None and context.now - entry.missing_at >= CONFIRM_MISSING
    if not confirmed or entry.client_order_id not in snapshot.by_client_id:
        message = f"{entry.client_order_id}: whether the broker has the order is not known yet"
        return [], [Problem(code="OUTCOME_UNKNOWN", message=message, symbol=entry.symbol)]
    again = Submit(
        intent=(
            Update(
                table="order_execution",
                id=entry.id,
                version=entry.version,
                values={"submitted_at": context.now, "missing_at": None},
            ),
        ),
        body=body,
        why="twice confirmed absent: send it again under the same id",
        symbol=entry.symbol,
        increases_exposure=True,
        order=entry,
    )
    return [again], []


def _claim(rows: Rows, snapshot: Snapshot, context: Context) -> tuple[list[Action], tuple[str, ...]]:
    open_now = candidates(rows, context)
    named = context.only_decision
    later = [d.id for d in rows.decisions if named is None and is_open(d, rows) and d not in open_now]
    notes = [
        f"decision {d.id} cannot be carried out: its version is no number; write a new decision"
        for d in rows.decisions
        if d.version < 0 and is_ticked(d.approve)
    ]
    if named is not None and not open_now and named not in rows.traded_decision_ids:
        notes.append(f"decision {named}: nothing to carry out; it is not there, not approved, or has been answered")
    if later:
        listed = ", ".join(str(i) for i in later)
        notes.append(
            f"approved after this session's claim, for the next session (or order_executor.py --decision ID): {listed}"
        )
    if not open_now:
        return [], tuple(notes)
    world = _world(rows, snapshot, context)
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


def _world(rows: Rows, snapshot: Snapshot, context: Context) -> World | None:
    if snapshot.account is None:
        return None
    owners = {t.symbol: f"trade {t.id}" for t in rows.trades if _owns(t, rows)}
    pending = sum(
        (
            o.qty * (o.limit_price or ZERO)
            for o in rows.orders
            if o.order_type == Role.ENTRY and o.order_status == PENDING
        ),
        ZERO,
    )
    return World(
        now=context.now,
        limits=context.limits,
        account=snapshot.account,
        buying_power=snapshot.account.buying_power - pending,
        owners=owners,
        open_trades=len(owners),
        orders_this_run=sum(1 for o in rows.orders if _sent_in_this_run(o, context)),
        controls=rows.controls,
        assets=snapshot.assets,
        quotes=snapshot.quotes,
        positions=snapshot.positions,
        calendar_agreed=context.calendar_agreed,
    )


def _sent_in_this_run(order: Order, context: Context) -> bool:
    return order.order_type == Role.ENTRY and order.created_at >= context.pass_started_at


def _owns(trade: Trade, rows: Rows) -> bool:
    return trade.status in {TradeStatus.ORDERED, TradeStatus.POSITION} or any(
        o.trade_id == trade.id and is_live(o) for o in rows.orders
    )


def _decide(
    decision: Decision, rows: Rows, world: World | None, context: Context
) -> tuple[Action | None, World | None]:
    """Answer one decision; the world grows by the order it becomes."""
    refused = _refuse_as_written(decision, context)
    trade = read_decision(decision)
    if refused is None and world is not None and isinstance(trade, NewTrade):
        if not in_entry_window(context.session, context.now):
            return None, world
        qty = size(trade, world.account, world.buying_power, world.limits)
        refused = refuse(trade, qty, world)
        if refused is None:
            quote = world.quotes.get(trade.symbol)
            return _entry(decision, trade, qty, rows, context, quote=quote), world.plus(trade, qty)
    return (None if refused is None else _refusal(decision, refused, context)), world


def _refuse_as_written(decision: Decision, context: Context) -> Refused | None:
    if decision.approved_digest != digest(decision):
        reason = "the row was changed after its approval; write a new decision"
        return Refused(code="EDITED_AFTER_APPROVAL", reason=reason)
    trade = read_decision(decision)
    if isinstance(trade, Refused):
        return trade
    numbers = refuse_numbers(trade, context.limits)
    if numbers is not None:
        return numbers
    if _expired(decision, context):
        waited = f"; it was waiting: {decision.execution_note}" if decision.execution_note else ""
        return Refused(code="EXPIRED", reason=f"its entry window has closed{waited}")
    return None


def _expired(decision: Decision, context: Context) -> bool:
    trade = read_decision(decision)
    if isinstance(trade, Refused) or decision.approved_seen_at is None:
        return False
    ends = trade.expires_at or first_window_close(context.calendar, decision.approved_seen_at)
    return ends is not None and context.now > ends


def _refusal(decision: Decision, refused: Refused, context: Context) -> Action | None:
    expired = refused.code == "EXPIRED"
    values: dict[str, object] = {"execution_note": str(refused)}
    if refused.final:
        status = DecisionStatus.EXPIRED if expired else DecisionStatus.REJECTED
        values |= {"executed": True, "executed_at": context.now, "execution_status": status}
    else:
        values["execution_status"] = DecisionStatus.WAITING
    if all(getattr(decision, name) == value for name, value in values.items()):
        return None
    return _note(decision, values, f"decision {decision.id}: {refused}")


def _note(decision: Decision, values: Mapping[str, object], why: str) -> Write:
    change = Update(table="analysis_decision", id=decision.id, version=decision.version, values=values)
    return Write(changes=(change,), why=why, symbol=decision.symbol, answers_decision=True)


def _entry(
    decision: Decision, trade: NewTrade, qty: Decimal, rows: Rows, context: Context, *, quote: Quote | None
) -> Submit:
    """Claim a decision: its tick, its journal row and its order row are one transaction, before the order."""
    body = entry_body(entry_id(rows.account.namespace, decision.id), trade.symbol, qty, trade.entry)
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
                values=_order_row(account, trade, qty, body, context),
                ref="order",
            ),
        ),
        body=body,
        why=f"decision {decision.id}: buy {text(qty)} {trade.symbol} at {text(trade.entry)} or better",
        symbol=trade.symbol,
        increases_exposure=True,
        order_refs=(Ref("order"),),
    )


def _journal_row(account: str, trade: NewTrade, qty: Decimal, now: datetime) -> dict[str, object]:
    return {
        "account": account,
        "decision_id": trade.id,
        "symbol": trade.symbol,
        "side": "long",
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


def _order_row(account: str, trade: NewTrade, qty: Decimal, body: Body, context: Context) -> dict[str, object]:
    session = context.session
    return {
        "account": account,
        "trade_id": Ref("trade"),
        "client_order_id": body["client_order_id"],
        "order_type": Role.ENTRY,
        "kind": "limit",
        "side": "buy",
        "symbol": trade.symbol,
        "qty": qty,
        "time_in_force": "day",
        "order_status": PENDING,
        "payload": freeze(body),
        "limit_price": trade.entry,
        "created_at": context.now,
        "submitted_at": context.now,
        "expires_at": session.entry_close if session is not None else None,
    }
