import pytest

from lib.store.init import initialise
from tests.store.build import NOW
from tests.store.places import url_of


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "a folder"
    initialise(url_of(folder), folder, now=NOW)
    return folder
