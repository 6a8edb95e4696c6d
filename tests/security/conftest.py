import pytest

from tests.scripts.desk import Desk


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.make_database()
    return made
