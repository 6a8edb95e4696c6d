"""The real scripts tell a person, after the pass and whatever its end; what goes wrong on the way changes nothing."""

import pytest

from tests.runner.alarms import open_inbox
from tests.scripts.desk import MONITOR

pytestmark = pytest.mark.slow  # each starts real processes


@pytest.fixture
def swapped(desk):
    """A desk whose database belongs to another account than the one it reaches."""
    desk.sql("UPDATE account SET account_number = 'PA3OTHER', version = version + 1")
    return desk


def delivered(desk):
    ((count,),) = desk.sql("SELECT count(*) FROM event WHERE table_name = 'alert' AND op = 'delivered'")
    return count


@pytest.mark.case("fail-N2")
def test_what_a_person_must_mend_is_told_once_however_often_cron_finds_it(swapped):
    with open_inbox() as (address, got):
        for _ in range(2):
            code, _, err = swapped.run(MONITOR, ALERT_URLS=address)
            assert (code, "pinned to the broker account PA3OTHER" in err, "alerts:" in err) == (2, True, False)
    assert [message["title"] for message in got] == ["trading-monitor main: 2 alerts"]
    assert "PERSON_NEEDED: account main is pinned to the broker account PA3OTHER" in got[0]["message"]
    assert "FROZEN: " in got[0]["message"]
    assert delivered(swapped) == 1


@pytest.mark.case("fail-N1")
def test_an_address_nobody_answers_at_changes_no_exit_code_and_shows_no_secret(swapped, unused_port):
    code, _, err = swapped.run(MONITOR, ALERT_URLS=f"json://user:SECRET@127.0.0.1:{unused_port}/")
    assert code == 2
    assert "alerts: address 1 of 1 in ALERT_URLS: it did not take the message" in err
    assert "SECRET" not in err
    assert delivered(swapped) == 0


def test_a_dry_run_tells_nobody(swapped):
    with open_inbox() as (address, got):
        swapped.run(MONITOR, "--dry-run", ALERT_URLS=address)
    assert got == []
