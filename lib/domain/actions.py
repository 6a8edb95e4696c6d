"""The closed set of things a plan may ask for, and the row changes inside them.

A plan is a tuple of these; `lib.apply` is their only interpreter and `--dry-run` their printer. What an
action needs is in it: the interpreter never chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lib.domain.facts import Problem, Snapshot
from lib.domain.records import Order


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands in a change for the id of a row inserted earlier in the same transaction."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A new row. `ref` names it for later changes of the same transaction."""

    table: str
    values: Mapping[str, object]
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """New values for one row, valid only for the version it was planned on."""

    table: str
    id: int | Ref
    version: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """The end of one row, valid only for the version it was planned on."""

    table: str
    id: int
    version: int


RowChange = Insert | Update | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Change rows in one transaction; no broker call."""

    changes: tuple[RowChange, ...]
    why: str
    symbol: str | None = None
    answers_decision: bool = False  # what a person wants to read of a pass, as against its bookkeeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Store the intent, send the frozen body, store the outcome.

    `order_refs` name the order rows inside `intent`, the order sent first, then its legs. For an order
    sent again `order` is its row as stored, `legs` its legs' rows, and `intent` only marks the attempt.
    """

    intent: tuple[RowChange, ...]
    body: Mapping[str, object]
    why: str
    symbol: str
    increases_exposure: bool
    order_refs: tuple[Ref, ...] = ()
    order: Order | None = None
    legs: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Ask the broker to cancel one order; the next look tells whether it did. `intent` is stored with the request."""

    order: Order
    why: str
    symbol: str
    intent: tuple[RowChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Ask the broker to put an order with other prices in the place of one; the next look follows it there.

    `body` holds what changes, as text. The new order gets its row when it is seen (planning.booking.chains).
    """

    order: Order
    body: Mapping[str, object]
    why: str
    symbol: str
    increases_exposure: bool = False
    intent: tuple[RowChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain:
    """Nothing to do but wait for the broker: look again in the next round."""

    why: str
    symbol: str


Action = Write | Submit | Cancel | Replace | LookAgain


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one look at rows and snapshot asks for."""

    actions: tuple[Action, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)  # for the reader of the result; no failure
    seen: Snapshot | None = None  # what it was made of, for what is asserted at the end of a pass
