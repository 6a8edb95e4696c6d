"""Find a schedule of at most two faults that shows each mutant, and record it: python -m tests.proof.find_killers.

Without names it looks at every mutant whose recorded schedule no longer breaks a promise, or that has none: first the
schedules that show other mutants, then every single fault of each lifecycle, then every pair.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.proof.mutating import REPOSITORY, Killer, build, killers, mutants, said_of, write_killers

ALONE, PAIRS = 1, 2
STAGES = ("order_executor", "order_monitor", "position_monitor")
DRAWS = range(3)
"""Numbers from which is drawn what people, a second host or a wrong clock do."""


def main():
    options = _options()
    wanted = [patch for patch in mutants() if not options.mutants or patch.stem.startswith(tuple(options.mutants))]
    with zygote() as ask:
        for patch in wanted:
            known = {killer.mutant: killer for killer in killers()}
            found = None if options.anew else known.get(patch.stem)
            if found is None or not _still(ask, patch, found):
                found = _look_for(ask, patch, options, list(known.values()))
            _say(patch, found)
            if found is not None:
                write_killers({**known, patch.stem: found}.values())


def _options():
    parser = argparse.ArgumentParser(prog="python -m tests.proof.find_killers", description=__doc__)
    parser.add_argument("mutants", nargs="*", metavar="MUTANT", help="only these, by the beginning of their names")
    parser.add_argument("--lives", default="", metavar="WORDS", help="only lifecycles whose name matches this pattern")
    parser.add_argument("--calls", default="", metavar="WORDS", help="only faults at calls that match this pattern")
    parser.add_argument("--kinds", default="", metavar="WORDS", help="only faults whose kind matches this pattern")
    parser.add_argument("--steps", default=None, metavar="FROM-TO", help="first faults only in these steps of a life")
    parser.add_argument("--depth", type=int, choices=(ALONE, PAIRS), help="only single faults, or only pairs")
    parser.add_argument("--anew", action="store_true", help="look for another schedule where one is recorded")
    return parser.parse_args()


def _still(ask, patch, killer):
    played = _play(ask, patch, killer)
    return any(said.startswith(f"{killer.broken}:") for said in played["broken"])


def _play(ask, patch, killer):
    with built(patch) as code:
        return ask(code=code, plays=[(killer.lifecycle, [str(f) for f in killer.faults])])["played"][0]


def _look_for(ask, patch, options, known):
    with built(patch) as code:
        if not options.anew:
            for killer in dict.fromkeys(replace(each, mutant=patch.stem, broken="") for each in known):
                said = ask(code=code, plays=[(killer.lifecycle, [str(f) for f in killer.faults])])
                broken = said["played"][0]["broken"] if "played" in said else []
                if broken:
                    return replace(killer, broken=_promise(broken))
        for depth in (options.depth,) if options.depth else (ALONE, PAIRS):
            hunt = {"depth": depth, "only": options.lives, "calls": options.calls, "kinds": options.kinds}
            said = ask(code=code, hunt={**hunt, "steps": options.steps})
            if "error" in said:
                print(said["error"], file=sys.stderr)
            if said.get("found"):
                lifecycle, faults, broken = said["found"]
                return Killer(patch.stem, lifecycle, tuple(_named(faults)), _promise(broken))
    return None


def _named(words):
    from tests.proof.named import read_fault

    return [read_fault(word) for word in words]


def _promise(broken):
    return broken[0].partition(":")[0]


def _say(patch, found):
    how = "SURVIVES" if found is None else f"{found.broken}: {found.lifecycle}: {' '.join(map(str, found.faults))}"
    print(f"{patch.stem}  ({said_of(patch)})\n    {how}", flush=True)


@contextmanager
def built(patch):
    """Put a mutant into a folder; name it."""
    with tempfile.TemporaryDirectory(prefix="mutant-code-") as code:
        build(patch, Path(code))
        yield code


@contextmanager
def zygote():
    """Start the process that mutants are forked from; return how to ask it."""
    command = [sys.executable, "-m", "tests.proof.zygote"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(**asked):
            process.stdin.write(f"{json.dumps(asked)}\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def hunted(*, scratch, lives, depth, only, calls, kinds, steps):
    """In the process of a mutant: explore lifecycle after lifecycle to the first schedule that breaks a promise."""
    from tests.proof.named import named

    fresh = (scratch / str(number) for number in range(1_000_000))
    for life in lives:
        if not re.search(only, life.name):
            continue
        asked = {"calls": re.compile(calls), "kinds": re.compile(kinds), "steps": steps}
        found = _explored(life, _made(fresh), depth=depth, **asked)
        if found is not None:
            schedule, broken = found
            faults = [str(fault) for fault in named(life, schedule, _made(fresh))]
            return {"found": (life.name.partition(":")[0], faults, broken)}
    return {"found": None}


def _made(fresh):
    directory = next(fresh)
    directory.mkdir()
    return directory


def _befalling(name):
    """Return what may befall a call, or by the name of a stage its pass; of what is drawn, some draws."""
    from lib.simulation.around import AROUND
    from lib.simulation.points import KINDS, SECOND_HOST

    if name in STAGES:
        return tuple(f"{kind}#{number}" for kind in AROUND for number in DRAWS)
    draws = tuple(f"{SECOND_HOST}#{number}" for number in DRAWS) if name == "store.write" else ()
    return (*KINDS.get(name, ()), *draws)


def _explored(life, directory, *, depth, calls, kinds, steps):
    from lib.simulation.explore import Explorer, Fault
    from lib.simulation.playing import on_stage

    first, _, last = (steps or "0-1000000").partition("-")

    class Found(Exception):
        """A schedule, and what it breaks."""

    @dataclass(slots=True)
    class Hunter(Explorer):
        """Explores up to the first schedule that breaks a promise, and strikes only what was asked for."""

        def _branch(self, schedule, saved, depth, after=0):
            stage = self.stage
            went_on, names = stage.save(), tuple(stage.points.calls)
            step = stage.place - 1
            anew = not schedule or schedule[-1].step < step
            for number, name in enumerate((stage.steps[step].stage, *names)):
                for kind in _befalling(name) if anew or number > after else ():
                    if calls.search(name) and kinds.search(kind):
                        stage.begin_again(saved)
                        fault = Fault(stage.place, number, kind)
                        stage.play({f.call: f.kind for f in (*schedule, fault) if f.step == stage.place})
                        self._one((*schedule, fault), name, saved, depth - 1)
            stage.begin_again(went_on)
            stage.points.calls = list(names)

        def _note(self, schedule):
            if self.stage.judge.violations:
                raise Found(schedule, [str(each) for each in self.stage.judge.violations])

    with on_stage(life, directory) as stage:
        try:
            Hunter(stage, depth).explore(lambda step: int(first) <= step <= int(last))
        except Found as found:
            return found.args
    return None


if __name__ == "__main__":
    main()
