"""How often a client may ask: so many requests in each minute of the broker's clock.

Alpaca allows 200 a minute and account on the trading API, and limits market data by itself. That its window is fixed,
not sliding, has no source; the headers name one instant at which it starts anew, which a sliding one could not.

The count is this process's own. Several embedded processes on one state file may ask that often each: to count together
every look would have to be written down. A server has the file, and so the account, to itself. On a clock that stands
still the minute does too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.options import Options

ALPACA_PER_MINUTE = 200
"""What the headers tell while nothing is enforced."""
MARKET_DATA = ("/v2/stocks/", "/v1/corporate-actions", "/v1beta1/", "/v1beta3/")


class Limiter:
    """The minute under way and what is left of it, for trading and for market data."""

    def __init__(self, options: Options) -> None:
        self._limits = {False: options.rate_limit_per_minute, True: options.data_rate_limit_per_minute}
        self._minute = -1
        self._used = {False: 0, True: 0}

    def admits(self, path: str, now: datetime) -> bool:
        """Count a request; say whether it is within the limit."""
        minute = _minute(now)
        if minute != self._minute:
            self._minute, self._used = minute, {False: 0, True: 0}
        data = path.startswith(MARKET_DATA)
        limit = self._limits[data]
        if limit is not None and self._used[data] >= limit:
            return False
        self._used[data] += 1
        return True

    def headers(self, path: str, now: datetime) -> dict[str, str]:
        """Return the headers that tell a client how it stands; each request looks like the first if none is refused."""
        data = path.startswith(MARKET_DATA)
        limit, minute = self._limits[data], _minute(now)
        used = self._used[data] if minute == self._minute else 0
        left = ALPACA_PER_MINUTE - 1 if limit is None else limit - used
        return {
            "X-Ratelimit-Limit": str(ALPACA_PER_MINUTE if limit is None else limit),
            "X-Ratelimit-Remaining": str(left),
            "X-Ratelimit-Reset": str((minute + 1) * 60),
        }


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60
