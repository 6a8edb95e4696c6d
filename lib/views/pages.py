"""Every page there is: what a renderer has to know how to write."""

from __future__ import annotations

from lib.views.decisions import DecisionsPage, OutcomesPage, PreviewPage
from lib.views.journal import JournalPage
from lib.views.replay import ReplayPage

Page = JournalPage | DecisionsPage | PreviewPage | OutcomesPage | ReplayPage
