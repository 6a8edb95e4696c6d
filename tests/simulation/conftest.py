from pathlib import Path

import pytest

from tests.tools.sampling import leave_to_make_test
from tests.tools.worlds import make_world  # noqa: F401 - a fixture is there for being imported

OVER_HTTP = ("test_worked_example.py",)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    leave_to_make_test(items, Path(__file__).parent)
    for item in items:
        # The basics go over a socket in make test too; that the others do is left to make prove.
        if Path(__file__).parent in item.path.parents and "http" in item.name and item.path.name not in OVER_HTTP:
            item.add_marker(pytest.mark.prove)


@pytest.fixture(params=["in_process", pytest.param("http", marks=pytest.mark.slow)])
def over_http(request):
    return request.param == "http"
