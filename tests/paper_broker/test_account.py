from decimal import Decimal


def test_the_account_is_worth_its_cash_and_its_shares(holder):
    holder.price("155")
    account = holder.get("/v2/account")
    shown = {
        "status": "ACTIVE",
        "currency": "USD",
        "cash": "98499.9",
        "equity": "100049.9",
        "portfolio_value": "100049.9",
        "long_market_value": "1550",
        "short_market_value": "0",
        "initial_margin": "775",
        "maintenance_margin": "465",
        "buying_power": "198549.8",  # 2 x (100049.9 - 775)
        "regt_buying_power": "198549.8",
        "non_marginable_buying_power": "98499.9",
        "multiplier": "2",
        "last_equity": "100000",
        "last_maintenance_margin": "0",
        "accrued_fees": "0",
        "shorting_enabled": True,
        "trading_blocked": False,
        "trade_suspended_by_user": False,
    }
    assert {name: account[name] for name in shown} == shown


def test_last_equity_is_that_of_the_last_close(holder):
    holder.go_to("2013-01-03T15:00:00Z")
    holder.price("170")
    holder.buy(qty="1")
    account = holder.get("/v2/account")
    assert account["last_equity"] == "99999.9"  # ten shares at the feed's 150, bought at 150.01
    assert account["last_maintenance_margin"] == "450"  # 30 % of 1,500


def test_a_position_tells_what_it_cost_and_what_it_is_worth(holder):
    holder.price("165.011")
    position = holder.position()
    asset = holder.get("/v2/assets/AAPL")
    shown = {
        "asset_id": asset["id"],
        "symbol": "AAPL",
        "asset_class": "us_equity",
        "qty": "10",
        "qty_available": "10",
        "side": "long",
        "avg_entry_price": "150.01",
        "cost_basis": "1500.1",
        "market_value": "1650.11",
        "unrealized_pl": "150.01",
        "unrealized_plpc": "0.1",
        "current_price": "165.011",
    }
    assert {name: position[name] for name in shown} == shown
    assert holder.get(f"/v2/positions/{asset['id']}") == position
    assert holder.get("/v2/positions") == [position]


def test_a_position_that_is_not_there_is_not_found(rig):
    response = rig.request("GET", "/v2/positions/AAPL")
    assert (response.status_code, response.json()) == (404, {"code": 40410000, "message": "position does not exist"})


def test_cash_and_shares_add_up_to_the_fills_to_the_cent(open_rig):
    rig = open_rig(partial_fill_rate=Decimal("0.5"))
    for place in range(30):
        rig.price(str(Decimal(140) + place))
        rig.buy(qty="7")
        rig.advance(60)
        if place % 3 == 2:
            rig.sell(qty="9")
            rig.advance(600)  # an unfinished sell would make the next buy a wash trade
    cash, held = rig.counted()
    assert Decimal(rig.get("/v2/account")["cash"]) == cash
    assert Decimal(rig.position()["qty"]) == held


def test_an_asset_has_the_fields_that_clients_need(rig):
    asset = rig.get("/v2/assets/AAPL")
    wanted = """id class exchange symbol name cusip status tradable marginable shortable easy_to_borrow borrow_status
    fractionable margin_requirement_long margin_requirement_short attributes"""
    assert set(wanted.split()) <= asset.keys()
    assert (asset["class"], asset["status"], asset["tradable"]) == ("us_equity", "active", True)
    assert [shown["symbol"] for shown in rig.get("/v2/assets", status="active")] == ["AAPL", "MSFT"]
    response = rig.request("GET", "/v2/assets/NOPE")
    assert (response.status_code, response.json()["code"]) == (404, 40410000)


def test_unknown_symbols_are_absent_from_quotes(rig):
    quotes = rig.get("/v2/stocks/quotes/latest", symbols="AAPL,NOPE,MSFT", feed="iex")["quotes"]
    assert sorted(quotes) == ["AAPL", "MSFT"]
    assert quotes["AAPL"]["t"] == "2013-01-02T14:30:00Z"
    assert rig.request("GET", "/v2/stocks/quotes/latest").status_code == 400


def test_the_paper_tells_what_it_is(rig):
    rig.price("150")
    shown = rig.get("/paper")
    assert (shown["clock"], shown["seed"], shown["now"]) == ("recorded", 1, "2013-01-02T15:00:00Z")
    assert shown["prices"] == {"AAPL": "by hand", "MSFT": "recorded"}
