"""python -m lib.paper_broker: serve the paper broker over HTTP."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from lib.clock import WallClock
from lib.domain.money import D, NotMoney
from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.exchange.hours import Hours
from lib.paper_broker.faults import EFFECTS, Faults, FaultsError, read_faults
from lib.paper_broker.history.bars import PricesError
from lib.paper_broker.options import Options, OptionsError
from lib.paper_broker.prices import RecordedFeed
from lib.paper_broker.profiles import PROFILES, Profile, read_switch, switches
from lib.paper_broker.program import open_paper
from lib.paper_broker.state import StateError
from lib.sessions import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
PORTS = 65536

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
timestamp,open,high,low,close,volume and times in UTC; minute, hour or daily bars. BTCUSD.csv has those of BTC/USD.
python -m lib.paper_broker fetch-bars --help tells how to download them with your own Alpaca keys.

how it behaves: without --profile it fills as Alpaca's paper does, one fill in ten in parts, and answers and shows
everything at once, so that on a clock that stands still nothing is missing.
  ideal         no partial fills, no lags, no limits
  alpaca-paper  partial fills, lists and positions that lag, orders and cancels that take their time, 200 requests a
                minute; lags and minutes are of the clock above: use --clock wall, or move the clock
  hostile       seconds of all that, 60 requests a minute, the unkind reading of what is not known about OCOs and halts,
                and each kind of fault in 2 % of the requests

faults are a JSON list: [{"route": "POST /v2/orders", "n": 2, "kind": "timeout_after"}]. A route is a method and a path,
each of which may be *. Requests of a route are counted from 1: "n": 3, "n": "every", "from": 2 and "to": 5, or a share
of them, "rate": 0.02, drawn from the seed. Nothing under /paper is counted, limited or troubled."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and serve, or fetch bars."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["fetch-bars"]:
        from lib.paper_broker.fetching.command import fetch_bars

        return fetch_bars(words[1:])
    wanted = _parser().parse_args(words)
    try:
        # The web server is a heavy import, and --help needs none of it.
        from lib.paper_broker.server import address, listen, serve

        options = _options(wanted)
        paper = open_paper(clock=_clock(wanted), prices=wanted.prices, state=wanted.state, options=options)
        paper.take_alone()
        listener = listen(wanted.host, wanted.port)
        _warn(listener.getsockname()[0], options)
        print(f"paper broker on {address(listener)} clock={wanted.clock}", flush=True)
        serve(paper, listener)
    except (PricesError, StateError, FaultsError, OptionsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:  # how a person stops it
        return EXIT_INTERRUPTED
    return 0


def _options(wanted: argparse.Namespace) -> Options:
    profile = PROFILES[wanted.profile] if wanted.profile else Profile({})
    faults = (*(read_faults(wanted.faults) if wanted.faults else ()), *profile.faults)
    chosen = {
        "seed": wanted.seed,
        "cash": wanted.cash,
        "always_open": wanted.always_open,
        "synthetic": wanted.clock == "wall",
        "api_key": wanted.api_key,
        "secret_key": wanted.secret_key,
        "faults": Faults(faults, seed=wanted.seed) if faults else None,
    }
    return Options(**(chosen | dict(profile.switches) | dict(map(read_switch, wanted.rule))))


def _warn(host: str, options: Options) -> None:
    if options.api_key is None and not ip_address(host).is_loopback:
        message = (
            f"warning: {host} may be reached from other machines, and no keys are asked for (--api-key, --secret-key)"
        )
        print(message, file=sys.stderr, flush=True)


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
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=8900, help="port to listen on (default: 8900)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the account in FILE (default: in memory)")
    parser.add_argument("--prices", type=Path, metavar="DIR", required=True, help="directory of CSV files with bars")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="what chance follows from (default: 1)")
    parser.add_argument("--cash", type=_money, default="100000", metavar="N", help="cash of a new account")
    parser.add_argument("--clock", choices=("recorded", "wall"), default="recorded", help="see below")
    starts = "where the recorded clock starts (default: the first open of which every symbol has prices)"
    parser.add_argument("--now", type=_instant, metavar="ISO", help=starts)
    parser.add_argument("--always-open", action="store_true", help="trade at every hour; a session is a UTC day")
    parser.add_argument("--profile", choices=tuple(PROFILES), help="how it behaves, see below")
    rule = "set one switch, see below; may be given more than once"
    parser.add_argument("--rule", action="append", default=[], metavar="NAME=VALUE", help=rule)
    parser.add_argument("--faults", type=Path, metavar="FILE", help="make trouble as FILE says")
    parser.add_argument("--api-key", metavar="KEY", help="key that clients must show")
    parser.add_argument("--secret-key", metavar="KEY", help="secret that clients must show")
    return parser


def _epilog() -> str:
    kinds = (f"  {kind:18}{times} x  {sees}" for kind, (times, sees) in EFFECTS.items())
    names = (f"  {name}={default}" for name, default in switches())
    return "\n".join(
        (
            EPILOG,
            "kinds, how often the request is carried out, and what the client sees:",
            *kinds,
            "",
            "switches for --rule, which override the profile's, and their defaults:",
            *names,
        )
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < PORTS):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; there are 0 to {PORTS - 1}, and 0 takes a free one")
    return int(text)


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
