"""Write the table of switches at the end of docs/paper-broker.md: each with its default and its docstring."""

import ast
import re
from pathlib import Path

from lib.paper_broker.profiles import switches

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "paper-broker.md"
SOURCES = ("lib/paper_broker/exchange/rules.py", "lib/paper_broker/options.py")
HEADING = "| switch | default | what |\n|---|---|---|\n"


def page() -> str:
    """Return the page with its table made anew; the table is the last thing on it."""
    before, heading, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    return before + heading + table()


def table() -> str:
    """Return one row a switch."""
    said = docstrings()
    return "".join(f"| `{name}` | {_default(value)} | {said[name]} |\n" for name, value in switches())


def docstrings() -> dict[str, str]:
    """Return what stands below each attribute in the sources; below two in a row it is said of both."""
    found: dict[str, str] = {}
    for source in SOURCES:
        for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            waiting: list[str] = []
            for part in node.body:
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    waiting.append(part.target.id)
                elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
                    text = re.sub(r"\s+", " ", str(part.value.value)).strip()
                    found |= dict.fromkeys(waiting, text)
                    waiting = []
    return found


def _default(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
