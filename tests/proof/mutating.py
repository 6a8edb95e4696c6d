"""Mutants: the program with one deliberate defect each, as patches that tell in words what is wrong.

A mutant is played from a folder of its own: links to the present code, and the patched files in their places.
"""

import csv
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.proof.named import NamedFault, read_fault

REPOSITORY = Path(__file__).resolve().parent.parent.parent
MUTANTS = REPOSITORY / "lib" / "simulation" / "mutants"
KILLERS = MUTANTS / "killers.csv"
COLUMNS = ("mutant", "lifecycle", "faults", "broken")

HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")


class PatchError(Exception):
    """A patch does not fit the code."""


@dataclass(frozen=True)
class Killer:
    """The schedule that shows a mutant: a lifecycle, at most two faults, the invariant that it breaks."""

    mutant: str
    lifecycle: str
    faults: tuple[NamedFault, ...]
    broken: str


def mutants():
    """Return the patches, in the order of their numbers."""
    return sorted(MUTANTS.glob("*.patch"))


def said_of(patch):
    """Return what a patch's head says of the defect."""
    head, _, _ = patch.read_text().partition("--- a/")
    return " ".join(head.split())


def killers():
    """Read the recorded schedules."""
    with KILLERS.open(encoding="utf-8", newline="") as file:
        return [
            Killer(
                row["mutant"],
                row["lifecycle"],
                tuple(read_fault(word) for word in row["faults"].split()),
                row["broken"],
            )
            for row in csv.DictReader(file)
        ]


def write_killers(found):
    """Write the recorded schedules, one a line, in the order of the mutants."""
    with KILLERS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for killer in sorted(found, key=lambda each: each.mutant):
            writer.writerow((killer.mutant, killer.lifecycle, " ".join(map(str, killer.faults)), killer.broken))


def build(patch, folder):
    """Put the code with a mutant's defect into `folder`, as `lib`."""
    shutil.copytree(REPOSITORY / "lib", folder / "lib", copy_function=_link)
    for name, text in patched(patch.read_text(), lambda name: (REPOSITORY / name).read_text()).items():
        place = folder / name
        place.unlink()
        place.write_text(text)
        for compiled in (place.parent / "__pycache__").glob(f"{place.stem}.*"):
            compiled.unlink()


def _link(source, target):
    Path(target).symlink_to(source)


def patched(patch, read):
    """Return the files that a unified diff changes as they become; `read` gives them as they are.

    A hunk is found by its text, which must occur exactly once: code may move, a defect must stay where it belongs.
    """
    files = {}
    for part in re.split(r"^--- a/", patch, flags=re.MULTILINE)[1:]:
        name = part.partition("\n")[0].strip()
        text = files.get(name) or read(name)
        for hunk in HUNK.split(part)[1:]:
            lines = hunk.partition("\n")[2].splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            if text.count(before) != 1:
                raise PatchError(f"{name}: {text.count(before)} places look like this:\n{before}")
            text = text.replace(before, after)
        files[name] = text
    if not files:
        raise PatchError("it changes no file")
    return files
