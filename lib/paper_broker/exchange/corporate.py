"""What corporate actions do to positions, orders, quotes by hand and cash.

Rows look as Alpaca's do (docs.alpaca.markets, "SSE Events", non-trade activities). A split leaves fractions of a share,
never cash in lieu of them (alpaca.markets/blog, "Updated Terms for Payments in Fractional Shares", 2021). What happens
to orders at a split is in docs.alpaca.markets/docs/mandatory-corporate-actions: a reverse split cancels them, a forward
split adjusts price and quantity of plain GTC buy limits and sell stops, and of nothing else; orders of a group carry
"do not reduce" (docs, "Placing Orders"), so a bracket's stop stays where it was (alpaca-py#469). That new names,
mergers and removals cancel all orders of the symbol has no source.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ZERO, text, tick_down, tick_up, whole_down
from lib.paper_broker.exchange import holdings, lifecycle, settlement
from lib.paper_broker.exchange.actions import ActionKind, CorporateAction
from lib.paper_broker.exchange.postings import in_cents, post
from lib.paper_broker.exchange.records import Entitled, HandQuote, Kind, OrderClass, Position, Side, Status, TimeInForce
from lib.paper_broker.exchange.ticket import QTY_STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.records import Order

FOUR_PLACES = Decimal("0.0001")


def next_instant(exchange: Exchange) -> datetime | None:
    """Return when the next action takes effect or the next dividend is paid."""
    begins = next((action.begins for action in _to_come(exchange)), None)
    pays = (entitled.due for entitled in exchange.book.account.entitled)
    return min((at for at in (begins, *pays) if at is not None), default=None)


def pass_instant(exchange: Exchange, at: datetime) -> None:
    """Let the actions of `at` take effect, and pay what is due."""
    book = exchange.book
    due = [action for action in _to_come(exchange) if action.begins <= at]
    if due:
        book.account = replace(book.account, acted_until=at)
    for action in due:
        effect = _EFFECTS.get(action.kind)
        if effect is None:
            _earn(book, action)
        else:
            _catch_up(exchange, action.symbol, at)
            effect(exchange, action, at)
            book.account = replace(book.account, acted=(*book.account.acted, action))
    _pay(book, at)


def _to_come(exchange: Exchange) -> list[CorporateAction]:
    """Return the actions that this account has yet to see, the next day's alone of those in the price directory."""
    account, rules, file = exchange.book.account, exchange.rules, exchange.market.announced
    since = max(exchange.book.last, account.acted_until or exchange.book.last)
    place = bisect_right(file, since, key=lambda action: action.begins)

    def concerns(action: CorporateAction) -> bool:
        return rules.dividends if action.kind is ActionKind.CASH_DIVIDEND else rules.corporate_actions

    def upcoming() -> Iterator[CorporateAction]:
        first = next((action for action in file[place:] if concerns(action)), None)
        if first is not None:
            yield from (one for one in file[place:] if one.begins == first.begins)
        yield from (one for one in account.announced if one.begins > since)

    return sorted(filter(concerns, upcoming()), key=lambda action: action.begins)


def _catch_up(exchange: Exchange, symbol: str, at: datetime) -> None:
    """Have the fills of a symbol booked: what comes now changes shares that are held."""
    book = exchange.book
    unbooked = (replace(fill, due=at) if fill.symbol == symbol else fill for fill in book.account.unbooked)
    book.account = replace(book.account, unbooked=tuple(unbooked))
    settlement.pass_instant(exchange, at)


def _split(exchange: Exchange, action: CorporateAction, at: datetime) -> None:
    book = exchange.book
    if exchange.rules.splits_touch_orders:
        if action.kind is ActionKind.REVERSE_SPLIT:
            _cancel_orders(book, action.symbol, at)
        else:
            _adjust_orders(book, action, at)
    _divide_hand_quote(book, action)
    held = book.positions.get(action.symbol)
    if held is None:
        return
    qty = _nine(held.qty * action.new_rate / action.old_rate)
    worth = f"From QTY:{text(-held.qty)}, To QTY:{text(qty)}, Position Value:{text(in_cents(abs(held.cost)))}"
    _swap(book, action, at, replace(held, qty=qty), worth)


def _stock_dividend(exchange: Exchange, action: CorporateAction, at: datetime) -> None:
    book = exchange.book
    _divide_hand_quote(book, action)
    held = book.positions.get(action.symbol)
    if held is None:
        return
    more = _nine(held.qty * action.rate)
    book.set_position(replace(held, qty=held.qty + more))
    record = action.record_date or action.ex_date
    description = f"Stock DIV @ {text(action.rate)}, Pos QTY: {text(held.qty)}, Rec Date: {record}"
    post(
        book,
        "DIV",
        at,
        action.ex_date,
        symbol=action.symbol,
        qty=more,
        per_share_amount=action.rate,
        sub_kind="SDIV",
        description=description,
    )


def _rename(exchange: Exchange, action: CorporateAction, at: datetime) -> None:
    book, new = exchange.book, action.new_symbol or action.symbol
    _retire(book, action.symbol, at)
    quote = book.account.hand_quote(action.symbol)
    if quote is not None:
        book.account = book.account.with_hand_quote(action.symbol, None).with_hand_quote(new, quote)
    held = book.positions.get(action.symbol)
    if held is not None:
        # Our new name is a new asset, as Alpaca's is when the CUSIP changes too.
        description = f"Name Change from {action.symbol} to {new}"
        _swap(book, action, at, replace(held, symbol=new), description)


def _merge(exchange: Exchange, action: CorporateAction, at: datetime) -> None:
    book = exchange.book
    _retire(book, action.symbol, at)
    held = book.positions.get(action.symbol)
    if held is None:
        return
    cash = in_cents(held.qty * action.rate)
    description = f"Cash Merger ${text(action.rate)} per share"
    group, _ = book.next_id("group")
    day, symbol = action.ex_date, action.symbol
    post(
        book,
        "MA",
        at,
        day,
        symbol=symbol,
        qty=-held.qty,
        price=_unit(held),
        sub_kind="CMA",
        group_id=group,
        description=description,
    )
    post(book, "MA", at, day, symbol=symbol, net_amount=cash, sub_kind="CMA", group_id=group, description=description)
    book.set_position(replace(held, qty=ZERO, cost=ZERO))
    book.account = replace(book.account, cash=book.account.cash + cash)


def _remove(exchange: Exchange, action: CorporateAction, at: datetime) -> None:
    book = exchange.book
    _retire(book, action.symbol, at)
    held = book.positions.get(action.symbol)
    if held is None:
        return
    description = f"Worthless Removal - {action.symbol}"
    post(
        book,
        "REORG",
        at,
        action.ex_date,
        symbol=action.symbol,
        qty=-held.qty,
        sub_kind="WRM",
        description=description,
    )
    book.set_position(replace(held, qty=ZERO, cost=ZERO))


_EFFECTS: dict[ActionKind, Callable[[Exchange, CorporateAction, datetime], None]] = {
    ActionKind.FORWARD_SPLIT: _split,
    ActionKind.REVERSE_SPLIT: _split,
    ActionKind.STOCK_DIVIDEND: _stock_dividend,
    ActionKind.NAME_CHANGE: _rename,
    ActionKind.CASH_MERGER: _merge,
    ActionKind.WORTHLESS_REMOVAL: _remove,
}


_SWAPS = {
    ActionKind.FORWARD_SPLIT: ("SPLIT", "FSPLIT"),
    ActionKind.REVERSE_SPLIT: ("SPLIT", "RSPLIT"),
    ActionKind.NAME_CHANGE: ("NC", "SCNC"),
}


def _swap(book: Book, action: CorporateAction, at: datetime, new: Position, description: str) -> None:
    """Take the old shares away and give the new ones, at the same cost, in two rows of one group."""
    old = book.positions[action.symbol]
    kind, sub_kind = _SWAPS[action.kind]
    group, _ = book.next_id("group")
    book.set_position(replace(old, qty=ZERO, cost=ZERO))
    had = book.positions.get(new.symbol) or replace(new, qty=ZERO, cost=ZERO)
    book.set_position(replace(new, qty=had.qty + new.qty, cost=had.cost + new.cost))
    for word, part, qty in (("REMOVE", old, -old.qty), ("ADD", new, new.qty)):
        post(
            book,
            kind,
            at,
            action.ex_date,
            symbol=part.symbol,
            qty=qty,
            price=_unit(part),
            sub_kind=sub_kind,
            group_id=group,
            description=f"{word}, {description}" if kind == "SPLIT" else description,
        )


def _cancel_orders(book: Book, symbol: str, at: datetime) -> None:
    for order in book.live(symbol):
        lifecycle.end(book, order, Status.CANCELED, at)


def _adjust_orders(book: Book, action: CorporateAction, at: datetime) -> None:
    for order in book.live(action.symbol):
        if _is_adjusted(order):
            more = whole_down(order.remaining * action.new_rate / action.old_rate)
            book.put(
                replace(
                    order,
                    qty=order.filled_qty + more,
                    limit_price=_divided(order.limit_price, action),
                    stop_price=_divided(order.stop_price, action),
                    reserve_price=order.reserve_price * action.old_rate / action.new_rate,
                    updated_at=at,
                )
            )


def _is_adjusted(order: Order) -> bool:
    if order.order_class is not OrderClass.SIMPLE or order.time_in_force is not TimeInForce.GTC:
        return False
    kinds = (Kind.LIMIT,) if order.side is Side.BUY else (Kind.STOP, Kind.STOP_LIMIT)
    return order.kind in kinds


def _divided(price: Decimal | None, action: CorporateAction) -> Decimal | None:
    return max(tick_down(price * action.old_rate / action.new_rate), FOUR_PLACES) if price else price


def _divide_hand_quote(book: Book, action: CorporateAction) -> None:
    quote = book.account.hand_quote(action.symbol)
    if quote is not None:
        bid, ask = tick_down(quote.bid / action.shares), tick_up(quote.ask / action.shares)
        book.account = book.account.with_hand_quote(action.symbol, HandQuote(bid=bid, ask=ask))


def _retire(book: Book, symbol: str, at: datetime) -> None:
    """End what is left of a symbol that trades no more: its orders, and the asset itself."""
    _cancel_orders(book, symbol, at)
    facts = book.account.asset_facts(symbol) | {"status": "inactive", "tradable": False}
    book.account = book.account.with_asset_facts(symbol, facts)


def _earn(book: Book, action: CorporateAction) -> None:
    held = holdings.owned(book).get(action.symbol)
    if held is not None:
        record = action.record_date or action.ex_date
        earned = Entitled(due=action.pays, symbol=held.symbol, qty=held.qty, rate=action.rate, record_date=record)
        book.account = replace(book.account, entitled=(*book.account.entitled, earned))


def _pay(book: Book, at: datetime) -> None:
    """Pay the dividends that are due; who is short pays them."""
    for earned in book.account.entitled:
        if earned.due <= at:
            cash = in_cents(earned.qty * earned.rate)
            left = tuple(one for one in book.account.entitled if one is not earned)
            book.account = replace(book.account, entitled=left, cash=book.account.cash + cash)
            rate = text(earned.rate)
            post(
                book,
                "DIV",
                at,
                at.date(),
                symbol=earned.symbol,
                qty=earned.qty,
                net_amount=cash,
                per_share_amount=earned.rate,
                sub_kind="CDIV",
                description=f"Cash DIV @ {rate}, Pos QTY: {text(earned.qty)}, Rec Date: {earned.record_date}",
            )


def _unit(held: Position) -> Decimal:
    """Return the cost of one share, as far as such rows tell it."""
    return (held.cost / held.qty).quantize(FOUR_PLACES, rounding=ROUND_HALF_EVEN) if held.qty else ZERO


def _nine(qty: Decimal) -> Decimal:
    return qty.quantize(QTY_STEP, rounding=ROUND_DOWN).normalize() + ZERO
