"""What the account's owner may set, and what follows."""

import pytest

from tests.paper_broker.rig import order_body

USUAL = {
    "suspend_trade": False,
    "no_shorting": False,
    "fractional_trading": True,
    "max_margin_multiplier": "4",
    "trade_confirm_email": "all",
    "ptp_no_exception_entry": False,
    "disable_overnight_trading": False,
}


def change(rig, **settings):
    response = rig.request("PATCH", "/v2/account/configurations", json=settings)
    return response.status_code, response.json()


def test_a_new_account_has_the_usual_settings_and_none_for_day_traders(rig):
    assert rig.get("/v2/account/configurations") == USUAL


def test_settings_change_one_by_one_and_stay(rig):
    assert change(rig, no_shorting=True) == (200, USUAL | {"no_shorting": True})
    changed = USUAL | {"no_shorting": True, "trade_confirm_email": "none", "max_options_trading_level": 2}
    assert change(rig, trade_confirm_email="none", max_options_trading_level=2) == (200, changed)
    assert rig.get("/v2/account/configurations") == changed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"suspend_trade": "yes"}, "invalid suspend_trade: yes"),
        ({"no_shorting": 1}, "invalid no_shorting: 1"),
        ({"max_margin_multiplier": "3"}, "invalid max_margin_multiplier: 3"),
        ({"max_margin_multiplier": 2}, "invalid max_margin_multiplier: 2"),
        ({"trade_confirm_email": "some"}, "invalid trade_confirm_email: some"),
        ({"max_options_trading_level": 4}, "invalid max_options_trading_level: 4"),
        ({"pdt_check": "never"}, "invalid pdt_check: never"),
        ({"leverage": "100"}, "unknown setting: leverage"),
    ],
)
def test_what_is_no_setting_is_refused_and_changes_nothing(rig, settings, message):
    assert change(rig, fractional_trading=False, **settings) == (422, {"code": 40010001, "message": message})
    assert rig.get("/v2/account/configurations") == USUAL


def test_what_clients_send_null_for_or_for_day_traders_is_taken_and_left_out(rig):
    assert change(rig, pdt_check="entry", dtbp_check=None, no_shorting=None) == (200, USUAL)


def test_a_suspended_account_takes_no_new_order_and_still_cancels(rig):
    resting = rig.buy(type="limit", limit_price="140")
    change(rig, suspend_trade=True)
    body = rig.refused(403, 40310000, **order_body())
    assert body["message"] == "new orders are rejected by user request"
    assert rig.get("/v2/account")["trade_suspended_by_user"] is True
    assert rig.cancel(resting["id"])[0] == 204
    change(rig, suspend_trade=False)
    assert rig.buy()["status"] == "new"


def test_a_long_only_account_sells_what_it_holds_and_nothing_short(holder):
    change(holder, no_shorting=True)
    assert holder.get("/v2/account")["shorting_enabled"] is False
    holder.sell()
    body = holder.refused(403, 40310000, **order_body(side="sell"))
    assert body["message"] == "account is not allowed to short"


@pytest.mark.parametrize("amount", [{"qty": "1.5"}, {"qty": None, "notional": "100"}])
def test_without_fractional_trading_only_whole_shares_are_bought(rig, amount):
    change(rig, fractional_trading=False)
    body = rig.refused(403, 40310000, **order_body(**amount))
    assert body["message"] == "fractional trading is disabled for this account"
    assert rig.buy(qty="2")["qty"] == "2"
