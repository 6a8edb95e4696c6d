"""A day that lost too much writes one row of `control`; the next session's first look takes it back."""

import pytest

from lib.domain.money import D
from lib.planning.deciding.daily_loss import reduce_for_the_day
from lib.planning.deciding.exposure import world_of
from tests.builders import CLOSE, NOW, OPEN, SECOND, context, control, kinds, market, rows, tables_of, trade, values_of

LOST = trade(id=3, status="CLOSED", exit_time=OPEN, actual_pnl=D("-5000"))  # five per cent of 100 000
OURS = {"state": "REDUCING", "reason": "DAILY_LOSS: too much"}


def planned(*controls, today=(), **moment):
    kept = rows(controls=controls, today=today)
    return reduce_for_the_day(world_of(kept, market(), context(**moment)), kept, context(**moment))


@pytest.mark.case("check-R8")
@pytest.mark.parametrize(("pnl", "writes"), [("-4999.99", []), ("-5000", ["Insert control"])])
def test_at_the_limit_the_account_is_reducing(pnl, writes):
    lost = trade(id=3, status="CLOSED", exit_time=OPEN, actual_pnl=D(pnl))
    assert tables_of(planned(today=(lost,))) == writes


def test_the_row_says_what_was_lost_and_how_to_go_on():
    written = values_of(planned(today=(LOST,)), "control")
    assert (written["scope"], written["state"], written["since"]) == ("account:main", "REDUCING", NOW)
    assert "today's result is -5000, the limit is a loss of 5000" in written["reason"]
    assert written["reason"].endswith("python -m lib.control resume --account main --reason 'daily loss accepted'")


@pytest.mark.parametrize(
    ("known", "writes"),
    [
        ({"state": "ACTIVE", "since": NOW, "reason": None}, ["Update control"]),
        (OURS | {"since": OPEN}, []),
        ({"state": "HALTED", "since": OPEN}, []),
        ({"state": "FROZEN", "since": OPEN}, []),
        ({"state": "ACTIVE", "since": NOW, "reason": "daily loss accepted"}, []),
    ],
)
def test_nothing_is_written_over_what_stops_as_much_or_was_accepted(known, writes):
    assert tables_of(planned(control(**known), today=(LOST,))) == writes


@pytest.mark.parametrize(
    ("known", "lifted"),
    [
        (OURS | {"since": OPEN - SECOND}, True),
        (OURS | {"since": OPEN}, False),
        ({"state": "REDUCING", "reason": "earnings", "since": OPEN - SECOND}, False),
        ({"state": "HALTED", "reason": "DAILY_LOSS: too much", "since": OPEN - SECOND}, False),
    ],
)
def test_only_our_own_row_of_an_earlier_session_is_lifted(known, lifted):
    writes = planned(control(**known))
    assert kinds(writes) == (["Write"] if lifted else [])
    assert values_of(writes, "control").get("state") == ("ACTIVE" if lifted else None)


@pytest.mark.parametrize("moment", [{"now": CLOSE}, {"calendar": ()}], ids=["after the close", "no calendar"])
def test_while_no_session_is_on_none_is_new(moment):
    assert planned(control(**(OURS | {"since": NOW})), **moment) == ()


def test_without_an_account_nothing_is_known_and_nothing_is_written():
    assert reduce_for_the_day(None, rows(), context()) == ()
