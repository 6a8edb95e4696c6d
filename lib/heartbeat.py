"""Tell a monitor outside that all is well: one GET of HEARTBEAT_URL after each clean order_monitor run.

What is down cannot say so; what stays silent is noticed by who listens. Never in the way of trading: it comes after
everything else, and takes five seconds at most.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lib.accounts import Turn
from lib.domain.results import PassResult

TIMEOUT_S = 5.0


def is_clean(turns: Iterable[Turn]) -> bool:
    """Say whether every account was worked to its end without a problem; a pass that was skipped looked at nothing."""
    outcomes = [turn.outcome for turn in turns]
    return bool(outcomes) and all(isinstance(each, PassResult) and each.outcome == "done" for each in outcomes)


def beat(url: str, *, timeout_s: float = TIMEOUT_S) -> str | None:
    """Ask for the address once; return what went wrong, without the address: it is a secret like a password.

    `requests` bounds each silence, not the whole, so a thread that is left behind bounds that.
    """
    said: list[str | None] = []

    def ask() -> None:
        try:
            import requests

            status = requests.get(url, timeout=timeout_s, stream=True).status_code
            said.append(None if status < 300 else f"the answer is {status}")
        except Exception as error:  # noqa: BLE001 - whatever it meets; its words hold the address
            said.append(type(error).__name__)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout_s)
    return said[0] if said else "no answer in time"
