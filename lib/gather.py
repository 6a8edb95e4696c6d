"""The reads of a pass, in the one order that keeps a torn snapshot honest.

Live orders first, then targeted reads of our orders that the list did not show, then look-ups of orders
whose outcome is unknown, then fills, then positions: what happens between two reads is seen too late, never
twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from lib.broker.port import Broker
from lib.domain.facts import BrokerOrder, FillActivity, Snapshot
from lib.domain.hours import ENTRY_CUTOFF, in_entry_window
from lib.domain.ids import is_ours
from lib.domain.limits import FILLS_OVERLAP
from lib.domain.money import ZERO
from lib.domain.records import Order, Rows
from lib.domain.states import ENDED, PENDING, REJECTED, REPLACED, UNSENT
from lib.news import with_news
from lib.planning.books import was_sent_again
from lib.planning.context import Context
from lib.planning.deciding.decisions import NewTrade, read_decision
from lib.planning.deciding.entries import candidates
from lib.planning.deciding.requests import symbols_to_amend
from lib.planning.grid.booking import lost_since, strategy_named
from lib.planning.grid.plan import grid_coins, grid_symbols
from lib.planning.grid.starting import resumes_edited, symbols_to_start
from lib.planning.protecting.watching import symbols_to_quote
from lib.store.port import Store

WATCH_UNSENT = ENTRY_CUTOFF + timedelta(hours=3)
"""An order never seen is looked for until the evening pass after its entry window, or the first look after that."""


def order_monitor_snapshot(broker: Broker, rows: Rows, context: Context, stage: str = "order_monitor") -> Snapshot:
    """Read what booking and protection need; fills from the last clean look of `stage` on."""
    now = context.now
    live = broker.live_orders()
    by_id = _targeted(broker, rows, live)
    looked_up = _looked_up(broker, rows.orders, live, _last_look(rows, stage))
    by_id |= _rows_gone(broker, rows)
    by_id |= _in_their_place(broker, rows, [*live, *by_id.values(), *(o for o in looked_up.values() if o is not None)])
    found = [o for o in (*live, *by_id.values(), *looked_up.values()) if o is not None]
    quoted = sorted({*symbols_to_quote(rows), *grid_symbols(rows)}) if stage == "order_monitor" else ()
    snapshot = Snapshot(
        at=now,
        live=live,
        by_id=by_id,
        by_client_id=looked_up,
        fills=broker.fills(fills_since(rows, found, now, stage)),
        positions=broker.positions(),
        quotes=broker.quotes(quoted) if quoted else {},
        assets={symbol: broker.asset(symbol) for symbol in grid_coins(rows)} if stage == "order_monitor" else {},
        account=broker.account() if stage == "order_monitor" and resumes_edited(rows) else None,
    )
    return with_news(snapshot, broker, rows, context, stage)


def order_executor_snapshot(broker: Broker, rows: Rows, context: Context) -> Snapshot:
    """Read what entries and amendments need: nothing at all when no decision of that kind waits for an answer."""
    now = context.now
    pending = [o for o in rows.orders if o.order_status == PENDING]
    symbols = set(symbols_to_amend(rows, context))
    if in_entry_window(context.session, now):
        symbols |= {t.symbol for d in candidates(rows, context) if isinstance(t := read_decision(d), NewTrade)}
    symbols |= set(symbols_to_start(rows, context))
    looked_up = _looked_up(broker, pending, ()) if pending else {}
    if not symbols:
        return Snapshot(at=now, by_client_id=looked_up)
    assets = {symbol: broker.asset(symbol) for symbol in sorted(symbols)}
    known = [symbol for symbol, asset in assets.items() if asset is not None]
    return Snapshot(
        at=now,
        by_client_id=looked_up,
        account=broker.account(),
        positions=broker.positions(),
        assets=assets,
        quotes=broker.quotes(known) if known else {},
        market_open=broker.is_open(),
    )


def position_monitor_snapshot(
    broker: Broker, store: Store, rows: Rows, context: Context
) -> tuple[Snapshot, tuple[FillActivity, ...]]:
    """Read what booking, valuation and reconciliation need; with it the fills that are not ours.

    A fill counts as foreign only after its order was read by id: an order of ours that our rows do not
    name yet, or one that replaced ours, is not foreign.
    """
    base = order_monitor_snapshot(broker, rows, context, "position_monitor")
    suspects = sorted({p.symbol for p in rows.positions if p.missing_since is not None})
    symbols = sorted({p.symbol for p in rows.positions} | set(grid_symbols(rows)))
    snapshot = replace(
        base,
        position_reads={symbol: broker.position(symbol) for symbol in suspects},
        quotes=broker.quotes(symbols) if symbols else {},
    )
    return snapshot, _foreign(broker, store, rows, base.fills)


def recent_rows(store: Store, rows: Rows, snapshot: Snapshot) -> Rows | None:
    """Read the trades and grids that the fees of a look may be for, ended ones too; None for a look without fees."""
    if snapshot.fees_from is None:
        return None
    since = datetime.combine(snapshot.fees_from, time.min, tzinfo=UTC)
    return store.history(rows.account.account, since=since, broker_order_ids=())


def backfill_snapshot(
    broker: Broker,
    rows: Rows,
    orders: tuple[BrokerOrder, ...],
    fills: tuple[FillActivity, ...],
    *,
    since: datetime,
    now: datetime,
) -> Snapshot:
    """Complete the broker's history by what it does not show of the trades in `rows`.

    By id are read older orders, those that the list shows behind their rows (lists lag), and what took an order's
    place. The fills are read again from the oldest order on for which they do not add up.
    """
    shown = {order.id: order for parent in orders for order in (parent, *parent.legs)}
    by_id = _read(broker, {o.alpaca_order_id for o in rows.orders if o.alpaca_order_id and _is_behind(o, shown)})
    looked_up = _looked_up(broker, rows.orders, orders)
    found = [*orders, *(o for o in looked_up.values() if o is not None)]
    while heirs := _in_their_place(broker, rows, [*found, *by_id.values()]):
        by_id |= heirs
    filled = {o.id: o.filled_qty for parent in (*found, *by_id.values()) for o in (parent, *parent.legs)}
    told = _told(rows, fills)
    short = {name for name, qty in filled.items() if qty > told.get(name, ZERO)}
    older = [o.created_at for o in rows.orders if o.created_at < since and o.alpaca_order_id in short]
    if older:
        fills = broker.fills(min(older) - FILLS_OVERLAP)
    return Snapshot(at=now, live=orders, by_id=by_id, by_client_id=looked_up, fills=fills)


def _told(rows: Rows, fills: Iterable[FillActivity]) -> dict[str, Decimal]:
    """Sum the fills that are booked or were read by the broker's id of their order."""
    names = {o.id: o.alpaca_order_id or "" for o in rows.orders}
    told = {f.activity_id: (names.get(f.order_id, ""), f.qty) for f in rows.fills}
    told |= {f.id: (f.order_id, f.qty) for f in fills}
    sums: dict[str, Decimal] = {}
    for name, qty in told.values():
        sums[name] = sums.get(name, ZERO) + qty
    return sums


def _is_behind(order: Order, shown: Mapping[str, BrokerOrder]) -> bool:
    found = shown.get(order.alpaca_order_id or "")
    if found is None:
        return True
    return found.filled_qty < order.filled_qty or (order.order_status in ENDED and found.status not in ENDED)


def _targeted(broker: Broker, rows: Rows, live: Iterable[BrokerOrder]) -> dict[str, BrokerOrder]:
    """Read by id each order of ours that the list did not show and that should be live, or filled after its end."""
    shown = {order.id for parent in live for order in (parent, *parent.legs)}
    by_row, booked = {o.id: o for o in rows.orders}, _booked(rows)
    read_with: dict[str, str] = {}
    for order in rows.orders:
        over = order.order_status in ENDED and booked.get(order.id, ZERO) <= order.filled_qty
        if order.alpaca_order_id is None or over or order.alpaca_order_id in shown:
            continue
        parent = by_row.get(order.parent_id) if order.parent_id is not None else None
        read_with[order.alpaca_order_id] = _read_with(parent, shown) or order.alpaca_order_id
    reads = _read(broker, set(read_with.values()))
    nested = {order.id for parent in reads.values() for order in (parent, *parent.legs)}
    return reads | _read(broker, read_with.keys() - nested - set(read_with.values()))


def _rows_gone(broker: Broker, rows: Rows) -> dict[str, BrokerOrder]:
    """Read the orders of grids whose rows are gone; the broker still has them, and their names tell whose they are."""
    since = lost_since(rows)
    if since is None:
        return {}
    orders = broker.orders_since(since - FILLS_OVERLAP)
    return {o.id: o for o in orders if strategy_named(o.client_order_id, rows.account.namespace) is not None}


def _read(broker: Broker, broker_order_ids: Iterable[str]) -> dict[str, BrokerOrder]:
    reads = {broker_order_id: broker.order(broker_order_id) for broker_order_id in sorted(broker_order_ids)}
    return {broker_order_id: order for broker_order_id, order in reads.items() if order is not None}


def _in_their_place(broker: Broker, rows: Rows, found: Iterable[BrokerOrder]) -> dict[str, BrokerOrder]:
    """Read the orders that took the place of orders found, edited in the app, and were not found themselves."""
    seen = [order for parent in found for order in (parent, *parent.legs)]
    shown = {order.id for order in seen} | {o.alpaca_order_id for o in rows.orders}
    heirs = {o.replaced_by for o in seen if o.status == REPLACED and o.replaced_by is not None}
    return _read(broker, heirs - shown)


def _read_with(parent: Order | None, shown: Collection[str]) -> str | None:
    """Return the broker's id of the parent whose read shows a leg too.

    None where it would not: an edit in the app may have put another order in the place of the parent.
    """
    if parent is None or parent.order_status in ENDED or parent.alpaca_order_id in shown:
        return None
    return parent.alpaca_order_id


def _booked(rows: Rows) -> dict[int, Decimal]:
    booked: dict[int, Decimal] = {}
    for fill in rows.fills:
        booked[fill.order_id] = booked.get(fill.order_id, ZERO) + fill.qty
    return booked


def _looked_up(
    broker: Broker, orders: Iterable[Order], live: Iterable[BrokerOrder], last_look: datetime | None = None
) -> dict[str, BrokerOrder | None]:
    """Look up by our id every order whose outcome is unknown, and those given up not long ago."""
    shown = {order.client_order_id for order in live}
    return {
        o.client_order_id: broker.order_by_client_id(o.client_order_id)
        for o in orders
        if o.parent_id is None
        and o.client_order_id not in shown
        and (o.order_status == PENDING or _is_watched(o, last_look))
    }


def _is_watched(order: Order, last_look: datetime | None) -> bool:
    """Say whether an order that was given up may still arrive: a look must come after its time, whenever that is."""
    given_up = order.order_status == UNSENT or (order.order_status == REJECTED and was_sent_again(order))
    if not given_up or order.alpaca_order_id is not None:
        return False
    return last_look is None or last_look <= (order.expires_at or order.created_at) + WATCH_UNSENT


def _last_look(rows: Rows, stage: str) -> datetime | None:
    return max((run.started_at for run in rows.last_runs if run.stage == stage), default=None)


def fills_since(rows: Rows, found: Iterable[BrokerOrder], now: datetime, stage: str) -> datetime:
    """Return from when on fills have to be read.

    From the last clean look of the stage, with an overlap; further back for an order whose fills do not
    add up yet, and for a position that vanished, whose explanation may be any fill since it was opened.
    """
    looks = [run.started_at for run in rows.last_runs if run.stage == stage]
    oldest = [] if looks else [*(o.created_at for o in rows.orders), *(c.at for c in rows.changes)]
    since = [min(looks, default=now), *oldest]
    booked = _booked(rows)
    filled = {o.id: o.filled_qty for parent in found for o in (parent, *parent.legs)}
    for order in rows.orders:
        known = max(order.filled_qty, filled.get(order.alpaca_order_id or "", ZERO))
        if known != booked.get(order.id, ZERO):
            since.append(order.created_at)
    opened = {t.id: t.entry_time or t.created_at for t in rows.trades}
    since += [opened[p.trade_id] for p in rows.positions if p.missing_since is not None and p.trade_id in opened]
    return min(since) - FILLS_OVERLAP


def _foreign(broker: Broker, store: Store, rows: Rows, fills: Iterable[FillActivity]) -> tuple[FillActivity, ...]:
    """Return the fills that are neither booked nor of an order of ours, closed trades' included.

    The store is asked by the broker's order id: a leg's client_order_id is Alpaca's, so its name tells nothing.
    """
    ours = {o.alpaca_order_id for o in rows.orders}
    booked = {f.activity_id for f in rows.fills} | {c.activity_id for c in rows.changes}
    strangers = [f for f in fills if f.order_id not in ours and f.id not in booked]
    if not strangers:
        return ()
    known_orders, known_activities = store.known(
        rows.account.account,
        broker_order_ids={f.order_id for f in strangers},
        activity_ids={f.id for f in strangers},
    )
    strangers = [f for f in strangers if f.order_id not in known_orders and f.id not in known_activities]
    verdicts = {each: _is_foreign(broker, store, each, rows) for each in sorted({f.order_id for f in strangers})}
    return tuple(f for f in strangers if verdicts[f.order_id])


def _is_foreign(broker: Broker, store: Store, broker_order_id: str, rows: Rows) -> bool:
    """Read an order and what it replaced; ours anywhere in the chain makes it ours."""
    seen: set[str] = set()
    next_id: str | None = broker_order_id
    while next_id is not None and next_id not in seen:
        seen.add(next_id)
        order = broker.order(next_id)
        if order is None:
            return next_id != broker_order_id
        if is_ours(order.client_order_id, rows.account.namespace):
            return False
        next_id = order.replaces
    known, _ = store.known(rows.account.account, broker_order_ids=seen, activity_ids=())
    return not known
