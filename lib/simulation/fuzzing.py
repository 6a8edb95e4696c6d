"""Fuzzed decision rows through gather and plan, against a paper broker: what may never come of them is counted.

Each batch is a crowd of rows in one situation, a few sound ones among many spoilt ones, written past the store as any
client of the database can. Wrong is: an error, an order that Alpaca would refuse, an order that does not say what its
row says, a row without an answer, a sound row whose answer depends on the others.
"""

from __future__ import annotations

import itertools
import random
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from lib.apply import apply
from lib.domain.actions import Action, Plan, RowChange, Submit, Update, Write
from lib.domain.hours import in_entry_window
from lib.domain.records import Decision, Rows
from lib.domain.results import Applied
from lib.market import market
from lib.planning.context import Context
from lib.simulation.fuzz.payloads import flaws
from lib.simulation.fuzz.rows import AS_TEXT, INSERT, Row, sound, spoilt
from lib.simulation.fuzz.situations import SITUATIONS, Situation, arranged, execute
from lib.simulation.world import World
from lib.stages import order_executor, order_monitor
from lib.store import queries

BATCH = 1_000
FIRST_SPOILT = 1_000
FIRST_SOUND = FIRST_SPOILT + 300
"""Sound rows stand in the middle of the others: some are read before them and some behind."""

LOOKS_MAX = 40
NOTE = re.compile(r"([A-Z][A-Z_]+): \S.*", re.DOTALL)
NOTE_CHARS_MAX = 1_000
NUMBER = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
UNDO = (
    "UPDATE analysis_decision SET approved_digest = NULL, approved_seen_at = NULL, version = 1 WHERE id BETWEEN ? AND ?"
)
NOT_EXECUTED = (0, "", "false", "False", "FALSE")
"""Whatever else stands in `executed` is taken for a yes: such a row is never sent."""

MONEY_ALONE = ("insufficient buying power", "insufficient balance")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of the rows: how many, the refusals by code, the orders, and whatever was wrong."""

    seed: int
    rows: int = 0
    sound: int = 0
    orders: int = 0
    refused_for_money: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take in what came of other rows."""
        self.rows += other.rows
        self.sound += other.sound
        self.orders += other.orders
        self.refused_for_money += other.refused_for_money
        self.reasons += other.reasons
        self.wrong += other.wrong


def fuzz(rows: int, seed: int, situations: Sequence[Situation] = SITUATIONS) -> Outcome:
    """Judge `rows` fuzzed rows, batch by batch; the same seed gives the same rows."""
    outcome, dice = Outcome(seed=seed), random.Random(seed)
    order = turns(situations, dice)
    while outcome.rows < rows:
        count = min(BATCH, rows - outcome.rows)
        outcome.add(_batch(next(order), count, dice.getrandbits(32)))
    return outcome


def turns(situations: Sequence[Situation], dice: random.Random) -> Iterator[Situation]:
    """Go through the situations for ever: every third is the first, where sound rows are ordered.

    The order of the others is drawn, so that they all have their turn where many seeds have a few batches each.
    """
    drawn = list(situations[1:] or situations)
    dice.shuffle(drawn)
    others = itertools.cycle(drawn)
    return itertools.chain.from_iterable(zip(itertools.repeat(situations[0]), others, others, strict=False))


def _batch(situation: Situation, count: int, seed: int) -> Outcome:
    outcome = Outcome(seed=seed, rows=count)
    where = f"{situation.name}, batch of {count}, seed {seed}"
    with tempfile.TemporaryDirectory() as directory, arranged(situation, Path(directory)) as made:
        try:
            _Crowd(made, situation, count, seed, outcome).judge()
        except Exception as error:  # noqa: BLE001 - whatever a row brought about is what is looked for
            outcome.wrong.append(f"{type(error).__name__}: {error}")
    outcome.wrong = [f"{where}: {each}" for each in outcome.wrong]
    return outcome


class _Crowd:
    """One batch: the sound rows alone, then all of them, then to rest."""

    def __init__(self, made: World, situation: Situation, count: int, seed: int, outcome: Outcome) -> None:
        self._made, self._situation, self._outcome = made, situation, outcome
        self._sound = sound(FIRST_SOUND)
        after = FIRST_SOUND + len(self._sound)
        dice = random.Random(seed)
        before = min(count, FIRST_SOUND - FIRST_SPOILT)
        self._spoilt = [*spoilt(before, FIRST_SPOILT, dice)]
        self._spoilt += spoilt(count - before, after, dice) if count > before else ()
        self._rows = {row.id: row for row in (*self._sound, *self._spoilt)}
        self._named = frozenset(row.id for row in self._sound)
        self._notes: tuple[str, ...] = ()
        self._said: set[tuple[int, str]] = set()
        outcome.sound += len(self._sound)

    def judge(self) -> None:
        made = self._made
        self._write(self._sound)
        plan = self._look()
        alone = [self._effects(plan)]
        self._stamp(plan)
        alone.append(self._effects(self._look()))
        execute(made, UNDO, (self._sound[0].id, self._sound[-1].id))
        self._write(self._spoilt)
        before = {d.id: d for d in queries.decisions(made.store, "main")}
        plan = self._look()
        among = [self._effects(plan)]
        self._stamp(plan)
        plan = self._look()
        among.append(self._effects(plan))
        if self._situation.same and alone != among:
            self._outcome.wrong.append(f"sound rows fare otherwise in the crowd: {_difference(alone, among)}")
        self._to_rest(plan)
        self._look(order_monitor.look)
        self._answers(before)

    def _write(self, rows: Iterable[Row]) -> None:
        with self._made.store.writing() as connection:
            for row in rows:
                connection.exec_driver_sql(INSERT, row.values())
                if row.as_text:
                    connection.exec_driver_sql(AS_TEXT, (row.id,))

    def _context(self) -> Context:
        now = self._made.clock.now()
        return Context(
            now=now,
            pass_started_at=now,
            calendar=market(self._made.tools, now).hours,
            calendar_agreed=self._situation.calendar_agreed,
            clock_skew=self._situation.skew,
            limits=self._situation.limits,
        )

    def _look(self, look: Any = order_executor.look) -> Plan:
        tools = self._made.tools
        rows: Rows = tools.store.rows("main")
        plan: Plan = look(rows, tools, self._context())
        return plan

    def _effects(self, plan: Plan) -> list[Action]:
        """Return what a plan does for the sound rows."""
        return [action for action in plan.actions if _decisions_in(action) & self._named]

    def _stamp(self, plan: Plan) -> None:
        """Write the stamps of a plan, and leave the rest of it to the next look."""
        stamps = [a for a in plan.actions if isinstance(a, Write) and a.why.endswith("approval seen")]
        self._write_all([change for action in stamps for change in action.changes])

    def _write_all(self, changes: Sequence[RowChange]) -> None:
        if changes:
            self._made.store.write(changes, run_id="fuzz", at=self._made.clock.now())

    def _to_rest(self, plan: Plan) -> None:
        """Carry plans out until one is empty. Writes of one row are one transaction, to save time."""
        for _ in range(LOOKS_MAX):
            if not plan.actions:
                self._notes = plan.notes
                self._outcome.reasons.update(code for _, code in self._said)
                return
            self._said |= _refusals(plan)
            touched = Counter(i for action in plan.actions for i in _decisions_in(action))
            plain = [a for a in plan.actions if _is_plain(a) and all(touched[i] == 1 for i in _decisions_in(a))]
            rest = [a for a in plan.actions if not any(a is each for each in plain)]
            self._sent(self._apply(rest))
            self._write_all([change for action in plain if isinstance(action, Write) for change in action.changes])
            plan = self._look()
        self._outcome.wrong.append(f"does not come to rest: {plan.actions[0].why[:NOTE_CHARS_MAX]}")

    def _apply(self, actions: Sequence[Action]) -> list[Applied]:
        now = self._made.clock.now()
        late = now + timedelta(days=1)
        return apply(actions, self._made.tools, account="main", run_id="fuzz", planned_at=now, deadline=late)

    def _sent(self, applied: Iterable[Applied]) -> None:
        for each in applied:
            if not isinstance(each.action, Submit) or each.outcome == "dropped":
                continue  # withdrawn by another row of the crowd: nothing was sent
            self._outcome.orders += 1
            body, wrong = each.action.body, list(flaws(each.action.body))
            for number in _decisions_in(each.action):
                wrong += _misread(self._rows[number].cells, body) if number in self._rows else []
            if each.outcome == "rejected" and any(words in each.detail for words in MONEY_ALONE):
                self._outcome.refused_for_money += 1
            elif each.outcome != "accepted":
                wrong.append(f"{each.outcome}: {each.detail}")
            self._outcome.wrong += [f"the order {dict(body)}: {what}" for what in wrong]

    def _answers(self, before: Mapping[int, Decision]) -> None:
        """Hold every row against what may have become of it."""
        after = {d.id: d for d in queries.decisions(self._made.store, "main")}
        trades = {t.decision_id for t in queries.journal(self._made.store, "main")}
        context = self._context()
        silent = not in_entry_window(context.session, context.now)
        notes = "\n".join(self._notes)
        for number, row in self._rows.items():
            decision, was = after.get(number), before.get(number)
            if decision is None or was is None:
                if row.cells["account"] == "main":
                    self._outcome.wrong.append(f"row {number} is gone: {row.in_short()}")
                continue
            problem = _unanswered(decision, was, notes, traded=number in trades, silent=silent)
            if problem is not None:
                self._outcome.wrong.append(f"{problem}: {row.in_short()}")


def _is_plain(action: Action) -> bool:
    return isinstance(action, Write) and len(action.changes) == 1


def _decisions_in(action: Action) -> set[int]:
    """Return the decisions whose rows an action changes."""
    changes = action.intent if isinstance(action, Submit) else getattr(action, "changes", ())
    return {c.id for c in changes if isinstance(c, Update) and c.table == "analysis_decision" and isinstance(c.id, int)}


def _refusals(plan: Plan) -> set[tuple[int, str]]:
    """Return which rows a plan refuses, and by which code."""
    changes = [c for action in plan.actions if isinstance(action, Write) for c in action.changes]
    notes = [(c.id, str(c.values.get("execution_note"))) for c in changes if isinstance(c, Update)]
    return {(number, found[1]) for number, note in notes if isinstance(number, int) and (found := NOTE.fullmatch(note))}


def _difference(alone: list[list[Action]], among: list[list[Action]]) -> str:
    for one, other in zip(alone, among, strict=True):
        lost = [a.why for a in one if a not in other]
        new = [a.why for a in other if a not in one]
        if lost or new:
            return f"lost {lost}, new {new}"
    return "another order"


def _misread(cells: Mapping[str, Any], body: Mapping[str, object]) -> list[str]:
    """Say where an order is not what its row says, read here by other rules than the system's."""
    wrong = []
    if _plain(cells.get("symbol")).upper() != body["symbol"]:
        wrong.append(f"the row says {cells.get('symbol')!r}")
    for column, name in (("planned_entry", "limit_price"), ("qty", "qty")):
        said = _plain(cells.get(column))
        if (said or column != "qty") and (
            NUMBER.fullmatch(said) is None or Fraction(said) != Fraction(str(body[name]))
        ):
            wrong.append(f"{name} {body[name]} where the row says {cells.get(column)!r}")
    side = "sell" if _plain(cells.get("side")).lower() == "short" else "buy"
    if side != body["side"] or cells.get("Approve") not in {1, "1"}:
        wrong.append(f"the row says {cells.get('side')!r}, {cells.get('Approve')!r}")
    return wrong


def _plain(cell: object) -> str:
    if cell is None or cell != cell:  # noqa: PLR0124 - SQLite keeps NaN as nothing
        return ""
    # In a column of text it keeps a truth value as a number, and of a float fifteen digits.
    said = int(cell) if isinstance(cell, bool) else f"{cell:.15g}" if isinstance(cell, float) else cell
    return unicodedata.normalize("NFKC", str(said)).strip()


def _unanswered(decision: Decision, was: Decision, notes: str, *, traded: bool, silent: bool) -> str | None:
    """Say what is wrong with the answer that a row got; None for one that will do."""
    if was.execution_status in {"ORDERED", "DONE"} or (silent and not _changed(decision, was)):
        return None  # whoever wrote that says it is done; outside the window what waits is left waiting
    note, status = decision.execution_note or "", decision.execution_status
    asks = type(was.approve) is int and was.approve == 1 and (was.executed is None or was.executed in NOT_EXECUTED)
    if not asks or was.execution_status in {"REJECTED", "EXPIRED"}:
        return "a row that asks for nothing was answered" if traded or _changed(decision, was) else None
    if was.version < 0:
        told = f"decision {decision.id} cannot be carried out" in notes
        return None if told and decision == was else "a row that cannot be written on is passed over in silence"
    if len(note) > NOTE_CHARS_MAX or not note.isprintable():
        return f"a note of {len(note)} characters that a person cannot read"
    if traded or status in {"ORDERED", "DONE"}:
        return None if note else "ordered without a word"
    if status in {"REJECTED", "EXPIRED", "WAITING"}:
        return None if NOTE.fullmatch(note) else f"refused without a reason: {note!r}"
    return f"approved and never answered ({status!r}, {note!r})"


def _changed(decision: Decision, was: Decision) -> bool:
    return (decision.execution_status, decision.execution_note) != (was.execution_status, was.execution_note)
