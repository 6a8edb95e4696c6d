"""python -m lib.paper_broker: serve the paper broker over HTTP."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lib.clock import WallClock
from lib.domain.money import D, NotMoney
from lib.paper_broker.bars import PricesError
from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.faults import Faults, FaultsError
from lib.paper_broker.options import Options
from lib.paper_broker.prices import RecordedFeed
from lib.paper_broker.program import open_paper
from lib.paper_broker.state import StateError
from lib.sessions import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

DESCRIPTION = """\
Serve a local imitation of Alpaca's trading and market-data API. No order leaves this machine.

Point any Alpaca client at the address it prints (alpaca-py: url_override="http://127.0.0.1:8900", no /v2 and no
slash at the end). Any keys will do, unless keys are asked for with --api-key and --secret-key."""

EPILOG = """\
the clock:
  recorded   stands still at --now (or where the state file left it) until somebody moves it:
             curl -X POST localhost:8900/paper/clock -d '{"now": "2013-01-03T15:00:00Z"}'
             curl -X POST localhost:8900/paper/clock -d '{"advance_s": 3600}'
  wall       is real time; made-up prices, labelled synthetic, go on where the recorded ones end

a price by hand holds until it is cleared, whatever the recorded prices say:
  curl -X POST localhost:8900/paper/price -d '{"symbol": "AAPL", "bid": "144.90", "ask": "144.91"}'
  curl -X POST localhost:8900/paper/price -d '{"symbol": "AAPL", "clear": true}'

prices are CSV files, one a symbol or more: AAPL.csv or AAPL-1Min-2014.csv, with the header
timestamp,open,high,low,close,volume and times in UTC; minute, hour or daily bars.

faults are a JSON list: [{"route": "POST /v2/orders", "n": 2, "kind": "timeout_after"}]; kinds are timeout_before,
timeout_after, reset_before, reset, http_500, http_502_after, rate_limit, garbled."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and serve."""
    wanted = _parser().parse_args(arguments)
    try:
        # The web server is a heavy import, and --help needs none of it.
        from lib.paper_broker.server import address, listen, serve

        paper = open_paper(clock=_clock(wanted), prices=wanted.prices, state=wanted.state, options=_options(wanted))
        paper.take_alone()
        listener = listen(wanted.host, wanted.port)
        print(f"paper broker on {address(listener)} clock={wanted.clock}", flush=True)
        serve(paper, listener)
    except (PricesError, StateError, FaultsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:  # how a person stops it
        return EXIT_INTERRUPTED
    return 0


def _options(wanted: argparse.Namespace) -> Options:
    return Options(
        seed=wanted.seed,
        cash=wanted.cash,
        always_open=wanted.always_open,
        synthetic=wanted.clock == "wall",
        api_key=wanted.api_key,
        secret_key=wanted.secret_key,
        faults=Faults.from_file(wanted.faults) if wanted.faults else None,
    )


def _clock(wanted: argparse.Namespace) -> RecordedClock | _Wall:
    if wanted.clock == "wall":
        return _Wall()
    if wanted.now is not None:
        return RecordedClock(wanted.now)
    hours = Hours(load(), always_open=False)
    first = RecordedFeed.of_directory(wanted.prices, hours, wanted.seed, synthetic=False).first_open()
    return RecordedClock(first or WallClock().now())


class _Wall:
    """Real time, as a callable."""

    def __call__(self) -> datetime:
        return WallClock().now()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.paper_broker",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8900, help="port to listen on (default: 8900)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the account in FILE (default: in memory)")
    parser.add_argument("--prices", type=Path, metavar="DIR", required=True, help="directory of CSV files with bars")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="what chance follows from (default: 1)")
    parser.add_argument("--cash", type=_money, default="100000", metavar="N", help="cash of a new account")
    parser.add_argument("--clock", choices=("recorded", "wall"), default="recorded", help="see below")
    starts = "where the recorded clock starts (default: the first open of which every symbol has prices)"
    parser.add_argument("--now", type=_instant, metavar="ISO", help=starts)
    parser.add_argument("--always-open", action="store_true", help="trade at every hour; a session is a UTC day")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="make trouble as FILE says")
    parser.add_argument("--api-key", metavar="KEY", help="key that clients must show")
    parser.add_argument("--secret-key", metavar="KEY", help="secret that clients must show")
    return parser


def _instant(text: str) -> datetime:
    try:
        now = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no instant; write it like 2013-01-02T14:30:00Z"
        raise argparse.ArgumentTypeError(message) from None
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)


def _money(text: str) -> Decimal:
    try:
        cash = D(text)
    except NotMoney as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if cash <= 0:
        message = "cash must be above 0"
        raise argparse.ArgumentTypeError(message)
    return cash


if __name__ == "__main__":
    sys.exit(main())
