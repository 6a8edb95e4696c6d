"""Pages as JSON: numbers as text, because JSON has no exact ones; times in ISO and UTC."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

from lib.domain.money import text
from lib.views.pages import Page


def page_json(page: Page) -> str:
    """Write a page as one JSON object on one line."""
    return json.dumps(asdict(page), default=_plain) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"a page holds a {type(value).__name__}, which has no place in JSON")
