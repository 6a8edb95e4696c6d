"""A replay as a page: the journal it left, the decisions that came to nothing, its grids, and the recount."""

from __future__ import annotations

from dataclasses import dataclass

from lib.views.decisions import DecisionsPage
from lib.views.grid import GridStatusPage
from lib.views.journal import JournalPage


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPage:
    """What a replay prints. `lines` say where things lie; `broken` are promises not kept; `recount` stands last.

    `synthetic` are the symbols of the grids whose prices are made up.
    """

    title: str
    journal: JournalPage
    decisions: DecisionsPage
    unread: tuple[str, ...]
    lines: tuple[str, ...]
    broken: tuple[str, ...]
    recount: str
    grids: GridStatusPage | None = None
    synthetic: tuple[str, ...] = ()
