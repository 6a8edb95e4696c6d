"""Holds every answer of the paper broker against Alpaca's OpenAPI documents, as shortened by tests/tools/make_specs.py.

Stricter than the documents: an object has no property that its schema does not name, and an order has all of them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import jsonschema_rs

DIRECTORY = Path(__file__).parent
WHOLE = ("Order", "OrderLeg")


@cache
def documents():
    return tuple(json.loads(file.read_text(encoding="utf-8")) for file in sorted(DIRECTORY.glob("*.json")))


def offences(method, path, status, body):
    """Return what is wrong with an answer, one line for each; nothing when it is as Alpaca documents it."""
    if not 200 <= status < 300:
        return _of_refusal(path, status, body)
    found = _schema(method, tuple(path.split("/")), str(status))
    if found is None:
        return []
    if found == {}:
        return [] if not body else [f"{method} {path} answers {status} with a body"]
    try:
        value = json.loads(body)
    except ValueError:
        return [f"{method} {path} answers {status} with no JSON: {body[:80]!r}"]
    return [f"{method} {path} at {error.instance_path}: {error.message}" for error in found.iter_errors(value)]


def documented(method, path):
    """Say whether the documents name an operation."""
    return _operation(method, tuple(path.split("/"))) is not None


@cache
def _schema(method, parts, status):
    found = _operation(method, parts)
    if found is None:
        return None
    document, operation = found
    response = operation["responses"].get(status)
    if response is None:
        return _validator({"not": {}})  # an answer that the document does not know is an offence
    if "content" not in response:
        return {}
    schema = response["content"]["application/json"]["schema"]
    return _validator({**schema, "components": _strict_components(document["info"]["title"])})


def _validator(schema):
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


@cache
def _operation(method, parts):
    for document in documents():
        for template, operations in document["paths"].items():
            wanted = template.split("/")
            fits = len(wanted) == len(parts) and all(
                one.startswith("{") or one == other for one, other in zip(wanted, parts, strict=True)
            )
            if fits and method.lower() in operations:
                return document, operations[method.lower()]
    return None


@cache
def _strict_components(title):
    document = next(document for document in documents() if document["info"]["title"] == title)
    components = document["components"]["schemas"]
    parts = _combined(components)
    schemas = {name: _closed(schema, whole=name not in parts) for name, schema in components.items()}
    for name in WHOLE:
        if name in schemas:
            schemas[name]["required"] = sorted(schemas[name]["properties"])
    return {"schemas": schemas}


def _combined(schema):
    """Return the names of the schemas that are but a part of another one."""
    if isinstance(schema, list):
        return set().union(*map(_combined, schema))
    if not isinstance(schema, dict):
        return set()
    own = {part.get("$ref", "").rpartition("/")[2] for part in schema.get("allOf", ())}
    return own.union(*map(_combined, schema.values()))


def _closed(schema, *, whole=True):
    """Let an object have the properties that are named, and no others; a part of one cannot say so, its whole can."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        name: [_closed(one, whole=False) for one in part] if name == "allOf" else _closed(part)
        for name, part in schema.items()
    }
    if "allOf" in closed:
        closed["unevaluatedProperties"] = False
    elif whole and "properties" in closed and isinstance(closed.get("type"), str):
        closed.setdefault("additionalProperties", False)
    return closed


def _of_refusal(path, status, body):
    # Facts 1.6 and 6: a refusal is JSON with a message, and of the trading API with a code, but for 401.
    try:
        refusal = json.loads(body)
    except ValueError:
        return []  # pages of HTML come from proxies
    wants_code = status != 401 and not path.startswith(("/v1", "/v2/stocks", "/v1beta3"))
    if not isinstance(refusal.get("message"), str) or (wants_code and not isinstance(refusal.get("code"), int)):
        return [f"{path} refuses with {status} and {body[:80]!r}"]
    return []
