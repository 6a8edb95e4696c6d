"""Real money: settings, hosts, places and limits of its own, the flag, and an account that only a hand pins."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from lib import due
from lib.bootstrap import open_database, open_tools, simulated_store
from lib.clock import WallClock
from lib.config import DATA_URL, LIVE_URL, PAPER_URL, REPOSITORY, Settings, check_live_flag
from lib.domain.actions import Update
from lib.domain.limits import LIVE_DEFAULTS, RULES, Limits
from lib.errors import ConfigError
from lib.intake.control_desk import Desk, pin
from lib.paper_broker.options import Options
from lib.simulation.lifecycles import SWING_AAPL, at
from lib.simulation.world import world
from lib.store import queries
from tests.runner.alarms import FEED

KEYS = {"BROKER": "alpaca", "ALPACA_API_KEY": "AK-key", "ALPACA_SECRET_KEY": "s3cret"}
SWING = {"ALPACA_API_KEY__SWING": "AK-swing", "ALPACA_SECRET_KEY__SWING": "sw1ng"}
PLACES = {"DATABASE_URL": "sqlite:///var/live.db", "STATE_DIR": "var/live"}
LIVE = KEYS | PLACES | {"ALPACA_PAPER": "false"}
HERE = "http://127.0.0.1:8900"
WANTS = "live trading wants its own DATABASE_URL and STATE_DIR"


def complaints(env):
    with pytest.raises(ConfigError) as raised:
        Settings.from_env(env)
    return str(raised.value).splitlines()


def without(env, *names):
    return {name: value for name, value in env.items() if name not in names}


# Settings


def test_live_settings_reach_the_live_host_and_paper_ones_never_do():
    live = Settings.from_env(LIVE)
    assert (live.live, live.environment) == (True, "live")
    assert (live.access_of("main").base_url, live.access_of("main").data_url) == (LIVE_URL, DATA_URL)
    paper = Settings.from_env(KEYS)
    assert (paper.live, paper.environment, paper.access_of("main").base_url) == (False, "paper", PAPER_URL)


@pytest.mark.case("fail-K8")
@pytest.mark.parametrize(
    ("env", "words"),
    [
        (KEYS | {"ALPACA_BASE_URL": LIVE_URL}, "neither Alpaca's paper or data host over https (ALPACA_PAPER is true)"),
        (
            LIVE | {"ALPACA_BASE_URL": PAPER_URL},
            "neither Alpaca's live or data host over https (ALPACA_PAPER is false)",
        ),
        (LIVE | {"ALPACA_BASE_URL": "http://api.alpaca.markets"}, "neither Alpaca's live or data host over https"),
    ],
)
def test_a_trading_host_is_taken_only_by_the_kind_of_settings_it_is_for(env, words):
    (line,) = complaints(env)
    assert line.startswith("ALPACA_BASE_URL: ")
    assert words in line


def test_a_server_on_this_machine_may_stand_for_the_live_host():
    access = Settings.from_env(LIVE | {"ALPACA_BASE_URL": HERE}).access_of("main")
    assert (access.base_url, access.data_url) == (HERE, HERE)


@pytest.mark.parametrize("default", [None, "sqlite:///var/trading.db", "sqlite:///var/../var/trading.db"])
def test_live_trading_never_uses_the_default_database(default):
    env = without(LIVE, "DATABASE_URL") | ({} if default is None else {"DATABASE_URL": default})
    (line,) = complaints(env)
    assert line.startswith(f"DATABASE_URL: {WANTS}")


@pytest.mark.parametrize("default", [None, "var", "var/", f"{REPOSITORY}/var"])
def test_live_trading_never_uses_the_default_state_directory(default):
    (line,) = complaints(without(LIVE, "STATE_DIR") | ({} if default is None else {"STATE_DIR": default}))
    assert line.startswith(f"STATE_DIR: {WANTS}")


@pytest.mark.parametrize("name", ["ALPACA_PAPER", "ALPACA_PAPER__SWING"])
def test_the_built_in_broker_has_no_live_trading(name):
    lines = complaints({"BROKER": "local", name: "false"} | PLACES)
    assert [line for line in lines if line.startswith(f"{name}: live trading is at Alpaca")] == lines


@pytest.mark.parametrize(
    ("env", "name"),
    [
        (KEYS | SWING | PLACES | {"ALPACA_PAPER__SWING": "false"}, "ALPACA_PAPER__SWING"),
        (LIVE | SWING | {"ALPACA_PAPER__SWING": "true"}, "ALPACA_PAPER"),
    ],
)
def test_one_database_never_has_live_accounts_and_paper_accounts(env, name):
    (line,) = complaints(env)
    assert line.startswith(f"{name}: some accounts are live and some are paper")
    assert WANTS in line


def test_an_account_without_a_word_of_its_own_is_of_mains_kind():
    settings = Settings.from_env(LIVE | SWING)
    assert settings.live
    assert settings.access_of("swing").base_url == LIVE_URL


def test_a_live_account_beside_a_main_without_keys_is_live_trading():
    keys = {"BROKER": "alpaca", "ALPACA_PAPER__SWING": "false"} | SWING
    settings = Settings.from_env(keys | PLACES)
    assert (settings.live, settings.access_of("swing").base_url) == (True, LIVE_URL)
    assert [line.partition(":")[0] for line in complaints(keys)] == ["DATABASE_URL", "STATE_DIR"]


# Limits


def test_live_trading_begins_with_small_limits():
    limits = Settings.from_env(LIVE).limits
    assert (limits.order_notional_max, limits.orders_per_day_max, limits.orders_per_run_max) == (1000, 5, 5)
    assert (limits.gross_exposure_max, limits.position_share_max) == (Decimal("0.1"), Decimal("0.05"))
    assert (limits.risk_per_trade, limits.daily_loss_max) == (Decimal("0.005"), Decimal("0.01"))
    assert limits.open_trades_max == 5
    assert limits.price_collar == Limits().price_collar
    assert Settings.from_env(KEYS).limits == Limits()


def test_no_limit_of_live_trading_is_wider_than_that_of_paper_trading_or_out_of_its_range():
    paper = Limits()
    for name, value in LIVE_DEFAULTS.items():
        assert RULES[name].low <= value <= RULES[name].high
        assert value < getattr(paper, name)


def test_limits_that_are_written_go_before_the_small_ones():
    limits = Settings.from_env(LIVE | {"LIMITS": "order_notional_max=25000"}).limits
    assert (limits.order_notional_max, limits.orders_per_day_max) == (25_000, 5)


# The flag


@pytest.mark.parametrize(
    ("env", "live", "sends"), [(LIVE, True, True), (LIVE, True, False), (LIVE, False, False), (KEYS, False, True)]
)
def test_the_flag_and_the_settings_agree(env, live, sends):
    check_live_flag(Settings.from_env(env), live=live, sends=sends)


@pytest.mark.parametrize(
    ("env", "live", "sends", "words"),
    [
        (LIVE, False, True, "these settings are for live trading, with real money: add --live"),
        (KEYS, True, True, "--live was given and these settings are for paper trading"),
        (KEYS, True, False, "--live was given and these settings are for paper trading"),
        ({}, True, True, "--live was given and these settings are for paper trading"),
    ],
)
def test_a_flag_that_the_settings_deny_is_refused_in_one_sentence(env, live, sends, words):
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}[^\n]*; nothing was sent$"):
        check_live_flag(Settings.from_env(env), live=live, sends=sends)


# The database and the account


def of_kind(tmp_path, kind):
    return Settings(
        database_url=f"sqlite:///{tmp_path}/trading.db", state_dir=tmp_path, broker="alpaca", live=kind == "live"
    )


@pytest.mark.case("fail-K8")
@pytest.mark.parametrize(("pinned", "settings"), [("paper", "live"), ("live", "paper")])
def test_a_database_pinned_to_one_kind_refuses_settings_of_the_other(tmp_path, pinned, settings):
    store = simulated_store(f"sqlite:///{tmp_path}/trading.db", tmp_path, at(16, 14, 43))
    row = store.account("main")
    values = {"account_number": "PA1", "environment": pinned}
    store.write(
        (Update(table="account", id=row.id, version=row.version, values=values),), run_id="pin", at=at(16, 14, 43)
    )
    store.close()
    open_database(of_kind(tmp_path, pinned)).close()
    with pytest.raises(ConfigError, match=f"^this database is for {pinned} trading .*: {WANTS}$"):
        open_database(of_kind(tmp_path, settings))


@pytest.mark.case("fail-K8")
@pytest.mark.parametrize(("before", "settings"), [("paper", "live"), ("live", "paper")])
def test_a_state_directory_of_one_kind_refuses_settings_of_the_other_with_a_database_of_their_own(
    tmp_path, before, settings
):
    """Its due.json knows accounts by name: main's clean pass on paper would keep the gate of main's live one shut."""
    simulated_store(f"sqlite:///{tmp_path}/trading.db", tmp_path, at(16, 14, 43)).close()
    past = {"account": "main", "stage": "order_monitor", "started_at": None, "unfinished": False, "sessions": ()}
    due.write(tmp_path, environment=before, **past)
    open_database(of_kind(tmp_path, before)).close()
    with pytest.raises(ConfigError, match=f"^STATE_DIR {tmp_path} is that of {before} trading, .*: {WANTS}$"):
        open_database(of_kind(tmp_path, settings))


def test_the_first_line_of_a_result_says_live(tmp_path):
    access = Settings.from_env(LIVE).access
    for kind, said in (("live", "broker alpaca LIVE"), ("paper", "broker alpaca paper")):
        settings = replace(of_kind(tmp_path, kind), access=access)
        store = simulated_store(f"sqlite:///{tmp_path}/{kind}.db", tmp_path, at(16, 14, 43))
        assert open_tools(settings, store, "main", WallClock()).broker.where == said
        store.close()


@pytest.fixture
def live(tmp_path):
    """A world whose broker counts as live, with a decision that any pass which is let through would order."""

    def wrap(tools):
        return replace(tools, environment="live")

    with world(tmp_path, at(16, 14, 43), FEED, options=Options(partial_fill_rate=0), wrap=wrap) as made:
        made.decide(**SWING_AAPL)
        yield made


@pytest.mark.parametrize("kind", [None, "paper"])
@pytest.mark.case("fail-K8")
def test_a_live_account_is_pinned_by_hand_alone(live, kind):
    if kind == "paper":  # pinned while these rows were for play money
        pin_as(live, "paper")
    for minute, stage in enumerate(("order_monitor", "order_executor", "position_monitor")):
        live.clock.advance_to(at(16, 14, 46 + minute))
        assert live.run(stage).exit_code == 1  # the World's word for an error; the process exits with 2
    assert live.store.rows("main").orders == ()
    assert live.store.account("main").environment == kind
    notes = {run.note for run in queries.runs(live.store, "main")}
    assert len(notes) == 1
    assert ".venv/bin/python -m lib.control pin NUMBER --account main; nothing was sent" in notes.pop()


def test_a_live_account_that_a_hand_pinned_trades(live):
    pin_as(live, "live")
    row = live.store.account("main")
    assert row.environment == "live"
    live.clock.advance_to(at(16, 14, 46))
    assert live.run("order_executor").exit_code == 0
    assert [order.symbol for order in live.store.rows("main").orders] == ["AAPL"]


def pin_as(made, kind):
    """Type the number that the broker shows."""
    number = made.tools.broker.account().account_number
    desk = Desk(store=made.store, state_dir=made.tools.state_dir, now=made.clock.now(), environment=kind)
    pin(desk, "main", number, lambda _warning: False)
