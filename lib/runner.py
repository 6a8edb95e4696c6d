"""What the three scripts and the commands share: flags, the gate, the error boundary, exit codes.

Exit codes: 0 done, nothing due, halted or skipped for a lock; 1 incomplete, the next pass repairs;
2 usage, settings, keys, schema or account: a person must act; 3 a bug; 130 interrupted.
Nothing heavy is imported before the gate has said that something is due.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lib import due

if TYPE_CHECKING:
    import argparse

    from lib.domain.results import PassResult

EXIT_BUG = 3
EXIT_INTERRUPTED = 130


def run_stage(stage: str, about: str, argv: Sequence[str] | None = None) -> int:
    """Run one stage as a script: parse, ask the gate, run one pass (or one every --watch seconds), print."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "--if-due" in words and not {"--help", "-h"} & set(words) and _nothing_due(stage):
        return 0
    if argv is not None:
        return guarded(lambda: _run(stage, about, words))
    # This process ends with the pass: to look for cycles in all that it imports, over and over and once more at its
    # end, would take a quarter of its time.
    gc.disable()
    code = guarded(lambda: _run(stage, about, words))
    gc.freeze()
    return code


def guarded(command: Callable[[], int]) -> int:
    """Turn errors into exit codes: a sentence for expected ones, a traceback for bugs."""
    from lib.errors import PipelineError

    try:
        return command()
    except PipelineError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"error: {line}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the boundary: what nobody expected is a bug, and says so
        import traceback

        traceback.print_exc()
        sys.stderr.write("error: this is a bug in trading-monitor; positions keep the stops they have\n")
        return EXIT_BUG


def _nothing_due(stage: str) -> bool:
    from lib.clock import WallClock

    return due.nothing_due(stage, WallClock().now(), os.environ)


def _run(stage: str, about: str, words: Sequence[str]) -> int:
    options = _parser(stage, about).parse_args(words)
    from lib.config import load_settings

    settings = load_settings()
    from lib.bootstrap import open_tools

    tools = open_tools(settings)
    try:
        watch: float | None = getattr(options, "watch", None)
        if watch is None:
            return _one(stage, tools, options)
        gc.enable()
        while True:
            _look_again(lambda: _one(stage, tools, options))
            tools.clock.sleep(watch)
    finally:
        tools.store.close()


def _look_again(one: Callable[[], int]) -> None:
    """Run a pass of --watch; what the next look may find mended does not end it."""
    from lib.errors import Unavailable

    try:
        one()
    except Unavailable as error:
        sys.stderr.write(f"error: {error}\n")


def _one(stage: str, tools, options: argparse.Namespace) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
    from lib.logs import Log
    from lib.passes import run_pass
    from lib.render.result import result_json, result_text

    result: PassResult = run_pass(
        stage,
        tools,
        account=options.account,
        only_decision=getattr(options, "decision", None),
        dry_run=options.dry_run,
        log=Log(sys.stderr),
    )
    sys.stdout.write(result_json(result) if options.json else result_text(result, verbose=options.verbose))
    sys.stdout.flush()
    return result.exit_code


def _parser(stage: str, about: str) -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog=f"{stage}.py",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes: 0 done, nothing due or skipped; 1 incomplete, the next pass repairs; "
        "2 a person must act;\n            3 a bug; 130 interrupted",
    )
    parser.add_argument("--if-due", action="store_true", help="end at once unless this stage is due now (for cron)")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what the first round would do, and why; change nothing"
    )
    parser.add_argument("--account", default="main", metavar="NAME", help="the account to work (default: main)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--verbose", action="store_true", help="also print rows written and notes")
    if stage == "order_executor":
        parser.add_argument(
            "--decision",
            type=int,
            metavar="ID",
            help="claim only this decision, at any time of the entry window; all checks still apply",
        )
    if stage == "order_monitor":
        parser.add_argument(
            "--watch", type=_seconds, metavar="SECONDS", help="look again every SECONDS until interrupted"
        )
    return parser


def _seconds(raw: str) -> float:
    import argparse

    try:
        seconds = float(raw)
    except ValueError:
        seconds = 0
    if not 1 <= seconds < 86_400:  # a day
        message = f"{raw!r} is not a number of seconds from 1 to 86399"
        raise argparse.ArgumentTypeError(message)
    return seconds
