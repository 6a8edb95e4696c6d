"""Writes a page the way a command's user asked for it."""

from __future__ import annotations

from typing import TextIO

from lib.render.as_json import page_json
from lib.render.text import render_page
from lib.views.pages import Page


def print_page(page: Page, out: TextIO, *, as_json: bool, width: int | None = None) -> None:
    """Write a page as tables, or as one JSON object; `width` in characters, None for what the terminal has."""
    if as_json:
        out.write(page_json(page))
    else:
        render_page(page, out, width=width)
