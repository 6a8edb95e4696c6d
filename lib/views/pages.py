"""Every page there is: what a renderer has to know how to write."""

from __future__ import annotations

from lib.views.checkup import CheckupPage
from lib.views.control import ControlPage
from lib.views.decisions import DecisionsPage, OutcomesPage, PreviewPage
from lib.views.explain import ExplainPage
from lib.views.grid import GridPreviewPage, GridsPage, GridStatusPage
from lib.views.journal import JournalPage
from lib.views.leaving import LeavingPage
from lib.views.proof import ProofPage
from lib.views.replay import ReplayPage
from lib.views.status import StatusPage

Page = (
    JournalPage
    | DecisionsPage
    | PreviewPage
    | OutcomesPage
    | ReplayPage
    | ControlPage
    | StatusPage
    | ExplainPage
    | LeavingPage
    | CheckupPage
    | ProofPage
    | GridPreviewPage
    | GridsPage
    | GridStatusPage
)
