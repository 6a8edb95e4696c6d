"""What `make uninstall` reads: the journal, and what each account has at the broker. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from lib.domain.records import Account, Rows
from lib.errors import PipelineError, WrongAccount
from lib.planning.grid.holdings import holdings
from lib.planning.grid.reading import status_of
from lib.store import queries
from lib.store.sql import SqlStore
from lib.tools import Tools
from lib.views.leaving import AccountLeft, GridLeft, LeavingPage, account_left


def leaving(store: SqlStore, tools_of: Callable[[str], Tools]) -> LeavingPage:
    """Read every account; one whose broker does not answer is on the page with the reason, and stops no other."""
    return LeavingPage(accounts=tuple(_account(store, row, tools_of(row.account)) for row in queries.accounts(store)))


def grids_left(rows: Rows) -> tuple[GridLeft, ...]:
    """Return the grids that have begun and not ended, oldest first."""
    found = sorted((each for mine in holdings(rows).values() for each in mine), key=lambda each: each.strategy.id)
    return tuple(
        GridLeft(id=each.strategy.id, symbol=each.symbol, status=status_of(each.strategy), qty=each.qty)
        for each in found
    )


def _account(store: SqlStore, row: Account, tools: Tools) -> AccountLeft:
    broker, trades = tools.broker, queries.journal(store, row.account)
    grids = grids_left(store.rows(row.account))
    try:
        number = broker.account().account_number
        if row.account_number not in {None, number}:
            raise WrongAccount(
                f"it is pinned to the broker account {row.account_number}, these settings reach {number}"
            )
        orders, positions = broker.live_orders(), broker.positions()
        known, _ = store.known(row.account, broker_order_ids=[order.id for order in orders], activity_ids=())
    except PipelineError as error:
        return account_left(row, broker.where, trades, (), (), grids=grids, unread=str(error))
    where = f"{broker.where} account {number}"
    return account_left(row, where, trades, positions.values(), orders, grids=grids, known=known)
