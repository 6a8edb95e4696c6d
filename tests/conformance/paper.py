"""A paper broker as the target of rows."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from tests.conformance.running import send

MONDAY_OPEN = datetime(2012, 12, 31, 14, 30, tzinfo=UTC)
MONDAY_CLOSE = datetime(2012, 12, 31, 20, 59, tzinfo=UTC)
WEDNESDAY_OPEN = datetime(2013, 1, 2, 14, 30, tzinfo=UTC)
NOW = WEDNESDAY_OPEN + timedelta(minutes=30)
PRICES = {
    "AAPL": [(MONDAY_OPEN, Decimal(148)), (MONDAY_CLOSE, Decimal(149)), (WEDNESDAY_OPEN, Decimal(150))],
    "MSFT": [(MONDAY_OPEN, Decimal(29)), (WEDNESDAY_OPEN, Decimal(30))],
    "BTC/USD": [(MONDAY_OPEN, Decimal(19000)), (WEDNESDAY_OPEN, Decimal(20000))],
    "ETH/USD": [(MONDAY_OPEN, Decimal(900)), (WEDNESDAY_OPEN, Decimal(1000))],
}


class Paper:
    """One session to one paper broker."""

    mark = "conformance"

    def __init__(self, session, url):
        self._session, self._url = session, url

    def send(self, step):
        return send(self._session, self._url, step)

    def try_again(self, step, attempt):
        return False


def open_for(row):
    """Open a paper broker as the rows expect it, with the row's own options."""
    options = {"partial_fill_rate": Decimal(0)} | {key: _option(key, value) for key, value in row.options.items()}
    return open_paper(clock=RecordedClock(NOW), prices=ScriptedFeed(PRICES), options=Options(**options))


def _option(name, value):
    if isinstance(value, dict):
        return {key: tuple(map(Decimal, sizes)) for key, sizes in value.items()}
    kind = next(field.type for field in fields(Options) if field.name == name)
    return Decimal(value) if "Decimal" in str(kind) else value
