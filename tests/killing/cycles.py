"""Kill points and what becomes of them: a life is lived once without trouble, then killed into from its snapshots."""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from tests.killing.rig import KILLED, Seen, Step, host, snapshot, steps_of

QUIET = "nothing"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A place to be killed at: so many effects of a step are done, and the next is not begun."""

    story: str
    step: Step
    after: int
    done: str
    following: str

    def __str__(self):
        return f"{self.story}: {self.step} after {self.after} ({self.done}), before {self.following}"


@dataclass(kw_only=True)
class Life:
    """A story as it goes without trouble: the snapshot before each step, and what was seen after it."""

    story: object
    folder: Path
    steps: list[Step]
    seen: list[Seen] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def snapshot(self, step):
        return self.folder / f"before-{step.number}"

    @cached_property
    def points(self):
        """Return every point between two effects: after one is before the next.

        Of passes that find nothing to do and ask the same, the first stands for all.
        """
        found, known, before = [], set(), None
        for step, seen in zip(self.steps, self.seen, strict=True):
            kind = (step.stage, *seen.effects)
            is_quiet = before is not None and is_same(seen, before)
            before = seen
            if not seen.effects or (is_quiet and kind in known):
                continue
            if is_quiet:
                known.add(kind)
            names = [QUIET, *seen.effects, QUIET]
            found += [
                Point(story=self.story.name, step=step, after=after, done=done, following=following)
                for after, (done, following) in enumerate(pairwise(names))
            ]
        return found


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a kill came to: what was there right after it, and when all was as if it had not been.

    `passes` is the most that any one stage made until then, None if it never was so; `uncovered_s` is how much longer
    shares were without a stop than in the life without a kill.
    """

    code: int
    effects: list[str]
    said: str
    orders: int
    rows: int
    uncovered_s: int
    passes: int | None
    broken: tuple[str, ...]


def live(zygote, story, folder):
    """Live a story without trouble."""
    folder.mkdir()
    life = Life(story=story, folder=folder, steps=steps_of(story))
    with host(zygote, story, folder / "clean") as made:
        for step in life.steps:
            if step.is_first:
                made.begin_tick(step)
            snapshot(made, life.snapshot(step))
            seen = made.run(step, folder / "effects.txt")
            life.seen.append(seen)
            life.broken += seen.broken
            if seen.code != 0:
                life.broken.append(f"{step} ended with {seen.code}: {(made.folder / 'said.txt').read_text()}")
        life.broken += made.at_rest()
    return life


def kill(zygote, life, step, folder, before=lambda _made: None, **how):
    """Go on from before a step, kill that one, and let cron start the others until all is as without the kill.

    `how` says when it dies, or what else it meets; `before` may change the host for it.

    A state that the clean life was in at the same step needs no further look: the rest of that was judged.
    """
    with host(zygote, life.story, folder, life.snapshot(step)) as made:
        made.world.clock.advance_to(made.served.now())
        before(made)
        after = seen = made.run(step, folder / "effects.txt", **how)
        said = (folder / "said.txt").read_text(encoding="utf-8")
        if "kill_after" in how and (after.code, len(after.effects)) != (KILLED, how["kill_after"]):
            raise RuntimeError(f"{step} was to die after {how['kill_after']} effects: {after.code}, {after.effects}")
        began, passes, broken = step, Counter(), [*seen.broken]
        repaired_after = 0 if is_same(seen, life.seen[step.number]) else None
        for later in life.steps[step.number + 1 :]:
            if seen.state == life.seen[step.number].state:
                break
            if later.is_first:
                made.begin_tick(later)
            step, seen = later, made.run(later, folder / "effects.txt")
            passes[step.stage] += not seen.idle
            broken += seen.broken
            if not is_same(seen, life.seen[step.number]):
                repaired_after = None
            elif repaired_after is None:
                repaired_after = max(passes.values())
        if repaired_after is None:
            broken += [f"killed at {began}, never repaired", *made.at_rest()]
    shutil.rmtree(folder)
    return Outcome(
        code=after.code,
        effects=after.effects,
        said=said,
        orders=after.orders,
        rows=after.rows,
        uncovered_s=seen.uncovered_s - life.seen[step.number].uncovered_s,
        passes=repaired_after,
        broken=tuple(broken),
    )


def is_same(seen, other):
    """Say whether books and broker are as they were then, whatever the gate knows."""
    return all(seen.state[name] == found for name, found in other.state.items() if name != "due")
