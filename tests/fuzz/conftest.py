from pathlib import Path

import pytest

from tests.tools.sampling import leave_to_make_test


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    leave_to_make_test(items, Path(__file__).parent)
