"""What may go: old passes, old logs, old backups. What a trade left behind stays for ever.

Journal, orders, fills, decisions, grids, round trips, changes of quantity and events are the audit trail: no age
removes a row of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select, true

from lib.errors import ConfigError
from lib.store import backups, sqlite_files, tables
from lib.store.sql import SqlStore
from lib.store.sqlite import database_path, open_store

DAYS = 400
DAYS_MIN = 30
YEAR = Decimal(365)
LOGS = ("*.log.*", "*.gz")
"""Logs that were put away; the newest of each stage is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """How large a table is; bytes are None where SQLite cannot tell, a year is None before a day has gone by."""

    table: str
    rows: int
    bytes: int | None
    bytes_a_year: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, or would be."""

    dry_run: bool
    before: str
    runs: int
    files: tuple[str, ...]
    sizes: tuple[TableSize, ...]
    days_covered: int

    def text(self) -> str:
        """Say it in lines for a person."""
        done = "would remove" if self.dry_run else "removed"
        lines = [f"{done} {self.runs} passes from before {self.before} and {len(self.files)} files"]
        lines += [f"  {name}" for name in self.files]
        lines += ["", f"{'table':<22}{'rows':>10}{'kilobytes':>12}{'a year':>12}"]
        for size in self.sizes:
            lines.append(f"{size.table:<22}{size.rows:>10,}{_kilo(size.bytes):>12}{_kilo(size.bytes_a_year):>12}")
        total, year = (_sum(getattr(size, name) for size in self.sizes) for name in ("bytes", "bytes_a_year"))
        lines.append(f"{'all':<22}{sum(size.rows for size in self.sizes):>10,}{_kilo(total):>12}{_kilo(year):>12}")
        rate = f"at the rate of the {self.days_covered} days so far" if self.days_covered else "told after a day"
        lines.append(f"a year: what a year takes, {rate}")
        return "\n".join(lines) + "\n"


def prune(
    url: str, state_dir: Path, *, now: datetime, days: int = DAYS, keep: int = backups.KEEP, dry_run: bool = False
) -> Pruned:
    """Remove passes and put-away logs older than `days`, and backups beyond the newest `keep`.

    Room in the database is used again for new rows; its file does not shrink.
    """
    if days < DAYS_MIN:
        raise ConfigError(f"--days {days}: the last {DAYS_MIN} days are always kept")
    try:
        before, path = now - timedelta(days=days), database_path(url)
    except OverflowError:
        raise ConfigError(f"--days {days}: that is before the calendar began") from None
    store = open_store(url, state_dir)
    try:
        store.check_schema()
        files = (*backups.beyond(backups.folder(state_dir), keep, now), *_old_logs(state_dir / "log", before))
        if not dry_run:
            backups.remove(files)  # first: on a full disk no row can be removed before there is room
        runs = _prune_runs(store, before, dry_run=dry_run)
        rows, first = _rows(store)
    finally:
        store.close()
    covered = (now - first).days if first is not None else 0
    bytes_of = sqlite_files.table_sizes(path)
    return Pruned(
        dry_run=dry_run,
        before=f"{before:%Y-%m-%d}",
        runs=runs,
        files=tuple(str(each) for each in files),
        sizes=tuple(_size(name, count, bytes_of.get(name), covered) for name, count in rows),
        days_covered=covered,
    )


def _prune_runs(store: SqlStore, before: datetime, *, dry_run: bool) -> int:
    """Remove old passes but those that passes count from: of each stage the newest clean and the newest complete."""
    run = tables.stage_run.c
    newest = [
        select(func.max(run.id)).where(which).group_by(run.account, run.stage)
        for which in (run.outcome == "done", run.complete == true(), run.id > 0)
    ]
    old: ColumnElement[bool] = and_(run.finished_at < before, *(run.id.not_in(each) for each in newest))
    if dry_run:
        with store.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.stage_run).where(old)).scalar_one())
    with store.writing() as connection:
        return int(connection.execute(delete(tables.stage_run).where(old)).rowcount)


def _old_logs(folder: Path, before: datetime) -> tuple[Path, ...]:
    found = {each for pattern in LOGS for each in folder.glob(pattern) if each.is_file()}
    return tuple(sorted(each for each in found if backups.is_older(each, before)))


def _rows(store: SqlStore) -> tuple[list[tuple[str, int]], datetime | None]:
    with store.reading() as connection:
        counts = [
            (table.name, int(connection.execute(select(func.count()).select_from(table)).scalar_one()))
            for table in tables.metadata.sorted_tables
        ]
        first: Any = connection.execute(select(func.min(tables.event.c.at))).scalar()
    return counts, first


def _size(name: str, rows: int, size: int | None, covered: int) -> TableSize:
    a_year = None if size is None or covered < 1 else int(size * YEAR / covered)
    return TableSize(table=name, rows=rows, bytes=size, bytes_a_year=a_year)


def _sum(values: Iterator[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _kilo(size: int | None) -> str:
    return "-" if size is None else f"{Decimal(size) / 1024:,.0f}"
