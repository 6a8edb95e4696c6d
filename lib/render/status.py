"""How things stand, as text: what needs attention first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.render.table import NOTE_CHARS_MAX, NOTHING, Column, average, count, gain_or_loss, money, say, write_table
from lib.views.grid import GridLine
from lib.views.status import AccountStatus, Attention, OpenTrade, StagePass, StatusPage

if TYPE_CHECKING:
    from rich.console import Console


def write_status(page: StatusPage, console: Console) -> None:
    """Write the accounts one below the other."""
    if page.live:
        say(console, "LIVE TRADING: these settings are for real money", style="bold red")
    say(console, f"{_time(page.at)} in New York, from the database alone: no broker was asked")
    for account in page.accounts:
        console.line()
        _account(account, page, console)


def _account(account: AccountStatus, page: StatusPage, console: Console) -> None:
    now = page.at
    if account.account_number is not None:
        kind = "LIVE" if account.environment == "live" else account.environment or NOTHING
        pinned = f"broker account {account.account_number}, {kind}, {account.broker or NOTHING}"
    elif page.live:
        pinned = f"no broker account pinned: python -m lib.control pin NUMBER --account {account.name}"
    else:
        pinned = "no broker account pinned yet: the first pass pins it"
    say(console, f"account {account.name}: {pinned}", style="bold red" if page.live else "")
    _attention(account.attention, console)
    console.line()
    _trades(account, now, console)
    for grid in account.grids:
        say(console, _grid(grid))
    _decisions(account, console)
    _unknown(account, now, console)
    console.line()
    _passes(account.passes, now, console)


def _grid(grid: GridLine) -> str:
    """Write a grid in a line; `lib.grid status` has its numbers."""
    price = "no price yet" if grid.price is None else f"price {average(grid.price)}"
    range_now = f"{grid.lower or NOTHING} to {grid.upper or NOTHING}, {price}, {count(grid.orders, 'order')}"
    said = f"grid {grid.id} {grid.symbol or NOTHING} {grid.kind or NOTHING} is {grid.status}: {range_now}"
    return f"{said}; {grid.reason}" if grid.reason else said


def _attention(found: tuple[Attention, ...], console: Console) -> None:
    if not found:
        say(console, "nothing needs attention")
        return
    say(console, f"{count(len(found), 'thing')} to look at:", style="bold red")
    for each, following in zip_longest(found, found[1:]):
        say(console, f"! {each.code}: {each.what}", indent=2, style="red")
        if following is None or following.do != each.do:
            say(console, f"to do: {each.do}", indent=4)


def _covered(cell: str) -> str:
    return "bold red" if cell.startswith("ONLY") else "green" if cell != NOTHING else ""


TRADES = (
    Column("id", right=True),
    Column("symbol"),
    Column("style"),
    Column("owned", right=True),
    Column("covered", right=True, style=_covered),
    Column("entry", right=True),
    Column("stop", right=True),
    Column("target", right=True),
    Column("price", right=True),
    Column("P&L", right=True, style=gain_or_loss),
    Column("age", right=True),
)


def _trades(account: AccountStatus, now: datetime, console: Console) -> None:
    if not account.trades:
        say(console, "no open trades")
        return
    as_of = "no look yet" if account.cover_as_of is None else f"{_time(account.cover_as_of)} ET"
    say(console, f"{count(len(account.trades), 'open trade')}, cover as order_monitor last saw it: {as_of}")
    rows = [_trade_cells(trade, now) for trade in account.trades]
    notes = [(f"{trade.id} {trade.symbol}", "; ".join(_trade_words(trade)) or None) for trade in account.trades]
    write_table(console, TRADES, rows, notes)


def _trade_cells(trade: OpenTrade, now: datetime) -> list[str]:
    partly = "" if trade.owned == trade.planned_qty else f"/{text(trade.planned_qty)}"
    covered = text(trade.covered) if trade.owned > 0 else NOTHING
    trail = "" if trade.trail_percent is None else f" ({text(trade.trail_percent)} %)"
    age = NOTHING if trade.valued_at is None else age_in_words(now - trade.valued_at)
    return [
        str(trade.id),
        trade.symbol,
        trade.style,
        f"{text(trade.owned)}{partly}",
        f"ONLY {covered}" if trade.uncovered > 0 else covered,
        average(trade.entry),
        f"{money(trade.stop)}{trail}",
        money(trade.target),
        average(trade.price),
        average(trade.pnl),
        f"{age} STALE" if trade.stale else age,
    ]


def _trade_words(trade: OpenTrade) -> Iterable[str]:
    if trade.uncovered > 0:
        yield f"UNCOVERED: {text(trade.uncovered)} shares have no stop"
    if trade.missing_since is not None:
        yield f"missing at the broker since {_time(trade.missing_since)} ET"
    for order in trade.orders:
        yield f"{order.order}: {order.status} [{order.client_order_id}]"
    if trade.note:
        yield trade.note


def _decisions(account: AccountStatus, console: Console) -> None:
    if not account.waiting:
        return
    console.line()
    say(console, f"{count(len(account.waiting), 'decision')} waiting:")
    columns = (
        Column("id", right=True),
        Column("symbol"),
        Column("qty", right=True),
        Column("entry", right=True),
        Column("stop", right=True),
        Column("target", right=True),
        Column("status"),
    )
    rows = [
        [str(d.id), *(cell or NOTHING for cell in (d.symbol, d.qty, d.entry, d.stop, d.target)), d.status]
        for d in account.waiting
    ]
    write_table(console, columns, rows, [(f"{d.id} {d.symbol or NOTHING}", d.reason) for d in account.waiting])


def _unknown(account: AccountStatus, now: datetime, console: Console) -> None:
    if not account.unknown:
        return
    console.line()
    say(console, f"{count(len(account.unknown), 'order')} of unknown outcome; each look asks the broker for them:")
    columns = (Column("trade", right=True), Column("order"), Column("what"), Column("sent"), Column("found"))
    rows = [
        [
            str(each.trade_id) if each.trade_id is not None else f"grid {each.strategy_id}",
            each.client_order_id,
            each.order,
            NOTHING if each.sent_at is None else f"{age_in_words(now - each.sent_at)} ago",
            "not asked yet" if each.missing_at is None else f"not there {age_in_words(now - each.missing_at)} ago",
        ]
        for each in account.unknown
    ]
    write_table(console, columns, rows, [], chars_max=NOTE_CHARS_MAX)


def _outcome(cell: str) -> str:
    return {"done": "green", "skipped": "yellow", NOTHING: ""}.get(cell, "red")


def _passes(passes: tuple[StagePass, ...], now: datetime, console: Console) -> None:
    columns = (
        Column("stage"),
        Column("last pass"),
        Column("age", right=True),
        Column("outcome", style=_outcome),
        Column("missed since", style=lambda cell: "" if cell == NOTHING else "red"),
    )
    rows = [
        [
            each.stage,
            NOTHING if each.last is None else _time(each.last),
            NOTHING if each.last is None else age_in_words(now - each.last),
            each.outcome or "never ran",
            NOTHING if each.missed_since is None else _time(each.missed_since),
        ]
        for each in passes
    ]
    write_table(console, columns, rows, [(each.stage, "; ".join(_said(each)) or None) for each in passes])


def _said(stage: StagePass) -> Iterable[str]:
    yield from stage.said
    if stage.last is not None and stage.outcome != "done":
        clean = "none yet" if stage.last_clean is None else f"{_time(stage.last_clean)} ET"
        yield f"last pass without a problem: {clean}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def age_in_words(age: timedelta) -> str:
    """Write how long ago something was, in its two largest units at most."""
    minutes = max(int(age.total_seconds()), 0) // 60
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
