from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from lib import sessions
from lib.paper_broker.exchange.actions import ActionKind, CorporateAction
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.exchange.market import Market
from lib.paper_broker.history.adjusting import adjuster
from lib.paper_broker.history.tape import Tape
from lib.paper_broker.history.timeframe import read_timeframe
from lib.paper_broker.prices import ScriptedFeed

START, NOW = datetime(2012, 12, 31, tzinfo=UTC), datetime(2013, 1, 4, 22, 0, tzinfo=UTC)
EX_DATE = date(2013, 1, 4)
STEPS = [
    (datetime(2013, 1, 3, 15, 0, tzinfo=UTC), Decimal(200)),
    (datetime(2013, 1, 3, 16, 0, tzinfo=UTC), Decimal(210)),
    (datetime(2013, 1, 4, 15, 0, tzinfo=UTC), Decimal(52)),
]
SPLIT = CorporateAction(
    id="1", kind=ActionKind.FORWARD_SPLIT, symbol="AAPL", ex_date=EX_DATE, old_rate=Decimal(1), new_rate=Decimal(4)
)
# One hundredth of the last price before it.
DIVIDEND = CorporateAction(id="2", kind=ActionKind.CASH_DIVIDEND, symbol="AAPL", ex_date=EX_DATE, rate=Decimal("2.10"))
ELSEWHERE = CorporateAction(id="3", kind=ActionKind.REVERSE_SPLIT, symbol="MSFT", ex_date=EX_DATE, old_rate=Decimal(9))


def bars(timeframe, wanted, now=NOW):
    actions = (SPLIT, DIVIDEND, ELSEWHERE)
    market = Market(ScriptedFeed({"AAPL": STEPS}), Hours(sessions.load(), always_open=False), actions)
    adjusted = adjuster(market, actions, "AAPL", frozenset(wanted.split(",")), now)
    found = Tape(market, "AAPL", now).bars(read_timeframe(timeframe), START, now, adjusted=adjusted)
    return [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found]


def numbers(*rows):
    return [tuple(map(Decimal, row.split())) for row in rows]


@pytest.mark.parametrize(
    ("wanted", "before"),
    [
        ("raw", "200 210 200 210 200"),
        ("spin-off", "200 210 200 210 200"),
        ("split", "50 52.50 50 52.50 800"),
        ("dividend", "198 207.90 198 207.90 200"),
        ("all", "49.50 51.98 49.50 51.98 800"),  # 51.975 is rounded to the even cent
        ("split,dividend", "49.50 51.98 49.50 51.98 800"),
    ],
)
def test_days_before_a_split_and_a_dividend_are_adjusted(wanted, before):
    assert bars("1Day", wanted) == numbers(before, "52 52 52 52 100")


def test_a_week_is_made_of_adjusted_days():
    assert bars("1Week", "split") == numbers("50 52.50 50 52 900")


def test_bars_within_a_day_are_adjusted_too():
    assert bars("1Hour", "split")[0] == numbers("50 50 50 50 400")[0]


def test_nothing_is_adjusted_before_the_day_of_the_action():
    assert bars("1Day", "all", now=datetime(2013, 1, 4, 4, 59, tzinfo=UTC)) == numbers("200 210 200 210 200")
