"""Each deliberate defect of the stages is shown by its recorded schedule, which breaks nothing in the present code."""

from collections import Counter

import pytest

from lib.invariants.catalogue import AT_REST
from tests.proof.find_killers import built, zygote
from tests.proof.mutating import REPOSITORY, PatchError, killers, mutants, patched, said_of
from tests.proof.named import calm_lives, lives, read_fault

PATCHES = {patch.stem: patch for patch in mutants()}
RECORDED = {killer.mutant: killer for killer in killers()}
SCHEDULES = sorted({(killer.lifecycle, killer.faults) for killer in RECORDED.values() if killer.faults}, key=str)
SHARES = 4
"""Parts in which the schedules are played on the present code."""

LINES = "".join(f"line {n}\n" for n in range(9))
DIFF = "A defect.\n\n--- a/lib/x.py\n+++ b/lib/x.py\n@@ -2,3 +2,3 @@\n line 1\n-line 2\n+line two\n line 3\n"


@pytest.fixture(scope="module")
def ask():
    """Ask the process that mutants are forked from."""
    with zygote() as ask:
        yield ask


def asked(lifecycle, faults):
    return lifecycle, [str(fault) for fault in faults]


def test_there_are_forty_mutants_and_thirty_of_them_need_a_fault_to_be_seen():
    assert len(PATCHES) >= 40
    assert sum(bool(killer.faults) for killer in RECORDED.values()) >= 30


def test_the_numbers_of_mutants_have_no_gap():
    assert [name[:2] for name in PATCHES] == [f"{number:02}" for number in range(1, len(PATCHES) + 1)]


def test_each_mutant_has_one_recorded_schedule_of_at_most_two_faults_and_each_schedule_its_mutant():
    assert Counter(killer.mutant for killer in killers()) == Counter(list(PATCHES))
    assert max(len(killer.faults) for killer in RECORDED.values()) <= 2


def test_recorded_schedules_name_lifecycles_and_promises_that_there_are():
    assert {killer.lifecycle for killer in RECORDED.values()} <= lives().keys()
    assert {killer.broken for killer in RECORDED.values()} <= AT_REST.keys() | {"L4"}


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_says_in_one_sentence_what_is_wrong_and_fits_the_present_code(name):
    said = said_of(PATCHES[name])
    assert said.endswith(".")
    assert ". " not in said
    for path, text in patched(PATCHES[name].read_text(), lambda path: (REPOSITORY / path).read_text()).items():
        compile(text, path, "exec")


def test_a_patch_changes_the_lines_that_it_names():
    assert patched(DIFF, lambda _: LINES) == {"lib/x.py": LINES.replace("line 2", "line two")}


def test_a_patch_finds_its_lines_where_they_have_moved_to():
    moved = "above\n" * 20 + LINES
    assert patched(DIFF, lambda _: moved) == {"lib/x.py": moved.replace("line 2", "line two")}


@pytest.mark.parametrize("text", [LINES.replace("line 2", "line II"), LINES * 2, ""])
def test_a_patch_whose_lines_are_gone_or_stand_twice_is_refused(text):
    with pytest.raises(PatchError):
        patched(DIFF, lambda _: text)


def test_a_patch_without_a_change_is_refused():
    with pytest.raises(PatchError):
        patched("Nothing.\n", lambda _: LINES)


@pytest.mark.parametrize("word", ["broker.submit#2:crash_after", "order_monitor#3:person_trades#17"])
def test_a_fault_is_written_as_it_is_read(word):
    assert str(read_fault(word)) == word


@pytest.mark.slow
@pytest.mark.parametrize("name", PATCHES)
def test_a_mutant_breaks_the_promise_that_is_recorded(ask, name):
    killer = RECORDED[name]
    with built(PATCHES[name]) as code:
        said = ask(code=code, plays=[asked(killer.lifecycle, killer.faults)])
    assert "error" not in said, said["error"]
    (played,) = said["played"]
    assert played["struck"] == len(killer.faults)
    assert played["broken"], f"nothing is broken: python -m tests.proof.find_killers {name}"
    assert played["broken"][0].startswith(f"{killer.broken}:"), played["broken"]


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_the_recorded_schedules_break_nothing_in_the_present_code(ask, share):
    said = ask(code=str(REPOSITORY), plays=[asked(*schedule) for schedule in SCHEDULES[share::SHARES]])
    assert "error" not in said, said["error"]
    for (lifecycle, faults), played in zip(SCHEDULES[share::SHARES], said["played"], strict=True):
        assert played["broken"] == [], (lifecycle, faults)
        assert played["struck"] >= 1, f"{faults} strike nothing in {lifecycle}"


@pytest.mark.prove
@pytest.mark.parametrize("name", [name for name, killer in RECORDED.items() if killer.faults])
def test_without_a_fault_the_mutant_is_not_seen(ask, name):
    clean = [asked(lifecycle, ()) for lifecycle in calm_lives()]
    with built(PATCHES[name]) as code:
        said = ask(code=code, plays=clean)
    assert "error" not in said, said["error"]
    assert [(life, played["broken"]) for (life, _), played in zip(clean, said["played"], strict=True)] == [
        (life, []) for life, _ in clean
    ]
