"""The day's loss: closed trades and fresh marks. Beyond the limit the account is REDUCING until the next session.

It is a row of `control`, so that a mark which recovers does not open the door again. A new session lifts it, or a
person who says that the loss is accepted; any other word of his does not.
"""

from __future__ import annotations

from decimal import Decimal

from lib.domain.actions import Insert, RowChange, Update, Write
from lib.domain.money import text
from lib.domain.records import Control, Rows
from lib.domain.states import ControlState
from lib.planning.context import Context
from lib.planning.deciding.exposure import LOSS_ACCEPTED, World, since_open
from lib.planning.protecting.halts import strictness

CODE = "DAILY_LOSS"
LIFTED = "a new session"


def loss_limit(world: World) -> Decimal:
    """Return the dollars that a session may lose: a share of what the account had before it."""
    before = world.account.last_equity
    return world.limits.daily_loss_max * (world.account.equity if before is None else before)


def lost_too_much(world: World) -> bool:
    """Say whether today's result is at or beyond the limit, and nobody has accepted that."""
    return not world.loss_accepted and world.result_today <= -loss_limit(world)


def loss_in_words(world: World) -> str:
    """Say what today came to and what it may come to."""
    return f"today's result is {text(world.result_today)}, the limit is a loss of {text(loss_limit(world))}"


def reduce_for_the_day(world: World | None, rows: Rows, context: Context) -> tuple[Write, ...]:
    """Stop entries once the day has lost too much; lift what an earlier session left."""
    if world is None:
        return ()
    scope = f"account:{rows.account.account}"
    known = next((c for c in rows.controls if c.scope == scope), None)
    if lost_too_much(world):
        if known is not None and strictness(known.state) >= strictness(ControlState.REDUCING):
            return ()
        resume = f"python -m lib.control resume --account {rows.account.account} --reason '{LOSS_ACCEPTED}'"
        reason = f"{CODE}: {loss_in_words(world)}; to go on all the same: {resume}"
        return (_set(known, rows, ControlState.REDUCING, reason, context),)
    if known is not None and _is_of_an_earlier_session(known, context):
        return (_set(known, rows, ControlState.ACTIVE, LIFTED, context),)
    return ()


def _is_of_an_earlier_session(control: Control, context: Context) -> bool:
    """Say whether a session has opened since the row was written; while none is on, the day is not over."""
    ours = control.state == ControlState.REDUCING and (control.reason or "").startswith(CODE)
    if not ours or control.since is None or context.session is None:
        return False
    return not since_open(control.since, context)


def _set(known: Control | None, rows: Rows, state: ControlState, reason: str, context: Context) -> Write:
    values = {"state": state, "reason": reason, "since": context.now}
    account = rows.account.account
    change: RowChange
    if known is None:
        change = Insert(table="control", values={"account": account, "scope": f"account:{account}", **values})
    else:
        change = Update(table="control", id=known.id, version=known.version, values=values)
    return Write(changes=(change,), why=f"account:{account} is {state}: {reason}")
