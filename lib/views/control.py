"""What is stopped, as a page: every control that is in force, what it means, and the accounts it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lib.domain.records import Account, Control
from lib.domain.states import ControlState

MEANING = {
    ControlState.ACTIVE: "nothing is stopped",
    ControlState.REDUCING: "no new entries; resting ones stay; cover and closes go on",
    ControlState.HALTED: "no new entries; resting ones are cancelled; cover and closes go on",
    ControlState.FROZEN: "no request that changes anything: no order, no cancel, no stop",
}
"""What each state means to the person who set it."""

UNKNOWN = f"no state of ours; read as HALTED: {MEANING[ControlState.HALTED]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRow:
    """One scope in which something is stopped."""

    scope: str
    state: str
    since: datetime | None
    reason: str | None
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One account and the broker account that it belongs to; of play money, the next pass pins what it reaches."""

    account: str
    account_number: str | None
    broker: str | None
    environment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPage:
    """`done` is what the command did, `stopped` what is in force now, `notes` what a person should know of it.

    `live`: the settings are for real money.
    """

    done: tuple[str, ...]
    stopped: tuple[ControlRow, ...]
    accounts: tuple[AccountRow, ...]
    notes: tuple[str, ...]
    live: bool = False


def control_page(
    controls: Iterable[Control],
    accounts: Iterable[Account],
    *,
    done: Iterable[str] = (),
    notes: Iterable[str] = (),
    live: bool = False,
) -> ControlPage:
    """Lay out the controls that stop something, in the order in which they come."""
    return ControlPage(
        done=tuple(done),
        stopped=tuple(_row(each) for each in controls if each.state != ControlState.ACTIVE),
        accounts=tuple(
            AccountRow(
                account=each.account,
                account_number=each.account_number,
                broker=each.broker,
                environment=each.environment,
            )
            for each in accounts
        ),
        notes=tuple(notes),
        live=live,
    )


def _row(control: Control) -> ControlRow:
    known = control.state in set(ControlState)
    return ControlRow(
        scope=control.scope,
        state=control.state,
        since=control.since,
        reason=control.reason,
        meaning=MEANING[ControlState(control.state)] if known else UNKNOWN,
    )
