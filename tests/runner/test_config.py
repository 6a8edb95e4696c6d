"""Settings: safe defaults, every bad one told at once in a line of its own, secrets never shown."""

from decimal import Decimal

import pytest

from lib.config import DATA_URL, PAPER_URL, REPOSITORY, SETTINGS, Settings
from lib.errors import ConfigError

KEYS = {"ALPACA_API_KEY": "PK-key", "ALPACA_SECRET_KEY": "s3cret"}
SWING = {"ALPACA_API_KEY__SWING": "PK-swing", "ALPACA_SECRET_KEY__SWING": "sw1ng"}
HERE, THERE = "http://127.0.0.1:8900", "http://127.0.0.1:8901"


def complaints(**env):
    with pytest.raises(ConfigError) as raised:
        Settings.from_env(env)
    return str(raised.value).splitlines()


def test_nothing_set_is_the_embedded_paper_broker():
    settings = Settings.from_env({})
    assert (settings.broker, settings.access, settings.always_open) == ("local", {}, False)
    assert settings.database_url == f"sqlite:///{REPOSITORY}/var/trading.db"
    assert settings.state_dir == REPOSITORY / "var"


def test_alpaca_with_keys_is_paper_trading_at_alpaca():
    settings = Settings.from_env({"BROKER": "alpaca", **KEYS})
    main = settings.access_of("main")
    assert (settings.broker, main.base_url, main.data_url) == ("alpaca", PAPER_URL, DATA_URL)


def test_a_server_of_our_own_is_asked_for_market_data_too():
    main = Settings.from_env({"ALPACA_BASE_URL": f"{HERE}/", "BROKER": "alpaca", **KEYS}).access_of("main")
    assert (main.base_url, main.data_url) == (HERE, HERE)


@pytest.mark.parametrize("keys", [KEYS, {"ALPACA_API_KEY": "k"}, {"ALPACA_SECRET_KEY": "s"}, SWING])
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
        ({"SYMBOL_SHARING": "all"}, "SYMBOL_SHARING"),
        ({"STOP_LOST": "panic"}, "STOP_LOST"),
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


@pytest.mark.parametrize(("written", "read"), [("", "alert"), ("ALERT", "alert"), (" flatten ", "flatten")])
def test_what_follows_on_lost_stops_is_one_of_two_words(written, read):
    assert Settings.from_env({"STOP_LOST": written}).limits.stop_lost == read


def test_limits_lists_and_the_life_of_entries_are_read_into_one_place():
    limits = Settings.from_env(
        {
            "LIMITS": "risk_per_trade=0.02 orders_per_day_max=7",
            "SYMBOLS_ALLOWED": "aapl, MSFT BTC/USD",
            "SYMBOLS_DENIED": "GME",
            "ENTRY_TIF": "GTC",
        }
    ).limits
    assert (limits.risk_per_trade, limits.orders_per_day_max, limits.open_trades_max) == (Decimal("0.02"), 7, 20)
    assert limits.symbols_allowed == {"AAPL", "MSFT", "BTC/USD"}
    assert limits.symbols_denied == {"GME"}
    assert limits.entry_tif == "gtc"


def test_each_wrong_limit_symbol_and_time_in_force_is_told():
    lines = complaints(LIMITS="x=1 risk_per_trade=2", SYMBOLS_ALLOWED="AAPL A/B/C", SYMBOLS_DENIED="$", ENTRY_TIF="ioc")
    names = [line.partition(":")[0] for line in lines]
    assert sorted(names) == ["ENTRY_TIF", "LIMITS", "LIMITS", "SYMBOLS_ALLOWED", "SYMBOLS_DENIED"]


@pytest.mark.parametrize(
    ("written", "complaint"), [(" , ", "it names no symbol"), ("..", "'..' is no symbol")], ids=["commas", "dots"]
)
def test_a_list_of_symbols_that_names_none_does_not_let_all_in(written, complaint):
    assert complaints(SYMBOLS_ALLOWED=written) == [f"SYMBOLS_ALLOWED: {complaint}"]


@pytest.mark.parametrize("yes", ["1", "true", "YES", " on "])
@pytest.mark.parametrize("no", ["0", "False", "no", "off", ""])
def test_truth_is_written_in_the_usual_ways(yes, no):
    assert Settings.from_env({"PAPER_ALWAYS_OPEN": yes}).always_open
    assert not Settings.from_env({"PAPER_ALWAYS_OPEN": no}).always_open


@pytest.mark.case("fail-N3")
def test_secrets_are_in_no_repr_and_no_complaint():
    shown = repr(Settings.from_env({"BROKER": "alpaca", **KEYS, **SWING})) + "".join(complaints(BROKER="x", **KEYS))
    shown += "".join(complaints(BROKER="alpaca", **KEYS, ALPACA_API_KEY__SWING=KEYS["ALPACA_API_KEY"]))
    assert not any(secret in shown for secret in (KEYS | SWING).values())


@pytest.mark.parametrize(
    ("written", "opened"),
    [("sqlite:///a/b.db", f"sqlite:///{REPOSITORY}/a/b.db"), ("sqlite:////tmp/b.db", "sqlite:////tmp/b.db")],
)
def test_a_relative_database_lies_in_the_repository(written, opened):
    assert Settings.from_env({"DATABASE_URL": written}).database_url == opened


def test_a_relative_state_directory_lies_in_the_repository():
    assert Settings.from_env({"STATE_DIR": "elsewhere"}).state_dir == REPOSITORY / "elsewhere"
    assert str(Settings.from_env({"STATE_DIR": "/tmp/state"}).state_dir) == "/tmp/state"


@pytest.mark.parametrize("suffix", ["SWING", "swing", "Swing"])
def test_a_name_behind_two_underscores_makes_an_account_whatever_its_case(suffix):
    env = {"BROKER": "alpaca", f"ALPACA_API_KEY__{suffix}": "k", f"ALPACA_SECRET_KEY__{suffix}": "s"}
    settings = Settings.from_env(env)
    assert list(settings.access) == ["swing"]
    assert settings.access_of("Swing").api_key == "k"
    assert settings.access_of("main") is None


def test_variables_know_no_hyphen_so_an_underscore_stands_for_it():
    env = {"BROKER": "alpaca", "ALPACA_API_KEY__LONG_TERM": "k", "ALPACA_SECRET_KEY__LONG_TERM": "s"}
    assert Settings.from_env(env).access_of("long-term").secret_key == "s"


def test_an_account_without_addresses_of_its_own_has_mains():
    env = {"BROKER": "alpaca", "ALPACA_BASE_URL": HERE, **KEYS, **SWING}
    swing = Settings.from_env(env).access_of("swing")
    assert (swing.base_url, swing.data_url) == (HERE, HERE)


@pytest.mark.parametrize(
    ("of_main", "own", "reached"),
    [
        ({}, {"ALPACA_BASE_URL__SWING": THERE}, (THERE, THERE)),
        ({"ALPACA_BASE_URL": HERE}, {"ALPACA_BASE_URL__SWING": PAPER_URL}, (PAPER_URL, DATA_URL)),
        ({"ALPACA_DATA_URL": HERE}, {"ALPACA_BASE_URL__SWING": THERE}, (THERE, HERE)),
        ({}, {"ALPACA_DATA_URL__SWING": THERE}, (PAPER_URL, THERE)),
    ],
)
def test_an_address_of_its_own_goes_before_mains(of_main, own, reached):
    swing = Settings.from_env({"BROKER": "alpaca"} | KEYS | SWING | of_main | own).access_of("swing")
    assert (swing.base_url, swing.data_url) == reached


def test_main_needs_no_keys_where_another_account_has_some():
    assert list(Settings.from_env({"BROKER": "alpaca", **SWING}).access) == ["swing"]


@pytest.mark.case("fail-K8")
@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"ALPACA_API_KEY__SWING": "k"}, "ALPACA_SECRET_KEY__SWING"),
        ({"ALPACA_SECRET_KEY__SWING": "s"}, "ALPACA_API_KEY__SWING"),
        (SWING | {"ALPACA_API_KEY": "k"}, "ALPACA_SECRET_KEY"),
        (KEYS | SWING | {"ALPACA_PAPER__SWING": "false"}, "ALPACA_PAPER__SWING"),
        (KEYS | SWING | {"ALPACA_PAPER__SWING": "perhaps"}, "ALPACA_PAPER__SWING"),
        (KEYS | SWING | {"ALPACA_BASE_URL__SWING": "https://api.alpaca.markets"}, "ALPACA_BASE_URL__SWING"),
        (KEYS | SWING | {"ALPACA_DATA_URL__SWING": "ftp://127.0.0.1"}, "ALPACA_DATA_URL__SWING"),
        (KEYS | SWING | {"ALPACA_BASE_URL": "https://evil.example"}, "ALPACA_BASE_URL"),
        (KEYS | {"ALPACA_API_KEY__": "k"}, "ALPACA_API_KEY__"),
        (KEYS | {"ALPACA_API_KEY__A-B": "k"}, "ALPACA_API_KEY__A-B"),
        (KEYS | {"ALPACA_API_KEY__MAIN": "k"}, "ALPACA_API_KEY__MAIN"),
        (KEYS | {"DATABASE_URL__SWING": "sqlite:///x.db"}, "DATABASE_URL__SWING"),
        (KEYS | SWING | {"ALPACA_API_KEY__swing": "other"}, "ALPACA_API_KEY__swing"),
        (KEYS | SWING | {"ALPACA_API_KEY__SWING": "PK-key"}, "ALPACA_API_KEY__SWING"),
    ],
)
def test_a_bad_variable_of_an_account_is_one_line_that_begins_with_its_name(env, name):
    (line,) = complaints(BROKER="alpaca", **env)
    assert line.startswith(f"{name}: ")


def test_variables_of_other_programs_are_none_of_ours():
    foreign = {"ALPACA_API_KEY_ID": "x", "ALPACA_ENDPOINT__X": "y", "A__B": "z", "ALPACA_API_KEY__OLD": ""}
    assert list(Settings.from_env({"BROKER": "alpaca"} | KEYS | foreign).access) == ["main"]
