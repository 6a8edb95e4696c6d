"""What a person has to mend: one clear line each, the exit code of the design, nothing sent, no key shown."""

import sqlite3

import pytest

from tests.scripts.desk import EXECUTOR, KEY, MONITOR, SECRET, STAGES, VALUER

pytestmark = pytest.mark.slow  # each starts real processes

UNSET = {"BROKER": "", "PAPER_ALWAYS_OPEN": ""}
KEYS = {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET}


@pytest.fixture
def waiting(desk):
    """A desk with an approved decision that anything less than a refusal would order."""
    desk.decide()
    yield desk
    desk.nothing_was_sent()


def test_bad_settings_are_told_all_at_once_one_line_each(bare):
    said = bare.refused(
        2,
        EXECUTOR,
        BROKER="etrade",
        ALPACA_PAPER="perhaps",
        ALPACA_BASE_URL="ftp://127.0.0.1",
        ALPACA_DATA_URL="http://example.com",
        DATABASE_URL="postgresql://localhost/trading",
        PAPER_ALWAYS_OPEN="sometimes",
    )
    named = [line.partition(":")[0] for line in said]
    wanted = ["ALPACA_BASE_URL", "ALPACA_DATA_URL", "ALPACA_PAPER", "BROKER", "DATABASE_URL", "PAPER_ALWAYS_OPEN"]
    assert sorted(named) == wanted
    bare.nothing_was_sent()


@pytest.mark.case("fail-N12", "fail-K8")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (UNSET | KEYS, ["BROKER: Alpaca keys are set", "BROKER=alpaca", "BROKER=local"]),
        ({"BROKER": "alpaca"}, ["ALPACA_API_KEY: needed", "ALPACA_SECRET_KEY: needed"]),
        (KEYS | {"BROKER": "alpaca", "ALPACA_PAPER": "false"}, ["add --live"]),
        (
            KEYS | {"BROKER": "alpaca", "ALPACA_BASE_URL": "https://example.com"},
            ["ALPACA_BASE_URL", "neither Alpaca's"],
        ),
    ],
    ids=["keys without BROKER", "BROKER without keys", "live", "a stranger's host"],
)
def test_settings_that_could_reach_the_wrong_broker_stop_a_stage(waiting, settings, words):
    said = "\n".join(waiting.refused(2, EXECUTOR, **settings))
    assert [word for word in words if word not in said] == []


def test_an_address_that_is_wrong_is_told_once(bare):
    (said,) = bare.refused(2, EXECUTOR, ALPACA_BASE_URL="paper.example.com")
    assert said.startswith("ALPACA_BASE_URL: ")


def test_a_missing_database_names_the_command_that_makes_it(bare):
    (said,) = bare.refused(2, EXECUTOR)
    assert str(bare.database) in said
    assert "python -m lib.store init" in said
    assert not bare.database.exists()


def test_a_file_that_is_no_database_is_left_alone(bare):
    text = "these are my notes, not a database\n" * 40
    bare.database.write_text(text)
    (said,) = bare.refused(2, MONITOR)
    assert "not an SQLite database" in said
    assert bare.database.read_text() == text


def test_an_empty_database_names_the_command_that_fills_it(bare):
    sqlite3.connect(bare.database).close()
    bare.database.touch()
    (said,) = bare.refused(2, VALUER)
    assert "python -m lib.store init" in said


@pytest.mark.case("fail-H14")
@pytest.mark.parametrize(
    ("version", "words"),
    [("0000", "python -m lib.store init"), ("9999", "from the future"), ("yesterday", "from the future")],
)
def test_a_schema_of_another_version_is_refused(waiting, version, words):
    waiting.sql("UPDATE alembic_version SET version_num = ?", version)
    (said,) = waiting.refused(2, EXECUTOR)
    assert version in said
    assert words in said


def test_an_account_that_the_database_does_not_have_is_named(waiting):
    (said,) = waiting.refused(2, EXECUTOR, "--account", "savings")
    assert "'savings'" in said
    assert "--account savings" in said


def test_another_broker_account_than_the_one_pinned_is_refused(waiting):
    waiting.done(MONITOR)
    ((pinned,),) = waiting.sql("SELECT account_number FROM account")
    elsewhere = waiting.folder / "elsewhere"
    freezing = ("stage_run", "control", "event")
    before = waiting.tables(*freezing)
    (said,) = waiting.refused(2, EXECUTOR, STATE_DIR=str(elsewhere))
    assert f"pinned to the broker account {pinned}" in said
    assert "nothing was sent" in said
    assert waiting.refused(2, EXECUTOR, "--dry-run", STATE_DIR=str(elsewhere)) == [said]
    assert waiting.tables(*freezing) == before
    assert waiting.sql("SELECT scope, state FROM control") == [("account:main", "FROZEN")]
    assert waiting.sql("SELECT outcome FROM stage_run ORDER BY id") == [("done",), ("incomplete",)]
    waiting.state = elsewhere  # where the fixture looks for orders


def test_a_broker_that_cannot_be_reached_is_for_the_next_pass(waiting, unused_port):
    url = f"http://127.0.0.1:{unused_port}"
    (*log, said) = waiting.refused(1, EXECUTOR, BROKER="alpaca", ALPACA_BASE_URL=url, **KEYS)
    assert "GET /v2/account" in said
    assert "connection" in said
    assert all("read.retry" in line for line in log)


def test_keys_that_the_broker_refuses_need_a_person(waiting):
    with waiting.server("--api-key", "another", "--secret-key", "one") as settings:
        (said,) = waiting.refused(2, EXECUTOR, **settings)
        assert "does not take the keys" in said


@pytest.mark.case("fail-N3")
def test_keys_that_the_broker_takes_are_never_written_down(desk):
    with desk.server("--api-key", KEY, "--secret-key", SECRET) as settings:
        settings |= {"PAPER_ALWAYS_OPEN": ""}
        out = desk.done(MONITOR, "--verbose", **settings)
    assert out.startswith("order_monitor: broker alpaca paper account PA")
    assert not desk.keys_shown()


@pytest.mark.parametrize("stage", STAGES)
def test_an_unknown_flag_is_a_usage_error(bare, stage):
    said = bare.refused(2, stage, "--dri-run")
    assert "--dri-run" in said[-1]


@pytest.mark.parametrize("stage", STAGES)
def test_help_tells_what_a_stage_reads_writes_and_exits_with(bare, stage):
    out = bare.done(stage, "--help", "--if-due")
    for told in ("Reads:", "Writes:", "--dry-run", "--if-due", "--account", "--json", "exit codes:"):
        assert told in out
