"""Randomness by hashing: a draw depends on its seed and its key, never on what was drawn before it."""

from __future__ import annotations

from hashlib import blake2b
from struct import unpack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

RANGE = 2**64
DIGEST_SIZE = 8


def draw(*key: object) -> int:
    """Return a whole number from 0 up to, not including, 2^64."""
    return int.from_bytes(blake2b("|".join(map(str, key)).encode(), digest_size=DIGEST_SIZE).digest(), "big")


def below(bound: int, *key: object) -> int:
    """Return a whole number from 0 up to, not including, `bound`."""
    return draw(*key) % bound


def below_each(bound: int, numbers: Iterable[int], *key: object) -> list[int]:
    """Draw `below(bound, *key, number)` for each of many numbers, several times faster."""
    begun = blake2b("|".join((*map(str, key), "")).encode(), digest_size=DIGEST_SIZE)
    digests = []
    for number in numbers:
        whole = begun.copy()
        whole.update(b"%d" % number)
        digests.append(whole.digest())
    return [drawn % bound for drawn in unpack(f">{len(digests)}Q", b"".join(digests))]


def happens(rate: Decimal, *key: object) -> bool:
    """Say whether something that happens at `rate` (0 to 1) happens this time."""
    return draw(*key) < rate * RANGE
