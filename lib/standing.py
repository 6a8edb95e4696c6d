"""What `status` reads of an account: its rows, its last passes, and what the gate's rule says was missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from lib import due
from lib.domain.records import Rows
from lib.market import sessions_around
from lib.planning.alerts import to_tell
from lib.planning.deciding.answers import is_open
from lib.planning.deciding.decisions import as_stamped
from lib.planning.deciding.entries import is_unfinished
from lib.store import queries
from lib.store.sql import SqlStore
from lib.tools import with_halt_file
from lib.views.status import StageStanding, Standing

RUNS_READ = 20
"""How far back a stage's passes are looked through for one that was not skipped."""

UNEXPLAINED_SHOWN = timedelta(days=7)


def standing(
    store: SqlStore, account: str, state_dir: Path, now: datetime, *, alerts_are_sent: bool = False
) -> Standing:
    """Read how one account stands; raises ConfigError if the database has none of that name."""
    untold = to_tell(store.alerts(account).events, now) if alerts_are_sent else ()
    read = store.rows(account)
    rows = replace(read, controls=with_halt_file(read.controls, state_dir, account))
    stamped = as_stamped(rows, now)
    return Standing(
        rows=rows,
        waiting=tuple(d for d in stamped.decisions if is_open(d, stamped)),
        stages=tuple(_stage(store, stage, rows, state_dir, now) for stage in due.STAGES),
        unexplained=queries.unexplained(store, account, since=now - UNEXPLAINED_SHOWN),
        untold=tuple(each.ended_at or each.raised_at for each in untold),
    )


def _stage(store: SqlStore, stage: str, rows: Rows, state_dir: Path, now: datetime) -> StageStanding:
    runs = queries.runs(store, rows.account.account, stage=stage, limit=RUNS_READ)
    clean = max((r for r in rows.last_runs if r.stage == stage), key=lambda r: r.started_at, default=None)
    if not runs:
        return StageStanding(stage=stage)  # what never ran has no tick to count from; the page says so
    last = max(run.started_at for run in runs)
    missed = due.missed_since(
        stage,
        now,
        sessions_around(state_dir, last),
        last=last,
        clean=clean.started_at if clean is not None else None,
        unfinished=is_unfinished(rows),
    )
    return StageStanding(stage=stage, runs=runs, clean=clean, missed_since=missed)
