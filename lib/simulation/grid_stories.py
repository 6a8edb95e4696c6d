"""Stories of grids drawn from a seed: a strategy, a path through its range and beyond it, looks, and what befalls them.

The reverse story of a seed is the spot one mirrored at CENTRE: each price p becomes 2 x CENTRE - p. Only what cannot be
sold short differs: where the spot grid trades coins or parts of a share, the reverse one trades whole shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any

from lib.domain.grids import GridKind, Spacing, Straddle
from lib.domain.money import ZERO, text
from lib.simulation.points import ANY

CENTRE = Decimal(500)
"""Twice that is an even number of cents: rounding half-even is the same on both sides of it."""
CENT = Decimal("0.01")
STOCK, COIN = "SPY", "BTC/USD"
CAPITAL = Decimal(200_000)

WHOLE, PARTS, COINS = "whole shares", "parts of a share", "coins"
LOTS = (WHOLE, WHOLE, WHOLE, PARTS, COINS)
CELLS_MOST = 8
STEPS = (CENT, Decimal("0.37"), Decimal(1), Decimal(3), Decimal("7.5"), Decimal(9))
"""What a cell is wide, about: an odd cent on the whole range leaves levels between cents, which are then rounded."""
COIN_STEPS = (Decimal(5), Decimal(8), Decimal(12))
"""Wider than fees of 25 basis points on both sides take."""

CALM, TROUBLED, IN_PARTS, BOTH = "calm", "faults", "parts", "faults and parts"
MANNERS = (CALM, CALM, TROUBLED, TROUBLED, IN_PARTS, BOTH)
LAGS = {
    "cancel_latency_s": (0, 2, 20),
    "release_lag_s": (0, 0, 2),
    "ack_latency_s": (0, 0, 2, 20),
    "list_lag_s": (0, 0, 3),
    "booking_lag_s": (0, 0, 3),
}
"""How slow a broker may be, in seconds; all shorter than looks that come to rest are apart."""
CALLS_MOST = 20
"""About as many calls as a look makes that books and places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The price goes to `price`, and then somebody may look."""

    price: Decimal
    jumps: bool = False  # at once, or through every level on the way
    looks: bool = False
    beside: bool = False  # position_monitor looks too
    again: bool = False  # order_monitor looks a second time
    cancels: int | None = None  # a person cancels one of the live orders, this one modulo their number
    night: bool = False  # the next session is waited for, and before it a look is made after the close
    rests: bool = True  # further looks follow until all is at rest; if not, the price may move before that
    faults: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One grid from its start on."""

    seed: int
    kind: GridKind
    lot: str
    manner: str
    columns: Mapping[str, str]
    start: Decimal
    start_faults: Mapping[int, str]
    moves: tuple[Move, ...]
    partial_rate: Decimal = ZERO
    lags: Mapping[str, Any] = field(default_factory=dict)  # switches of the paper broker
    ends: bool = False  # in the end a person has it flattened
    refused: bool = False  # its levels lie closer than a cent

    @property
    def symbol(self) -> str:
        """Return what it trades."""
        return COIN if self.lot == COINS else STOCK

    @property
    def mirrors(self) -> bool:
        """Say whether the reverse story of the seed comes to exactly the same: nothing random differs."""
        arithmetic = self.columns["spacing"] == Spacing.ARITHMETIC
        return self.manner == CALM and self.lot == WHOLE and arithmetic and not self.refused


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a story stood after a look, in terms that are the same for its mirror."""

    numbers: tuple[Decimal, ...]
    resting: frozenset[tuple[bool, Decimal, Decimal]]
    """Whether it opens, how far from the centre towards the far end, what is left."""


def drawn(seed: int, kind: GridKind) -> Story:
    """Draw the story of a seed for a kind."""
    spot = _spot(seed)
    return spot if kind is GridKind.SPOT else _reverse(spot)


def _spot(seed: int) -> Story:
    dice = Random(f"grid {seed}")
    lot, manner = dice.choice(LOTS), dice.choice(MANNERS)
    cells = dice.randint(1, CELLS_MOST)
    refused = lot == WHOLE and cells > 1 and dice.random() < 0.03
    lower, upper = _range(dice, cells, COIN_STEPS if lot == COINS else STEPS)
    if refused:
        upper = lower + CENT * (cells - 1)
    geometric = dice.random() < 0.3
    troubled, in_parts = manner in {TROUBLED, BOTH}, manner in {IN_PARTS, BOTH}
    prices = _path(dice, lower, upper, cells)
    columns = {
        "symbol": COIN if lot == COINS else STOCK,
        "kind": GridKind.SPOT.value,
        "lower_price": text(lower),
        "upper_price": text(upper),
        "levels": str(cells + 1),
        "spacing": (Spacing.GEOMETRIC if geometric else Spacing.ARITHMETIC).value,
        "quantity_per_grid": _quantity(dice, lot),
        "capital": text(CAPITAL),
        "straddle": dice.choice(list(Straddle)).value,
    }
    return Story(
        seed=seed,
        kind=GridKind.SPOT,
        lot=lot,
        manner=manner,
        columns=columns,
        start=prices[0],
        start_faults=_faults(dice) if troubled else {},
        moves=_moves(dice, prices[1:], troubled=troubled, night=0.6 if lot == PARTS else 0.15),
        partial_rate=Decimal(dice.choice(("0.3", "0.6", "0.9"))) if in_parts else ZERO,
        lags={name: Decimal(dice.choice(seconds)) for name, seconds in LAGS.items()} if in_parts else {},
        ends=dice.random() < 0.25,
        refused=refused,
    )


def _reverse(spot: Story) -> Story:
    """Return the mirror of a spot story."""
    mine = dict(spot.columns)
    mine |= {
        "symbol": STOCK,
        "kind": GridKind.REVERSE.value,
        "lower_price": text(2 * CENTRE - Decimal(spot.columns["upper_price"])),
        "upper_price": text(2 * CENTRE - Decimal(spot.columns["lower_price"])),
    }
    if spot.lot != WHOLE:
        mine["quantity_per_grid"] = str(1 + spot.seed % 7)
    return replace(
        spot,
        kind=GridKind.REVERSE,
        lot=WHOLE,
        columns=mine,
        start=2 * CENTRE - spot.start,
        moves=tuple(replace(move, price=2 * CENTRE - move.price) for move in spot.moves),
    )


def _range(dice: Random, cells: int, steps: tuple[Decimal, ...]) -> tuple[Decimal, Decimal]:
    lower = CENTRE + dice.randint(-90, 10) + CENT * dice.choice((0, 0, 25, 99))
    width = dice.choice(steps) * cells
    return lower, lower + width + (CENT * dice.choice((0, 1)) if cells > 1 else ZERO)


def _quantity(dice: Random, lot: str) -> str:
    if lot == WHOLE:
        return str(dice.randint(1, 7))
    return dice.choice(("0.5", "1.25", "2.037")) if lot == PARTS else dice.choice(("0.03", "0.1", "0.2503"))


def _path(dice: Random, lower: Decimal, upper: Decimal, cells: int) -> list[Decimal]:
    """Draw prices, some of them beyond the range, some exactly on a level or an end of the range."""
    step = (upper - lower) / cells
    found: list[Decimal] = []
    for _ in range(dice.randint(4, 9) + 1):
        place = Decimal(dice.randint(-150, 100 * cells + 150)) / 100
        if dice.random() < 0.5:
            place = place.to_integral_value()
        price = (lower + place * step).quantize(CENT, rounding=ROUND_HALF_EVEN)
        found.append(price)
    return found


def _moves(dice: Random, prices: list[Decimal], *, troubled: bool, night: float) -> tuple[Move, ...]:
    every = dice.randint(1, 4)
    dark = dice.randrange(len(prices)) if dice.random() < night else None
    found = []
    for number, price in enumerate(prices):
        looks = number % every == every - 1 or number == len(prices) - 1 or number == dark
        struck = looks and troubled and dice.random() < 0.5
        found.append(
            Move(
                price=price,
                jumps=dice.random() < 0.2,
                looks=looks,
                beside=looks and dice.random() < 0.2,
                again=looks and dice.random() < 0.15,
                cancels=dice.randrange(100) if looks and troubled and dice.random() < 0.15 else None,
                night=number == dark,
                rests=not struck or dice.random() < 0.5,
                faults=_faults(dice) if struck else {},
            )
        )
    return tuple(found)


def _faults(dice: Random) -> dict[int, str]:
    """Draw one or two faults of a look: at which of its calls, and the n-th kind of what may befall that call."""
    return {dice.randint(1, CALLS_MOST): f"{ANY}{dice.randrange(1000)}" for _ in range(dice.choice((1, 1, 2)))}


def first_difference(spot: list[Mark], reverse: list[Mark]) -> str:
    """Say where a story and its mirror part."""
    for number, (one, other) in enumerate(zip(spot, reverse, strict=False), 1):
        if one != other:
            return f"at the rest number {number} the spot grid stands at {one}, its mirror at {other}"
    return f"the spot grid came to rest {len(spot)} times, its mirror {len(reverse)} times"
