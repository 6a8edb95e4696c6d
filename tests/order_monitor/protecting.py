"""One trade that owns something, and the next step of its cover: what the tests of protection share."""

from dataclasses import replace

from lib.domain.actions import Cancel, Submit
from lib.domain.money import D
from lib.planning.protecting.cover import plan_cover
from tests.builders import MINUTE, NOW, book, bought, context, exit_order, held, oco, quote, snapshot

BEFORE = NOW - MINUTE
IN_THIS_PASS = NOW + MINUTE / 2
STOPPED = {"trade_style": "DAY", "planned_tp": None}
TRAILING = {"trade_style": "TREND", "planned_tp": None, "trail_percent": D("5")}
SHORT = {"side": "short", "planned_sl": D("155"), "planned_tp": D("140")}
COIN = {
    "symbol": "BTC/USD",
    "planned_entry": D("60000"),
    "planned_sl": D("55000"),
    "planned_tp": D("70000"),
    "planned_qty": D("0.5"),
}


def owning(*exits, qty="10", extra=(), entry=None, **terms):
    """Return a trade whose entry filled `qty`, with the exits given."""
    journal, bought_by, first = bought(**terms)
    side = "sell" if journal.side == "short" else "buy"
    named = {"symbol": journal.symbol, "side": side}
    had = {"qty": D(qty), "filled_qty": D(qty)} | named
    filled = replace(bought_by, **(had | (entry or {})))
    mine = tuple(replace(o, symbol=journal.symbol) for o in exits)
    return book(filled, *mine, trade=journal, fills=(replace(first, qty=D(qty), **named),), changes=extra)


def look(qty="10", *, free=None, symbol="AAPL", bid=None, ask=None, live=(), **changes):
    """Return a look at a position of `qty`, of which `free` may be closed, and at a quote."""
    shown = held(qty, symbol=symbol, qty_available=D(qty if free is None else free))
    quotes = {} if bid is None else {symbol: quote(bid, ask or bid, symbol=symbol, **changes)}
    return snapshot(shown, quotes=quotes, live=live)


def step(kept, shown, *, now=NOW, started=None, controls=(), **changes):
    """Plan the next step of a trade's cover."""
    return plan_cover(kept, shown, context(now=now, pass_started_at=started or now, **changes), "ns", controls)


def sent(planned):
    """Return the body of the order that a step sends; None if it sends none."""
    return next((a.body for a in planned[0] if isinstance(a, Submit)), None)


def cancelled(planned):
    """Name the orders that a step cancels."""
    return [a.order.client_order_id for a in planned[0] if isinstance(a, Cancel)]


def reasons(planned):
    """Return why each of a step's actions is taken."""
    return " ".join(a.why for a in planned[0])


def refused(code, *, short=False, **changes):
    """Return the rows of an OCO that the broker refused in this pass."""
    said = {"order_status": "rejected", "reject_reason": f"{code}: it says", "created_at": NOW, "alpaca_order_id": None}
    side = {"side": "buy" if short else "sell"}
    parent, leg = oco(**(said | side | changes))
    return parent, replace(leg, order_status="rejected", alpaca_order_id=None, **side)


def fraction_stop(qty="0.5", **changes):
    """Return the DAY stop of a part of a share, live unless told otherwise."""
    values = {"id": 8, "qty": D(qty), "time_in_force": "day", "client_order_id": "ns-t7-exit-4"}
    return exit_order(**(values | {"alpaca_order_id": "B8"} | changes))


def trailing(stop="152", **changes):
    """Return a trailing stop that has got to `stop`."""
    values = {"kind": "trailing_stop", "trail_percent": D("5"), "stop_price": stop and D(stop)}
    return exit_order(**(values | changes))


def coin_stop(**changes):
    """Return the stop-limit of half a coin, live unless told otherwise."""
    values = {"kind": "stop_limit", "qty": D("0.49875"), "stop_price": D("55000"), "limit_price": D("53900")}
    return exit_order(**(values | {"symbol": "BTC/USD"} | changes))


def live_entry(**changes):
    """Return the columns of an entry that may still fill."""
    return {"order_status": "partially_filled", "ended_at": None, "qty": D("20")} | changes
