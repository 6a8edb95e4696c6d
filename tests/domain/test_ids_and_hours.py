"""Names of orders, and when the exchange trades."""

from datetime import timedelta

import pytest

from lib.domain.hours import current, first_window_close, in_entry_window
from lib.domain.ids import entry_id, exit_id, is_ours, stop_leg_id
from tests.builders import CALENDAR, CLOSE, MINUTE, MONDAY, OPEN, SECOND

SESSION = CALENDAR[0]


def test_ids_are_made_of_namespace_decision_and_generation():
    assert entry_id("ns", 12) == "ns-d12-entry-1"
    assert entry_id("ns", 12, 2) == "ns-d12-entry-2"
    assert exit_id("ns", 7, 3) == "ns-t7-exit-3"
    assert stop_leg_id("ns-t7-exit-3") == "ns-t7-exit-3-stop"


@pytest.mark.parametrize(("length", "fits"), [(36, True), (37, False)])
def test_an_id_has_at_most_48_characters(length, fits):
    namespace = "n" * length  # and 12 more: -d12-entry-1
    if fits:
        assert len(entry_id(namespace, 12)) == 48
    else:
        with pytest.raises(ValueError, match="48"):
            entry_id(namespace, 12)


@pytest.mark.parametrize(
    ("name", "ours"), [("ns-d1-entry-1", True), ("ns2-d1-entry-1", False), ("ns", False), ("", False)]
)
def test_an_order_is_ours_by_its_whole_namespace(name, ours):
    assert is_ours(name, "ns") is ours


@pytest.mark.parametrize(
    ("at", "on"),
    [
        (OPEN - SECOND, None),
        (OPEN, SESSION),
        (CLOSE - SECOND, SESSION),
        (CLOSE, None),
        (OPEN + timedelta(days=1), None),
    ],
)
def test_a_session_is_on_from_its_open_until_before_its_close(at, on):
    assert current(CALENDAR, at) is on


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        (OPEN + 15 * MINUTE - SECOND, False),
        (OPEN + 15 * MINUTE, True),
        (CLOSE - 30 * MINUTE, True),
        (CLOSE - 30 * MINUTE + SECOND, False),
    ],
)
def test_entries_go_out_from_15_minutes_after_the_open_to_30_before_the_close(at, inside):
    assert in_entry_window(SESSION, at) is inside


def test_without_a_session_no_entry_goes_out():
    assert in_entry_window(None, OPEN + 20 * MINUTE) is False


@pytest.mark.parametrize(
    ("after", "closes"),
    [
        (OPEN - timedelta(days=1), CLOSE - 30 * MINUTE),
        (OPEN + 15 * MINUTE, CLOSE - 30 * MINUTE),
        (OPEN + 16 * MINUTE, CLOSE + MONDAY - 30 * MINUTE),
        (CLOSE - 31 * MINUTE, CLOSE + MONDAY - 30 * MINUTE),
        (CLOSE + MONDAY, None),
    ],
)
def test_the_first_window_after_an_approval_is_the_next_that_opens(after, closes):
    assert first_window_close(CALENDAR, after) == closes
