"""A planned grid as a picture for a file: its levels, their orders and the price. Needs matplotlib."""

from __future__ import annotations

import html
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lib.domain.money import text
from lib.render.grid import preview_facts
from lib.views.grid import GridPreviewPage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"buy": "#2a7f3f", "sell": "#b3261e", None: "#8a8a8a"}
LABELLED_MAX = 60
"""So many levels have room for words beside them."""

_HEAD = """<!doctype html><html lang=en><meta charset=utf-8><title>Grid</title><style>
body{font:15px sans-serif;margin:2em;max-width:60em}
td{padding:.2em .8em;vertical-align:top}
</style>"""


def picture(page: GridPreviewPage, kind: str) -> bytes:
    """Return a picture of the `kind` svg, png or html. Raises ImportError without matplotlib."""
    if kind == "png":
        return _saved(_figure(page), kind)
    drawn = _saved(_figure(page), "svg")
    return drawn if kind == "svg" else _html(page, drawn.decode()).encode()


def _saved(figure: Figure, kind: str) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return out.getvalue()


def _figure(page: GridPreviewPage) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, min(max(len(page.levels) * 0.24, 3.5), 16)), layout="constrained")
    axes = figure.add_subplot()
    for each in page.levels:
        axes.axhline(float(each.price), color=COLOURS[each.side], linewidth=1.6)
        if len(page.levels) <= LABELLED_MAX:
            order = "no order" if each.qty is None else f"{each.side} {text(each.qty)}"
            _label(axes, 0.99, each.price, f"{text(each.price)}  {order}", align="right")
    if page.price is not None:
        axes.axhline(float(page.price), color="black", linestyle="--", linewidth=1.2)
        _label(axes, 0.01, page.price, f"price {text(page.price)}", align="left")
    axes.set_title(page.strategy, fontsize=10)
    axes.set(ylabel="dollars", xlim=(0, 1), xticks=[])
    return figure


def _label(axes: Any, across: float, price: Decimal, words: str, *, align: str) -> None:
    where = ("axes fraction", "data")
    axes.annotate(words, (across, float(price)), xycoords=where, ha=align, va="bottom", fontsize=8)


def _html(page: GridPreviewPage, drawn: str) -> str:
    facts = [] if page.sums is None else preview_facts(page.sums)
    facts += [("refused", each) for each in page.refused] + [("warning", each) for each in page.warnings]
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(says)}</td></tr>" for name, says in facts)
    title = f"<h1>{html.escape(page.strategy)}</h1>"
    return f"{_HEAD}{title}{drawn[drawn.index('<svg') :]}<table>{rows}</table></html>\n"
