"""The gate: what is due when, going by what the last clean passes left behind. Times are New York's unless said."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise

import pytest

from lib import clock, due, sessions
from lib.domain.hours import ENTRY_CUTOFF, ENTRY_DELAY

NYSE = sessions.load()
ORDINARY, FRIDAY, SATURDAY, MONDAY = date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 23)
THANKSGIVING, HALF = date(2026, 11, 26), date(2026, 11, 27)
SPRING_FRIDAY, SPRING_MONDAY = date(2027, 3, 12), date(2027, 3, 15)  # the clocks change between them
AUTUMN_FRIDAY, AUTUMN_MONDAY = date(2026, 10, 30), date(2026, 11, 2)


def at(day, wall):
    return clock.from_new_york(day, time.fromisoformat(wall))


def listed(around):
    return [
        {"date": each.date.isoformat(), "open": each.open.isoformat(), "close": each.close.isoformat()}
        for each in NYSE.window(around, due.AHEAD)
    ]


def left_by(stage, started, *, unfinished=False, round_the_clock=False):
    recorded = {"started_at": started and started.isoformat(), "unfinished": unfinished}
    known_since = (started or at(date(2026, 10, 26), "10:00")) - timedelta(days=4)
    return {
        "version": 1,
        "sessions": listed(known_since),
        "round_the_clock": round_the_clock,
        "accounts": {"main": {stage: recorded}},
    }


def assert_slots(stage, slots):
    """Each slot (day, time) brings the stage back once: due from that second on, and not the second before."""
    moments = [at(*slot) for slot in slots]
    for previous, slot in pairwise(moments):
        state = left_by(stage, previous)
        assert not due.is_due(stage, previous, state), previous
        assert not due.is_due(stage, slot - timedelta(seconds=1), state), slot
        assert due.is_due(stage, slot, state), slot


def every(minutes, day, first, last):
    moment, end = datetime.combine(day, time.fromisoformat(first)), datetime.combine(day, time.fromisoformat(last))
    while moment <= end:
        yield day, moment.time().isoformat("minutes")
        moment += timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("day", "closing", "after", "next_day"),
    [
        (ORDINARY, "16:00", "18:00", FRIDAY),
        (FRIDAY, "16:00", "18:00", MONDAY),
        (HALF, "13:00", "15:00", date(2026, 11, 30)),
        (date(2026, 11, 25), "16:00", "18:00", HALF),
        (AUTUMN_FRIDAY, "16:00", "18:00", AUTUMN_MONDAY),
        (SPRING_FRIDAY, "16:00", "18:00", SPRING_MONDAY),
    ],
    ids=["ordinary", "weekend", "half day", "Thanksgiving", "clocks go back", "clocks go forward"],
)
def test_order_monitor_looks_before_the_open_every_five_minutes_to_the_close_and_once_more(
    day, closing, after, next_day
):
    slots = [(day, "09:15"), *every(5, day, "09:30", closing), (day, after), (next_day, "09:15"), (next_day, "09:30")]
    assert_slots("order_monitor", slots)


@pytest.mark.parametrize(
    ("day", "closing", "after", "next_day"),
    [
        (ORDINARY, "16:00", "18:15", FRIDAY),
        (HALF, "13:00", "15:15", date(2026, 11, 30)),
        (SPRING_FRIDAY, "16:00", "18:15", SPRING_MONDAY),
    ],
)
def test_position_monitor_values_every_ten_minutes_to_the_close_and_once_more(day, closing, after, next_day):
    slots = [*every(10, day, "09:30", closing), (day, after), (next_day, "09:30"), (next_day, "09:40")]
    assert_slots("position_monitor", slots)


@pytest.mark.parametrize(
    ("day", "next_day"),
    [(ORDINARY, FRIDAY), (FRIDAY, MONDAY), (HALF, date(2026, 11, 30)), (AUTUMN_FRIDAY, AUTUMN_MONDAY)],
)
def test_order_executor_claims_once_a_session(day, next_day):
    assert_slots("order_executor", [(day, "09:45"), (next_day, "09:45")])


@pytest.mark.parametrize(("day", "closing"), [(ORDINARY, "16:00"), (HALF, "13:00")])
def test_order_executor_comes_back_each_tick_and_once_after_the_close_while_something_is_unfinished(day, closing):
    moments = [at(*slot) for slot in every(5, day, "09:30", closing)]
    for previous, slot in pairwise(moments):
        state = left_by("order_executor", previous, unfinished=True)
        assert not due.is_due("order_executor", slot - timedelta(seconds=1), state), slot
        assert due.is_due("order_executor", slot, state), slot
    before_close = left_by("order_executor", moments[-1] - timedelta(minutes=3), unfinished=True)
    assert due.is_due("order_executor", moments[-1] + timedelta(hours=9), before_close)
    after_close = left_by("order_executor", moments[-1] + timedelta(minutes=1), unfinished=True)
    assert not due.is_due("order_executor", moments[-1] + timedelta(hours=9), after_close)


@pytest.mark.parametrize(
    ("wall", "expected"),
    [("09:30", False), ("09:44", False), ("09:45", True), ("12:00", True), ("15:30", True), ("15:31", False)],
)
def test_a_missed_start_catches_up_inside_the_entry_window_only(wall, expected):
    state = left_by("order_executor", at(ORDINARY, "09:45"))
    assert due.is_due("order_executor", at(FRIDAY, wall), state) is expected


@pytest.mark.parametrize(("wall", "expected"), [("12:30", True), ("12:31", False)])
def test_the_entry_window_of_a_half_day_ends_half_an_hour_before_its_close(wall, expected):
    state = left_by("order_executor", at(date(2026, 11, 25), "09:45"))
    assert due.is_due("order_executor", at(HALF, wall), state) is expected


def test_an_executor_that_failed_while_something_was_unfinished_comes_back_after_the_window():
    failed = left_by("order_executor", None, unfinished=True)
    assert due.is_due("order_executor", at(FRIDAY, "15:45"), failed)
    idle = left_by("order_executor", None)
    assert not due.is_due("order_executor", at(FRIDAY, "15:45"), idle)


@pytest.mark.parametrize(
    ("stage", "started", "now", "expected"),
    [
        ("order_monitor", at(FRIDAY, "15:57"), at(SATURDAY, "11:00"), True),
        ("order_monitor", at(FRIDAY, "18:01"), at(SATURDAY, "11:00"), False),
        ("order_monitor", at(SATURDAY, "11:00"), at(date(2026, 11, 22), "23:00"), False),
        ("position_monitor", at(FRIDAY, "18:05"), at(SATURDAY, "11:00"), True),
        ("position_monitor", at(FRIDAY, "18:15"), at(SATURDAY, "11:00"), False),
        ("order_monitor", at(date(2026, 11, 25), "18:00"), at(THANKSGIVING, "12:00"), False),
        ("order_executor", at(date(2026, 11, 25), "09:45"), at(THANKSGIVING, "12:00"), False),
        ("order_executor", at(FRIDAY, "09:50"), at(SATURDAY, "11:00"), False),
        ("order_monitor", at(ORDINARY, "10:02"), at(FRIDAY, "10:00"), True),
    ],
)
def test_a_slot_that_was_missed_is_made_up_for_and_rest_days_have_none(stage, started, now, expected):
    assert due.is_due(stage, now, left_by(stage, started)) is expected


def test_what_trades_round_the_clock_brings_order_monitor_back_every_five_minutes_on_a_sunday():
    sunday = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    state = left_by("order_monitor", sunday, round_the_clock=True)
    assert not due.is_due("order_monitor", sunday + timedelta(minutes=4, seconds=59), state)
    assert due.is_due("order_monitor", sunday + timedelta(minutes=5), state)
    assert not due.is_due("position_monitor", sunday, left_by("position_monitor", sunday, round_the_clock=True))


def test_one_account_with_coins_keeps_order_monitor_due_round_the_clock_whoever_writes_last(tmp_path):
    def passed(account, **says):
        passes = {"stage": "order_monitor", "started_at": None, "unfinished": False, "sessions": ()}
        due.write(tmp_path, account=account, **passes, **says)
        return due.read(tmp_path)["round_the_clock"]

    assert passed("coins", round_the_clock=True)
    assert passed("shares")
    assert not passed("coins", round_the_clock=False)


def test_days_that_never_close_are_sessions_like_others():
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    spans = [(midnight + timedelta(days=n), midnight + timedelta(days=n + 1)) for n in (-1, 0, 1)]
    state = left_by("order_monitor", midnight + timedelta(hours=3)) | {
        "sessions": [{"date": "", "open": first.isoformat(), "close": last.isoformat()} for first, last in spans]
    }
    assert not due.is_due("order_monitor", midnight + timedelta(hours=3, minutes=4), state)
    assert due.is_due("order_monitor", midnight + timedelta(hours=3, minutes=5), state)


def test_any_account_that_is_behind_makes_the_stage_due():
    now = at(FRIDAY, "12:01")
    state = left_by("order_monitor", at(FRIDAY, "12:00"))
    assert not due.is_due("order_monitor", now, state)
    state["accounts"]["second"] = {
        "order_monitor": {"started_at": at(FRIDAY, "11:55").isoformat(), "unfinished": False}
    }
    assert due.is_due("order_monitor", now, state)
    state["accounts"]["second"] = {"position_monitor": {"started_at": now.isoformat(), "unfinished": False}}
    assert due.is_due("order_monitor", now, state)


def test_the_zone_that_now_is_written_in_does_not_matter():
    state = left_by("order_monitor", at(FRIDAY, "12:00"))
    for hours in (-11, 0, 5, 14):
        zone = timezone(timedelta(hours=hours))
        assert not due.is_due("order_monitor", at(FRIDAY, "12:04").astimezone(zone), state)
        assert due.is_due("order_monitor", at(FRIDAY, "12:05").astimezone(zone), state)


def test_a_pass_from_the_future_vouches_for_nothing():
    state = left_by("order_monitor", at(FRIDAY, "13:00"))
    assert due.is_due("order_monitor", at(FRIDAY, "12:00"), state)


@pytest.mark.parametrize("now", [datetime(2026, 11, 10, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)])
@pytest.mark.parametrize("stage", due.STAGES)
def test_sessions_that_do_not_reach_to_now_mean_due(stage, now):
    state = left_by(stage, at(FRIDAY, "18:30"))
    assert not due.is_due(stage, at(SATURDAY, "12:00"), state)
    assert due.is_due(stage, now, state)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("sessions"),
        lambda state: state.update(sessions=[]),
        lambda state: state.update(sessions=[{"open": "soon", "close": "later"}]),
        lambda state: state.update(sessions=[{"open": "2026-11-20T14:30:00", "close": "2026-12-20T21:00:00"}]),
        lambda state: state.update(accounts={}),
        lambda state: state.update(accounts=[]),
        lambda state: state.update(accounts={"main": None}),
        lambda state: state["accounts"]["main"].update(order_monitor="yesterday"),
        lambda state: state["accounts"]["main"].update(order_monitor={"started_at": 5, "unfinished": False}),
    ],
)
def test_a_state_of_another_shape_means_due(spoil):
    state = left_by("order_monitor", at(FRIDAY, "18:30"))
    assert not due.is_due("order_monitor", at(SATURDAY, "12:00"), state)
    spoil(state)
    assert due.is_due("order_monitor", at(SATURDAY, "12:00"), state)


@pytest.mark.parametrize("stage", due.STAGES)
def test_nothing_known_means_due(stage):
    assert due.is_due(stage, at(SATURDAY, "12:00"), None)


def test_a_stage_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no stage"):
        due.is_due("order_monitr", at(SATURDAY, "12:00"), None)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 2}', "{}", "\x00", "\xff"])
def test_an_unreadable_file_or_another_version_reads_as_nothing(tmp_path, text):
    (tmp_path / "due.json").write_text(text, encoding="latin-1")
    assert due.read(tmp_path) is None


def test_no_file_reads_as_nothing(tmp_path):
    assert due.read(tmp_path / "nowhere") is None


def record(directory, stage="order_monitor", **changes):
    started = changes.pop("started_at", at(FRIDAY, "18:00"))
    given = {"account": "main", "unfinished": False, "sessions": NYSE.window(at(FRIDAY, "18:00"), due.AHEAD)} | changes
    due.write(directory, stage=stage, started_at=started, **given)


def test_a_recorded_pass_holds_the_stage_back_until_its_next_slot(tmp_path):
    record(tmp_path / "new" / "state")
    state = due.read(tmp_path / "new" / "state")
    assert not due.is_due("order_monitor", at(MONDAY, "09:14"), state)
    assert due.is_due("order_monitor", at(MONDAY, "09:15"), state)


def test_the_file_has_the_session_that_opened_last_and_the_next_thirty(tmp_path):
    record(tmp_path)
    days = [each["date"] for each in json.loads((tmp_path / "due.json").read_text())["sessions"]]
    assert (days[0], days[1], len(days)) == ("2026-11-20", "2026-11-23", 31)


def test_recording_one_pass_keeps_what_others_recorded(tmp_path):
    record(tmp_path)
    record(tmp_path, stage="order_executor", unfinished=True)
    record(tmp_path, account="second")
    recorded = {"started_at": at(FRIDAY, "18:00").isoformat(), "unfinished": False}
    assert due.read(tmp_path)["accounts"] == {
        "main": {"order_monitor": recorded, "order_executor": recorded | {"unfinished": True}},
        "second": {"order_monitor": recorded},
    }


def test_a_new_account_is_due_at_once_and_one_that_is_gone_makes_nothing_due(tmp_path):
    for account in ("main", "gone"):
        record(tmp_path, account=account)
    due.expect(tmp_path, ("main", "new"))
    state = due.read(tmp_path)
    recorded = {"order_monitor": {"started_at": at(FRIDAY, "18:00").isoformat(), "unfinished": False}}
    assert state["accounts"] == {"main": recorded, "new": {}}
    assert due.is_due("order_monitor", at(SATURDAY, "12:00"), state)
    record(tmp_path, account="new")
    assert not due.is_due("order_monitor", at(SATURDAY, "12:00"), due.read(tmp_path))
    record(tmp_path, account="gone", started_at=None)
    due.expect(tmp_path, ("main", "new"))
    assert not due.is_due("order_monitor", at(SATURDAY, "12:00"), due.read(tmp_path))


def test_accounts_that_are_known_already_leave_the_file_as_it_is(tmp_path):
    record(tmp_path)
    before = (tmp_path / "due.json").stat()
    due.expect(tmp_path, ("main",))
    assert (tmp_path / "due.json").stat() == before


def test_what_kind_of_trading_the_passes_are_for_is_kept(tmp_path):
    due.expect(tmp_path, ("main",))
    assert due.environment_of(tmp_path) is None
    record(tmp_path, environment="live")
    due.expect(tmp_path, ("main", "new"))
    assert due.environment_of(tmp_path) == "live"


@pytest.mark.parametrize("text", [None, "{", '{"version": 1, "accounts": []}'])
def test_accounts_expected_before_any_pass_are_due(tmp_path, text):
    if text is not None:
        (tmp_path / "due.json").write_text(text)
    due.expect(tmp_path, ("main", "swing"))
    assert due.read(tmp_path)["accounts"] == {"main": {}, "swing": {}}
    assert due.is_due("order_monitor", at(SATURDAY, "12:00"), due.read(tmp_path))


def test_a_pass_that_failed_keeps_the_last_clean_start(tmp_path):
    record(tmp_path, stage="order_executor")
    record(tmp_path, stage="order_executor", started_at=None, unfinished=True)
    entry = due.read(tmp_path)["accounts"]["main"]["order_executor"]
    assert entry == {"started_at": at(FRIDAY, "18:00").isoformat(), "unfinished": True}


def test_a_broken_file_is_replaced(tmp_path):
    for text in ("{", '{"version": 1, "accounts": {"main": 5}}', '{"version": 1, "accounts": []}'):
        (tmp_path / "due.json").write_text(text)
        record(tmp_path)
        assert list(due.read(tmp_path)["accounts"]) == ["main"]


def test_passes_that_end_at_the_same_moment_all_get_recorded(tmp_path):
    names = [f"account{n}" for n in range(12)]
    threads = [threading.Thread(target=record, args=(tmp_path,), kwargs={"account": name}) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(due.read(tmp_path)["accounts"]) == sorted(names)
    assert {path.name for path in tmp_path.iterdir()} == {"due.json", "due.lock"}


@pytest.mark.parametrize(
    ("environ", "dotenv", "expected"),
    [
        ({}, None, "var"),
        ({}, "", "var"),
        ({}, "#STATE_DIR=elsewhere\n", "var"),
        ({}, "STATE_DIR=elsewhere\n", "elsewhere"),
        ({}, "export STATE_DIR='else where' # kept apart\n", "else where"),
        ({}, "STATE_DIR=\n", "var"),
        ({"STATE_DIR": "mine"}, "STATE_DIR=elsewhere\n", "mine"),
        ({"STATE_DIR": "/srv/state"}, None, "/srv/state"),
        ({}, "STATE_DIR=/srv/state\n", "/srv/state"),
    ],
)
def test_the_state_directory_comes_from_the_environment_then_the_dotenv_then_the_default(
    tmp_path, environ, dotenv, expected
):
    if dotenv is not None:
        (tmp_path / ".env").write_text(dotenv)
    assert due.state_dir(environ, str(tmp_path)) == os.path.join(tmp_path, expected)  # noqa: PTH118


def test_nothing_is_due_only_where_a_pass_was_recorded(tmp_path):
    record(tmp_path)
    assert due.nothing_due("order_monitor", at(SATURDAY, "12:00"), {"STATE_DIR": str(tmp_path)})
    assert not due.nothing_due("order_monitor", at(SATURDAY, "12:00"), {"STATE_DIR": str(tmp_path / "other")})


def test_the_gate_loads_nothing_heavy(tmp_path):
    record(tmp_path, sessions=NYSE.window(clock.WallClock().now(), due.AHEAD), started_at=clock.WallClock().now())
    probe = (
        "import os, sys; from lib import clock, due\n"
        "due.nothing_due('order_monitor', clock.WallClock().now(), os.environ)\n"
        "print(*sys.modules)"
    )
    environ = os.environ | {"STATE_DIR": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, env=environ, cwd=due.REPOSITORY
    )
    heavy = "alpaca sqlalchemy requests pandas numpy pydantic pytz dotenv rich asyncio logging argparse dataclasses"
    loaded = set(answer.stdout.split())
    assert "lib.due" in loaded
    assert loaded & set(heavy.split()) == set()


def test_the_gate_and_the_rules_mean_the_same_entry_window():
    assert (due.ENTRIES_START, due.ENTRIES_END) == (ENTRY_DELAY, ENTRY_CUTOFF)
