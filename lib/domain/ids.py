"""Client order ids: minted once, stored before use, never reused.

Alpaca burns an id for ever once an order exists under it, so the same id can be sent again after an
unknown outcome without risk of a second order. At most 48 characters (the stricter of its two documents).
"""

from __future__ import annotations

CLIENT_ORDER_ID_CHARS_MAX = 48


def entry_id(namespace: str, decision_id: int, generation: int = 1) -> str:
    """Name the entry order of a decision."""
    return _checked(f"{namespace}-d{decision_id}-entry-{generation}")


def entry_generation(client_order_id: str) -> int | None:
    """Return which of a trade's entry orders an id of ours names; None for any other id."""
    _, mark, number = client_order_id.rpartition("-entry-")
    return int(number) if mark and number.isascii() and number.isdecimal() else None


def exit_id(namespace: str, trade_id: int, generation: int) -> str:
    """Name the n-th protective or closing order of a trade."""
    return _checked(f"{namespace}-t{trade_id}-exit-{generation}")


def grid_id(namespace: str, strategy_id: int, part: str, side: str, attempt: int) -> str:
    """Name an order of a grid; `part` is its cell as `c5`, or `start` or `close`. Attempts count on over all parts."""
    return _checked(f"{namespace}-g{strategy_id}-{part}-{side}-{attempt}")


def stop_leg_id(parent: str) -> str:
    """Name our row of an OCO's stop leg. Never sent: Alpaca names legs itself."""
    return _checked(f"{parent}-stop")


def is_ours(client_order_id: str, namespace: str) -> bool:
    """Say whether an order at the broker was minted in this namespace."""
    return client_order_id.startswith(f"{namespace}-")


def _checked(client_order_id: str) -> str:
    if len(client_order_id) > CLIENT_ORDER_ID_CHARS_MAX:
        raise ValueError(f"{client_order_id!r} has more than {CLIENT_ORDER_ID_CHARS_MAX} characters")
    return client_order_id
