"""Crashes and lost answers at the ports, counted one by one.

An effect is a broker write or a store commit. A fault is planned by the effect's number, so that a clean run
counts what there is to break and every effect can then be broken in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from lib.domain.actions import RowChange
from lib.domain.alerts import AlertChange
from lib.domain.facts import Outcome, Unknown
from lib.domain.records import StageRun
from lib.tools import Tools


class Crash(BaseException):
    """The process dies here."""


class Kind(StrEnum):
    """What happens at an effect."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    TIMEOUT_AFTER = "time-out after"  # the effect happened, the answer is lost


@dataclass(slots=True)
class Faults:
    """The plan by effect number (from 1), and the effects seen so far, each as `port.method`."""

    plan: Mapping[int, Kind]
    effects: list[str]

    def around(self, name: str, effect: Callable[[], Any], lost: Callable[[], Any]) -> Any:
        """Do an effect, or what the plan has in its place; `lost` is what a lost answer looks like."""
        self.effects.append(name)
        kind = self.plan.get(len(self.effects))
        where = f"{kind} effect {len(self.effects)} ({name})"
        if kind is Kind.CRASH_BEFORE:
            raise Crash(where)
        answer = effect()
        if kind is Kind.CRASH_AFTER:
            raise Crash(where)
        return lost() if kind is Kind.TIMEOUT_AFTER else answer


def with_faults(tools: Tools, faults: Faults) -> Tools:
    """Put faults around the ports of `tools`."""
    return replace(tools, store=_FaultyStore(tools.store, faults), broker=_FaultyBroker(tools.broker, faults))


class _FaultyBroker:
    def __init__(self, broker: Any, faults: Faults) -> None:
        self._broker = broker
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def submit(self, body: Mapping[str, object]) -> Outcome:
        return self._write("broker.submit", lambda: self._broker.submit(body))

    def cancel(self, broker_order_id: str) -> Outcome:
        return self._write("broker.cancel", lambda: self._broker.cancel(broker_order_id))

    def replace(self, broker_order_id: str, body: Mapping[str, object]) -> Outcome:
        return self._write("broker.replace", lambda: self._broker.replace(broker_order_id, body))

    def _write(self, name: str, effect: Callable[[], Outcome]) -> Outcome:
        outcome: Outcome = self._faults.around(name, effect, lambda: Unknown(message="the answer was lost"))
        return outcome


class _FaultyStore:
    def __init__(self, store: Any, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, changes: Sequence[RowChange], *, run_id: str, at: datetime) -> Mapping[str, int]:
        written: Mapping[str, int] = self._faults.around(
            "store.write", lambda: self._store.write(changes, run_id=run_id, at=at), _lost_commit
        )
        return written

    def record_run(self, run: StageRun, changes: Sequence[AlertChange] = ()) -> None:
        self._faults.around("store.record_run", lambda: self._store.record_run(run, changes), _lost_commit)

    def record_alerts(self, account: str, changes: Sequence[AlertChange], *, run_id: str, at: datetime) -> None:
        self._faults.around(
            "store.record_alerts",
            lambda: self._store.record_alerts(account, changes, run_id=run_id, at=at),
            _lost_commit,
        )


def _lost_commit() -> None:
    from lib.errors import StoreUnavailable

    raise StoreUnavailable("the commit's acknowledgement was lost")
