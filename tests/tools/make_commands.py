"""Write docs/commands.md: what each command says of itself when asked for --help.

COMMANDS is the list of what a user can start; tests/test_docs.py holds README and docs against it.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "commands.md"
COMMANDS = (
    "order_executor.py",
    "order_monitor.py",
    "position_monitor.py",
    "-m lib.store",
    "-m lib.decide",
    "-m lib.grid",
    "-m lib.control",
    "-m lib.status",
    "-m lib.doctor",
    "-m lib.health",
    "-m lib.explain",
    "-m lib.loop",
    "-m lib.replay",
    "-m lib.prove",
    "-m lib.paper_broker",
)
VERBS = {
    "-m lib.store": ("init", "backup", "restore", "prune"),
    "-m lib.decide": ("add", "approve", "list", "import"),
    "-m lib.grid": ("preview", "add", "approve", "list", "status", "stop"),
    "-m lib.control": ("halt", "reduce", "freeze", "resume", "list", "pin"),
    "-m lib.paper_broker": ("fetch-bars",),
}
HEADING = """# Commands

Each is started from the repository's directory with the Python in `.venv`, as in
`.venv/bin/python order_monitor.py --dry-run`. This page is what the commands say of themselves; `make docs` writes it.
"""


def page() -> str:
    """Return the whole page, made by starting each command."""
    parts = [HEADING]
    for command in COMMANDS:
        parts.append(_part("##", command))
        parts += [_part("###", f"{command} {verb}") for verb in VERBS.get(command, ())]
    return "\n".join(parts)


def _part(mark: str, command: str) -> str:
    return f"{mark} python {command}\n\n```text\n{usage(command)}\n```\n"


def usage(command: str) -> str:
    """Return what --help prints on a terminal a hundred columns wide; a command that cannot say it is an error."""
    environ = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    words = [sys.executable, *command.split(), "--help"]
    answer = subprocess.run(words, capture_output=True, encoding="utf-8", cwd=ROOT, env=environ, check=False)
    if answer.returncode != 0:
        message = f"python {command} --help ended with {answer.returncode}: {answer.stderr.strip()}"
        raise RuntimeError(message)
    return answer.stdout.strip()


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
