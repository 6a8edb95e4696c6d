"""One account by its own rows: passes that were missed or failed, what is stopped, what nobody was told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lib.clock import show
from lib.domain.records import Control
from lib.domain.restored import mark_in
from lib.domain.states import ControlState
from lib.domain.story import Event
from lib.planning.alerts import standing_alerts
from lib.views.advice import ADVICE
from lib.views.checkup import LATER, PERSON, Finding
from lib.views.status import CODED, StageStanding, Standing

HELD_LONG = timedelta(minutes=6)
"""Cron ends a pass after five minutes."""

NEEDS_PERSON = frozenset({"PERSON_NEEDED", "BUG"})


def passes(standing: Standing) -> Iterator[Finding]:
    """Say which stages were missed, never ran, or ended with something undone; one line if none."""
    name = standing.rows.account.account
    bad = [found for stage in standing.stages if (found := _stage(name, stage)) is not None]
    yield from bad
    if not bad:
        last = ", ".join(f"{stage.stage} {show(stage.runs[0].started_at)}" for stage in standing.stages if stage.runs)
        yield Finding(name="passes", what=last, account=name)


def passes_come(standing: Standing) -> bool:
    """Say whether every stage has run and none was missed, whatever came of it."""
    return all(stage.runs and stage.missed_since is None for stage in standing.stages)


def _stage(name: str, stage: StageStanding) -> Finding | None:
    if not stage.runs:
        do = "it begins with the next tick once cron's lines are there, or start it by hand"
        return Finding(name="passes", what=f"{stage.stage} has never run", level=LATER, do=do, account=name)
    if stage.missed_since is not None:
        what = f"{stage.stage} was due at {show(stage.missed_since)} and has not run since"
        return Finding(name="passes", what=what, level=PERSON, do=ADVICE["MISSED"], account=name)
    newest = next((run for run in stage.runs if run.outcome != "skipped"), stage.runs[0])
    if newest.outcome == "done":
        return None
    said = (newest.note or newest.outcome).splitlines()[0]
    coded = CODED.match(said)
    do = ADVICE.get(coded.group(1) if coded else "INCOMPLETE", ADVICE["INCOMPLETE"])
    return Finding(name="passes", what=f"{stage.stage}: {said}", level=LATER, do=do, account=name)


def control(account: str, controls: Sequence[Control]) -> Iterator[Finding]:
    """Say what is stopped; one line if nothing is."""
    stopped = [each for each in controls if each.state != ControlState.ACTIVE]
    for each in stopped:
        what = f"{each.scope} is {each.state}: {each.reason or 'no reason given'}"
        passing = each.state == ControlState.REDUCING or each.scope.startswith("symbol:")
        level = LATER if passing else PERSON
        restored = mark_in(each)
        do = restored.advice(account) if restored is not None else ADVICE.get(each.state, ADVICE["HALTED"])
        yield Finding(name="control", what=what, level=level, do=do, account=account)
    if not stopped:
        yield Finding(name="control", what="nothing is stopped", account=account)


def hold(account: str, since: datetime | None, now: datetime) -> Finding:
    """Say whether one holder keeps the account for longer than any pass may take."""
    if since is None:
        return Finding(name="hold", what="no pass holds it", account=account)
    minutes = max((now - since) // timedelta(minutes=1), 0)
    what = f"held for {minutes} min"
    if now - since > HELD_LONG:
        return Finding(name="hold", what=what, level=LATER, do=ADVICE["SKIPPED"], account=account)
    return Finding(name="hold", what=what, account=account)


def alerts(account: str, events: Sequence[Event], untold: Sequence[datetime]) -> Finding:
    """Say what waits for a person by what the passes raised, and what could not be delivered."""
    standing = [each for each in standing_alerts(events).values() if each.is_open and each.code in NEEDS_PERSON]
    if standing:
        what = "; ".join(f"{each.code}: {each.message}" for each in standing)
        return Finding(name="alerts", what=what, level=PERSON, do=ADVICE["ACCOUNT_STALE"], account=account)
    if untold:
        what = f"{len(untold)} not delivered, the oldest of {show(min(untold))}"
        return Finding(name="alerts", what=what, level=LATER, do=ADVICE["UNDELIVERED"], account=account)
    return Finding(name="alerts", what="none waits to be delivered", account=account)
