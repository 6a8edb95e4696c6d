"""What the broker did to shares and told us: when it is asked for it, and for what.

One request for the ledger's rows that are no fills, one for announcements, and no more of them than the books need:

- position_monitor reads the ledger's rows in each pass, announcements only where its books and a position differ; in
  its first look of a session and after the close it reads the fees of the last days, of trades long closed too.
- order_monitor reads both outside the session, where nothing trades and a split takes effect; announcements in the last
  minutes of a session; and both in the first look after an open that no look came before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from lib.broker.port import Broker
from lib.clock import new_york
from lib.domain.bodies import is_coin
from lib.domain.facts import Snapshot
from lib.domain.records import Rows
from lib.domain.states import TradeStatus
from lib.errors import BrokerUnavailable, KeysRefused
from lib.planning.booking.fees import FEE_KINDS, FEES_BACK, day_of
from lib.planning.books import books, by_symbol
from lib.planning.context import Context
from lib.planning.grid.holdings import holdings
from lib.planning.outside.corporate import SHARE_KINDS
from lib.planning.outside.owners import is_explained
from lib.planning.protecting.splits import WITHDRAWN

LEDGER_BACK = timedelta(days=3)
"""Such rows have a day and no time of day, and some are posted the day after: they are read again for so long."""
AROUND = timedelta(days=7)
BACK_MAX = timedelta(days=60)
BEFORE_OPEN = timedelta(minutes=30)


def with_news(snapshot: Snapshot, broker: Broker, rows: Rows, context: Context, stage: str) -> Snapshot:
    """Add to a look what the broker did to shares, as far as this pass has to know it."""
    open_now, grids_of = {TradeStatus.ORDERED, TradeStatus.POSITION}, holdings(rows)
    owned = {t.symbol for t in rows.trades if t.status in open_now} | grids_of.keys()
    symbols = sorted(symbol for symbol in owned if symbol and not is_coin(symbol))
    last = max((run.started_at for run in rows.last_runs if run.stage == stage), default=None)
    if stage == "position_monitor":
        if context.session is None or _missed_the_open(last, context):
            snapshot = _with_fees(snapshot, broker, last or context.now, context.now)
        elif symbols or rows.changes:
            snapshot = _with_activities(snapshot, broker, last or context.now)
        trades_of = by_symbol(books(rows))
        asked = [
            symbol
            for symbol in symbols
            if not is_explained(symbol, trades_of.get(symbol, ()), rows, snapshot, grids_of.get(symbol, ()))
        ]
    else:
        quiet = context.session is None or _missed_the_open(last, context)
        if symbols and quiet:
            snapshot = _with_activities(snapshot, broker, last or context.now)
        asked = symbols if quiet or _ends_soon(context) else []
    return _with_announcements(snapshot, broker, asked, last or context.now, context) if asked else snapshot


def _missed_the_open(last: datetime | None, context: Context) -> bool:
    session = context.session
    return session is not None and (last is None or last < session.open - BEFORE_OPEN)


def _ends_soon(context: Context) -> bool:
    session = context.session
    return session is not None and context.now >= session.close - WITHDRAWN


def _with_activities(snapshot: Snapshot, broker: Broker, last: datetime) -> Snapshot:
    return replace(snapshot, activities=broker.activities(SHARE_KINDS, last - LEDGER_BACK))


def _with_fees(snapshot: Snapshot, broker: Broker, last: datetime, now: datetime) -> Snapshot:
    """Read back to where the fees of a day may still be posted; the first day may have been read in part."""
    since = min(last - LEDGER_BACK, now - FEES_BACK)
    activities = broker.activities(SHARE_KINDS | FEE_KINDS, since)
    return replace(snapshot, activities=activities, fees_from=day_of(since) + timedelta(days=1))


def _with_announcements(
    snapshot: Snapshot, broker: Broker, symbols: list[str], last: datetime, context: Context
) -> Snapshot:
    """Ask market data for the symbols' corporate actions; that it does not answer must not stop a stop."""
    first = max(min(last, context.now) - AROUND, context.now - BACK_MAX)
    try:
        found = broker.announcements(symbols, new_york(first).date(), new_york(context.now + AROUND).date())
    except (BrokerUnavailable, KeysRefused):
        return replace(snapshot, announcements_read=False)  # the plan tells of it
    return replace(snapshot, announcements=found, announcements_read=True)
