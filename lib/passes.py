"""One pass of one stage over one account: hold it, look, plan, apply, until nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from lib import due
from lib.apply import apply
from lib.domain.actions import Plan, Submit, Update
from lib.domain.facts import AccountFacts
from lib.domain.hours import in_entry_window
from lib.domain.records import Rows, StageRun
from lib.domain.results import PassResult
from lib.errors import PipelineError, WrongAccount
from lib.logs import Log
from lib.market import Market, market
from lib.planning.context import Context
from lib.planning.decisions import as_stamped
from lib.planning.entries import is_unfinished
from lib.stages import order_executor, order_monitor, position_monitor
from lib.tools import Tools, with_halt_file

ROUNDS_MAX = 5
WAITS_S = (0.5, 1, 2, 4, 4)
HOLD_WAIT_S = 60
DEADLINE = timedelta(seconds=60)

LOOKS: dict[str, Callable[[Rows, Tools, Context], Plan]] = {
    "order_executor": order_executor.look,
    "order_monitor": order_monitor.look,
    "position_monitor": position_monitor.look,
}
"""The stages by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """The parts of a running pass that its helpers share."""

    stage: str
    account: str
    run_id: str
    tools: Tools
    log: Log
    started: datetime
    only_decision: int | None
    market: Market

    def context(self) -> Context:
        return Context(
            now=self.tools.clock.now(),
            pass_started_at=self.started,
            calendar=self.market.hours,
            calendar_agreed=self.market.agreed,
            only_decision=self.only_decision,
        )


def run_pass(
    stage: str,
    tools: Tools,
    *,
    account: str = "main",
    only_decision: int | None = None,
    dry_run: bool = False,
    log: Log | None = None,
) -> PassResult:
    """Run one pass.

    A dry run takes no hold, applies nothing and leaves no row. Raises PipelineError for what a person or the
    next pass has to mend; a pass that got as far as the account records it as `incomplete`.
    """
    started = tools.clock.now()
    run_id = f"{stage}-{started:%Y%m%dT%H%M%S.%f}"
    tools.store.check_schema()
    result = PassResult(stage=stage, account=account, run_id=run_id, where=tools.broker.where)
    begin = partial(
        _Pass,
        stage=stage,
        account=account,
        run_id=run_id,
        tools=tools,
        log=log or Log(None),
        started=started,
        only_decision=only_decision,
    )
    if dry_run:
        _look_without_hold(begin(market=_open(result, tools, started, pin=False)), result)
        return result
    with tools.store.hold_account(account, wait_s=HOLD_WAIT_S) as held:
        if not held:
            result.outcome = "skipped"
            result.notes = (f"another pass holds the account {account}",)
            _record(result, tools, started, complete=False)
            return result
        try:
            running = begin(market=_open(result, tools, started, pin=True))
            _rounds(running, result)
            _close(running, result)
        except PipelineError as error:
            result.outcome, result.notes = "incomplete", (str(error),)
            _record_quietly(result, tools, started)
            raise
    return result


def _open(result: PassResult, tools: Tools, started: datetime, *, pin: bool) -> Market:
    """Prove the account, and return the sessions around now."""
    facts = tools.broker.account()
    _check_account(facts, tools, result.account, result.run_id, pin=pin)
    result.where = f"{tools.broker.where} account {facts.account_number}"
    return market(tools, started)


def _look_without_hold(running: _Pass, result: PassResult) -> None:
    """Plan one round and keep the plan for its reader."""
    tools, context = running.tools, running.context()
    rows = as_stamped(_read(running), context.now)
    plan = LOOKS[running.stage](rows, tools, context)
    result.planned, result.problems, result.notes, result.rounds = plan, plan.problems, plan.notes, 1


def _check_account(facts: AccountFacts, tools: Tools, account: str, run_id: str, *, pin: bool) -> None:
    """Refuse any broker account but the one this database belongs to; a paper account is pinned at first sight."""
    row = tools.store.account(account)
    if row.account_number == facts.account_number:
        return
    if row.account_number is not None:
        message = (
            f"account {account} is pinned to the broker account {row.account_number}, "
            f"but these settings reach {facts.account_number}; nothing was sent"
        )
        raise WrongAccount(message)
    if pin:
        values = {"account_number": facts.account_number, "broker": tools.broker.where, "environment": "paper"}
        change = Update(table="account", id=row.id, version=row.version, values=values)
        tools.store.write((change,), run_id=run_id, at=tools.clock.now())


def _read(running: _Pass) -> Rows:
    """Read the rows of a round, the HALT file among the controls."""
    rows = running.tools.store.rows(running.account)
    return replace(rows, controls=with_halt_file(rows.controls, running.tools.state_dir, running.account))


def _rounds(running: _Pass, result: PassResult) -> None:
    """Look, plan and apply until a plan is empty, the rounds are used up or the deadline has passed."""
    tools, clock = running.tools, running.tools.clock
    look, deadline = LOOKS[running.stage], running.started + DEADLINE
    for n in range(ROUNDS_MAX + 1):
        rows, context = _read(running), running.context()
        plan = look(rows, tools, context)
        result.problems, result.notes, result.rounds = plan.problems, plan.notes, n + 1
        if not plan.actions or n == ROUNDS_MAX or clock.now() > deadline:
            break
        applied = apply(
            plan.actions,
            tools,
            account=running.account,
            run_id=running.run_id,
            planned_at=context.now,
            deadline=deadline,
        )
        for each in applied:
            running.log.event(
                clock.now(),
                each.action.__class__.__name__.lower(),
                run=running.run_id,
                outcome=each.outcome,
                why=each.action.why,
                **({"detail": each.detail} if each.detail else {}),
            )
        result.applied.extend(applied)
        if all(each.outcome == "blocked" for each in applied):
            result.notes = (*plan.notes, *(each.detail for each in applied))
            if all(isinstance(each.action, Submit) and each.action.increases_exposure for each in applied):
                plan = Plan(problems=plan.problems)  # halted as wanted; whatever else is blocked is left undone
            break
        clock.sleep(WAITS_S[n])
    if plan.problems or plan.actions:
        result.outcome = "incomplete"
        result.notes += tuple(f"left: {action.why}" for action in plan.actions)


def _close(running: _Pass, result: PassResult) -> None:
    """Record the pass, for people in `stage_run` and for the gate in its file."""
    context = running.context()
    clean = result.outcome == "done"
    complete = (
        clean
        and running.stage == "order_executor"
        and running.only_decision is None
        and in_entry_window(context.session, running.started)
        and not any(each.outcome == "blocked" for each in result.applied)
    )
    _record(result, running.tools, running.started, complete=complete)
    unfinished = running.stage == "order_executor" and is_unfinished(running.tools.store.rows(running.account))
    due.write(
        running.tools.state_dir,
        account=running.account,
        stage=running.stage,
        started_at=running.started if clean and running.only_decision is None else None,
        unfinished=unfinished,
        sessions=running.market.sessions if running.market.asked else (),
        durable=running.tools.durable,
    )
    now = running.tools.clock.now()
    for problem in result.problems:
        running.log.event(now, "problem", run=running.run_id, code=problem.code, message=problem.message)
    running.log.event(
        now,
        "stage.finished",
        run=running.run_id,
        outcome=result.outcome,
        rounds=result.rounds,
        actions=len(result.applied),
        failed=len(result.failed),
        duration_ms=(now - running.started) // timedelta(milliseconds=1),
    )


def _record(result: PassResult, tools: Tools, started: datetime, *, complete: bool) -> None:
    said = [f"{problem.code}: {problem.message}" for problem in result.problems] + list(result.notes)
    tools.store.record_run(
        StageRun(
            id=0,
            account=result.account,
            stage=result.stage,
            run_id=result.run_id,
            started_at=started,
            finished_at=tools.clock.now(),
            outcome=result.outcome,
            complete=complete,
            rounds=result.rounds,
            actions=len(result.applied),
            failed=len(result.failed),
            note="\n".join(said) or None,
        )
    )


def _record_quietly(result: PassResult, tools: Tools, started: datetime) -> None:
    """Record a pass that ended in an error; should the store be the reason, the error itself says so."""
    try:
        _record(result, tools, started, complete=False)
    except PipelineError:
        return
