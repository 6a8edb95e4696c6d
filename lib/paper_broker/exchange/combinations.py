"""Which types, times in force, classes, quantities and hours go together, for stocks; `coins.py` has those of coins.

From the tables of "Placing Orders" and "Fractional Trading", and from what users were answered. IOC, FOK, OPG and CLS
are starred in those tables ("contact the sales team"); here every account has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.paper_broker.exchange.records import STOPS, Kind, OrderClass, TimeInForce
from lib.paper_broker.exchange.refusal import forbidden, malformed, unprocessable

if TYPE_CHECKING:
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

LASTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})


def check_stock(rules: Rules, ticket: Ticket) -> None:
    """Refuse an order for a stock whose parts do not go together."""
    grouped = ticket.order_class is not OrderClass.SIMPLE
    if grouped and ticket.fractional:
        raise unprocessable("fractional orders must be simple orders")
    if grouped and ticket.extended_hours:
        raise forbidden(f"{ticket.order_class} orders do not support extended hours trading")
    if grouped and ticket.kind in STOPS and not rules.group_entry_by_stop:
        raise malformed(f"{ticket.order_class} orders must be market or limit orders")
    if ticket.fractional and ticket.time_in_force is not TimeInForce.DAY:
        raise unprocessable("fractional orders must be DAY orders")
    if ticket.fractional and ticket.kind is Kind.TRAILING_STOP:
        # No source for the wording; the docs allow these four.
        raise unprocessable("fractional orders must be market, limit, stop or stop_limit orders")
    check_extended_hours(ticket)
    if ticket.extended_hours and rules.extended_hours_day_only and ticket.time_in_force is not TimeInForce.DAY:
        # No source for the wording; the refusal of today's Alpaca has "DAY or GTC".
        raise unprocessable("extended hours order must be DAY limit orders")
    if ticket.kind in STOPS and ticket.time_in_force not in LASTING:
        # No source for the wording; the docs have these times in force for market and limit orders only.
        raise unprocessable(f"{ticket.time_in_force} orders must be market or limit orders")


def check_extended_hours(ticket: Ticket) -> None:
    """Refuse an order for extended hours that is no limit order which lasts."""
    if not ticket.extended_hours:
        return
    if ticket.kind in STOPS:
        raise unprocessable(f"{ticket.kind} orders are not eligible for extended hours trading")
    if ticket.kind is not Kind.LIMIT or ticket.time_in_force not in LASTING:
        raise unprocessable("extended hours order must be DAY or GTC limit orders")
