"""Assets: what there is to trade, and what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.paper_broker.answers import account as render_account
from lib.paper_broker.exchange.refusal import not_found
from lib.paper_broker.message import answer

if TYPE_CHECKING:
    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Response


def list_assets(call: Call) -> Response:
    """Show the assets that have prices: stocks, unless another class is asked for."""
    market, params = call.exchange.market, call.request.params()
    status, attributes = call.choice("status", ("active", "inactive", "all")), call.words("attributes")
    asset_class, exchange = params.get("asset_class", "us_equity"), params.get("exchange")
    found = (market.asset(call.exchange.book.account, symbol) for symbol in sorted(market.symbols))
    return answer(
        [
            render_account.asset(asset)
            for asset in found
            if asset is not None
            and asset.asset_class == asset_class
            and status in (None, "all", asset.status)
            and exchange in (None, asset.exchange)
            and (attributes is None or attributes & set(asset.attributes))
        ]
    )


def show_asset(call: Call) -> Response:
    """Show an asset by its symbol or its id; alpaca-py sends the slash of a pair as it is."""
    market, name = call.exchange.market, "/".join(call.names.values())
    asset = market.asset(call.exchange.book.account, market.symbol(name))
    if asset is not None:
        return answer(render_account.asset(asset))
    raise not_found(f"symbol not found: {name}")
