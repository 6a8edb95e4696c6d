"""Which accounts a run works, in which order, and what became of each: the failure of one stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.clock import Clock
from lib.config import MAIN, Settings, setting_name, variable
from lib.domain.records import Account
from lib.domain.results import PassResult
from lib.domain.states import TradeStatus
from lib.errors import ConfigError, PipelineError, Unavailable
from lib.store.port import Store
from lib.store.queries import accounts
from lib.store.sql import SqlStore

BEGIN_WITHIN = timedelta(seconds=120)
"""cron ends the process after 270 seconds, and a pass may take 140: a minute's wait for its account, and calls of
which the last was begun before the deadline. What cannot begin by then has the first turn at the next tick."""

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One account's part of a run: the result of its pass, or the error that ended or prevented it."""

    account: str
    outcome: PassResult | Exception

    @property
    def exit_code(self) -> int:
        """The code that a process with this account alone would end with."""
        if isinstance(self.outcome, PipelineError):
            return self.outcome.exit_code
        if isinstance(self.outcome, Exception):
            return PipelineError.exit_code
        told = self.outcome.planned is None and bool(self.outcome.problems)
        return max(self.outcome.exit_code, int(told))


def to_work(settings: Settings, store: SqlStore, named: str | None = None) -> tuple[tuple[str, ...], tuple[Turn, ...]]:
    """Return the accounts to work (the one `named`, or all), and the turns of those that the database does not have.

    The accounts are the rows of `account`. At Alpaca, one without keys that has nothing open rests, unless it is new:
    its keys were forgotten, and its pass says so. Raises ConfigError for a name that is not there.
    """
    if named is not None:
        return (store.account(named).account,), ()
    rows = accounts(store)
    if settings.broker != "alpaca":
        return tuple(row.account for row in rows or (store.account(MAIN),)), ()
    rowless = settings.access.keys() - {setting_name(row.account) for row in rows}
    turns = tuple(Turn(account=name, outcome=ConfigError(_no_row(name))) for name in sorted(rowless))
    return tuple(row.account for row in rows if not _rests(settings, store, row)), turns


def with_keys(settings: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """Return the accounts that the gate has to wait for: no tick could do anything for the others."""
    return tuple(name for name in names if settings.broker != "alpaca" or settings.access_of(name) is not None)


def in_turn(store: Store, stage: str, names: Sequence[str]) -> tuple[str, ...]:
    """Put accounts in the order of work: the one whose last clean pass of the stage is longest ago goes first."""
    last = {name: store.last_clean(name, stage) or NEVER for name in names}
    return tuple(sorted(names, key=lambda name: last[name]))


def work(names: Sequence[str], one: Callable[[str], PassResult], clock: Clock) -> Iterator[Turn]:
    """Work one account after the other; `one` runs the pass over the account of that name."""
    began = clock.now()
    for name in names:
        if clock.now() - began > BEGIN_WITHIN:
            yield Turn(account=name, outcome=Unavailable("the other accounts took all the time: left for the next run"))
            continue
        try:
            turn = Turn(account=name, outcome=one(name))
        except Exception as error:  # noqa: BLE001 - a bug met in one account is told, and the others are still worked
            turn = Turn(account=name, outcome=error)
        yield turn


def left_open(store: Store, account: str) -> str:
    """Name what an account leaves undone while nobody works it; nothing if it is at rest."""
    rows = store.rows(account)
    trades = sum(trade.status not in {TradeStatus.CLOSED, TradeStatus.CANCELLED} for trade in rows.trades)
    waiting = sum(decision.id not in rows.traded_decision_ids for decision in rows.decisions)
    counted = ((trades, "trade"), (waiting, "approved decision"))
    return " and ".join(f"{number} {what}{'' if number == 1 else 's'}" for number, what in counted if number)


def _rests(settings: Settings, store: Store, row: Account) -> bool:
    if settings.access_of(row.account) is not None or left_open(store, row.account):
        return False
    return row.account_number is not None or row.account == MAIN


def _no_row(name: str) -> str:
    made_by = f"`.venv/bin/python -m lib.store init --account {name}`"
    return f"{variable('ALPACA_API_KEY', name)} is set and the database has no account {name}: {made_by} makes one"
