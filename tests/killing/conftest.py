from pathlib import Path

import pytest

from tests.killing.cycles import live
from tests.killing.rig import Zygote
from tests.tools.sampling import leave_to_make_test


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    leave_to_make_test(items, Path(__file__).parent)


@pytest.fixture(scope="session")
def zygote():
    made = Zygote()
    yield made
    made.close()


@pytest.fixture(scope="session")
def lived(zygote, tmp_path_factory):
    """Return a function that gives a story's life without a kill, lived once for all tests of a process."""
    lives = {}

    def of(story):
        if story.name not in lives:
            lives[story.name] = live(zygote, story, tmp_path_factory.mktemp("lives") / story.name)
        return lives[story.name]

    return of
