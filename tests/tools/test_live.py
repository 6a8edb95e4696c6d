"""The commands with live settings: pinned by hand, shown loudly."""

import json

import pytest

from lib import control, status


@pytest.fixture
def live(monkeypatch, database):
    """Live settings, in the place of those that `run` has."""
    for name, value in {
        "BROKER": "alpaca",
        "ALPACA_PAPER": "false",
        "ALPACA_API_KEY": "AK-key",
        "ALPACA_SECRET_KEY": "s3cret",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def row(sql):
    return lambda: sql("SELECT account_number, environment FROM account WHERE account = 'main'")[0]


def test_pin_makes_a_live_account_of_the_number_that_is_typed(live, run, row):
    code, out, _ = run(control.main, "pin", "938112233")
    assert (code, row()) == (0, ("938112233", "live"))
    assert out.startswith("account main is now pinned to the LIVE account 938112233\n")
    assert "account main is pinned to LIVE 938112233" in out
    code, out, _ = run(control.main, "pin", "938112233")
    assert (code, out.startswith("account main is pinned to 938112233 already\n")) == (0, True)


def test_list_says_that_no_pass_pins_a_live_account(live, run):
    out = run(control.main, "list")[1]
    assert "account main is not pinned yet: python -m lib.control pin NUMBER does it" in out


def test_no_command_opens_a_paper_database_with_live_settings_or_the_other_way_round(run, monkeypatch, request):
    assert run(control.main, "pin", "PA1")[0] == 0
    request.getfixturevalue("live")
    for main, *words in ((control.main, "list"), (control.main, "pin", "938112233"), (status.main,)):
        code, out, err = run(main, *words)
        assert (code, out) == (2, "")
        assert "this database is for paper trading (account main is pinned so)" in err
    monkeypatch.setenv("BROKER", "local")
    monkeypatch.setenv("ALPACA_PAPER", "true")
    assert run(status.main)[0] == 0


def test_status_begins_with_the_word_live(live, run):
    out = run(status.main)[1]
    assert out.startswith("LIVE TRADING: these settings are for real money\n")
    assert "account main: no broker account pinned: python -m lib.control pin NUMBER --account main" in " ".join(
        out.split()
    )
    run(control.main, "pin", "938112233")
    assert "account main: broker account 938112233, LIVE" in run(status.main)[1]
    page = json.loads(run(status.main, "--json")[1])
    assert (page["live"], page["accounts"][0]["environment"]) == (True, "live")


def test_status_of_paper_settings_says_nothing_of_live(run):
    assert "LIVE" not in run(status.main)[1]
    assert json.loads(run(status.main, "--json")[1])["live"] is False
