"""Fees: what the broker posts in the evening, shared out over the fills that it was charged for.

The broker names a day and an amount, seldom an order. A day's amount is shared out by notional over all of that day's
fills, those of the account's owner too: their part belongs to no trade, and is what the broker's rows have more than
ours. Shares are whole cents, the odd cents go to the largest remainders, so that nothing is lost. Each look shares a
day out anew from all of its rows, so that rows that come late, or are read twice, leave the same numbers.

The fee of a coin that was bought is taken in the coin: a change of quantity without a price. What was paid for it is in
the result already, since it is never sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from lib.domain.actions import Insert, RowChange, Update, Write
from lib.domain.bodies import is_coin
from lib.domain.facts import Activity, Snapshot
from lib.domain.money import AVERAGE_PLACES, CENT, ZERO, storable, text
from lib.domain.records import Fill, QuantityChange, Rows
from lib.domain.states import Change, TradeStatus
from lib.planning.booking.results import DOLLARS, fees_of
from lib.planning.books import TradeBook, books

FEE_KINDS = frozenset({"CFEE", "FEE"})
"""Alpaca's activity types: fees of coins, and the regulatory ones of stocks."""

FEES_BACK = timedelta(days=7)
"""How far back fees are read: three sessions, with a weekend and a holiday between them."""

DAY_ENDS = timedelta(hours=1)
"""The broker's day ends in New York's evening: at about this time in UTC. No source names the minute."""

FINAL_AFTER = timedelta(days=2)
"""A look that comes so many days after the last fill and finds nothing new makes a trade's fees final."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One fill that may bear a fee: `fill` None is one of the account's owner."""

    key: str
    day: date
    symbol: str
    side: str
    weight: Decimal
    fill: Fill | None = None
    order: str | None = None  # the broker's id
    price: Decimal | None = None


def day_of(at: datetime) -> date:
    """Return the day that the broker posts the fees of an execution for."""
    return (at - DAY_ENDS).date()


@dataclass(frozen=True, slots=True)
class Charges:
    """What the broker charged, by the activity of the fill that bears it; of coins with the rows that tell of them."""

    dollars: Mapping[str, Decimal]
    coins: Mapping[str, list[tuple[Activity, Decimal]]]

    def news(self, fill: Fill) -> dict[str, object]:
        """Return the columns of a fill that differ from what is known of its fee; none while no row tells of it."""
        values: dict[str, object] = {}
        if fill.activity_id in self.coins:
            fee = sum((share for _, share in self.coins[fill.activity_id]), ZERO)
            values = {"fee": fee, "commission_asset": fill.symbol.partition("/")[0]}
        elif fill.activity_id in self.dollars:
            values = {"fee": self.dollars[fill.activity_id], "commission_asset": DOLLARS}
        return {name: value for name, value in values.items() if getattr(fill, name) != value}


def plan_fees(rows: Rows, recent: Rows, snapshot: Snapshot, now: datetime) -> tuple[Write, ...]:
    """Book the fees of the days that were read whole on the trades of `recent`, closed ones too."""
    if snapshot.fees_from is None:
        return ()
    shared, changes = charges(rows, recent, snapshot), _changes(rows, recent)
    writes = (_of_trade(book, shared, changes, now) for book in books(recent))
    return tuple(write for write in writes if write is not None)


def charges(rows: Rows, recent: Rows, snapshot: Snapshot) -> Charges:
    """Share the fees of the days that were read whole out over all fills of theirs, of trades and of grids."""
    first = snapshot.fees_from
    charged = [a for a in snapshot.activities if first is not None and a.kind in FEE_KINDS and a.date >= first]
    parts = [*_own(recent), *_foreign(_changes(rows, recent))]
    return Charges(
        dollars=_in_dollars([a for a in charged if a.net_amount and not a.qty], parts),
        coins=_in_coins([a for a in charged if a.qty and a.symbol], parts),
    )


def _changes(rows: Rows, recent: Rows) -> tuple[QuantityChange, ...]:
    return tuple({c.id: c for c in (*rows.changes, *recent.changes)}.values())


def _own(recent: Rows) -> list[_Part]:
    orders = {o.id: o.alpaca_order_id for o in recent.orders}
    return [
        _Part(
            f.activity_id, day_of(f.transaction_time), f.symbol, f.side, f.qty * f.price, f, orders.get(f.order_id),
            f.price,
        )
        for f in recent.fills
    ]  # fmt: skip


def _foreign(changes: Iterable[QuantityChange]) -> list[_Part]:
    """Return what was traded elsewhere; one fill may be shared out over several owners."""
    return [
        _Part(
            f"{c.activity_id}:{c.trade_id}", day_of(c.at), c.symbol, "buy" if c.delta > 0 else "sell",
            abs(c.delta) * c.price, price=c.price,
        )
        for c in changes
        if c.cause == Change.FOREIGN_FILL and c.price is not None
    ]  # fmt: skip


def _in_dollars(charged: Iterable[Activity], parts: Sequence[_Part]) -> Mapping[str, Decimal]:
    """Share out what was charged in money: by order where it is named, else over the day's stocks or sales of coins."""
    amounts: dict[tuple[str, date, str | None], Decimal] = {}
    for activity in charged:
        key = (activity.kind, activity.date, activity.order_id)
        amounts[key] = amounts.get(key, ZERO) - (activity.net_amount or ZERO)
    shares: dict[str, Decimal] = {}
    for (kind, day, order), amount in amounts.items():
        if order is not None:
            bearing = [p for p in parts if p.order == order]
        else:
            coins = kind == "CFEE"
            bearing = [
                p for p in parts if p.day == day and is_coin(p.symbol) == coins and (p.side == "sell" or not coins)
            ]
        for part, share in share_out(amount, bearing, CENT):
            shares[part.key] = shares.get(part.key, ZERO) + share
    return shares


def _in_coins(charged: Iterable[Activity], parts: Sequence[_Part]) -> Mapping[str, list[tuple[Activity, Decimal]]]:
    """Share out what was taken in coins over the purchases at its price that day, else over all of that day."""
    shares: dict[str, list[tuple[Activity, Decimal]]] = {}
    for activity in charged:
        bought = [
            p
            for p in parts
            if p.side == "buy"
            and p.day == activity.date
            and p.symbol.replace("/", "") == (activity.symbol or "").replace("/", "")
        ]
        at_price = [p for p in bought if p.price == activity.price]
        for part, share in share_out(-(activity.qty or ZERO), at_price or bought, AVERAGE_PLACES):
            shares.setdefault(part.key, []).append((activity, share))
    return shares


def share_out(amount: Decimal, parts: Sequence[_Part], unit: Decimal) -> list[tuple[_Part, Decimal]]:
    """Share an amount out by weight in whole units, the rest by the largest remainder, so that the sum is the amount.

    An amount finer than the unit is shared out in the finest steps that are kept.
    """
    total = sum((p.weight for p in parts), ZERO)
    if total == 0:
        return []
    if amount % unit != 0:
        unit = AVERAGE_PLACES
    exact = [(p, amount * p.weight / total) for p in sorted(parts, key=lambda p: p.key)]
    floors = {p.key: (share / unit).to_integral_value(rounding=ROUND_FLOOR) * unit for p, share in exact}
    odd = int((amount - sum(floors.values(), ZERO)) / unit)
    by_remainder = sorted(exact, key=lambda each: floors[each[0].key] - each[1])  # stable: ties go by the key
    for part, _ in by_remainder[:odd]:
        floors[part.key] += unit
    return [(part, floors[part.key].normalize() + ZERO) for part, _ in exact]


def _of_trade(book: TradeBook, shared: Charges, known: Iterable[QuantityChange], now: datetime) -> Write | None:
    changes: list[RowChange] = []
    fills: list[Fill] = []
    for fill in book.fills:
        new = shared.news(fill)
        if new:
            changes.append(Update(table="fill", id=fill.id, version=fill.version, values=new))
        fills.append(replace(fill, **new))  # type: ignore[arg-type]
    booked = {c.activity_id for c in known}
    for fill in book.fills:
        taken = [(a, share) for a, share in shared.coins.get(fill.activity_id, ()) if a.id not in booked and share > 0]
        changes.extend(_taken(book, fill, activity, share) for activity, share in taken)
    values = _journal(replace(book, fills=tuple(fills)), now, is_new=bool(changes))
    trade = book.trade
    kept = {name: value for name, value in values.items() if getattr(trade, name) != value}
    if kept:
        changes.append(Update(table="trade_journal", id=trade.id, version=trade.version, values=kept))
    if not changes:
        return None
    return Write(changes=tuple(changes), why=f"trade {trade.id}: fees as the broker posted them", symbol=trade.symbol)


def _taken(book: TradeBook, fill: Fill, activity: Activity, share: Decimal) -> Insert:
    """Take a fee out of the trade's coins; of a trade that has ended, out of what it left behind."""
    is_open = book.trade.status == TradeStatus.POSITION
    return Insert(
        table="quantity_change",
        values={
            "account": book.trade.account,
            "symbol": book.trade.symbol,
            "delta": ZERO - share,
            "cause": Change.FEE_IN_KIND,
            "at": fill.transaction_time,
            "trade_id": book.trade.id if is_open else None,
            "activity_id": activity.id,
            "evidence": f"fee of {text(fill.qty)} {book.trade.symbol} bought at {text(fill.price)}",
        },
    )


def _journal(book: TradeBook, now: datetime, *, is_new: bool) -> dict[str, object]:
    """Return the journal's columns: of a closed trade the one change that is allowed."""
    trade, fees = book.trade, fees_of(book)
    if trade.status == TradeStatus.CLOSED:
        days = [day_of(f.transaction_time) for f in book.fills] + [day_of(c.at) for c in book.changes]
        over = bool(days) and max(days) <= day_of(now) - FINAL_AFTER
        net = None if trade.actual_pnl is None else storable(trade.actual_pnl - fees)
        final = bool(trade.fees_final) or (over and not is_new)
        return {"fees": fees, "net_pnl": net, "fees_final": final}
    return {"fees": fees} if fees or trade.fees else {}
