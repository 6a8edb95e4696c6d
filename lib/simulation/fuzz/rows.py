"""Decision rows as nobody should write them: sound rows of every action, and what may stand in each of their cells.

A cell is what a client of the database can leave there: text, a number, a blob, a truth value, nothing. The texts are
in corpus.json. Sound rows trade in symbols and name trades that no spoilt row can reach, so that what becomes of them
must not depend on the company they are in.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Cell = str | int | float | bytes | None
Cells = Mapping[str, Cell]

CORPUS = Path(__file__).parent / "corpus.json"
LONG = 10_000
LONG_SHOWN = 60

TEXTS = ("symbol", "action", "trade_style", "side")
NUMBERS = ("planned_entry", "planned_sl", "planned_tp", "qty", "trail_percent", "close_price")
OURS = ("executed", "approved_digest", "approved_seen_at", "executed_at", "execution_status", "execution_note")
COLUMNS = (
    *("id", "account", "version"),
    *TEXTS,
    *NUMBERS,
    *("target_decision_id", "expires_at", "Approve"),
    *OURS,
)
"""Every column of `analysis_decision`, in the order in which rows.INSERT names them."""

INSERT = (
    "INSERT INTO analysis_decision (id, account, version, symbol, action, trade_style, side, planned_entry, "
    "planned_sl, planned_tp, qty, trail_percent, close_price, target_decision_id, expires_at, Approve, executed, "
    "approved_digest, approved_seen_at, executed_at, execution_status, execution_note) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
AS_TEXT = (
    "UPDATE analysis_decision SET symbol = CAST(symbol AS TEXT), action = CAST(action AS TEXT), "
    "trade_style = CAST(trade_style AS TEXT), side = CAST(side AS TEXT), qty = CAST(qty AS TEXT), "
    "planned_entry = CAST(planned_entry AS TEXT), planned_sl = CAST(planned_sl AS TEXT), "
    "expires_at = CAST(expires_at AS TEXT), execution_status = CAST(execution_status AS TEXT), "
    "execution_note = CAST(execution_note AS TEXT), approved_digest = CAST(approved_digest AS TEXT) WHERE id = ?"
)
"""Bytes that no program of ours would write become text that is no UTF-8."""

NEW: dict[str, Cell] = {"action": "NEW_TRADE", "trade_style": "SWING", "planned_entry": "100", "planned_sl": "95"}
SWING: dict[str, Cell] = NEW | {"planned_tp": "110", "qty": "10"}
TREND: dict[str, Cell] = NEW | {"trade_style": "TREND"}
SHORT: dict[str, Cell] = NEW | {"side": "short", "planned_sl": "105", "planned_tp": "90", "qty": "10"}

COINS = ("BTC/USD", "ETH/USD")
SYMBOLS = (*(f"FZ{one}{two}" for one in "ABC" for two in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), *COINS)
"""What spoilt rows trade in: so many that one which is misread finds a symbol free and is ordered."""

GOOD_SYMBOLS = ("GDA", "GDB", "GDC", "GDD", "GDE", "GDF", "GDG", "GDH", "SOL/USD")
GOOD: tuple[Cells, ...] = (
    *({**SWING, "symbol": "GDA"}, {**TREND, "symbol": "GDB", "qty": "7"}, {**SHORT, "symbol": "GDC"}),
    *({**SWING, "symbol": "GDD", "qty": None}, {**TREND, "symbol": "GDE", "trail_percent": "5", "qty": "3"}),
    *({**TREND, "symbol": "GDF", "qty": "1.5"}, {**SWING, "symbol": " gdg ", "planned_entry": "1e2"}),
    *({**SWING, "symbol": "GDH", "expires_at": "2024-01-16T20:59:00Z"}, {**TREND, "symbol": "SOL/USD", "qty": "0.5"}),
    *({"action": "AMEND", "target_decision_id": "8", "planned_sl": "96"}, {"action": "CLOSE", "symbol": "RVB"}),
    *({"action": "CANCEL", "target_decision_id": "10"}, {"action": "CANCEL", "target_decision_id": "99999"}),
)
"""Sound rows; the trades of decisions 8 to 10 (RVA, RVB, RVC) are theirs alone."""

ENTRIES: tuple[Cells, ...] = (
    *({**SWING, "symbol": "FZA"}, {**TREND, "symbol": "FZB", "qty": "1.5"}, {**SHORT, "symbol": "FZC"}),
    *({**TREND, "symbol": "FZD", "trail_percent": "5"}, {**TREND, "symbol": "BTC/USD", "qty": "0.5"}),
    {**SWING, "symbol": "FZE", "qty": None},
)
REQUESTS: tuple[Cells, ...] = (
    *(
        {"action": "CANCEL", "target_decision_id": "2"},
        {"action": "CANCEL", "symbol": "PUB", "target_decision_id": "2"},
    ),
    *({"action": "AMEND", "target_decision_id": "1", "planned_sl": "97"}, {"action": "CLOSE", "symbol": "PUA"}),
    {"action": "AMEND", "target_decision_id": "4", "planned_entry": "91", "qty": "12"},
    {"action": "CLOSE", "target_decision_id": "3", "close_price": "108"},
)
"""Sound rows to be spoilt; the trades of decisions 1 to 7 are there to be named."""

AIMED: tuple[Cells, ...] = (
    *({**SWING, "symbol": "OWN", "action": "HOLD"}, {**SWING, "symbol": "$$$"}, {**SWING, "symbol": "NONE"}),
    *({**SWING, "symbol": "OWN", "planned_entry": "NaN"}, {**SWING, "symbol": "OWN", "planned_sl": "101"}),
    *({**SWING, "symbol": "OWN", "planned_entry": "100.001"}, {**SWING, "symbol": "OWN", "qty": "0.0000000001"}),
    *({**TREND, "symbol": "OWN", "trail_percent": "0.05"}, {**SWING, "symbol": "OWN", "planned_tp": None}),
    *({**TREND, "symbol": "BTC/USD", "trail_percent": "5"}, {**TREND, "symbol": "OWN", "qty": "0.001"}),
    *({**SWING, "symbol": "DNY"}, {**SWING, "symbol": "OWN", "qty": "2000"}, {**SWING, "symbol": "HLT"}),
    *({**SWING, "symbol": "OWN", "planned_entry": "150", "planned_tp": "160"}, {**SHORT, "symbol": "NSH"}),
    *({**SWING, "symbol": "OWN", "planned_sl": "100.02", "planned_entry": "101"}, {**SWING, "symbol": "WID"}),
    *({**SWING, "symbol": "NOB"}, {**SWING, "symbol": "PUA"}, {**SWING, "symbol": "PUB", "planned_entry": "90.01"}),
    *({**SWING, "symbol": "PUB", "planned_entry": "90", "planned_sl": "85", "planned_tp": "99"},),
    *(
        {**SWING, "symbol": "OWN", "approved_digest": "0"},
        {**SWING, "symbol": "OWN", "expires_at": "2024-01-16T15:00Z"},
    ),
    *({"action": "CLOSE", "target_decision_id": "12345"}, {"action": "CANCEL", "target_decision_id": "7"}),
    *({"action": "CANCEL", "target_decision_id": "1"}, {"action": "AMEND", "target_decision_id": "1", "qty": "20"}),
    *({"action": "AMEND", "target_decision_id": "1", "planned_tp": "99"},),
    *({"action": "AMEND", "target_decision_id": "1", "planned_sl": "101"},),
    *(
        {"action": "AMEND", "target_decision_id": "2", "planned_entry": "92"},
        {"action": "CLOSE", "target_decision_id": "6"},
    ),
    *({"action": "AMEND", "target_decision_id": "12", "planned_entry": "111", "planned_tp": "120"},),
    *(
        {**SWING, "symbol": "OWN", "planned_entry": "99", "qty": "3"},
        {"action": "CANCEL", "target_decision_id": "before"},
    ),
)
"""Each misses one rule; "before" stands for the id of the row before it, "OWN" for a symbol of its own."""

OWN_SYMBOLS = tuple(f"OWN{chr(ord('A') + n // 26)}{chr(ord('A') + n % 26)}" for n in range(len(AIMED)))

SPOILT_TARGETS = ("1", "2", "3", "4", "5", "6", "7", "12", "1.0", "1e0", "0", "-1", "2.5", "999999", "x", "1e30")
ACCOUNTS: tuple[Cell, ...] = ("Main", "MAIN ", "other", "", "main\x00", b"main", 0)
VERSIONS: tuple[Cell, ...] = ("x", -1, 0, 2, 2**62, 1.5, b"\x01", "1", "", 1e308)
TICKS: tuple[Cell, ...] = (1, True, "1", "true", "yes", 2, -1, 1.5, 1.0, b"\x01", "", None, 0, "TRUE", "☑", 1e308)
STATUSES: tuple[Cell, ...] = ("WAITING", "ORDERED", "DONE", "REJECTED", "EXPIRED", "rejected", "", 0, b"DONE")
ODD: tuple[Cell, ...] = (
    *(None, "", " ", 0, 1, -1, True, 2**63 - 1, -(2**63), 1e308, -1e308, 5e-324, 0.1 + 0.2),
    *(float("nan"), float("inf"), float("-inf"), b"", b"100", b"\x00", b"\xff\xfe", bytes(range(256))),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row to be written; `as_text` has its bytes stored as text."""

    cells: Cells
    as_text: bool = False

    @property
    def id(self) -> int:
        """Its id in the table."""
        return int(self.cells["id"] or 0)

    def in_short(self) -> str:
        """Write it down for a report, long cells cut."""
        cells = {
            name: cell[:LONG_SHOWN] if isinstance(cell, str | bytes) else cell for name, cell in self.cells.items()
        }
        return f"{cells}{' with bytes as text' if self.as_text else ''}"

    def values(self) -> tuple[Cell, ...]:
        """Return the cells in the order of COLUMNS."""
        return tuple(self.cells.get(name) for name in COLUMNS)


@cache
def corpus() -> dict[str, Any]:
    """Read the corpus."""
    found: dict[str, Any] = json.loads(CORPUS.read_text(encoding="utf-8"))
    return found


@cache
def texts() -> tuple[str, ...]:
    """Return every text of the corpus, the long ones too."""
    short = tuple(text for family in corpus()["texts"].values() for text in family)
    return (*short, *(each * LONG for each in corpus()["repeated"]))


def sound(first_id: int) -> tuple[Row, ...]:
    """Return the sound rows, approved, with ids from `first_id` on."""
    return tuple(_row(first_id + n, cells) for n, cells in enumerate(GOOD))


def spoilt(count: int, first_id: int, dice: random.Random) -> Iterator[Row]:
    """Yield `count` rows: first each that misses one rule, then sound ones with one to three cells spoilt."""
    for n in range(count):
        number = first_id + n
        if n < len(AIMED):
            cells = dict(AIMED[n])
            if cells.get("target_decision_id") == "before":
                cells["target_decision_id"] = str(number - 1)
            if cells.get("symbol") == "OWN":
                cells["symbol"] = OWN_SYMBOLS[n]
            yield _row(number, cells)
            continue
        cells, as_text = dict(dice.choice(ENTRIES if dice.random() < 0.85 else REQUESTS)), False
        if str(cells.get("symbol")).startswith("FZ"):
            cells["symbol"] = SYMBOLS[n % (len(SYMBOLS) - len(COINS))]
        for column in {dice.choice(dice.choice((COLUMNS[1:], NUMBERS))) for _ in range(dice.choice((1, 1, 1, 2, 3)))}:
            cells[column], is_text = _spoil(column, dice)
            as_text = as_text or is_text
        if dice.random() < 0.01:
            number = -number
        yield _row(number, cells, as_text=as_text)


def _row(number: int, cells: Cells, *, as_text: bool = False) -> Row:
    return Row(cells={"account": "main", "version": 1, "Approve": 1, **cells, "id": number}, as_text=as_text)


def _spoil(column: str, dice: random.Random) -> tuple[Cell, bool]:
    """Return what is to stand in a cell, and whether it is bytes to be stored as text."""
    fixed: Mapping[str, Sequence[Cell]] = {
        "account": ACCOUNTS,
        "version": VERSIONS,
        "target_decision_id": SPOILT_TARGETS,
        "Approve": TICKS,
        "executed": TICKS,
        "execution_status": STATUSES,
    }
    if column in fixed:
        return dice.choice(fixed[column]), False
    luck = dice.random()
    if luck < 0.05:
        return bytes.fromhex(dice.choice(tuple(corpus()["undecodable"].values()))), True
    if luck < 0.20:
        return dice.choice(ODD), False
    if luck < 0.40:
        return dice.choice(texts()), False
    if column in NUMBERS:
        return dice.choice(corpus()["numbers"]), False
    if column.endswith("_at"):
        return dice.choice(corpus()["times"]), False
    return (dice.choice(SYMBOLS) if column == "symbol" and luck < 0.7 else dice.choice(texts())), False
