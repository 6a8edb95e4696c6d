"""From settings to tools: the one place that names adapters."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from lib import due
from lib.accounts import left_open
from lib.clock import Clock
from lib.config import MAIN, REPOSITORY, Settings, no_keys
from lib.domain.actions import Insert
from lib.errors import ConfigError
from lib.store.port import Store
from lib.store.queries import accounts
from lib.store.sql import SqlStore
from lib.store.sqlite import open_store
from lib.tools import Tools

if TYPE_CHECKING:  # a command that only reads the database loads no broker
    from requests.adapters import BaseAdapter

    from lib.broker.alpaca import AlpacaBroker
    from lib.broker.port import Broker

LOCAL_URL = "http://paper.local"


def open_tools(settings: Settings, store: Store, account: str, clock: Clock, *, look: bool = False) -> Tools:
    """Put together what passes over one account work with.

    Where a person must act before its broker can be reached, each pass says so: it is recorded like any other. Who
    only wants to `look` leaves the embedded paper broker's file as it is; at Alpaca reading changes nothing anyway.
    """
    reach = _alpaca if settings.broker == "alpaca" else partial(_embedded, look=look)
    try:
        broker: Broker = reach(settings, store, account, clock)
    except ConfigError as error:
        broker = cast("Broker", _NoBroker(_where(settings), str(error)))
    return Tools(
        store=store,
        broker=broker,
        clock=clock,
        state_dir=settings.state_dir,
        limits=settings.limits,
        environment=settings.environment,
        always_open=settings.always_open and settings.broker == "local",
    )


def open_database(settings: Settings) -> SqlStore:
    """Open the store alone, for commands that ask no broker. Raises ConfigError where a person must act."""
    store = open_store(settings.database_url, settings.state_dir)
    store.check_schema()
    other = next((row for row in accounts(store) if row.environment not in {None, settings.environment}), None)
    if other is not None:
        store.close()
        raise ConfigError(
            f"this database is for {other.environment} trading (account {other.account} is pinned so), and these "
            f"settings are for {settings.environment} trading: live trading wants its own DATABASE_URL and STATE_DIR"
        )
    place = due.environment_of(settings.state_dir)
    if place not in {None, settings.environment}:
        store.close()
        raise ConfigError(
            f"STATE_DIR {settings.state_dir} is that of {place} trading, and these settings are for "
            f"{settings.environment} trading: live trading wants its own DATABASE_URL and STATE_DIR"
        )
    return store


def alpaca_at(
    url: str,
    where: str,
    clock: Clock,
    *,
    mount: BaseAdapter | None = None,
    read_timeout_s: float = 10,
) -> AlpacaBroker:
    """Return the adapter for a paper broker, served at `url` or mounted in this process.

    It waits without jitter, so that a simulation can be repeated.
    """
    from lib.broker.alpaca import AlpacaBroker
    from lib.broker.wire import ReadRetry

    return AlpacaBroker(
        api_key="local",
        secret_key="local",  # noqa: S106 - a local paper broker takes any key unless told otherwise
        trading_url=url,
        data_url=url,
        where=where,
        mount=mount,
        http_timeout_s=(3.05, read_timeout_s),
        read_retry=ReadRetry(sleep=clock.sleep, uniform=lambda low, high: (low + high) / 2),
    )


def simulated_store(url: str, directory: Path, now: datetime) -> SqlStore:
    """Open a new store for a simulation: tables made, one account, a namespace that never changes."""
    store = open_store(url, directory, durable=False, create=True)
    if not accounts(store):
        row = {"account": "main", "namespace": "sim"}
        store.write((Insert(table="account", values=row),), run_id="init", at=now)
    return store


def _where(settings: Settings) -> str:
    """Say which broker it is, and loudly if money is real."""
    return f"broker {settings.broker} {'LIVE' if settings.live else 'paper'}"


def paper_file(settings: Settings, account: str) -> Path:
    """Say where the embedded paper broker keeps an account."""
    return settings.state_dir / ("paper.db" if account == MAIN else f"paper-{account}.db")


class _NoBroker:
    """Stands where a broker cannot be reached: whatever is asked of it, it says why."""

    time_outs = 0

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        raise ConfigError(self._why)


def _alpaca(settings: Settings, store: Store, account: str, clock: Clock) -> AlpacaBroker:
    from lib.broker.alpaca import AlpacaBroker
    from lib.broker.wire import ReadRetry

    access = settings.access_of(account)
    if access is None:
        undone = left_open(store, account)
        raise ConfigError(no_keys(account) + (f"; nobody looks after its {undone}" if undone else ""))
    return AlpacaBroker(
        api_key=access.api_key,
        secret_key=access.secret_key,
        trading_url=access.base_url,
        data_url=access.data_url,
        where=_where(settings),
        read_retry=ReadRetry(sleep=clock.sleep),
    )


def _embedded(settings: Settings, _store: Store, account: str, clock: Clock, *, look: bool) -> AlpacaBroker:
    """Open the account's embedded paper broker in this process: the same adapter, its bytes carried by a call."""
    from lib.paper_broker.options import Options
    from lib.paper_broker.prices import PricesError
    from lib.paper_broker.program import open_paper
    from lib.paper_broker.state import StateError
    from lib.paper_broker.transport import PaperAdapter

    try:
        paper = open_paper(
            clock=clock.now,
            prices=REPOSITORY / "data",
            state=paper_file(settings, account),
            look=look,
            options=Options(always_open=settings.always_open, synthetic=True),
        )
    except (PricesError, StateError, OSError) as error:
        raise ConfigError(f"the built-in paper broker: {error}") from error
    return alpaca_at(LOCAL_URL, "broker local paper", clock, mount=PaperAdapter(paper))
