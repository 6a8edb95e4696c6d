"""Everything that may be switched about a paper broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.rules import Rules

if TYPE_CHECKING:
    from lib.paper_broker.faults import Faults


class OptionsError(ValueError):
    """Options that do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Rules):
    """The exchange's rules, and how the program around it behaves.

    `seed` and `cash` hold for a new account; a state file keeps those it was made with.
    """

    always_open: bool = False
    """Every instant is in session, for a look on a Sunday; a session is then a UTC day."""
    synthetic: bool = False
    """Whether made-up prices go on where the recorded ones end."""
    api_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    """Keys that a client must show; without them any will do."""
    rate_limit_per_minute: int | None = None
    """Requests a minute beyond which the trading API answers 429; None tells Alpaca's 200 and refuses nothing."""
    data_rate_limit_per_minute: int | None = None
    """The same for market data, which is counted by itself."""
    faults: Faults | None = None

    def __post_init__(self) -> None:
        """Refuse half a pair of keys: a client could not tell what it is asked for."""
        if (self.api_key is None) != (self.secret_key is None):
            missing = "secret_key" if self.secret_key is None else "api_key"
            raise OptionsError(f"{missing} is missing: keys are asked for as a pair or not at all")
        if self.api_key == "" or self.secret_key == "":
            raise OptionsError("a key that clients must show cannot be empty")
