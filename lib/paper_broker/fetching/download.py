"""Historical bars from Alpaca over HTTP: one symbol and one stretch of time, page by page, numbers as they were sent.

A request that meets a rate limit waits until Alpaca says it may come again, one that meets a 5xx or a broken connection
a moment; after some tries it is given up. Keys travel in headers, to the one host that was named, and nowhere else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from lib.domain.money import D, NotMoney
from lib.paper_broker.fetching.price_file import stamp
from lib.paper_broker.history.bars import Bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

DATA_URL = "https://data.alpaca.markets"
PAGE = 10_000
TIMEOUT_S = (5, 60)
RETRIES = 4
BACKOFF_S = 0.5
WAIT_S_MAX = 65
MESSAGE_LENGTH_MAX = 200
TOO_MANY = 429
REFUSED = frozenset({401, 403})
TROUBLE = frozenset({TOO_MANY, 500, 502, 503, 504})


class Unreachable(Exception):
    """Nobody answered, or not what Alpaca would."""


class KeysRefused(Exception):
    """The keys are missing or not good for what was asked."""


class NotServed(Exception):
    """One request was refused, or what came is no bar."""


class BarSource:
    """Alpaca's historical bars, as one pair of keys may see them."""

    def __init__(self, base_url: str, keys: tuple[str, str] | None, query: Mapping[str, str]) -> None:
        """Take the address, the keys, which coins do without, and what else to ask of stocks, such as the feed."""
        self.base_url = base_url.rstrip("/")
        self._keys = keys
        self._query = dict(query)
        self._session = requests.Session()
        self._session.mount(self.base_url, HTTPAdapter(max_retries=_patience()))
        if keys:
            self._session.headers.update({"APCA-API-KEY-ID": keys[0], "APCA-API-SECRET-KEY": keys[1]})

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def bars(self, symbol: str, timeframe: str, first: datetime, last: datetime) -> Iterator[Bar]:
        """Go through the bars that begin from `first` to `last`, both included, in the order they are sent."""
        coin = "/" in symbol
        path = "/v1beta3/crypto/us/bars" if coin else "/v2/stocks/bars"
        query = {} if coin else dict(self._query)
        query |= {"symbols": symbol, "timeframe": timeframe, "limit": str(PAGE), "sort": "asc"}
        query |= {"start": stamp(first), "end": stamp(last)}
        token: object = None
        while True:
            page = self._page(path, query)
            for sent in _listed(page, symbol):
                yield _bar(sent)
            before, token = token, page.get("next_page_token")
            if not token:
                return
            if token == before:
                raise NotServed(f"the same page came twice: {token}")
            query["page_token"] = str(token)

    def _page(self, path: str, query: Mapping[str, str]) -> dict[str, object]:
        try:
            # A redirect would take the keys elsewhere.
            response = self._session.get(self.base_url + path, params=query, timeout=TIMEOUT_S, allow_redirects=False)
            if response.status_code == requests.codes.ok:
                page: object = response.json(parse_float=Decimal)
                if isinstance(page, dict):
                    return page
                raise Unreachable(f"{self.base_url} answers with something that is no page of bars")
        except requests.RequestException as error:
            raise Unreachable(f"{self.base_url} cannot be reached: {type(error).__name__}") from None
        said = f"{self.base_url} says {response.status_code}: {self._message(response)}"
        if response.status_code in REFUSED:
            raise KeysRefused(said)
        if response.status_code in TROUBLE:
            raise Unreachable(said)
        raise NotServed(said)

    def _message(self, response: requests.Response) -> str:
        try:
            told = response.json()["message"]
        except (ValueError, KeyError, TypeError):
            told = response.reason
        message = " ".join(str(told).split())
        for key in self._keys or ():
            message = message.replace(key, "…")
        return message[:MESSAGE_LENGTH_MAX]


def is_safe(url: str) -> bool:
    """Say whether keys may go there: over TLS, or to this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host)))


def reset_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a rate limit is over; None when the headers do not tell.

    Alpaca has no Retry-After: X-Ratelimit-Reset is a second of its own clock, which the Date header shows.
    """
    try:
        reset, date = int(headers["X-Ratelimit-Reset"]), parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError):
        return None
    wait = reset - date.timestamp()
    return min(wait, WAIT_S_MAX) if wait > 0 else None


class _Patience(Retry):
    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        return reset_wait(response.headers) if response.status == TOO_MANY else None


def _patience() -> Retry:
    return _Patience(
        total=RETRIES,
        backoff_factor=BACKOFF_S,
        status_forcelist=TROUBLE,
        allowed_methods=frozenset({"GET"}),
        raise_on_status=False,
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _listed(page: Mapping[str, object], symbol: str) -> list[object]:
    bars = page.get("bars")
    found = bars.get(symbol) if isinstance(bars, dict) else None
    return found if isinstance(found, list) else []


def _bar(sent: object) -> Bar:
    try:
        if not isinstance(sent, dict):
            raise TypeError
        at = datetime.fromisoformat(sent["t"]).astimezone(UTC)
        opened, high, low, closed, volume = (D(sent[name]) for name in "ohlcv")
    except (KeyError, TypeError, ValueError, NotMoney):
        raise NotServed(f"what came is no bar: {str(sent)[:MESSAGE_LENGTH_MAX]}") from None
    return Bar(at, opened, high, low, closed, volume)
