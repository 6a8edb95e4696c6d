"""The CSV of decisions: columns named as those of `analysis_decision`, one decision a line.

Nothing is judged here: a cell holds whatever was written, and the rules answer it as they answer the table. Replay
reads the same file; its column `at` says when a decision is written and approved.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lib.errors import ConfigError
from lib.planning.deciding.decisions import DECISION_COLUMNS

AT = "at"
APPROVE = "approve"
COLUMNS = (*DECISION_COLUMNS, "Approve", AT)
"""What a header may name, in any order; capitals do not matter."""

REQUIRED = ("symbol", "trade_style", "planned_entry", "planned_sl")
TICKED = frozenset({"1", "true", "yes"})
UNTICKED = frozenset({"", "0", "false", "no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One decision of the file: its columns as `queries.add_decision` takes them, without the account.

    `approve` is there only where the file has the column. `at` is its text as written.
    """

    line: int
    columns: Mapping[str, str | bool | None]
    at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvProblem:
    """A line that is no decision, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """What a file holds: the rows that could be read, and the lines that could not."""

    rows: tuple[CsvRow, ...] = ()
    problems: tuple[CsvProblem, ...] = ()
    has_at: bool = False


def load_csv(path: Path) -> CsvFile:
    """Read a file; raises ConfigError where the file as a whole cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # such as a NUL in the name
        raise ConfigError(f"{str(path)!r} names no file: {error}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save it as CSV in UTF-8") from None
    return read_csv(text, name=str(path))


def read_csv(text: str, *, name: str) -> CsvFile:
    """Read the text of a file; raises ConfigError for a header that is none, and where quotes do not match."""
    lines = _records(text, name)
    header = next(lines, None)
    if header is None:
        raise ConfigError(f"{name}: it is empty; its first line names the columns: {', '.join(COLUMNS)}")
    columns = _header(header[1], name)
    rows: list[CsvRow] = []
    problems: list[CsvProblem] = []
    for line, cells in lines:
        read = _row(line, columns, cells)
        if isinstance(read, CsvRow):
            rows.append(read)
        else:
            problems.append(read)
    return CsvFile(rows=tuple(rows), problems=tuple(problems), has_at=AT in columns)


def written_at(row: CsvRow) -> datetime | None:
    """Return the time in a row's column `at`, None without one; raises ConfigError for what is no time.

    A time without a zone is UTC; a date is its first moment in UTC, which is before that day's session.
    """
    if row.at is None:
        return None
    try:
        at = datetime.fromisoformat(row.at)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"line {row.line}: at {row.at!r} is neither a date nor a time like 2026-11-23") from None


def _records(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line on which each record begins, and its cells; blank lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(f"{name}, line {line}: {error}; nothing of the file was used") from None


def _header(cells: list[str], name: str) -> tuple[str, ...]:
    columns = tuple(cell.strip().lower() for cell in cells)
    known = {column.lower() for column in COLUMNS}
    unknown = [cell.strip() for cell, column in zip(cells, columns, strict=True) if column not in known]
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        raise ConfigError(f"{name}: the columns of its first line are not separated by commas")
    if unknown:
        named = ", ".join(repr(column) for column in unknown)
        raise ConfigError(f"{name}: unknown column {named}; a decision has {', '.join(COLUMNS)}")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise ConfigError(f"{name}: column {', '.join(twice)} is there twice")
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise ConfigError(f"{name}: no column {', '.join(missing)}")
    return columns


def _row(line: int, columns: tuple[str, ...], cells: list[str]) -> CsvRow | CsvProblem:
    if len(cells) != len(columns):
        return CsvProblem(line=line, reason=f"{len(cells)} cells under {len(columns)} columns")
    written = {column: cell.strip() or None for column, cell in zip(columns, cells, strict=True)}
    at, tick = written.pop(AT, None), written.pop(APPROVE, None)
    values: dict[str, str | bool | None] = {"action": "NEW_TRADE", **written}
    if APPROVE in columns:
        word = (tick or "").lower()
        if word not in TICKED | UNTICKED:
            return CsvProblem(line=line, reason=f"Approve {tick!r} is neither true nor false")
        values[APPROVE] = word in TICKED
    return CsvRow(line=line, columns=values, at=at)
