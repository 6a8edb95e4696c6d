"""Alerts on their way to a person: at least once, in one message, never in the way of trading."""

import io
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from lib.alerts import CannotSend, apprise_senders, body, deliver, title
from lib.clock import new_york
from lib.config import Settings
from lib.domain.alerts import AlertChange, AlertOp
from lib.errors import ConfigError
from lib.planning.alerts import standing_alerts
from lib.simulation.faults import Crash, Faults, Kind, with_faults
from lib.simulation.lifecycles import at
from lib.standing import standing
from lib.store import queries
from lib.views.status import status_page
from tests.runner.alarms import Phone, monitor, open_inbox, tell, trail


def test_a_flood_is_one_short_message(alarmed):
    (alert,) = standing_alerts(alarmed.store.alerts("main").events).values()
    flood = [replace(alert, key=f"UNCOVERED {n}") for n in range(50)]
    assert title("main", flood) == "trading-monitor main: 50 alerts"
    assert title("main", flood, live=True) == "trading-monitor LIVE main: 50 alerts"
    assert body(flood).splitlines()[-1] == "and 30 more: python -m lib.status"


# A notifier that fails


@pytest.mark.case("fail-N1")
def test_a_notifier_that_raises_changes_no_trading_row_and_the_next_pass_tells_it(owned, phone):
    phone.broken = True
    assert monitor(owned, at(16, 15, 5)) == [1]
    before = queries.events(owned.store, "main")
    said = tell(owned, phone)
    assert said == "alerts: address 1 of 1 in ALERT_URLS: OSError\n"
    assert queries.events(owned.store, "main") == before
    phone.broken = False
    assert monitor(owned, at(16, 15, 10)) == [1]
    tell(owned, phone)
    tell(owned, phone)
    assert len(phone.messages) == 1
    assert [op for op, _ in trail(owned)] == ["raised", "delivered"]


@pytest.mark.case("fail-N1")
def test_a_notifier_that_hangs_is_left_behind_at_the_deadline(alarmed, phone):
    released = threading.Event()
    said = tell(alarmed, lambda title, body: released.wait(), deadline_s=0.05)
    released.set()
    assert said == "alerts: address 1 of 1 in ALERT_URLS: no answer in time\n"
    assert trail(alarmed) == [("raised", "PERSON_NEEDED order_monitor")]
    tell(alarmed, phone)
    assert len(phone.messages) == 1


@pytest.mark.case("fail-N1")
def test_an_address_that_hangs_keeps_no_later_account_from_being_told(alarmed, phone):
    released, errors = threading.Event(), io.StringIO()
    told = {"key": "BUG s", "code": "BUG", "message": "m", "stage": "s", "since": "2024-01-16T15:00:00Z", "after": 0}
    now = alarmed.clock.now()
    alarmed.store.record_alerts("swing", [AlertChange(op=AlertOp.RAISED, columns=told)], run_id="s-1", at=now)

    def slow(title, body):
        time.sleep(0.01)  # real seconds, as the deadline's are
        return phone(title, body)

    senders = (lambda title, body: released.wait(), slow)
    for _ in range(2):
        deliver(alarmed.store, ["main", "swing"], lambda: senders, alarmed.clock, errors, deadline_s=0.2)
    released.set()
    assert [title for title, _ in phone.messages] == ["trading-monitor main: 1 alert", "trading-monitor swing: 1 alert"]


def test_a_notifier_that_does_not_take_the_message_is_asked_again(alarmed, phone):
    assert "it did not take the message" in tell(alarmed, lambda title, body: False)
    tell(alarmed, phone)
    assert len(phone.messages) == 1


def test_one_address_of_two_is_enough_and_the_other_is_named(alarmed, phone):
    broken = Phone()
    broken.broken = True
    assert tell(alarmed, broken, phone) == "alerts: address 1 of 2 in ALERT_URLS: OSError\n"
    assert tell(alarmed, broken, phone) == ""
    assert len(phone.messages) == 1


def test_addresses_that_cannot_be_opened_are_one_line(alarmed):
    errors = io.StringIO()

    def none_installed():
        raise CannotSend("ALERT_URLS is set, but Apprise is not installed")

    deliver(alarmed.store, ["main"], none_installed, alarmed.clock, errors)
    assert errors.getvalue() == "alerts: ALERT_URLS is set, but Apprise is not installed\n"


@pytest.mark.parametrize("kind", Kind)
def test_a_crash_between_the_message_and_its_row_sends_it_twice_at_most(alarmed, phone, kind):
    faulty = with_faults(alarmed.tools, Faults({1: kind}, [])).store
    with suppress(Crash):
        tell(alarmed, phone, store=faulty)
    tell(alarmed, phone)
    tell(alarmed, phone)
    assert len(phone.messages) == (2 if kind is Kind.CRASH_BEFORE else 1)


def test_stages_that_end_together_send_a_message_once(alarmed, phone):
    def slow(title, body):
        threading.Event().wait(0.05)
        return phone(title, body)

    together = [threading.Thread(target=tell, args=(alarmed, slow)) for _ in range(3)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert len(phone.messages) == 1


def test_status_says_since_when_alerts_wait_to_be_delivered_where_they_are_to_be(alarmed, phone):
    def shown(*, alerts_are_sent):
        now = alarmed.clock.now()
        read = standing(alarmed.store, "main", alarmed.tools.state_dir, now, alerts_are_sent=alerts_are_sent)
        (account,) = status_page([read], now=now, local=new_york).accounts
        return [each.what for each in account.attention if each.code == "UNDELIVERED"]

    assert shown(alerts_are_sent=False) == []
    assert shown(alerts_are_sent=True) == ["1 alert is not delivered, since 2024-01-16 10:00 ET"]
    tell(alarmed, phone)
    assert shown(alerts_are_sent=True) == []


# The setting


@pytest.mark.parametrize(
    ("written", "urls"),
    [
        ("", ()),
        (" , ", ()),
        ("json://a", ("json://a",)),
        (" json://a  tgram://b/c ,mailto://d ", ("json://a", "tgram://b/c", "mailto://d")),
        ("mailto://u:p@x.com?to=a@x.com,b@x.com json://a", ("mailto://u:p@x.com?to=a@x.com,b@x.com", "json://a")),
    ],
)
def test_addresses_are_told_apart_where_a_new_one_begins(written, urls):
    assert Settings.from_env({"ALERT_URLS": written}).alert_urls == urls


def test_an_address_is_never_shown_not_even_a_wrong_one():
    assert "SECRET" not in repr(Settings.from_env({"ALERT_URLS": "json://SECRET"}))
    with pytest.raises(ConfigError) as raised:
        Settings.from_env({"ALERT_URLS": "SECRET json://SECRET json://"})
    assert str(raised.value).splitlines() == [
        "ALERT_URLS: address 1 of 3 is no Apprise address, like tgram://TOKEN/CHAT",
        "ALERT_URLS: address 3 of 3 is no Apprise address, like tgram://TOKEN/CHAT",
    ]


# Apprise itself, over loopback

IMGHDR = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise looks for it


@pytest.fixture
def inbox():
    with open_inbox() as opened:
        yield opened


@pytest.mark.slow
@IMGHDR
def test_apprise_carries_the_message(alarmed, inbox):
    address, got = inbox
    assert tell(alarmed, *apprise_senders([address])) == ""
    assert (got[0]["title"], len(got)) == ("trading-monitor main: 1 alert", 1)
    assert got[0]["message"].startswith("PERSON_NEEDED: the broker does not take these keys")
    assert [op for op, _ in trail(alarmed)] == ["raised", "delivered"]


@pytest.mark.slow
@IMGHDR
def test_an_address_that_apprise_does_not_know_is_not_shown():
    with pytest.raises(CannotSend) as raised:
        apprise_senders(["nonsense://SECRET"])
    assert str(raised.value) == "address 1 of 1 in ALERT_URLS is none that Apprise knows"


@IMGHDR
def test_an_address_nobody_listens_on_takes_no_message_and_shows_no_secret(alarmed, capfd):
    said = tell(alarmed, *apprise_senders(["json://user:SECRET@127.0.0.1:9/"]))
    assert said == "alerts: address 1 of 1 in ALERT_URLS: it did not take the message\n"
    assert "SECRET" not in "".join(capfd.readouterr())
