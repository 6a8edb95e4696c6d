"""What each trade came to, counted again from the broker's activities alone.

Nothing of the system's own books is believed: the only thing imported is the constructor of exact numbers. Which trade
an order belongs to is told by whoever sent the orders; a trade's profit is what its sales brought less what its
purchases cost, whichever came first.
"""

from lib.domain.money import ZERO, D


def profits(activities, trade_of_order):
    """Return dollars by trade from FILL rows as the broker's JSON has them, and {broker order id: trade}.

    An order that several trades share, as a person's sale of all their shares, is a list of (trade, shares) to be
    served in that order.
    """
    found = {}
    waiting = {
        order: [list(part) for part in parts] for order, parts in trade_of_order.items() if isinstance(parts, list)
    }
    for row in sorted(activities, key=lambda each: each["id"]):
        if row["activity_type"] != "FILL" or row["order_id"] not in trade_of_order:
            continue
        money = D(row["price"]) if row["side"] in {"sell", "sell_short"} else -D(row["price"])
        for trade, qty in _shares(D(row["qty"]), row["order_id"], trade_of_order, waiting):
            found[trade] = found.get(trade, ZERO) + money * qty
    return found


def _shares(qty, order, trade_of_order, waiting):
    if order not in waiting:
        yield trade_of_order[order], qty
        return
    for part in waiting[order]:
        taken = min(qty, part[1])
        if taken > 0:
            part[1] -= taken
            qty -= taken
            yield part[0], taken
