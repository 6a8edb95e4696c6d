"""Settings: safe defaults, every bad one told at once in a line of its own, secrets never shown."""

import pytest

from lib.config import DATA_URL, PAPER_URL, REPOSITORY, SETTINGS, Settings
from lib.errors import ConfigError

KEYS = {"ALPACA_API_KEY": "PK-key", "ALPACA_SECRET_KEY": "s3cret"}


def complaints(**env):
    with pytest.raises(ConfigError) as raised:
        Settings.from_env(env)
    return str(raised.value).splitlines()


def test_nothing_set_is_the_embedded_paper_broker():
    settings = Settings.from_env({})
    assert (settings.broker, settings.api_key, settings.always_open) == ("local", "", False)
    assert settings.database_url == f"sqlite:///{REPOSITORY}/var/trading.db"
    assert settings.state_dir == REPOSITORY / "var"


def test_alpaca_with_keys_is_paper_trading_at_alpaca():
    settings = Settings.from_env({"BROKER": "alpaca", **KEYS})
    assert (settings.broker, settings.base_url, settings.data_url) == ("alpaca", PAPER_URL, DATA_URL)


def test_a_server_of_our_own_is_asked_for_market_data_too():
    settings = Settings.from_env({"ALPACA_BASE_URL": "http://127.0.0.1:8900/"})
    assert (settings.base_url, settings.data_url) == ("http://127.0.0.1:8900", "http://127.0.0.1:8900")


@pytest.mark.parametrize("keys", [KEYS, {"ALPACA_API_KEY": "k"}, {"ALPACA_SECRET_KEY": "s"}])
def test_keys_without_a_broker_are_refused_and_both_choices_named(keys):
    (line,) = complaints(**keys)
    assert line.startswith("BROKER:")
    assert "BROKER=alpaca" in line
    assert "BROKER=local" in line


def test_keys_with_the_local_broker_are_left_alone():
    assert Settings.from_env({"BROKER": "local", **KEYS}).broker == "local"


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"BROKER": "ibkr"}, "BROKER"),
        ({"BROKER": "alpaca", "ALPACA_SECRET_KEY": "s"}, "ALPACA_API_KEY"),
        ({"BROKER": "alpaca", "ALPACA_API_KEY": "k"}, "ALPACA_SECRET_KEY"),
        ({"ALPACA_PAPER": "false"}, "ALPACA_PAPER"),
        ({"PAPER_ALWAYS_OPEN": "perhaps"}, "PAPER_ALWAYS_OPEN"),
        ({"ALPACA_BASE_URL": "https://evil.example"}, "ALPACA_BASE_URL"),
        ({"ALPACA_BASE_URL": "http://paper-api.alpaca.markets"}, "ALPACA_BASE_URL"),
        ({"ALPACA_BASE_URL": "https://paper-api.alpaca.markets.evil.example"}, "ALPACA_BASE_URL"),
        ({"ALPACA_BASE_URL": "https://paper-api.alpaca.markets@evil.example"}, "ALPACA_BASE_URL"),
        ({"ALPACA_BASE_URL": "https://api.alpaca.markets"}, "ALPACA_BASE_URL"),
        ({"ALPACA_BASE_URL": "https://paper-api.alpaca.markets/v2"}, "ALPACA_BASE_URL"),
        ({"ALPACA_DATA_URL": "ftp://127.0.0.1"}, "ALPACA_DATA_URL"),
        ({"ALPACA_DATA_URL": "http://[::1"}, "ALPACA_DATA_URL"),
        ({"DATABASE_URL": "postgresql://h/db"}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///"}, "DATABASE_URL"),
        ({"DATABASE_URL": "trading.db"}, "DATABASE_URL"),
    ],
)
def test_a_bad_setting_is_one_line_that_begins_with_its_name(env, name):
    line = complaints(**env)[0]
    assert line.startswith(f"{name}: ")
    assert name in SETTINGS


def test_a_bad_address_is_complained_of_once():
    assert len(complaints(ALPACA_BASE_URL="https://evil.example")) == 1


def test_all_bad_settings_are_told_at_once():
    lines = complaints(BROKER="x", ALPACA_PAPER="maybe", DATABASE_URL="x", ALPACA_BASE_URL="x", PAPER_ALWAYS_OPEN="x")
    names = [line.partition(":")[0] for line in lines]
    assert {"BROKER", "ALPACA_PAPER", "DATABASE_URL", "ALPACA_BASE_URL", "PAPER_ALWAYS_OPEN"} <= set(names)


@pytest.mark.parametrize("yes", ["1", "true", "YES", " on "])
@pytest.mark.parametrize("no", ["0", "False", "no", "off", ""])
def test_truth_is_written_in_the_usual_ways(yes, no):
    assert Settings.from_env({"PAPER_ALWAYS_OPEN": yes}).always_open
    assert not Settings.from_env({"PAPER_ALWAYS_OPEN": no}).always_open


def test_secrets_are_in_no_repr_and_no_complaint():
    shown = repr(Settings.from_env({"BROKER": "alpaca", **KEYS})) + "".join(complaints(BROKER="x", **KEYS))
    assert not any(secret in shown for secret in KEYS.values())


@pytest.mark.parametrize(
    ("written", "opened"),
    [("sqlite:///a/b.db", f"sqlite:///{REPOSITORY}/a/b.db"), ("sqlite:////tmp/b.db", "sqlite:////tmp/b.db")],
)
def test_a_relative_database_lies_in_the_repository(written, opened):
    assert Settings.from_env({"DATABASE_URL": written}).database_url == opened


def test_a_relative_state_directory_lies_in_the_repository():
    assert Settings.from_env({"STATE_DIR": "elsewhere"}).state_dir == REPOSITORY / "elsewhere"
    assert str(Settings.from_env({"STATE_DIR": "/tmp/state"}).state_dir) == "/tmp/state"
