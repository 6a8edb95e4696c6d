"""Times of whole processes, taken in turns so that whatever else the machine does strikes all of them alike."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


class RunError(RuntimeError):
    """A measured process did not do what was to be measured."""


@dataclass(slots=True, kw_only=True)
class Command:
    """One command line, the environment it gets (nothing else), what it has to print, and how long it took."""

    name: str
    words: Sequence[str]
    directory: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    prints: str = ""
    seconds: list[float] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        """The middle one of all times, in seconds."""
        return median(self.seconds)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Start it once, and make sure that it did its work."""
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", ""), **self.environ}
        done = subprocess.run(
            [sys.executable, *options, *self.words],
            cwd=self.directory,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or self.prints not in done.stdout:
            raise RunError(f"{self.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


def take_turns(commands: Sequence[Command], rounds: int) -> None:
    """Run every command once unmeasured, then all of them in turns."""
    for command in commands:
        command.run()
    for number in range(rounds):
        for command in commands if number % 2 else reversed(commands):
            began = time.perf_counter()
            command.run()
            command.seconds.append(time.perf_counter() - began)


def modules_of(command: Command) -> frozenset[str]:
    """Return the modules that a run of the command imports."""
    report = command.run("-X", "importtime").stderr.splitlines()
    return frozenset(line.rpartition("|")[2].strip() for line in report if line.startswith("import time:"))
