"""Kill at every point there is and write docs/kill-table.md: `python -m tests.killing`. It takes minutes.

Exit status: 0 when nothing was broken, 1 when something was; the page then says so too.
"""

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.killing.cycles import kill, live
from tests.killing.rig import Zygote
from tests.killing.stories import STORIES
from tests.killing.table import PAGE, page


def main():
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        zygotes = SimpleQueue()
        for _ in range(workers):
            zygotes.put(Zygote())

        def with_zygote(work, *arguments, **named):
            zygote = zygotes.get()
            try:
                return work(zygote, *arguments, **named)
            finally:
                zygotes.put(zygote)

        root = Path(folder)
        lives = list(pool.map(lambda story: with_zygote(live, story, root / story.name), STORIES.values()))
        points = [(life, point) for life in lives for point in life.points]
        done = 0

        def one(numbered):
            nonlocal done
            number, (life, point) = numbered
            outcome = with_zygote(kill, life, point.step, root / f"kill-{number}", kill_after=point.after)
            done += 1
            print(f"\r{done} of {len(points)} kills", end="", file=sys.stderr, flush=True)
            for line in outcome.broken:
                print(f"\n{point}: {line}", file=sys.stderr)
            return outcome

        outcomes = dict(zip((point for _, point in points), pool.map(one, enumerate(points)), strict=True))
        print(file=sys.stderr)
        while not zygotes.empty():
            zygotes.get().close()
    PAGE.write_text(page([(life, [(p, outcomes[p]) for p in life.points]) for life in lives]), encoding="utf-8")
    broken = [line for life in lives for line in life.broken] + [str(p) for p, o in outcomes.items() if o.broken]
    for line in broken:
        print(line)
    print(f"{len(points)} kills, {len(broken)} broken: {PAGE.relative_to(PAGE.parents[1])}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
