"""docs/first-run.md, followed to the letter in a copy of the repository; Alpaca is a paper broker's server here."""

import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
import requests

from tests.scripts.desk import ROOT
from tests.tools.other_time import IN_SESSION, ON_SUNDAY, starting_at

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("first run")]

COMMANDS_MAX = 10
COMMAND_S_MAX = 300
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".env", "var", "tests", "__pycache__", ".*_cache", ".hypothesis")
PAGE = (ROOT / "docs" / "first-run.md").read_text(encoding="utf-8")


def steps(text):
    """Return the page's code blocks in their order: ("sh", a command) for each line, or ("ini", the lines of .env)."""
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from ((kind, line) for line in block.splitlines()) if kind == "sh" else [(kind, block)]


class Newcomer:
    """Who has just cloned the repository, with nothing set and an empty home, and does what the page says."""

    def __init__(self, folder, now):
        self.clone = folder / "a clone"
        shutil.copytree(ROOT, self.clone, ignore=LEFT_OUT)
        (self.clone / "var" / "log").mkdir(parents=True)
        self._made_already(self.clone / ".venv")
        (folder / "home").mkdir()
        self.environ = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder / "home"),
            "TZ": "Asia/Kolkata",
        }
        self.clock = folder / "clock"
        self.is_now(now)
        self.settings = {}
        self.written = ""

    def _made_already(self, venv):
        """Put the installed packages where make looks for them, newer than what they are made of."""
        venv.mkdir()
        for each in ("bin", "lib", "pyvenv.cfg"):
            (venv / each).symlink_to(f"{sys.prefix}/{each}")
        for stamp in (".made", ".requirements"):
            (venv / stamp).touch()

    def is_now(self, now):
        self.environ |= starting_at(now, self.clock)

    def follow(self, text):
        """Take the steps of a part of the page; return what each command printed."""
        said = []
        for kind, words in steps(text):
            if kind == "sh":
                said.append(self.run(*shlex.split(words)))
            else:
                self.write(words)
        return said

    def run(self, *words, code=0):
        environ = self.environ | self.settings
        ended = subprocess.run(
            words, check=False, cwd=self.clone, env=environ, capture_output=True, text=True, timeout=COMMAND_S_MAX
        )
        assert ended.returncode == code, (words, ended.stdout, ended.stderr)
        return ended.stdout

    def write(self, lines):
        """Put lines at the end of .env, in the place of those that an earlier part of the page put there."""
        file = self.clone / ".env"
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        file.write_text(before.removesuffix(self.written) + lines, encoding="utf-8")
        self.written = lines

    @contextmanager
    def alpaca(self):
        """Serve a paper broker that keeps New York's hours in Alpaca's place; yield its address."""
        words = ["-u", "-m", "lib.paper_broker", "--port", "0", "--prices", "data", "--clock", "wall"]
        words += ["--state", str(self.clone / "var" / "elsewhere.db")]
        process = subprocess.Popen(
            [sys.executable, *words], cwd=self.clone, env=self.environ, stdout=subprocess.PIPE, text=True
        )
        with process:
            try:
                url = re.search(r"http://\S+", process.stdout.readline()).group()
                self.settings = {"ALPACA_BASE_URL": url}
                yield url
            finally:
                process.send_signal(signal.SIGTERM)

    def sql(self, database, statement):
        with closing(sqlite3.connect(self.clone / database)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def newcomer(tmp_path):
    return lambda now: Newcomer(tmp_path, now)


def parts():
    """Return the three parts of the page that hold steps."""
    _, demo, wall_clock, alpaca = re.split(r"^## \d\. ", PAGE, flags=re.MULTILINE)
    return demo, wall_clock, alpaca


def price(url, symbol, bid, ask):
    quote = {"symbol": symbol, "bid": bid, "ask": ask}
    requests.post(f"{url}/paper/price", json=quote, timeout=5).raise_for_status()


def orders(url):
    query = "status=all&nested=true"
    return requests.get(f"{url}/v2/orders?{query}", headers={"APCA-API-KEY-ID": "k"}, timeout=5).json()


def test_the_page_takes_at_most_ten_commands():
    commands = [words for kind, words in steps(PAGE) if kind == "sh"]
    assert len(commands) == COMMANDS_MAX
    assert PAGE.count("```") == 2 * sum(1 for _ in re.finditer(r"^```(sh|ini)$", PAGE, re.MULTILINE))


@pytest.mark.prove  # half a minute, for what the replay's own tests show in other ways
def test_the_demo_is_the_first_command(newcomer):
    (replayed,) = newcomer(ON_SUNDAY).follow(parts()[0])
    assert replayed.splitlines()[-1].endswith("in the journal: agrees")


def test_a_newcomer_gets_to_a_covered_position_at_alpaca(newcomer):
    user = newcomer(IN_SESSION)
    _, wall_clock, alpaca = parts()
    _, _, bought, covered = user.follow(wall_clock)
    assert (user.clone / ".env").stat().st_mode & 0o777 == 0o600
    assert bought.startswith("order_executor: broker local paper account PA")
    assert "send buy 10 MSFT limit 30 day" in bought
    assert re.search(r"send sell \d+ MSFT oco 60 / 20 gtc", covered)
    with user.alpaca() as url:
        price(url, "AAPL", "269.90", "269.95")
        _, looked, _, bought, covered = user.follow(alpaca)
        assert looked.startswith("order_monitor: broker alpaca paper account PA")
        assert "send buy 1 AAPL limit 270 day" in bought
        assert "send sell 1 AAPL oco 320 / 250 gtc" in covered
        entry, cover = sorted(orders(url), key=lambda order: order["submitted_at"])
    assert (entry["status"], entry["filled_avg_price"]) == ("filled", "269.95")
    assert (cover["status"], cover["limit_price"], cover["legs"][0]["stop_price"]) == ("new", "320", "250")
    assert user.sql("var/alpaca.db", "SELECT symbol, status FROM trade_journal") == [("AAPL", "POSITION")]
    assert user.sql("var/trading.db", "SELECT symbol, status FROM trade_journal") == [("MSFT", "POSITION")]


@pytest.mark.prove
def test_on_a_sunday_the_same_lines_end_well_and_the_decision_is_ordered_on_monday(newcomer):
    user = newcomer(ON_SUNDAY)
    with user.alpaca() as url:
        *_, waits, looked = user.follow(parts()[2])
        assert orders(url) == []
    assert "outside the entry window: it opens at 2026-11-23 14:45 UTC" in waits
    assert "done: 0 requests" in looked
    assert user.sql("var/alpaca.db", "SELECT count(*) FROM order_execution") == [(0,)]
    user.is_now(IN_SESSION)
    with user.alpaca() as url:
        price(url, "AAPL", "269.90", "269.95")
        bought = user.run(".venv/bin/python", "order_executor.py", code=1)
        assert "send buy 1 AAPL limit 270 day" in bought
        assert "order_monitor has not ended clean since 2026-11-22" in bought
        assert "send sell 1 AAPL oco 320 / 250 gtc" in user.run(".venv/bin/python", "order_monitor.py")
