"""A process with every library imported, and none of our own code, from which each mutant is forked and played.

Requests are lines of JSON on standard input, answers lines of JSON on standard output.
"""

import json
import os
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

LIBRARIES = (
    "csv",
    "decimal",
    "requests",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlite3",
    "tempfile",
    "tenacity",
    "urllib3",
    "zoneinfo",
)
"""What takes long to import and is the same for every mutant."""

MEMORY = Path("/dev/shm")


def main():
    for name in LIBRARIES:
        import_module(name)
    for line in sys.stdin:
        print(forked(json.loads(line)), flush=True)


def forked(asked):
    """Do what is asked in a process of its own, on the code in the folder it names; return its answer."""
    with tempfile.TemporaryFile("w+") as answer:
        pid = os.fork()
        if not pid:
            try:
                sys.path.insert(0, asked.pop("code"))
                json.dump(done(**asked), answer)
            except BaseException:  # noqa: BLE001 - this process ends here, whatever it was
                answer.seek(0)
                answer.truncate()
                json.dump({"error": traceback.format_exc()}, answer)
            answer.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        answer.seek(0)
        return answer.read()


def done(*, plays=(), hunt=None):
    """Play what is asked, each a lifecycle with its faults, or hunt for a schedule that breaks a promise."""
    from tests.proof.named import lives, play, read_fault

    known = lives()
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=shm()) as scratch:
        if hunt is not None:
            from tests.proof.find_killers import hunted

            return hunted(scratch=Path(scratch), lives=known.values(), **hunt)
        played = []
        for number, (name, faults) in enumerate(plays):
            directory = Path(scratch, str(number))
            directory.mkdir()
            found = play(known[name], [read_fault(each) for each in faults], directory)
            played.append({"broken": found.broken, "struck": found.struck})
        return {"played": played}


def shm():
    """Name a folder in memory, where there is one."""
    return str(MEMORY) if MEMORY.is_dir() else None


if __name__ == "__main__":
    main()
