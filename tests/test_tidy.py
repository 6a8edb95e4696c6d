"""The rules of tests/tools/tidy.py hold, and each of them notices what it is there for."""

import pytest

from tests.tools import tidy

MAP = '"""lib\n\n  due.py clock.py    the gate, the clock\n  domain/            money.py records.py\n"""'
LONG = "x = 1\n"
COMMAND = 'if __name__ == "__main__":\n    main()\n'

PLANTED = [
    (tidy.pure_code_has_no_effects, {"lib/domain/a.py": "import os.path"}, "imports os.path"),
    (tidy.pure_code_has_no_effects, {"lib/planning/a.py": "from random import choice"}, "imports random.choice"),
    (tidy.pure_code_has_no_effects, {"lib/views/a.py": "def f():\n    import requests"}, "imports requests"),
    (tidy.pure_code_has_no_effects, {"lib/invariants/a.py": "print(1)"}, "calls print"),
    (tidy.pure_code_has_no_effects, {"lib/paper_broker/exchange/a.py": "import time"}, "imports time"),
    (tidy.layers_import_downwards, {"lib/domain/a.py": "from lib import clock"}, "imports lib.clock"),
    (tidy.layers_import_downwards, {"lib/planning/a.py": "import lib.store.port"}, "imports lib.store.port"),
    (tidy.layers_import_downwards, {"lib/stages/a.py": "from lib.broker import alpaca"}, "imports lib.broker.alpaca"),
    (tidy.layers_import_downwards, {"lib/apply.py": "from lib.bootstrap import x"}, "imports lib.bootstrap.x"),
    (tidy.layers_import_downwards, {"lib/paper_broker/a.py": "from lib.clock import x"}, "imports lib.clock.x"),
    (tidy.layers_import_downwards, {"lib/paper_broker/a.py": "from lib.domain.ids import x"}, "imports lib.domain.ids"),
    (tidy.layers_import_downwards, {"lib/due.py": "from lib.config import x"}, "imports lib.config.x"),
    (tidy.some_modules_have_one_home, {"lib/runner.py": "from lib.store.sqlite import x"}, "imports lib.store.sqlite"),
    (tidy.some_modules_have_one_home, {"lib/runner.py": "from lib.broker import alpaca"}, "imports lib.broker.alpaca"),
    (tidy.some_modules_have_one_home, {"lib/runner.py": "import lib.paper_broker"}, "imports lib.paper_broker"),
    (tidy.some_modules_have_one_home, {"lib/runner.py": "import lib.simulation.world"}, "imports lib.simulation"),
    (tidy.some_modules_have_one_home, {"lib/broker/alpaca.py": "import pandas as pd"}, "imports pandas"),
    (tidy.some_modules_have_one_home, {"lib/runner.py": "import pytz"}, "imports pytz"),
    (tidy.some_modules_have_one_home, {"lib/apply.py": "from dotenv import load_dotenv"}, "imports dotenv"),
    (tidy.some_modules_have_one_home, {"order_monitor.py": "import sqlalchemy"}, "imports sqlalchemy"),
    (tidy.nothing_imports_a_command, {"lib/decide.py": COMMAND, "lib/a.py": "from lib import decide"}, "lib.decide"),
    (tidy.nothing_imports_a_command, {"lib/store/__main__.py": "", "a.py": "import lib.store.__main__"}, "a.py"),
    (tidy.imports_are_absolute, {"lib/domain/a.py": "from . import money"}, "imports ..money"),
    (tidy.files_stay_short, {"lib/a.py": LONG * 401}, "401 lines, 400 are"),
    (tidy.files_stay_short, {"order_monitor.py": LONG * 21}, "21 lines, 20 are"),
    (tidy.files_stay_short, {"lib/stages/a.py": LONG * 41}, "41 lines, 40 are"),
    (tidy.files_stay_short, {"lib/status.py": LONG * 59 + COMMAND}, "61 lines, 60 are"),
    (tidy.functions_stay_short, {"lib/a.py": "def f():\n" + "    x = 1\n" * 70}, "f has 71 lines"),
    (tidy.functions_stay_short, {"tests/a.py": "async def f():\n" + "    x = 1\n" * 70}, "f has 71 lines"),
    (tidy.money_is_never_a_float, {"lib/domain/a.py": "x = [float('1.1')]"}, "calls float"),
    (tidy.money_is_never_a_float, {"lib/planning/a.py": "def f(x):\n    return float(x)"}, "calls float"),
    (tidy.only_the_clock_reads_the_clock, {"lib/a.py": "x = datetime.now(UTC)"}, "uses datetime.now"),
    (tidy.only_the_clock_reads_the_clock, {"lib/a.py": "x = datetime.datetime.utcnow()"}, "uses datetime.utcnow"),
    (tidy.only_the_clock_reads_the_clock, {"lib/a.py": "x = time.time()"}, "uses time.time"),
    (tidy.only_the_clock_reads_the_clock, {"lib/a.py": "from time import time"}, "imports time.time"),
    (tidy.only_the_clock_reads_the_clock, {"lib/a.py": "make = field(default_factory=date.today)"}, "uses date.today"),
    (tidy.our_own_code_is_never_replaced_in_a_test, {"tests/a.py": "from unittest import mock"}, "imports unittest"),
    (tidy.our_own_code_is_never_replaced_in_a_test, {"tests/a.py": "from unittest.mock import patch"}, "unittest.mock"),
    (
        tidy.our_own_code_is_never_replaced_in_a_test,
        {"tests/a.py": "from lib import due\ndef test(monkeypatch):\n    monkeypatch.setattr(due, 'read', None)"},
        "replaces due",
    ),
    (
        tidy.our_own_code_is_never_replaced_in_a_test,
        {"tests/a.py": "import lib.due\ndef test(monkeypatch):\n    monkeypatch.setattr(lib.due, 'read', None)"},
        "replaces lib.due",
    ),
    (
        tidy.our_own_code_is_never_replaced_in_a_test,
        {"tests/a.py": "def test(monkeypatch):\n    monkeypatch.setattr('lib.due.read', None)"},
        "replaces 'lib.due.read'",
    ),
    (tidy.names_say_what_is_inside, {"lib/domain/utils.py": ""}, "utils.py"),
    (tidy.names_say_what_is_inside, {"tests/helpers/a.py": ""}, "helpers"),
    (tidy.sqlite_is_named_in_its_adapter_only, {"lib/store/sql.py": "x = text('PRAGMA user_version')"}, "speaks"),
    (tidy.sqlite_is_named_in_its_adapter_only, {"lib/runner.py": "x = sqlalchemy.create_engine(url)"}, "an engine"),
    (tidy.the_map_names_every_file, {"lib/__init__.py": MAP, "lib/new.py": ""}, "new.py is not on the map"),
    (tidy.the_map_names_every_file, {"lib/__init__.py": MAP, "lib/store/records.py": ""}, "store/records.py is not"),
    (tidy.the_map_names_every_file, {"lib/__init__.py": MAP, "lib/due.py": ""}, "names domain/money.py, which is not"),
]

INNOCENT = {
    "order_monitor.py": '"""Reads."""\n\nfrom lib.runner import run_stage\n\nrun_stage("order_monitor")\n',
    "lib/__init__.py": MAP,
    "lib/due.py": "def f():\n    from dotenv import dotenv_values\n" + "    x = 1\n" * 68,
    "lib/clock.py": "import pytz\nfrom datetime import datetime\nx = datetime.now(UTC)\n",
    "lib/domain/money.py": "from decimal import Decimal\nfrom datetime import datetime\nx = datetime(2026, 1, 1)\n",
    "lib/domain/records.py": '"""A PRAGMA in prose."""\nfrom lib.domain.money import ZERO\n',
    "tests/test_a.py": "from datetime import datetime\nx = datetime.now()\nmonkeypatch.setattr(os, 'sep', '/')\n",
}


@pytest.mark.xdist_group("tidy")  # one process parses every file once for all rules
@pytest.mark.parametrize("rule", tidy.RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps_the_rule(rule):
    offences = rule(tidy.sources())
    assert not offences, "\n".join(offences)


@pytest.mark.parametrize(("rule", "planted", "expected"), PLANTED)
def test_a_planted_offence_is_noticed(rule, planted, expected):
    assert expected in "\n".join(rule(planted))


@pytest.mark.parametrize("rule", tidy.RULES, ids=lambda rule: rule.__name__)
def test_code_that_keeps_the_rules_is_left_alone(rule):
    assert rule(INNOCENT) == []


def test_every_rule_has_a_planted_offence():
    assert {rule for rule, *_ in PLANTED} == set(tidy.RULES)


def test_the_rules_see_the_repository():
    assert {"lib/due.py", "lib/domain/money.py", "tests/test_tidy.py"} <= set(tidy.sources())
