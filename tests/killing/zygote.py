"""A process with everything imported, from which each stage and each paper broker is forked: a start takes 10 ms.

What is forked is a process of its own, with a database connection and sockets of its own, and dies alone. Requests are
lines of JSON on standard input, answers lines of JSON on standard output; at the end of the input all servers end.
"""

import gc
import json
import os
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

from lib import sessions
from tests.killing.stage import run_script
from tests.killing.stories import STORIES

IMPORTED_LATE = (
    "lib.alerts",
    "lib.bootstrap",
    "lib.broker.alpaca",
    "lib.config",
    "lib.logs",
    "lib.paper_broker.server",
    "lib.passes",
    "lib.render.result",
    "lib.runner",
)
SERVERS: set[int] = set()


def main():
    import_everything()
    gc.collect()
    gc.freeze()  # a child need not copy what it never changes
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(DOES[asked.pop("do")](**asked)), flush=True)
    for pid in list(SERVERS):
        end(pid)


def import_everything():
    """Import what stages and servers import only when they need it; a child has it all at once."""
    for name in IMPORTED_LATE:
        import_module(name)
    sessions.load()


def forked(work, *, said):
    """Fork a process that does `work` and exits with what that returns; its output goes to the file `said`."""
    pid = os.fork()
    if pid:
        return pid
    code = 3
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, target)
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - this process ends here, whatever it was
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def stage(*, said, fresh=False, kill_after_s=None, **named):
    """Run a script to its end, or kill it so many seconds after its start; give its exit code and how long it took.

    A `fresh` one is a new interpreter that imports for itself.
    """
    began = time.monotonic()
    pid = forked(lambda: run_fresh(named) if fresh else run_script(**named), said=said)
    if kill_after_s is not None:
        wait_for_child(kill_after_s)
        os.kill(pid, signal.SIGKILL)  # not yet waited for, so the number is still this child's
    _, status = os.waitpid(pid, 0)
    wait_for_child(0)
    return {"code": os.waitstatus_to_exitcode(status), "took_s": time.monotonic() - began}


def run_fresh(named):
    """Put a new interpreter in this process's place."""
    os.execv(sys.executable, [sys.executable, "-m", "tests.killing.stage", json.dumps(named)])  # noqa: S606 - no shell


def wait_for_child(seconds):
    """Wait until a child ends, for no longer than so many seconds; one that has ended is told of once."""
    signal.sigtimedwait({signal.SIGCHLD}, seconds)


def serve(*, story, state, said):
    """Serve a story's paper broker on a free port, its account in the file `state`, until it is told to end."""
    reads, writes = os.pipe()

    def work():
        from lib.paper_broker.clocks import RecordedClock
        from lib.paper_broker.program import open_paper
        from lib.paper_broker.server import address, listen
        from lib.paper_broker.server import serve as serve_on

        told = STORIES[story]
        paper = open_paper(clock=RecordedClock(told.start), prices=told.feed, state=Path(state), options=told.options)
        paper.take_alone()
        listener = listen("127.0.0.1", 0)
        os.write(writes, address(listener).encode())
        os.close(writes)
        serve_on(paper, listener)
        return 0

    pid = forked(work, said=said)
    os.close(writes)
    SERVERS.add(pid)
    with os.fdopen(reads, "rb") as pipe:
        return {"pid": pid, "url": pipe.read().decode()}


def end(pid):
    """End a server."""
    SERVERS.remove(pid)
    os.kill(pid, signal.SIGKILL)  # it has nothing to save: each answer was committed before it was given
    os.waitpid(pid, 0)
    wait_for_child(0)
    return {}


DOES = {"stage": stage, "serve": serve, "end": end}

if __name__ == "__main__":
    main()
