"""The same texts on their way in: a CSV file and `decide` answer in words, and what they write says what was meant."""

import csv
import io
import json
import random
from datetime import timedelta

import pytest

from lib.errors import ConfigError
from lib.intake import csv_file, desk
from lib.render.printing import print_page
from lib.simulation.fuzz import rows
from lib.simulation.fuzz.situations import SITUATIONS, arranged
from lib.store import queries

COLUMNS = ("symbol", "action", "side", "trade_style", "planned_entry", "planned_sl", "planned_tp", "qty", "expires_at")
SOUND = ("MSFT", "NEW_TRADE", "long", "SWING", "100", "95", "110", "10", "2024-01-17T20:00:00Z")


def spoilt_lines(count, seed):
    dice = random.Random(seed)
    words = (*rows.texts(), *rows.corpus()["numbers"], *rows.corpus()["times"])
    for _ in range(count):
        cells = list(SOUND)
        cells[dice.randrange(len(cells))] = dice.choice(words)
        yield cells


def written(lines):
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([COLUMNS, *lines])
    return stream.getvalue()


def shown(answer):
    text, plain = io.StringIO(), io.StringIO()
    print_page(answer.page, text, as_json=True)
    print_page(answer.page, plain, as_json=False)
    assert json.loads(text.getvalue())
    assert all(line.isprintable() for line in plain.getvalue().split("\n"))


@pytest.mark.case("fail-J3", "fail-N5")
def test_each_line_of_a_file_is_written_or_refused_in_words_and_the_sound_one_is_written(tmp_path):
    lines = [*spoilt_lines(400, 1), ("GOOD", *SOUND[1:])]
    file = csv_file.read_csv(written(lines), name="decisions.csv")
    assert len(file.rows) + len(file.problems) == len(lines)
    with arranged(SITUATIONS[0], tmp_path) as made:
        before = len(queries.decisions(made.store, "main"))
        at = desk.Desk(store=made.store, account="main", now=made.clock.now() + timedelta(seconds=1))
        answer = desk.bring_in(at, file, approve=False)
        shown(answer)
        shown(desk.listing(at, limit=None))
        new = queries.decisions(made.store, "main")
        assert "GOOD" in {d.symbol for d in new}
        assert before < len(new) < before + len(lines)


@pytest.mark.case("fail-N5")
def test_decide_takes_what_it_can_read_and_names_what_it_cannot(tmp_path):
    with arranged(SITUATIONS[0], tmp_path) as made:
        at = desk.Desk(store=made.store, account="main", now=made.clock.now())
        codes = set()
        for cells in spoilt_lines(150, 2):
            answer = desk.add(at, dict(zip(COLUMNS, cells, strict=True)), approve=False)
            shown(answer)
            assert (answer.exit_code == 0) == (not answer.errors)
            codes.add(answer.exit_code)
        assert codes == {0, 2}


@pytest.mark.sample
@pytest.mark.parametrize("name", list(rows.corpus()["undecodable"]))
def test_a_file_that_is_no_utf_8_is_refused_as_a_whole(tmp_path, name):
    path = tmp_path / "decisions.csv"
    path.write_bytes(
        b"symbol,trade_style,planned_entry,planned_sl\n" + bytes.fromhex(rows.corpus()["undecodable"][name])
    )
    with pytest.raises(ConfigError, match="UTF-8"):
        csv_file.load_csv(path)
