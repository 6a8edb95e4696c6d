"""Corporate actions: announced by hand, told by the market data API and by the trading API's older list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.paper_broker.exchange.actions import ActionKind
from lib.paper_broker.exchange.hours import NEW_YORK
from lib.paper_broker.exchange.refusal import malformed, not_found, unprocessable
from lib.paper_broker.history.announcements import AnnouncementError, check_names, read_action
from lib.paper_broker.message import answer, read_json
from lib.paper_broker.routes.data_query import descends, limit, wrong

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from lib.paper_broker.answers.values import Json
    from lib.paper_broker.call import Call
    from lib.paper_broker.exchange.actions import CorporateAction
    from lib.paper_broker.message import Response

LIMIT, LIMIT_MAX = 100, 1000
SPAN_MAX = timedelta(days=90)
TYPES = frozenset(map(str, ActionKind)) | {
    "unit_split", "spin_off", "stock_merger", "stock_and_cash_merger", "redemption", "rights_distribution",
    "partial_call", "reorganization",
}  # fmt: skip
"""What Alpaca tells of; of the last eight this program has none."""
DATE_TYPES = ("declaration_date", "ex_date", "record_date", "payable_date")
ANNOUNCED = {
    ActionKind.FORWARD_SPLIT: ("split", "stock_split"),
    ActionKind.REVERSE_SPLIT: ("split", "reverse_split"),
    ActionKind.CASH_DIVIDEND: ("dividend", "cash"),
    ActionKind.STOCK_DIVIDEND: ("dividend", "stock"),
    ActionKind.CASH_MERGER: ("merger", "merger_completion"),
}
"""Type and sub-type in the older list, which has no new names and no removals (alpaca.markets/blog, 2022)."""


def announce(call: Call) -> Response:
    """Announce a corporate action that is to come, from now on or from `announced_at`."""
    exchange = call.exchange
    try:
        action = read_action(read_json(call.request))
        if action.announced_at is None:
            action = replace(action, announced_at=exchange.now)
        known = (*exchange.market.announced, *exchange.book.account.announced, action)
        check_names(known)
    except AnnouncementError as error:
        raise malformed(str(error)) from None
    if action.symbol not in exchange.market.symbols:
        raise unprocessable(f'asset "{action.symbol}" not found')
    if action.begins <= exchange.now:
        raise unprocessable("ex_date must be to come: an action takes effect at its midnight in New York")
    account = exchange.book.account
    exchange.book.account = replace(account, announced=(*account.announced, action))
    return answer({"id": action.id, "type": action.kind, "symbol": action.symbol, "begins": action.begins.isoformat()})


def list_actions(call: Call) -> Response:
    """Show the actions of a span of days, by type; the limit goes for all of them together."""
    params = call.request.params()
    found = _by_ids(call) if "ids" in params else _by_filter(call)
    found = sorted(found, key=lambda action: (action.ex_date, action.id), reverse=descends(call))
    token = params.get("page_token")
    if token is not None:
        places = [place for place, action in enumerate(found) if action.id == token]
        if not places:
            raise wrong("invalid page_token")
        found = found[places[0] + 1 :]
    most = limit(call, LIMIT, LIMIT_MAX)
    page: dict[str, list[Json]] = {}
    for action in found[:most]:
        page.setdefault(f"{action.kind}s", []).append(_SHAPES[action.kind](action))
    following = found[most - 1].id if len(found) > most else None
    return answer({"corporate_actions": page, "next_page_token": following})


def list_announcements(call: Call) -> Response:
    """Show announcements of a span of days; Alpaca has deprecated this list."""
    params = call.request.params()
    kinds = frozenset(filter(None, params.get("ca_types", "").lower().split(",")))
    if not kinds:
        raise malformed("ca_types is required")
    if not kinds <= {"dividend", "merger", "spinoff", "split"}:
        raise malformed(f"invalid ca_types: {params['ca_types']}")
    since, until = call.day("since"), call.day("until")
    if since is None or until is None:
        raise malformed("since and until are required")
    if until - since > SPAN_MAX:
        raise malformed("the date range is limited to 90 days")
    # Which date counts when none is named has no source.
    date_type = call.choice("date_type", DATE_TYPES) or "ex_date"
    shown = [
        _announcement(action)
        for action in _known(call)
        if action.kind in ANNOUNCED
        and ANNOUNCED[action.kind][0] in kinds
        and params.get("symbol") in (None, action.symbol)
        and params.get("cusip") in (None, action.cusip)
    ]
    return answer([one for one in shown if since.isoformat() <= str(one[date_type] or "") <= until.isoformat()])


def show_announcement(call: Call) -> Response:
    """Show one announcement."""
    for action in _known(call):
        if action.id == call.names["id"] and action.kind in ANNOUNCED:
            return answer(_announcement(action))
    raise not_found("announcement not found")


def _known(call: Call) -> list[CorporateAction]:
    exchange = call.exchange
    actions = (*exchange.market.announced, *exchange.book.account.announced)
    return [action for action in actions if action.known(exchange.now)]


def _by_ids(call: Call) -> list[CorporateAction]:
    params = call.request.params()
    if params.keys() & {"symbols", "cusips", "types", "start", "end"}:
        raise wrong("ids cannot be used with other filters")
    ids = params["ids"].split(",")
    return [action for action in _known(call) if action.id in ids]


def _by_filter(call: Call) -> list[CorporateAction]:
    params = call.request.params()
    symbols, cusips, types = (params.get(name) for name in ("symbols", "cusips", "types"))
    wanted = types.split(",") if types else None
    for name in wanted or ():
        if name not in TYPES:
            raise wrong(f"invalid type: {name}")
    today = call.exchange.now.astimezone(NEW_YORK).date()
    first, last = _day(call, "start", today), _day(call, "end", today)
    if last < first:
        raise wrong("end should not be before start")
    return [
        action
        for action in _known(call)
        if first <= action.ex_date <= last
        and (symbols is None or {action.symbol, action.new_symbol} & set(symbols.split(",")))
        and (cusips is None or {action.cusip, action.new_cusip} & set(filter(None, cusips.split(","))))
        and (wanted is None or action.kind in wanted)
    ]


def _day(call: Call, name: str, default: date) -> date:
    value = call.request.params().get(name)
    if value is None:
        return default
    try:
        return type(default).fromisoformat(value)
    except ValueError:
        raise wrong(f"invalid {name}: {value}") from None


def _dated(action: CorporateAction) -> Json:
    dates = {"ex_date": action.ex_date, "record_date": action.record_date, "payable_date": action.payable_date}
    known: Json = {name: day.isoformat() for name, day in dates.items() if day is not None}
    # On which day Alpaca processes an action is always its ex-date here.
    return {"id": action.id, "process_date": action.ex_date.isoformat()} | known


def _forward_split(action: CorporateAction) -> Json:
    rates = {"old_rate": action.old_rate, "new_rate": action.new_rate}
    return _dated(action) | {"symbol": action.symbol, "cusip": action.cusip} | rates


def _reverse_split(action: CorporateAction) -> Json:
    cusips = {"old_cusip": action.cusip, "new_cusip": action.new_cusip or action.cusip}
    rates = {"old_rate": action.old_rate, "new_rate": action.new_rate}
    return _dated(action) | {"symbol": action.symbol} | cusips | rates


def _cash_dividend(action: CorporateAction) -> Json:
    return _stock_dividend(action) | {"special": action.special, "foreign": action.foreign}


def _stock_dividend(action: CorporateAction) -> Json:
    return _dated(action) | {"symbol": action.symbol, "cusip": action.cusip, "rate": action.rate}


def _name_change(action: CorporateAction) -> Json:
    return {
        "id": action.id,
        "process_date": action.ex_date.isoformat(),
        "old_symbol": action.symbol,
        "old_cusip": action.cusip,
        "new_symbol": action.new_symbol,
        "new_cusip": action.new_cusip or action.cusip,
    }


def _cash_merger(action: CorporateAction) -> Json:
    dated = _dated(action)
    effective = {"effective_date": dated.pop("ex_date")}
    acquiree = {"acquiree_symbol": action.symbol, "acquiree_cusip": action.cusip}
    return dated | effective | acquiree | {"rate": action.rate}


def _worthless_removal(action: CorporateAction) -> Json:
    day = action.ex_date.isoformat()
    return {"id": action.id, "process_date": day, "symbol": action.symbol, "cusip": action.cusip}


_SHAPES: dict[ActionKind, Callable[[CorporateAction], Json]] = {
    ActionKind.FORWARD_SPLIT: _forward_split,
    ActionKind.REVERSE_SPLIT: _reverse_split,
    ActionKind.CASH_DIVIDEND: _cash_dividend,
    ActionKind.STOCK_DIVIDEND: _stock_dividend,
    ActionKind.NAME_CHANGE: _name_change,
    ActionKind.CASH_MERGER: _cash_merger,
    ActionKind.WORTHLESS_REMOVAL: _worthless_removal,
}


def _announcement(action: CorporateAction) -> Json:
    kind, sub_kind = ANNOUNCED[action.kind]
    announced = action.announced_at.astimezone(NEW_YORK).date().isoformat() if action.announced_at else None
    return {
        "id": action.id,
        "corporate_action_id": action.id,
        "ca_type": kind,
        "ca_sub_type": sub_kind,
        "initiating_symbol": action.symbol,
        "initiating_original_cusip": action.cusip,
        "target_symbol": action.symbol,
        "target_original_cusip": action.cusip,
        "declaration_date": announced,
        "ex_date": action.ex_date.isoformat(),
        "record_date": action.record_date.isoformat() if action.record_date else None,
        "payable_date": action.payable_date.isoformat() if action.payable_date else None,
        "cash": text(action.rate) if action.kind in (ActionKind.CASH_DIVIDEND, ActionKind.CASH_MERGER) else "0",
        "old_rate": text(action.old_rate),
        "new_rate": text(action.new_rate if action.rate == 0 else action.shares),
    }
