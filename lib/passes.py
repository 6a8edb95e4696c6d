"""One pass of one stage over one account: hold it, look, plan, apply, until nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from lib import due
from lib.apply import apply
from lib.assertions import hold_to_promises
from lib.config import LIVE
from lib.domain.actions import Plan, Submit, Update, Write
from lib.domain.facts import AccountFacts, Problem
from lib.domain.hours import in_entry_window
from lib.domain.records import Rows, StageRun
from lib.domain.restored import marked
from lib.domain.results import PassResult
from lib.errors import ConfigError, PipelineError, WrongAccount, file_errors
from lib.invariants.production import Seen
from lib.logs import Log
from lib.market import Market, market, sessions_around
from lib.planning.alerts import after_pass
from lib.planning.context import Context
from lib.planning.deciding.decisions import as_stamped
from lib.planning.deciding.entries import is_unfinished
from lib.planning.grid.health import told
from lib.planning.grid.holdings import grids_round_the_clock
from lib.planning.grid.starting import awaits_start, grids_as_stamped
from lib.planning.overdue import overdue
from lib.planning.protecting.coins import trades_round_the_clock
from lib.planning.protecting.halts import freeze
from lib.planning.skew import clock_notes, clock_problems, clock_skew
from lib.render.result import order_words
from lib.stages import order_executor, order_monitor, position_monitor
from lib.tools import Tools, with_halt_file

ROUNDS_MAX = 8
"""Rounds that ask something of the broker, which takes its time; one that only books neither waits nor counts."""
WAITS_S = (0.5, 1, 2, 4, 4, 4, 4, 4)
LOOKS_MAX = 20
"""With the rounds that only book: a plan that never ends is a mistake, and the deadline alone would ask too often."""
HOLD_WAIT_S = 60
DEADLINE = timedelta(seconds=60)
TIME_OUTS_MAX = 3
"""So many requests that meet silence end a pass: the next ones would meet it too, and other accounts wait."""

MONITOR = "order_monitor"
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
    time_outs_before: int

    def circuit(self) -> str | None:
        """Say that the broker leaves this pass without answers; None while it may go on."""
        silent = self.tools.broker.time_outs - self.time_outs_before
        return f"{silent} requests met no answer in time: the pass ends here" if silent >= TIME_OUTS_MAX else None

    def context(self) -> Context:
        return Context(
            now=self.tools.clock.now(),
            pass_started_at=self.started,
            calendar=self.market.hours,
            calendar_agreed=self.market.agreed,
            clock_skew=self.market.skew,
            limits=self.tools.limits,
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
        time_outs_before=tools.broker.time_outs,
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
            seen = _rounds(running, result)
            hold_to_promises(result, seen, tools, started)
            _close(running, result, seen.last)
        except Exception as error:
            _end_in_error(result, error)
            _record_quietly(result, tools, started)
            for problem in result.problems:
                error.add_note(f"{problem.code}: {problem.message}")
            raise
    return result


def _open(result: PassResult, tools: Tools, started: datetime, *, pin: bool) -> Market:
    """Prove the account, compare the clocks, and return the sessions around now."""
    found = marked(tools.store.controls(result.account), result.account)
    if found is not None:
        raise ConfigError(found[1].advice(result.account))
    asked_at = tools.clock.now()
    facts = tools.broker.account()
    skew = clock_skew(facts.at, asked_at=asked_at, answered_at=tools.clock.now())
    check_account(facts, tools, result.account, result.run_id, pin=pin)
    result.where = f"{tools.broker.where} account {facts.account_number}"
    return replace(market(tools, started), skew=skew)


def _look_without_hold(running: _Pass, result: PassResult) -> None:
    """Plan one round and keep the plan for its reader."""
    tools, context = running.tools, running.context()
    rows = grids_as_stamped(as_stamped(_read(running), context.now), context.now)
    plan = LOOKS[running.stage](rows, tools, context)
    result.planned, result.rounds = plan, 1
    result.problems, result.notes = _said(plan, context)


def check_account(facts: AccountFacts, tools: Tools, account: str, run_id: str, *, pin: bool) -> None:
    """Refuse any broker account but the one this database belongs to.

    A paper account is pinned at first sight, a live one by hand alone: keys of the wrong account must not choose it.
    """
    row = tools.store.account(account)
    if tools.environment == LIVE and (row.account_number is None or row.environment != LIVE):
        message = (
            f"account {account} is live and not pinned: read its number in the broker's app and type it, "
            f".venv/bin/python -m lib.control pin NUMBER --account {account}; nothing was sent"
        )
        raise WrongAccount(message)
    if row.account_number not in {None, facts.account_number}:
        message = (
            f"account {account} is pinned to the broker account {row.account_number}, "
            f"but these settings reach {facts.account_number}; nothing was sent"
        )
        if pin:
            now = tools.clock.now()
            frozen = freeze(tools.store.controls(account), account, message, now)
            if frozen:
                tools.store.write(frozen, run_id=run_id, at=now)
        raise WrongAccount(message)
    others = [name for name in tools.store.pinned_to(facts.account_number) if name != account]
    if others:
        message = (
            f"account {account} reaches the broker account {facts.account_number}, to which the account {others[0]} is "
            "pinned: each account needs keys of its own; nothing was sent"
        )
        raise WrongAccount(message)
    if pin and row.account_number is None:
        values = {
            "account_number": facts.account_number,
            "broker": tools.broker.where,
            "environment": tools.environment,
        }
        change = Update(table="account", id=row.id, version=row.version, values=values)
        tools.store.write((change,), run_id=run_id, at=tools.clock.now())


def _read(running: _Pass) -> Rows:
    """Read the rows of a round, the HALT file among the controls."""
    rows = running.tools.store.rows(running.account)
    return replace(rows, controls=with_halt_file(rows.controls, running.tools.state_dir, running.account))


def _said(plan: Plan, context: Context) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """Return what a round has to tell: of the clocks, then of its plan."""
    skew = context.clock_skew
    return (*clock_problems(skew), *plan.problems), (*clock_notes(skew), *plan.notes)


def _rounds(running: _Pass, result: PassResult) -> Seen:
    """Look, plan and apply until a plan is empty, the rounds are used up or the deadline has passed.

    Returns what was read.
    """
    tools, clock = running.tools, running.tools.clock
    look, deadline = LOOKS[running.stage], running.started + DEADLINE
    looks: list[tuple[Rows, Plan]] = []
    asked = 0
    while True:
        rows, context = _read(running), running.context()
        plan = look(rows, tools, context)
        looks.append((rows, plan))
        result.rounds = len(looks)
        result.problems, result.notes = _said(plan, context)
        result.waiting = told(rows) if running.stage == MONITOR else ()
        used_up = asked == ROUNDS_MAX or len(looks) == LOOKS_MAX or clock.now() > deadline
        if not plan.actions or used_up:
            break
        applied = apply(
            plan.actions,
            tools,
            account=running.account,
            run_id=running.run_id,
            planned_at=context.now,
            deadline=deadline,
            circuit=running.circuit,
        )
        for each in applied:
            running.log.event(
                clock.now(),
                each.action.__class__.__name__.lower(),
                run=running.run_id,
                outcome=each.outcome,
                why=each.action.why,
                **({"order": order_words(each.action.body)} if isinstance(each.action, Submit) else {}),
                **({"detail": each.detail} if each.detail else {}),
            )
        result.applied.extend(applied)
        if all(each.outcome == "blocked" for each in applied):
            result.notes += tuple(each.detail for each in applied)
            if all(isinstance(each.action, Submit) and each.action.increases_exposure for each in applied):
                plan = Plan(problems=plan.problems)  # halted as wanted; whatever else is blocked is left undone
            break
        broken = running.circuit()
        if broken is not None:
            result.notes += (broken,)
            plan = replace(plan, actions=tuple(a.action for a in applied if a.outcome in {"dropped", "unknown"}))
            break
        if not all(isinstance(action, Write) for action in plan.actions):
            clock.sleep(WAITS_S[asked])
            asked += 1
    result.saw_all = not plan.actions and running.only_decision is None
    if result.problems or plan.actions:
        result.outcome = "incomplete"
        result.notes += tuple(f"left: {action.why}" for action in plan.actions)
    return _seen(looks)


def _seen(looks: Sequence[tuple[Rows, Plan]]) -> Seen:
    """Keep what the first and the last look have read, and the newest word on the account's money."""
    facts = [plan.seen.account for _, plan in looks if plan.seen is not None and plan.seen.account is not None]
    (first, _), (last, plan) = looks[0], looks[-1]
    return Seen(first=first, last=last, snapshot=plan.seen, account=facts[-1] if facts else None)


def _close(running: _Pass, result: PassResult, rows: Rows) -> None:
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
    last = rows if result.saw_all else running.tools.store.rows(running.account)
    unfinished = running.stage == "order_executor" and is_unfinished(last)
    with file_errors():
        due.write(
            running.tools.state_dir,
            account=running.account,
            stage=running.stage,
            started_at=running.started if clean and running.only_decision is None else None,
            unfinished=unfinished,
            environment=running.tools.environment,
            round_the_clock=trades_round_the_clock(rows) or grids_round_the_clock(rows),
            wakes_executor=awaits_start(last),
            sessions=running.market.sessions if running.market.asked else (),
            durable=running.tools.durable,
        )
    now = running.tools.clock.now()
    for problem in result.problems:
        running.log.event(now, "problem", run=running.run_id, code=problem.code, message=problem.message)
    for note in clock_notes(context.clock_skew):
        running.log.event(now, "clock", run=running.run_id, message=note)
    running.log.event(
        now,
        "stage.finished",
        run=running.run_id,
        account=running.account,
        where=result.where,
        outcome=result.outcome,
        rounds=result.rounds,
        actions=len(result.applied),
        failed=len(result.failed),
        duration_ms=(now - running.started) // timedelta(milliseconds=1),
    )


def _record(result: PassResult, tools: Tools, started: datetime, *, complete: bool) -> None:
    now = tools.clock.now()
    result.problems += _overdue(result, tools, now)
    changes = after_pass(result, tools.store.alerts(result.account), now)
    said = [f"{problem.code}: {problem.message}" for problem in result.problems] + list(result.notes)
    tools.store.record_run(
        StageRun(
            id=0,
            account=result.account,
            stage=result.stage,
            run_id=result.run_id,
            started_at=started,
            finished_at=now,
            outcome=result.outcome,
            complete=complete,
            rounds=result.rounds,
            actions=len(result.applied),
            failed=len(result.failed),
            note="\n".join(said) or None,
        ),
        changes,
    )


def _overdue(result: PassResult, tools: Tools, now: datetime) -> tuple[Problem, ...]:
    """Say that nobody looks after the account, by the rule that the gate goes by."""
    if result.stage == MONITOR and result.outcome == "done":
        return ()
    last = tools.store.last_clean(result.account, MONITOR)
    if last is None or now - last < due.LATE:
        return ()
    around = sessions_around(tools.state_dir, last)
    missed = due.missed_since(MONITOR, now, around, last=last, clean=last, unfinished=False)
    return overdue(result.account, last_clean=last, missed=missed)


def _end_in_error(result: PassResult, error: Exception) -> None:
    """Write down what ended the pass; what nobody expected is a bug."""
    result.outcome = "incomplete"
    if isinstance(error, PipelineError):
        result.notes, result.error = (str(error),), error.exit_code
    else:
        result.notes, result.error = (f"a bug: {type(error).__name__}: {error}",), PipelineError.exit_code


def _record_quietly(result: PassResult, tools: Tools, started: datetime) -> None:
    """Record a pass that ended in an error; should the store be the reason, the error itself says so."""
    try:
        _record(result, tools, started, complete=False)
    except PipelineError:
        return
