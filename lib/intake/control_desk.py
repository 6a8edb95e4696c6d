"""What each verb of `python -m lib.control` does: one change in one transaction, then what is in force.

No verb but pin holds the account: a stop must not wait for the pass that it is to stop. A pass reads control again
before each request, and a row that moved in between is read and judged anew.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lib.config import LIVE, PAPER
from lib.domain.actions import Insert, RowChange, Update
from lib.domain.money import text
from lib.domain.records import Control
from lib.domain.restored import mark_in
from lib.domain.states import ControlState, Role, TradeStatus
from lib.errors import ConfigError, PipelineError, StaleRow, StoreUnavailable
from lib.planning.books import is_live
from lib.planning.protecting.halts import halts, in_force, strictness
from lib.store import queries
from lib.store.sql import SqlStore
from lib.tools import halt_file, with_halt_file
from lib.views.control import ControlPage, control_page

STATES = {"halt": ControlState.HALTED, "reduce": ControlState.REDUCING, "freeze": ControlState.FROZEN}
ATTEMPTS = 3
HOLD_WAIT_S = 60

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9./]{0,19}")
_NUMBER = re.compile(r"[A-Za-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a person stops things: one store and the directory of the HALT file, at one instant."""

    store: SqlStore
    state_dir: Path
    now: datetime
    environment: str = PAPER

    @property
    def run_id(self) -> str:
        """Who wrote, for the audit trail."""
        return f"control-{self.now:%Y%m%dT%H%M%S.%f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a verb is about: everything, one account, or a symbol in one account or in each."""

    accounts: tuple[str, ...]
    account: str | None
    symbol: str | None

    def rows(self, controls: Sequence[Control]) -> tuple[tuple[str, str], ...]:
        """Name account and scope of its control rows. Everything is one row, under whichever account wrote it first."""
        if self.symbol is not None:
            return tuple((name, f"symbol:{name}:{self.symbol}") for name in self.accounts)
        if self.account is not None:
            return ((self.account, f"account:{self.account}"),)
        return tuple((c.account, c.scope) for c in controls if c.scope == "all") or ((self.accounts[0], "all"),)


def stop(desk: Desk, verb: str, account: str | None, symbol: str | None, *, reason: str, sure: bool) -> ControlPage:
    """Set REDUCING, HALTED or FROZEN. A likely slip takes `sure`: a symbol nobody knows, less than is stopped now."""
    if not reason.strip():
        raise ConfigError("--reason is empty; whoever reads it later has to know why")
    scope = _scope(desk, account, symbol, any_symbol=sure)
    return _page(desk, account, _set(desk, scope, STATES[verb], reason.strip(), may_loosen=sure))


def resume(desk: Desk, account: str | None, symbol: str | None, reason: str | None) -> ControlPage:
    """Set ACTIVE where something else stands."""
    scope = _scope(desk, account, symbol, any_symbol=False)
    return _page(desk, account, _set(desk, scope, ControlState.ACTIVE, (reason or "").strip() or None, may_loosen=True))


def listing(desk: Desk, account: str | None) -> ControlPage:
    """Show what is in force."""
    _accounts(desk, account)
    return _page(desk, account, ())


def pin(desk: Desk, account: str, number: str, sure: Callable[[str], bool]) -> ControlPage:
    """Record the broker's account number. `sure` is asked, with a warning, before one takes another's place.

    The account is held meanwhile: the first pass over an unpinned account pins what it reaches.
    """
    if not _NUMBER.fullmatch(number):
        raise ConfigError(f"{number!r} is no account number: letters, digits and - make one")
    _accounts(desk, account)
    others = [name for name in desk.store.pinned_to(number) if name != account]
    if others:
        raise ConfigError(f"the account {others[0]} is pinned to {number}; each account needs one of its own")
    with desk.store.hold_account(account, wait_s=HOLD_WAIT_S) as held:
        if not held:
            raise StoreUnavailable(f"a pass holds the account {account}; nothing was changed: try again")
        row = desk.store.account(account)
        if (row.account_number, row.environment) == (number, desk.environment):
            return _page(desk, account, (f"account {account} is pinned to {number} already",))
        if row.account_number not in {None, number}:
            warning = _warning(desk, account, row.account_number, number)
            if not sure(warning):
                raise ConfigError(f"{warning}\nnothing was changed; type the number when asked, or add --yes")
        values: dict[str, object] = {"account_number": number, "environment": desk.environment, "broker": None}
        change = Update(table="account", id=row.id, version=row.version, values=values)
        desk.store.write([change], run_id=desk.run_id, at=desk.now)
    return _page(desk, account, (f"account {account} is now pinned to {_of_kind(desk, number)}",))


def _of_kind(desk: Desk, number: str) -> str:
    return f"the LIVE account {number}" if desk.environment == LIVE else number


def _warning(desk: Desk, account: str, old: str, new: str) -> str:
    trades = queries.journal(desk.store, account)
    open_now = [t for t in trades if t.status not in {TradeStatus.CLOSED, TradeStatus.CANCELLED}]
    return (
        f"account {account} is pinned to {old}: its {len(trades)} trades, {len(open_now)} of them open, belong there. "
        f"With {new} in its place the next passes look for their orders and positions in {new}, and find none"
    )


def _accounts(desk: Desk, account: str | None) -> tuple[str, ...]:
    """Return the account named, or all of them. Raises ConfigError for one that is not there."""
    if account is not None:
        return (desk.store.account(account).account,)
    names = tuple(each.account for each in queries.accounts(desk.store))
    return names or (desk.store.account("main").account,)


def _scope(desk: Desk, account: str | None, symbol: str | None, *, any_symbol: bool) -> Scope:
    """Return the scope in question. Raises ConfigError for an account or a symbol that is not there."""
    accounts = _accounts(desk, account)
    word = None if symbol is None else symbol.strip().upper()
    if word is not None and not _SYMBOL.fullmatch(word):
        raise ConfigError(f"{symbol!r} is not a symbol")
    if word is not None and not any_symbol and not any(_names(desk, each, word) for each in accounts):
        raise ConfigError(
            f"no decision, trade or stop names {word}; nothing was changed (to stop a symbol that is still to come, "
            "add --yes)"
        )
    return Scope(accounts=accounts, account=account, symbol=word)


def _names(desk: Desk, account: str, symbol: str) -> bool:
    """Say whether anything of the account names a symbol: a stop of one that is misspelt would stop nothing."""
    scope = f"symbol:{account}:{symbol}"
    return (
        any(c.scope == scope for c in desk.store.controls(account))
        or any(t.symbol == symbol for t in queries.journal(desk.store, account))
        or any((d.symbol or "").strip().upper() == symbol for d in queries.decisions(desk.store, account))
    )


def _set(desk: Desk, scope: Scope, state: ControlState, reason: str | None, *, may_loosen: bool) -> tuple[str, ...]:
    """Bring the rows of a scope to `state`, all in one transaction, and say of each what was done.

    A pass may write such a row at the same moment: then all of it is read and judged anew.
    """
    for _ in range(ATTEMPTS):
        controls = queries.controls(desk.store)
        changes: list[RowChange] = []
        said: list[str] = []
        for account, name in scope.rows(controls):
            known = next((c for c in controls if (c.account, c.scope) == (account, name)), None)
            mark = None if known is None else mark_in(known)
            if mark is not None:
                raise ConfigError(mark.advice(account))
            found = ControlState.ACTIVE if known is None else known.state
            if found == state:
                said.append(f"{name} is {state} already; nothing was changed")
                continue
            if strictness(found) > strictness(state) and not may_loosen:
                raise ConfigError(
                    f"{name} is {found}, which stops more than {state}; nothing was changed (--yes if you mean it)"
                )
            values: dict[str, object] = {"state": state, "reason": reason, "since": desk.now}
            changes.append(_change(known, account, name, values))
            said.append(f"{name} is now {state}")
        try:
            if changes:
                desk.store.write(changes, run_id=desk.run_id, at=desk.now)
        except StaleRow:
            continue
        return tuple(said)
    raise StoreUnavailable("passes keep changing these rows; nothing was changed: try again")


def _change(known: Control | None, account: str, scope: str, values: dict[str, object]) -> RowChange:
    if known is None:
        return Insert(table="control", values={"account": account, "scope": scope, **values})
    return Update(table="control", id=known.id, version=known.version, values=values)


def _page(desk: Desk, account: str | None, done: Iterable[str]) -> ControlPage:
    """Show what is in force for one account, or for all of them."""
    accounts = [a for a in queries.accounts(desk.store) if account in {None, a.account}]
    controls = [c for c in queries.controls(desk.store) if account in {None, c.account} or c.scope == "all"]
    shown = with_halt_file(controls, desk.state_dir, accounts[0].account)
    notes = [note for each in accounts for note in _resting(desk, each.account)]
    if len(shown) > len(controls):
        file = shlex.quote(str(halt_file(desk.state_dir)))
        notes.append(f"the file halts everything for as long as it is there: rm {file}")
    return control_page(shown, accounts, done=done, notes=notes, live=desk.environment == LIVE)


def _resting(desk: Desk, account: str) -> Iterator[str]:
    """Name the entries that a halt is still to cancel."""
    try:
        rows = desk.store.rows(account)
    except PipelineError as error:  # what was asked for is done; a row that cannot be read must not hide that
        yield f"which entries rest cannot be told: {error}"
        return
    controls = with_halt_file(rows.controls, desk.state_dir, account)
    for order in rows.orders:
        if order.order_type == Role.ENTRY and is_live(order) and halts(in_force(controls, order.symbol)):
            yield (
                f"trade {order.trade_id} {order.symbol}: its entry for {text(order.qty)} is {order.order_status}; "
                "order_monitor cancels it at its next look"
            )
