"""What is open as tables: positions and orders at the broker, trades in the journal, account by account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.render.table import NOTHING, Column, average, money, say, write_table
from lib.views.leaving import AccountLeft, LeavingPage

if TYPE_CHECKING:
    from rich.console import Console

POSITIONS = (Column("symbol"), Column("qty", right=True), Column("average entry", right=True))
ORDERS = (
    Column("symbol"),
    Column("side"),
    Column("qty", right=True),
    Column("type"),
    Column("limit", right=True),
    Column("stop", right=True),
    Column("lasts"),
    Column("status"),
    Column("sent by"),
)
GRIDS = (Column("grid", right=True), Column("symbol"), Column("status"), Column("holds", right=True))
TRADES = (Column("trade", right=True), Column("symbol"), Column("status"), Column("planned qty", right=True))


def write_leaving(page: LeavingPage, console: Console) -> None:
    """Write each account in turn."""
    if not page.accounts:
        say(console, "the database has no account")
    for index, account in enumerate(page.accounts):
        if index:
            console.line()
        _account(account, console)


def _account(left: AccountLeft, console: Console) -> None:
    say(console, f"account {left.account}: {left.where}", style="bold")
    if left.unread is not None:
        say(console, f"positions and orders are NOT KNOWN: {left.unread}", style="red")
    else:
        positions = [[each.symbol, text(each.qty), average(each.average_entry)] for each in left.positions]
        _part("positions at the broker", POSITIONS, positions, console)
        orders = [
            [
                each.symbol,
                each.side,
                NOTHING if each.qty is None else text(each.qty),
                each.kind,
                money(each.limit),
                money(each.stop),
                each.time_in_force,
                each.status,
                "this program" if each.ours else "others",
            ]
            for each in left.orders
        ]
        _part("orders resting at the broker", ORDERS, orders, console)
    trades = [[str(each.id), each.symbol, each.status, text(each.qty)] for each in left.trades]
    _part("open trades in the journal", TRADES, trades, console)
    if left.grids:
        grids = [[str(each.id), each.symbol, each.status, text(each.qty)] for each in left.grids]
        _part("grids that have not stopped", GRIDS, grids, console)


def _part(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], console: Console) -> None:
    say(console, f"{title}: {len(rows) if rows else 'none'}")
    if rows:
        write_table(console, columns, rows, [])
