"""The rows of the conformance table, read from TOML, and what a table must not look like."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).parent / "rows"
ROWS_MIN, ROWS_OF_CATEGORY_MIN = 120, 12
CATEGORIES = (
    "classes",
    "groups",
    "replace",
    "errors",
    "activities",
    "positions",
    "crypto",
    "market",
)
"""Parts of the API that must be well covered: classes and TIFs, held and OCO, replace, errors and so on."""
MARKET_DATA = ("/v2/stocks/", "/v1beta")
FAR_BELOW = {"AAPL": Decimal(20), "MSFT": Decimal(5), "BTC/USD": Decimal(2000), "ETH/USD": Decimal(100)}
"""What an order may bid that must not fill, neither here nor on Alpaca."""
STEP_KEYS = {"request", "query", "sent_headers", "body", "text", "status", "answer", "headers", "as"}
ROW_KEYS = STEP_KEYS - {"as"} | {"id", "rule", "source", "given", "options", "paper_only", "in_session"}


class TableError(Exception):
    """A row that cannot be read; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request and what must come back; without a status anything that is 2xx."""

    method: str
    path: str
    query: dict = field(default_factory=dict)
    sent_headers: dict = field(default_factory=dict)
    body: dict | list | None = None
    text: str | None = None
    status: int | None = None
    answer: object = None
    headers: dict = field(default_factory=dict)
    name: str | None = None

    @property
    def sends_an_order(self) -> bool:
        """Say whether it asks for an order or for another one in its place."""
        return (self.method, self.path) == ("POST", "/v2/orders") or self.method == "PATCH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule of Alpaca's, and the request that shows it; its id begins with the name of its file."""

    id: str
    rule: str
    source: str
    category: str
    given: tuple[Step, ...]
    asked: Step
    options: dict
    paper_only: str | None
    in_session: bool

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return everything it sends, in order."""
        return (*self.given, self.asked)

    @property
    def not_on_alpaca(self) -> str | None:
        """Say why it cannot run on Alpaca, None when it can."""
        if any(step.path.startswith("/paper") for step in self.steps):
            return "moves the paper broker's clock, prices or assets"
        if self.options:
            return "asks the paper broker for options"
        if any(step.path.startswith(MARKET_DATA) for step in self.steps):
            return "market data has another host at Alpaca"
        return self.paper_only


def load(folder: Path = HERE) -> tuple[Row, ...]:
    """Read every file of rows; a file's name is the category of its rows."""
    return tuple(row for file in sorted(folder.glob("*.toml")) for row in read(file.read_text("utf-8"), file.stem))


def read(text: str, category: str) -> list[Row]:
    """Read the rows of one file."""
    return [_row(raw, category) for raw in tomllib.loads(text, parse_float=Decimal)["row"]]


def flaws(rows: tuple[Row, ...]) -> list[str]:
    """Return what is wrong with the table as a whole, one line each."""
    found = [f"{len(rows)} rows, {ROWS_MIN} are the least"] if len(rows) < ROWS_MIN else []
    counts = Counter(row.category for row in rows)
    found += [
        f"{category}: {counts[category]} rows, {ROWS_OF_CATEGORY_MIN} are the least"
        for category in CATEGORIES
        if counts[category] < ROWS_OF_CATEGORY_MIN
    ]
    found += [
        f"{name} is the id of {count} rows" for name, count in Counter(row.id for row in rows).items() if count > 1
    ]
    rules = Counter(row.rule.casefold().rstrip(".") for row in rows)
    found += [f"“{rule}” is the rule of {count} rows" for rule, count in rules.items() if count > 1]
    found += [f"{row.id}: nothing that is answered could break it" for row in rows if _cannot_fail(row.asked)]
    asked = Counter(repr((row.given, row.asked, row.options)) for row in rows)
    found += [
        f"{row.id}: asks the same as another" for row in rows if asked[repr((row.given, row.asked, row.options))] > 1
    ]
    return found + [f"{row.id}: {flaw}" for row in rows if (flaw := _leaves_something(row))]


def _cannot_fail(asked: Step) -> bool:
    """Say whether a success would satisfy the row whatever it says."""
    return asked.answer in (None, {}, "<present>") and not asked.headers


def _leaves_something(row: Row) -> str | None:
    """Say why a row must not run on Alpaca although it would; None when it may, or does not."""
    if row.not_on_alpaca is not None:
        return None
    return next((flaw for step in row.steps if (flaw := _harm(step)) is not None), None)


def _harm(step: Step) -> str | None:
    body = step.body if isinstance(step.body, dict) else {}
    if step.method == "DELETE" and not step.path.startswith("/v2/orders/"):
        return "would end more than its own orders"
    if step.method == "PATCH" and not step.path.startswith("/v2/orders/"):
        return "would change the account's settings"
    if (step.method, step.path) != ("POST", "/v2/orders") or step.status not in (None, 200):
        return None
    if body.get("side") != "buy" or body.get("type") != "limit":
        return "only a limit order that buys stays away from the market"
    if Decimal(str(body["limit_price"])) > FAR_BELOW[body["symbol"]]:
        return f"could fill: {FAR_BELOW[body['symbol']]} is the most it may bid"
    if not str(body.get("client_order_id", "{mark}")).startswith("{mark}"):
        return "would not be known as an order of the table"
    return None


def _row(raw: dict, category: str) -> Row:
    name = raw.get("id", "a row without an id")
    unknown = raw.keys() - ROW_KEYS
    missing = {"id", "rule", "source", "request", "status"} - raw.keys()
    if unknown or missing:
        raise TableError(f"{category}/{name}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    return Row(
        id=f"{category}/{raw['id']}",
        rule=raw["rule"],
        source=raw["source"],
        category=category,
        given=tuple(_step(name, step) for step in raw.get("given", ())),
        asked=_step(name, {key: value for key, value in raw.items() if key in STEP_KEYS}),
        options=raw.get("options", {}),
        paper_only=raw.get("paper_only"),
        in_session=raw.get("in_session", False),
    )


def _step(name: str, raw: dict) -> Step:
    method, _, path = raw.get("request", "").partition(" ")
    if raw.keys() - STEP_KEYS or not path.startswith("/"):
        raise TableError(f"{name}: cannot read {raw}")
    rest = {key: value for key, value in raw.items() if key not in ("request", "as")}
    return Step(method=method, path=path, name=raw.get("as"), **rest)
