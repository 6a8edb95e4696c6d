"""What rests at the broker against what a grid wants, by side, level and cell as quantities.

What is too much or at another price is cancelled first; what is lacking is placed once nothing of the same cell and
side is on its way. The broker refuses an order that an own one could meet (Alpaca, "User Protection"), so a new order
crosses none that is live, those being cancelled included; and no more is closed than the grid holds and the broker has
free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Action, Cancel, Insert, LookAgain, Ref, Submit, Write
from lib.domain.bodies import Body, entry_body, freeze, is_coin, limit_exit_body, readable
from lib.domain.facts import Problem, Refusal, Snapshot
from lib.domain.grids import Grid, GridKind
from lib.domain.ids import grid_id
from lib.domain.limits import BOOKING_LAG_MAX, CONFIRM_MISSING
from lib.domain.money import ZERO, D, step_down, text
from lib.domain.records import Order, Rows
from lib.domain.states import HELD, PENDING, PENDING_CANCEL, PENDING_REPLACE, REJECTED, UNSENT, Side
from lib.planning.books import is_live
from lib.planning.context import Context
from lib.planning.deciding.broker_rules import LIMITED
from lib.planning.deciding.resting import entry_tif
from lib.planning.deciding.sharing import sides_to_leave
from lib.planning.grid.books import GRID_ORDER, GridBook, closing_side, next_attempt
from lib.planning.grid.changes import pause
from lib.planning.grid.desired import Want, desired
from lib.planning.outside.owners import external_qty
from lib.planning.protecting.halts import halts, in_force, in_words
from lib.planning.protecting.steps import cancel, trades_now, update

REFUSED_MAX = 3
"""So many orders of one cell and side refused one after the other, and a person has to look."""

_ON_ITS_WAY = frozenset({PENDING_CANCEL, PENDING_REPLACE})
_Key = tuple[int, str]
"""Cell and side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one grid asks for in one round, apart by urgency; `entries` come nearest to the price first."""

    writes: tuple[Action, ...] = ()
    cancels: tuple[Cancel, ...] = ()
    exits: tuple[Submit, ...] = ()
    entries: tuple[Submit, ...] = ()
    waits: tuple[LookAgain, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def difference(book: GridBook, own: Sequence[Order], rows: Rows, snapshot: Snapshot, context: Context) -> Difference:
    """Compare a grid's live orders with what it wants; `own` are all live orders of ours in its symbol."""
    pause = _pause(book, own)
    if pause is not None:
        return Difference(writes=(pause,))
    look = _Look(book, own, rows, snapshot, context)
    left = sides_to_leave(rows, book.grid.symbol)
    wanted = (w for w in desired(book.grid, book.ledger, look.live) if not w.opens or not halts(look.control))
    wants = {(w.cell, w.side): w for w in wanted if w.side not in left}
    for key in sorted({*wants, *look.live}, key=lambda key: _urgency(key, wants, book.grid)):
        look.compare(key, wants.get(key))
    return look.result()


def _urgency(key: _Key, wants: Mapping[_Key, Want], grid: Grid) -> tuple[bool, int]:
    """Order by what is wanted: exits before entries, each from the price outwards."""
    cell, side = key
    want = wants.get(key)
    opens = want.opens if want is not None else side != closing_side(grid)
    return opens, cell * grid.sign * (-1 if opens else 1)


class _Look:
    """One comparison while it is made; lives inside `difference` alone."""

    def __init__(self, book: GridBook, own: Sequence[Order], rows: Rows, snapshot: Snapshot, context: Context) -> None:
        self.book, self.grid, self.context, self.namespace = book, book.grid, context, rows.account.namespace
        self.control = in_force(rows.controls, book.grid.symbol)
        self.own = own
        self.looked_up = snapshot.by_client_id
        self.attempt = next_attempt(book)
        self.live: dict[_Key, list[Order]] = {}
        self.refused: set[_Key] = set()
        closing = opening = ZERO
        for order in book.orders:
            if is_live(order) and order.side == closing_side(self.grid):
                closing += order.qty - order.filled_qty
            elif is_live(order):
                opening += order.qty - order.filled_qty
            if order.cell is None:
                continue
            if is_live(order):
                self.live.setdefault((order.cell, order.side), []).append(order)
            elif order.order_status == REJECTED and order.created_at >= context.pass_started_at:
                self.refused.add((order.cell, order.side))
        position = snapshot.positions.get(self.grid.symbol)
        free = ZERO if position is None else self.grid.sign * position.qty_available
        self.unclosed = sum(book.ledger.net.values(), ZERO) - closing
        # What is being cancelled may still fill, then at a cell that another order is to enter (grid-I16).
        self.room = self.grid.qty * (self.grid.levels - 1) - sum(book.ledger.held.values(), ZERO) - opening
        self.free = free
        self.short = ZERO  # what could not be placed of exits
        outside = -self.grid.sign * external_qty(rows, self.grid.symbol)
        self.outside = ZERO if is_coin(self.grid.symbol) else max(outside, ZERO)  # what its user closed of its shares
        self.found: dict[str, list[Action]] = {"writes": [], "cancels": [], "exits": [], "entries": [], "waits": []}
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def compare(self, key: _Key, want: Want | None) -> None:
        """Bring one side of one cell a step nearer to what it wants."""
        standing = self.live.get(key, [])
        if any(o.order_status == PENDING for o in standing):
            self.resolve(next(o for o in standing if o.order_status == PENDING), standing, want)
            return
        moving = [o for o in standing if o.order_status in _ON_ITS_WAY or o.alpaca_order_id is None]
        if moving:
            self.wait(f"{moving[0].client_order_id} is {moving[0].order_status}")
            return
        over = _too_much(standing, want)
        for order, why in over:
            self.cancel(order, self.why_not(want) or why)
        if want is None or over or key in self.refused:
            return
        lacking = want.qty - _left(standing)
        if lacking > 0:
            self.place(want, lacking)

    def why_not(self, want: Want | None) -> str | None:
        return in_words(self.control) if want is None and self.control is not None and halts(self.control) else None

    def cancel(self, order: Order, why: str) -> None:
        for action in cancel(order, self.context, why)[0]:
            self.found["cancels" if isinstance(action, Cancel) else "waits"].append(action)

    def wait(self, why: str) -> None:
        if trades_now(self.grid.symbol, self.context):
            self.found["waits"].append(LookAgain(why=f"grid {self.grid.id}: {why}", symbol=self.grid.symbol))

    def resolve(self, order: Order, standing: Sequence[Order], want: Want | None) -> None:
        """Send an order of unknown outcome again under its own id if it is absent and still wanted, else give it up.

        Gather looked it up: had the broker shown it, booking would have adopted it. Two 404s tell that it is absent.
        """
        if order.missing_at is None or self.looked_up.get(order.client_order_id, order) is not None:
            return
        if self.context.now - order.missing_at < CONFIRM_MISSING:
            self.problems.append(unknown(order))
            return
        body = readable(order.payload)
        beside = _left(o for o in standing if o is not order)
        wanted = want is not None and order.limit_price == want.price and order.qty <= want.qty - beside
        if not wanted or body is None or want is None or not self.may_go(want, order.qty):
            self.found["writes"].append(gave_up(order, self.context.now))
        else:
            self.found["entries" if want.opens else "exits"].append(
                sent_again(order, body, self.context.now, opens=want.opens)
            )

    def may_go(self, want: Want, qty: Decimal) -> bool:
        """Say whether an order may be placed now, whatever the grid wants."""
        if want.opens and (self.control is not None or not self.context.time_is_sure):
            return False
        return self.tif(qty) != "day" or self.context.session is not None

    def tif(self, qty: Decimal) -> str:
        return entry_tif(self.grid.symbol, qty, "gtc")

    def place(self, want: Want, qty: Decimal) -> None:
        """Place what is lacking, as far as the shares are there and no own order is in the way."""
        qty = self.whole(qty if want.opens else self.closable(qty))
        if want.opens and qty > self.room:
            self.notes.append(f"grid {self.grid.id}: {want.side} {text(qty)} at {text(want.price)} waits for a cancel")
            return
        if qty < self.grid.qty_min or qty <= 0 or qty * want.price < self.grid.notional_min:
            return
        if not self.may_go(want, qty):
            return
        blocker = next((o for o in self.own if crosses(o, want.side, want.price)), None)
        if blocker is not None:
            said = f"{want.side} {text(qty)} at {text(want.price)} waits for {blocker.client_order_id}"
            self.notes.append(f"grid {self.grid.id}: {said}, which it would meet")
            return
        self.found["entries" if want.opens else "exits"].append(self.submit(want, qty))
        if want.opens:
            self.room -= qty
        else:
            self.unclosed -= qty
            self.free -= qty

    def closable(self, qty: Decimal) -> Decimal:
        """Return how much of an exit can be placed; what the broker lacks is told."""
        most = min(qty, max(self.unclosed, ZERO))
        part = min(most, max(self.free, ZERO))
        self.short += most - part
        return part

    def whole(self, qty: Decimal) -> Decimal:
        """Return the whole steps of a quantity: coins may fill in finer ones than an order may be for."""
        return step_down(qty, self.grid.increment)

    def submit(self, want: Want, qty: Decimal) -> Submit:
        grid, attempt = self.grid, self.attempt
        self.attempt += 1
        name = grid_id(self.namespace, grid.id, f"c{want.cell}", want.side, attempt)
        make = entry_body if want.opens else limit_exit_body
        side = Side.LONG if grid.kind is GridKind.SPOT else Side.SHORT
        body = make(name, grid.symbol, qty, want.price, side=side, time_in_force=self.tif(qty))
        return Submit(
            intent=(
                Insert(
                    table="order_execution",
                    values=order_row(grid, body, want.cell, attempt=attempt, now=self.context.now),
                    ref="order",
                ),
            ),
            body=body,
            why=f"grid {grid.id}, cell {want.cell}: {want.side} {text(qty)} {grid.symbol} at {text(want.price)}",
            symbol=grid.symbol,
            increases_exposure=want.opens,
            order_refs=(Ref("order"),),
        )

    def result(self) -> Difference:
        """Return what was found; exits that the broker has no shares for are waited for, then told."""
        if 0 < self.short <= self.outside:
            reason = f"GRID_DRIFT: {text(self.outside)} of its shares were traded elsewhere: put them back, or stop it"
            return Difference(writes=(pause(self.book.strategy, reason),))
        if self.short >= self.grid.qty_min and self.short > 0:
            self.lack()
        return Difference(
            **{name: tuple(actions) for name, actions in self.found.items()},  # type: ignore[arg-type]
            problems=tuple(self.problems),
            notes=tuple(self.notes),
        )

    def lack(self) -> None:
        latest = max((f.transaction_time for f in self.book.fills), default=None)
        if latest is not None and self.context.now - latest < BOOKING_LAG_MAX:
            self.wait("the broker has not booked its last fills yet")
            return
        message = (
            f"grid {self.grid.id} {self.grid.symbol}: exits for {text(self.short)} cannot be placed, "
            "for the broker has no more free; position_monitor reconciles"
        )
        self.problems.append(Problem(code="GRID_UNCOVERED", message=message, symbol=self.grid.symbol))


def _too_much(standing: Sequence[Order], want: Want | None) -> list[tuple[Order, str]]:
    """Choose what to cancel: what rests at another price, then the newest until no more rests than is wanted."""
    if want is None:
        return [(o, "the grid wants no order there") for o in standing]
    wrong = [o for o in standing if o.limit_price != want.price]
    found = [(o, f"the grid wants it at {text(want.price)}") for o in wrong]
    right = [o for o in standing if o not in wrong]
    while right and _left(right) > want.qty:
        excess = _left(right) - want.qty
        chosen = next((o for o in right if o.qty - o.filled_qty == excess), right[-1])
        right.remove(chosen)
        found.append((chosen, f"the grid wants {text(want.qty)} there"))
    return found


def _left(orders: Iterable[Order]) -> Decimal:
    return sum((o.qty - o.filled_qty for o in orders), ZERO)


def crosses(order: Order, side: str, price: Decimal | None) -> bool:
    """Say whether the broker would refuse a new order beside an own live one; `price` None is one at market.

    The stop of an OCO and a trailing stop may rest beside an opposite order; another stop, and what goes at market,
    may not.
    """
    if order.side == side or not is_live(order) or order.order_status == HELD:
        return False
    if order.parent_id is not None or order.kind == "trailing_stop":
        return False
    if price is None or order.kind not in LIMITED or order.limit_price is None:
        return True
    return price >= order.limit_price if side == "buy" else price <= order.limit_price


def _pause(book: GridBook, own: Sequence[Order]) -> Write | None:
    """Pause a grid whose orders the broker keeps refusing, at once if a trade in the symbol is in the way."""
    since = book.strategy.approved_seen_at
    by_place: dict[_Key, list[Order]] = {}
    for order in sorted(book.orders, key=lambda o: o.attempt):
        if order.cell is not None:
            by_place.setdefault((order.cell, order.side), []).append(order)
    shared = any(o.strategy_id != book.grid.id for o in own)
    for orders in by_place.values():
        newest = orders[-REFUSED_MAX:]
        refused = [o for o in newest if o.order_status == REJECTED and (since is None or o.created_at > since)]
        wash = shared and newest[-1] in refused and (newest[-1].reject_reason or "").startswith(Refusal.WASH_TRADE)
        if len(refused) == REFUSED_MAX or wash:
            reason = f"GRID_REFUSED: {newest[-1].client_order_id}: {newest[-1].reject_reason or 'without a reason'}"
            return pause(book.strategy, reason)
    return None


def unknown(order: Order) -> Problem:
    """Tell of an order that the broker did not show at one look: another has to confirm it."""
    message = f"{order.client_order_id}: whether the broker has the order is not known yet"
    return Problem(code="OUTCOME_UNKNOWN", message=message, symbol=order.symbol)


def gave_up(order: Order, now: datetime) -> Write:
    """End the row of an order that the broker never had, and that is no longer wanted."""
    change = update(order, {"order_status": UNSENT, "ended_at": now})
    return Write(changes=(change,), why=f"{order.client_order_id} is no longer wanted", symbol=order.symbol)


def sent_again(order: Order, body: Body, now: datetime, *, opens: bool) -> Submit:
    """Send an order that is twice confirmed absent once more, under its own id."""
    return Submit(
        intent=(update(order, {"submitted_at": now, "missing_at": None}),),
        body=body,
        why="twice confirmed absent: send it again under the same id",
        symbol=order.symbol,
        increases_exposure=opens,
        order=order,
    )


def order_row(grid: Grid, body: Body, cell: int | None, *, attempt: int, now: datetime) -> dict[str, object]:
    """Return the row of an order of a grid that is about to be sent."""
    limit = body.get("limit_price")
    return {
        "account": grid.account,
        "trade_id": None,
        "strategy_id": grid.id,
        "cell": cell,
        "attempt": attempt,
        "client_order_id": body["client_order_id"],
        "order_type": GRID_ORDER,
        "kind": body["type"],
        "side": body["side"],
        "symbol": body["symbol"],
        "qty": D(str(body["qty"])),
        "time_in_force": body["time_in_force"],
        "order_status": PENDING,
        "payload": freeze(body),
        "limit_price": None if limit is None else D(str(limit)),
        "created_at": now,
        "submitted_at": now,
    }
