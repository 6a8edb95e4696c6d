"""The port on Alpaca's REST API, real or served by the paper broker: the adapter cannot tell, and must not.

Reads are asked again after what may pass. Writes are sent exactly once, because a request that seems lost may have
arrived: what is not known is returned as Unknown, and the next look finds out by client_order_id.
Only `alpaca.common` is imported: `alpaca.trading` and `alpaca.data` load pandas, and their models refuse a whole list
of orders for one word they do not know (alpaca-py issue 153).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Protocol, TypeVar
from urllib.parse import quote

from requests.adapters import BaseAdapter

from lib.broker import translate
from lib.broker.refusals import classify, is_absence, is_id_in_use
from lib.broker.wire import (
    HTTP_TIMEOUT_S,
    READ_RETRY,
    NoAnswerError,
    ReadRetry,
    RefusedError,
    TimeoutAdapter,
    Wire,
    refusal_text,
)
from lib.domain.facts import (
    Accepted,
    AccountFacts,
    Activity,
    Announcement,
    Asset,
    BrokerOrder,
    BrokerPosition,
    FillActivity,
    Outcome,
    Quote,
    Refusal,
    Rejected,
    Unknown,
)
from lib.errors import BrokerUnavailable, ConfigError, KeysRefused
from lib.sessions import Session

ORDERS_PER_PAGE_MAX = 500
FILLS_PER_PAGE_MAX = 100
ANNOUNCEMENTS_PER_PAGE_MAX = 1000
SYMBOLS_PER_CALL_MAX = 200

SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*")
"""What can be a stock's symbol. Any other text makes Alpaca refuse the quotes of all symbols asked for with it."""

PAIR = re.compile(r"[A-Z0-9]{1,10}/[A-Z]{3,5}")
"""What can be a pair of coins, as orders name it; positions leave out the slash."""


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


_Record = TypeVar("_Record", bound=_Identified)
_Found = TypeVar("_Found", BrokerOrder, BrokerPosition)


class AlpacaBroker:
    """One Alpaca account. One instance serves one thread."""

    def __init__(
        self,
        *,
        api_key: str,
        secret_key: str,
        trading_url: str,
        data_url: str,
        where: str,
        mount: BaseAdapter | None = None,
        http_timeout_s: tuple[float, float] = HTTP_TIMEOUT_S,
        read_retry: ReadRetry = READ_RETRY,
    ) -> None:
        """Make the two clients; no request is sent.

        `mount` carries the requests in place of HTTP: the paper broker in this process.
        """
        for name, key in (("API key", api_key), ("secret key", secret_key)):
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise ConfigError(f"the broker's {name} is empty or has a character that no key has")
        adapter = mount if mount is not None else TimeoutAdapter(http_timeout_s)
        self._trading, self._data = (
            Wire(url, api_key=api_key, secret_key=secret_key, adapter=adapter, read_retry=read_retry)
            for url in (_base_url("trading", trading_url), _base_url("data", data_url))
        )
        self._where = where

    @property
    def where(self) -> str:
        return self._where

    @property
    def time_outs(self) -> int:
        return self._trading.time_outs + self._data.time_outs

    def account(self) -> AccountFacts:
        facts = translate.account(_read(self._trading, "/account"))
        return replace(facts, at=self._trading.answered_at)

    def is_open(self) -> bool:
        return translate.is_open(_read(self._trading, "/clock"))

    def sessions(self, first: date, last: date) -> tuple[Session, ...]:
        answer = _read(self._trading, "/calendar", {"start": first.isoformat(), "end": last.isoformat()})
        days = map(translate.session, translate.rows("calendar", answer))
        return tuple(sorted((day for day in days if first <= day.date <= last), key=lambda day: day.date))

    def live_orders(self) -> tuple[BrokerOrder, ...]:
        # `held` legs are not listed by status=open unless nested under their parents.
        return self._orders("open")

    def orders_since(self, since: datetime) -> tuple[BrokerOrder, ...]:
        # Orders may share a time: where a page ends is told by an id, which takes the place of the time.
        return self._orders("all", {"after": _second(since)})

    def _orders(self, status: str, first_page: Mapping[str, str] | None = None) -> tuple[BrokerOrder, ...]:
        params = {"status": status, "nested": "true", "direction": "asc", "limit": str(ORDERS_PER_PAGE_MAX)}
        orders = self._pages(
            "/orders",
            params,
            cursor="after_order_id",
            page_rows_max=ORDERS_PER_PAGE_MAX,
            translated=translate.order,
            rows_of=_rows_of,
            first_page=first_page,
        )
        legs = {leg.id for order in orders for leg in order.legs}
        return tuple(order for order in orders if order.id not in legs)

    def order(self, broker_order_id: str) -> BrokerOrder | None:
        answer = _read_or_none(self._trading, f"/orders/{_segment(broker_order_id)}", {"nested": "true"})
        return None if answer is None else _same(translate.order(answer), broker_order_id, lambda order: order.id)

    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        path = "/orders:by_client_order_id"
        answer = _read_or_none(self._trading, path, {"client_order_id": client_order_id, "nested": "true"})
        if answer is None:
            return None
        found = _same(translate.order(answer), client_order_id, lambda order: order.client_order_id)
        if found.order_class == translate.SIMPLE or found.legs:
            return found
        # `nested` is documented for the look-up by id alone, so legs may be missing here.
        whole = self.order(found.id)
        if whole is None:
            raise BrokerUnavailable(f"order {found.id} is found by its client_order_id and not by its id")
        return whole

    def fills(self, since: datetime) -> tuple[FillActivity, ...]:
        params = {"after": _second(since), "direction": "asc", "page_size": str(FILLS_PER_PAGE_MAX)}
        found = self._pages(
            "/account/activities/FILL",
            params,
            cursor="page_token",
            page_rows_max=FILLS_PER_PAGE_MAX,
            translated=translate.fill,
            rows_of=lambda _fill: 1,
        )
        return tuple(sorted(found, key=lambda fill: fill.transaction_time))

    def activities(self, kinds: Collection[str], since: datetime) -> tuple[Activity, ...]:
        params = {"activity_types": ",".join(sorted(kinds)), "after": _second(since), "direction": "asc"}
        found = self._pages(
            "/account/activities",
            {**params, "page_size": str(FILLS_PER_PAGE_MAX)},
            cursor="page_token",
            page_rows_max=FILLS_PER_PAGE_MAX,
            translated=translate.activity,
            rows_of=lambda _activity: 1,
        )
        return tuple(sorted(found, key=lambda activity: activity.id))

    def announcements(self, symbols: Sequence[str], first: date, last: date) -> tuple[Announcement, ...]:
        wanted = [symbol for symbol in dict.fromkeys(symbols) if SYMBOL.fullmatch(symbol)]
        found: list[Announcement] = []
        for chunk in _chunks(wanted, SYMBOLS_PER_CALL_MAX):
            found += self._announced(chunk, first, last)
        return tuple(sorted(found, key=lambda one: (one.ex_date, one.symbol, one.kind)))

    def _announced(self, symbols: Sequence[str], first: date, last: date) -> list[Announcement]:
        params = {
            "symbols": ",".join(symbols),
            "types": ",".join(translate.ANNOUNCED),
            "start": first.isoformat(),
            "end": last.isoformat(),
            "limit": str(ANNOUNCEMENTS_PER_PAGE_MAX),
        }
        found: list[Announcement] = []
        tokens: set[str] = set()
        while True:
            answer = _read(self._data, "/corporate-actions", params, version="v1")
            page, token = translate.announcements(answer)
            found += page
            if token is None:
                return found
            if token in tokens:
                raise BrokerUnavailable(f"GET /v1/corporate-actions: the page {token} leads to itself")
            tokens.add(token)
            params["page_token"] = token

    def positions(self) -> Mapping[str, BrokerPosition]:
        return translate.positions(_read(self._trading, "/positions"))

    def position(self, symbol: str) -> BrokerPosition | None:
        # Of a pair Alpaca answers 404 to BTC%2FUSD and knows BTCUSD.
        answer = _read_or_none(self._trading, f"/positions/{_segment(symbol.replace('/', ''))}")
        return None if answer is None else _same(translate.position(answer), symbol, lambda position: position.symbol)

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        wanted = [symbol for symbol in dict.fromkeys(symbols) if SYMBOL.fullmatch(symbol)]
        found: dict[str, Quote] = {}
        for chunk in _chunks(wanted, SYMBOLS_PER_CALL_MAX):
            answer = _read(self._data, "/stocks/quotes/latest", {"symbols": ",".join(chunk)})
            found |= translate.quotes(answer, chunk)
        pairs = [symbol for symbol in dict.fromkeys(symbols) if PAIR.fullmatch(symbol)]
        for chunk in _chunks(pairs, SYMBOLS_PER_CALL_MAX):
            answer = _read(self._data, "/crypto/us/latest/quotes", {"symbols": ",".join(chunk)}, version="v1beta3")
            found |= translate.quotes(answer, chunk)
        return found

    def asset(self, symbol: str) -> Asset | None:
        if not SYMBOL.fullmatch(symbol) and not PAIR.fullmatch(symbol):
            return None  # a decision's text that is no symbol; in a path it would be another request
        answer = _read_or_none(self._trading, f"/assets/{_segment(symbol)}")
        return None if answer is None else translate.asset(answer)

    def submit(self, body: Mapping[str, object]) -> Outcome:
        request = "POST /v2/orders"
        try:
            order = translate.order(self._trading.post("/orders", body))
        except RefusedError as refused:
            return _outcome(request, refused)
        except (NoAnswerError, BrokerUnavailable) as error:
            return Unknown(message=f"{request}: {error}")
        if body.get("client_order_id", order.client_order_id) != order.client_order_id:
            return Unknown(message=f"{request}: the answer is about another order, {order.client_order_id!a}")
        return Accepted(order=order)

    def cancel(self, broker_order_id: str) -> Outcome:
        path = f"/orders/{_segment(broker_order_id)}"
        try:
            self._trading.delete(path)
        except RefusedError as refused:
            return _outcome(f"DELETE /v2{path}", refused)
        except NoAnswerError as error:
            return Unknown(message=f"DELETE /v2{path}: {error}")
        return Accepted()

    def replace(self, broker_order_id: str, body: Mapping[str, object]) -> Outcome:
        path = f"/orders/{_segment(broker_order_id)}"
        try:
            return Accepted(order=translate.order(self._trading.patch(path, body)))
        except RefusedError as refused:
            return _outcome(f"PATCH /v2{path}", refused)
        except (NoAnswerError, BrokerUnavailable) as error:
            return Unknown(message=f"PATCH /v2{path}: {error}")

    def _pages(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        cursor: str,
        page_rows_max: int,
        translated: Callable[[object], _Record],
        rows_of: Callable[[_Record], int],
        first_page: Mapping[str, str] | None = None,
    ) -> tuple[_Record, ...]:
        """Read page after page up to a short one; a page that leads nowhere new is an error, never an end.

        `first_page` holds parameters that say where to begin, and that the cursor of later pages excludes.
        """
        found: dict[str, _Record] = {}
        last: str | None = None
        while True:
            answer = _read(self._trading, path, {**params, **({cursor: last} if last else first_page or {})})
            page = [translated(row) for row in translate.rows(path, answer)]
            ids = {record.id for record in page}
            is_full = sum(map(rows_of, page)) >= page_rows_max
            if last in ids or (is_full and ids <= found.keys()):
                raise BrokerUnavailable(f"GET /v2{path}: the page after {last} repeats what came before it")
            found |= {record.id: record for record in page}
            if not is_full:
                return tuple(found.values())
            last = page[-1].id


def _second(since: datetime) -> str:
    # Documented to the second; cut down, so that rather too much is read than too little.
    if since.tzinfo is None:
        raise ValueError(f"{since.isoformat()} has no time zone, so it names no instant")
    return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rows_of(order: BrokerOrder) -> int:
    # Whether `limit` counts legs is not documented. Counted, a page ends early at worst one request too late.
    return 1 + len(order.legs)


def _read(wire: Wire, path: str, params: Mapping[str, str] | None = None, *, version: str = "v2") -> object:
    try:
        return wire.read(path, params, version=version)
    except (NoAnswerError, RefusedError) as error:
        raise _read_failure(path, error, version) from error


def _read_or_none(wire: Wire, path: str, params: Mapping[str, str] | None = None) -> object | None:
    """Return None for the broker's definite word that there is no such thing, and for nothing else."""
    try:
        return wire.read(path, params)
    except (NoAnswerError, RefusedError) as error:
        if isinstance(error, RefusedError) and is_absence(error.status, error.body):
            return None
        raise _read_failure(path, error) from error


def _read_failure(
    path: str, error: NoAnswerError | RefusedError, version: str = "v2"
) -> KeysRefused | BrokerUnavailable:
    # A 401 may be a web server's page, when no key was sent; a 403 that is none of Alpaca's is a proxy's.
    if isinstance(error, RefusedError) and (error.status == 401 or (error.status == 403 and error.body)):
        return KeysRefused(f"the broker does not take the keys: GET /{version}{path}: {error}")
    return BrokerUnavailable(f"GET /{version}{path}: {error}")


def _outcome(request: str, refused: RefusedError) -> Outcome:
    """Judge a write that was answered with 400 or more; raises KeysRefused for a 401."""
    status, body = refused.status, refused.body
    if status == 401:
        raise KeysRefused(f"the broker does not take the keys: {request}: {refused}")
    if status == 429:
        return Rejected(refusal=Refusal.RATE_LIMIT, message=str(refused))
    # 408 and 409 say nothing about an earlier copy of the request; what is not Alpaca's JSON may not be Alpaca's word.
    if body is None or status >= 500 or status in {408, 409} or is_id_in_use(body):
        return Unknown(message=f"{request}: {refused}")
    return Rejected(refusal=classify(status, body), message=refusal_text(body))


def _same(found: _Found, asked: str, name: Callable[[_Found], str]) -> _Found:
    if name(found) != asked:
        raise BrokerUnavailable(f"asked for {asked}, the broker answered with {name(found)}")
    return found


def _base_url(which: str, url: str) -> str:
    base = url.strip().rstrip("/")
    if not re.match(r"https?://[^/]", base):
        raise ConfigError(f"the {which} URL {url!r} does not begin with http:// or https:// and a host")
    if base.endswith("/v2"):
        raise ConfigError(f"the {which} URL {url!r} ends in /v2, which every path adds: write {base[: -len('/v2')]}")
    return base


def _segment(name: str) -> str:
    """Return `name` as one segment of a path; an empty one would turn the request into one about all orders."""
    if not name.strip("."):
        raise ValueError(f"{name!r} names no order, symbol or position")
    return quote(name, safe="")


def _chunks(symbols: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (symbols[start : start + size] for start in range(0, len(symbols), size))
