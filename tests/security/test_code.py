"""What the code itself may not do: put values into SQL, follow redirects with keys, leave bandit something to say."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import tidy

ROOT = Path(__file__).parents[2]
PARSES = pytest.mark.xdist_group("tidy")  # where every file is parsed anyway

SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|ALTER|DROP|CREATE|PRAGMA|ATTACH|VACUUM|WITH|REPLACE)\s+[\w\"*({]", re.IGNORECASE
)
PROSE = re.compile(r"[.;:] [a-z]|^[A-Z][a-z]|^(with|select|create|update|replace|delete|drop|insert|attach) ")

BUILT_FROM_NAMES = {
    "lib/paper_broker/state.py": "PRAGMA takes no parameters; the number is a constant",
    "lib/store/sqlite.py": "PRAGMA takes no parameters; the word is one of two",
    "lib/simulation/around.py": "the column is one of five words that stand above it; the value is a parameter",
}
"""Where a statement is put together all the same, and from what. No value of a row, a setting or a broker is in it."""

QUIET = {
    "B101": "an assertion states what must hold; inputs are checked by raising",
    "B105": "an empty word is compared with, it is no password",
    "B106": "the embedded paper broker takes any key",
    "B108": "the proof makes a directory of its own below the memory of the machine",
    "B311": "chance that can be repeated, in simulations and in waiting times: no secret is drawn",
    "B404": "upgrade, loop and doctor start programs of this repository, and systemctl or crontab",
    "B603": "the same: the words are ours, no shell reads them",
    "B606": "the same",
    "B607": "where crontab and git lie is the host's own business",
    "B608": "the statements of BUILT_FROM_NAMES; the test above looks closer than bandit does",
}


def statements_with_values(files):
    """Return `path:line` of each SQL statement that is not one constant text."""
    found = set()
    for path, text in files.items():
        if not path.startswith(("lib/", "deploy/")) or path.startswith("lib/store/migrations/"):
            continue
        for node in tidy.parse(text):
            if isinstance(node, ast.JoinedStr):
                first = node.values[0]
                head = first.value if isinstance(first, ast.Constant) else ""
                whole = any(isinstance(part, ast.FormattedValue) for part in node.values)
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
                head, whole = getattr(node.left, "value", ""), not isinstance(node.right, ast.Constant)
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "format":
                head, whole = getattr(getattr(node.func, "value", None), "value", ""), True
            else:
                continue
            if whole and isinstance(head, str) and SQL.match(head) and not PROSE.search(head):
                found.add(f"{path}:{node.lineno}")
    return sorted(found)


@pytest.mark.slow
@pytest.mark.case("fail-N5")
@PARSES
def test_no_sql_is_built_from_values():
    built = statements_with_values(tidy.sources())
    assert [place for place in built if place.partition(":")[0] not in BUILT_FROM_NAMES] == []


@pytest.mark.slow
@pytest.mark.case("fail-N5")
@PARSES
def test_raw_statements_are_constants():
    """What goes to the driver as text is a literal, or the name of one."""
    wrong = []
    for path, text in tidy.sources().items():
        if not path.startswith("lib/") or path in BUILT_FROM_NAMES or path.startswith("lib/store/migrations/"):
            continue
        for node in tidy.parse(text):
            raw = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "exec_driver_sql"
            if raw and not isinstance(node.args[0], ast.Constant | ast.Name):
                wrong.append(f"{path}:{node.lineno}")
    assert wrong == []


@pytest.mark.parametrize(
    "line",
    [
        'c.execute(f"SELECT * FROM t WHERE x = {x}")',
        'c.execute("DELETE FROM t WHERE x = %s" % x)',
        'c.execute("UPDATE t SET x = " + x)',
        'c.execute("INSERT INTO t VALUES ({})".format(x))',
    ],
)
def test_a_planted_statement_is_seen(line):
    assert statements_with_values({"lib/a.py": line}) == ["lib/a.py:1"]


@pytest.mark.parametrize(
    "line",
    ['c.execute("SELECT * FROM t WHERE x = ?", (x,))', 'raise E(f"select one of {names}")', 'f"{x} SELECT 1"'],
)
def test_what_is_no_built_statement_is_left_alone(line):
    assert statements_with_values({"lib/a.py": line}) == []


@pytest.mark.case("fail-N12")
def test_nothing_switches_the_check_of_certificates_off_or_follows_redirects():
    off = re.compile(r"verify\s*=\s*False|CERT_NONE|_create_unverified_context|check_hostname\s*=\s*False")
    follows = re.compile(r"allow_redirects\s*=\s*True")
    ours = {path: text for path, text in tidy.sources().items() if path.startswith(("lib/", "deploy/"))}
    assert [path for path, text in ours.items() if off.search(text) or follows.search(text)] == []


@pytest.mark.slow
def test_bandit_has_nothing_to_say_but_what_is_answered_here():
    words = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json", "lib", "deploy"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["errors"] == []
    assert len(report["metrics"]) > 200
    said = {f"{r['test_id']} {r['filename']}:{r['line_number']}" for r in report["results"]}
    assert [each for each in sorted(said) if each.split()[0] not in QUIET] == []
    weighty = {r["filename"] for r in report["results"] if r["test_id"] == "B608"}
    assert {name.removeprefix("./") for name in weighty} <= set(BUILT_FROM_NAMES)


@pytest.mark.prove
def test_no_library_has_a_known_weakness():
    if importlib.util.find_spec("pip_audit") is None:
        pytest.skip("pip-audit is missing: .venv/bin/python -m pip install pip-audit")
    words = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    try:
        libraries = json.loads(done.stdout)["dependencies"]
    except ValueError:
        libraries = []
    looked_up = [each for each in libraries if "vulns" in each]
    if not looked_up:
        pytest.skip("the list of weaknesses cannot be reached from here: .venv/bin/python -m pip_audit where it can")
    assert {each["name"]: each["vulns"] for each in looked_up if each["vulns"]} == {}
