"""Where decision rows are judged: one market with trades of every kind in it, and the trouble that refuses for now.

It is 2024-01-16, 15:10 UTC, in the entry window. Of the trades in SETTING decisions 1 to 7 may be named by spoilt rows,
8 to 10 by sound ones alone. `reaches` are the refusals that a situation is there for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from lib.domain.actions import Insert, Update
from lib.domain.limits import Limits
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.fuzz.rows import GOOD_SYMBOLS, OWN_SYMBOLS, SYMBOLS
from lib.simulation.world import World, world

OPEN = datetime(2024, 1, 16, 14, 30, tzinfo=UTC)
IN_WINDOW = OPEN + timedelta(minutes=40)
LATE = OPEN + timedelta(hours=6, minutes=10)
NIGHT = OPEN + timedelta(hours=8)
STEP = timedelta(minutes=10)

SETTING = ("PUA", "PUB", "PUC", "PUD", "PUE", "PUF", "PUG", "RVA", "RVB", "RVC")
ODD_ONES = ("DNY", "HLT", "NSH", "WID", "NOB")
DEAR = Decimal(10_000_000)

ROOMY = Limits(
    decisions_at_once_max=100_000,
    orders_per_run_max=100_000,
    orders_per_day_max=100_000,
    orders_per_symbol_max=100_000,
    open_trades_max=100_000,
    round_trips_max=100_000,
    symbols_denied=frozenset({"DNY"}),
)
"""Limits on how many are tried one by one; what is judged otherwise is the row, not the crowd around it."""

Columns = dict[str, str | bool | None]

LEVELS: Columns = {"trade_style": "SWING", "planned_entry": "101", "planned_sl": "95", "planned_tp": "110", "qty": "10"}
RESTING: Columns = LEVELS | {"planned_entry": "90", "planned_sl": "85", "planned_tp": "99"}
DECIDED: tuple[Columns, ...] = (
    LEVELS | {"symbol": "PUA"},
    RESTING | {"symbol": "PUB"},
    LEVELS | {"symbol": "PUC", "trade_style": "TREND", "planned_tp": None},
    LEVELS | {"symbol": "PUD", "planned_sl": "95"},  # stopped out below
    LEVELS | {"symbol": "PUE", "trade_style": "TREND", "planned_tp": None, "trail_percent": "5"},
    {**LEVELS, "symbol": "PUF", "side": "short", "planned_entry": "99", "planned_sl": "105", "planned_tp": "90"},
    RESTING | {"symbol": "PUG"},
    LEVELS | {"symbol": "RVA"},
    LEVELS | {"symbol": "RVB"},
    RESTING | {"symbol": "RVC"},
)

NOT_COMPLETE = "UPDATE stage_run SET complete = 0"
FORGET = "UPDATE trade_journal SET wanted = 'no JSON' WHERE decision_id IN (1, 2, 3)"

Prepare = Callable[[World], None]


def _nothing(made: World) -> None:
    del made


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is special, and what that is there to reach. `same`: the crowd may change nothing for the sound rows."""

    name: str
    reaches: frozenset[str]
    limits: Limits = ROOMY
    at: datetime = IN_WINDOW
    calendar_agreed: bool = True
    skew: timedelta = timedelta(0)
    prepare: Prepare = field(default=_nothing)
    same: bool = True


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _limit(name: str, reaches: str, value: Decimal | int = 0, *, same: bool = True) -> Situation:
    limits = replace(ROOMY, **{name: value})  # type: ignore[arg-type] # by the field's own name
    return Situation(name=f"{name}={value}", reaches=_codes(reaches), limits=limits, same=same)


def _another_account(made: World) -> None:
    row = made.store.account("main")
    change = Update(table="account", id=row.id, version=row.version, values={"account_number": "PA0000000000"})
    made.store.write((change,), run_id="fuzz", at=made.clock.now())


def _reduced(made: World) -> None:
    values = {"account": "main", "scope": "account:main", "state": "REDUCING", "reason": "for the test"}
    change = Insert(table="control", values=values | {"since": made.clock.now()})
    made.store.write((change,), run_id="fuzz", at=made.clock.now())


def _forgotten(made: World) -> None:
    execute(made, FORGET)


def _a_second_trade_in_the_symbol(made: World) -> None:
    """Let decision 12 rest in PUA beside the OCO of trade 1, as SYMBOL_SHARING=oco allows."""
    made.tools = replace(made.tools, limits=replace(made.tools.limits, symbol_sharing="oco"))
    number = made.decide(**(RESTING | {"symbol": "PUA"}))
    made.run("order_executor", only_decision=number)


FROM_THE_ROW = (
    "ACTION NUMBERS SYMBOL SYMBOL_DENIED NOT_TRADABLE NOT_SHORTABLE LEVELS TICK QTY TRAIL STYLE COIN COST NOTIONAL "
    "COLLAR STOP_THROUGH QUOTE SPREAD SYMBOL_BUSY DUPLICATE EDITED_AFTER_APPROVAL EXPIRED TARGET WITHDRAWN "
    "ALREADY_ASKED AMEND_TOO_LATE CANCEL_TOO_LATE TARGET_THROUGH"
)
SITUATIONS: tuple[Situation, ...] = (
    Situation(name="an ordinary session", reaches=_codes(FROM_THE_ROW)),
    _limit("decisions_at_once_max", "TOO_MANY_DECISIONS", same=False),
    _limit("open_trades_max", "OPEN_TRADES"),
    _limit("orders_per_run_max", "ORDERS_PER_RUN"),
    _limit("orders_per_day_max", "ORDERS_PER_DAY"),
    _limit("orders_per_symbol_max", "ORDERS_PER_SYMBOL"),
    _limit("round_trips_max", "ROUND_TRIPS"),
    _limit("daily_loss_max", "DAILY_LOSS", Decimal("0.0000001")),
    _limit("buying_power_reserve", "BUYING_POWER SIZE", 2),
    _limit("position_share_max", "POSITION"),
    _limit("gross_exposure_max", "EXPOSURE", same=False),
    _limit("risk_per_trade", "RISK"),
    Situation(name="two calendars", reaches=_codes("CALENDAR"), calendar_agreed=False),
    Situation(name="a clock that is off", reaches=_codes("CLOCK"), skew=timedelta(minutes=2)),
    Situation(name="another account", reaches=_codes("ACCOUNT"), prepare=_another_account),
    Situation(name="an account that is reducing", reaches=_codes("CONTROL"), prepare=_reduced),
    Situation(name="trades that have forgotten", reaches=_codes("WANTED"), prepare=_forgotten),
    Situation(
        name="a shared symbol",
        reaches=_codes("WASH_TRADE"),
        limits=replace(ROOMY, symbol_sharing="oco"),
        prepare=_a_second_trade_in_the_symbol,
    ),
    Situation(name="after the entry window", reaches=_codes("WINDOW"), at=LATE),
    Situation(name="at night", reaches=_codes("SESSION"), at=NIGHT),
)


@contextmanager
def arranged(situation: Situation, directory: Path) -> Iterator[World]:
    """Make the market of a situation, its trades under way, and leave it at the situation's time."""
    names = (*SYMBOLS, *OWN_SYMBOLS, *GOOD_SYMBOLS, *SETTING, *ODD_ONES)
    ticks = [OPEN + n * STEP for n in range(-1, (NIGHT - OPEN) // STEP + 1)]
    feed = ScriptedFeed({name: tuple((at, Decimal(100)) for at in ticks) for name in names})
    options = Options(partial_fill_rate=Decimal(0), cash=DEAR)
    with world(directory, OPEN + timedelta(minutes=16), feed, options=options) as made:
        made.tools = replace(made.tools, limits=replace(ROOMY, position_share_max=Decimal(1)))
        for decision in DECIDED:
            made.decide(**decision)
        made.run("order_executor")
        made.price("PUD", "94", "94.01")
        made.clock.advance_to(OPEN + timedelta(minutes=20))
        made.run("order_monitor")
        made.clock.advance_to(OPEN + timedelta(minutes=25))
        made.run("order_monitor")
        asked = made.decide(action="CANCEL", target_decision_id="7")
        execute(made, NOT_COMPLETE)
        made.run("order_executor", only_decision=asked)
        _odd_assets(made)
        situation.prepare(made)
        made.clock.advance_to(situation.at)
        made.tools = replace(made.tools, limits=situation.limits)
        yield made


def execute(made: World, statement: str, values: tuple[Any, ...] = ()) -> None:
    """Write past the store, as any client of the database can."""
    with made.store.writing() as connection:
        connection.exec_driver_sql(statement, values)


def _odd_assets(made: World) -> None:
    made.price("WID", "97", "103")
    made.price("NOB", "0", "100.01")
    for symbol, facts in (("HLT", {"tradable": False}), ("NSH", {"shortable": False})):
        body = json.dumps({"symbol": symbol, **facts}).encode()
        made.paper.respond(Request("POST", "/paper/asset", headers={"Content-Type": "application/json"}, body=body))
