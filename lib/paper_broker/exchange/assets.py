"""What is known of an asset: its class, its increments, whether it trades, whether it can be borrowed.

Most of it is the same for every stock and every coin; a price directory's `assets.json` and `POST /paper/asset` say
what differs, in Alpaca's words: `{"XYZ": {"tradable": false, "borrow_status": "hard_to_borrow"}}`. `halted` is ours:
Alpaca tells of a halt on its stream only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from lib.domain.money import tick_size

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = uuid5(NAMESPACE_URL, "https://paper-broker.invalid/")
DOLLARS = "USD"
QUOTE_CURRENCIES = (DOLLARS, "USDC", "USDT", "BTC")
STOCK_SYMBOL_LENGTH_MAX = 5
COIN_STEP = Decimal("0.000000001")


class AssetClass(StrEnum):
    """What kind of thing is traded."""

    US_EQUITY = "us_equity"
    CRYPTO = "crypto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One asset as it stands; `symbol` is as orders name it, `AAPL` or `BTC/USD`."""

    symbol: str
    asset_class: AssetClass
    name: str
    exchange: str
    status: str = "active"
    tradable: bool = True
    marginable: bool = True
    shortable: bool = True
    borrow_status: str = "easy_to_borrow"
    fractionable: bool = True
    halted: bool = False
    margin_requirement_long: Decimal = Decimal(30)
    margin_requirement_short: Decimal = Decimal(30)
    attributes: tuple[str, ...] = ()
    min_order_size: Decimal | None = None
    min_trade_increment: Decimal | None = None
    price_increment: Decimal | None = None

    @property
    def id(self) -> str:
        """Return the id that Alpaca's answers would give it, the same in every book."""
        return asset_id(self.symbol)

    @property
    def is_crypto(self) -> bool:
        """Say whether it is a coin, which trades round the clock."""
        return self.asset_class is AssetClass.CRYPTO

    @property
    def position_symbol(self) -> str:
        """Return how positions name it: `BTCUSD` for what orders call `BTC/USD`."""
        return self.symbol.replace("/", "")

    def tick(self, price: Decimal) -> Decimal:
        """Return the smallest step of an order's price."""
        return self.price_increment or tick_size(price)


@cache
def asset_id(symbol: str) -> str:
    """Return the id of an asset, the same in every book."""
    return str(uuid5(NAMESPACE, f"asset/{symbol}"))


@cache
def canonical(name: str) -> str:
    """Return the symbol that orders use for what a price file or an older client calls `BTCUSD`.

    No stock's symbol is that long and ends so; Alpaca still takes the old form in orders.
    """
    if "/" in name or len(name) <= STOCK_SYMBOL_LENGTH_MAX:
        return name
    quote = next((quote for quote in QUOTE_CURRENCIES if name.endswith(quote)), None)
    return f"{name.removesuffix(quote)}/{quote}" if quote else name


def describe(symbol: str, facts: Mapping[str, object]) -> Asset:
    """Return the asset of a symbol; `facts` override what is usual, keys unknown here are left out.

    A pair that is not quoted in dollars has prices and does not trade, whatever is said of it: the account has dollars
    only, and nothing that such a trade could spend.
    """
    usual = _usual(symbol)
    known = {name: _typed(name, value) for name, value in facts.items() if name in Asset.__dataclass_fields__}
    if not usual.tradable:
        known.pop("tradable", None)
    return replace(usual, **known) if known else usual  # type: ignore[arg-type]


@cache
def _usual(symbol: str) -> Asset:
    coin = "/" in symbol
    usual: dict[str, object] = {"name": f"{symbol} Common Stock", "exchange": "NASDAQ"}
    if coin:
        base, quote = symbol.split("/", 1)
        usual = {
            "name": f"{base} / {quote}",
            "exchange": "CRYPTO",
            "tradable": quote == DOLLARS,
            "marginable": False,
            "shortable": False,
            "min_order_size": COIN_STEP,
            "min_trade_increment": COIN_STEP,
            "price_increment": COIN_STEP,
            "margin_requirement_long": Decimal(100),
            "margin_requirement_short": Decimal(0),
        }
    kind = AssetClass.CRYPTO if coin else AssetClass.US_EQUITY
    return Asset(symbol=symbol, asset_class=kind, **usual)  # type: ignore[arg-type]


_NUMBERS = frozenset({
    "margin_requirement_long", "margin_requirement_short", "min_order_size", "min_trade_increment", "price_increment",
})  # fmt: skip


def _typed(name: str, value: object) -> object:
    if name in _NUMBERS:
        return Decimal(str(value))
    return tuple(map(str, value)) if name == "attributes" and isinstance(value, list) else value
