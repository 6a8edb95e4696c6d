"""What the broker's noes mean, as data.

Alpaca promises that HTTP status and code stay and that wording may change, but one code stands for many reasons
(40310000 for short shares and short money alike). So phrases are matched loosely, on their key words, and the extra
fields that come with a reason speak where the wording does not.
"""

from __future__ import annotations

from collections.abc import Mapping

from lib.domain.facts import Refusal

Body = Mapping[str, object]

NOT_FOUND = 40410000

SIGNS: tuple[tuple[Refusal, tuple[str, ...]], ...] = (
    (Refusal.STOP_THROUGH, ("stop price must be", "current price")),
    (Refusal.STOP_THROUGH, ("stop_loss.stop_price must be", "base_price")),
    (Refusal.TARGET_THROUGH, ("take_profit.limit_price must be", "base_price")),
    (Refusal.NOT_BOOKED, ("oco orders must be exit orders",)),
    (Refusal.NOT_BOOKED, ("position intent mismatch",)),
    (Refusal.NOT_BOOKED, ("position does not exist",)),
    (Refusal.NOT_BOOKED, ("not allowed to short",)),
    (Refusal.NOT_BOOKED, ("cannot be sold short",)),
    (Refusal.SHARES_RESERVED, ("insufficient qty available",)),
    (Refusal.WASH_TRADE, ("wash trade",)),
    (Refusal.WASH_TRADE, ("opposite side",)),
    (Refusal.BUYING_POWER, ("insufficient", "buying power")),
    (Refusal.BUYING_POWER, ("insufficient balance for usd ",)),
    (Refusal.SHARES_RESERVED, ("insufficient balance for",)),
    (Refusal.SYMBOL_HALTED, ("trading halt",)),
    (Refusal.NOT_TRADABLE, ("is not tradable",)),
    (Refusal.NOT_TRADABLE, ("is not active",)),
    (Refusal.DAY_ONLY, ("only day orders",)),
    (Refusal.DAY_ONLY, ("must be day orders",)),
    (Refusal.NO_SUCH_STATE, ("cannot replace order",)),
    (Refusal.NO_SUCH_STATE, ("order already replaced",)),
    (Refusal.NO_SUCH_STATE, ("order chain not fully replaced",)),
    (Refusal.NO_SUCH_STATE, ("unable to replace order",)),
    (Refusal.NO_SUCH_STATE, ("order is already in",)),
    (Refusal.NO_SUCH_STATE, ("order pending cancel",)),
)
"""The first line whose phrases all occur decides."""

EXTRA_FIELDS: tuple[tuple[Refusal, frozenset[str]], ...] = (
    (Refusal.STOP_THROUGH, frozenset({"market_price", "stop_price"})),
    (Refusal.SHARES_RESERVED, frozenset({"existing_qty", "held_for_orders"})),
    (Refusal.WASH_TRADE, frozenset({"existing_order_id", "reject_reason"})),
    (Refusal.BUYING_POWER, frozenset({"buying_power", "cost_basis"})),
)
"""Asked when no phrase is known: the first line whose fields are all there decides."""

ABSENCES = ("order not found", "position does not exist", "symbol not found", "asset not found")


def classify(status: int, body: Body) -> Refusal:
    """Say which of the noes a plan tells apart this one is."""
    if status == 429:
        return Refusal.RATE_LIMIT
    words = _words(body)
    found = next((refusal for refusal, phrases in SIGNS if all(phrase in words for phrase in phrases)), None)
    if found is None:
        found = next((refusal for refusal, fields in EXTRA_FIELDS if fields <= body.keys()), Refusal.OTHER)
    if found is Refusal.SHARES_RESERVED and _is_zero(body.get("held_for_orders")):
        return Refusal.NOT_BOOKED  # no order holds the shares: they are not there
    return found


def is_id_in_use(body: Body) -> bool:
    """Say whether the client_order_id is taken, which a request of our own that did arrive looks like."""
    words = _words(body)
    return "client_order_id" in words and "unique" in words


def is_absence(status: int, body: Body | None) -> bool:
    """Say whether this is the broker's word that a thing does not exist, and not a gateway that lost its way.

    Alpaca's gateway once answered a valid path with the very same code and "endpoint not found"
    (github.com/alpacahq/Alpaca-API/issues/137); believing it would make every order and position vanish.
    """
    if status != 404 or body is None:
        return False
    words = _words(body)
    return "endpoint" not in words and (body.get("code") == NOT_FOUND or any(sign in words for sign in ABSENCES))


def _words(body: Body) -> str:
    return " ".join(f"{body.get('message')} {body.get('reject_reason')}".casefold().split())


def _is_zero(value: object) -> bool:
    return value == 0 or (isinstance(value, str) and value.strip("0.") == "" and value != "")
