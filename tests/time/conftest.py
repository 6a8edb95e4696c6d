from pathlib import Path

import pytest

from tests.scripts.conftest import bare, desk
from tests.tools.sampling import leave_to_make_test

__all__ = ["bare", "desk"]


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    leave_to_make_test(items, Path(__file__).parent)
