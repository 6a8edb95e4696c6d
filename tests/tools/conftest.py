"""What the tests of the commands share: a database, and a way to run a command on it."""

import shutil
import sqlite3
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest

from lib.bootstrap import simulated_store
from lib.decide import main
from lib.simulation.world import world
from lib.store.sqlite import open_store

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # a Friday, 09:00 in New York


@pytest.fixture
def database(tmp_path, monkeypatch):
    file = tmp_path / "trading.db"
    simulated_store(f"sqlite:///{file}", tmp_path, NOW).close()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.setenv("BROKER", "local")
    monkeypatch.setenv("COLUMNS", "80")
    return file


@pytest.fixture
def run(database, capsys):
    """Run a command's main; return exit code, standard output, standard error."""

    def command(main, *words):
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def decide(run):
    """Run a verb of decide."""
    return partial(run, main)


@pytest.fixture
def store(database, tmp_path):
    opened = simulated_store(f"sqlite:///{database}", tmp_path, NOW)
    yield opened
    opened.close()


@pytest.fixture
def csv(tmp_path):
    def write(text):
        file = tmp_path / "moves.csv"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def sql(database):
    """Run a statement as another program would; return its rows."""

    def run(statement, *values):
        connection = sqlite3.connect(database)
        try:
            found = connection.execute(statement, values).fetchall()
            connection.commit()
            return found
        finally:
            connection.close()

    return run


@pytest.fixture
def ticks(sql):
    """Return (id, Approve) of every decision."""
    return lambda: sql("SELECT id, Approve FROM analysis_decision ORDER BY id")


@pytest.fixture
def count(sql):
    """Return how many decisions there are."""
    return lambda: sql("SELECT count(*) FROM analysis_decision")[0][0]


@pytest.fixture(scope="module")
def play_once(tmp_path_factory):
    """Let the stages play a story from 09:43 on; return the directory it left. The same story is played once."""
    played = {}

    def play(name, feed, end, *decisions, options=None):
        if name not in played:
            directory = tmp_path_factory.mktemp("played")
            url = f"sqlite:///{directory / 'trading.db'}"
            with world(
                directory, datetime(2024, 1, 16, 14, 43, tzinfo=UTC), feed, options=options, database=url
            ) as made:
                for columns in decisions:
                    made.decide(**columns)
                made.run_until(end)
            played[name] = directory
        return played[name]

    return play


@pytest.fixture
def left_by(play_once, tmp_path, monkeypatch):
    """Return store and state directory as a story left them, a copy of its own, with the settings that lead there."""
    opened = []

    def copy(name, feed, end, *decisions, options=None):
        state = tmp_path / "state"
        shutil.copytree(play_once(name, feed, end, *decisions, options=options), state)
        url = f"sqlite:///{state / 'trading.db'}"
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("STATE_DIR", str(state))
        monkeypatch.setenv("BROKER", "local")
        monkeypatch.setenv("COLUMNS", "80")
        opened.append(open_store(url, state, durable=False))
        return SimpleNamespace(store=opened[-1], state_dir=state, now=end)

    yield copy
    for store in opened:
        store.close()
