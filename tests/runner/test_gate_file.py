"""The gate's file where it cannot be written: the pass has done its work, and says what is wrong in a sentence."""

import errno
import os

import pytest

from lib.errors import ConfigError, StoreUnavailable, file_errors
from lib.simulation.lifecycles import SWING_AAPL, at
from lib.simulation.world import world
from tests.runner.alarms import FEED


@pytest.mark.case("fail-H3")
def test_a_gate_file_that_cannot_be_written_is_a_sentence_and_no_bug(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "due.json")

    with world(tmp_path, at(16, 14, 46), FEED) as made:
        made.decide(**SWING_AAPL)
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", refuse)
            assert made.run("order_executor").error == "due.json: No space left on device"
        assert [order.symbol for order in made.tools.broker.live_orders()] == ["AAPL"]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StoreUnavailable), (errno.EACCES, ConfigError), (errno.EROFS, ConfigError)]
)
def test_want_of_room_may_pass_and_anything_else_needs_a_person(number, kind):
    with pytest.raises(kind, match=r"^the disk: "), file_errors():
        raise OSError(number, os.strerror(number))
