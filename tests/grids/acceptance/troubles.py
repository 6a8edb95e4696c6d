"""What is put around the broker of a grid: a process that dies at a call, answers that come twice or late, parts."""

from decimal import Decimal

from lib.simulation.faults import Crash

D = Decimal
WRITES = frozenset({"submit", "cancel", "replace"})
LISTS = frozenset({"live_orders", "fills", "positions"})
EVENTS = frozenset({"fills", "activities", "orders_since"})


class Mortal:
    """A broker whose calls are counted; the process dies before or after one of them."""

    def __init__(self, broker):
        self.broker = broker
        self.begin()

    def begin(self, number=None, when=None):
        self.number, self.when = number, when
        self.calls = []
        self.died = False

    def __getattr__(self, name):
        method = getattr(self.broker, name)
        if not callable(method):
            return method

        def call(*args, **named):
            self.calls.append(name)
            last = len(self.calls) == self.number
            self.died |= last
            if last and self.when == "before":
                raise Crash(f"before {name}")
            answer = method(*args, **named)
            if last and self.when == "after":
                raise Crash(f"after {name}")
            return answer

        return call


class Again:
    """A broker that tells every event twice, the newest first; lists in `stale` are as they were a look ago."""

    def __init__(self, broker):
        self.broker = broker
        self.stale = frozenset()
        self.told = {}
        self.repeated = 0

    def __getattr__(self, name):
        method = getattr(self.broker, name)
        if name not in LISTS | EVENTS:
            return method

        def read(*args):
            if name in self.stale and name in self.told:
                return self.told[name]
            answer = method(*args)
            self.told[name] = answer
            if name not in EVENTS:
                return answer
            self.repeated += len(answer)
            return (*reversed(answer), *answer)

        return read


class InParts:
    """A plan of fills for every order there is: a part of it at the first touch, the rest at the next.

    A part is so many fifths of a lot: of shares whole ones, of coins sold a lot without the fee.
    """

    def __init__(self, fifths, scenario):
        lot = D(scenario.qty)
        self.buy = lot * fifths / 5
        coins_left = 1 - D(scenario.fee_bps) / 10_000 if "/" in scenario.symbol else 1
        self.sell = self.buy * coins_left

    def get(self, name, default=()):
        if not name:
            return default
        return (self.sell if "-sell-" in name else self.buy,)


class Allowed:
    """A plan of fills that a test allows one by one: by cell and side, at the next evaluation; nothing else fills."""

    def __init__(self):
        self.quantities = {}

    def get(self, name, default=()):
        return _Next(self.quantities, name) if name else default


class _Next:
    """Sizes of as many evaluations as there may be; each allowed quantity fills once."""

    def __init__(self, quantities, name):
        self.quantities, self.name = quantities, name

    def __len__(self):
        return 1_000_000

    def __getitem__(self, number):
        part = next((part for part in self.quantities if f"-{part}-" in self.name), None)
        return D(self.quantities.pop(part)) if part is not None else D(0)
