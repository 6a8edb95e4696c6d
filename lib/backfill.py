"""A pass over history: what the broker says of orders and fills since a day, into our rows.

It sends, cancels and replaces nothing. The broker is read once; what is rebuilt from it is written trade by trade, and
rows are compared with it again until nothing differs, so a backfill that died half way is simply run again. Of a
database that was restored it first takes back the trades and orders that were made after the backup, and at its end
lets the other passes work the account again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from lib.apply import apply
from lib.clock import from_new_york, show
from lib.domain.actions import Action, Plan
from lib.domain.facts import BrokerOrder, FillActivity
from lib.domain.restored import marked
from lib.domain.results import Applied, BackfillResult, PassResult
from lib.errors import ConfigError
from lib.gather import backfill_snapshot
from lib.logs import Log
from lib.passes import HOLD_WAIT_S, check_account
from lib.planning.booking.adopting import adopt, decisions_named, released, strangers
from lib.planning.booking.backfill import Rebuilt, rebuild
from lib.planning.grid.adopting import adopt_grids
from lib.tools import Tools

ROUNDS_MAX = 5
WRITING_MAX = timedelta(hours=1)
"""Nothing waits at the broker while a backfill writes; this only ends one that would never end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """What the broker says of a time, as it was read."""

    since: datetime
    orders: tuple[BrokerOrder, ...]
    fills: tuple[FillActivity, ...]

    @property
    def broker_order_ids(self) -> frozenset[str]:
        listed = {order.id for parent in self.orders for order in (parent, *parent.legs)}
        return frozenset(listed | {fill.order_id for fill in self.fills})


def backfill(
    tools: Tools, *, since: date, account: str = "main", dry_run: bool = False, log: Log | None = None
) -> BackfillResult:
    """Rebuild the rows of the trades that lived since the beginning of `since` in New York.

    A dry run takes no hold and writes nothing. Raises ConfigError for a day to come, PipelineError as a pass does.
    """
    started, log = tools.clock.now(), log or Log(None)
    first = from_new_york(since, time())
    if first > started:
        raise ConfigError(f"--since {since}: that day has not begun in New York; now it is {show(started)}")
    tools.store.check_schema()
    run_id = f"backfill-{started:%Y%m%dT%H%M%S.%f}"
    result = PassResult(stage="backfill", account=account, run_id=run_id, where=tools.broker.where)
    report = BackfillResult(result=result, since=first, dry_run=dry_run)
    if dry_run:
        _run(report, tools, log)
        return report
    with tools.store.hold_account(account, wait_s=HOLD_WAIT_S) as held:
        if held:
            _run(report, tools, log)
        else:
            result.outcome, result.notes = "skipped", (f"another pass holds the account {account}",)
    return report


def _run(report: BackfillResult, tools: Tools, log: Log) -> None:
    result = report.result
    _check_since(report, tools)
    facts = tools.broker.account()
    check_account(facts, tools, result.account, result.run_id, pin=not report.dry_run)
    result.where = f"{tools.broker.where} account {facts.account_number}"

    def tell(event: str, **values: object) -> None:
        log.event(tools.clock.now(), event, run=result.run_id, **values)

    tell("backfill.reading", since=show(report.since))
    past = report.since - timedelta(seconds=1)  # the broker's bounds are exclusive
    # Orders first, as in every look: what fills between the reads is then seen as not in the ledger yet, never lost.
    orders = tools.broker.orders_since(past)
    report.orders_read = sum(1 + len(order.legs) for order in orders)
    tell("backfill.orders", read=report.orders_read)
    history = _History(since=past, orders=orders, fills=tools.broker.fills(past))
    report.fills_read = len(history.fills)
    tell("backfill.fills", read=report.fills_read)
    rebuilt = _rounds(report, tools, history)
    if marked(tools.store.controls(result.account), result.account) is not None:
        rebuilt = replace(rebuilt, problems=(*rebuilt.problems, *strangers(rebuilt.others)))
    result.problems, report.others = rebuilt.problems, rebuilt.others
    if not report.dry_run:
        _release(report, tools, rebuilt)
    if rebuilt.problems or (rebuilt.steps and not report.dry_run):
        result.outcome = "incomplete"
    for problem in result.problems:
        tell("problem", code=problem.code, message=problem.message)
    tell("backfill.finished", outcome=result.outcome, changes=len(report.differences), rounds=result.rounds)


def _rounds(report: BackfillResult, tools: Tools, history: _History) -> Rebuilt:
    """Compare and write until nothing differs any more; a dry run only compares. Return what the last look said."""
    result = report.result
    for n in range(ROUNDS_MAX + 1):
        now = tools.clock.now()
        rows = tools.store.history(
            result.account,
            since=history.since,
            broker_order_ids=history.broker_order_ids,
            decision_ids=decisions_named(history.orders),
        )
        taken_back = (*adopt(rows, history.orders), *adopt_grids(rows, history.orders))
        if taken_back:
            rebuilt = Rebuilt(steps=taken_back, problems=(), others=())
        else:
            snapshot = backfill_snapshot(
                tools.broker, rows, history.orders, history.fills, since=history.since, now=now
            )
            rebuilt = rebuild(rows, snapshot, history.since, now)
        result.rounds = n + 1
        if report.dry_run:
            report.differences += [each for step in rebuilt.steps for each in step.differences]
            result.planned = Plan(actions=tuple(step.write for step in rebuilt.steps), problems=rebuilt.problems)
        if report.dry_run or not rebuilt.steps or n == ROUNDS_MAX:
            break
        applied = _apply([step.write for step in rebuilt.steps], tools, result, now)
        for step, each in zip(rebuilt.steps, applied, strict=True):
            report.differences += step.differences if each.outcome == "done" else ()
    return rebuilt


def _apply(actions: Sequence[Action], tools: Tools, result: PassResult, now: datetime) -> list[Applied]:
    applied = apply(
        actions,
        tools,
        account=result.account,
        run_id=result.run_id,
        planned_at=now,
        deadline=now + WRITING_MAX,
    )
    result.applied.extend(applied)
    return applied


def _check_since(report: BackfillResult, tools: Tools) -> None:
    """Refuse a backfill that would leave out a part of what a restored account does not know."""
    account = report.result.account
    found = marked(tools.store.controls(account), account)
    if found is not None and report.since > from_new_york(found[1].since, time()):
        raise ConfigError(found[1].advice(account))


def _release(report: BackfillResult, tools: Tools, rebuilt: Rebuilt) -> None:
    """Let passes work a restored account again, once all of its history is in the rows."""
    result, now = report.result, tools.clock.now()
    found = marked(tools.store.controls(result.account), result.account)
    if found is None:
        return
    write = None if rebuilt.steps else released(*found, rebuilt.problems, now)
    if write is None or any(each.outcome != "done" for each in _apply([write], tools, result, now)):
        result.outcome = "incomplete"
        result.notes += (found[1].advice(result.account),)
