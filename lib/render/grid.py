"""Grids as text: their levels as a ladder with the price in it, what they cost and earn, a line each in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import CENT, text
from lib.render.status import age_in_words
from lib.render.table import NOTE_CHARS_MAX, NOTHING, Column, average, count, gain_or_loss, money, say, write_table
from lib.views.grid import (
    GridHealth,
    GridPreviewPage,
    GridProfit,
    GridsPage,
    GridStanding,
    GridStatusPage,
    GridSums,
    LevelLine,
    RungLine,
    TripLine,
)

if TYPE_CHECKING:
    from rich.console import Console

BLOCKS = 10
RATE_SHOWN = Decimal("0.001")
PRICE_MARK = "◄ price"

Fact = tuple[str, str]


def write_preview(page: GridPreviewPage, console: Console) -> None:
    """Write the ladder, the sums, and what speaks against it."""
    say(console, page.strategy)
    if page.levels:
        console.line()
        _planned(page.levels, page.price, console)
        console.line()
    if page.sums is not None:
        if page.price is not None:
            say(console, f"from {money(page.price)}, {page.price_from}")
        _facts(preview_facts(page.sums), console)
    for refused in page.refused:
        say(console, f"refused: {refused}", style="red")
    for warning in page.warnings:
        say(console, f"! {warning}", style="yellow")
    done = "nothing was written" if page.id is None else f"written as grid {page.id}"
    say(console, f"{done}{', approved' if page.approved else ''}")
    for line in page.next:
        say(console, line)


def preview_facts(sums: GridSums) -> list[Fact]:
    """Say in lines of a name and a sentence what a grid costs and earns."""
    fees = f"{text(sums.fee_bps)} basis points a side" if sums.fee_bps else "no fee reckoned with"
    facts = [
        ("cells", f"{sums.cells} of {text(sums.qty)}"),
        ("step", f"{_rate(sums.step_min)} to {_rate(sums.step_max)} %"),
        ("break-even", f"a step of {_rate(sums.break_even)} % ({fees})"),
        ("profit a cell", f"{_earned(sums)} a round trip, after fees"),
        ("capital", f"{_cents(sums.capital)}; it needs {_cents(sums.need_max)} at most"),
    ]
    if sums.need is None:
        return facts
    facts[-1] = ("capital", f"{_cents(sums.capital)}; its orders need {_cents(sums.need)} from here")
    first = "none: no cell starts held"
    if sums.first_side is not None:
        cells = ", ".join(str(cell) for cell in (sums.first_cells[0], sums.first_cells[-1])[: len(sums.first_cells)])
        which = f"cell {cells}" if len(sums.first_cells) == 1 else f"cells {cells.replace(', ', ' to ')}"
        first = f"{sums.first_side} {text(sums.first_qty or Decimal(0))} at market, for {which}"
    facts.append(("first order", first))
    for at, loss in ((sums.end, sums.loss_at_end), (sums.stop, sums.loss_at_stop)):
        if at is not None and loss is not None and loss > 0:
            what = "stop" if at == sums.stop else "end of the range"
            facts.append(
                ("at risk", f"{_cents(loss)} if the price goes to {money(at)} at once, the {what}; before fees")
            )
    return facts


def _earned(sums: GridSums) -> str:
    rates = f"{_rate(sums.profit_min)} to {_rate(sums.profit_max)} %"
    return f"{rates}, about {_cents(sums.earned_min)} to {_cents(sums.earned_max)}"


def write_grids(page: GridsPage, console: Console) -> None:
    """Write what was done and a line a strategy."""
    for line in page.done:
        say(console, line)
    if page.done and page.rows:
        console.line()
    columns = (
        Column("id", right=True),
        Column("symbol"),
        Column("kind"),
        Column("range"),
        Column("levels", right=True),
        Column("qty", right=True),
        Column("approved"),
        Column("status"),
        Column("orders", right=True),
        Column("trips", right=True),
        Column("net", right=True, style=gain_or_loss),
    )
    rows = [
        [
            str(each.id),
            each.symbol or NOTHING,
            each.kind or NOTHING,
            f"{each.lower or NOTHING} to {each.upper or NOTHING}",
            each.levels or NOTHING,
            each.qty or NOTHING,
            "yes" if each.approved else "no",
            each.status,
            str(each.orders),
            str(each.trips),
            _cents(each.net),
        ]
        for each in page.rows
    ]
    if rows:
        write_table(
            console, columns, rows, [(f"{each.id} {each.symbol or NOTHING}", each.reason) for each in page.rows]
        )
    elif not page.done:
        say(console, f"account {page.account} has no grids")
    for note in page.notes:
        say(console, note)


def write_standings(page: GridStatusPage, console: Console) -> None:
    """Write grids one below the other."""
    say(console, f"{page.at:%Y-%m-%d %H:%M} in New York, from the database alone: no broker was asked")
    if not page.grids:
        say(console, f"no grid of account {page.account} is at work; python -m lib.grid list shows all")
    for each in page.grids:
        console.line()
        _standing(each, page, console)


def _standing(grid: GridStanding, page: GridStatusPage, console: Console) -> None:
    say(console, f"grid {grid.id} is {grid.status}: {grid.strategy}", style="bold")
    if grid.reason:
        say(console, f"reason: {grid.reason}", style="yellow")
    if grid.wanted:
        say(console, f"a stop was asked for: {grid.wanted}")
    if grid.unreadable is not None:
        say(console, f"it cannot be read, so its numbers are not here: {grid.unreadable}", style="red")
    if grid.started_at is None and grid.profit is None:
        say(console, "it has not started")
    if grid.profit is not None and grid.health is not None:
        _facts([*_when(grid, page), *profit_facts(grid, grid.profit), *_well(grid.health, page)], console)
    if grid.rungs:
        console.line()
        _worked(grid, console)
    if grid.trips:
        console.line()
        _trips(grid.trips, console)


def _when(grid: GridStanding, page: GridStatusPage) -> Iterator[Fact]:
    if grid.started_at is not None:
        end = grid.stopped_at or page.at
        yield (
            "started",
            f"{grid.started_at:%Y-%m-%d %H:%M} at {average(grid.start_price)}, {age_in_words(end - grid.started_at)}",
        )
    if grid.stopped_at is not None:
        yield "stopped", f"{grid.stopped_at:%Y-%m-%d %H:%M}"
    if grid.price_at is not None:
        yield "price", f"{average(grid.price)}, {age_in_words(page.at - grid.price_at)} old"
    else:
        yield "price", "none yet: position_monitor writes it"


def profit_facts(grid: GridStanding, found: GridProfit) -> list[Fact]:
    """Say what a grid has earned: three terms and their sum."""
    of_capital = ""
    if found.total is not None and grid.capital:
        of_capital = f" ({_rate(found.total / grid.capital * 100)} % of {_cents(grid.capital)})"
    rates = "hidden for the first day"
    if found.grid_apr is not None:
        total = NOTHING if found.total_apr is None else f"{_rate(found.total_apr)} %"
        rates = f"{_rate(found.grid_apr)} % of matched profit, {total} of the total"
    trips = _round(found.arbitrages)
    return [
        (
            "matched",
            f"{_cents(found.matched)} from {trips} round trips, {_round(found.arbitrages_24h)} of them in 24 h",
        ),
        ("first lots", f"{_cents(found.initial)}, what was closed of the first order"),
        ("unrealised", f"{_cents(found.unrealised)} on {text(found.inventory)} held"),
        ("total", f"{_cents(found.total)}{of_capital}; fees of {_cents(found.fees)} are taken off"),
        ("yearly", rates),
        ("a cell earns", f"{_rate(found.profit_min)} to {_rate(found.profit_max)} % after fees"),
    ]


def _well(found: GridHealth, page: GridStatusPage) -> Iterator[Fact]:
    orders = f"{count(found.open_buys, 'buy')}, {count(found.open_sells, 'sell')}"
    hole = "none stands without one" if found.hole is None else f"level {found.hole} is the one without"
    yield "orders", f"{orders}; {hole}" if found.open_buys or found.open_sells else orders
    where = {None: "not known", True: "in the range", False: "OUT of the range"}[found.in_range]
    yield "price is", where
    since = found.drift_since
    yield "drift", "none seen" if since is None else f"books and broker differ since {since:%Y-%m-%d %H:%M}"
    if found.relabelled or found.refused_orders:
        yield "also", f"{text(found.relabelled)} moved between cells, {count(found.refused_orders, 'order')} refused"
    if found.last_fill is not None:
        yield "last fill", f"{_ago(page.at - found.last_fill)} ago"
    yield "last look", "never" if found.last_look is None else f"{_ago(page.at - found.last_look)} ago"


def _ago(age: timedelta) -> str:
    return age_in_words(age)


def _facts(facts: Iterable[Fact], console: Console) -> None:
    listed = list(facts)
    width = max(len(name) for name, _ in listed)
    for name, says in listed:
        say(console, f"{name.ljust(width)}  {says}")


def _side(cell: str) -> str:
    return "green" if cell.startswith("buy") else "red" if cell.startswith("sell") else ""


def _planned(levels: Iterable[LevelLine], price: Decimal | None, console: Console) -> None:
    """Write levels from the highest down, the price between them."""
    columns = (
        Column("level", right=True),
        Column("price", right=True),
        Column("order", style=_side),
        Column("value", right=True),
    )
    rows = []
    marked = price is None
    for each in sorted(levels, key=lambda line: line.level, reverse=True):
        if price is not None and not marked and each.price < price:
            rows.append(["", money(price), PRICE_MARK, ""])
            marked = True
        here = price is not None and each.price == price
        marked = marked or here
        order = NOTHING if each.side is None or each.qty is None else f"{each.side} {text(each.qty)}"
        value = NOTHING if each.qty is None else _cents(each.qty * each.price)
        rows.append([str(each.level), money(each.price), f"{order} {PRICE_MARK}" if here else order, value])
    if price is not None and not marked:
        rows.append(["", money(price), PRICE_MARK, ""])
    write_table(console, columns, rows, [])


def _worked(grid: GridStanding, console: Console) -> None:
    """Write what rests at each level and, beside its lower level, what each cell holds."""
    columns = (
        Column("level", right=True),
        Column("price", right=True),
        Column("rests", style=_side),
        Column("cell", right=True),
        Column("held", right=True),
        Column(""),
    )
    most = max((rung.held for rung in grid.rungs if rung.held is not None), default=None)
    rows = []
    marked = grid.price is None
    for rung in sorted(grid.rungs, key=lambda line: line.level, reverse=True):
        if grid.price is not None and not marked and rung.price <= grid.price:
            rows.append(["", average(grid.price), PRICE_MARK, "", "", ""])
            marked = True
        rows.append(_rung(rung, most))
    if not marked:
        rows.append(["", average(grid.price), PRICE_MARK, "", "", ""])
    write_table(console, columns, rows, [])


def _rung(rung: RungLine, most: Decimal | None) -> list[str]:
    rests = [f"{side} {text(qty)}" for side, qty in (("buy", rung.buy), ("sell", rung.sell)) if qty is not None]
    bar = "█" * int(rung.held / most * BLOCKS) if rung.held and most else ""
    cell = NOTHING if rung.cell is None else str(rung.cell)
    held = NOTHING if rung.held is None else text(rung.held)
    return [str(rung.level), money(rung.price), ", ".join(rests) or NOTHING, cell, held, bar]


def _trips(trips: Iterable[TripLine], console: Console) -> None:
    columns = (
        Column("closed"),
        Column("cell", right=True),
        Column("qty", right=True),
        Column("in at", right=True),
        Column("out at", right=True),
        Column("fees", right=True),
        Column("net", right=True, style=gain_or_loss),
        Column("bps", right=True),
        Column("held for"),
        Column("how"),
    )
    rows = [
        [
            f"{each.closed_at:%m-%d %H:%M}",
            NOTHING if each.cell is None else str(each.cell),
            text(each.qty),
            average(each.entry_price),
            average(each.exit_price),
            _cents(each.fees),
            _cents(each.net),
            _round(each.pnl_bps),
            age_in_words(timedelta(seconds=each.hold_s)),
            each.policy,
        ]
        for each in trips
    ]
    write_table(console, columns, rows, [], chars_max=NOTE_CHARS_MAX)


def _cents(value: Decimal | None) -> str:
    """Write a sum of money to the cent; JSON has it exactly."""
    return money(None if value is None else value.quantize(CENT))


def _rate(value: Decimal) -> str:
    return text(value.quantize(RATE_SHOWN))


def _round(value: Decimal) -> str:
    return text(value.quantize(Decimal("0.1")))
