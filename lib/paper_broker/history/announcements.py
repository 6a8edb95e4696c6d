"""Reading corporate actions: `corporate_actions.json` in a directory of prices, and what is posted at run time.

The file is a list of objects, each with `type`, `symbol` and `ex_date`, and what its type needs:

    forward_split, reverse_split    old_rate, new_rate: so many shares become so many
    cash_dividend, stock_dividend   rate: money, or new shares, per share
    name_change                     new_symbol
    cash_merger                     rate: money per share
    worthless_removal

and, if known, record_date, payable_date, announced_at (an instant; without it the action is known since ever), cusip,
new_cusip, special, foreign.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid5

from lib.domain.money import ONE, D, NotMoney
from lib.paper_broker.exchange.actions import ActionKind, CorporateAction
from lib.paper_broker.exchange.assets import NAMESPACE
from lib.paper_broker.history.bars import PricesError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "corporate_actions.json"
RATE_MIN, RATE_MAX = Decimal("0.000001"), Decimal(1_000_000)
FIRST_YEAR, LAST_YEAR = 1970, 2100
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.]{0,14}")
_NEEDS = {
    ActionKind.FORWARD_SPLIT: ("old_rate", "new_rate"),
    ActionKind.REVERSE_SPLIT: ("old_rate", "new_rate"),
    ActionKind.CASH_DIVIDEND: ("rate",),
    ActionKind.STOCK_DIVIDEND: ("rate",),
    ActionKind.NAME_CHANGE: ("new_symbol",),
    ActionKind.CASH_MERGER: ("rate",),
    ActionKind.WORTHLESS_REMOVAL: (),
}
_ANY = ("type", "symbol", "ex_date", "record_date", "payable_date", "announced_at", "cusip", "new_cusip")
_FLAGS = ("special", "foreign")


class AnnouncementError(ValueError):
    """Something that is no corporate action; the message says why."""


def load(directory: Path) -> tuple[CorporateAction, ...]:
    """Read the corporate actions of a directory of prices, none when it has no file of them."""
    file = directory / FILE
    if not file.exists():
        return ()
    try:
        rows = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        actions = tuple(map(read_action, _list(rows)))
        check_names(actions)
    except ValueError as error:
        message = f"{file}: {error}"
        raise PricesError(message) from error
    return actions


def read_action(row: Mapping[str, object]) -> CorporateAction:
    """Read one action, or say what is wrong with it."""
    try:
        kind = ActionKind(str(row.get("type")))
    except ValueError:
        raise AnnouncementError(f"invalid type: {row.get('type')}") from None
    needs = _NEEDS[kind]
    for name in row:
        if name not in (*needs, *_ANY, *_FLAGS):
            raise AnnouncementError(f"{name} does not belong to a {kind}")
    symbol, ex_date = _symbol(row, "symbol"), _day(row, "ex_date")
    if ex_date is None:
        raise AnnouncementError("ex_date is required")
    rates = {name: _rate(row, name) for name in needs if name != "new_symbol"}
    action = CorporateAction(
        id=str(uuid5(NAMESPACE, f"corporate/{kind}/{symbol}/{ex_date}")),
        kind=kind,
        symbol=symbol,
        ex_date=ex_date,
        new_symbol=_symbol(row, "new_symbol") if "new_symbol" in needs else None,
        record_date=_day(row, "record_date"),
        payable_date=_day(row, "payable_date"),
        announced_at=_instant(row, "announced_at"),
        cusip=str(row.get("cusip") or ""),
        new_cusip=str(row.get("new_cusip") or ""),
        special=row.get("special") is True,
        foreign=row.get("foreign") is True,
        **rates,
    )
    if kind is ActionKind.FORWARD_SPLIT and action.shares <= ONE:
        raise AnnouncementError("a forward split makes more shares: new_rate must be above old_rate")
    if kind is ActionKind.REVERSE_SPLIT and action.shares >= ONE:
        raise AnnouncementError("a reverse split makes fewer shares: new_rate must be below old_rate")
    return action


def check_names(actions: tuple[CorporateAction, ...]) -> None:
    """Refuse what cannot be told apart: two actions of one kind, symbol and day, or two that give one new name."""
    ids = [action.id for action in actions]
    names = [action.new_symbol for action in actions if action.new_symbol]
    if len(set(ids)) < len(ids):
        raise AnnouncementError("an action of this type, symbol and ex_date is there twice")
    if len(set(names)) < len(names) or any(action.symbol == action.new_symbol for action in actions):
        raise AnnouncementError("a new_symbol is given twice, or to itself")


def _list(rows: object) -> list[Mapping[str, object]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AnnouncementError("not a list of objects")
    return rows


def _symbol(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise AnnouncementError(f"{name} is required: the symbol of a stock")
    return value


def _rate(row: Mapping[str, object], name: str) -> Decimal:
    value = row.get(name)
    try:
        rate = D(value if isinstance(value, str | int | Decimal) else "")
    except NotMoney:
        raise AnnouncementError(f"{name} is required: a number above 0") from None
    if not RATE_MIN <= rate <= RATE_MAX:
        raise AnnouncementError(f"{name} must be between {RATE_MIN} and {RATE_MAX}")
    return rate


def _day(row: Mapping[str, object], name: str) -> date | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise AnnouncementError(f"invalid {name}: {value}") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise AnnouncementError(f"invalid {name}: {value}")
    return day


def _instant(row: Mapping[str, object], name: str) -> datetime | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise AnnouncementError(f"invalid {name}: {value}") from None
