"""The only place where the broker's JSON becomes records, Decimals and instants.

Tolerant of what may change without notice (new words, new fields, nulls where nothing depends on them) and strict about
what a wrong guess would cost: a row without its id, symbol or quantity raises BrokerUnavailable and names the field. An
error is never an empty answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import NoReturn

from lib.clock import from_new_york
from lib.domain.facts import (
    AccountFacts,
    Activity,
    Announcement,
    Asset,
    BrokerOrder,
    BrokerPosition,
    FillActivity,
    Quote,
)
from lib.domain.money import AVERAGE_PLACES, ONE, ZERO, D, NotMoney
from lib.domain.states import CANCELLED
from lib.errors import BrokerUnavailable
from lib.sessions import Session

SIMPLE = "simple"
OUR_STATUS = {"canceled": CANCELLED}
"""Alpaca's words that the tables spell otherwise; all others, unknown ones too, are kept as they come."""

NO_STATUS = "unknown"
"""Stands for a null status. It is no word of Alpaca's, so it counts as live: the safe way to be wrong."""

LEG_LEVELS_MAX = 2

COINS = "crypto"
PAID_IN = ("USD", "USDC", "USDT", "USDG", "BTC", "EUR")
"""What coins are priced in: the second names of Alpaca's pairs, and those that may come."""


def account(answer: object) -> AccountFacts:
    """Read /v2/account; money beyond 18 digits is rounded, for it is used to size orders and never booked."""
    row = _Row("account", answer)
    return AccountFacts(
        account_number=row.text("account_number"),
        equity=row.rounded("equity"),
        cash=row.rounded("cash"),
        buying_power=row.rounded("buying_power"),
        shorting_enabled=row.flag("shorting_enabled"),
        last_equity=row.rounded_or_none("last_equity"),
        blocked=any(row.flag(name) for name in ("account_blocked", "trading_blocked", "trade_suspended_by_user")),
    )


def is_open(answer: object) -> bool:
    """Read /v2/clock."""
    return _Row("clock", answer).flag("is_open")


def order(answer: object, *, level: int = 0) -> BrokerOrder:
    """Read one order with its legs."""
    row = _Row("order", answer)
    if level > LEG_LEVELS_MAX:
        row.refuse("legs", "is nested too deep")
    # A multi-leg option order has empty text for its symbol and side; a foreign one must not blind us to our own.
    many_legged = row.text_or("order_class", "") == "mleg"
    status = row.text_or("status", NO_STATUS)
    qty = row.number_or_none("qty")
    if qty is None and row.number_or_none("notional") is None and not many_legged:
        row.refuse("qty", "is missing, and so is `notional`")
    return BrokerOrder(
        id=row.text("id"),
        client_order_id=row.text("client_order_id"),
        symbol=row.text_or("symbol", "") if many_legged else row.text("symbol"),
        side=row.text_or("side", "") if many_legged else row.text("side"),
        kind=row.text_or("type", "") or row.text_or("order_type", ""),
        order_class=row.text_or("order_class", SIMPLE),
        status=OUR_STATUS.get(status, status),
        time_in_force=row.text_or("time_in_force", ""),
        qty=qty,
        filled_qty=row.number_or_none("filled_qty") or ZERO,
        filled_avg_price=row.rounded_or_none("filled_avg_price"),
        limit_price=row.number_or_none("limit_price"),
        stop_price=row.number_or_none("stop_price"),
        trail_percent=row.number_or_none("trail_percent"),
        submitted_at=row.instant_or_none("submitted_at"),
        filled_at=row.instant_or_none("filled_at"),
        ended_at=row.first_instant("canceled_at", "expired_at", "failed_at"),
        expires_at=row.instant_or_none("expires_at"),
        replaces=row.text_or_none("replaces"),
        replaced_by=row.text_or_none("replaced_by"),
        legs=tuple(order(leg, level=level + 1) for leg in row.list_or_empty("legs")),
    )


def fill(answer: object) -> FillActivity:
    """Read one FILL activity."""
    row = _Row("fill", answer)
    return FillActivity(
        id=row.text("id"),
        order_id=row.text("order_id"),
        symbol=row.text("symbol"),
        side=row.text("side"),
        qty=row.number("qty"),
        price=row.number("price"),
        transaction_time=row.instant("transaction_time"),
    )


def activity(answer: object) -> Activity:
    """Read one row of the account's ledger that is no fill; most kinds leave out most of its fields."""
    row = _Row("activity", answer)
    return Activity(
        id=row.text("id"),
        kind=row.text("activity_type"),
        date=row.day("date"),
        symbol=row.text_or_none("symbol"),
        qty=row.number_or_none("qty"),
        price=row.rounded_or_none("price") or row.rounded_or_none("per_share_amount"),
        net_amount=row.rounded_or_none("net_amount"),
        order_id=row.text_or_none("order_id"),
        description=row.text_or_none("description"),
    )


ANNOUNCED = {
    "forward_split": ("symbol", "ex_date"),
    "reverse_split": ("symbol", "ex_date"),
    "stock_dividend": ("symbol", "ex_date"),
    "name_change": ("old_symbol", "process_date"),
    "cash_merger": ("acquiree_symbol", "effective_date"),
    "worthless_removal": ("symbol", "process_date"),
}
"""The corporate actions that change what a position is, and under which names each tells its symbol and its day."""


def announcements(answer: object) -> tuple[tuple[Announcement, ...], str | None]:
    """Read a page of corporate actions, listed by kind, and the token of the next one; other kinds are left out."""
    page = _Row("corporate actions", answer)
    by_kind = _Row("corporate actions", page.mapping_or_empty("corporate_actions"))
    found = [_announcement(kind, row) for kind in ANNOUNCED for row in by_kind.list_or_empty(f"{kind}s")]
    return tuple(found), page.text_or_none("next_page_token")


def _announcement(kind: str, answer: object) -> Announcement:
    row = _Row(kind, answer)
    symbol, day = ANNOUNCED[kind]
    rate = row.number_or_none("rate")
    old, new = row.number_or_none("old_rate"), row.number_or_none("new_rate")
    if kind == "stock_dividend":  # so many new shares for each: a split by another name
        old, new = ONE, ONE + row.number("rate")
    elif kind.endswith("_split") and not (old and new and old > 0 and new > 0):
        row.refuse("old_rate and new_rate", "make no split")
    return Announcement(
        kind=kind,
        symbol=row.text(symbol),
        ex_date=row.day(day),
        old_rate=old,
        new_rate=new,
        new_symbol=row.text_or_none("new_symbol"),
        rate=rate,
    )


def position(answer: object) -> BrokerPosition:
    """Read one position.

    Alpaca's specification is silent on shorts: the live API was seen to answer side `short` with a negative `qty`,
    clients written for it take the absolute value. Side and magnitude together are right either way.
    """
    row = _Row("position", answer)
    qty = row.number("qty")
    short = qty < 0 or row.text_or("side", "") == "short"
    sign = -1 if short else 1
    asset_class = row.text_or("asset_class", "us_equity")
    symbol = row.text("symbol")
    return BrokerPosition(
        symbol=pair_of(symbol) if asset_class == COINS else symbol,
        qty=abs(qty) * sign,
        qty_available=abs(row.number("qty_available")) * sign,
        avg_entry_price=row.rounded_or_none("avg_entry_price"),
        asset_class=asset_class,
    )


def pair_of(symbol: str) -> str:
    """Return a pair of coins as orders name it: positions write `BTCUSD` for what orders call `BTC/USD`.

    What is paid in is the longest known name that the symbol ends with: `ETHUSDT` is `ETH/USDT`.
    """
    ends = [name for name in PAID_IN if symbol.endswith(name) and len(symbol) > len(name)]
    if "/" in symbol or not ends:
        return symbol
    paid_in = max(ends, key=len)
    return f"{symbol[: -len(paid_in)]}/{paid_in}"


def positions(answer: object) -> dict[str, BrokerPosition]:
    """Read /v2/positions; two rows for one symbol are an unreadable answer, for either could be the wrong one."""
    found: dict[str, BrokerPosition] = {}
    for row in rows("positions", answer):
        one = position(row)
        if one.symbol in found:
            _refuse(f"positions: two rows for {one.symbol!a}")
        found[one.symbol] = one
    return found


def quotes(answer: object, wanted: Collection[str]) -> dict[str, Quote]:
    """Read the latest quotes of the symbols asked for; a symbol without one is absent.

    A price of 0 means that there is no bid or no ask (Alpaca's `stock_quote`). A null map is a map without entries.
    """
    by_symbol = _Row("quotes", answer).mapping_or_empty("quotes")
    return {symbol: _quote(symbol, by_symbol[symbol]) for symbol in wanted if by_symbol.get(symbol) is not None}


def _quote(symbol: str, answer: object) -> Quote:
    row = _Row("quote", answer, name=symbol)
    return Quote(
        symbol=symbol,
        bid=row.number_or_none("bp") or None,
        ask=row.number_or_none("ap") or None,
        at=row.instant("t"),
    )


def asset(answer: object) -> Asset:
    """Read one asset; a delisted one may still say `tradable`."""
    row = _Row("asset", answer)
    return Asset(
        symbol=row.text("symbol"),
        tradable=row.flag("tradable") and row.text_or("status", "") != "inactive",
        fractionable=row.flag("fractionable"),
        shortable=row.flag("shortable"),
        borrow_status=row.text_or_none("borrow_status"),
        min_order_size=row.number_or_none("min_order_size"),
        min_trade_increment=row.number_or_none("min_trade_increment"),
        price_increment=row.number_or_none("price_increment"),
    )


def session(answer: object) -> Session:
    """Read one day of /v2/calendar, whose times are those of New York's wall."""
    row = _Row("session", answer, name=str(answer.get("date")) if isinstance(answer, Mapping) else "")
    try:
        day = date.fromisoformat(row.text("date"))
        opens, closes = (time.fromisoformat(row.text(name)) for name in ("open", "close"))
        return Session(date=day, open=from_new_york(day, opens), close=from_new_york(day, closes))
    except (ValueError, OverflowError) as error:
        row.refuse("open and close", f"make no session: {error!s:.120}")


def rows(what: str, answer: object) -> list[object]:
    """Return a bare JSON array's rows, still unread."""
    if not isinstance(answer, list):
        _refuse(f"{what}: a list was expected, not {_shown(answer)}")
    return answer


def exact(value: object) -> Decimal:
    """Return a JSON number or its text as an exact Decimal; raises NotMoney for everything else.

    Quotes are JSON numbers, and alpaca-py decodes those to floats before we see them. `repr` gives the shortest text
    that names the same float, and any text of at most 15 significant digits survives the way there and back, so what
    comes out is what the broker wrote.
    """
    if not isinstance(value, str | int | float | Decimal):
        raise NotMoney(f"{_shown(value)} is no number")
    number = D(repr(value) if isinstance(value, float) else value)
    return ZERO if number == 0 else number  # a zero may carry an exponent that takes gigabytes to write out


def _nine_places(value: object) -> Decimal:
    try:
        return exact(value)
    except NotMoney:
        if not isinstance(value, str) or "_" in value or not value.isascii():
            raise
    try:
        return exact(Decimal(value).quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN))
    except InvalidOperation:
        raise NotMoney(f"{_shown(value)} is no number") from None


class _Row:
    """One JSON object, and what to call it when it cannot be read."""

    def __init__(self, what: str, row: object, *, name: str = "") -> None:
        if not isinstance(row, Mapping):
            _refuse(f"{what}: an object was expected, not {_shown(row)}")
        self._row: Mapping[str, object] = row
        self._name = f"{what} {_shown(name or row.get('id') or row.get('symbol'))}"

    def refuse(self, field: str, trouble: str) -> NoReturn:
        _refuse(f"{self._name}: `{field}` {trouble}")

    def text(self, field: str) -> str:
        found = self.text_or_none(field)
        return self.refuse(field, "is missing") if found is None else found

    def text_or(self, field: str, default: str) -> str:
        return self.text_or_none(field) or default

    def text_or_none(self, field: str) -> str | None:
        value = self._row.get(field)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not value.isprintable():
            self.refuse(field, f"is {_shown(value)}, not plain text")
        return value

    def flag(self, field: str) -> bool:
        value = self._row.get(field)
        if value is not None and not isinstance(value, bool):
            self.refuse(field, f"is {_shown(value)}, neither true nor false")
        return bool(value)

    def number(self, field: str) -> Decimal:
        found = self.number_or_none(field)
        return self.refuse(field, "is missing") if found is None else found

    def number_or_none(self, field: str) -> Decimal | None:
        return self._number(field, exact)

    def rounded(self, field: str) -> Decimal:
        found = self.rounded_or_none(field)
        return self.refuse(field, "is missing") if found is None else found

    def rounded_or_none(self, field: str) -> Decimal | None:
        """Read what the broker computed; a quotient may have more digits than any column keeps."""
        return self._number(field, _nine_places)

    def _number(self, field: str, read: Callable[[object], Decimal]) -> Decimal | None:
        value = self._row.get(field)
        if value is None or value == "":
            return None
        try:
            return read(value)
        except ValueError:
            self.refuse(field, f"is {_shown(value)}, not a number that can be kept exactly")

    def day(self, field: str) -> date:
        text = self.text(field)
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.refuse(field, f"is {_shown(text)}, not a day")

    def instant(self, field: str) -> datetime:
        found = self.instant_or_none(field)
        return self.refuse(field, "is missing") if found is None else found

    def instant_or_none(self, field: str) -> datetime | None:
        """Read an RFC 3339 time; nanoseconds are cut to microseconds, never rounded into the next second."""
        text = self.text_or_none(field)
        if text is None:
            return None
        try:
            read = datetime.fromisoformat(text)
            if read.tzinfo is None:
                self.refuse(field, f"is {_shown(text)}, a time without its zone")
            return read.astimezone(UTC)
        except (ValueError, OverflowError):
            self.refuse(field, f"is {_shown(text)}, not a time")

    def first_instant(self, *fields: str) -> datetime | None:
        return next((found for found in map(self.instant_or_none, fields) if found is not None), None)

    def list_or_empty(self, field: str) -> list[object]:
        value = self._row.get(field)
        return [] if value is None else rows(f"{self._name}: `{field}`", value)

    def mapping_or_empty(self, field: str) -> Mapping[str, object]:
        if field not in self._row:
            self.refuse(field, "is missing")
        value = self._row[field]
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse(field, f"is {_shown(value)}, not an object")
        return value


def _refuse(trouble: str) -> NoReturn:
    raise BrokerUnavailable(f"the broker's answer cannot be read: {trouble}")


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    return ascii(value)[:60]
