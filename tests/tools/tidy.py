"""The rules of the layout: who may import whom, how long things may get, what is not written where.

Each rule takes the sources (path relative to the repository → text) and returns one line for each offence.
"""

import ast
import gc
import re
import sys
from functools import cache
from pathlib import Path

Sources = dict[str, str]

ROOT = Path(__file__).parents[2]
WATCHED = ("*.py", "lib/**/*.py", "deploy/*.py", "bench/**/*.py", "tests/**/*.py")

PURE = ("lib/domain/", "lib/planning/", "lib/invariants/", "lib/views/")
EXCHANGE = "lib/paper_broker/exchange/"  # pure too, but for its seeded dice
EFFECT_MODULES = (
    "asyncio builtins concurrent ctypes fcntl fileinput ftplib getpass glob http importlib io locale logging "
    "multiprocessing os pathlib pickle platform queue random sched secrets select selectors shelve shutil signal "
    "socket socketserver sqlite3 ssl subprocess sys tempfile threading time urllib webbrowser zoneinfo"
)
EFFECTS = frozenset(EFFECT_MODULES.split())
EFFECT_CALLS = frozenset({"open", "print", "input", "exec", "eval", "breakpoint", "__import__"})

# What of lib a file may import; the first line that fits counts, a file that fits none may import anything.
CORE = ("lib.domain", "lib.planning", "lib.invariants")
PORTS = ("lib.broker.port", "lib.store.port", "lib.tools")  # tools is the bundle of both with a clock
SURROUNDINGS = ("lib.clock", "lib.errors", "lib.logs", "lib.sessions")
MAY_IMPORT = (
    ("lib/domain/", ("lib.domain",)),
    ("lib/planning/", ("lib.domain", "lib.planning")),
    ("lib/invariants/", CORE),
    ("lib/views/", ("lib.domain", "lib.views")),
    ("lib/render/", ("lib.domain", "lib.views", "lib.render")),
    ("lib/stages/", (*PORTS, "lib.gather", "lib.apply", *CORE, *SURROUNDINGS)),
    ("lib/gather.py", (*PORTS, "lib.news", *CORE, *SURROUNDINGS)),
    ("lib/news.py", (*PORTS, *CORE, *SURROUNDINGS)),
    ("lib/apply.py", (*PORTS, *CORE, *SURROUNDINGS)),
    ("lib/tools.py", (*PORTS, "lib.domain", *SURROUNDINGS)),
    ("lib/broker/port.py", ("lib.domain", *SURROUNDINGS)),
    ("lib/store/port.py", ("lib.domain", *SURROUNDINGS)),
    ("lib/paper_broker/__main__.py", ("lib.paper_broker", "lib.domain.money", "lib.sessions", "lib.clock")),
    ("lib/paper_broker/", ("lib.paper_broker", "lib.domain.money", "lib.sessions")),
    ("lib/clock.py", ()),
    ("lib/sessions.py", ()),
    ("lib/due.py", ("lib.sessions",)),
)

# Who may import these; tests may import anything.
IMPORTED_BY = (
    ("lib.broker.alpaca", ("lib/bootstrap.py",)),
    ("lib.store.sqlite", ("lib/bootstrap.py", "lib/store/")),
    ("lib.paper_broker", ("lib/bootstrap.py", "lib/simulation/", "lib/paper_broker/")),
    ("lib.simulation", ("lib/simulation/", "lib/replay.py", "lib/prove.py")),
    ("pandas", ()),
    ("pytz", ("lib/clock.py",)),
    ("dotenv", ("lib/config.py", "lib/due.py")),
    ("alpaca", ("lib/broker/",)),
    ("tenacity", ("lib/broker/",)),
    ("sqlalchemy", ("lib/store/",)),
    ("alembic", ("lib/store/",)),
    ("sqlite3", ("lib/store/sqlite.py", "lib/store/sqlite_files.py", "lib/paper_broker/")),
    ("schedule", ("lib/loop.py",)),
    ("starlette", ("lib/paper_broker/",)),
    ("uvicorn", ("lib/paper_broker/",)),
)

SQLITE_WORDS = re.compile(r"\b(PRAGMA|BEGIN IMMEDIATE|INSERT OR|sqlite_master|AUTOINCREMENT|VACUUM)\b")
SQLITE_HOMES = ("lib/store/sqlite.py", "lib/store/sqlite_files.py", "lib/paper_broker/")
CLOCK_READS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
)
EMPTY_NAMES = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})


def sources() -> Sources:
    """Read every file that the rules watch."""
    paths = {path for pattern in WATCHED for path in ROOT.glob(pattern)}
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


@cache
def parse(text: str) -> tuple[ast.AST, ...]:
    gc.disable()  # a million nodes stay: gone through again and again they take longer than the rules
    try:
        return tuple(ast.walk(ast.parse(text)))
    finally:
        gc.freeze()
        gc.enable()


@cache
def imports(text: str) -> tuple[str, ...]:
    """Return dotted names; `from a.b import c` counts as a.b.c, whatever c is."""
    names: list[str] = []
    for node in parse(text):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names += [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return tuple(names)


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def of_system(files: Sources) -> Sources:
    """Leave out tests and bench, which are not bound by layers."""
    return {path: text for path, text in files.items() if not path.startswith(("tests/", "bench/"))}


def commands(files: Sources) -> dict[str, str]:
    """Return path → module of what is started with `python -m`."""
    return {
        path: path.removesuffix(".py").replace("/", ".")
        for path, text in files.items()
        if path.endswith("/__main__.py")
        or (path.startswith("lib/") and re.search(r"^if __name__ == ['\"]__main__['\"]", text, re.MULTILINE))
    }


def pure_code_has_no_effects(files: Sources) -> list[str]:
    offences = []
    for path, text in files.items():
        if not path.startswith((*PURE, EXCHANGE)):
            continue
        for name in imports(text):
            top = name.split(".")[0]
            foreign = top != "lib" and top not in sys.stdlib_module_names
            if foreign or (top in EFFECTS and not (path.startswith(EXCHANGE) and top in ("random", "zoneinfo"))):
                offences.append(f"{path} imports {name}")
        offences += [
            f"{path}:{node.lineno} calls {node.func.id}"
            for node in parse(text)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EFFECT_CALLS
        ]
    return offences


def layers_import_downwards(files: Sources) -> list[str]:
    offences = []
    for path, text in files.items():
        allowed = next((allowed for prefix, allowed in MAY_IMPORT if path.startswith(prefix)), None)
        offences += [
            f"{path} imports {name}"
            for name in imports(text)
            if allowed is not None and inside(name, "lib") and not any(inside(name, package) for package in allowed)
        ]
    return offences


def some_modules_have_one_home(files: Sources) -> list[str]:
    return [
        f"{path} imports {name}"
        for path, text in of_system(files).items()
        for name in imports(text)
        for package, homes in IMPORTED_BY
        if inside(name, package) and not path.startswith(homes)
    ]


def nothing_imports_a_command(files: Sources) -> list[str]:
    modules = commands(files).values()
    return [
        f"{path} imports {name}"
        for path, text in of_system(files).items()
        for name in imports(text)
        if any(inside(name, module) for module in modules)
    ]


def imports_are_absolute(files: Sources) -> list[str]:
    return [f"{path} imports {name}" for path, text in files.items() for name in imports(text) if name.startswith(".")]


def files_stay_short(files: Sources) -> list[str]:
    offences, started = [], commands(files)
    for path, text in files.items():
        length, limit = len(text.splitlines()), 400
        if "/" not in path:
            limit = 20
        elif path.startswith("lib/stages/"):
            limit = 40
        elif path in started and path.startswith("lib/") and path.count("/") == 1:
            limit = 60
        if length > limit:
            offences.append(f"{path} has {length} lines, {limit} are allowed")
    return offences


def functions_stay_short(files: Sources) -> list[str]:
    return [
        f"{path}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines, 70 are allowed"
        for path, text in files.items()
        for node in parse(text)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 70
    ]


def money_is_never_a_float(files: Sources) -> list[str]:
    return [
        f"{path}:{node.lineno} calls float"
        for path, text in files.items()
        if path.startswith((*PURE, EXCHANGE))
        for node in parse(text)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]


def only_the_clock_reads_the_clock(files: Sources) -> list[str]:
    offences = []
    for path, text in of_system(files).items():
        if path == "lib/clock.py":
            continue
        offences += [
            f"{path}:{node.lineno} uses {'.'.join(ast.unparse(node).split('.')[-2:])}"
            for node in parse(text)
            if isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in CLOCK_READS
        ]
        offences += [f"{path} imports {name}" for name in imports(text) if name in CLOCK_READS]
    return offences


def our_own_code_is_never_replaced_in_a_test(files: Sources) -> list[str]:
    offences = []
    for path, text in files.items():
        offences += [
            f"{path} imports {name}" for name in imports(text) if inside(name, "unittest.mock") or inside(name, "mock")
        ]
        for node in parse(text):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
                target = node.args[0] if node.args else None
                by_text = isinstance(target, ast.Constant) and str(target.value).startswith("lib.")
                by_name = target is not None and ast.unparse(target).split(".")[0] in _bound_from_lib(text)
                if by_text or by_name:
                    offences.append(f"{path}:{node.lineno} replaces {ast.unparse(target)}")
    return offences


def _bound_from_lib(text: str) -> set[str]:
    bound = set()
    for node in parse(text):
        if isinstance(node, ast.Import):
            bound |= {(alias.asname or "lib") for alias in node.names if inside(alias.name, "lib")}
        if isinstance(node, ast.ImportFrom) and inside(node.module or "", "lib"):
            bound |= {alias.asname or alias.name for alias in node.names}
    return bound


def names_say_what_is_inside(files: Sources) -> list[str]:
    return [path for path in files if EMPTY_NAMES & set(path.removesuffix(".py").split("/"))]


def sqlite_is_named_in_its_adapter_only(files: Sources) -> list[str]:
    offences = []
    for path, text in of_system(files).items():
        nodes = parse(text)
        prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            is_sql = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
            if is_sql and SQLITE_WORDS.search(node.value) and not path.startswith(SQLITE_HOMES):
                offences.append(f"{path}:{node.lineno} speaks SQLite's SQL")
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if name == "create_engine" and not path.startswith("lib/store/"):
                offences.append(f"{path}:{node.lineno} makes an engine")
    return offences


def the_map_names_every_file(files: Sources) -> list[str]:
    mapped = _mapped(ast.get_docstring(ast.parse(files["lib/__init__.py"])) or "")
    there = {
        path.removeprefix("lib/")
        for path in files
        if path.startswith("lib/") and not path.endswith("/__init__.py") and "/migrations/" not in path
    }
    missing = [f"{path} is not on the map in lib/__init__.py" for path in sorted(there - mapped)]
    return missing + [f"the map in lib/__init__.py names {path}, which is not there" for path in sorted(mapped - there)]


def _mapped(text: str) -> set[str]:
    """Read the map: a line that begins with a folder speaks of it, and so do the lines indented below it."""
    names, folder, depth = set(), "", 0
    for line in text.splitlines():
        words = [word.strip(",.;:()`") for word in line.split()]
        indent = len(line) - len(line.lstrip())
        if words and indent <= depth:
            folder = ""
        if words and words[0].endswith("/"):
            folder, depth = words[0].removeprefix("lib/"), indent
        names |= {folder + word.removeprefix("lib/") for word in words if word.endswith(".py")}
    return names


RULES = (
    pure_code_has_no_effects,
    layers_import_downwards,
    some_modules_have_one_home,
    nothing_imports_a_command,
    imports_are_absolute,
    files_stay_short,
    functions_stay_short,
    money_is_never_a_float,
    only_the_clock_reads_the_clock,
    our_own_code_is_never_replaced_in_a_test,
    names_say_what_is_inside,
    sqlite_is_named_in_its_adapter_only,
    the_map_names_every_file,
)
