"""One trade in AAPL and what a person asks of it: decisions in, broker orders, rows and notes out.

The price is at 151 until a test moves it, the entry rests at 150, the stop is 145, the target 160.
"""

from decimal import Decimal

from lib.domain.actions import Update
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.faults import with_faults
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries

TREND_AAPL = {"symbol": "AAPL", "trade_style": "TREND", "planned_entry": "150", "planned_sl": "145", "qty": "10"}
FOUR_FILL = {"sim-d1-entry-1": (Decimal(4), Decimal(0))}
ABOVE = ((at(16, 14, 40), "151"), (at(16, 15, 0), "151"))
BOUGHT = (*ABOVE, (at(16, 15, 1), "149.50"), (at(16, 15, 3), "151"))


def begin(make_world, *prices, decision=SWING_AAPL, faults=None, broker_faults=None, **options):
    """Return a world at 15:02 in which the entry has been sent."""
    made = make_world(
        at(16, 14, 44),
        ScriptedFeed({"AAPL": steps(*prices)}),
        options=Options(
            partial_fill_rate=Decimal(0), **({"faults": broker_faults} if broker_faults else {}), **options
        ),
        wrap=lambda tools: tools if faults is None else with_faults(tools, faults),
    )
    made.decide(**decision)
    made.clock.advance_to(at(16, 14, 45))
    made.run("order_executor")
    made.clock.advance_to(at(16, 15, 2))
    made.run("order_monitor")
    return made


def ask(made, action, **columns):
    """Write and approve a request; return its id."""
    return made.decide(**({"action": action, "trade_style": None, "target_decision_id": "1"} | columns))


def look(made, minutes=5, *, stages=("order_executor", "order_monitor")):
    """Let time pass, then let the stages look; return the last pass."""
    made.clock.advance_to(made.clock.now() + minutes * (at(16, 15, 1) - at(16, 15, 0)))
    return [made.run(stage) for stage in stages][-1]


def answer(made, decision_id):
    """Return what stands on a decision: its status and its note."""
    row = queries.decision(made.store, decision_id)
    return row.execution_status, row.execution_note


def rewrite(made, decision_id, **values):
    """Change a decision's row by hand."""
    row = queries.decision(made.store, decision_id)
    change = Update(table="analysis_decision", id=row.id, version=row.version, values=values)
    made.store.write((change,), run_id="person", at=made.clock.now())


def untick(made, decision_id):
    """Take the tick away by hand, and the status with it."""
    rewrite(made, decision_id, executed=False, execution_status=None)


def trade_of(made):
    (trade,) = queries.journal(made.store, "main")
    return trade


def resting(made):
    """Return the broker's live orders, legs included: side, type, quantity, price."""
    shown = [o for parent in made.tools.broker.live_orders() for o in (parent, *parent.legs)]
    return sorted((o.side, o.kind, str(o.qty), str(o.limit_price or o.stop_price)) for o in shown)


def assert_covered(made, qty):
    (position,) = made.store.rows("main").positions
    assert (abs(position.qty), position.covered_qty) == (Decimal(qty), Decimal(qty))
    assert at_rest(made) == ()
