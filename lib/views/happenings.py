"""One event of the trail in a trader's words: what happened, and the reason that was written down with it.

Nothing is guessed: a reason is a column of the row (a refusal, a note), what the row is for (cover, the second leg of
a pair), or what the trade's other rows say. What a pass thought and did not write is in its log, under its run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from lib.domain.money import text
from lib.domain.records import Order
from lib.domain.states import BROKER_LIVE, CANCELLED, EXPIRED, FILLED, PENDING, REJECTED, REPLACED, UNSENT, Role
from lib.domain.states import DecisionStatus as Asked
from lib.domain.states import TradeStatus as Status
from lib.domain.story import Event, Story
from lib.domain.wanted import Wanted, read_wanted

Said = Iterator[tuple[str, str | None]]

PLANNED = (
    *("symbol", "action", "side", "trade_style", "planned_entry", "planned_sl", "planned_tp", "qty", "planned_qty"),
    *("trail_percent", "target_decision_id", "close_price", "expires_at"),
)
"""What a decision asks for, and what its trade keeps of it: an edit of these is part of the story."""

ANSWERS = {
    Asked.ORDERED: "claimed: it becomes an order",
    Asked.WAITING: "not taken yet, tried again until the entry window closes",
    Asked.REJECTED: "refused for good",
    Asked.EXPIRED: "expired",
    Asked.DONE: "done: its trade has ended",
}
ENDS = {
    CANCELLED: "cancelled",
    EXPIRED: "expired",
    REJECTED: "refused by the broker",
    REPLACED: "replaced by another order",
    UNSENT: "given up: the broker never had it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event beside the row's event before it."""

    event: Event
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def is_first(self) -> bool:
        """Say whether the row began here."""
        return self.event.op == "insert"

    def moved(self, name: str) -> bool:
        """Say whether a column changed; what a row begins with is no change."""
        return not self.is_first and self.before.get(name) != self.after.get(name)


def steps(story: Story) -> Iterator[Step]:
    """Pair the events of the trade's rows with those before them; leave out what belongs to other trades."""
    last: dict[tuple[str, int], Mapping[str, Any]] = {}
    for event in story.events:
        after: dict[str, Any] = json.loads(event.columns)
        row = (event.table_name, event.row_id)
        if _belongs(event, after, story):
            # A row written by another program has no first event: its first one tells of all that is in it.
            yield Step(event=event, before=last.get(row, {}), after=after)
        last[row] = after


def _belongs(event: Event, columns: Mapping[str, Any], story: Story) -> bool:
    trade = story.trade
    if event.table_name == "position_tracking":
        return bool(columns["trade_id"] == trade.id)
    if event.table_name == "control":
        return columns["scope"] in {"all", f"account:{trade.account}", f"symbol:{trade.account}:{trade.symbol}"}
    return True


def in_words(step: Step, story: Story, local: Callable[[datetime], datetime]) -> Said:
    """Tell one event, in as many sentences as it needs; fills and changes of quantity are told from their rows."""
    match step.event.table_name:
        case "analysis_decision":
            yield from _decision(step)
        case "trade_journal":
            yield from _journal(step)
        case "order_execution":
            yield from _order(step, story, local)
        case "position_tracking":
            yield from _position(step)
        case "control":
            yield f"{step.after['scope']} is {step.after['state']}", step.after["reason"]


def _decision(step: Step) -> Said:
    after, number = step.after, step.event.row_id
    if step.event.op == "delete":
        yield f"decision {number} deleted", None
        return
    if step.before:
        yield from _edits(step, f"decision {number}")
    else:
        yield f"decision {number} {'written' if step.is_first else 'as first seen'}: {wish(after)}", None
    ticked = after["approve"] == 1
    if ticked and (step.is_first or step.moved("approve")):
        yield f"decision {number} approved", None
    elif step.before and step.moved("approve"):
        yield f"decision {number}: approval taken away", None
    if after["approved_seen_at"] and step.moved("approved_seen_at"):
        yield "approval seen: the numbers are bound from here on", None
    if after["execution_status"] and (step.moved("execution_status") or step.moved("execution_note")):
        status = after["execution_status"]
        words = ANSWERS[Asked(status)] if status in set(Asked) else status
        yield f"decision {number} {words}", after["execution_note"]


def wish(row: Mapping[str, Any]) -> str:
    """Say what a decision asks for, as it was written."""
    style, symbol = row["trade_style"] or "", row["symbol"] or "–"
    how_many = f"{row['qty']} " if row["qty"] else ""
    asked = f"{row['action'] or 'NEW_TRADE'}: {how_many}{symbol} at {row['planned_entry'] or '–'}"
    target = f", target {row['planned_tp']}" if row["planned_tp"] else ""
    return f"{asked}, stop {row['planned_sl'] or '–'}{target} {style}".rstrip()


def _edits(step: Step, whose: str) -> Said:
    edits = [
        f"{name} {step.before.get(name) or '–'} → {step.after[name] or '–'}"
        for name in PLANNED
        if name in step.after and step.moved(name)
    ]
    if edits:
        yield f"{whose} changed: {', '.join(edits)}", None


def _wishes(step: Step, whose: str) -> Said:
    """Say what a CANCEL, AMEND, CLOSE or split changed of what a trade wants; since when is the line's own time."""
    if "wanted" not in step.after or not step.moved("wanted"):
        return
    try:
        before, after = read_wanted(step.before.get("wanted")), read_wanted(step.after["wanted"])
    except ValueError as unreadable:
        yield f"{whose}: {unreadable}", None
        return
    changed = {each.name: getattr(after, each.name) for each in fields(Wanted) if each.name != "claimed"}
    said = [
        f"{name.replace('_', ' ')} {text(value) if isinstance(value, Decimal) else value}"
        for name, value in changed.items()
        if value is not None and value != getattr(before, name) and not isinstance(value, datetime)
    ]
    if said:
        yield f"{whose} now wants: {', '.join(said)}", None


def _journal(step: Step) -> Said:
    after, number = step.after, step.event.row_id
    if step.is_first:
        stop, target = after["planned_sl"], after["planned_tp"]
        levels = f"stop {stop}{f', target {target}' if target else ''}"
        what = f"trade {number} opened: {after['planned_qty']} {after['symbol']} at {after['planned_entry']}, {levels}"
        yield what, f"decision {after['decision_id']} was claimed"
        return
    if step.before:
        yield from _edits(step, f"trade {number}")
        yield from _wishes(step, f"trade {number}")
    status, note, told = after["status"], after["note"], False
    bought = f"{after['actual_qty']} bought at {after['actual_entry']} on average"
    sold = f"{after['exit_qty']} sold at {after['exit_price']} on average"
    if step.moved("status"):
        told = True
        match status:
            case Status.POSITION:
                yield f"trade {number} is a position: {bought}", note
            case Status.CANCELLED:
                yield f"trade {number} cancelled without a share", note
            case Status.CLOSED:
                result = f"{sold}, P&L {after['actual_pnl']}"
                yield f"trade {number} closed, {after['exit_reason']}: {result}", f"activity {after['exit_evidence']}"
            case _:
                yield f"trade {number} is {status}", note
    elif step.moved("actual_qty"):
        yield f"booked: {bought}", None
    if step.moved("exit_qty") and status != Status.CLOSED:
        yield f"booked: {sold}", None
    if step.moved("fees") and step.before.get("status") == Status.CLOSED:
        yield f"fees booked: {after['fees']}, net P&L {after['net_pnl']}", None
    if note and step.moved("note") and not told:
        yield f"note: {note}", None


def _order(step: Step, story: Story, local: Callable[[datetime], datetime]) -> Said:
    after, name = step.after, step.after["client_order_id"]
    if step.is_first:
        what = "intent stored" if after["parent_id"] is None else "its leg"
        what = what if after["replaces"] is None else "found in its place"
        yield f"{what}: {_order_words(after)} [{name}]", _purpose(step, story)
        return
    if step.moved("submitted_at"):
        yield f"{name} sent again under the same id", "looked up twice, the broker had no such order"
    elif after["missing_at"] and step.moved("missing_at"):
        yield f"{name}: the broker has no such order, first look", None
    if after["cancel_requested_at"] and step.moved("cancel_requested_at"):
        yield f"{name}: cancel asked for", None
    if step.moved("order_status"):
        yield _status(step, local), _why_ended(step, story)
    elif step.moved("filled_qty"):
        yield f"{name} {_filled(after)}", None
    if step.before.get("stop_price") and step.moved("stop_price"):
        yield f"{name}: its stop follows to {after['stop_price']}", None
    if step.before and step.moved("qty"):
        yield f"{name}: the broker resized it, {step.before['qty']} → {after['qty']}", None


def _order_words(row: Mapping[str, Any]) -> str:
    prices = [row[name] for name in ("stop_price", "limit_price") if row[name] is not None]
    prices += [f"{row['trail_percent']} %"] if row["trail_percent"] is not None else []
    kind = row["kind"].replace("_", " ")
    return " ".join((row["side"], row["qty"], row["symbol"], kind, *prices, row["time_in_force"]))


def _purpose(step: Step, story: Story) -> str | None:
    """Say what an order is for: by its role, and for a market exit or lone target by the refusal before it."""
    after, orders = step.after, story.orders
    if after["replaces"] is not None:
        edited = next((o.client_order_id for o in orders if o.id == after["replaces"]), after["replaces"])
        return f"{edited} was changed outside this system"
    parent = next((order for order in orders if order.id == after["parent_id"]), None)
    if parent is not None:
        return f"the stop of {parent.client_order_id}: whichever fills first ends the other"
    if after["order_type"] == Role.ENTRY:
        return f"decision {story.trade.decision_id} passed the checks"
    pair = any(order.parent_id == step.event.row_id for order in orders)
    if after["order_type"] == Role.STOP_LOSS or pair:
        return f"cover: {after['qty']} shares had no stop"
    earlier = [o for o in orders if o.id < step.event.row_id and o.parent_id is None and o.order_type != Role.ENTRY]
    return f"{earlier[-1].client_order_id} was refused: {earlier[-1].reject_reason}" if _refused(earlier) else None


def _refused(earlier: list[Order]) -> bool:
    return bool(earlier) and earlier[-1].reject_reason is not None


def _status(step: Step, local: Callable[[datetime], datetime]) -> str:
    after, status = step.after, step.after["order_status"]
    name = after["client_order_id"]
    if status in {FILLED, "partially_filled"}:
        return f"{name} {_filled(after)}"
    if status in ENDS:
        ended = datetime.fromisoformat(after["ended_at"]) if after["ended_at"] else step.event.at
        at = f" at {local(ended):%H:%M:%S}" if status != REJECTED and ended < step.event.at else ""
        part = f", {_filled(after)}" if Decimal(after["filled_qty"]) > 0 else ""
        return f"{name} {ENDS[status]}{at}{part}"
    if step.before.get("order_status") == PENDING and after["alpaca_order_id"]:
        return f"{name} acknowledged: {status}, the broker calls it {after['alpaca_order_id']}"
    return f"{name} is {status}" if status in BROKER_LIVE else f"{name} is {status!r}, a word that nobody knew"


def _filled(row: Mapping[str, Any]) -> str:
    whole = row["filled_qty"] == row["qty"] or row["order_status"] == FILLED
    how_many = row["filled_qty"] if whole else f"{row['filled_qty']} of {row['qty']}"
    return f"filled: {how_many} at {row['filled_avg_price'] or '–'} on average"


def _why_ended(step: Step, story: Story) -> str | None:
    after = step.after
    if after["reject_reason"]:
        return str(after["reject_reason"])
    if after["order_status"] not in {CANCELLED, EXPIRED}:
        return None
    number = step.event.row_id
    pair = [o for o in story.orders if o.parent_id == number or o.id == after["parent_id"]]
    filled = next((o for o in pair if o.filled_qty > 0), None)
    if filled is not None:
        return f"{filled.client_order_id}, the other leg, filled"
    asked = after["cancel_requested_at"] or any(o.cancel_requested_at for o in pair)
    if after["order_status"] == EXPIRED or asked:
        return None
    return "this system did not ask for it"


def _position(step: Step) -> Said:
    after = step.after
    owned, covered = Decimal(after["qty"]), Decimal(after["covered_qty"])
    if step.event.op == "delete":
        return
    if step.is_first or step.moved("qty") or step.moved("covered_qty"):
        if covered >= owned:
            yield f"covered: {after['covered_qty']} of {after['qty']} shares have a stop", None
        else:
            yield f"NOT covered: {owned - covered} of {after['qty']} shares have no stop", None
    if step.moved("missing_since"):
        missing = after["missing_since"] is not None
        yield "missing at the broker, first look" if missing else "the broker holds it again", None
