"""Tell a person what the passes raised, through Apprise, once all passes of a run are over.

Never in the way of trading: nobody waits for it, it has a deadline of its own, and whatever goes wrong is a line on
stderr. What could not be told stays undelivered in `event`, and the next pass tries again: at least once.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from lib.clock import Clock, new_york
from lib.planning.alerts import Alert, delivered, to_tell
from lib.store.port import Store
from lib.views.advice import ADVICE

if TYPE_CHECKING:  # an optional dependency
    from apprise import Apprise

DEADLINE_S = 10.0
LINES_MAX = 20
"""How many alerts one message spells out: a flood of them is still one message, short enough for a phone."""

RUN_ID = "alerts"

Send = Callable[[str, str], bool]
"""Takes title and body; says whether the message was taken."""


class CannotSend(Exception):
    """No message can be sent, for a reason that a person must mend."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """The parts of a run's delivery that its helpers share."""

    store: Store
    open_senders: Callable[[], Sequence[Send]]
    clock: Clock
    errors: TextIO
    until: float
    live: bool

    def left_s(self) -> float:
        return max(self.until - time.monotonic(), 0)


def deliver(
    store: Store,
    accounts: Iterable[str],
    open_senders: Callable[[], Sequence[Send]],
    clock: Clock,
    errors: TextIO,
    *,
    live: bool = False,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Send one message for each account that has something to tell, all within the deadline; raises nothing.

    Each account has its share of what is left: an address that hangs must not keep the later ones from being told.
    """
    names = tuple(accounts)
    ends = time.monotonic() + deadline_s
    for done, account in enumerate(names):
        begun = time.monotonic()
        share = max(ends - begun, 0) / (len(names) - done)
        try:
            _deliver(_Delivery(store, open_senders, clock, errors, until=begun + share, live=live), account)
        except CannotSend as error:
            errors.write(f"alerts: {error}\n")
        except Exception as error:  # noqa: BLE001 - the boundary: trading goes on, whatever a message meets
            errors.write(f"alerts: account {account}: not delivered: {type(error).__name__}: {error}\n")


def _deliver(delivery: _Delivery, account: str) -> None:
    store, clock = delivery.store, delivery.clock
    if not to_tell(store.alerts(account).events, clock.now()):
        return
    # The stages that cron starts together must not send the same message: one sends, the others wait, and look again
    # at what is left to tell.
    with store.hold_account(f"{account}-alerts", wait_s=delivery.left_s()) as held:
        events = store.alerts(account).events
        told = to_tell(events, clock.now())
        if held and told and _sent(delivery, title(account, told, live=delivery.live), body(told)):
            changes = delivered(told, events, clock.now())
            store.record_alerts(account, changes, run_id=RUN_ID, at=clock.now())


def apprise_senders(addresses: Sequence[str]) -> tuple[Send, ...]:
    """Return one sender for each address; raises CannotSend where Apprise is not installed or does not know one.

    Addresses hold secrets: they are never printed, and Apprise's own words about them are not either.
    """
    try:
        from apprise import Apprise
    except ImportError:
        raise CannotSend(
            "ALERT_URLS is set, but Apprise is not installed: .venv/bin/python -m pip install apprise"
        ) from None
    logging.getLogger("apprise").disabled = True
    senders: list[Send] = []
    for number, address in enumerate(addresses, 1):
        target = Apprise()
        if not target.add(address):
            raise CannotSend(f"address {number} of {len(addresses)} in ALERT_URLS is none that Apprise knows")
        senders.append(functools.partial(_notify, target))
    return tuple(senders)


def _notify(target: Apprise, title: str, body: str) -> bool:
    return bool(target.notify(title=title, body=body, body_format="text"))


def title(account: str, told: Sequence[Alert], *, live: bool = False) -> str:
    """Say whose alerts these are, loudly if money is real, and how many."""
    opened = sum(1 for each in told if each.is_open)
    ended = len(told) - opened
    counted = [f"{opened} alert{'' if opened == 1 else 's'}"] if opened else []
    counted += [f"{ended} over"] if ended else []
    return f"trading-monitor {'LIVE ' if live else ''}{account}: {', '.join(counted)}"


def body(told: Sequence[Alert]) -> str:
    """Write each alert with what to do about it; what lasts comes before what is over."""
    ordered = sorted(told, key=lambda each: not each.is_open)
    lines = [line for each in ordered[:LINES_MAX] for line in _lines(each)]
    left = len(ordered) - LINES_MAX
    return "\n".join([*lines, f"and {left} more: python -m lib.status"] if left > 0 else lines)


def _lines(alert: Alert) -> list[str]:
    since = f"since {new_york(alert.since):%Y-%m-%d %H:%M} ET"
    if alert.ended_at is not None:
        return [f"over: {alert.code}: {alert.message} ({since}, until {new_york(alert.ended_at):%Y-%m-%d %H:%M} ET)"]
    advice = ADVICE.get(alert.code)
    return [f"{alert.code}: {alert.message} ({since})", *([f"  what to do: {advice}"] if advice else [])]


def _sent(delivery: _Delivery, title: str, body: str) -> bool:
    """Send to all addresses at once; one that took the message is enough.

    Were it sent again for the one that did not, the others would get it with every pass. A sender that hangs is left
    behind: its thread ends with the process.
    """
    taken: dict[int, bool] = {}
    wrong: dict[int, str] = {}

    def send(number: int, sender: Send) -> None:
        try:
            taken[number] = sender(title, body)
        except Exception as error:  # noqa: BLE001 - a notifier may raise anything; its words may hold the address
            wrong[number] = type(error).__name__

    threads = [
        threading.Thread(target=send, args=(number, sender), daemon=True)
        for number, sender in enumerate(delivery.open_senders(), 1)
    ]
    for thread in threads:
        thread.start()
    for number, thread in enumerate(threads, 1):
        thread.join(delivery.left_s())
        if not taken.get(number):
            why = "no answer in time" if thread.is_alive() else wrong.get(number, "it did not take the message")
            delivery.errors.write(f"alerts: address {number} of {len(threads)} in ALERT_URLS: {why}\n")
    return any(taken.get(number) for number in range(1, len(threads) + 1))
