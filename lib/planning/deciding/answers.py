"""What is written on a decision: a refusal, a wait, an end; and which decisions still want an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lib.domain.actions import Update, Write
from lib.domain.records import Decision, Rows
from lib.domain.states import Action, DecisionStatus
from lib.planning.context import Context
from lib.planning.deciding.decisions import NewTrade, Refused, Request, digest, is_ticked, read_decision
from lib.planning.skew import is_bearable

TICKED_AGAIN = "already carried out: the tick was taken away by hand, and is back"


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


def edited(decision: Decision) -> Refused | None:
    """Refuse a row that is not what was approved."""
    if decision.approved_digest == digest(decision):
        return None
    reason = "the row was changed after its approval; write a new decision"
    return Refused(code="EDITED_AFTER_APPROVAL", reason=reason)


def refusal(decision: Decision, refused: Refused, context: Context) -> Write | None:
    """Write why a decision is not carried out, for good or for now; nothing where the row says so already."""
    expired = refused.code == "EXPIRED"
    values: dict[str, object] = {"execution_note": str(refused)}
    if refused.final:
        status = DecisionStatus.EXPIRED if expired else DecisionStatus.REJECTED
        values |= {"executed": True, "executed_at": context.now, "execution_status": status}
    else:
        values["execution_status"] = DecisionStatus.WAITING
    if all(getattr(decision, name) == value for name, value in values.items()):
        return None
    return note(decision, values, f"decision {decision.id}: {refused}")


def too_late(decision: Decision, request: Request, context: Context) -> Refused | None:
    """Refuse what is too late: without `expires_at`, after the first session that opens after the approval.

    The session that is on at the approval is before that one: a CLOSE of 15:45 is taken at 15:50.
    """
    if decision.approved_seen_at is None or not is_bearable(context.clock_skew):
        return None  # a clock that is off must not end what can still be carried out
    seen = decision.approved_seen_at
    closes = next((hours.close for hours in context.calendar if hours.open >= seen), None)
    ends = request.expires_at or closes
    if ends is None or context.now <= ends:
        return None
    waited = f"; it was waiting: {decision.execution_note}" if decision.execution_note else ""
    return Refused(code="EXPIRED", reason=f"its time ended at {ends:%Y-%m-%d %H:%M} UTC{waited}")


def withdrawal(decision: Decision, request: Request, rows: Rows, context: Context) -> Write | None:
    """Answer a CANCEL or CLOSE of a decision that is approved and has no order yet: it must not get one any more.

    Both rows are answered in one transaction; a claim planned beside it names the version from before, and is dropped.
    """
    named = next((d for d in rows.decisions if d.id == request.target_decision_id), None)
    if request.action is Action.AMEND or named is None or not is_open(named, rows):
        return None
    trade = read_decision(named)
    if not isinstance(trade, NewTrade) or request.symbol not in {None, trade.symbol}:
        return None
    reason = f"decision {decision.id} withdrew it before it was ordered"
    ended = refusal(named, Refused(code="WITHDRAWN", reason=reason), context)
    said = f"withdrew decision {named.id} before it was ordered"
    values = {
        "executed": True,
        "executed_at": context.now,
        "execution_status": DecisionStatus.DONE,
        "execution_note": said,
    }
    done = note(decision, values, f"decision {decision.id} {said}")
    return done if ended is None else replace(done, changes=(*done.changes, *ended.changes), symbol=named.symbol)


def note(decision: Decision, values: Mapping[str, object], why: str) -> Write:
    """Write on a decision's row."""
    change = Update(table="analysis_decision", id=decision.id, version=decision.version, values=values)
    return Write(changes=(change,), why=why, symbol=decision.symbol, answers_decision=True)
