"""Pages of bars as Alpaca's data service sends them, and what was asked of it."""

from urllib.parse import parse_qs, urlsplit

URL = "https://data.alpaca.markets"
STOCKS, COINS = f"{URL}/v2/stocks/bars", f"{URL}/v1beta3/crypto/us/bars"
KEY, SECRET = "PKMYKEY", "my/secret+value"
HEADER = "timestamp,open,high,low,close,volume"


def bar(at, price="10"):
    """A bar as Alpaca sends it, as text, so that its numbers reach the wire digit by digit."""
    return f'{{"t": "{at}", "o": {price}, "h": {price}, "l": {price}, "c": {price}, "v": 7, "n": 1, "vw": {price}}}'


def page(bars, symbol="AAPL", following="null"):
    return f'{{"bars": {{"{symbol}": [{", ".join(bars)}]}}, "next_page_token": {following}}}'


def queries(alpaca):
    return [
        {name: values[0] for name, values in parse_qs(urlsplit(call.request.url).query).items()}
        for call in alpaca.calls
    ]


def lines(tmp_path, name):
    header, *rows = (tmp_path / name).read_text().splitlines()
    assert header == HEADER
    return rows
