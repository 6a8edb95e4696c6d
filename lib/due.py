"""The gate: is there anything for this stage to do now?

Cron starts every stage every few minutes, in whatever zone its host keeps, because a crontab cannot know New York's
clock, holidays or half days. This file answers before anything heavy is loaded, from one small file that each pass
leaves behind: `STATE_DIR/due.json`, with the sessions around now and the start of the last clean pass of each account
and stage. Only the standard library is loaded here. A stage is due when no clean pass began at or after its newest
slot, so a slot that was slept through is made up for at the next tick. Whatever is missing, old or unreadable means
due: the gate saves time, it never decides about money.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from lib.sessions import Session

    Span = tuple[datetime, datetime]
    LastPass = tuple[datetime | None, bool]

STAGES = ("order_executor", "order_monitor", "position_monitor")
VERSION = 1
AHEAD = 30  # sessions listed beyond the one that opened last; after that many the file no longer counts
LATE = timedelta(minutes=10)  # two ticks: the first may find another pass at work, or cron busy
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CODE = os.path.dirname(os.path.abspath(__file__))
CODE_INODE = os.stat(CODE).st_ino  # an upgrade puts another directory under this name
UNDER_WAY = ".upgrade/under-way.json"
ENVIRONMENT = "environment"

TICK = timedelta(minutes=5)
VALUATION = timedelta(minutes=10)
BEFORE_OPEN = timedelta(minutes=15)  # order_monitor looks at the cover before the market can move through it
ENTRIES_START = timedelta(minutes=15)  # after the open
ENTRIES_END = timedelta(minutes=30)  # before the close
MONITOR_AFTER_CLOSE = timedelta(hours=2)
VALUATION_AFTER_CLOSE = timedelta(hours=2, minutes=15)


def upgrade_under_way() -> bool:
    """Say whether an upgrade is at work or died at it: then `lib.upgrading` settles which version this is."""
    return os.path.exists(os.path.join(REPOSITORY, UNDER_WAY))


def code_was_replaced() -> bool:
    """Say whether another version has taken this one's place since it was loaded."""
    try:
        return os.stat(CODE).st_ino != CODE_INODE
    except FileNotFoundError:
        return True


def nothing_due(stage: str, now: datetime, environ: Mapping[str, str]) -> bool:
    """Say whether a tick of cron may end here; this is all that a script needs to call."""
    return not is_due(stage, now, read(state_dir(environ)))


def is_due(stage: str, now: datetime, state: Mapping[str, Any] | None) -> bool:
    """Say whether a pass of `stage` is wanted at `now`, going by what `read` returned."""
    if stage not in STAGES:
        message = f"{stage!r} is no stage; the stages are {', '.join(STAGES)}"
        raise ValueError(message)
    if state is None:
        return True
    try:
        return _wanted(stage, now, state)
    except (AttributeError, KeyError, TypeError, ValueError):  # a file of the right version and another shape
        return True


def missed_since(
    stage: str,
    now: datetime,
    sessions: Iterable[Session],
    *,
    last: datetime,
    clean: datetime | None,
    unfinished: bool,
) -> datetime | None:
    """Return the tick at which a pass of one account should have begun and none has until now, None if none is missed.

    `last` is when its newest pass began, however that ended; `clean` when the newest clean one did. `sessions` are
    those around `last`: the first tick that was missed is never far from it. A pass is missed once it is LATE.
    """
    recorded = {"started_at": clean.isoformat() if clean else None, "unfinished": unfinished}
    state = _state(sessions, {"": {stage: recorded}}, round_the_clock=False)
    tick = last.replace(minute=last.minute - last.minute % 5, second=0, microsecond=0) + TICK
    while tick <= now - LATE:
        if is_due(stage, tick, state):
            return tick
        tick += TICK
    return None


def state_dir(environ: Mapping[str, str], repository: str = REPOSITORY) -> str:
    """Return the absolute STATE_DIR: from the environment, else from the repository's .env, else `var`."""
    named = environ["STATE_DIR"] if "STATE_DIR" in environ else _from_dotenv(os.path.join(repository, ".env"))
    return os.path.join(repository, named or "var")


def read(directory: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return what the last passes left behind, None if that is nothing one could go by."""
    try:
        with open(os.path.join(directory, "due.json"), encoding="utf-8") as file:
            state = json.load(file)
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and state.get("version") == VERSION else None


def write(
    directory: str | os.PathLike[str],
    *,
    account: str,
    stage: str,
    started_at: datetime | None,
    unfinished: bool,
    sessions: Iterable[Session],
    environment: str = "paper",
    round_the_clock: bool = False,
    wakes_executor: bool = False,
    durable: bool = True,
) -> None:
    """Record a pass of one account, leaving what other accounts and stages recorded.

    `started_at` is when the pass began if it ended clean; None keeps the last clean start, so that a pass that failed
    stays due. `unfinished` is order_executor's: a trade is open, for which a CANCEL, AMEND or CLOSE may come, a claim
    is unresolved, a decision or the start of a grid waits. Written before the first claim with None and True, it brings
    the stage back after a crash. `wakes_executor`: another stage saw a grid that is to start, approved after the
    session's claim. `round_the_clock`: the account has coins to look after, and order_monitor stays due for all.
    `environment`, paper or live: an account of the same name that trades elsewhere is another one (`environment_of`).
    `sessions` is `Sessions.window(now, AHEAD)`.
    The file is replaced whole: a reader sees the old one or the new one. Simulations do without `durable`.
    """
    os.makedirs(directory, exist_ok=True)
    with _Merging(directory):
        state = read(directory) or {}
        accounts = state.get("accounts")
        accounts = accounts if isinstance(accounts, dict) else {}
        stages = accounts.get(account)
        stages = stages if isinstance(stages, dict) else {}
        before = stages.get(stage)
        kept = before.get("started_at") if isinstance(before, dict) else None
        stages[stage] = {"started_at": started_at.isoformat() if started_at else kept, "unfinished": unfinished}
        if round_the_clock:
            stages[stage]["round_the_clock"] = True
        if wakes_executor:
            asleep = stages.get("order_executor")
            asleep = asleep if isinstance(asleep, dict) else {"started_at": None}
            stages["order_executor"] = {**asleep, "unfinished": True}
        accounts[account] = stages
        fresh = _state(sessions, accounts, round_the_clock=_any_round_the_clock(accounts))
        fresh[ENVIRONMENT] = environment
        _replace(os.path.join(directory, "due.json"), fresh, durable=durable)


def environment_of(directory: str | os.PathLike[str]) -> str | None:
    """Return what kind of trading the passes of this directory are for, paper or live; None where none has said."""
    found = (read(directory) or {}).get(ENVIRONMENT)
    return found if isinstance(found, str) else None


def expect(directory: str | os.PathLike[str], accounts: Collection[str]) -> None:
    """Say which accounts there are to work: a new one has never been worked, one that is gone makes nothing due."""
    os.makedirs(directory, exist_ok=True)
    with _Merging(directory):
        state = read(directory)
        known = state.get("accounts") if state is not None else None
        if state is None or not isinstance(known, dict):
            state, known = _state((), {}, round_the_clock=False), {}
        state["accounts"] = {name: known.get(name, {}) for name in accounts}
        if state["accounts"].keys() != known.keys():
            _replace(os.path.join(directory, "due.json"), state, durable=True)


def _any_round_the_clock(accounts: Mapping[str, Any]) -> bool:
    recorded = [each for stages in accounts.values() if isinstance(stages, dict) for each in stages.values()]
    return any(isinstance(each, dict) and bool(each.get("round_the_clock")) for each in recorded)


def _state(sessions: Iterable[Session], accounts: Mapping[str, Any], *, round_the_clock: bool) -> dict[str, Any]:
    return {
        "version": VERSION,
        "sessions": [
            {"date": each.date.isoformat(), "open": each.open.isoformat(), "close": each.close.isoformat()}
            for each in sessions
        ],
        "round_the_clock": round_the_clock,
        "accounts": accounts,
    }


def _wanted(stage: str, now: datetime, state: Mapping[str, Any]) -> bool:
    spans = [
        (datetime.fromisoformat(each["open"]), datetime.fromisoformat(each["close"])) for each in state["sessions"]
    ]
    passes = [_last_pass(stages.get(stage), now) for stages in state["accounts"].values()]
    if not passes or not spans or not spans[0][0] <= now < spans[-1][1]:
        return True
    if stage == "order_executor":
        return any(_executor_wanted(spans, now, started, unfinished) for started, unfinished in passes)
    if stage == "order_monitor":
        slot = _newest_slot(spans, now, TICK, before=BEFORE_OPEN, after=MONITOR_AFTER_CLOSE)
        if state["round_the_clock"]:
            tick = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
            slot = max(slot, tick) if slot else tick
    else:
        slot = _newest_slot(spans, now, VALUATION, before=timedelta(0), after=VALUATION_AFTER_CLOSE)
    return any(_older(started, slot) for started, _ in passes)


def _executor_wanted(spans: list[Span], now: datetime, started: datetime | None, unfinished: bool) -> bool:  # noqa: FBT001
    """Once inside the entry window; while something is unfinished at each tick of a session and once after it."""
    for opening, closing in spans:
        if opening + ENTRIES_START <= now <= closing - ENTRIES_END and _older(started, opening + ENTRIES_START):
            return True
    return unfinished and _older(started, _newest_slot(spans, now, TICK, before=timedelta(0), after=timedelta(0)))


def _newest_slot(
    spans: list[Span], now: datetime, step: timedelta, *, before: timedelta, after: timedelta
) -> datetime | None:
    """Return the newest moment up to `now` at which a stage ought to have begun.

    Each span has a slot `before` its opening, one every `step` from there on, one at its closing and one `after` it.
    """
    slots: list[datetime] = []
    for opening, closing in spans:
        slots += (opening - before, closing, closing + after)
        if now >= opening:
            slots.append(opening + (min(now, closing) - opening) // step * step)
    return max((slot for slot in slots if slot <= now), default=None)


def _last_pass(recorded: Mapping[str, Any] | None, now: datetime) -> LastPass:
    """Return the last clean start, None if there is none, and whether it left something unfinished.

    A start that lies ahead of now was written before the host's clock was set back, and vouches for nothing.
    """
    if recorded is None:
        return None, False
    started = datetime.fromisoformat(recorded["started_at"]) if recorded["started_at"] else None
    return (None if started and started > now else started), bool(recorded["unfinished"])


def _older(started: datetime | None, slot: datetime | None) -> bool:
    return slot is not None and (started is None or started < slot)


def _from_dotenv(path: str) -> str | None:
    """Return STATE_DIR as the .env has it; its parser is loaded only for a file that sets it."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
    except (OSError, ValueError):
        return None
    if not any("STATE_DIR" in line and not line.lstrip().startswith("#") for line in lines):
        return None
    from dotenv import dotenv_values

    return dotenv_values(path).get("STATE_DIR")


class _Merging:
    """Hold the file between reading and replacing it: stages of different accounts may end at the same moment."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._path = os.path.join(directory, "due.lock")

    def __enter__(self) -> None:
        import fcntl

        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _replace(path: str, state: Mapping[str, Any], *, durable: bool) -> None:
    fresh = f"{path}.{os.getpid()}.tmp"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(f"{json.dumps(state)}\n")
        file.flush()
        if durable:
            os.fsync(file.fileno())
    os.replace(fresh, path)
