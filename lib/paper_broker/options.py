"""Everything that may be switched about a paper broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.rules import Rules

if TYPE_CHECKING:
    from lib.paper_broker.faults import Faults


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
    faults: Faults | None = None
