"""Decisions as people and machines write them: read strictly, refused in words, stamped once approved."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from lib.domain.actions import Update, Write
from lib.domain.bodies import SYMBOL
from lib.domain.money import D, NotMoney
from lib.domain.records import Decision, Rows
from lib.domain.states import Action, Side

DECISION_COLUMNS = (
    "symbol",
    "action",
    "side",
    "trade_style",
    "planned_entry",
    "planned_sl",
    "planned_tp",
    "qty",
    "trail_percent",
    "target_decision_id",
    "close_price",
    "expires_at",
)
"""What an approval binds: the digest is taken over these, in this order."""

SHOWN_MAX = 60
"""So many characters of a cell are quoted in an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrade:
    """A NEW_TRADE decision whose words and numbers could be read. Prices in dollars per share."""

    id: int
    symbol: str
    side: str = Side.LONG
    style: str
    entry: Decimal
    stop: Decimal
    target: Decimal | None
    qty: Decimal | None  # None: sized by risk
    trail_percent: Decimal | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A CANCEL, AMEND or CLOSE decision that could be read: what it asks of a trade that is there. None: as it is."""

    id: int
    action: Action
    symbol: str | None = None
    target_decision_id: int | None = None  # the NEW_TRADE decision of the trade
    style: str | None = None
    entry: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    qty: Decimal | None = None  # the trade's new total
    close_price: Decimal | None = None  # None: at market
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a decision is not carried out: a code from a closed list and a sentence for a trader."""

    code: str
    reason: str
    final: bool = True

    def __str__(self) -> str:
        """Write it as it stands in `execution_note`."""
        return f"{self.code}: {self.reason}"


def is_ticked(value: object) -> bool:
    """Say whether a tick box is ticked: only True or the integer 1, whatever a client wrote there."""
    return value is True or (type(value) is int and value == 1)


def digest(decision: Decision) -> str:
    """Return the fingerprint of everything that an approval binds."""
    values = [getattr(decision, column) for column in DECISION_COLUMNS]
    return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()


def stamp_approvals(rows: Rows, now: datetime) -> tuple[Write, ...]:
    """Stamp rows seen approved for the first time, so that later edits show.

    Half a stamp is made whole, but a digest that is there is never taken anew. A row whose version is no number
    can never be written, so it is left alone.
    """
    return tuple(
        Write(
            changes=(
                Update(
                    table="analysis_decision", id=decision.id, version=decision.version, values=_stamp(decision, now)
                ),
            ),
            why=f"decision {decision.id}: approval seen",
            symbol=decision.symbol,
        )
        for decision in rows.decisions
        if is_ticked(decision.approve)
        and not is_ticked(decision.executed)
        and _stamp(decision, now)
        and decision.version >= 0
        and decision.id not in rows.traded_decision_ids
    )


def _stamp(decision: Decision, now: datetime) -> dict[str, object]:
    values: dict[str, object] = {}
    if decision.approved_digest is None:
        values["approved_digest"] = digest(decision)
    if decision.approved_seen_at is None:
        values["approved_seen_at"] = now
    return values


def as_stamped(rows: Rows, now: datetime) -> Rows:
    """Return the rows as they are after their approvals are stamped: a dry run looks past its own first write."""
    to_stamp = {
        change.id for write in stamp_approvals(rows, now) for change in write.changes if isinstance(change, Update)
    }
    decisions = tuple(
        replace(d, approved_digest=digest(d), approved_seen_at=now) if d.id in to_stamp else d for d in rows.decisions
    )
    return replace(rows, decisions=decisions)


def is_request(decision: Decision) -> bool:
    """Say whether a decision asks something of a trade that is there, well written or not."""
    return _word(decision.action).upper() in _COLUMNS_OF


def read_decision(decision: Decision) -> NewTrade | Request | Refused:
    """Read a decision's words and numbers; what cannot be read is refused for good, naming every column."""
    wrong: list[str] = []
    action = _word(decision.action).upper()
    if action in _COLUMNS_OF:
        return _read_request(decision, Action(action))
    if action != Action.NEW_TRADE:
        known = ", ".join(Action)
        reason = f"the action {_quoted(decision.action)} is not known; the actions are {known}"
        return Refused(code="ACTION", reason=reason)
    symbol = _word(decision.symbol).upper()
    if not SYMBOL.fullmatch(symbol):
        return Refused(code="SYMBOL", reason=f"{_quoted(decision.symbol)} is not a symbol")
    side = _word(decision.side).lower() or "long"
    if side not in set(Side):
        wrong.append(f"side {_quoted(decision.side)} is neither long nor short")
    style = _word(decision.trade_style).upper()
    if not style:
        wrong.append("trade_style is missing (SWING, or another word for a trade without a target order)")
    numbers: dict[str, Decimal | None] = {}
    for column, required in _NUMBERS.items():
        numbers[column], problem = _number(column, getattr(decision, column), required=required)
        wrong.extend(problem)
    expires_at, problem = _instant(decision.expires_at)
    wrong.extend(problem)
    if wrong:
        return Refused(code="NUMBERS", reason="; ".join(wrong))
    entry, stop = numbers["planned_entry"], numbers["planned_sl"]
    assert entry is not None
    assert stop is not None
    return NewTrade(
        id=decision.id,
        symbol=symbol,
        side=side,
        style=style,
        entry=entry,
        stop=stop,
        target=numbers["planned_tp"],
        qty=numbers["qty"],
        trail_percent=numbers["trail_percent"],
        expires_at=expires_at,
    )


def _read_request(decision: Decision, action: Action) -> Request | Refused:
    """Read what is asked of a trade; a column that would ask for more than is offered is refused, not passed over."""
    target, wrong = _target_id(decision.target_decision_id)
    symbol = _word(decision.symbol).upper() or None
    if symbol is not None and not SYMBOL.fullmatch(symbol):
        return Refused(code="SYMBOL", reason=f"{_quoted(decision.symbol)} is not a symbol")
    if target is None and symbol is None and not wrong:
        wrong.append("target_decision_id and symbol are missing; one of them names the trade")
    numbers: dict[str, Decimal | None] = {}
    for column in _COLUMNS_OF[action]:
        numbers[column], problem = _number(column, getattr(decision, column), required=False)
        wrong.extend(problem)
    wrong += [f"{column}: {why}" for column, why in _NOT_OFFERED[action].items() if _word(getattr(decision, column))]
    if action is Action.AMEND and not wrong and not any(numbers.values()):
        wrong.append(f"nothing is asked for; an AMEND names one of {', '.join(_COLUMNS_OF[action])}")
    expires_at, problem = _instant(decision.expires_at)
    wrong.extend(problem)
    if wrong:
        return Refused(code="NUMBERS", reason="; ".join(wrong))
    return Request(
        id=decision.id,
        action=action,
        symbol=symbol,
        target_decision_id=target,
        style=_word(decision.trade_style).upper() or None,
        entry=numbers.get("planned_entry"),
        stop=numbers.get("planned_sl"),
        target=numbers.get("planned_tp"),
        qty=numbers.get("qty"),
        close_price=numbers.get("close_price"),
        expires_at=expires_at,
    )


def _target_id(value: object) -> tuple[int | None, list[str]]:
    """Read the id of a decision; a spreadsheet may have written it as 12.0."""
    number, problem = _number("target_decision_id", value, required=False)
    if number is not None and number != int(number):
        return None, [f"target_decision_id {_quoted(_word(value))} is no whole number"]
    return (None if number is None else int(number)), problem


_COLUMNS_OF: dict[str, tuple[str, ...]] = {
    Action.CANCEL: (),
    Action.AMEND: ("planned_entry", "planned_sl", "planned_tp", "qty"),
    Action.CLOSE: ("close_price",),
}
"""What each request reads besides the trade it names."""

_NOT_OFFERED: dict[str, dict[str, str]] = {
    Action.CANCEL: {},
    Action.AMEND: {"trail_percent": "a trail cannot be amended", "close_price": "that is for a CLOSE"},
    Action.CLOSE: {"qty": "a CLOSE closes the whole trade"},
}

_NUMBERS = {"planned_entry": True, "planned_sl": True, "planned_tp": False, "qty": False, "trail_percent": False}


def _word(value: object) -> str:
    """Trim and fold look-alike characters (full-width letters and the like) to their plain form."""
    return unicodedata.normalize("NFKC", str(value)).strip() if value is not None else ""


def _quoted(value: str | None) -> str:
    """Show what a cell holds: control characters spelled out, cut where nobody would read on."""
    if value is None or len(value) <= SHOWN_MAX:
        return repr(value)
    return f"{value[:SHOWN_MAX]!r} and {len(value) - SHOWN_MAX} characters more"


def _number(column: str, value: object, *, required: bool) -> tuple[Decimal | None, list[str]]:
    raw = _word(value)
    if not raw:
        return None, [f"{column} is missing"] if required else []
    try:
        number = D(raw)
    except NotMoney:
        return None, [f"{column} {_quoted(raw)} is not a plain, finite number"]
    if number <= 0:
        return None, [f"{column} {raw[:SHOWN_MAX]} is not above zero"]
    return number, []


def _instant(value: object) -> tuple[datetime | None, list[str]]:
    raw = _word(value)
    if not raw:
        return None, []
    try:
        at = datetime.fromisoformat(raw)
        if at.tzinfo is None:
            return None, [f"expires_at {_quoted(raw)} has no time zone; write 2026-11-21T20:00:00Z"]
        return at.astimezone(UTC), []
    except (ValueError, OverflowError):  # the years 1 and 9999 have hours that no UTC date names
        return None, [f"expires_at {_quoted(raw)} is not a time like 2026-11-21T20:00:00Z"]
