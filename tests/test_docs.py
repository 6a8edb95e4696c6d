"""What is written for users agrees with what there is: README, settings, crontab, the page of commands."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.tools import casebook, make_commands, make_proof_table, make_switches, tidy

ROOT = Path(__file__).parents[1]
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
PLANNING = {
    path: text
    for path, text in tidy.sources().items()
    if path.startswith(("lib/planning/", "lib/invariants/", "lib/assertions"))
}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def settings_of(text):
    """Return the names that an .env file sets or shows behind a comment sign, in their order."""
    return re.findall(r"^#?([A-Z][A-Z_]*)=", text, re.MULTILINE)


def targets_of(makefile):
    """Return the targets that `make help` lists."""
    return re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)


def unnamed(names, text):
    """Return the names that a text does not hold as a word of their own."""
    return [name for name in names if not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)]


def codes_of(maker):
    """Return (code, final) of each `maker(code=…)` in the planning; a code that is no literal stands as `x["CODE"]`."""
    found = set()
    for text in PLANNING.values():
        for function in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if not isinstance(call.func, ast.Name) or call.func.id != maker:
                    continue
                given = {word.arg: word.value for word in call.keywords}
                final = "final" not in given
                if isinstance(given["code"], ast.Constant):
                    found.add((given["code"].value, final))
                    continue
                keys = re.findall(r"\[[\"']([A-Z_]+)[\"']\] = ", ast.unparse(function))
                assert keys, f"{function.name}: the code of a {maker} is nowhere to be read"
                found |= {(key, final) for key in keys}
    return found


def jobs_of(crontab):
    """Parse a crontab: return (five fields, command) of each job, or raise ValueError as cron would refuse it."""
    jobs = []
    for line in crontab.splitlines():
        if not line.strip() or line.lstrip().startswith("#") or re.match(r"^\s*\w+\s*=", line):
            continue
        *fields, command = line.split(maxsplit=5)
        if len(fields) != len(FIELDS) or "%" in command:
            message = f"cron cannot read: {line}"
            raise ValueError(message)
        for text, (name, lowest, highest) in zip(fields, FIELDS, strict=True):
            values = [int(value) for value in re.findall(r"\d+", text.partition("/")[0])]
            if not re.fullmatch(r"(\*|\d+(-\d+)?)(/[1-9]\d*)?(,\d+(-\d+)?(/[1-9]\d*)?)*", text) or not all(
                lowest <= value <= highest for value in values
            ):
                message = f"{text!r} is no {name}"
                raise ValueError(message)
        jobs.append((tuple(fields), command))
    return jobs


def test_the_readme_names_every_setting():
    assert unnamed(settings_of(read(".env.example")), read("README.md")) == []


def test_the_readme_names_every_command():
    assert unnamed(make_commands.COMMANDS, read("README.md")) == []


def test_the_readme_names_every_target_of_make():
    assert unnamed([f"make {target}" for target in targets_of(read("Makefile"))], read("README.md")) == []


def test_every_target_has_its_line_of_help():
    makefile = read("Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert sorted(targets_of(makefile)) == sorted(set(phony) - {"again"})
    asked_for = {"demo", "test", "test-fast", "lint", "bench", "sessions", "docs", "paper-broker", "clean", "help"}
    assert asked_for <= set(targets_of(makefile))


@pytest.mark.slow
def test_the_page_of_operations_lists_exactly_the_problems_there_are():
    _, _, after = read("docs/operations.md").partition("## Problems\n")
    listed = re.findall(r"^\| `([A-Z_]+)` \|", after.partition("\n## ")[0], re.MULTILINE)
    known = {code for code, _ in codes_of("Problem")}
    assert {"UNCOVERED", "UNEXPLAINED", "ENTRY_ROW_GONE"} <= known
    assert sorted(listed) == sorted(known)


@pytest.mark.slow
def test_the_page_of_operations_lists_exactly_the_refusals_there_are_and_says_which_are_final():
    _, _, after = read("docs/operations.md").partition("## Why a decision was not taken\n")
    final, later = after.partition("\n## ")[0].split("For now (`WAITING`")
    known = codes_of("Refused")
    answered = {code for code, is_final in known if is_final}
    waiting = {code for code, is_final in known if not is_final}
    written = set(re.findall(r'"execution_note": f?"([A-Z]+): ', PLANNING["lib/planning/deciding/claims.py"]))
    assert {"LEVELS", "COLLAR"} <= {code for code, _ in known}
    assert written
    assert set(re.findall(r"`([A-Z_]{3,})`", later)) == waiting
    assert set(re.findall(r"`([A-Z_]{3,})`", final)) - {"REJECTED"} == answered | written


def test_the_page_of_operations_shows_each_limit_with_its_default_and_its_range():
    limits = import_module("lib.domain.limits")
    _, _, after = read("docs/operations.md").partition("\n## Limits\n")
    row = r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \| ([^|]+) \| ([^|]+) \| `[A-Z_]+` \|$"
    listed = re.findall(row, after.partition("\n## ")[0], re.MULTILINE)
    defaults = limits.Limits()
    known = []
    for name, rule in limits.RULES.items():
        value = getattr(defaults, name)
        plain = str(value // limits.MINUTE if rule.unit == limits.MINUTES else value)
        known.append((name, plain, str(rule.low), str(rule.high), rule.unit, rule.means))
    assert listed == known


def test_the_example_lists_exactly_the_settings_there_are():
    known = import_module("lib.config").SETTINGS
    listed = settings_of(read(".env.example"))
    assert sorted(listed) == sorted(known)
    assert len(set(listed)) == len(listed)


def test_the_example_as_it_stands_sets_nothing():
    assert [line for line in read(".env.example").splitlines() if line and not line.startswith("#")] == []


@pytest.mark.slow
def test_the_page_of_commands_is_what_the_commands_say():
    assert read("docs/commands.md") == make_commands.page()


def test_the_page_of_the_paper_broker_lists_every_switch_profile_and_fault_and_every_path_of_its_own():
    page = read("docs/paper-broker.md")
    assert page == make_switches.page()
    words = set(re.findall(r"`([a-z0-9_-]+)`", page))
    profiles, faults = import_module("lib.paper_broker.profiles"), import_module("lib.paper_broker.faults")
    assert set(profiles.PROFILES) | {str(kind) for kind in faults.FaultKind} <= words
    own = {path for path in import_module("lib.paper_broker.api").ROUTES if path.startswith("/paper")}
    assert own <= set(re.findall(r"(/paper[a-z/-]*)(?= |`)", page))


def test_the_page_of_the_proof_says_of_every_invariant_what_the_code_says():
    assert read("docs/proof.md") == make_proof_table.page()


def test_every_module_that_can_be_started_is_on_the_page_of_commands():
    modules = {module.removesuffix(".__main__") for module in tidy.commands(tidy.sources()).values()}
    lib_alone = {"lib"}  # python -m lib lists the others
    ours = {module for module in modules if module.startswith("lib")} - lib_alone
    assert ours <= {command.removeprefix("-m ") for command in make_commands.COMMANDS}


def test_the_crontab_starts_each_stage_at_its_interval():
    intervals = {re.search(r"python (\S+)", command)[1]: fields for fields, command in jobs_of(read("crontab"))}
    rest = ("*", "*", "*", "*")
    assert intervals == {
        "order_executor.py": ("*/5", *rest),
        "order_monitor.py": ("*/5", *rest),
        "position_monitor.py": ("*/10", *rest),
    }


def test_every_job_of_the_crontab_goes_home_is_limited_asks_first_and_keeps_its_log():
    for _, command in jobs_of(read("crontab")):
        start = 'cd "$TRADING_MONITOR" && timeout -k 30 270 .venv/bin/python '
        assert command.startswith(start)
        script, flag, result, errors = command.removeprefix(start).split()
        assert (flag, result, errors) == ("--if-due", ">/dev/null", "2>>var/log/cron.log")
        assert (ROOT / script).is_file(), script
    assert (ROOT / "var" / "log").is_dir()


def test_the_crontab_has_one_line_to_edit_and_leaves_the_zone_to_the_code():
    assignments = re.findall(r"^(\w+)=(.*)$", read("crontab"), re.MULTILINE)
    assert assignments == [("SHELL", "/bin/sh"), ("TRADING_MONITOR", "/opt/trading-monitor")]
    assert read("crontab").endswith("\n")


def test_ci_runs_the_tests_and_nothing_else():
    lines = [line for line in read(".ci/run").splitlines() if not line.startswith(("#!", "set ", "cd "))]
    assert lines == ["exec make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_git_keeps_the_code_and_the_log_directory_and_ignores_what_a_run_leaves():
    lines = set(read(".gitignore").splitlines())
    assert not {"lib/", "lib", "/lib/", "var/", "/var/"} & lines
    assert {"/.venv/", "/.env", "*.db", "/var/*", "!/var/log/"} <= lines


def test_there_is_a_changelog():
    assert len(read("CHANGELOG.md").split()) > 10


@pytest.mark.slow
@pytest.mark.xdist_group("tidy")  # where every file is parsed anyway
def test_every_case_and_check_has_a_test_or_a_reason_why_not():
    assert casebook.flaws(tidy.sources()) == []


def test_the_page_of_operations_tells_every_case_in_one_row_of_its_family():
    told = casebook.rows(read("docs/operations.md"))
    assert [name for name, _ in told] == list(casebook.failure_modes())
    assert [(name, cells) for name, cells in told if len(cells) != 3 or not all(cells)] == []


def test_a_mark_is_found_wherever_a_test_may_carry_it():
    text = (
        'pytestmark = [pytest.mark.slow, pytest.mark.case("fail-A1")]\n'
        '@pytest.mark.case("fail-A2", "check-R1")\n'
        '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.case("fail-X9"))])\n'
        "def test_it(x): ...\n"
    )
    files = {"tests/test_it.py": text, "lib/it.py": 'pytest.mark.case("fail-A3")'}
    shown = casebook.marked(files)
    assert shown == {name: ["tests/test_it.py"] for name in ("fail-A1", "fail-A2", "check-R1", "fail-X9")}
    wrong = casebook.flaws(files)
    assert "fail-X9 is no case: tests/test_it.py" in wrong
    assert "fail-A3 has neither a test nor a reason" in wrong


@pytest.mark.case("fail-N4")
def test_no_command_takes_keys_or_passwords_but_the_paper_broker_its_own():
    chapters = read("docs/commands.md").split("\n## ")[1:]
    taking = [chapter for chapter in chapters if re.search(r"--[a-z-]*(key|secret|token|password)", chapter)]
    assert [chapter.splitlines()[0] for chapter in taking] == ["python -m lib.paper_broker"]


@pytest.mark.parametrize(
    "line",
    [
        "*/5 * * * python x.py",
        "61 * * * * python x.py",
        "*/0 * * * * python x.py",
        "* 24 * * * python x.py",
        "@reboot",
        "*/5 * * * * date +%F >>log",
    ],
)
def test_the_parser_refuses_what_cron_would_not_run_as_written(line):
    with pytest.raises(ValueError, match=r"is no|cannot read"):
        jobs_of(f"# header\nSHELL=/bin/sh\n{line}\n")


def test_a_name_counts_only_as_a_word_of_its_own():
    assert unnamed(["make test", "BROKER"], "run `make test-fast` with PAPER_BROKER") == ["make test", "BROKER"]
    assert unnamed(["make test", "-m lib.store"], "`make test`; python -m lib.store init") == []
