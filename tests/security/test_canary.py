"""One run of everything with secrets of which every byte is looked for afterwards, and who may read what it left."""

import gzip
import re
import stat

import pytest

from lib.config import Settings
from lib.errors import ConfigError
from tests.scripts.desk import EXECUTOR, KEY, MONITOR, SECRET, VALUER, in_window

TOKENS = ("alerttoken-9c1f4e7a", "heartbeattoken-5b2d8c3e")
CANARIES = (KEY, SECRET, *TOKENS)
OTHERS_READ = stat.S_IROTH | stat.S_IWOTH
NOT_OURS = {"paper.db"}
"""The paper broker's own files: another program, whose state holds no secret."""


def plain(data):
    """Return bytes as they are, or unpacked where they are packed."""
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def shown_in(desk):
    """Name each place that holds a canary: a file under the desk's folder, its name, or what a program printed."""
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    places = [str(path) for path in files if any(c.encode() in plain(path.read_bytes()) for c in CANARIES)]
    places += [str(path) for path in files if any(c in path.name for c in CANARIES)]
    return places + [said[:200] for said in desk.said if any(c in said for c in CANARIES)]


@pytest.fixture
def secrets():
    """Where alerts and heartbeats are to go: nobody listens there, so that each failure is told too."""
    return {
        "ALERT_URLS": f"json://user:{TOKENS[0]}@127.0.0.1:9/{TOKENS[0]}",
        "HEARTBEAT_URL": f"http://127.0.0.1:9/{TOKENS[1]}",
    }


@pytest.mark.slow
@pytest.mark.case("fail-N3", "fail-N4")
def test_no_secret_is_in_any_byte_that_a_run_leaves_or_prints(desk, secrets):
    in_window()
    dead = {"BROKER": "alpaca", "ALPACA_BASE_URL": "http://127.0.0.1:9", "ALPACA_API_KEY": KEY} | {
        "ALPACA_SECRET_KEY": SECRET,
        **secrets,
    }
    desk.decide()
    with desk.server("--api-key", KEY, "--secret-key", SECRET) as there:
        settings = there | secrets
        for words in ((EXECUTOR, "--verbose"), (MONITOR, "--json"), (VALUER, "--verbose"), (MONITOR, "--dry-run")):
            assert desk.run(*words, **settings)[0] in {0, 1}
        for words in ("doctor", "status", "health", "decide list", "store backup", "explain 1", "status --json"):
            desk.run("-m", *f"lib.{words}".split(), **settings)
        wrong = settings | {"ALPACA_SECRET_KEY": f"{SECRET}wrong"}
        assert desk.run(MONITOR, "--verbose", **wrong)[0] == 2
    assert desk.run(MONITOR, "--verbose", **dead)[0] == 1
    assert desk.run("-m", "lib.doctor", **dead)[0] != 0
    bad = dead | {"ALPACA_BASE_URL": f"https://{SECRET}@evil.example", "LIMITS": "x"}
    assert desk.run(MONITOR, **bad)[0] == 2
    desk.sql("ALTER TABLE stage_run RENAME TO stage_run_away")
    code, _, err = desk.run(MONITOR, "--verbose", **dead)
    assert code in {1, 2, 3}
    assert err
    assert len(list(desk.folder.rglob("*.db*"))) > 2  # a backup is there to be searched
    assert shown_in(desk) == []


@pytest.mark.slow
def test_a_canary_that_is_anywhere_is_found(desk):
    (desk.folder / "deep").mkdir()
    (desk.folder / "deep" / "x.gz").write_bytes(gzip.compress(f"a {SECRET} b".encode()))
    desk.said.append(f"said {TOKENS[1]}")
    desk.sql("CREATE TABLE planted AS SELECT ? AS x", TOKENS[0])
    places = shown_in(desk)
    assert len(places) == 3


@pytest.mark.slow
@pytest.mark.case("fail-N4")
def test_what_a_run_leaves_is_for_nobody_else_to_write_and_logs_and_backups_for_nobody_else_to_read(desk):
    for words in ((MONITOR,), ("-m", "lib.store", "backup")):
        desk.done(*words)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in desk.state.rglob("*")}
    assert [str(path) for path, mode in modes.items() if mode & stat.S_IWOTH] == []
    private = [path for path in modes if re.search(r"/(log|backups?)(/|$)", str(path.relative_to(desk.folder)))]
    assert {path.suffix for path in private} >= {".log"}
    assert any(path.is_file() and "backup" in str(path.parent) for path in private)
    assert [str(path) for path in private if path.is_file() and modes[path] & OTHERS_READ] == []


ELSEWHERE = (
    *("https://evil.example", "http://paper-api.alpaca.markets", "https://api.alpaca.markets", "ftp://127.0.0.1"),
    *("https://paper-api.alpaca.markets.evil.example", "https://paper-api.alpaca.markets@evil.example"),
    *("https://evil.example#@paper-api.alpaca.markets", "https://evil.example\\@paper-api.alpaca.markets"),
    *("http://127.0.0.1.evil.example", "http://localhost@evil.example", "http://0.0.0.0", "http://169.254.169.254"),
    *("https://user:word@paper-api.alpaca.markets", "https://paper-api.alpaca.markets:8443"),
    *("https://paper-api.alpaca.markets?x=1", "https://paper-api.alpaca.markets#x", "http://[::2]", "//127.0.0.1"),
)


@pytest.mark.case("fail-N12")
@pytest.mark.parametrize("name", ["ALPACA_BASE_URL", "ALPACA_DATA_URL"])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_keys_go_to_alpaca_s_own_hosts_and_this_machine_alone(url, name):
    env = {"BROKER": "alpaca", "ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET, name: url}
    with pytest.raises(ConfigError, match=name):
        Settings.from_env(env)


@pytest.mark.case("fail-N12")
@pytest.mark.parametrize(
    "url", ["https://paper-api.alpaca.markets", "http://127.0.0.1:8900", "http://localhost:1", "http://[::1]:8900/"]
)
def test_the_hosts_that_are_offered_are_taken(url):
    env = {"BROKER": "alpaca", "ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET, "ALPACA_BASE_URL": url}
    access = Settings.from_env(env).access_of("main")
    assert access is not None
    assert access.base_url == url.rstrip("/")
    assert KEY not in repr(access)
    assert SECRET not in repr(access)
