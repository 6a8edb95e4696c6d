"""What a restored copy has to take back: trades and orders that this database had sent after the copy was made.

A restore renews the namespace, so an order under an older one that no row knows was sent by the rows that are gone. Its
name says whose it was: `-d12-entry-1` that of decision 12, which must not be sent a second time; `-t7-exit-2` that of
trade 7. Decisions and trades that the copy has keep their ids, and a restore skips the ids that may have been given
since: a name either means the row of that id, or a row that is lost. A trade that is built again has a new id; its
exits find it by symbol and time.

Only what no row has is made here. How far it came is for the backfill that follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from lib.domain.actions import Insert, Ref, RowChange, Update, Write
from lib.domain.facts import BrokerOrder, Problem
from lib.domain.ids import stop_leg_id
from lib.domain.money import ZERO, text
from lib.domain.records import Control, Decision, Rows, Trade
from lib.domain.restored import Mark
from lib.domain.results import Difference
from lib.domain.states import PENDING_NEW, ControlState, DecisionStatus, Role, Side, TradeStatus
from lib.domain.wanted import Wanted, write_wanted
from lib.planning.booking.backfill import Step
from lib.planning.deciding.decisions import NewTrade, Refused, is_ticked, read_decision
from lib.planning.protecting.halts import strictness
from lib.planning.terms import closing_verb, is_readable, wanted

NAME = re.compile(r"(?P<namespace>[^-]+)-(?P<kind>[dt])(?P<id>\d{1,18})-(?:entry|exit)-(?P<number>\d{1,9})")
REBUILT = "rebuilt from the broker's orders after a restore"
LONG_AGO = datetime.min.replace(tzinfo=UTC)

_Generations = dict[int, BrokerOrder]
_Filled = Mapping[str, Decimal]
"""What the broker says that each order filled, by its name."""

_Numbered = tuple[str, int]
"""A namespace, and the id that a trade had in it."""


def decisions_named(orders: Iterable[BrokerOrder]) -> frozenset[int]:
    """Return the ids of decisions that the names of entries hold, whoever sent them."""
    found = (NAME.fullmatch(order.client_order_id) for order in orders)
    return frozenset(int(each["id"]) for each in found if each is not None and each["kind"] == "d")


def adopt(rows: Rows, orders: Sequence[BrokerOrder]) -> tuple[Step, ...]:
    """Return the rows to make for orders of older namespaces; `orders` are all of the broker's since the copy."""
    entries, exits = _unknown(rows, orders)
    filled = {order.client_order_id: order.filled_qty for order in orders}
    steps = [step for decision, of_it in sorted(entries.items()) for step in _entries(rows, decision, of_it, filled)]
    if steps:
        return tuple(steps)  # exits of these trades find them in the next round
    owners = _owners(rows, exits, orders)
    return tuple(_exits(owners[key], exits[key]) for key in sorted(owners))


def _unknown(
    rows: Rows, orders: Iterable[BrokerOrder]
) -> tuple[dict[int, _Generations], dict[_Numbered, list[BrokerOrder]]]:
    """Return entries by decision and generation, and exits by namespace and trade as it was numbered then."""
    known = {o.client_order_id for o in rows.orders} | {o.alpaca_order_id for o in rows.orders}
    entries: dict[int, _Generations] = {}
    exits: dict[_Numbered, list[BrokerOrder]] = {}
    for order in sorted(orders, key=_sent_at):
        name = NAME.fullmatch(order.client_order_id)
        if name is None or name["namespace"] not in rows.namespaces or order.qty is None:
            continue
        if order.id in known or order.client_order_id in known or order.submitted_at is None:
            continue
        if name["kind"] == "d":
            entries.setdefault(int(name["id"]), {})[int(name["number"])] = order
        else:
            exits.setdefault((name["namespace"], int(name["id"])), []).append(order)
    return entries, exits


def _sent_at(order: BrokerOrder) -> datetime:
    return order.submitted_at or LONG_AGO


def _entries(rows: Rows, decision_id: int, found: _Generations, filled: _Filled) -> Iterable[Step]:
    """Take back the entries of one decision, unless its row is lost."""
    trade = next((t for t in rows.trades if t.decision_id == decision_id), None)
    decision = next((d for d in rows.decisions if d.id == decision_id), None)
    if trade is not None:
        yield _more_generations(trade, found, filled)
    elif decision is None or decision_id in rows.traded_decision_ids or decision.version < 0:
        return
    elif not is_ticked(decision.executed):
        yield _carried_out(decision, found, filled)


def _carried_out(decision: Decision, found: _Generations, filled: _Filled) -> Step:
    """Write down that a decision was carried out: with its trade where the copy has its numbers, else refused."""
    first = found[min(found)]
    read = read_decision(decision)
    sent = f"{first.client_order_id}, {_in_words(first)}"
    values: dict[str, object] = {"executed": True, "executed_at": first.submitted_at}
    made: list[RowChange] = []
    if isinstance(read, NewTrade) and _is_of(read, first):
        values |= {"execution_status": DecisionStatus.ORDERED, "execution_note": f"ordered before a restore: {sent}"}
        made.append(Insert(table="trade_journal", values=_journal_row(decision, read, found, filled), ref="trade"))
        made += _inserts(decision.account, Ref("trade"), found)
        why = f"decision {decision.id} was carried out before the restore: rebuild its trade"
    else:
        refused = Refused(code="RESTORED", reason=f"before a restore it was sent with other numbers than these: {sent}")
        values |= {"execution_status": DecisionStatus.REJECTED, "execution_note": str(refused)}
        why = f"decision {decision.id} was carried out before the restore, with other numbers: it must not be sent"
    update = Update(table="analysis_decision", id=decision.id, version=decision.version, values=values)
    return Step(
        write=Write(changes=(update, *made), why=why, symbol=first.symbol),
        differences=(
            _difference(
                "analysis_decision", f"decision {decision.id}", str(values["execution_note"]), None, first.symbol
            ),
            *(_of_order(order, None) for _, order in sorted(found.items()) if made),
        ),
    )


def _is_of(read: NewTrade, order: BrokerOrder) -> bool:
    """Say whether an order is what the decision asks for, as the copy has it: it may have been edited since."""
    side = "buy" if read.side == Side.LONG else "sell"
    same = (order.symbol, order.side, order.limit_price) == (read.symbol, side, read.entry)
    return same and read.qty in {None, order.qty}


def _journal_row(decision: Decision, read: NewTrade, found: _Generations, filled: _Filled) -> dict[str, object]:
    first = found[min(found)]
    return {
        "account": decision.account,
        "decision_id": decision.id,
        "symbol": read.symbol,
        "side": read.side,
        "trade_style": read.style,
        "status": TradeStatus.ORDERED,
        "planned_entry": read.entry,
        "planned_sl": read.stop,
        "planned_tp": read.target,
        "trail_percent": read.trail_percent,
        "planned_qty": first.qty,
        "created_at": first.submitted_at,
        "decided_at": decision.approved_seen_at,
        "wanted": _newest_wanted(Wanted(), found, filled),
        "note": REBUILT,
    }


def _more_generations(trade: Trade, found: _Generations, filled: _Filled) -> Step:
    """Give a trade the entries that an AMEND made which is lost; the newest of them is wanted."""
    changes: list[RowChange] = [*_inserts(trade.account, trade.id, found)]
    if is_readable(trade) and max(found) > wanted(trade).generation:
        values = {"wanted": _newest_wanted(wanted(trade), found, filled)}
        changes.append(Update(table="trade_journal", id=trade.id, version=trade.version, values=values))
    why = f"trade {trade.id} had another entry before the restore"
    return Step(
        write=Write(changes=tuple(changes), why=why, symbol=trade.symbol),
        differences=tuple(_of_order(order, trade.id) for _, order in sorted(found.items())),
    )


def _newest_wanted(want: Wanted, found: _Generations, filled: _Filled) -> str | None:
    """Return `wanted` with the newest generation in it; the first is as planned."""
    newest = max(found)
    if newest <= want.generation:
        return write_wanted(want)
    last = found[newest]
    name = last.client_order_id.rpartition("-")[0]
    bought = sum((filled.get(f"{name}-{number}", ZERO) for number in range(1, newest)), ZERO)
    return write_wanted(replace(want, generation=newest, entry=last.limit_price, total=bought + (last.qty or ZERO)))


def _owners(
    rows: Rows, exits: Mapping[_Numbered, Sequence[BrokerOrder]], orders: Sequence[BrokerOrder]
) -> dict[_Numbered, Trade]:
    """Find the trade of each group of exits; a group whose trade is lost has none.

    Backwards in time: the newest group belongs to the newest trade that was entered before it and has no group yet.
    """
    trades = {trade.id: trade for trade in rows.trades}
    owners = _numbered_anew(rows, trades)  # from a run that died between two groups
    begun = _begun(rows, orders)
    for key in sorted(exits, key=lambda key: key[1], reverse=True):
        group = exits[key]
        if key[1] in trades:
            if trades[key[1]].symbol == group[0].symbol:
                owners[key] = trades[key[1]]
        elif key not in owners:
            taken = {trade.id for trade in owners.values()}
            fits = [
                trades[trade_id]
                for trade_id, (namespace, at) in begun.items()
                if trade_id > key[1]  # what a restore makes is numbered behind all that is lost
                and trade_id not in taken
                and namespace == key[0]
                and at <= _sent_at(group[0])
                and any(_closes(order, trades[trade_id]) for order in group)
            ]
            if fits:
                owners[key] = max(fits, key=lambda trade: begun[trade.id][1])
    return {key: trade for key, trade in owners.items() if key in exits}


def _begun(rows: Rows, orders: Iterable[BrokerOrder]) -> dict[int, tuple[str, datetime]]:
    """Return the namespace of each trade's first entry that filled, and when it was sent."""
    filled = {order.client_order_id: _sent_at(order) for order in orders if order.filled_qty > 0}
    return {
        order.trade_id: (order.client_order_id.partition("-")[0], filled[order.client_order_id])
        for order in reversed(rows.orders)
        if order.trade_id is not None and order.order_type == Role.ENTRY and order.client_order_id in filled
    }


def _numbered_anew(rows: Rows, trades: Mapping[int, Trade]) -> dict[_Numbered, Trade]:
    """Return the trades that have exits under another number already."""
    of_trades = ((order.trade_id, order) for order in rows.orders if order.trade_id is not None)
    names = ((trade_id, NAME.fullmatch(order.client_order_id)) for trade_id, order in of_trades)
    return {
        (name["namespace"], int(name["id"])): trades[trade_id]
        for trade_id, name in names
        if name is not None and name["kind"] == "t" and int(name["id"]) != trade_id and trade_id in trades
    }


def _closes(order: BrokerOrder, trade: Trade) -> bool:
    return (order.symbol, order.side) == (trade.symbol, closing_verb(trade))


def _exits(trade: Trade, group: Sequence[BrokerOrder]) -> Step:
    changes: list[RowChange] = []
    for order in group:
        changes.append(Insert(table="order_execution", values=_row(trade.account, trade.id, order), ref=order.id))
        changes += [
            Insert(
                table="order_execution",
                values=_row(trade.account, trade.id, leg)
                | {"client_order_id": stop_leg_id(order.client_order_id), "parent_id": Ref(order.id)},
            )
            for leg in order.legs
        ]
    why = f"trade {trade.id} had other exits before the restore"
    return Step(
        write=Write(changes=tuple(changes), why=why, symbol=trade.symbol),
        differences=tuple(_of_order(order, trade.id) for order in group),
    )


def _inserts(account: str, trade_id: int | Ref, found: _Generations) -> list[Insert]:
    return [
        Insert(table="order_execution", values=_row(account, trade_id, order) | {"order_type": Role.ENTRY})
        for _, order in sorted(found.items())
    ]


def _row(account: str, trade_id: int | Ref, order: BrokerOrder) -> dict[str, object]:
    """Return the row of an order with what never changes of it; its frozen body is lost, and never needed again."""
    return {
        "account": account,
        "trade_id": trade_id,
        "client_order_id": order.client_order_id,
        "order_type": _role(order),
        "kind": order.kind,
        "side": order.side,
        "symbol": order.symbol,
        "qty": order.qty or ZERO,
        "time_in_force": order.time_in_force,
        "order_status": PENDING_NEW,
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "trail_percent": order.trail_percent,
        "alpaca_order_id": order.id,
        "expires_at": order.expires_at,
        "created_at": order.submitted_at,
        "submitted_at": order.submitted_at,
    }


def _role(order: BrokerOrder) -> Role:
    """Return what an exit is for: of an OCO the parent is the target and the leg the stop."""
    if order.kind.startswith("stop") or order.kind == "trailing_stop":
        return Role.STOP_LOSS
    return Role.TAKE_PROFIT if order.order_class == "oco" else Role.EXIT


def _of_order(order: BrokerOrder, trade_id: int | None) -> Difference:
    return _difference("order_execution", order.client_order_id, _in_words(order), trade_id, order.symbol)


def _difference(table: str, row: str, new: str, trade_id: int | None, symbol: str) -> Difference:
    return Difference(table=table, row=row, column="", old=None, new=new, trade_id=trade_id, symbol=symbol)


def _in_words(order: BrokerOrder) -> str:
    at = "" if order.limit_price is None else f" at {text(order.limit_price)}"
    return f"{order.side} {text(order.qty or ZERO)} {order.symbol} {order.kind}{at}, {order.status}"


def strangers(others: Iterable[BrokerOrder]) -> tuple[Problem, ...]:
    """Name the orders that are named as ours are, in a namespace that neither the copy nor the lost rows told of.

    Rows that were restored before and then lost sent them, or another database that trades this account now.
    """
    return tuple(
        Problem(
            code="UNKNOWN_ORDER",
            message=f"{order.client_order_id}: {_in_words(order)}: named like an order of this system, by a database "
            "of which the backup knows nothing; what it carried out may be waiting here as a decision",
            symbol=order.symbol,
        )
        for order in others
        if NAME.fullmatch(order.client_order_id)
    )


def released(control: Control, mark: Mark, problems: Iterable[Problem], now: datetime) -> Write | None:
    """Return the change that ends a restore; None while the broker's ledger still lacks fills.

    What stood in force before stands again. Where something is lost, no entry goes out before a person has looked.
    """
    left = tuple(problems)
    if any(problem.code == "FILLS_MISSING" for problem in left):
        return None
    state, reason = mark.before, mark.reason
    if left and strictness(state) < strictness(ControlState.REDUCING):
        codes = ", ".join(sorted({problem.code for problem in left}))
        state = ControlState.REDUCING
        reason = f"a backup of {mark.since} was restored, and its backfill could not settle everything: {codes}"
    values = {"state": state, "reason": reason, "since": now}
    update = Update(table="control", id=control.id, version=control.version, values=values)
    return Write(changes=(update,), why=f"the backfill of account {control.account} after its restore is done")
