"""A paper broker on scripted prices, behind either of its transports, and the adapter in front of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lib.broker.alpaca import AlpacaBroker
from lib.broker.wire import NO_RETRY, ReadRetry
from lib.domain.facts import Accepted
from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.faults import Fault, FaultKind, Faults
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper

OPEN = datetime(2026, 10, 2, 13, 30, tzinfo=UTC)  # a Friday
CLOSE = datetime(2026, 10, 2, 20, 0, tzinfo=UTC)
STALL_S = 0.4
PATIENT_S = (3.05, 10.0)
IMPATIENT_S = (3.05, 0.2)  # shorter than the stall; used only where a fault makes the broker stall
KEYS = {"api_key": "PKCONTRACT", "secret_key": "contract-secret"}
WHOLE = {"partial_fill_rate": Decimal(0)}


class Door:
    """Stands before whichever paper broker is open, and writes down what comes."""

    def __init__(self):
        self.paper = None
        self.seen = []

    def respond(self, request):
        self.seen.append(f"{request.method} {request.path}")
        return self.paper.respond(request)


class Desk:
    """A paper broker on scripted prices, and the adapter in front of it."""

    def __init__(self, door, url, mount):
        self.door, self._url, self._mount = door, url, mount
        self.clock = None

    def open(self, prices=None, *, at=OPEN, faults=(), **options):
        feed = ScriptedFeed({"AAPL": [(OPEN, Decimal("149.89"))]} if prices is None else prices)
        self.clock = RecordedClock(at)
        settings = Options(**(WHOLE | options), faults=Faults(Fault(*fault) for fault in faults))
        self.door.paper = open_paper(clock=self.clock, prices=feed, options=settings)
        self.door.seen.clear()
        return self.client()

    def client(self, *, http_timeout_s=PATIENT_S, read_retry=NO_RETRY):
        """Make another adapter to the same paper broker."""
        return AlpacaBroker(
            **KEYS,
            trading_url=self._url,
            data_url=self._url,
            where="paper",
            mount=self._mount,
            http_timeout_s=http_timeout_s,
            read_retry=read_retry,
        )

    def meeting(self, kind, pauses=None):
        """Make another adapter, with the patience that this kind of fault is worth."""
        stalls = kind in {FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER}
        retry = ReadRetry(sleep=([] if pauses is None else pauses).append)
        return self.client(http_timeout_s=IMPATIENT_S if stalls else PATIENT_S, read_retry=retry)

    def later(self, **by):
        self.clock.move_to(self.clock() + timedelta(**by))


def entry(name="ns-d1-entry-1", **changes):
    body = {
        "symbol": "AAPL",
        "qty": "10",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": "150",
        "client_order_id": name,
        "position_intent": "buy_to_open",
    }
    return body | changes


def resting(name="ns-d1-entry-1", **changes):
    return entry(name, **({"limit_price": "100"} | changes))


def oco(name="ns-t1-exit-1", target="160", stop="145", **changes):
    body = {
        "symbol": "AAPL",
        "qty": "10",
        "side": "sell",
        "type": "limit",
        "time_in_force": "gtc",
        "order_class": "oco",
        "take_profit": {"limit_price": target},
        "stop_loss": {"stop_price": stop},
        "client_order_id": name,
        "position_intent": "sell_to_close",
    }
    return body | changes


def stop(name="ns-t1-exit-1", at="145", **changes):
    body = {
        "symbol": "AAPL",
        "qty": "10",
        "side": "sell",
        "type": "stop",
        "time_in_force": "gtc",
        "stop_price": at,
        "client_order_id": name,
        "position_intent": "sell_to_close",
    }
    return body | changes


def accepted(outcome):
    assert isinstance(outcome, Accepted), outcome
    return outcome.order
