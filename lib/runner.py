"""What the three scripts and the commands share: flags, the gate, the error boundary, exit codes.

Exit codes: 0 done, nothing due, halted or skipped for a lock; 1 incomplete, the next pass repairs;
2 usage, settings, keys, schema or account: a person must act; 3 a bug; 130 interrupted.
Nothing heavy is imported before the gate has said that something is due.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lib import due

if TYPE_CHECKING:
    import argparse
    from datetime import date

    from lib.accounts import Turn
    from lib.clock import Clock
    from lib.config import Settings
    from lib.domain.results import PassResult
    from lib.logs import Log
    from lib.store.sql import SqlStore
    from lib.tools import Tools

EXIT_BUG = 3
EXIT_INTERRUPTED = 130


class _Desk(NamedTuple):
    """What the looks of one process share: each account's tools are put together once."""

    settings: Settings
    store: SqlStore
    clock: Clock
    tools_of: Callable[[str], Tools]
    log: Log


def run_stage(stage: str, about: str, argv: Sequence[str] | None = None) -> int:
    """Run one stage as a script: parse, ask the gate, run one pass (or one every --watch seconds), print."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None and due.upgrade_under_way():
        from lib.upgrading import settle

        return guarded(settle)
    if "--if-due" in words and not {"--help", "-h", "--backfill"} & set(words) and _nothing_due(stage):
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
    try:
        return command()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the boundary: what nobody expected is a bug, and says so
        return _tell(error)


def _tell(error: Exception, whose: str = "") -> int:
    """Write an error where errors belong; return its exit code."""
    from lib.errors import PipelineError

    if not isinstance(error, PipelineError):
        import traceback

        traceback.print_exception(error)
        sys.stderr.write(f"error: {whose}this is a bug in trading-monitor; positions keep the stops they have\n")
        return EXIT_BUG
    for line in (*str(error).splitlines(), *getattr(error, "__notes__", ())):
        sys.stderr.write(f"error: {whose}{line}\n")
    return error.exit_code


def _nothing_due(stage: str) -> bool:
    from lib.clock import WallClock

    return due.nothing_due(stage, WallClock().now(), os.environ)


def _run(stage: str, about: str, words: Sequence[str]) -> int:
    options = _options(_parser(stage, about), words)
    from functools import cache

    from lib.config import check_live_flag, load_settings

    settings = load_settings()
    check_live_flag(settings, live=options.live, sends=not (options.dry_run or getattr(options, "backfill", False)))
    from lib.bootstrap import open_database, open_tools
    from lib.clock import WallClock
    from lib.logs import Log, library_lines, log_file

    store, clock = open_database(settings), WallClock()
    file = None if options.dry_run else log_file(settings.state_dir, stage)
    log = Log(sys.stderr, file, quiet=options.if_due)
    tools_of = cache(lambda account: open_tools(settings, store, account, clock, look=options.dry_run))
    desk = _Desk(settings, store, clock, tools_of, log)
    try:
        with library_lines(log, clock.now):
            watch: float | None = getattr(options, "watch", None)
            if getattr(options, "backfill", False):
                return _backfill(desk, options)
            if watch is None:
                return _look(stage, desk, options)
            gc.enable()
            while True:
                _look_again(lambda: _look(stage, desk, options))
                clock.sleep(watch)
    finally:
        store.close()


def _look_again(look: Callable[[], int]) -> None:
    """Take one look of --watch; what the next look may find mended does not end it."""
    from lib.errors import Unavailable

    try:
        look()
    except Unavailable as error:
        _tell(error)


def _look(stage: str, desk: _Desk, options: argparse.Namespace) -> int:
    """Run one pass over each account; when all are over, however they ended, tell a person what was raised."""
    from lib.accounts import to_work, with_keys
    from lib.errors import file_errors
    from lib.store.queries import decision

    only: int | None = getattr(options, "decision", None)
    row = None if only is None else decision(desk.store, only)
    named: str | None = options.account or (row.account if row is not None else None)
    names, rowless = to_work(desk.settings, desk.store, named)
    if named is None and not options.dry_run:
        with file_errors():
            due.expect(desk.settings.state_dir, with_keys(desk.settings, names))
    try:
        code, worked = _work(stage, desk, options, names, rowless)
    finally:
        if desk.settings.alert_urls and not options.dry_run:
            from functools import partial

            from lib.alerts import apprise_senders, deliver

            senders = partial(apprise_senders, desk.settings.alert_urls)
            deliver(desk.store, names, senders, desk.clock, sys.stderr, live=desk.settings.live)
    if stage == "order_monitor" and options.account is None and not options.dry_run:
        _beat(desk, worked)
    return code


def _work(
    stage: str, desk: _Desk, options: argparse.Namespace, names: Sequence[str], rowless: Sequence[Turn]
) -> tuple[int, list[Turn]]:
    from itertools import chain

    from lib.accounts import in_turn, work
    from lib.passes import run_pass

    def one(account: str) -> PassResult:
        return run_pass(
            stage,
            desk.tools_of(account),
            account=account,
            only_decision=getattr(options, "decision", None),
            dry_run=options.dry_run,
            log=desk.log,
        )

    worked: list[Turn] = []
    turns = _noted(chain(rowless, work(in_turn(desk.store, stage, names), one, desk.clock)), desk, worked)
    single = len(names) + len(rowless) == 1
    code = _print_one(next(turns), options) if single else _print_several(stage, turns, options)
    return code, worked


def _noted(turns: Iterable[Turn], desk: _Desk, worked: list[Turn]) -> Iterator[Turn]:
    """Log the turns that did not come to an end of their own, and keep them all."""
    for turn in turns:
        worked.append(turn)
        outcome = turn.outcome
        if isinstance(outcome, Exception):
            why = str(outcome) or type(outcome).__name__
            desk.log.keep(desk.clock.now(), "error", account=turn.account, exit_code=turn.exit_code, message=why)
        elif outcome.outcome == "skipped":
            desk.log.keep(desk.clock.now(), "stage.skipped", account=turn.account, why="; ".join(outcome.notes))
        yield turn


def _beat(desk: _Desk, worked: Sequence[Turn]) -> None:
    """Tell a monitor outside that every account was looked after."""
    from lib.heartbeat import beat, is_clean

    if desk.settings.heartbeat_url is None or not is_clean(worked):
        return
    wrong = beat(desk.settings.heartbeat_url)
    if wrong is not None:
        desk.log.event(desk.clock.now(), "heartbeat.failed", why=wrong)


def _backfill(desk: _Desk, options: argparse.Namespace) -> int:
    """Run one pass over the history of one account."""
    from lib.backfill import backfill
    from lib.errors import ConfigError
    from lib.render.backfill import backfill_json, backfill_text
    from lib.store.queries import accounts

    names = [options.account] if options.account is not None else [row.account for row in accounts(desk.store)]
    if len(names) != 1:
        raise ConfigError(f"--backfill works one account: name it with --account ({', '.join(names)})")
    report = backfill(
        desk.tools_of(names[0]),
        since=options.since,
        account=names[0],
        dry_run=options.dry_run,
        log=desk.log,
    )
    _print(backfill_json(report) if options.json else backfill_text(report, verbose=options.verbose))
    return report.result.exit_code


def _print_one(turn: Turn, options: argparse.Namespace) -> int:
    from lib.render.result import result_json, result_text

    if isinstance(turn.outcome, Exception):
        raise turn.outcome
    _print(result_json(turn.outcome) if options.json else result_text(turn.outcome, verbose=options.verbose))
    return turn.exit_code


def _print_several(stage: str, turns: Iterable[Turn], options: argparse.Namespace) -> int:
    """Print each account's turn as it ends, as JSON all at the end."""
    from lib.render.result import result_text, results_json

    worked: dict[str, PassResult | str] = {}
    code = 0
    for turn in turns:
        code = max(code, turn.exit_code)
        if isinstance(turn.outcome, Exception):
            _tell(turn.outcome, f"account {turn.account}: ")
            worked[turn.account] = str(turn.outcome)
            continue
        worked[turn.account] = turn.outcome
        if not options.json:
            _print(result_text(turn.outcome, verbose=options.verbose, several=True))
    if options.json:
        _print(results_json(stage, worked))
    return code


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _parser(stage: str, about: str) -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog=f"{stage}.py",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit codes: 0 done, nothing due or skipped; 1 incomplete, the next pass repairs; "
        "2 a person must act;\n            3 a bug; 130 interrupted",
    )
    parser.add_argument(
        "--if-due",
        action="store_true",
        help="for cron: end at once unless this stage is due now; the log goes to STATE_DIR/log alone",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what the first round would do, and why; change nothing"
    )
    parser.add_argument(
        "--live", action="store_true", help="trade with real money: needed with ALPACA_PAPER=false, refused without it"
    )
    parser.add_argument("--account", metavar="NAME", help="work this account only (default: one after the other, all)")
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
        parser.add_argument(
            "--backfill",
            action="store_true",
            help="rebuild fills, order states and results from the broker's history, --since a day; sends nothing",
        )
        parser.add_argument(
            "--since", type=_day, metavar="DATE", help="with --backfill: from this day on, New York, as 2026-11-02"
        )
    return parser


def _options(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse the words, and refuse flags that do not go together."""
    options = parser.parse_args(words)
    backfill, since = getattr(options, "backfill", False), getattr(options, "since", None)
    if backfill and since is None:
        parser.error("--backfill needs --since DATE, the day from which on history is read")
    if since is not None and not backfill:
        parser.error("--since goes with --backfill only")
    if backfill and (options.if_due or options.watch is not None):
        parser.error("--backfill is one pass by hand: it goes with neither --watch nor --if-due")
    return options


def _day(raw: str) -> date:
    import argparse
    from datetime import datetime

    try:
        return datetime.strptime(raw, "%Y-%m-%d").date()  # noqa: DTZ007 - a day in New York, no instant
    except ValueError:
        message = f"{raw!r} is not a day written as 2026-11-02"
        raise argparse.ArgumentTypeError(message) from None


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
