"""The paper broker as one object: `open_paper` makes it, `respond` answers one request.

Around the exchange it adds what is not the market's: keys, faults, the clock, the file, and the headers that every
answer carries.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from lib import sessions
from lib.paper_broker import api
from lib.paper_broker.call import Call
from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.exchange.engine import Exchange
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.exchange.market import Feed, Market
from lib.paper_broker.faults import answer_with
from lib.paper_broker.message import Request, Response, answer
from lib.paper_broker.options import Options
from lib.paper_broker.prices import RecordedFeed
from lib.paper_broker.state import FileState, MemoryState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from decimal import Decimal

    from lib.paper_broker.state import State

RATE_LIMIT = 200
"""Requests a minute that Alpaca allows. The headers tell it; it is not enforced, a fault can be."""


class PaperBroker:
    """One account at one exchange."""

    def __init__(self, *, clock: Callable[[], datetime], state: State, market: Market, options: Options) -> None:
        self._clock = clock
        self._state = state
        self._market = market
        self._options = options
        # Threads of a server take turns; processes do so in the state file.
        self._turn = Lock()
        self._count = 0

    def respond(self, request: Request) -> Response:
        """Answer one request."""
        with self._turn:
            self._count += 1
            now = self._clock().astimezone(UTC)
            kind = self._options.faults.meet(request) if self._options.faults else None
            if kind is None:
                response = self._perform(request, now)
            else:
                response = answer_with(kind, lambda: self._perform(request, now))
            return replace(response, headers=self._headers(now) | dict(response.headers))

    def take_alone(self) -> None:
        """Keep other processes off the state file, as a server must."""
        self._state.take_alone()

    def close(self) -> None:
        """Let go of the state file."""
        self._state.close()

    def _perform(self, request: Request, now: datetime) -> Response:
        if not self._keys_fit(request):
            return answer({"message": "unauthorized."}, 401)
        with self._walked(now) as exchange:
            own = self._clock if isinstance(self._clock, RecordedClock) else None
            kind = "recorded" if own else "external"
            return api.respond(Call(request, exchange, own, kind))

    @contextmanager
    def _walked(self, now: datetime) -> Iterator[Exchange]:
        with self._state.taken() as book:
            exchange = Exchange(book, self._market, self._options, now)
            exchange.advance()
            yield exchange

    def _keys_fit(self, request: Request) -> bool:
        wanted = (self._options.api_key, self._options.secret_key)
        given = (request.header("APCA-API-KEY-ID"), request.header("APCA-API-SECRET-KEY"))
        return all(key is None or key == shown for key, shown in zip(wanted, given, strict=True))

    def _headers(self, now: datetime) -> dict[str, str]:
        minute = int(now.timestamp()) // 60 + 1
        return {
            "X-Request-ID": uuid5(UUID(int=self._options.seed % 2**128), f"{now.isoformat()}/{self._count}").hex,
            "X-Ratelimit-Limit": str(RATE_LIMIT),
            "X-Ratelimit-Remaining": str(RATE_LIMIT - 1),
            "X-Ratelimit-Reset": str(minute * 60),
        }


def open_paper(
    *, clock: Callable[[], datetime], prices: Path | Feed, state: Path | None = None, options: Options | None = None
) -> PaperBroker:
    """Open a paper broker on a directory of prices or a feed, its book in memory or in a file.

    Raises PricesError or StateError, with a sentence for the user.
    """
    options = options or Options()

    def make() -> tuple[int, Decimal, datetime]:
        return options.seed, options.cash, clock()

    kept = FileState(state, make) if state else MemoryState(*make())
    with kept.taken() as book:
        seed, last = book.account.seed, book.last
    if isinstance(clock, RecordedClock):
        clock.move_to(last)
    hours = Hours(sessions.load(), always_open=options.always_open)
    if isinstance(prices, Path):
        # Prices follow the account's seed, so that a file opened again with another one sees the same market.
        feed: Feed = RecordedFeed.of_directory(prices, hours, seed, synthetic=options.synthetic)
    else:
        feed = prices
    return PaperBroker(clock=clock, state=kept, market=Market(feed, hours), options=options)
