"""Copies what tests need of Alpaca's OpenAPI documents to tests/specs, and corrects what the documents have wrong.

    python -m tests.tools.make_specs DIRECTORY

DIRECTORY holds trading-api.json and market-data-api.json, as docs.alpaca.markets/openapi serves them. Only the
operations that the paper broker answers are copied: parameters, bodies and the schemas of answers, without prose and
examples, in the words of OpenAPI 3.1 (`nullable` becomes a type). Where Alpaca is known to answer otherwise than its
document says, CORRECTIONS has the difference and the reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib.paper_broker.api import ROUTES

SPECS = Path(__file__).parents[1] / "specs"
DOCUMENTS = {"trading-api.json": "trading.json", "market-data-api.json": "market_data.json"}
ORIGIN = (
    "Shortened and corrected by tests/tools/make_specs.py from Alpaca's OpenAPI document {name}, as found in "
    "github.com/alpacahq/alpaca-mcp-server, src/alpaca_mcp_server/specs, synced 2026-06-24 from "
    "docs.alpaca.markets/openapi"
)
PROSE = frozenset({"description", "example", "examples", "title", "summary", "deprecated", "tags", "externalDocs"})
METHODS = ("get", "post", "patch", "put", "delete")

NULL_TOO = {"type": ["string", "null"]}
ANY_NAME = {"type": "string", "minLength": 1}
# (schema, property) → what it really is, and why.
CORRECTIONS: dict[tuple[str, str], tuple[dict[str, Any], str]] = {
    ("Order", "subtag"): (NULL_TOO, "in the document's own examples, not in its schema"),
    ("Order", "source"): (NULL_TOO, "in the document's own examples, not in its schema"),
    ("OrderLeg", "subtag"): (NULL_TOO, "as for Order"),
    ("OrderLeg", "source"): (NULL_TOO, "as for Order"),
    ("Order", "expires_at"): (
        {"type": ["string", "null"], "format": "date-time"},
        "null in the document's own examples",
    ),
    ("OrderLeg", "expires_at"): (
        {"type": ["string", "null"], "format": "date-time"},
        "a leg shows every field of an order",
    ),
    ("OrderLeg", "ratio_qty"): (NULL_TOO, "a leg shows every field of an order"),
    ("Assets", "exchange"): (ANY_NAME, "the list lacks CRYPTO, IEX, MEMX and others that are sent"),
    ("Assets", "min_order_size"): ({"type": "string"}, "sent for coins, not in the schema"),
    ("Assets", "min_trade_increment"): ({"type": "string"}, "sent for coins, not in the schema"),
    ("Assets", "price_increment"): ({"type": "string"}, "sent for coins, not in the schema"),
    ("Position", "exchange"): (ANY_NAME, "the list lacks CRYPTO"),
    ("NonTradeActivities", "price"): ({"type": "string"}, "sent with CFEE, not in the schema"),
    ("NonTradeActivities", "description"): ({"type": "string"}, "sent with FEE and CFEE, not in the schema"),
    ("NonTradeActivities", "date"): ({"type": "string", "format": "date"}, "a date in the document's own example"),
    ("CanceledOrderResponse", "body"): ({"type": "object"}, "what refused the cancel of one order"),
    ("PositionClosedReponse", "body"): (
        {"anyOf": [{"$ref": "#/components/schemas/Order"}, {"type": "object", "required": ["code", "message"]}]},
        "the order, or what refused it: alpaca-py reads both, and its tests have the second",
    ),
}
# Fields that the documents still have and the answers no longer do.
GONE = {
    "Account": {"daytrade_count", "daytrading_buying_power", "pattern_day_trader"},
    "AccountConfigurations": {"dtbp_check", "pdt_check"},
}


def main(arguments: list[str]) -> int:
    """Write the shortened documents."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    for name, short in DOCUMENTS.items():
        document = json.loads((Path(arguments[0]) / name).read_text(encoding="utf-8"))
        shortened = {
            "openapi": "3.1.0",
            "info": {"title": short, "version": "1", "description": ORIGIN.format(name=name)},
            **_shorten(document),
        }
        file = SPECS / short
        file.write_text(json.dumps(shortened, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{file.relative_to(SPECS.parents[1])}: {len(shortened['paths'])} paths")
    return 0


def _shorten(document: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        served = ROUTES.get(path.replace("{loc}", "us")) or _same_shape(path)
        shared = operations.get("parameters", [])
        kept = {
            method: _operation(document, operations[method], shared)
            for method in METHODS
            if method in operations and served and method.upper() in served
        }
        if kept:
            paths[path.replace("{loc}", "us")] = kept
    schemas = _correct(_reachable(document["components"]["schemas"], paths))
    return {"paths": paths, "components": {"schemas": schemas}}


def _same_shape(path: str) -> dict[str, Any] | None:
    """Find our route of a path whose {names} may differ."""
    shape = [part if not part.startswith("{") else "{}" for part in path.replace("{loc}", "us").split("/")]
    for route, methods in ROUTES.items():
        if [part if not part.startswith("{") else "{}" for part in route.split("/")] == shape:
            return methods
    return None


def _operation(document: dict[str, Any], operation: dict[str, Any], shared: list[Any]) -> dict[str, Any]:
    found = [_resolve(document, parameter) for parameter in [*shared, *operation.get("parameters", [])]]
    parameters = [one for one in found if one["name"] != "loc"]
    kept: dict[str, Any] = {"parameters": _plain(parameters), "responses": {}}
    if "requestBody" in operation:
        kept["requestBody"] = _plain(_resolve(document, operation["requestBody"]))
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            content = _plain(_resolve(document, response)).get("content")
            kept["responses"][status] = {"description": "", **({"content": content} if content else {})}
    return kept


def _resolve(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part and not part["$ref"].startswith("#/components/schemas/"):
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def _plain(value: Any) -> Any:
    """Leave out prose, and say `null` as OpenAPI 3.1 does."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if not isinstance(value, dict):
        return value
    kept = {
        name: {inner: _plain(schema) for inner, schema in part.items()} if name == "properties" else _plain(part)
        for name, part in value.items()
        if name not in PROSE and not name.startswith("x-")
    }
    if kept.pop("nullable", False) and "type" in kept:
        kept["type"] = [kept["type"], "null"]
    return kept


def _reachable(schemas: dict[str, Any], start: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = [start]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in found:
                found[name] = _plain(schemas[name])
                waiting.append(found[name])
    return found


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_references, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"].removeprefix("#/components/schemas/")} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(_references, value.values()))


def _correct(schemas: dict[str, Any]) -> dict[str, Any]:
    for (schema, name), (really, _) in CORRECTIONS.items():
        if schema in schemas:
            schemas[schema]["properties"][name] = really
    for schema, names in GONE.items():
        for name in names:
            schemas.get(schema, {}).get("properties", {}).pop(name, None)
    return schemas


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
