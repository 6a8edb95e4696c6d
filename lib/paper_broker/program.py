"""The paper broker as one object: `open_paper` makes it, `respond` answers one request.

Around the exchange it adds what is not the market's: keys, limits, faults, the clock, the file, and the headers that
every answer carries.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from lib import sessions
from lib.domain.money import ZERO
from lib.paper_broker import api
from lib.paper_broker.call import Call
from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.exchange.engine import Exchange
from lib.paper_broker.exchange.hours import CalendarEnded, Hours
from lib.paper_broker.exchange.market import Feed, Market
from lib.paper_broker.faults import answer_with, rate_limited
from lib.paper_broker.history import announcements
from lib.paper_broker.limiter import Limiter
from lib.paper_broker.message import Request, Response, answer, page
from lib.paper_broker.options import Options
from lib.paper_broker.prices import RecordedFeed
from lib.paper_broker.state import FileState, MemoryState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from decimal import Decimal

    from lib.paper_broker.state import Kept, State

BODY_BYTES_MAX = 1_000_000
KEYLESS = "/v1beta3/crypto/"
"""Market data of coins, which Alpaca gives to everybody."""


class PaperBroker:
    """One account at one exchange."""

    def __init__(self, *, clock: Callable[[], datetime], state: State, market: Market, options: Options) -> None:
        self._clock = clock
        self._state = state
        self._market = market
        self.options = options
        """May be changed between requests: a simulation lets trouble begin and end."""
        # Threads of a server take turns; processes do so in the state file.
        self._turn = Lock()
        self._count = 0
        self._limiter = Limiter(options)

    def respond(self, request: Request) -> Response:
        """Answer one request."""
        with self._turn:
            self._count += 1
            now = self._clock().astimezone(UTC)
            # What Alpaca does not have meets no trouble either: a test must be able to move the clock on.
            own = request.path == "/paper" or request.path.startswith("/paper/")
            fault = None if own or self.options.faults is None else self.options.faults.meet(request)
            if fault is None:
                response = self._perform(request, now, limited=not own)
            else:
                response = answer_with(fault, lambda: self._perform(request, now, limited=True))
            return replace(response, headers=self._headers(request, now) | dict(response.headers))

    def take_alone(self) -> None:
        """Keep other processes off the state file, as a server must."""
        self._state.take_alone()

    def close(self) -> None:
        """Let go of the state file."""
        self._state.close()

    def untroubled(self) -> PaperBroker:
        """Return the same account as somebody sees it whom no fault, no limit and no lag of lists reaches."""
        # What is due by now happens by this one's own rules.
        with self._walked(self._clock().astimezone(UTC)):
            pass
        calm = replace(
            self.options, faults=None, rate_limit_per_minute=None, data_rate_limit_per_minute=None, list_lag_s=ZERO
        )
        return PaperBroker(clock=self._clock, state=self._state, market=self._market, options=calm)

    def is_halted(self, symbol: str) -> bool:
        """Say whether trading in a symbol is halted now, which no answer of Alpaca's tells."""
        with self._walked(self._clock().astimezone(UTC)) as exchange:
            return self._market.halted(exchange.book.account, symbol)

    def is_synthetic(self, symbol: str) -> bool:
        """Say whether the price of a symbol is made up now."""
        return self._market.feed.is_synthetic(symbol, self._clock().astimezone(UTC))

    def saved(self) -> Kept:
        """Return the account as it stands, for `begin_again`; only of a book in memory."""
        if not isinstance(self._state, MemoryState):
            raise TypeError("a book in a file is saved with the file")
        return self._state.saved()

    def begin_again(self, kept: Kept) -> None:
        """Go back to the account as it stood."""
        if not isinstance(self._state, MemoryState):
            raise TypeError("a book in a file is put back with the file")
        self._state.begin_again(kept)
        self._limiter = Limiter(self.options)

    def _perform(self, request: Request, now: datetime, *, limited: bool) -> Response:
        if len(request.body) > BODY_BYTES_MAX:
            # No source: how much Alpaca takes, and in what words it says no.
            return answer({"code": 41310000, "message": "request body is too large"}, 413)
        refusal = self._keys_refusal(request)
        if refusal is not None:
            return refusal
        if limited and not self._limiter.admits(request.path, now):
            return rate_limited()
        try:
            with self._walked(now) as exchange:
                own = self._clock if isinstance(self._clock, RecordedClock) else None
                return api.respond(Call(request, exchange, own))
        except CalendarEnded as error:
            return answer({"code": 50010000, "message": str(error)}, 500)

    @contextmanager
    def _walked(self, now: datetime) -> Iterator[Exchange]:
        with self._state.taken() as book:
            exchange = Exchange(book, self._market, self.options, now)
            exchange.advance()
            yield exchange

    def _keys_refusal(self, request: Request) -> Response | None:
        wanted = (self.options.api_key, self.options.secret_key)
        if wanted == (None, None) or request.path.startswith(KEYLESS):
            return None
        given = (request.header("APCA-API-KEY-ID"), request.header("APCA-API-SECRET-KEY"))
        if given == (None, None):
            return page(401, "Authorization Required")
        return answer({"message": "unauthorized."}, 401) if given != wanted else None

    def _headers(self, request: Request, now: datetime) -> dict[str, str]:
        identity = uuid5(UUID(int=self.options.seed % 2**128), f"{now.isoformat()}/{self._count}")
        said = {"X-Request-ID": identity.hex, "Date": _date(now)}
        return said | self._limiter.headers(request.path, now)


@lru_cache(maxsize=1)  # in simulated time a pass asks many times at one instant
def _date(now: datetime) -> str:
    return format_datetime(now, usegmt=True)


def open_paper(
    *,
    clock: Callable[[], datetime],
    prices: Path | Feed,
    state: Path | None = None,
    look: bool = False,
    options: Options | None = None,
) -> PaperBroker:
    """Open a paper broker on a directory of prices or a feed, its book in memory or in a file.

    With `look` it answers as ever, and what happens meanwhile in the file's book is not written: who comes next walks
    the same way. Raises PricesError, StateError or OSError, with a sentence for the user.
    """
    options = options or Options()

    def make() -> tuple[int, Decimal, datetime]:
        return options.seed, options.cash, clock()

    kept = FileState(state, make, look=look) if state else MemoryState(*make())
    with kept.taken() as book:
        seed, last = book.account.seed, book.last
    if isinstance(clock, RecordedClock):
        clock.move_to(last)
    hours = Hours(sessions.load(), always_open=options.always_open)
    if isinstance(prices, Path):
        # Prices follow the account's seed, so that a file opened again with another one sees the same market.
        feed: Feed = RecordedFeed.of_directory(prices, hours, seed, synthetic=options.synthetic)
        announced = announcements.load(prices)
    else:
        feed, announced = prices, ()
    return PaperBroker(clock=clock, state=kept, market=Market(feed, hours, announced), options=options)
