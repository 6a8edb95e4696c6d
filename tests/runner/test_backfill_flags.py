"""The flags of a backfill: what goes together, and what is refused before anything is opened."""

import pytest

from lib.runner import run_stage


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backfill"], "--backfill needs --since DATE"),
        (["--since", "2026-11-02"], "--since goes with --backfill only"),
        (["--backfill", "--since", "yesterday"], "'yesterday' is not a day written as 2026-11-02"),
        (["--backfill", "--since", "2026-11-31"], "'2026-11-31' is not a day"),
        (["--backfill", "--since", "2026-11-02", "--watch", "60"], "neither --watch nor --if-due"),
        (["--backfill", "--since", "2026-11-02", "--if-due"], "neither --watch nor --if-due"),
    ],
)
def test_flags_that_do_not_go_together_are_a_usage_error_that_says_so(words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        run_stage("order_monitor", "about", words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_only_the_monitor_of_orders_backfills(capsys):
    with pytest.raises(SystemExit) as ended:
        run_stage("position_monitor", "about", ["--backfill", "--since", "2026-11-02"])
    assert ended.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err
