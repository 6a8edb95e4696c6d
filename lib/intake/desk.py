"""What each verb of `python -m lib.decide` does: decisions in, a page out.

add       write one decision, or say what is wrong with it
approve   tick decisions that hold; name those that do not
listing   show what stands in the table, whatever stands there
bring_in  write the decisions of a CSV file, each of them once
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lib.clock import new_york
from lib.domain.actions import Update
from lib.domain.limits import Limits
from lib.domain.records import Decision
from lib.domain.states import Action, DecisionStatus, TradeStatus
from lib.errors import ConfigError, StaleRow, StoreUnavailable
from lib.intake.csv_file import AT, CsvFile, CsvRow
from lib.intake.preview import as_decision, canonical, in_words, judge
from lib.intake.schedule import hours_around, next_claim
from lib.planning.deciding.decisions import NewTrade, Refused, Request, digest, is_request, is_ticked, read_decision
from lib.store import queries
from lib.store.sql import SqlStore
from lib.views.decisions import CheckLine, Outcome, PreviewPage, decisions_page, outcomes_page
from lib.views.pages import Page

ENDED = frozenset({DecisionStatus.DONE, DecisionStatus.REJECTED, DecisionStatus.EXPIRED})
HOLD_WAIT_S = 60
RUNS_READ = 100

REFUSED = "refused"
APPROVED = "approved"
ALREADY_APPROVED = "already approved"
ALREADY_THERE = "already there"
WRITTEN = "written"
WRITTEN_AND_APPROVED = "written and approved"

ANY_TICK = "order_executor takes requests at its next run, every 5 minutes of the session"

Columns = Mapping[str, str | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where decisions come in: one account of one store, at one instant."""

    store: SqlStore
    account: str
    now: datetime
    limits: Limits = field(default_factory=Limits)
    always_open: bool = False

    @property
    def run_id(self) -> str:
        """Who wrote, for the audit trail."""
        return f"decide-{self.now:%Y%m%dT%H%M%S.%f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page, what a person has to mend, and the exit code."""

    page: Page
    errors: tuple[str, ...] = ()
    exit_code: int = 0


def add(desk: Desk, columns: Columns, *, approve: bool) -> Answer:
    """Write one decision that holds; write nothing and name everything wrong with one that does not."""
    decision = as_decision(desk.account, columns)
    judged = judge(decision, desk.limits, desk.now)
    words = in_words(decision)
    if judged.trade is None or judged.wrong:
        page = PreviewPage(id=None, decision=words, approved=False, checks=judged.checks, next=())
        return Answer(page=page, errors=judged.wrong, exit_code=2)
    twin = _twin(desk, judged.trade)
    row = {"account": desk.account, **canonical(judged.trade), "approve": approve}
    (new_id,) = queries.add_decisions(desk.store, [row], run_id=desk.run_id, at=desk.now)
    said = [] if twin is None else [f"note: {_named(twin)} says the same"]
    asked = {new_id} if is_request(decision) else set()
    said += _what_next(desk, approved=[new_id] if approve else [], waiting=[] if approve else [new_id], asked=asked)
    return Answer(page=PreviewPage(id=new_id, decision=words, approved=approve, checks=judged.checks, next=tuple(said)))


def approve(desk: Desk, ids: Sequence[int]) -> Answer:
    """Tick the decisions that hold. An id that is not there stops all of them."""
    wanted = list(dict.fromkeys(ids))
    found = {each.id: each for each in (queries.decision(desk.store, i) for i in wanted) if each is not None}
    unknown = [i for i in wanted if i not in found or found[i].account != desk.account]
    if unknown:
        named = ", ".join(str(i) for i in unknown)
        raise ConfigError(f"account {desk.account} has no decision {named}; nothing was approved")
    outcomes = [_judged_for_approval(desk, found[i]) for i in wanted]
    ready = [each.id for each in outcomes if each.outcome == APPROVED and each.id is not None]
    try:
        if ready:
            desk.store.write([_approval(desk, found[i]) for i in ready], run_id=desk.run_id, at=desk.now)
    except StaleRow:
        raise StoreUnavailable("a pass changed one of these just now; nothing was approved: try again") from None
    checks: tuple[CheckLine, ...] = ()
    if len(wanted) == 1:
        checks = judge(found[wanted[0]], desk.limits, desk.now).checks
    asked = {i for i in ready if is_request(found[i])}
    page = outcomes_page(outcomes, notes=_what_next(desk, approved=ready, waiting=[], asked=asked), checks=checks)
    return Answer(page=page, exit_code=_code(outcomes))


def _approval(desk: Desk, decision: Decision) -> Update:
    """Tick a decision and bind the very numbers that were shown: an edit from here on is refused at the claim."""
    values = {"approve": True, "approved_digest": digest(decision), "approved_seen_at": desk.now}
    return Update(table="analysis_decision", id=decision.id, version=decision.version, values=values)


def listing(desk: Desk, *, limit: int | None) -> Answer:
    """Show the newest decisions as they stand."""
    rows = queries.decisions(desk.store, desk.account, limit=None if limit is None else limit + 1)
    shown = rows[:limit]
    return Answer(page=decisions_page(shown, account=desk.account, ticked=is_ticked, more=len(rows) > len(shown)))


def bring_in(desk: Desk, file: CsvFile, *, approve: bool) -> Answer:
    """Write the decisions of a file that hold and are not there already, all in one transaction.

    Already there is one that says the same and is still open, has traded, or ended today; one that came to nothing
    on an earlier day may be proposed again. The account is held meanwhile, so that two imports cannot both miss it.
    """
    with desk.store.hold_account(desk.account, wait_s=HOLD_WAIT_S) as held:
        if not held:
            raise StoreUnavailable(f"another pass holds the account {desk.account}; nothing was written: try again")
        known = _in_the_way(desk)
        outcomes: list[Outcome] = []
        rows: list[dict[str, str | bool | None]] = []
        for row in file.rows:
            outcome, columns = _sorted_in(desk, row, known, approve=approve)
            outcomes.append(outcome)
            if columns is not None:
                rows.append(columns)
        written = queries.add_decisions(desk.store, rows, run_id=desk.run_id, at=desk.now) if rows else ()
    asked = {new for new, row in zip(written, rows, strict=True) if row["action"] != Action.NEW_TRADE}
    ids = iter(written)
    outcomes = [
        replace(each, id=next(ids)) if each.outcome in {WRITTEN, WRITTEN_AND_APPROVED} else each for each in outcomes
    ]
    outcomes += [Outcome(line=p.line, decision="–", outcome=REFUSED, says=p.reason) for p in file.problems]
    outcomes.sort(key=lambda each: each.line or 0)
    notes = [f"note: the column `{AT}` is for replay; it was not used"] if file.has_at else []
    notes += _what_next(
        desk,
        approved=[each.id for each in outcomes if each.outcome == WRITTEN_AND_APPROVED and each.id is not None],
        waiting=[each.id for each in outcomes if each.outcome == WRITTEN and each.id is not None],
        asked=asked,
    )
    return Answer(page=outcomes_page(outcomes, notes=notes), exit_code=_code(outcomes))


def _judged_for_approval(desk: Desk, decision: Decision) -> Outcome:
    def outcome(word: str, says: str | None = None) -> Outcome:
        return Outcome(id=decision.id, decision=in_words(decision), outcome=word, says=says)

    status = f"{decision.execution_status or 'executed'}"
    if is_ticked(decision.approve):
        return outcome(ALREADY_APPROVED, decision.execution_status)
    if is_ticked(decision.executed) or decision.execution_status in ENDED:
        return outcome(REFUSED, f"it has been answered already ({status}); write a new decision")
    if decision.approved_digest not in {None, digest(decision)}:
        return outcome(REFUSED, "it was changed after an earlier approval; write a new decision")
    if decision.version < 1:
        return outcome(REFUSED, "its column version holds no number; put a 1 there")
    wrong = judge(decision, desk.limits, desk.now).wrong
    return outcome(REFUSED, "; ".join(wrong)) if wrong else outcome(APPROVED)


def _sorted_in(
    desk: Desk, row: CsvRow, known: dict[NewTrade | Request, str], *, approve: bool
) -> tuple[Outcome, dict[str, str | bool | None] | None]:
    """Say what becomes of one row, and the columns to write if it is new; `known` grows by it."""
    decision = as_decision(desk.account, row.columns)
    read = read_decision(decision)
    words = in_words(decision)
    if not isinstance(read, Refused) and read in known:
        return Outcome(line=row.line, decision=words, outcome=ALREADY_THERE, says=known[read]), None
    judged = judge(decision, desk.limits, desk.now)
    if judged.trade is None or judged.wrong:
        return Outcome(line=row.line, decision=words, outcome=REFUSED, says="; ".join(judged.wrong)), None
    known[judged.trade] = f"as line {row.line}"
    ticked = approve or row.columns.get("approve") is True
    outcome = Outcome(line=row.line, decision=words, outcome=WRITTEN_AND_APPROVED if ticked else WRITTEN)
    return outcome, {**row.columns, "account": desk.account, **canonical(judged.trade), "approve": ticked}


def _in_the_way(desk: Desk) -> dict[NewTrade | Request, str]:
    """Return what the account's decisions say, as far as it must not be written again: the trade, and who says it."""
    traded = {t.decision_id for t in queries.journal(desk.store, desk.account) if t.status != TradeStatus.CANCELLED}
    said: dict[NewTrade | Request, str] = {}
    for decision in reversed(queries.decisions(desk.store, desk.account)):
        trade = read_decision(decision)
        if not isinstance(trade, Refused) and (decision.id in traded or not _over(decision, desk.now)):
            said[replace(trade, id=0)] = f"as {_named(decision)}"
    return said


def _over(decision: Decision, now: datetime) -> bool:
    """Say whether a decision ended on an earlier day of New York."""
    if decision.execution_status not in ENDED or decision.executed_at is None:
        return False
    return new_york(decision.executed_at).date() < new_york(now).date()


def _twin(desk: Desk, trade: NewTrade | Request) -> Decision | None:
    """Return the newest decision that says the same and has not ended."""
    for decision in queries.decisions(desk.store, desk.account):
        read = read_decision(decision)
        if decision.execution_status not in ENDED and not isinstance(read, Refused) and replace(read, id=0) == trade:
            return decision
    return None


def _named(decision: Decision) -> str:
    status = decision.execution_status or (APPROVED if is_ticked(decision.approve) else "not approved")
    return f"decision {decision.id} ({status})"


def _what_next(
    desk: Desk, *, approved: Sequence[int], waiting: Sequence[int], asked: Collection[int] = ()
) -> list[str]:
    """Say what a person does next, and when the stages do their part; `asked` are CANCEL, AMEND and CLOSE."""
    said = []
    if waiting:
        account = "" if desk.account == "main" else f" --account {desk.account}"
        said.append(f"next: .venv/bin/python -m lib.decide approve {' '.join(map(str, waiting))}{account}")
    if asked:
        said.append(ANY_TICK)
    if {*approved, *waiting} - {*asked}:
        runs = queries.runs(desk.store, desk.account, stage="order_executor", limit=RUNS_READ)
        calendar = hours_around(desk.now, always_open=desk.always_open)
        new = [i for i in (*approved, *waiting) if i not in asked]
        said.append(next_claim(desk.now, calendar, runs, new))
    return said


def _code(outcomes: Sequence[Outcome]) -> int:
    return 1 if any(each.outcome == REFUSED for each in outcomes) else 0
