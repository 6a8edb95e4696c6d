from pathlib import Path

import pytest

from tests.tools.sampling import leave_to_make_test
from tests.tools.worlds import make_world  # noqa: F401 - a fixture is there for being imported


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    leave_to_make_test(items, Path(__file__).parent)


@pytest.fixture(params=["in_process", pytest.param("http", marks=pytest.mark.slow)])
def over_http(request):
    return request.param == "http"
