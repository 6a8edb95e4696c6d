"""The casebook: every failure mode and every check that this system knows, and which tests show it.

A test carries the ids of the cases it shows: `@pytest.mark.case("fail-E7", "check-R5")`. What no test shows has its
reason here, in one sentence. `docs/operations.md` tells each failure mode in a row of its own.
"""

import ast
import re

from tests.tools import tidy

FAMILIES = {"A": 15, "B": 6, "C": 5, "D": 10, "E": 17, "F": 6, "G": 3, "H": 14, "I": 8, "J": 11, "K": 9, "N": 14}
"""How many failure modes there are of sending, cancelling, amending, reading, protection, fills, closing, the database,
time, decisions, corporate actions and the account, alerts and security."""

CHECKS = tuple(f"check-R{n}" for n in range(1, 16))
"""The checks before an order."""

REASONS = {
    "check-R4": "No source of volumes is read before entries, so an order is not held to a share of them.",
    "fail-B6": "No request that cancels all orders is ever sent: each order is cancelled by its own id.",
    "fail-H7": "The kind of disk cannot be told on every system; the page says to keep the database on a local one.",
    "fail-H9": "NocoDB is no store of this system: it may show the tables of the one database there is.",
    "fail-H10": "Nothing is read through NocoDB's API, so none of its pages can be cut short.",
    "fail-H11": "Nothing is written through NocoDB's API, so no insert of it can be repeated.",
    "fail-N6": "Nothing is exported for spreadsheets: what a command prints is text or JSON.",
    "fail-N8": "The system holds no NocoDB token.",
    "fail-N9": "There is no dashboard, and nothing but the local paper broker listens on a port.",
    "fail-N10": "There are no inbound webhooks.",
    "fail-N11": "No row of a table names an address to send to; alerts go to those in the settings alone.",
    "fail-N13": "Libraries are few and bounded by version; that each was looked into, no test can show.",
    "fail-N14": "Whoever wrote a row, the same checks judge it; rows do not tell who ticked them.",
}
"""What has no test, and why."""


def failure_modes() -> tuple[str, ...]:
    """Return the ids of all failure modes, family by family; I is written with a hyphen, so that it is no one."""
    return tuple(
        f"fail-{name}{'-' if name == 'I' else ''}{n}" for name, last in FAMILIES.items() for n in range(1, last + 1)
    )


def marked(files: tidy.Sources) -> dict[str, list[str]]:
    """Return id → files whose tests are marked with it: by decorator, `pytestmark` or the mark of a parameter."""
    found: dict[str, list[str]] = {}
    for path, text in files.items():
        if not path.startswith("tests/"):
            continue
        for call in tidy.parse(text):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.case":
                for given in call.args:
                    found.setdefault(ast.literal_eval(given), []).append(path)
    return found


def rows(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return (id, its other cells) of each row of the casebook in the page of operations."""
    _, _, after = page.partition("\n## Casebook\n")
    chapter = after.partition("\n## ")[0]
    lines = re.findall(r"^\| (fail-\S+) \|(.*)\|$", chapter, re.MULTILINE)
    return [(name, tuple(cell.strip() for cell in cells.split("|"))) for name, cells in lines]


def flaws(files: tidy.Sources) -> list[str]:
    """Name what is wrong: ids without test and reason, with both, and ids that nobody knows."""
    known = {*failure_modes(), *CHECKS}
    shown = marked(files)
    return [
        *(f"{name} has neither a test nor a reason" for name in sorted(known - shown.keys() - REASONS.keys())),
        *(f"{name} has a test: its reason goes" for name in sorted(shown.keys() & REASONS.keys())),
        *(f"{name} is no case: {', '.join(shown[name])}" for name in sorted(shown.keys() - known)),
        *(f"{name} is no case, and has a reason" for name in sorted(REASONS.keys() - known)),
    ]
