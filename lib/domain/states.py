"""States and their transitions, as data.

The broker's words are Alpaca's, except `cancelled`, which the tables have always spelled so. A status is
kept as text in the rows: a word that nobody knew when this was written must be storable. Unknown words
count as live, because believing an order dead is the dearer mistake.
"""

from __future__ import annotations

from enum import StrEnum


class TradeStatus(StrEnum):
    """Where a trade of the journal stands."""

    ORDERED = "ORDERED"  # claimed; an entry order is wanted, sent or unknown
    POSITION = "POSITION"  # shares are owned
    CLOSED = "CLOSED"  # nothing is owned any more; the result is final but for fees
    CANCELLED = "CANCELLED"  # ended without a share


class Role(StrEnum):
    """What an order is for: the column `order_type` of `order_execution`."""

    ENTRY = "ENTRY"
    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    EXIT = "EXIT"  # at market, or at a limit that fills now: the stop was already through, or the trade is to close


EXIT_ROLES = frozenset({Role.STOP_LOSS, Role.TAKE_PROFIT, Role.EXIT})


class Action(StrEnum):
    """What a decision asks for."""

    NEW_TRADE = "NEW_TRADE"
    CANCEL = "CANCEL"  # an entry that is not filled whole
    AMEND = "AMEND"  # an entry, or the levels of a position
    CLOSE = "CLOSE"  # a position, at market or at a limit


class Side(StrEnum):
    """Which way a trade goes: the column `side` of `trade_journal`."""

    LONG = "long"
    SHORT = "short"


class DecisionStatus(StrEnum):
    """How far a decision has come: the column `execution_status`."""

    WAITING = "WAITING"  # refused for now; tried again until the entry window closes
    ORDERED = "ORDERED"  # claimed: the trade is in the journal
    DONE = "DONE"  # its trade has ended; how, the journal tells
    REJECTED = "REJECTED"  # refused for good, with the reason in `execution_note`
    EXPIRED = "EXPIRED"  # its entry window closed before it could be sent


class ExitReason(StrEnum):
    """Why a trade ended."""

    STOPPED_OUT = "STOPPED_OUT"
    PROFIT_TAKEN = "PROFIT_TAKEN"
    MANUAL_EXIT = "MANUAL_EXIT"  # closed outside this system
    DECISION_EXIT = "DECISION_EXIT"  # a CLOSE decision
    FLATTENED = "FLATTENED"  # its stop was refused as already through, so it was sold at market
    LIQUIDATED = "LIQUIDATED"  # by the broker
    CORPORATE_ACTION = "CORPORATE_ACTION"  # the shares were exchanged, paid out or removed


EXIT_REASON_OF_ROLE = {
    Role.STOP_LOSS: ExitReason.STOPPED_OUT,
    Role.TAKE_PROFIT: ExitReason.PROFIT_TAKEN,
    Role.EXIT: ExitReason.FLATTENED,
}


class ControlState(StrEnum):
    """How much the system may do in a scope, loosest first."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"  # nothing that can increase a position; resting entries stay
    HALTED = "HALTED"  # the same, and resting entries are cancelled; what the system itself writes
    FROZEN = "FROZEN"  # no request that changes anything


class Change(StrEnum):
    """Why a quantity changed without a fill of ours: the column `cause` of `quantity_change`."""

    OPENING = "OPENING"
    FOREIGN_FILL = "FOREIGN_FILL"
    SPLIT = "SPLIT"
    RENAME = "RENAME"
    TRANSFER = "TRANSFER"
    LIQUIDATION = "LIQUIDATION"
    FEE_IN_KIND = "FEE_IN_KIND"  # the fee of a coin is taken from what was bought
    DUST = "DUST"  # what is left of a closed trade and is too little for an order
    UNEXPLAINED = "UNEXPLAINED"


EXIT_REASON_OF_CHANGE: dict[str, ExitReason] = {
    Change.LIQUIDATION: ExitReason.LIQUIDATED,
    Change.SPLIT: ExitReason.CORPORATE_ACTION,
    Change.RENAME: ExitReason.CORPORATE_ACTION,
    Change.TRANSFER: ExitReason.CORPORATE_ACTION,
}
"""Why a trade ended by a change of quantity that was no fill of ours; any other cause is MANUAL_EXIT."""

PENDING = "pending"  # ours: wanted and stored; whether the broker has it is not known
UNSENT = "unsent"  # ours: confirmed absent at the broker when the entry window closed
NEW = "new"
ACCEPTED = "accepted"
PENDING_NEW = "pending_new"
HELD = "held"
PARTIALLY_FILLED = "partially_filled"
PENDING_CANCEL = "pending_cancel"
PENDING_REPLACE = "pending_replace"
FILLED = "filled"
CANCELLED = "cancelled"
EXPIRED = "expired"
REJECTED = "rejected"
REPLACED = "replaced"

BROKER_LIVE = frozenset(
    {
        NEW,
        ACCEPTED,
        PENDING_NEW,
        HELD,
        PARTIALLY_FILLED,
        PENDING_CANCEL,
        PENDING_REPLACE,
        "done_for_day",
        "accepted_for_bidding",
        "stopped",
        "suspended",
        "calculated",
        "pending_review",
    }
)
BROKER_ENDED = frozenset({FILLED, CANCELLED, EXPIRED, REJECTED, REPLACED})
ENDED = BROKER_ENDED | {UNSENT}
RESOLVING = frozenset({PENDING, PENDING_CANCEL, PENDING_REPLACE})
"""While one of a trade's exits is here, no other exit is planned for it."""

NOT_COVERING = RESOLVING - {PENDING_REPLACE}
"""A stop that is being replaced still works at its old level, until the new one does (only one of the two fills)."""

LATE = {
    UNSENT: BROKER_LIVE | BROKER_ENDED,  # real-world possibility: the request arrived after all
    CANCELLED: frozenset({FILLED}),  # real-world possibility: the fill was on its way
    EXPIRED: frozenset({FILLED}),  # real-world possibility: same
    REPLACED: frozenset({FILLED, CANCELLED}),  # real-world possibility: alpaca-py#198
}
"""Ways out of an ended order state that really happen."""

TRADE_TRANSITIONS = {
    TradeStatus.ORDERED: frozenset({TradeStatus.POSITION, TradeStatus.CANCELLED}),
    TradeStatus.POSITION: frozenset({TradeStatus.CLOSED}),
    TradeStatus.CANCELLED: frozenset({TradeStatus.POSITION}),  # real-world possibility: a late fill
    TradeStatus.CLOSED: frozenset[TradeStatus](),
}


class Move(StrEnum):
    """What the order table says of a status the broker shows."""

    SAME = "same"
    STEP = "step"  # allowed
    STALE = "stale"  # a live word for an order that we know has ended: the read is old
    UNKNOWN = "unknown"  # no transition that anybody has seen: quarantine


def order_move(known: str, seen: str) -> Move:
    """Classify the step of an order from the status we hold to the one the broker shows."""
    if known == seen:
        return Move.SAME
    if known == PENDING or known not in ENDED:
        return Move.STEP
    if seen in LATE.get(known, frozenset[str]()):
        return Move.STEP
    return Move.UNKNOWN if seen in BROKER_ENDED else Move.STALE
