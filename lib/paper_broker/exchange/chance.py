"""Randomness by hashing: a draw depends on its seed and its key, never on what was drawn before it."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

RANGE = 2**64


def draw(*key: object) -> int:
    """Return a whole number from 0 up to, not including, 2^64."""
    return int.from_bytes(blake2b("|".join(map(str, key)).encode(), digest_size=8).digest(), "big")


def below(bound: int, *key: object) -> int:
    """Return a whole number from 0 up to, not including, `bound`."""
    return draw(*key) % bound


def happens(rate: Decimal, *key: object) -> bool:
    """Say whether something that happens at `rate` (0 to 1) happens this time."""
    return draw(*key) < rate * RANGE
