"""No method of Alpaca's own clients is forgotten: each is driven by a test here, or named with what it would need."""

import inspect
import re
from pathlib import Path

import pytest
from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.trading.client import TradingClient

NOT_IMITATED = {
    "watchlists": {
        "add_asset_to_watchlist_by_id",
        "create_watchlist",
        "delete_watchlist_by_id",
        "get_watchlist_by_id",
        "get_watchlists",
        "remove_asset_from_watchlist_by_id",
        "update_watchlist_by_id",
    },
    "options": {"exercise_options_position", "get_option_contract", "get_option_contracts"},
    "portfolio history": {"get_portfolio_history"},
}
TESTS = "".join(file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("test_*.py")))
DRIVEN = set(re.findall(r"\.([a-z_]+)\(", TESTS)) | set(re.findall(r'"(get_\w+)"', TESTS))


@pytest.mark.parametrize("client", [TradingClient, StockHistoricalDataClient, CryptoHistoricalDataClient])
def test_every_method_is_driven_or_not_imitated(client):
    methods = {name for name, _ in inspect.getmembers(client, inspect.isfunction) if name in vars(client)}
    public = {name for name in methods if not name.startswith("_")}
    left_out = set().union(*NOT_IMITATED.values()) if client is TradingClient else set()
    assert public
    assert public - DRIVEN - left_out == set()
    assert left_out <= public


def test_the_page_names_what_is_not_imitated():
    page = (Path(__file__).parents[2] / "docs" / "paper-broker.md").read_text(encoding="utf-8").lower()
    assert [what for what in NOT_IMITATED if what not in page] == []
