"""What trading costs beside the price: the fee of coins, and the regulatory fees of stocks when they are switched on.

Coins (docs.alpaca.markets/docs/crypto-fees; rounding and rows as a third party's paper account showed in September
2026): charged on what is received, per execution, coins rounded up to nine decimals and dollars up to the cent; the
position and the cash are net at once. The docs have the rows posted at the end of the day; that account saw them
seconds to hours after the fill.

Stocks: each kind is summed over the day and rounded up to the cent. Rows of a paper account of 2026-09-08 were written
between 20:06 and 20:17 in New York. No source says when the day of the coins ends, so all go out together. A rate of
money on each execution is nothing of Alpaca's: it is there for reckonings that have one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import CENT, ZERO, text
from lib.paper_broker.exchange import postings
from lib.paper_broker.exchange.hours import NEW_YORK
from lib.paper_broker.exchange.records import LIMITED, Activity, Order, Side

if TYPE_CHECKING:
    from datetime import date

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.rules import Rules

POSTED_AT = time(20, 15)
BASIS_POINTS = Decimal(10_000)

# Alpaca's brokerage fee schedule of September 2026.
SEC_RATE = Decimal("0.0000206")  # of the money of sales, from 2026-04-04
TAF_PER_SHARE, TAF_MAX = Decimal("0.000195"), Decimal("9.79")  # of shares sold, the most per execution; 2026
CAT_PER_SHARE = Decimal("0.000003")  # of shares bought or sold


def of(order: Order, qty: Decimal, price: Decimal, at: datetime, rules: Rules) -> Decimal:
    """Return the fee of an execution in what was received: coins of a buy, money of a sale; none of a stock."""
    if "/" not in order.symbol:
        return ZERO
    rate = (rules.crypto_maker_bps if _rested(order, at) else rules.crypto_taker_bps) / BASIS_POINTS
    if order.side is Side.BUY:
        return (qty * rate).quantize(_digits(rules.crypto_fee_coin_digits), rounding=ROUND_CEILING)
    return (qty * price * rate).quantize(_digits(rules.crypto_fee_money_digits), rounding=ROUND_CEILING)


def _digits(count: int) -> Decimal:
    return Decimal(1).scaleb(-count)


def charge(book: Book, activity: Activity, rules: Rules) -> None:
    """Take the fee of a stock's execution, if one is switched on, and post it at once."""
    fee = activity.qty * activity.price * rules.stock_fee_bps / BASIS_POINTS
    if not fee or "/" in activity.symbol:
        return
    book.account = replace(book.account, cash=book.account.cash - fee)
    day = activity.at.astimezone(NEW_YORK).date()
    description = f"fee of {text(activity.qty)} {activity.symbol}"
    postings.post(book, "FEE", activity.at, day, net_amount=-fee, description=description)


def expect(book: Book, activity: Activity, rules: Rules) -> None:
    """Note that an execution's fees are to be posted."""
    charged = activity.fee or (rules.regulatory_fees and "/" not in activity.symbol)
    if charged and book.account.fees_due is None:
        book.account = replace(book.account, fees_due=_next_posting(activity.at))


def next_instant(exchange: Exchange) -> datetime | None:
    """Return when fees are posted next."""
    return exchange.book.account.fees_due


def pass_instant(exchange: Exchange, at: datetime) -> None:
    """Post the fees of the day that is over."""
    book, due = exchange.book, exchange.book.account.fees_due
    if due is None or due > at:
        return
    book.account = replace(book.account, fees_due=None)
    executions = _executions(book, due)
    day = due.astimezone(NEW_YORK).date()
    for execution in executions:
        if execution.fee:
            _post_coin_fee(book, execution, due, day)
    if exchange.rules.regulatory_fees:
        _post_regulatory_fees(book, [one for one in executions if "/" not in one.symbol], due, day)


def _rested(order: Order, at: datetime) -> bool:
    # What fills in the instant in which it comes into the book takes; later it was there first, and makes.
    since = order.elected_at or max(order.created_at, order.works_from)
    return order.kind in LIMITED and since < at


def _next_posting(after: datetime) -> datetime:
    day = after.astimezone(NEW_YORK).date()
    due = _posting(day)
    return due if due > after else _posting(day + timedelta(days=1))


def _posting(day: date) -> datetime:
    return datetime.combine(day, POSTED_AT, tzinfo=NEW_YORK).astimezone(UTC)


def _executions(book: Book, due: datetime) -> list[Activity]:
    """Return the executions of the day that ends at `due`, oldest first."""
    start = _posting(due.astimezone(NEW_YORK).date() - timedelta(days=1))
    found: list[Activity] = []
    for execution in book.latest_executions():
        if execution.at < start:
            break
        if execution.at < due:
            found.append(execution)
    return found[::-1]


def _post_coin_fee(book: Book, execution: Activity, at: datetime, day: date) -> None:
    if execution.side is Side.SELL:
        description = "Coin Pair Transaction Fee (USD)"
        postings.post(book, "CFEE", at, day, net_amount=-execution.fee, description=description)
        return
    pair, price = execution.symbol.replace("/", ""), execution.price
    description = "Coin Pair Transaction Fee (Non USD)"
    postings.post(book, "CFEE", at, day, symbol=pair, qty=-execution.fee, price=price, description=description)


def _post_regulatory_fees(book: Book, executions: list[Activity], at: datetime, day: date) -> None:
    sales = [one for one in executions if one.side is Side.SELL]
    proceeds = sum((one.qty * one.price for one in sales), ZERO)
    shares = text(sum((one.qty for one in sales), ZERO))
    rows = (
        (
            "CAT",
            sum((one.qty for one in executions), ZERO) * CAT_PER_SHARE,
            f"{len(executions)} trades on {day} by {book.account.number}",
        ),
        ("REG", proceeds * SEC_RATE, f"${postings.in_cents(proceeds)} on {day} by {book.account.number}"),
        (
            "TAF",
            sum((min(one.qty * TAF_PER_SHARE, TAF_MAX) for one in sales), ZERO),
            f"{shares} shares ({len(sales)} trades) on {day} by {book.account.number}",
        ),
    )
    for sub_kind, amount, what in rows:
        fee = amount.quantize(CENT, rounding=ROUND_CEILING)
        if fee:
            book.account = replace(book.account, cash=book.account.cash - fee)
            description = f"{sub_kind} fee for proceed of {what}"
            postings.post(book, "FEE", at, day, net_amount=-fee, sub_kind=sub_kind, description=description)
